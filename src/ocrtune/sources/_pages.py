"""Pages of PAGE XML and ALTO: regions with their lines, in reading order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import east_asian_width

from ocrtune.core import Size
from ocrtune.core.document import Point
from ocrtune.sources._kinds import layout_kind
from ocrtune.sources._objects import SLACK, Plane, declared_size
from ocrtune.sources._xml import children, number_in, numbers, text_in

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PAGE_KINDS = {
    "TextRegion": "text", "TableRegion": "table", "MathsRegion": "formula", "ChemRegion": "formula",
    "ImageRegion": "picture", "GraphicRegion": "picture", "ChartRegion": "picture", "LineDrawingRegion": "picture",
}  # fmt: skip
LAST = 1 << 30


class Line(NamedTuple):
    name: str
    points: tuple[Point, ...]
    text: str


class Block(NamedTuple):
    """A region; `text` is its own where it has no lines."""

    name: str
    kind: str
    points: tuple[Point, ...]
    lines: tuple[Line, ...]
    own_text: str = ""

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines if line.text) or self.own_text


class Sheet(NamedTuple):
    """One page: the picture it names, what its units are (a size in pixels, or a plane), its regions in reading order."""

    picture: str | None
    units: Plane | Size | None
    blocks: tuple[Block, ...]
    language: str | None = None


# --- PAGE -----------------------------------------------------------------------------------------------------------------


def page_sheets(root: Element) -> Iterator[Sheet]:
    """The page of a PAGE file (all versions)."""
    for page in children(root, "Page"):
        yield _page_sheet(page)


def _page_sheet(page: Element) -> Sheet:
    order = {name: rank for rank, name in enumerate(_page_order(page.find("ReadingOrder")))}
    regions = sorted(_page_regions(page), key=lambda region: order.get(region.get("id", ""), LAST))
    size = declared_size(number_in(page, "imageWidth"), number_in(page, "imageHeight"))
    return Sheet(page.get("imageFilename"), size, tuple(map(_page_block, regions)), page.get("primaryLanguage"))


def _page_order(group: Element | None) -> Iterator[str]:
    """Region ids of nested groups, by index where they have one."""
    for child in sorted(group if group is not None else (), key=lambda c: number_in(c, "index") or 0):
        if child.get("regionRef"):
            yield child.get("regionRef", "")
        yield from _page_order(child)


def _page_regions(parent: Element) -> Iterator[Element]:
    """Regions in document order, those inside others (cells of a table) after them; the text of a formula is its own."""
    for child in parent:
        if child.tag in PAGE_KINDS:
            yield child
            if PAGE_KINDS[child.tag] != "formula":
                yield from _page_regions(child)


def _page_block(region: Element) -> Block:
    kind = PAGE_KINDS[region.tag]
    if region.tag == "TextRegion":
        # What PAGE has a type for and what it has none for: the more exact one is in `custom`.
        named = (layout_kind(name) for name in (_custom(region, "structure", "type"), region.get("type")) if name)
        kind = next(filter(None, named), "text")
    lines = sorted(children(region, "TextLine"), key=lambda line: int(_custom(line, "readingOrder", "index") or 0))
    found = tuple(Line(line.get("id", ""), _page_points(line), _page_text(line)) for line in lines)
    text = _page_text(region) or "\n".join(map(_page_text, children(region, "TextRegion") if kind == "formula" else ()))
    return Block(region.get("id", ""), kind, _page_points(region), found, text)


def _custom(element: Element, group: str, name: str) -> str | None:
    """Transkribus keeps what PAGE has no attribute for in `custom="readingOrder {index:0;} structure {type:heading;}"`."""
    inside = element.get("custom", "").partition(f"{group} {{")[2].partition("}")[0]
    fields = dict(part.strip().split(":", 1) for part in inside.split(";") if ":" in part)
    value = fields.get(name, "").strip()
    return value if value and (name != "index" or value.isdecimal()) else None


def _page_points(element: Element) -> tuple[Point, ...]:
    coords = element.find("Coords")
    if coords is None:
        return ()
    if (points := coords.get("points")) is not None:
        return _paired(numbers(points))
    return tuple((number_in(p, "x") or 0.0, number_in(p, "y") or 0.0) for p in children(coords, "Point"))


def _page_text(element: Element) -> str:
    """The best reading (lowest index), else the words."""
    readings = sorted(children(element, "TextEquiv"), key=lambda t: number_in(t, "index") or 0)
    for reading in readings:
        if (text := text_in(reading, "Unicode") or text_in(reading, "PlainText")) is not None:
            return text
    return " ".join(filter(None, map(_page_text, children(element, "Word"))))


# --- ALTO -----------------------------------------------------------------------------------------------------------------


def alto_sheets(root: Element) -> Iterator[Sheet]:
    """The pages of an ALTO file (versions 2 to 4)."""
    unit = root.findtext("Description/MeasurementUnit") or "pixel"
    named = root.findtext("Description/sourceImageInformation/fileName")
    labels = {tag.get("ID", ""): tag.get("LABEL", "") for tag in root.iterfind("Tags/*")}
    group = next(root.iter("OrderedGroup"), None)
    order = {ref.get("REF", ""): rank for rank, ref in enumerate(group.iter("ElementRef"))} if group is not None else {}
    for page in root.iter("Page"):
        blocks = [_alto_block(block, labels, order) for block in page.iter() if block.tag in ("TextBlock", "Illustration")]
        ranks = {
            block.name: min(order.get(n, LAST) for n in (block.name, *(line.name for line in block.lines))) for block in blocks
        }
        blocks.sort(key=lambda block: ranks[block.name])
        yield Sheet(named, _alto_units(page, unit.strip()), tuple(blocks), page.get("LANG"))


def _alto_units(page: Element, unit: str) -> Plane | Size | None:
    """Tenths of millimetres and 1/1200 inches are fractions of the page's own size; pixels are checked against the picture."""
    places = (page, *children(page, "PrintSpace"))
    sizes = (declared_size(number_in(place, "WIDTH"), number_in(place, "HEIGHT")) for place in places)
    size = next(filter(None, sizes), None)
    return size if size is None or unit == "pixel" else Plane(*size, slack=SLACK)


