"""PAGE XML, ALTO and hOCR: valid by their schemas, and read back as what was written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from examples import box, document, exported, full_page, words
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocrtune.contracts import Draft
from ocrtune.core import BoxesTarget, Page, Region, RegionsTarget, Size, Word
from ocrtune.exporters._lines import boxed, divided, gaps, lines, rect_of
from ocrtune.options import SourceOptions
from ocrtune.plugins import SOURCES

etree = pytest.importorskip("lxml.etree")

# Schemas are not in this repository: put alto-4-4.xsd, xlink.xsd and pagecontent.xsd (2019-07-15) into one of these folders.
SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "schemas"
SCHEMAS = Path(os.environ.get("OCRTUNE_SCHEMAS", SHARED))
FILES = {"alto": "alto-4-4.xsd", "page": "pagecontent.xsd"}

# What is written of each format, by its schema: required attributes, other attributes, children in their order.
PLACE = "HPOS VPOS WIDTH HEIGHT"
BLOCKS = "TextBlock|Illustration|ComposedBlock"
REGIONS = "TextRegion|ImageRegion|TableRegion|MathsRegion"
GRAMMAR = {
    "alto": {
        "alto": ("", "SCHEMAVERSION", "Description Tags ReadingOrder Layout"),
        "Description": ("", "", "MeasurementUnit sourceImageInformation Processing"),
        "sourceImageInformation": ("", "", "fileName"),
        "Processing": ("ID", "", "processingDateTime processingStepDescription processingStepSettings processingSoftware"),
        "processingSoftware": ("", "", "softwareName softwareVersion"),
        "Tags": ("", "", "LayoutTag|OtherTag"),
        "LayoutTag": ("ID LABEL", "", ""),
        "OtherTag": ("ID LABEL", "DESCRIPTION", ""),
        "ReadingOrder": ("", "", "OrderedGroup"),
        "OrderedGroup": ("ID", "", "ElementRef"),
        "ElementRef": ("ID REF", "", ""),
        "Layout": ("", "", "Page"),
        "Page": ("ID PHYSICAL_IMG_NR", "WIDTH HEIGHT", "PrintSpace"),
        "PrintSpace": ("", PLACE, BLOCKS),
        "Illustration": ("ID", f"TAGREFS {PLACE}", ""),
        "ComposedBlock": ("ID", f"TAGREFS TYPE {PLACE}", BLOCKS),
        "TextBlock": ("ID", f"TAGREFS {PLACE}", "TextLine"),
        "TextLine": ("", f"ID TAGREFS {PLACE}", "String|SP"),
        "String": ("CONTENT", f"ID WC {PLACE}", ""),
        "SP": ("", "", ""),
    },
    "page": {
        "PcGts": ("", "", "Metadata Page"),
        "Metadata": ("", "", "Creator Created LastChange Comments"),
        "Page": ("imageFilename imageWidth imageHeight", "", f"ReadingOrder {REGIONS}"),
        "ReadingOrder": ("", "", "OrderedGroup"),
        "OrderedGroup": ("id", "", "RegionRefIndexed"),
        "RegionRefIndexed": ("index regionRef", "", ""),
        "TextRegion": ("id", "custom comments type", f"Coords Roles {REGIONS} TextLine TextEquiv"),
        "ImageRegion": ("id", "custom comments", "Coords"),
        "MathsRegion": ("id", "custom comments", f"Coords {REGIONS}"),
        "TableRegion": ("id", "custom comments rows columns", f"Coords {REGIONS}"),
        "Coords": ("points", "", ""),
        "Roles": ("", "", "TableCellRole"),
        "TableCellRole": ("rowIndex columnIndex", "rowSpan colSpan header", ""),
        "TextLine": ("id", "custom", "Coords Word TextEquiv"),
        "Word": ("id", "custom", "Coords TextEquiv"),
        "TextEquiv": ("", "conf", "Unicode"),
    },
}

SIDES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
BOXES = st.builds(lambda x, y: box(x[0], y[0], x[1], y[1]), SIDES, SIDES)
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["a b\nc", "<td>x", "<table><tr><td>a<td colspan=2>b</table>", "| a |\n|---|\n| b |"]
)
WORDS = st.lists(st.builds(Word, text=st.text(max_size=4), box=BOXES, confidence=st.none() | st.floats(0, 1)), max_size=3)
REGION = st.builds(
    Region, kind=st.sampled_from(["text", "table", "formula", "picture", "x y<", "", "title"]), text=TEXTS,
    markup=st.sampled_from(["plain", "html", "markdown", "latex"]), box=st.none() | BOXES,
    words=st.none() | WORDS.map(tuple), confidence=st.none() | st.floats(0, 1),
)  # fmt: skip
PAGE = st.builds(
    lambda regions, size: Page(number=1, regions=tuple(regions), width=size, height=size, problems=("a\x00b",)),
    st.lists(REGION, max_size=3), st.sampled_from([None, 1, 1000]),
)  # fmt: skip


def tree(name: str, page: Page) -> Any:
    (content,) = exported(name, document(page)).values()
    return etree.fromstring(content)


def tag(element: Any) -> str:
    return etree.QName(element).localname


def faults(name: str, root: Any) -> Iterator[str]:
    """What is not in the grammar above, and references to nothing."""
    ids = [i for element in root.iter() if (i := element.get("ID") or element.get("id")) is not None]
    yield from {f"the id {i} twice" for i in ids if ids.count(i) > 1}
    yield from {f"the id {i} is no name" for i in ids if not re.fullmatch(r"[A-Za-z_][\w.-]*", i)}
    for element in root.iter():
        for key in ("REF", "TAGREFS", "regionRef"):
            yield from (f"{key} to {ref}" for ref in (element.get(key) or "").split() if ref not in ids)
        if tag(element) not in GRAMMAR[name]:
            if len(element) or element.attrib:
                yield f"{tag(element)} is unknown"
            continue
        required, others, order = (part.split() for part in GRAMMAR[name][tag(element)])
        yield from (f"{tag(element)} without {key}" for key in set(required) - set(element.attrib))
        yield from (f"{tag(element)} with {key}" for key in set(element.attrib) - {*required, *others})
        places = [next((n for n, group in enumerate(order) if tag(c) in group.split("|")), -1) for c in element]
        if -1 in places or places != sorted(places):
            yield f"{tag(element)} with {[tag(c) for c in element]}"


@pytest.mark.parametrize("name", ["alto", "page"])
@given(page=PAGE)
def test_every_page_is_written_as_the_format_has_it(name: str, page: Page) -> None:
    assert list(faults(name, tree(name, page))) == []


@pytest.mark.parametrize("name", ["alto", "page"])
@given(page=PAGE)
def test_every_page_is_valid_by_the_schema(name: str, page: Page) -> None:
    schema = schema_of(name)
    root = tree(name, page)
    assert schema.validate(root), schema.error_log


def schema_of(name: str, known: dict[str, Any] = {}) -> Any:  # noqa: B006 - read once
    if not (SCHEMAS / FILES[name]).is_file():
        pytest.skip(f"no {FILES[name]} in $OCRTUNE_SCHEMAS or shared/schemas beside the repository")

    class Beside(etree.Resolver):  # type: ignore[name-defined,misc]
        def resolve(self, url: str, _: object, context: object) -> Any:
            return self.resolve_filename(str(SCHEMAS / url.rpartition("/")[2]), context)

    if name not in known:
        parser = etree.XMLParser()
        parser.resolvers.add(Beside())
        known[name] = etree.XMLSchema(etree.parse(str(SCHEMAS / FILES[name]), parser))
    return known[name]


# --- read back --------------------------------------------------------------------------------------------------------------


def read_back(name: str, page: Page, folder: Path, objects: str) -> tuple[Region, ...]:
    """By the source that reads PAGE and ALTO, with the picture where the exporters of pictures put it."""
    for place, content in exported(name, document(page)).items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (folder / "pages").mkdir(exist_ok=True)
    Image.new("L", (1000, 2000)).save(folder / "pages" / "0001.jpg")
    (draft,) = SOURCES.get("pagexml")().read(file, SourceOptions(objects=objects))  # type: ignore[arg-type]
    assert isinstance(draft, Draft), draft
    assert isinstance(draft.target, RegionsTarget | BoxesTarget)
    return draft.target.regions if isinstance(draft.target, RegionsTarget) else draft.target.boxes


@pytest.mark.parametrize("name", ["alto", "page"])
def test_regions_come_back_in_order_with_kind_text_and_box(name: str, tmp_path: Path) -> None:
    page = full_page()
    kept = [region for region in page.regions if region.kind != "table"]
    found = read_back(name, page.model_copy(update={"regions": tuple(kept)}), tmp_path, "regions")
    said = {"A cat": "", "Annual re-\nport": "Annual re-\nport", "• first": "• first", "$$x^2<y$$": "x^2<y"}
    said |= {"**Bold** and $a_1$": "Bold and $a_1$"}
    assert [(r.kind, r.text) for r in found] == [(r.kind, said.get(r.text, r.text)) for r in kept]
    for region, wanted in zip(found, kept, strict=True):
        assert region.box is not None and wanted.box is not None
        sides = zip(region.box.to_pixels(1000, 2000), wanted.box.to_pixels(1000, 2000), strict=True)
        assert all(abs(side - other) <= 1 for side, other in sides)


@pytest.mark.parametrize("name", ["alto", "page"])
def test_lines_come_back_where_their_words_are(name: str, tmp_path: Path) -> None:
    region = Region(text="We read every line\nof the page.", box=box(0.1, 0.2, 0.9, 0.3))
    placed = words("We read every line", 0.1, 0.2) + words("of the page.", 0.1, 0.25)
    page = Page(number=1, width=1000, height=2000, regions=(region.model_copy(update={"words": placed}),))
    first, second = read_back(name, page, tmp_path, "lines")
    assert (first.text, second.text) == ("We read every line", "of the page.")
    assert first.box is not None and [round(side) for side in first.box.to_pixels(1000, 2000)] == [100, 400, 575, 460]


@pytest.mark.parametrize("name", ["alto", "page"])
def test_chinese_lines_come_back_without_spaces(name: str, tmp_path: Path) -> None:
    placed = words("這是 第一 行", 0.1, 0.2)
    page = Page(
        number=1, width=1000, height=2000, regions=(Region(text="這是第一行", box=box(0.1, 0.2, 0.9, 0.3), words=placed),)
    )
    assert [region.text for region in read_back(name, page, tmp_path, "lines")] == ["這是第一行"]


def test_an_outline_is_kept_in_page_xml() -> None:
    outline = ((0.1, 0.1), (0.5, 0.12), (0.5, 0.2), (0.1, 0.18))
    region = Region(text="a", box=box(0.1, 0.1, 0.5, 0.2).model_copy(update={"polygon": outline}))
    root = tree("page", Page(number=1, width=1000, height=1000, regions=(region,)))
    assert root.find(".//{*}TextRegion/{*}Coords").get("points") == "100,100 500,120 500,200 100,180"


def test_cells_of_a_table_come_back_from_page_xml_with_their_places() -> None:
    root = tree("page", full_page())
    (table,) = root.iter("{*}TableRegion")
    cells = {
        (role.get("rowIndex"), role.get("columnIndex"), role.get("rowSpan"), role.get("colSpan")): (
            role.getparent().getparent().find("{*}TextEquiv/{*}Unicode").text
        )
        for role in table.iter("{*}TableCellRole")
    }
    assert (table.get("rows"), table.get("columns")) == ("3", "3")
    assert (
        cells[("0", "0", "2", "1")] == "Год" and cells[("0", "1", "1", "2")] == "Income" and cells[("2", "2", "1", "1")] == "=2+2"
    )


def test_confidences_are_given_where_they_are_known_and_nowhere_else() -> None:
    alto, page = tree("alto", full_page()), tree("page", full_page())
    known = [(s.get("CONTENT"), s.get("WC")) for s in alto.iter("{*}String") if s.get("WC")]
    assert known == [(word, "0.875") for word in ["We", "read", "every", "line"]]
    assert [e.get("conf") for e in page.iter("{*}TextEquiv") if e.get("conf")] == ["0.5", *["0.875"] * 4]


def test_places_that_were_reckoned_say_so() -> None:
    alto, page = tree("alto", full_page()), tree("page", full_page())
    read = [e for e in page.iter("{*}TextLine") if "interpolated" not in e.get("custom")]
    assert [e.find("{*}TextEquiv/{*}Unicode").text for e in read] == ["We read every line", "of the page."]
    assert sum("TAGREFS" not in e.attrib for e in alto.iter("{*}TextLine")) == 2


@pytest.mark.parametrize("name", ["alto", "page"])
def test_failed_pages_are_files_with_their_problem(name: str) -> None:
    files = exported(name, document(full_page(1), Page(number=2, problems=("timeout: no answer",))))
    assert list(files) == [f"{name}/0001.xml", f"{name}/0002.xml"] and b"timeout: no answer" in files[f"{name}/0002.xml"]


# --- hOCR --------------------------------------------------------------------------------------------------------------------


def hocr(*pages: Page) -> Any:
    return etree.fromstring(exported("hocr", document(*pages))["a.hocr"])


def of_class(root: Any, name: str) -> list[Any]:
    return [element for element in root.iter() if name in (element.get("class") or "").split()]


def field(element: Any, name: str) -> str | None:
    found = re.search(rf"(?:^|; ){name} ([^;]*)", element.get("title") or "")
    return found[1] if found else None


def test_hocr_has_pages_lines_and_words_with_boxes_and_confidences() -> None:
    root = hocr(full_page(1), full_page(2))
    one, two = of_class(root, "ocr_page")
    assert field(one, "bbox") == "0 0 1000 2000" and field(two, "ppageno") == "1" and field(two, "image") == '"pages/0002.jpg"'
    (line,) = [line for line in of_class(one, "ocr_line") if "We read" in "".join(line.itertext())]
    assert "".join(line.itertext()) == "We read every line" and field(line, "bbox") == "100 400 575 460"
    found = [(w.text, field(w, "bbox"), field(w, "x_wconf")) for w in of_class(line, "ocrx_word")]
    assert found[:2] == [("We", "100 400 200 460", "88"), ("read", "225 400 325 460", "88")]
    assert [field(e, "x_wconf") for e in of_class(one, "ocrx_word")].count(None) == len(of_class(one, "ocrx_word")) - 4


def test_hocr_names_kinds() -> None:
    root = hocr(full_page())
    for name in ("ocr_title", "ocr_section", "ocr_caption", "ocr_header", "ocr_table", "ocr_photo", "ocr_display"):
        assert len(of_class(root, name)) == 1, name


@given(PAGE)
def test_hocr_keeps_all_words_and_every_box_is_within_its_page(page: Page) -> None:
    root = hocr(page)
    (sheet,) = of_class(root, "ocr_page")
    limits = [int(side) for side in (field(sheet, "bbox") or "").split()]
    for element in sheet.iter():
        if (found := field(element, "bbox")) is not None:
            left, top, right, bottom = map(int, found.split())
            assert 0 <= left < right <= limits[2] and 0 <= top < bottom <= limits[3]
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_problems_of_a_page_are_in_its_title() -> None:
    (sheet,) = of_class(hocr(Page(number=1, problems=('bad "thing"; twice',))), "ocr_page")
    assert field(sheet, "x_problems") == "\"bad 'thing', twice\""


# --- lines ---------------------------------------------------------------------------------------------------------------------


def test_words_are_rows_where_they_are_not_the_text() -> None:
    placed = words("one two", 0.1, 0.1) + words("three", 0.1, 0.2)
    found = lines(Region(text="something else", words=placed), Size(1000, 1000))
    assert [line.text for line in found] == ["one two", "three"]


def test_chinese_words_have_no_spaces_between_them() -> None:
    placed = words("這是 第一", 0.1, 0.1) + words("行", 0.1, 0.2)
    first, second = lines(Region(text="這是第一\n行", words=placed), Size(100, 100))
    assert (first.text, gaps(first), second.text) == ("這是第一", [False, False], "行")


@given(st.lists(st.text("ab 字", min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=4))
def test_words_go_to_the_texts_they_come_from(texts: list[str]) -> None:
    placed = [Word(text=word, box=box(0, 0, 1, 1)) for text in texts for word in text.split()]
    parts = divided(placed, texts)
    assert parts is not None and [[w.text for w in part] for part in parts] == [text.split() for text in texts]


def test_text_without_words_is_spread_over_its_box() -> None:
    found = lines(Region(text="aa bb\ncc", box=box(0, 0, 1, 0.5)), Size(100, 100))
    assert [(line.text, tuple(line.rect)) for line in found] == [("aa bb", (0, 0, 100, 25)), ("cc", (0, 25, 40, 50))]
    assert not any(line.placed for line in found)


def test_regions_without_boxes_share_the_page_by_their_lines() -> None:
    page = Page(number=1, regions=(Region(text="a\nb\nc"), Region(text="d")))
    assert [rect_of(region.box, Size(100, 100)) for region in boxed(page)] == [(0, 0, 100, 75), (0, 75, 100, 100)]
