from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrtune.core import Region, Size
from ocrtune.layout import Rule, Span, SpanWord, analyse

A4 = Size(1000, 1414)
Setter = Callable[..., list[Span]]


def line(text: str, left: float, top: float, size: float = 20.5, *, bold: bool | None = None) -> Span:
    return Span(text, (left, top, left + 0.5 * size * len(text), top + size), size, bold)


def shuffled(spans: list[Span], seed: int = 0) -> list[Span]:
    mixed = list(spans)
    random.Random(seed).shuffle(mixed)
    return mixed


def seen(regions: tuple[Region, ...]) -> list[tuple[str, str]]:
    return [(region.kind, region.text) for region in regions]


def text_of(spans: list[Span]) -> str:
    return "\n".join(span.text for span in spans)


def test_a_page_without_text_has_no_regions() -> None:
    assert analyse([], A4) == ()
    assert analyse([Span("  ", (0, 0, 10, 10), 10.0)], A4) == ()


def test_hebrew_is_laid_out_as_latin_in_a_mirror(paragraph: Setter) -> None:
    hebrew = str.maketrans(
        {chr(97 + at): chr(0x5D0 + at) for at in range(26)} | {chr(65 + at): chr(0x5D0 + at) for at in range(26)}
    )
    head = line("Letters of a harbour", 100, 100, 44.0)
    columns = [*paragraph(100, 200, 380, 4), *paragraph(100, 330, 380, 5, indent=30.0), *paragraph(520, 200, 380, 9)]
    items = [line("- stones from the river", 130, 600), line("- letters", 130, 640)]
    latin = analyse([head, *columns, *items], A4)
    mirrored = [s.mirrored(A4.width)._replace(text=s.text.translate(hebrew)) for s in (head, *columns, *items)]
    turned = analyse(shuffled(mirrored), A4)
    assert seen(turned) == [(kind, text.translate(hebrew)) for kind, text in seen(latin)]
    assert turned[1].box is not None and turned[1].box.left > 0.5


def test_latin_words_within_a_hebrew_line_do_not_divide_it() -> None:
    words = (("שלום", 800, 900), ("optical", 500, 640), ("recognition", 660, 780), ("עולם", 380, 480))
    span = Span(
        "שלום optical recognition עולם",
        (380, 500, 900, 530),
        30.0,
        words=tuple(SpanWord(t, (a, 500, b, 530)) for t, a, b in words),
    )
    assert seen(analyse([span, line("שלום" * 9, 300, 700, 30.0)], A4))[0] == ("text", span.text)


def test_a_single_line_is_text_wherever_it_stands() -> None:
    assert seen(analyse([line("Received with thanks", 100, 20)], A4)) == [("text", "Received with thanks")]


def test_paragraphs_set_apart_by_white_are_apart_and_keep_their_lines(paragraph: Setter) -> None:
    first, second = paragraph(100, 200, 800, 4), paragraph(100, 330, 800, 5)
    assert seen(analyse(shuffled([*first, *second]), A4)) == [("text", text_of(first)), ("text", text_of(second))]


def test_indented_paragraphs_are_apart(paragraph: Setter) -> None:
    first, second = paragraph(100, 200, 800, 4, indent=30), paragraph(100, 304, 800, 5, indent=30)
    assert [region.text for region in analyse(shuffled([*first, *second]), A4)] == [text_of(first), text_of(second)]


def test_a_line_that_ends_early_ends_its_paragraph(paragraph: Setter) -> None:
    first, second = paragraph(100, 200, 800, 5), paragraph(100, 330, 800, 5)
    assert [region.text for region in analyse(shuffled([*first, *second]), A4)] == [text_of(first), text_of(second)]


def test_pieces_of_one_line_are_joined_by_spaces(paragraph: Setter) -> None:
    body = paragraph(100, 226, 800, 3)
    pieces = [Span("Pieces of", (100, 200, 200, 220), 20.0), Span("one line", (208, 201, 300, 221), 20.0)]
    assert analyse([*body, *pieces], A4)[0].text.splitlines()[0] == "Pieces of one line"


