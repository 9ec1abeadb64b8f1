"""PAGE XML and ALTO: lines and regions in reading order, whole pages or parts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rapidfuzz import fuzz

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Box, BoxesTarget, RegionsTarget, TextTarget
from ocrtune.imaging import open_image
from ocrtune.options import SourceOptions
from ocrtune.sources.pagexml import PageXml

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
PAGE = """<?xml version="1.0"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<Page imageFilename="scans/a.png" imageWidth="200" imageHeight="100" primaryLanguage="Russian">
<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="1" regionRef="body"/>
<RegionRefIndexed index="0" regionRef="top"/></OrderedGroup></ReadingOrder>
<TextRegion id="body" type="paragraph"><Coords points="20,40 180,40 180,90 20,90"/>
 <TextLine id="l2" custom="readingOrder {index:1;}"><Coords points="20,70 180,70 180,90 20,90"/>
  <Word id="w1"><TextEquiv><Unicode>третья</Unicode></TextEquiv></Word><Word id="w2"><TextEquiv><Unicode>строка</Unicode></TextEquiv></Word></TextLine>
 <TextLine id="l1" custom="readingOrder {index:0;}"><Coords points="20,40 180,40 180,60 20,60"/>
  <TextEquiv index="1"><Unicode>хуже</Unicode></TextEquiv><TextEquiv index="0"><Unicode>вторая</Unicode></TextEquiv></TextLine>
</TextRegion>
<TextRegion id="top" type="heading"><Coords points="20,10 100,10 100,30 20,30"/>
 <TextLine id="l0"><Coords points="20,10 100,10 100,30 20,30"/><TextEquiv><Unicode>первая</Unicode></TextEquiv></TextLine>
</TextRegion>
<ImageRegion id="pic"><Coords points="120,10 180,10 180,30 120,30"/></ImageRegion>
<SeparatorRegion id="line"><Coords points="0,35 200,35 200,36 0,36"/></SeparatorRegion>
</Page></PcGts>"""  # noqa: E501
ALTO = """<?xml version="1.0"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v{version}#"><Description><MeasurementUnit>{unit}</MeasurementUnit>
<sourceImageInformation><fileName>a.png</fileName></sourceImageInformation></Description>
<Tags><OtherTag ID="T1" LABEL="Title"/></Tags>
{order}<Layout><Page ID="p" WIDTH="{width}" HEIGHT="{height}"><PrintSpace>
<TextBlock ID="b1" TAGREFS="T1" HPOS="{x}" VPOS="{y}" WIDTH="{w}" HEIGHT="{h}">
 <TextLine ID="l1" HPOS="{x}" VPOS="{y}" WIDTH="{w}" HEIGHT="{h}"><String CONTENT="Итого"/>
 {space}<String CONTENT="12"/></TextLine>