def _alto_block(block: Element, labels: Mapping[str, str], order: Mapping[str, int]) -> Block:
    named = [kind for ref in block.get("TAGREFS", "").split() if (kind := layout_kind(labels.get(ref, "")))]
    kind = "picture" if block.tag == "Illustration" else (named or ["text"])[0]
    lines = [Line(line.get("ID", ""), _alto_points(line), _alto_text(line)) for line in children(block, "TextLine")]
    lines.sort(key=lambda line: order.get(line.name, LAST))
    points = _alto_points(block) or _around([line.points for line in lines])
    return Block(block.get("ID", ""), kind, points, tuple(lines))


def _alto_points(element: Element) -> tuple[Point, ...]:
    """The outline, else the rectangle, else the rectangle around the words."""
    polygon = element.find("Shape/Polygon")
    if polygon is not None and len(outline := _paired(numbers(polygon.get("POINTS")))) > 2:
        return outline
    left, top, width, height = (number_in(element, name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    if None in (left, top, width, height):
        return _around([_alto_points(word) for word in children(element, "String")])
    return ((left or 0.0, top or 0.0), ((left or 0.0) + (width or 0.0), (top or 0.0) + (height or 0.0)))


def _alto_text(line: Element) -> str:
    """Words with spaces where the line has them; where it has none, everywhere but between Chinese or Japanese words."""
    parts = list(children(line, "String", "SP", "HYP"))
    gap = "" if any(part.tag == "SP" for part in parts) else " "
    words = ["".join(" " if part.tag == "SP" else part.get("CONTENT", "") for part in parts)] if not gap else []
    words += [part.get("CONTENT", "") for part in parts if gap and part.tag == "String"]
    hyphen = "".join(part.get("CONTENT", "") for part in parts if gap and part.tag == "HYP")
    joined = "".join(word if n == 0 or _closed(words[n - 1], word) else f"{gap}{word}" for n, word in enumerate(words))
    return " ".join(joined.split()) + hyphen


def _closed(one: str, other: str) -> bool:
    """Han, kana and their punctuation on both sides; Korean has spaces."""
    sides = one[-1:] + other[:1]
    return len(sides) == 2 and all(east_asian_width(c) in "WF" and not "\uac00" <= c <= "\ud7a3" for c in sides)


def _paired(flat: Sequence[float]) -> tuple[Point, ...]:
    return tuple(zip(flat[0::2], flat[1::2], strict=False))


def _around(outlines: Sequence[tuple[Point, ...]]) -> tuple[Point, ...]:
    points = [point for outline in outlines for point in outline]
    if not points:
        return ()
    xs, ys = zip(*points, strict=True)
    return ((min(xs), min(ys)), (max(xs), max(ys)))