def test_two_columns_under_a_title_with_head_and_foot(paragraph: Setter) -> None:
    head, foot = line("The Morning Paper", 420, 40, 16), line("- 12 -", 480, 1370, 16)
    title = line("A title across both columns", 230, 120, 44)
    left, right = paragraph(100, 230, 380, 40), paragraph(520, 230, 380, 38)
    assert seen(analyse(shuffled([head, foot, title, *left, *right]), A4)) == [
        ("page-header", head.text),
        ("title", title.text),
        ("text", text_of(left)),
        ("text", text_of(right)),
        ("page-footer", foot.text),
    ]


def test_three_columns_are_read_from_left_to_right(paragraph: Setter) -> None:
    columns = [paragraph(x, 200, 270, 30) for x in (60, 365, 670)]
    assert [r.text for r in analyse(shuffled([span for column in columns for span in column]), A4)] == [
        text_of(column) for column in columns
    ]


def test_the_first_line_of_a_page_is_no_running_head_when_the_text_goes_on(paragraph: Setter) -> None:
    body = paragraph(60, 40, 880, 40)
    assert seen(analyse(body, A4)) == [("text", text_of(body))]


@pytest.mark.parametrize("bold", [True, False], ids=["bold", "larger"])
def test_a_numbered_heading_at_the_top_is_no_running_head(bold: bool, paragraph: Setter) -> None:
    body = [s._replace(bold=False) for s in paragraph(120, 170, 760, 30)]
    head = line("1 Preliminaries", 120, 100, 20.5 if bold else 23.0, bold=bold)
    assert seen(analyse([head, *body], A4)) == [("section-header", head.text), ("text", text_of(body))]
    page = line("212 Preliminaries", 120, 60, 20.5, bold=bold)
    assert seen(analyse([page, *body], A4))[0] == ("page-header", page.text)


def test_the_title_of_a_slide_is_one_beside_a_table_and_alone() -> None:
    cells = [line(text, x, y) for y in (400, 450, 500) for x, text in ((100, "Quarter"), (300, "Plan"), (500, "Actual"))]
    slide = Size(1000, 563)
    assert [r.kind for r in analyse([line("Results", 100, 100, 44.0), *cells], slide)] == ["title", "table"]
    assert [r.kind for r in analyse([line("Thank you", 100, 100, 44.0)], slide)] == ["title"]


def test_page_numbers_are_feet_in_several_scripts(paragraph: Setter) -> None:
    for number in ("17", "– 17 –", "Page 3 of 9", "xiv", "стр. 5", "第 12 页"):
        regions = analyse([*paragraph(100, 200, 800, 20), line(number, 480, 1360)], A4)
        assert regions[-1].kind == "page-footer", number


def test_headings_are_larger_or_bold_or_numbered(paragraph: Setter) -> None:
    spans = [line("Outlook", 100, 150, 25), *paragraph(100, 200, 800, 6)]
    spans += [line("Bold words alone", 100, 390, bold=True), *(s._replace(bold=False) for s in paragraph(100, 430, 800, 6))]
    spans += [line("2.1 Results of the year", 100, 640), *paragraph(100, 690, 800, 6)]
    assert [r.kind for r in analyse(shuffled(spans), A4)] == ["section-header", "text"] * 3


def test_only_the_largest_heading_is_the_title(paragraph: Setter) -> None:
    spans = [
        line("The whole report", 100, 150, 40),
        *paragraph(100, 220, 800, 6),
        line("Part", 100, 420, 27),
        *paragraph(100, 460, 800, 9),
    ]
    assert [r.kind for r in analyse(spans, A4)] == ["title", "text", "section-header", "text"]


