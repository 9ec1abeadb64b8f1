"""A second reading gives places and doubts, and never changes what was read."""

from hypothesis import given
from hypothesis import strategies as st

from ocrtune.agreement import check
from ocrtune.core import Box, Region, Word


def line(text: str, top: float = 0.1, *, left: float = 0.1, confidence: float | None = 0.95) -> Region:
    """A line of the second reading: words of equal width, one tenth of the page each."""
    words = [
        Word(text=word, box=Box(left=left + 0.1 * i, top=top, right=left + 0.1 * i + 0.09, bottom=top + 0.02))
        for i, word in enumerate(text.split())
    ]
    box = Box(left=left, top=top, right=words[-1].box.right, bottom=top + 0.02)
    return Region(text=text, box=box, words=tuple(words), confidence=confidence)


def test_words_of_a_model_that_gives_only_text_stand_where_they_were_found() -> None:
    found = line("Invoice number 4711 total")
    (region,) = check([Region(text="Invoice number 4711 total")], [found]).regions
    assert [w.text for w in region.words or ()] == ["Invoice", "number", "4711", "total"]
    assert {w.placed for w in region.words or ()} == {"aligned"}
    assert [w.box for w in region.words or ()] == [w.box for w in found.words or ()]
    assert region.confidence == 1.0 and region.flag is None and region.box is not None and region.box.top == 0.1


def test_what_was_read_is_kept_where_the_second_reading_is_worse() -> None:
    (region,) = check([Region(text="Счёт № 4711 оплачен")], [line("Cчeт N 4711 oплaчeн")]).regions
    assert region.text == "Счёт № 4711 оплачен" and [w.text for w in region.words or ()] == region.text.split()


def test_a_word_that_was_not_found_stands_between_its_neighbours() -> None:
    (region,) = check([Region(text="one two three")], [line("one three")]).regions
    first, middle, last = region.words or ()
    assert middle.placed == "interpolated" and first.box.right <= middle.box.left <= middle.box.right <= last.box.left


def test_ideographs_are_placed_one_by_one() -> None:
    word = Word(text="繁體中文", box=Box(left=0.2, top=0.1, right=0.6, bottom=0.2))
    (region,) = check([Region(text="繁體中文")], [Region(text="繁體中文", words=(word,), box=word.box)]).regions
    assert [(w.text, round(w.box.left, 3)) for w in region.words or ()] == [("繁", 0.2), ("體", 0.3), ("中", 0.4), ("文", 0.5)]


def test_a_region_that_is_not_on_the_page_is_invented() -> None:
    regions = [Region(text="A quiet morning at the harbour"), Region(text="lorem dolor consectetur adipiscing")]
    checked = check(regions, [line("A quiet morning at the harbour")])
    assert [r.flag for r in checked.regions] == [None, "invented"] and not checked.missed


def test_a_region_that_differs_is_uncertain() -> None:
    (region,) = check([Region(text="total of 1234 euros and 56 cents")], [line("total of 9876 yards xyz 11 boxes")]).regions
    assert region.flag == "uncertain" and region.confidence is not None and region.confidence < 0.7


def test_a_block_that_only_the_second_reading_has_is_missed() -> None:
    second = [line("The first paragraph here"), line("The lost paragraph there", 0.5)]
    checked = check([Region(text="The first paragraph here", box=second[0].box)], second)
    assert [(r.text, r.flag) for r in checked.missed] == [("The lost paragraph there", "omitted")]


def test_a_second_reading_that_does_not_trust_itself_misses_nothing() -> None:
    second = [line("The first paragraph here"), line("~;:! xx^&%$ qqqq zzzz", 0.5, confidence=0.3)]
    assert not check([Region(text="The first paragraph here", box=second[0].box)], second).missed


def test_text_that_stands_elsewhere_in_the_reply_is_not_missed() -> None:
    second = [line("left column text words"), line("right column other thing", 0.5)]
    whole = Region(text="left column text words right column other thing", box=second[0].box)
    assert not check([whole], second).missed


def test_markup_is_not_compared() -> None:
    table = Region(kind="table", markup="html", text="<table><tr><td>Apples &amp; pears</td><td>12</td></tr></table>")
    (region,) = check([table], [line("Apples & pears 12")]).regions
    assert region.confidence == 1.0 and [w.text for w in region.words or ()] == ["Apples", "&", "pears", "12"]


def test_pictures_and_formulas_are_left_alone() -> None:
    regions = (Region(kind="picture"), Region(kind="formula", markup="latex", text="\\frac{a}{b}"))
    assert check(regions, [line("words on the page")]).regions == regions


def test_a_probability_of_the_engine_is_not_replaced() -> None:
    (region,) = check([Region(text="one two three", confidence=0.25)], [line("one two three")]).regions
    assert region.confidence == 0.25


def test_without_words_nothing_is_said() -> None:
    regions = (Region(text="something"),)
    assert check(regions, []) == check(regions, [Region(text="no words")]) == (regions, ())


TEXTS = st.lists(st.text(alphabet="abc где 中文", max_size=12), max_size=5)


@given(TEXTS, st.text(alphabet="abc где中", min_size=1, max_size=30))
def test_text_order_and_number_of_regions_never_change(texts: list[str], second: str) -> None:
    reference = [line(second)] if second.split() else []
    checked = check([Region(text=text) for text in texts], reference)
    assert [r.text for r in checked.regions] == texts
    for region in checked.regions:
        assert "".join(w.text for w in region.words or ()) in ("", "".join(region.text.split()))
