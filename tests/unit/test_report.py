"""The report: complete, self-contained, and safe whatever a model said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocrtune.core import ImageRef, Sample, Score
from ocrtune.report import ComparisonView, CurvePoint, PageView, ProtocolDifference, Reading, Side, render
from ocrtune.report.charts import number
from ocrtune.report.marks import LONGEST, SHOWN, difference, plain
from ocrtune.report.pictures import BYTES, SIZES, thumbnail
from ocrtune.stats import Benchmark, Counts, Plan, Rule, compare, estimate, pair

RULE = Rule("cer", "lower", "micro")
texts = st.text(alphabet="ab <&>\"'\nй", max_size=30)


def view(
    base: Sequence[float], tuned: Sequence[float], *, title: str = "Russian", text: str = "read", image: str | None = None
) -> ComparisonView:
    samples = [
        Sample(id=f"line{i}", group=f"doc{i}", images=(ImageRef(path="x.png"),), tags={"kind": "ab"[i % 2]})
        for i in range(len(base))
    ]
    sides = []
    for values in (base, tuned):
        scores = [
            Score(sample_id=s.id, metric="cer", value=v, errors=v * 40, total=40) for s, v in zip(samples, values, strict=True)
        ]
        sides.append((scores, estimate(scores, RULE, Benchmark(samples, "d", {"engine": "echo"}, Counts(looped=3)), Plan(200))))
    comparison = compare(pair(samples, sides[0][0], sides[1][0], "cer"), RULE, Plan(200))
    pages = [
        PageView(
            s.id, s.group, image, "the reference", Reading("nothing like it", a), Reading(text, b, "cut off at the token limit")
        )
        for s, a, b in zip(samples, base, tuned, strict=True)
    ]
    differences = [ProtocolDifference("max_tokens", "128", "<b>96</b>")]
    return ComparisonView(title, comparison, Side("nano", [sides[0][1]]), Side("nano + ru", [sides[1][1]]), pages, differences)


class Checker(HTMLParser):
    """Every element that must be closed is, in order; what is loaded and executed is collected."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return checker


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    image = tmp_path / "line.png"
    Image.new("RGB", (300, 40), "white").save(image)
    first = view([0.8] * 8, [0.1] * 7 + [0.9], image=str(image))
    second = view([0.02] * 8, [0.3] * 8, title="What it did to English", image=str(image))
    curve = [CurvePoint(0, None, 0.9), CurvePoint(10, 2.0, 0.5), CurvePoint(20, 1.0, 0.2)]
    page = render("Demo", [first, second], curve, facts={"machine": "2 cores"})
    checker = checked(page)
    assert "script" not in checker.tags
    assert all(target.startswith(("data:image/jpeg;base64,", "#")) for target in checker.loaded)
    assert not re.search(r"url\(|@import|https?://", page)
    for wanted in ("✓ Better", "✗ Worse", "What it did to English", "0.200 at step 20", "Pages that got worse"):
        assert wanted in page
    for wanted in ("fell into a loop", "cut off at the token limit", "2 cores", "max_tokens", "prefers-color-scheme: dark"):
        assert wanted in page


def test_what_a_model_said_is_text_and_never_markup() -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    page = render(attack, [view([0.5] * 6, [0.1] * 6, title=attack, text=attack)])
    checker = checked(page)
    assert "script" not in checker.tags and "alert(1)" in page
    assert "<b>96</b>" not in page


def test_an_undecided_or_empty_section_is_still_a_page() -> None:
    assert "? Cannot tell" in render("Same", [view([0.5, 0.5], [0.5, 0.5])])
    assert "Nothing can be said from a single document" in render("One", [view([0.5], [0.1])])
    checked(render("Zero errors on both sides", [view([0.0] * 8, [0.0] * 8)]))
    checked(render("Runaway replies", [view([0.5] * 8, [60.0] * 8)]))


@given(reference=texts, reading=texts)
def test_the_marked_reading_holds_exactly_what_was_read_and_what_was_lost(reference: str, reading: str) -> None:
    marked = str(difference(reference, reading))
    shape = re.sub(r"</?(ins|del)>", "", marked)
    assert "<" not in shape
    kept = re.sub(r"<del>.*?</del>", "", marked, flags=re.S).replace("<ins>", "").replace("</ins>", "")
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("␣", " "), ("⏎", "\n"), ("&amp;", "&")):
        kept = kept.replace(entity, char)
    assert kept == reading.strip()
    same = reference.strip().replace("\n", " ") == reading.strip().replace("\n", " ")
    assert ("<del>" in marked or "<ins>" in marked) == (not same)


def test_differences_are_marked_by_element_not_by_colour_alone() -> None:
    assert str(difference("кот сидит", "код сидит")) == "ко<del>т</del><ins>д</ins> сидит"
    assert str(difference("a b", "ab")) == "a<del>␣</del>b"
    assert str(difference("one\ntwo", "one two")) == "one two"


def test_a_runaway_reply_is_cut_and_counted() -> None:
    marked = difference("short", "loop " * 20_000)
    assert len(marked) < 2 * LONGEST and "more characters" in marked
    assert f"{1000} more characters" in plain("x" * (SHOWN + 1000))


def test_pictures_are_bounded_and_broken_ones_say_why(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.effect_noise((3000, 2000), 90).save(large)
    found = thumbnail(large)
    assert found.url is not None and len(found.url) < BYTES * 4 / 3 + 100
    assert found.width <= SIZES[0][0] and found.height <= SIZES[0][1]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    assert thumbnail(broken).url is None and "broken.png" in (thumbnail(broken).why or "")
    assert thumbnail(None).why == "the sample has no picture"


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0, "0"), (0.85, "0.850"), (0.0123, "0.0123"), (-0.5, "−0.500")])
def test_numbers_are_short_and_typographic(value: float | None, text: str) -> None:
    assert number(value) == text