def test_items_with_bullets_hang_together_with_their_lines(paragraph: Setter) -> None:
    spans = paragraph(100, 200, 800, 4)
    for at in range(3):
        item = paragraph(140, 320 + 52 * at, 700, 2)
        spans += [Span("•", (110, 320 + 52 * at, 118, 340 + 52 * at), 20.0), *item]
    regions = analyse(shuffled(spans), A4)
    assert [r.kind for r in regions] == ["text", "list-item", "list-item", "list-item"]
    assert all(r.text.startswith("• ") and r.text.count("\n") == 1 for r in regions[1:])


def read_item(mark: str, text: str, top: float, *, after: float = 30.0) -> Span:
    words = (SpanWord(mark, (100, top, 110, top + 20), 0.9), SpanWord(text, (100 + after, top, 300, top + 20), 0.9))
    return Span(f"{mark} {text}", (100, top, 300, top + 20), 20.0, words=words)


def test_dots_of_a_list_that_were_read_as_letters_are_dots() -> None:
    marks = [("•", "Copyright"), ("¢", "Family"), ("•", "Litigation"), ("e", "Employment")]
    spans = [read_item(mark, text, 100 + 30.0 * at) for at, (mark, text) in enumerate(marks)]
    assert seen(analyse(shuffled(spans), A4)) == [("list-item", f"• {text}") for _, text in marks]


def test_pointed_marks_begin_items_and_quotations_that_end_do_not(paragraph: Setter) -> None:
    items = [line("» Colleges and universities", 100, 200), line("near the harbour", 120, 226), line("» Schools", 100, 252)]
    assert [kind for kind, _ in seen(analyse(items, A4))] == ["list-item", "list-item"]
    quoted = paragraph(100, 200, 800, 4)
    quoted[2] = quoted[2]._replace(text="» " + quoted[2].text)
    assert [kind for kind, _ in seen(analyse(quoted, A4))] == ["text"]


def test_a_short_word_where_no_dot_can_be_stays() -> None:
    spans = [read_item("•", "Copyright", 100), read_item("•", "Family", 130), read_item("e", "Famiglia", 160, after=18.0)]
    assert "e Famiglia" in " ".join(text for _, text in seen(analyse(spans, A4)))


def test_numbered_items_are_a_list_and_a_number_alone_is_not(paragraph: Setter) -> None:
    items = [line(f"{n}. item of a list with some more words", 120, 300 + 26 * n) for n in range(1, 5)]
    assert [r.kind for r in analyse([*paragraph(100, 200, 800, 3), *items], A4)] == ["text"] + ["list-item"] * 4
    lone = line("3. apples were left over in the end, he said.", 100, 300)
    assert [r.kind for r in analyse([*paragraph(100, 200, 800, 3), lone], A4)] == ["text", "text"]


def test_small_letters_with_a_mark_at_the_bottom_are_a_footnote(paragraph: Setter) -> None:
    note = [line("1 See the second volume, page 40.", 100, 1200, 15), line("Also the third.", 100, 1220, 15)]
    regions = analyse(shuffled([*paragraph(100, 200, 800, 36), *note]), A4, rules=[Rule((100, 1180, 300, 1182))])
    assert [r.kind for r in regions] == ["text", "footnote"]


def test_a_caption_goes_with_its_picture_in_any_language(paragraph: Setter) -> None:
    picture = (520.0, 300.0, 900.0, 600.0)
    left, right = paragraph(100, 200, 380, 30), [*paragraph(520, 200, 380, 3), *paragraph(520, 680, 380, 11)]
    for text in ("Figure 3. The harbour", "Рис. 3. Гавань", "图3 港口", "Table 2: none"):
        regions = analyse(shuffled([*left, *right, line(text, 600, 610, 16)]), A4, pictures=[picture])
        assert [r.kind for r in regions] == ["text", "text", "picture", "caption", "text"], text