</TextBlock>
<TextBlock ID="b2"><TextLine ID="l2"><Shape><Polygon POINTS="20 50 100 50 100 90 20 90"/></Shape><String CONTENT="низ"/>
<HYP CONTENT="-"/></TextLine></TextBlock>
</PrintSpace></Page></Layout></alto>"""
ORDER = """<ReadingOrder><OrderedGroup ID="g"><ElementRef ID="r1" REF="l2"/><ElementRef ID="r2" REF="l1"/></OrderedGroup>
</ReadingOrder>"""


def alto(**changes: Any) -> str:
    numbers = {"width": 200, "height": 100, "x": 20, "y": 10, "w": 80, "h": 30}
    return ALTO.format(**{"version": 4, "unit": "pixel", "order": "", "space": "<SP/>", **numbers, **changes})


def written(folder: Path, content: str) -> Path:
    Image.linear_gradient("L").resize((200, 100)).save(folder / "a.png")
    (folder / "labels.xml").write_text(content, "utf-8")
    return folder / "labels.xml"


def read(file: Path, **options: Any) -> list[Draft | Rejected]:
    assert PageXml().claims(file)
    return list(PageXml().read(file, SourceOptions(**options)))


def lines(record: Draft | Rejected) -> list[tuple[str, Box]]:
    assert isinstance(record, Draft) and isinstance(record.target, BoxesTarget) and record.task == "detect"
    return [(r.text, r.box) for r in record.target.boxes if r.box]


def test_lines_of_a_page_come_in_reading_order_with_outline_and_best_text(tmp_path: Path) -> None:
    (record,) = read(written(tmp_path, PAGE))
    found = lines(record)
    assert [text for text, _ in found] == ["первая", "вторая", "третья строка"]
    assert found[0][1] == Box(left=0.1, top=0.1, right=0.5, bottom=0.3, polygon=((0.1, 0.1), (0.5, 0.1), (0.5, 0.3), (0.1, 0.3)))
    assert isinstance(record, Draft) and record.tags == {"language": "Russian"} and not record.problems


def test_regions_of_a_page_have_layout_kinds_and_the_text_of_their_lines(tmp_path: Path) -> None:
    (record,) = read(written(tmp_path, PAGE), objects="regions")
    assert isinstance(record, Draft) and record.task == "layout" and isinstance(record.target, RegionsTarget)
    assert [(r.kind, r.text) for r in record.target.regions] == [
        ("section-header", "первая"),
        ("text", "вторая\nтретья строка"),
        ("picture", ""),
    ]


def test_lines_and_blocks_are_cut_out_of_the_picture_with_their_text(tmp_path: Path) -> None:
    file = written(tmp_path, PAGE)
    cut = [record for record in read(file, unit="line") if isinstance(record, Draft)]
    assert [record.target for record in cut] == [TextTarget(text=t) for t in ("первая", "вторая", "третья строка")]
    first = cut[0].image
    assert not isinstance(first, Path) and first.tobytes() == open_image(tmp_path / "a.png").crop((20, 10, 100, 30)).tobytes()
    assert len({record.where for record in cut}) == 3 and {record.group for record in cut} == {"a.png"}
    *blocks, rest = read(file, unit="block")
    assert [record.target for record in blocks if isinstance(record, Draft)] == [
        TextTarget(text="первая"),
        TextTarget(text="вторая\nтретья строка"),
    ]
    assert isinstance(rest, Rejected) and rest.why == "1 of 3 without a text"


def test_points_of_old_page_files_are_elements(tmp_path: Path) -> None:
    corners = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in ((20, 10), (100, 10), (100, 30)))
    old = PAGE.replace('<Coords points="20,10 100,10 100,30 20,30"/>', f"<Coords>{corners}</Coords>")
    assert lines(read(written(tmp_path, old))[0])[0][1].to_pixels(200, 100) == pytest.approx((20, 10, 100, 30))


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("space", ["<SP/>", ""])
def test_alto_lines_have_rectangle_or_outline_and_their_words(version: int, space: str, tmp_path: Path) -> None:
    (record,) = read(written(tmp_path, alto(version=version, space=space)))
    found = lines(record)
    assert [text for text, _ in found] == ["Итого 12", "низ-"]
    assert found[0][1] == Box(left=0.1, top=0.1, right=0.5, bottom=0.4) and found[1][1].polygon is not None


def test_alto_in_tenths_of_millimetres_is_a_fraction_of_its_page(tmp_path: Path) -> None:
    (record,) = read(written(tmp_path, alto(unit="mm10", width=2000, height=1000, x=200, y=100, w=800, h=300)))
    assert lines(record)[0][1] == Box(left=0.1, top=0.1, right=0.5, bottom=0.4)


def test_alto_reading_order_and_tags_are_heeded(tmp_path: Path) -> None:
    file = written(tmp_path, alto(order=ORDER))
    assert [text for text, _ in lines(read(file)[0])] == ["низ-", "Итого 12"]
    (record,) = read(file, objects="regions")
    assert isinstance(record, Draft) and isinstance(record.target, RegionsTarget)
    assert [r.kind for r in record.target.regions] == ["text", "title"]


@pytest.mark.parametrize("value", ["", "nan", "inf", "-5", "1e400", "x,y", "9" * 400])
def test_numbers_that_are_none_leave_a_sample_or_a_reason(value: str, tmp_path: Path) -> None:
    pages = [
        PAGE.replace('imageWidth="200"', f'imageWidth="{value}"'),
        PAGE.replace("20,10 100,10", f"{value},10 100,10"),
        PAGE.replace('index="1"', f'index="{value}"').replace("index:1", f"index:{value}"),
        alto(width=value),
        alto(x=value, unit="mm10"),
    ]
    for content in pages:
        for options in ({}, {"objects": "regions"}, {"unit": "line"}):
            assert read(written(tmp_path, content), **options)


def test_regions_nested_without_end_are_refused(tmp_path: Path) -> None:
    deep = "<TextRegion>" * 5000 + "</TextRegion>" * 5000
    (record,) = read(written(tmp_path, f"<PcGts><Page>{deep}</Page></PcGts>"))
    assert isinstance(record, Rejected) and "without end" in record.why


@pytest.mark.parametrize("content", ["<PcGts/>", "<alto/>"])
def test_a_file_without_a_page_says_so(content: str, tmp_path: Path) -> None:
    (record,) = read(written(tmp_path, content))
    assert isinstance(record, Rejected) and "no page" in record.why


@pytest.mark.skipif(not (SHARED / "kraken_page_alto").is_dir(), reason="shared/data is not beside the repository")
def test_real_page_and_alto_files_are_read_whole() -> None:
    folder = SHARED / "kraken_page_alto"
    counts = {
        "170025120000003,0074.xml": 44,
        "170025120000003,0074-lite.xml": 5,
        "page/cPAS-2000.xml": 97,
        "alto/bsb00084914_00007.xml": 31,
        "merge_tests/0014.xml": 2,
    }
    found = {name: read(folder / name)[0] for name in counts}
    assert {name: len(record.labels or ()) for name, record in found.items()} == counts
    page = found["170025120000003,0074.xml"]
    assert [text for text, _ in lines(page)][:2] == ["$pag:39", "$-nor su hijo, De todos sus bienes, con los pactos"]
    assert isinstance(page, Draft) and page.image == folder / "170025120000003,0074.jpg" and not page.problems


@pytest.mark.skipif(not (SHARED / "dinglehopper_gt_ocr").is_dir(), reason="shared/data is not beside the repository")
def test_page_and_alto_of_the_same_scan_hold_the_same_text(tmp_path: Path) -> None:
    """The truth has its text at the region, the OCR output in words; the good scan was read without an error but one line."""
    texts = []
    for kind in ("gt.page", "ocr.tesseract.alto"):
        file = SHARED / "dinglehopper_gt_ocr" / "lorem-ipsum" / f"lorem-ipsum-scan.{kind}.xml"
        Image.new("L", (827, 1169)).save(tmp_path / f"{file.stem}.png")
        (record,) = read(Path(shutil.copy(file, tmp_path)), objects="regions")
        assert isinstance(record, Draft) and isinstance(record.target, RegionsTarget)
        texts.append("\n".join(region.text for region in record.target.regions if region.text))
    assert len(texts[0].split()) == 100 and len(texts[0].splitlines()) == len(texts[1].splitlines()) == 7
    assert fuzz.ratio(*texts) > 99
