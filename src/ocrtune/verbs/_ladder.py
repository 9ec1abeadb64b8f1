"""What `parse` does about a reply that failed, runs in circles, was cut short or broken: a bounded ladder of other ways to
ask, each tried once. Every rung asks under sample ids of its own, so that a resumed run does not climb again what it climbed.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import Field
from rapidfuzz.distance import Indel

from ocrtune.core import Attempt, Box, Decoded, ImageRef, Prediction, Problem, Region, Sample, Usage
from ocrtune.errors import EngineError
from ocrtune.inference import predictions
from ocrtune.plugins import DIALECTS
from ocrtune.runs import RunDir
from ocrtune.verbs._pages import STANDS_IN, Try
from ocrtune.verbs._second import Second
from ocrtune.verbs.evaluate import Reader, Reading
from ocrtune.verbs.score import decode

log = logging.getLogger("ocrtune")

Rescue = Literal["temperature", "pixels", "plain", "grounding", "fallback"]
TEMPERATURE = 0.4  # enough to leave a loop, too little to invent
SHRINK = 0.7  # of both sides: half the pixels
PIECEWISE = frozenset({"layout", "dots-web", "dots-ocr"})  # dialects of models that can read a page region by region
PLAINER = {
    "layout": "dots-ocr",
    "dots-web": "dots-ocr",
    "markdown": "plain",
}  # a dialect that asks for less, by the one that failed
HOPELESS = frozenset({"unreadable image", "no prompt"})  # failures that no other way of asking changes
GONE = frozenset({"connection", "not asked", "no answer"})  # nobody is there to be asked in another way
Turn = Literal[0, 90, 180, 270]
LEAST = 8  # characters that a second reading must have found for an empty reply to be doubted


class Rules(Reading):
    """How a page is asked about, and what is done about a bad reply."""

    max_tokens: int = Field(4096, gt=0, description="longest reply, in tokens; a longer one is cut and asked again in other ways")
    bbox: tuple[float, float, float, float] | None = Field(
        None, description="read this part of each page only: left, top, right, bottom in pixels of the page at --dpi"
    )
    question: str | None = Field(None, description="a question about each page, for dialects that answer questions")
    ladder: tuple[Rescue, ...] = Field(
        ("temperature", "pixels", "plain", "grounding", "fallback"),
        description="what is tried in turn when a model's reply runs in circles, is cut short or broken",
    )

    @property
    def whole(self) -> bool:
        """Whether whole pages are read."""
        return self.bbox is None and self.question is None


class _Way(NamedTuple):
    """One other way to ask. `says` is how the ledger calls it."""

    name: str
    says: str
    asked: Reader
    temperature: float | None = None
    scale: float = 1.0
    turn: Turn = 0


def readings(rules: Rules, asked: Reader, samples: Sequence[Sample], second: Second | None, into: RunDir) -> Iterator[Try]:
    """Every sample once, as soon as its reply is good or no rung is left."""
    waiting: dict[str, Try] = {}
    lying: dict[str, Try] = {}
    for tried in _in_time(_first(rules, asked, samples, second, into), second):
        if asked.engine.native is None and second is not None and second.turn(tried.sample_id):
            lying[tried.sample_id] = tried
        elif asked.engine.native is None and tried.trouble is not None:
            waiting[tried.sample_id] = tried
        else:
            yield tried
    by_id = {sample.id: sample for sample in samples}
    for tried in _stood_up(rules, asked, [(by_id[name], tried) for name, tried in lying.items()], second, into):
        if tried.trouble is None:
            yield tried
        else:
            waiting[tried.sample_id] = tried
    for rung in rules.ladder if waiting else ():
        if rung == "fallback" and second is not None:
            _say_why(waiting)
        pending = [by_id[name] for name, tried in waiting.items() if not _hopeless(tried, rung)]
        for name, again in _climb(rung, rules, asked, pending, second, into):
            better = _merged(waiting[name], again)
            waiting[name] = better
            if better.trouble is None:
                yield waiting.pop(name)
    yield from waiting.values()


def _first(rules: Rules, asked: Reader, samples: Sequence[Sample], second: Second | None, into: RunDir) -> Iterator[Try]:
    for reply in predictions(samples, asked.dialect, asked.engine, into, max_tokens=rules.max_tokens, retries=rules.retries):
        yield _tried(reply, decode(reply, asked.dialect), reply.attempts, asked, second)


def _in_time(tries: Iterator[Try], second: Second | None) -> Iterator[Try]:
    """Each as soon as its second reading is there too."""
    held: deque[Try] = deque()
    for tried in tries:
        held.append(tried)
        while held and (second is None or second.ready(held[0].sample_id)):
            yield held.popleft()
    yield from held


def _stood_up(rules: Rules, asked: Reader, lying: Sequence[tuple[Sample, Try]], second: Second | None,
              into: RunDir) -> Iterator[Try]:  # fmt: skip
    """Pages that the second reader had to turn, asked for once more upright: a model reads them badly on their side."""
    if not lying or second is None:
        return
    log.info("%s on the side or upside down, and asked for again upright", _pages_of(len(lying), " lies", " lie"))
    before = {sample.id: tried for sample, tried in lying}
    turns = {sample.id: second.turn(sample.id) for sample, _ in lying}
    try:
        for turn in sorted(set(turns.values())):
            way = _Way("upright", f"turned by {turn} degrees", asked, turn=turn)
            for name, again in _ask(way, rules, [sample for sample, _ in lying if turns[sample.id] == turn], into):
                yield _nearer(before.pop(name), again, second.text(name))
    except EngineError as error:
        log.warning("asking upright gave nothing: %s", error)
    yield from before.values()


def _nearer(before: Try, again: Try, said: str) -> Try:
    """The upright reading, unless it failed or is further from what the second reader saw; the attempts of both."""
    both = _merged(before._replace(trouble=before.trouble or "lying"), again)
    kept, stood = (Indel.normalized_similarity(tried.decoded.text, said) for tried in (before, again))
    if again.trouble is None and (before.trouble is not None or stood >= kept):
        return both
    return before._replace(attempts=both.attempts, seconds=both.seconds, usage=both.usage)


def _say_why(failed: Mapping[str, Try]) -> None:
    """The second reading may hide that the model never read anything, and what would help it."""
    if failed:
        name, tried = next(iter(failed.items()))
        why = tried.trouble if tried.prediction.error is None else f"{tried.trouble}: {tried.prediction.error.message}"
        log.warning("the model could not read %s, such as %s (%s)", _pages_of(len(failed)), name, why)


def _pages_of(count: int, one: str = "", more: str = "") -> str:
    return f"1 page{one}" if count == 1 else f"{count} pages{more}"


def _climb(rung: Rescue, rules: Rules, asked: Reader, pending: Sequence[Sample], second: Second | None,
           into: RunDir) -> Iterator[tuple[str, Try]]:  # fmt: skip
    """The samples asked in the way of one rung, where it applies to them."""
    if not pending:
        return
    log.info("%s tried again: %s", _pages_of(len(pending), " is", " are"), rung)
    try:
        if rung == "temperature":
            yield from _ask(_Way(rung, f"at temperature {TEMPERATURE}", asked, temperature=TEMPERATURE), rules, pending, into)
        elif rung == "pixels":
            yield from _ask(_Way(rung, "at half the pixels", asked, scale=SHRINK), rules, pending, into)
        elif rung == "plain" and rules.whole and (name := _plainer(asked.dialect.name)) is not None:
            plain = Reader(asked.engine, DIALECTS.get(name)())
            yield from _ask(_Way(rung, f"in the dialect {name}", plain), rules, pending, into)
        elif rung == "grounding" and rules.whole and asked.dialect.name in PIECEWISE:
            yield from _by_region(rules, asked, pending, second, into)
        elif rung == "fallback" and rules.whole and second is not None:
            yield from _second_hand(pending, second)
    except EngineError as error:
        log.warning("the rung %s gave nothing: %s", rung, error)


def _plainer(dialect: str) -> str | None:
    return "plain" if dialect.startswith("grounding-") else PLAINER.get(dialect)


def _ask(way: _Way, rules: Rules, pending: Sequence[Sample], into: RunDir) -> Iterator[tuple[str, Try]]:
    names = {f"{sample.id}~{way.name}": sample.id for sample in pending}
    asks = [sample.model_copy(update={"id": name, "images": (_scaled(sample.images[0].turned(way.turn), way.scale),)})
            for name, sample in zip(names, pending, strict=True)]  # fmt: skip
    replies = predictions(asks, way.asked.dialect, way.asked.engine, into, max_tokens=rules.max_tokens, retries=rules.retries,
                          temperature=way.temperature)  # fmt: skip
    for reply in replies:
        attempts = tuple(a.model_copy(update={"step": way.says}) for a in reply.attempts)
        stood = reply.model_copy(update={"turn": way.turn}) if way.turn else reply
        yield names[reply.sample_id], _tried(stood, decode(reply, way.asked.dialect), attempts, way.asked, None)


def _scaled(image: ImageRef, scale: float) -> ImageRef:
    if scale == 1.0 or image.size is None:
        return image
    return image.model_copy(
        update={"width": max(28, round(image.size.width * scale)), "height": max(28, round(image.size.height * scale))}
    )


def _by_region(rules: Rules, asked: Reader, pending: Sequence[Sample], second: Second | None,
               into: RunDir) -> Iterator[tuple[str, Try]]:  # fmt: skip
    """Boxes and kinds first, which are short, then the text of each box by itself: a loop costs one region, not the page."""
    way = _Way("layout-only", "layout only, then region by region", Reader(asked.engine, DIALECTS.get("layout-only")()))
    laid = dict(_ask(way, rules, pending, into))
    for name in [name for name, tried in laid.items() if tried.trouble is not None or not tried.decoded.regions]:
        failed = laid.pop(name)
        yield name, failed._replace(trouble=failed.trouble or "empty")
    by_id = {sample.id: sample for sample in pending}
    parts = [
        by_id[name].model_copy(update={"id": f"{name}~{index}", "box": region.box})
        for name, tried in laid.items()
        for index, region in enumerate(tried.decoded.regions)
        if region.kind != "picture" and region.box is not None
    ]
    if not parts:
        yield from ((name, _joined(name, tried, {}, ())) for name, tried in laid.items())
        return
    grounding = Reader(asked.engine, DIALECTS.get("dots-grounding")())
    replies = {p.sample_id: p for p in predictions(parts, grounding.dialect, grounding.engine, into, max_tokens=rules.max_tokens,
                                                   retries=rules.retries)}  # fmt: skip
    for name, tried in laid.items():
        known = () if second is None or "fallback" not in rules.ladder or second.turn(name) else second.regions(name)
        yield name, _joined(name, tried, replies, known)


def _joined(name: str, laid: Try, replies: Mapping[str, Prediction], known: Sequence[Region]) -> Try:
    """The regions of the layout with the text of each; of those that were lost it is what is `known` to stand there."""
    regions: list[Region] = []
    said = [replies.get(f"{name}~{index}") for index in range(len(laid.decoded.regions))]
    for region, reply in zip(laid.decoded.regions, said, strict=True):
        text = reply.text if reply is not None and reply.finish == "stop" and reply.text else ""
        changes = {"text": text, "markup": "markdown" if text else region.markup}
        if reply is not None and reply.finish != "stop" and region.box is not None:
            changes = {"text": _standing_in(region.box, known), "markup": "plain"}
        regions.append(region.model_copy(update=changes))
    answered = [reply for reply in said if reply is not None]
    lost = sum(reply.finish != "stop" for reply in answered)
    unread = [Problem(kind="unread", detail=f"{lost} of {len(answered)} regions could not be read by the model")] if lost else []
    return laid._replace(
        decoded=laid.decoded.model_copy(update={"regions": tuple(regions), "problems": (*laid.decoded.problems, *unread)}),
        trouble="broken" if lost == len(answered) and any(r.kind != "picture" for r in regions) else None,
        attempts=(*laid.attempts, *(a.model_copy(update={"step": "one region"}) for reply in answered for a in reply.attempts)),
        seconds=laid.seconds + sum(reply.seconds for reply in answered),
        usage=_sum([laid.usage, *(reply.usage for reply in answered)]),
    )


def _standing_in(box: Box, known: Sequence[Region]) -> str:
    """The words whose middles are in a box, a line for each of the regions that they belong to."""
    lines = []
    for region in known:
        words = region.words or ()
        inside = [word.text for word in words if _holds(box, word.box)]
        lines.append(region.text if inside and len(inside) == len(words) else " ".join(inside))
    return "\n".join(line for line in lines if line)


def _holds(box: Box, word: Box) -> bool:
    across, down = (word.left + word.right) / 2, (word.top + word.bottom) / 2
    return box.left <= across <= box.right and box.top <= down <= box.bottom


def _second_hand(pending: Sequence[Sample], second: Second) -> Iterator[tuple[str, Try]]:
    """The second reading for the first."""
    for sample in pending:
        reply = second.take(sample.id)
        if reply is not None and reply.text is not None:
            decoded = decode(reply, second.dialect)
            step = f"{STANDS_IN} ({reply.engine or second.engine.name})"
            attempt = Attempt(finish=reply.finish, seconds=reply.seconds, step=step)
            yield sample.id, Try(sample.id, reply, decoded, None if decoded.text.strip() else "empty", (attempt,),
                                 second.engine.name, reply.seconds, reply.usage)  # fmt: skip


def _tried(reply: Prediction, decoded: Decoded, attempts: Sequence[Attempt], asked: Reader, second: Second | None) -> Try:
    trouble = _trouble(reply, decoded)
    if trouble is None and second is not None and not decoded.regions and len(second.text(reply.sample_id)) >= LEAST:
        trouble = "empty"
    said = asked.engine.describe()
    engine = " ".join(filter(None, [said.get("engine"), said.get("model")]))
    return Try(reply.sample_id, reply, decoded, trouble, tuple(attempts), engine, reply.seconds, reply.usage)


def _trouble(reply: Prediction, decoded: Decoded) -> str | None:
    """Why another attempt may give more."""
    if reply.error is not None:
        return reply.error.kind
    if reply.finish in ("loop", "length"):
        return "loop" if reply.finish == "loop" else "truncated"
    nothing = not decoded.regions and (reply.text or "").strip() not in ("", "[]", "{}")
    return "broken" if nothing else None


def _hopeless(tried: Try, rung: Rescue) -> bool:
    kind = None if tried.prediction.error is None else tried.prediction.error.kind
    return kind in HOPELESS or (kind in GONE and rung != "fallback")


def _merged(before: Try, again: Try) -> Try:
    """The better of two readings with the attempts of both; of two bad ones the one that says more."""
    again_why = tuple(a.model_copy(update={"why": before.trouble}) for a in again.attempts)
    more = len(again.decoded.text) > len(before.decoded.text) and before.prediction.error is not None
    best = again if again.trouble is None or more else before
    return best._replace(
        sample_id=before.sample_id,
        attempts=(*before.attempts, *again_why),
        seconds=before.seconds + again.seconds,
        usage=_sum([before.usage, again.usage]),
    )


def _sum(usages: Sequence[Usage | None]) -> Usage | None:
    known = [usage for usage in usages if usage is not None]
    if not known:
        return None
    return Usage(
        prompt_tokens=sum(u.prompt_tokens or 0 for u in known), completion_tokens=sum(u.completion_tokens or 0 for u in known)
    )