def test_a_sentence_about_a_figure_is_no_caption(paragraph: Setter) -> None:
    first = line("Figure 3 shows the harbour as it was in the year of the war, before the fire and the", 100, 174)
    spans = [first._replace(box=(100, 174, 900, 194)), *paragraph(100, 200, 800, 5)]
    assert [r.kind for r in analyse(spans, A4)] == ["text"]


def test_labels_on_a_picture_are_its_text(paragraph: Setter) -> None:
    labels = [line("North", 300, 420, 14), line("South", 300, 560, 14)]
    regions = analyse([*paragraph(100, 200, 800, 5), *labels], A4, pictures=[(100, 400, 900, 700)])
    assert seen(regions)[1] == ("picture", "North\nSouth")


def test_a_scan_behind_all_text_is_no_picture(paragraph: Setter) -> None:
    assert [r.kind for r in analyse(paragraph(100, 200, 800, 8), A4, pictures=[(0, 0, 1000, 1414)])] == ["text"]


def test_facing_pages_are_two_pages(paragraph: Setter) -> None:
    spans = [line("4", 100, 940, 16), *paragraph(80, 100, 560, 28), *paragraph(790, 100, 560, 28), line("5", 1300, 940, 16)]
    kinds = [r.kind for r in analyse(shuffled(spans), Size(1414, 1000))]
    assert kinds == ["text", "page-footer", "text", "page-footer"]


def test_vertical_lines_are_read_from_right_to_left_in_tiers() -> None:
    def column(text: str, x: float, top: float) -> Span:
        return Span(text, (x, top, x + 20, top + 20 * len(text)), 20.0, vertical=True)

    upper = [column("一二三四五六七八九十" * 3, x, 100) for x in (860, 826, 792, 758)]
    lower = [column("甲乙丙丁戊己庚辛壬癸" * 3, x, 760) for x in (860, 826, 792, 758)]
    regions = analyse(shuffled([*upper, *lower]), A4)
    assert [r.text for r in regions] == [text_of(upper), text_of(lower)]


def test_words_are_kept_and_confidence_is_their_mean() -> None:
    words = (SpanWord("two", (100, 200, 140, 220), 0.9), SpanWord("words", (150, 200, 200, 220), 0.5))
    region = analyse([Span("two words", (100, 200, 200, 220), 20.0, confidence=0.1, words=words)], A4)[0]
    assert region.confidence == 0.7
    assert region.words is not None
    assert [(word.text, round(word.box.left, 3)) for word in region.words] == [("two", 0.1), ("words", 0.15)]
    assert analyse([line("no words", 100, 200)._replace(confidence=0.25)], A4)[0].confidence == 0.25
    assert analyse([line("nobody knows", 100, 200)], A4)[0].confidence is None


