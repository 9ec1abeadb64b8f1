"""Wide gaps of lines set to both margins, and the white between columns."""

from ocrtune.engines._justified import joined
from ocrtune.layout import Span, SpanWord


def line(top: float, *pieces: tuple[str, float, float]) -> list[Span]:
    """Pieces on one height; the words of each share its width."""
    out = []
    for text, left, right in pieces:
        words, step = text.split(), (right - left) / len(text.split())
        boxes = [(left + i * step, top, left + (i + 1) * step - 4, top + 10) for i in range(len(words))]
        placed = tuple(SpanWord(word, box, 0.9) for word, box in zip(words, boxes, strict=True))
        out.append(Span(text, (left, top, right, top + 10), 10.0, confidence=0.9, words=placed))
    return out


def test_a_justified_line_above_running_text_is_one_line() -> None:
    spans = [*line(0, ("under the terms of No", 0, 140), ("60 the clerk", 165, 300)),
             *line(20, ("looked at the airport and at all of the other things", 0, 300))]  # fmt: skip
    assert [span.text for span in joined(spans)] == ["under the terms of No 60 the clerk", spans[2].text]
    assert joined(spans)[0].box == (0, 0, 300, 10)


def test_the_first_line_of_a_short_item_below_a_paragraph_is_one_line() -> None:
    spans = [*line(0, ("the whole width of the page is written on up here", 0, 300)),
             *line(22, ("•", 0, 5), ("The rise", 20, 60), ("alone", 95, 140), ("takes", 170, 210), ("iron", 260, 300)),
             *line(42, ("away", 0, 40))]  # fmt: skip
    assert [span.text for span in joined(spans)][1:] == ["• The rise alone takes iron", "away"]


def test_rows_of_a_table_below_its_caption_and_above_text_keep_their_cells() -> None:
    spans = [*line(0, ("Table 1 of all the specimens that were there in spring", 0, 300)),
             *line(20, ("Name", 0, 60), ("Plan", 95, 140), ("Fact", 170, 210)),
             *line(40, ("Trade", 0, 60), ("12", 95, 140), ("14", 170, 210)),
             *line(60, ("and here the text goes on and on and on over all of it", 0, 300))]  # fmt: skip
    assert joined(spans) == spans


def test_heads_above_numbers_at_the_right_of_their_columns_stay_apart() -> None:
    spans = [*line(20, ("Name", 0, 60), ("Plan", 95, 130), ("Fact", 155, 190)), *line(40, ("Trade", 0, 60), ("12,750", 115, 150))]
    assert joined(spans) == spans


def test_columns_and_far_pieces_stay_apart() -> None:
    columns = [span for top in (0, 20, 40) for span in line(top, ("left column text", 0, 130), ("right column text", 160, 300))]
    assert joined(columns) == columns
    far = [*line(0, ("a", 0, 10), ("b", 200, 210)), *line(20, ("words all over the width of the page", 0, 300))]
    assert joined(far) == far
