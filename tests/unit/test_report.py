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

from ocrtune.core import Box, ImageRef, Sample, Score
from ocrtune.report import ComparisonView, CurvePoint, Outline, PageView, ProtocolDifference, Reading, Side, render
from ocrtune.report.build import distributions
from ocrtune.report.charts import number
from ocrtune.report.figures import draw
from ocrtune.report.marks import LONGEST, SHOWN, difference, plain
from ocrtune.report.pictures import BYTES, SIZES, thumbnail
from ocrtune.stats import Benchmark, Counts, Plan, Rule, compare, estimate, pair
from ocrtune.taxonomy import Reply, mistakes, total

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


def test_doubts_stand_above_the_verdict_and_mistakes_beside_each_other() -> None:
    plain_view = view([0.8] * 8, [0.1] * 8)
    kinds = total([mistakes(Reply("шум <b>", "щум <b>")), mistakes(Reply("a b", "a"))])
    doubted = plain_view._replace(
        base=plain_view.base._replace(doubts=["5 of 8 replies are <empty>"], mistakes=kinds),
        tuned=plain_view.tuned._replace(mistakes=total([mistakes(Reply("b a", "a b"))])),
    )
    page = render("Demo", [doubted])
    checked(page)
    assert page.index("! Suspect") < page.index("5 of 8 replies are &lt;empty&gt;") < page.index("✓ Better")
    assert "ш → щ" in page and "taken for another character" in page and "in another order" in page
    assert "! Suspect" not in render("Demo", [plain_view])


def test_right_and_wrong_are_a_table_of_four() -> None:
    samples = [Sample(id=f"{i}", group=f"{i}", images=(ImageRef(path="x.png"),)) for i in range(20)]
    sides = [[Score(sample_id=s.id, metric="exact", value=float(i < limit)) for i, s in enumerate(samples)] for limit in (6, 16)]
    rule = Rule("exact", "higher", "macro")
    found = compare(pair(samples, sides[0], sides[1], "exact"), rule, Plan(200))
    page = render("Demo", [view([0.5] * 8, [0.1] * 8)._replace(others=[found])])
    checked(page)
    assert "Right and wrong: exact match" in page and "won 10, lost 0: McNemar exact p = 0.001953" in page


def test_boxes_are_drawn_on_the_picture_whose_they_are(tmp_path: Path) -> None:
    image = tmp_path / "page.png"
    Image.new("RGB", (300, 400), "white").save(image)
    first = view([0.1] * 7, [0.9] * 7, image=str(image))
    box = Box(left=0.1, top=0.2, right=0.5, bottom=0.25)
    outlines = [Outline("truth", "text", box), Outline("tuned", "<table>", box)]
    page = render("Demo", [first._replace(pages=[p._replace(outlines=outlines) for p in first.pages])])
    checked(page)
    assert page.count('<rect x="100.0" y="200.0" width="400.0" height="50.0" class="truth">') == 7
    assert "tuned: &lt;table&gt;" in page


def test_a_reading_without_a_reference_is_not_called_invented() -> None:
    first = view([0.8] * 6, [0.1] * 6, text="read")
    for reference, marked in ((None, False), ("", True)):
        page = render("Demo", [first._replace(pages=[p._replace(reference=reference) for p in first.pages])])
        checked(page)
        assert ("<ins>read</ins>" in page) == marked


def test_charts_are_files_that_need_no_page() -> None:
    made = draw(view([0.8] * 20, [0.1] * 19 + [0.9]))
    assert sorted(made) == [f"{n}.{k}" for n in ("distribution", "intervals", "slices") for k in ("png", "svg")]
    assert all(content.startswith(b"\x89PNG") for name, content in made.items() if name.endswith("png"))
    assert b">CER" in made["intervals.svg"] and b"kind = a" in made["slices.svg"]
    assert draw(view([0.8] * 20, [0.1] * 19 + [0.9]))["intervals.svg"] == made["intervals.svg"]


def test_where_another_metric_decides_the_errors_by_character_are_drawn_too() -> None:
    found = view([0.8] * 4, [0.1] * 4)
    each = [
        {"line0": mistakes(Reply("abcd", "abxx")), "line1": mistakes(Reply("", "ab"))},
        {"line0": mistakes(Reply("abcd", "abcd")), "line1": mistakes(Reply("", ""))},
    ]
    sides = [side._replace(each=own) for side, own in zip((found.base, found.tuned), each, strict=True)]
    found = found._replace(base=sides[0], tuned=sides[1])
    assert [d.name for d in distributions(found)] == ["CER"]
    other = found._replace(comparison=found.comparison.model_copy(update={"metric": "anls"}))
    assert [tuple(d) for d in distributions(other)] == [("anls", [0.8] * 4, [0.1] * 4), ("CER", [0.5, 2.0], [0.0, 0.0])]
    assert "cer-distribution.png" in draw(other) and b">CER at most" in draw(other)["cer-distribution.svg"]
    checked(page := render("Demo", [other]))
    assert page.count("share of samples by") == 2
