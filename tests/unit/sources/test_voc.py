"""VOC and quadrilateral XML: boxes on the upright picture, and the defects of labels by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Box, BoxesTarget, Region, Size
from ocrtune.options import SourceOptions
from ocrtune.sources._objects import TURNS, Mark, Plane, place
from ocrtune.sources.voc import Voc

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "ocrdet_msra_mtwi"
CORNERS = "<bndbox><xmin>20</xmin><ymin>10</ymin><xmax>100</xmax><ymax>40</ymax></bndbox>"
QUAD = "<bndbox><x0>20</x0><y0>10</y0><x1>100</x1><y1>20</y1><x2>100</x2><y2>50</y2><x3>20</x3><y3>40</y3></bndbox>"


def thing(name: str = "слово", box: str = CORNERS, difficult: int = 0) -> str:
    return f"<object><name>{name}</name><difficult>{difficult}</difficult>{box}</object>"


def corners(*values: float) -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    return "<bndbox>" + "".join(f"<{n}>{v}</{n}>" for n, v in zip(names, values, strict=True)) + "</bndbox>"


def labels(
    folder: Path, *things: str, size: tuple[int, int] | None = (200, 100), name: str = "a.xml", filename: str = ""
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    said = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    named = f"<filename>{filename}</filename>" if filename else ""
    file = folder / name
    file.write_text(f"<?xml version='1.0'?><annotation>{named}{said}{''.join(things)}</annotation>", "utf-8")
    return file


def picture(file: Path, size: tuple[int, int] = (200, 100), orientation: int | None = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", size, "white").save(file, exif=exif)
    return file


def one(file: Path) -> Draft | Rejected:
    assert Voc().claims(file)
    (record,) = Voc().read(file, SourceOptions())
    return record


def draft(file: Path) -> Draft:
    record = one(file)
    assert isinstance(record, Draft), record
    return record


def boxes(found: Draft) -> tuple[Region, ...]:
    assert isinstance(found.target, BoxesTarget) and found.task == "detect"
    return found.target.boxes


def kinds(record: Draft | Rejected) -> list[str]:
    return [problem.kind for problem in record.problems]


def test_corners_become_fractions_of_the_picture(tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    found = draft(labels(tmp_path, thing()))
    assert boxes(found) == (Region(text="слово", box=Box(left=0.1, top=0.1, right=0.5, bottom=0.4)),)
    assert (found.image, found.group, found.problems, found.labels) == (image, "a.png", (), ("слово",))


def test_a_quadrilateral_keeps_its_points_in_the_box_around_them(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (region,) = boxes(draft(labels(tmp_path, thing(box=QUAD))))
    points = ((0.1, 0.1), (0.5, 0.2), (0.5, 0.5), (0.1, 0.4))
    assert region.box == Box(left=0.1, top=0.1, right=0.5, bottom=0.5, polygon=points)


def test_difficult_and_unreadable_objects_are_ignored_and_only_undeclared_ones_a_defect(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    found = draft(labels(tmp_path, thing(), thing("###", difficult=1), thing("###"), thing("blurred", difficult=1)))
    assert isinstance(found.target, BoxesTarget)
    assert [r.text for r in found.target.boxes] == ["слово"]
    assert [r.text for r in found.target.ignored] == ["###", "###", "blurred"]
    assert kinds(found) == ["ignored-label"]


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        (corners(20, 10, 100, 10), "zero-area-box"),
        (corners(20, 10, 20, 40), "zero-area-box"),
        (corners("nan", 10, 20, 40), "unreadable-box"),  # type: ignore[arg-type]
        (corners("left", 10, 20, 40), "unreadable-box"),  # type: ignore[arg-type]
        ("<bndbox><xmin>1</xmin></bndbox>", "unreadable-box"),
        ("", "unreadable-box"),
        (corners(300, 10, 400, 40), "outside"),
    ],
)
def test_a_box_that_is_none_is_left_out_by_name_and_never_alone_a_sample(box: str, kind: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    found = draft(labels(tmp_path, thing(), thing("broken", box)))
    assert [r.text for r in boxes(found)] == ["слово"] and kinds(found) == [kind]
    assert "broken" in found.problems[0].detail and found.labels == ("слово", "broken")
    alone = one(labels(tmp_path, thing("broken", box)))
    assert isinstance(alone, Rejected) and f"none of its 1 boxes can be used: 1 {kind}" in alone.why


def test_exchanged_corners_are_put_in_order_and_what_is_outside_is_cut(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    found = draft(labels(tmp_path, thing(box=corners(100, 40, 20, 10)), thing(box=corners(100, 50, 260, 101))))
    assert [r.box for r in boxes(found)] == [
        Box(left=0.1, top=0.1, right=0.5, bottom=0.4),
        Box(left=0.5, top=0.5, right=1, bottom=1),
    ]
    assert kinds(found) == ["out-of-order", "outside"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_of_the_stored_raster_are_turned_with_the_picture(orientation: int, tmp_path: Path) -> None:
    """The marked pixel is where the box is, once Pillow has turned the picture."""
    stored = Image.new("RGB", (200, 100), "white")
    stored.paste((0, 0, 0), (20, 10, 100, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    turned = TURNS[orientation]
    with Image.open(tmp_path / "a.png") as opened:
        upright = ImageOps.exif_transpose(opened).convert("L")
    dark = upright.point(lambda value: 255 * (value < 128)).getbbox()
    mark = Mark(((20, 10), (100, 40)), text="x")
    (region,) = place([mark], Plane(200, 100, turn=orientation)).regions
    assert region.box is not None and dark == tuple(round(v) for v in region.box.to_pixels(*upright.size))
    assert turned(0.5, 0.5) == (0.5, 0.5)
    found = draft(labels(tmp_path, thing()))
    if orientation >= 5:  # the declared size says that the labels are those of the raster
        assert boxes(found)[0].box == region.box
    assert kinds(found) == ([] if orientation == 1 else ["orientation"])


def test_labels_of_the_upright_picture_stay_as_they_are(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", (100, 200), orientation=6)
    found = draft(labels(tmp_path, thing()))
    assert boxes(found)[0].box == Box(left=0.1, top=0.1, right=0.5, bottom=0.4) and not found.problems


def test_a_declared_size_with_sides_exchanged_is_named_and_refused_where_the_boxes_do_not_fit(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    fits = draft(labels(tmp_path, thing(), size=(100, 200)))
    assert kinds(fits) == ["orientation"] and boxes(fits)[0].box == Box(left=0.1, top=0.1, right=0.5, bottom=0.4)
    turned = one(labels(tmp_path, thing(box=corners(10, 120, 40, 180)), size=(100, 200)))
    assert isinstance(turned, Rejected) and "turned by a quarter" in turned.why and "orientation" in kinds(turned)


def test_labels_of_a_scaled_picture_are_scaled_and_it_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (400, 200))
    found = draft(labels(tmp_path, thing()))
    assert boxes(found)[0].box == Box(left=0.1, top=0.1, right=0.5, bottom=0.4) and kinds(found) == ["other-size"]


def test_the_picture_has_exactly_the_stem_even_where_another_begins_alike(tmp_path: Path) -> None:
    picture(tmp_path / "scan_10.png", (10, 10))
    image = picture(tmp_path / "scan_1.png")
    assert draft(labels(tmp_path, thing(), name="scan_1.xml")).image == image


def test_pictures_are_found_in_the_usual_folders_by_stem_then_by_the_name_inside(tmp_path: Path) -> None:
    by_stem = picture(tmp_path / "images" / "a.jpg")
    by_name = picture(tmp_path / "images" / "other.jpg")
    stem = draft(labels(tmp_path / "annotations", thing(), filename="other.jpg"))
    assert stem.image == by_stem and kinds(stem) == ["other-picture"]
    named = draft(labels(tmp_path / "annotations", thing(), name="b.xml", filename=r"C:\data\other.jpg"))
    assert named.image == by_name and not named.problems


def test_a_missing_picture_does_not_keep_the_labels_from_being_judged(tmp_path: Path) -> None:
    record = one(labels(tmp_path, thing(), thing("flat", corners(20, 10, 100, 10))))
    assert isinstance(record, Rejected) and "no such image" in record.why
    assert kinds(record) == ["zero-area-box", "missing-picture"] and record.labels == ("слово", "flat")


def test_a_picture_without_objects_is_a_negative_example_and_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    found = draft(labels(tmp_path))
    assert boxes(found) == () and kinds(found) == ["no-objects"]


def test_the_word_text_in_place_of_a_transcript_is_not_learnt(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    assert [(r.kind, r.text) for r in boxes(draft(labels(tmp_path, thing("text"))))] == [("text", "")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<annotation><object>", "broken file"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>', "entities"),
        ('<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><annotation>&y;</annotation>', "entities"),
    ],
)
def test_broken_and_hostile_xml_is_refused(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(content)
    record = one(tmp_path / "a.xml")
    assert isinstance(record, Rejected) and reason in record.why


@pytest.mark.parametrize("content", ["<alto/>", "not xml <annotation>", '{"annotation": 1}', ""])
def test_other_files_are_not_claimed(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(content)
    assert not Voc().claims(tmp_path / "a.xml")


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=0, max_size=6), st.sampled_from(sorted(TURNS)))
def test_any_points_give_a_box_on_the_picture_or_a_named_problem(points: list[tuple[float, float]], turn: int) -> None:
    placed = place([Mark(tuple(points), text="x")], Plane(*Size(640, 480), slack=1.0, turn=turn))
    assert placed.regions or placed.problems
    for region in placed.regions:
        assert region.box is not None and region.box.left < region.box.right and region.box.top < region.box.bottom


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not beside the repository")
def test_every_published_quadrilateral_finds_its_picture() -> None:
    found = [draft(file) for file in sorted((SHARED / "annotations").glob("*.xml"))]
    targets = [record.target for record in found if isinstance(record.target, BoxesTarget)]
    assert len(targets) == 50 and all(Path(str(record.image)).stem == Path(record.where).stem for record in found)
    assert (sum(len(t.boxes) for t in targets), sum(len(t.ignored) for t in targets)) == (510, 150)
    assert {record.tags["type"] for record in found} == {"MSRA-TD500", "MTWI-2018"}