place = st.integers(0, 90)
spans = st.lists(
    st.builds(
        lambda n, x, y, w, h, v: Span(f"t{n}", (10.0 * x, 10.0 * y, 10.0 * (x + w + 1), 10.0 * y + h), float(h), vertical=v),
        st.integers(100, 999),
        place,
        place,
        st.integers(0, 40),
        st.integers(8, 30),
        st.booleans(),
    ),
    max_size=40,
    unique_by=lambda s: s.text,
)
lines = st.lists(
    st.builds(
        lambda x, y, w, across: Rule((x, y, x + w, y + 2) if across else (x, y, x + 2, y + w)), place, place, place, st.booleans()
    )
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(spans, lines, st.randoms(use_true_random=False))
def test_no_text_is_lost_or_doubled_and_the_order_given_does_not_matter(
    given_spans: list[Span], rules: list[Rule], rng: random.Random
) -> None:
    regions = analyse(given_spans, A4, rules=rules, pictures=[(100, 100, 400, 400)])
    found = re.findall(r"t\d{3}", "\n".join(r.text for r in regions))
    assert sorted(found) == sorted(s.text for s in given_spans)
    mixed = list(given_spans)
    rng.shuffle(mixed)
    assert analyse(mixed, A4, rules=rules, pictures=[(100, 100, 400, 400)]) == regions


def test_columns_with_a_tight_gutter_stay_apart(paragraph: Setter) -> None:
    left, right = paragraph(100, 200, 390, 12), paragraph(498, 200, 390, 12)
    assert [r.text for r in analyse(shuffled([*left, *right]), A4)] == [text_of(left), text_of(right)]


def test_a_short_numbered_line_is_a_heading_though_the_text_follows_at_once() -> None:
    lines = ["一、比较美术学的中西视域", *("我们使用比较美术学的概念是从它的研究对象和范围等学科性特征" for _ in range(4))]
    spans = [Span(text, (100, 200 + 26 * at, 100 + 20 * len(text), 220 + 26 * at), 20.0) for at, text in enumerate(lines)]
    assert seen(analyse(shuffled(spans), A4)) == [("section-header", lines[0]), ("text", "\n".join(lines[1:]))]


def test_a_justified_line_under_a_full_one_and_over_a_short_one_is_one_line() -> None:
    words = [line("alone", 220, 131), line("takes", 330, 131), line("iron", 440, 131)]
    first = [line("the whole width of the page is written on up here, all of it", 90, 100), line("The rise", 90, 131)]
    regions = analyse([*first, *words, line("away.", 90, 162)], Size(800, 400))
    assert "The rise alone takes iron\naway." in "\n".join(region.text for region in regions)


def test_cells_of_a_table_between_caption_and_text_stay_apart() -> None:
    rows = [line(text, left, top) for top, texts in ((131, ("Name", "Plan", "Fact")), (162, ("Trade", "12", "14")))
            for text, left in zip(texts, (90, 300, 450), strict=True)]  # fmt: skip
    spans = [line("the specimens that were there in spring, all of them", 90, 100), *rows,
             line("and here the text goes on and on and on over all of it", 90, 193)]  # fmt: skip
    assert not any("Name Plan" in region.text or "Trade 12" in region.text for region in analyse(spans, Size(800, 400)))


def test_a_grid_of_signs_without_a_word_is_no_table(paragraph: Setter) -> None:
    across = [Rule((100.0, y, 500.0, y + 2.0)) for y in (400.0, 500.0, 600.0)]
    down = [Rule((x, 400.0, x + 2.0, 602.0)) for x in (100.0, 300.0, 498.0)]
    text = paragraph(100, 100, 400, 4)
    places = ((200, 440), (400, 440), (200, 540), (400, 540))
    kinds = []
    for words in (("@", "O", "©", "O"), ("Name", "Plan", "Trade", "12")):
        signs = [line(word, x, y) for word, (x, y) in zip(words, places, strict=True)]
        kinds.append([region.kind for region in analyse([*text, *signs], Size(600, 800), rules=[*across, *down])])
    assert "table" not in kinds[0] and "table" in kinds[1]


def test_what_stands_on_both_sides_of_a_rule_to_sign_on_is_one_line() -> None:
    signed = [line(text, left, top) for left, column in ((100, ("Director", "Accountant")), (420, ("John Hall", "Mary Smith")))
              for text, top in zip(column, (600, 650), strict=True)]  # fmt: skip
    rules = [Rule((s.box[2] + 4, s.box[3], 415, s.box[3] + 2)) for s in signed[:2]]
    assert seen(analyse(signed, A4, rules=rules)) == [("text", "Director John Hall"), ("text", "Accountant Mary Smith")]
    below = [Rule((100, 626, 700, 628))]
    assert "Director John Hall" not in "".join(text for _, text in seen(analyse(signed, A4, rules=below)))


def test_bold_words_at_the_begin_of_a_paragraph_are_no_heading(paragraph: Setter) -> None:
    bold, *rest = paragraph(100, 200, 800, 5)
    spans = [bold._replace(bold=True), *(s._replace(bold=False) for s in rest)]
    assert [r.kind for r in analyse(spans, A4)] == ["text"]
    heading = line("What we saw on the way", 100, 200, bold=True)
    assert [r.kind for r in analyse([heading, *spans[1:]], A4)] == ["section-header", "text"]


def test_clauses_of_a_contract_stand_alone() -> None:
    texts = ["2.1. The buyer pays within ten days", "of the delivery.", "2.2. The seller bears the risk.", "2.3. Nothing else."]
    spans = [line(text, 100, 100 + 26 * at) for at, text in enumerate(texts)]
    assert [region.text for region in analyse(spans, A4)] == ["\n".join(texts[:2]), *texts[2:]]


def test_a_stroke_of_a_letter_keeps_no_lines_apart() -> None:
    spans = [line("one line of some length", 100, 100), line("word", 100, 126)]
    across, stroke = Rule((90, 128, 400, 129)), Rule((102, 130, 118, 132))
    assert len(analyse(spans, A4, rules=[stroke])) == 1
    assert len(analyse(spans, A4, rules=[across])) == 2


def spread(texts: list[str], gap: float, top: float) -> Span:
    """A line of which the words stand `gap` apart."""
    words, left = [], 100.0
    for text in texts:
        words.append(SpanWord(text, (left, top, left + 9.0 * len(text), top + 20.0), 0.95))
        left = words[-1].box[2] + gap
    return Span(" ".join(texts), (100.0, top, left - gap, top + 20.0), 20.0, confidence=0.95, words=tuple(words))


def test_a_line_stretched_to_both_margins_is_one_line() -> None:
    words = ["131", "Union", "Lane,", "Auckland,", "Telephone:", "+44", "26", "2295", "5578,"]
    assert [region.text for region in analyse([spread(words, 34.0, 200.0)], A4)] == [" ".join(words)]


def test_a_stretched_line_that_was_found_in_two_pieces_is_one_line() -> None:
    first, second = (
        spread(["According", "to", "the", "paragraph", "No."], 24.0, 200.0),
        spread(["5262", "the", "sea", "fence"], 24.0, 200.0),
    )
    far = first.box[2] + 38.0 - second.box[0]
    words = tuple(w._replace(box=(w.box[0] + far, w.box[1], w.box[2] + far, w.box[3])) for w in second.words)
    second = second._replace(box=(second.box[0] + far, 200.0, second.box[2] + far, 220.0), words=words)
    (region,) = analyse([second, first], A4)
    assert region.text == "According to the paragraph No. 5262 the sea fence"


def test_cells_that_a_recogniser_took_for_a_line_stay_apart() -> None:
    rows = [spread([f"{n}00", f"{n},200.50", f"-{n}00.5", f"{n}70,000"], 60.0, 200.0 + 40 * n) for n in range(1, 5)]
    (table,) = analyse(rows, A4)
    assert table.kind == "table" and "<td>100</td><td>1,200.50</td><td>-100.5</td><td>170,000</td>" in table.text
    heads = spread(["Number", "Price", "Tax", "In all"], 60.0, 200.0)
    assert len(analyse([heads], A4)) == 4


def test_a_caption_right_under_a_sentence_is_apart_from_it_and_a_sentence_about_a_table_is_not() -> None:
    item = [line("• The doctors finance the average map if the collection", 90, 200), line("organises a paragraph.", 110, 226)]
    grid = [line(cell, 90 + 250 * n, 300) for n, cell in enumerate(("Mapping", "44.1", "9.6"))]
    for said, kinds in (("Table 4. Wide reduction", ["list-item", "caption"]), ("Table 4 shows the reduction", ["list-item"])):
        found = analyse([*item, line(said, 110, 252), *grid], Size(1000, 1400))
        assert [region.kind for region in found][: len(kinds)] == kinds
        assert (said in found[0].text) == (kinds == ["list-item"])
