"""The second reading beside a model's."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrtune.config import Section
from ocrtune.core import Sample
from ocrtune.engines import _tesseract as tess
from ocrtune.rendering import pages
from ocrtune.runs import RunDir
from ocrtune.verbs._second import second_reading

WORDS = ("All", "human", "beings", "are", "born", "free", "and", "equal", "in", "dignity", "and", "rights")


def lying_page(file: Path, turn: int) -> tuple[float, float, float, float]:
    """A page of text turned `turn` degrees clockwise, and the place of its word "Marker" on it, in parts of the page."""
    page = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(36)
    for row in range(30):
        draw.text((100, 150 + 50 * row), " ".join(WORDS[(row + i) % len(WORDS)] for i in range(9)), fill=0, font=font)
    mark = Image.new("L", page.size, 255)
    for on in (page, mark):
        ImageDraw.Draw(on).text((700, 60), "Marker", fill=0, font=font)
    turned = [picture.rotate(-turn, expand=True) for picture in (page, mark)]
    turned[0].save(file)
    box = turned[1].point(lambda value: 255 - value).getbbox()
    assert box is not None
    width, height = turned[1].size
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_what_was_read_on_a_turned_page_stands_where_it_is_on_the_page_as_it_lies(turn: int, tmp_path: Path) -> None:
    if tess.library() is None or not {"eng", "osd"} <= tess.installed():
        pytest.skip("tesserocr with the data eng and osd is not installed")
    place = lying_page(tmp_path / "a.png", turn)
    [image] = pages(tmp_path / "a.png", dpi=150)
    run = RunDir.create("parse", Section(), root=tmp_path / "runs")
    with run.guard(), second_reading([Sample(id="a", group="a", images=(image,))], "eng", run) as second:
        assert second is not None
        reply = second.take("a")
        words = [word for region in second.regions("a") for word in region.words or ()]
    assert reply is not None and reply.turn == (360 - turn) % 360
    (found,) = [word.box for word in words if word.text == "Marker"]
    assert (found.left, found.top, found.right, found.bottom) == pytest.approx(place, abs=0.01)
