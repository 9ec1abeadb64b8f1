from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from examples import box, document, exported
from PIL import Image

from ocrtune.core import Document, ImageRef, Page, Region, Word

FORMULA = Region(kind="formula", box=box(0.2, 0.4, 0.6, 0.5))


@pytest.fixture
def scan(tmp_path: Path) -> Document:
    path = tmp_path / "scan.png"
    Image.new("RGB", (200, 400), "white").save(path)
    regions = (
        Region(kind="picture", box=box(0.1, 0.1, 0.4, 0.3)),
        Region(kind="formula", text="x^2", markup="latex", box=box(0.2, 0.32, 0.6, 0.38)),
        FORMULA,
        Region(text="where x is known", box=box(0.1, 0.6, 0.9, 0.63)),
    )
    return document(Page(number=3, width=200, height=400, image=ImageRef(path=str(path), width=200, height=400), regions=regions))


def test_an_unread_formula_is_cut_out_beside_the_pictures(scan: Document) -> None:
    files = exported("figures", scan)
    assert sorted(files) == ["figures/0003-1.png", "figures/0003-f2.png"]
    assert Image.open(io.BytesIO(files["figures/0003-f2.png"])).size == (80, 40)


def test_markdown_and_html_show_it_under_that_name(scan: Document) -> None:
    assert "![formula](figures/0003-f2.png)" in exported("md", scan)["a.md"].decode()
    assert '<img src="figures/0003-f2.png" alt="formula">' in exported("html", scan)["a.html"].decode()


def test_plain_text_and_json_say_where_it_is_and_invent_nothing(scan: Document) -> None:
    assert exported("txt", scan)["a.txt"].decode().splitlines() == ["x^2", "[formula]", "where x is known"]
    unread = json.loads(exported("json", scan)["a.json"])["pages"][0]["regions"][2]
    assert (unread["kind"], unread["text"]) == ("formula", "")
    assert not {"words", "confidence"} & {key for key, value in unread.items() if value is not None}


def test_it_is_as_large_as_the_text_around_it(scan: Document) -> None:
    (page,) = scan.pages
    word = Word(text="known", box=box(0.1, 0.6, 0.2, 0.615))  # 6 pixels of ink: letters of 8 pixels
    around = page.regions[3].model_copy(update={"words": (word,)})
    read = document(page.model_copy(update={"regions": (*page.regions[:3], around)}))
    assert 'alt="formula" width="150">' in exported("html", read)["a.html"].decode()  # 80 pixels: ten letter sizes


def test_a_formula_on_a_page_that_cannot_be_seen_is_left_out() -> None:
    page = Page(number=1, width=200, height=400, regions=(FORMULA, Region(text="kept")))
    assert "formula" not in exported("md", document(page))["a.md"].decode()


def test_descriptions_of_pages_have_its_place_without_text(scan: Document) -> None:
    assert "ocr_display" in exported("hocr", scan)["a.hocr"].decode()
    alto = [content for name, content in exported("alto", scan).items() if name.endswith(".xml")]
    assert b'TAGREFS="kind-formula"' in alto[0]
    xml = next(content for name, content in exported("page", scan).items() if name.endswith(".xml"))
    maths = [e for e in ElementTree.fromstring(xml).iter() if e.tag.endswith("MathsRegion")]
    assert [len(list(e)) for e in maths] == [2, 1]  # outline and text; the outline alone
