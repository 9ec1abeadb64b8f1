"""Whatever a server says is an answer or a failure of its sample, never an exception of another kind."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ocrtune.engines.openai import FailedReplyError, Reply, error_message, model_cards, streamed, whole

NAMES = st.sampled_from(["choices", "delta", "message", "content", "text", "finish_reason", "usage", "prompt_tokens", "error",
                         "code", "data", "id", "max_model_len", "root", "detail"])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["stop", "length", "repetition"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


class Said:
    """A response that comes in blocks."""

    def __init__(self, blocks: list[bytes]) -> None:
        self.content = self
        self.blocks = blocks

    async def iter_any(self) -> AsyncIterator[bytes]:
        for block in self.blocks:
            yield block


def read(*blocks: bytes) -> Reply | FailedReplyError:
    try:
        return asyncio.run(streamed(Said(list(blocks))))  # type: ignore[arg-type]
    except FailedReplyError as failed:
        return failed


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_any_json_is_an_answer_or_a_failure(value: Any) -> None:
    body = json.dumps(value).encode()
    read(b"data: " + body + b"\n\ndata: [DONE]\n")
    try:
        whole(body)
    except FailedReplyError as failed:
        assert failed.failure.message
    assert isinstance(error_message(body), str)
    assert isinstance(model_cards(200, body), list)


def events(texts: list[str]) -> bytes:
    lines = (json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False) for text in texts)
    return "".join(f"data: {line}\n\n" for line in lines).encode() + b"data: [DONE]\n\n"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6), st.lists(st.integers(0, 400), max_size=6))
def test_an_answer_is_the_same_however_it_is_cut_into_blocks(texts: list[str], cuts: list[int]) -> None:
    body = events(texts)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    found = read(*(body[start:end] for start, end in itertools.pairwise(places)))
    assert isinstance(found, Reply) and found.text == "".join(texts) and found.finish == "stop"


def mutated(body: bytes, dice: random.Random) -> Iterator[bytes]:
    for _ in range(2000):
        changed = bytearray(body)
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(changed))
            kind = dice.randrange(3)
            if kind == 0:
                changed[at] = dice.randrange(256)
            elif kind == 1:
                del changed[at : at + dice.randint(1, 20)]
            else:
                changed[at:at] = changed[: dice.randint(1, 20)]
        yield bytes(changed)


def test_two_thousand_mutated_replies_raise_nothing_else() -> None:
    for body in mutated(events(["The first line\n", "and the second, with ünïcode"] * 3), random.Random(4)):
        assert isinstance(read(body), Reply | FailedReplyError)
