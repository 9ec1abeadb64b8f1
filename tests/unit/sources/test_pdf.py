"""The PDF source: what the picture shows is what the label says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fpdf import FPDF
from fpdf.enums import TextMode
from PIL import Image

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import RegionsTarget, TextTarget, target_text
from ocrtune.options import SourceOptions
from ocrtune.sources.pdf import Pdf

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
CYRILLIC = "Съешь же ещё этих мягких французских булок"


def read(path: Path, unit: str = "line", **options: object) -> tuple[list[Draft], list[Rejected]]:
    records = list(Pdf().read(path, SourceOptions(unit=unit, **options)))  # type: ignore[arg-type]
    return [r for r in records if isinstance(r, Draft)], [r for r in records if isinstance(r, Rejected)]


def texts(drafts: list[Draft]) -> list[str]:
    return [target_text(d.target) or "" for d in drafts]


def saved(pdf: FPDF, folder: Path, name: str = "x.pdf") -> Path:
    pdf.output(str(folder / name))
    return folder / name


def ink(image: object) -> float:
    """Share of dark pixels."""
    assert isinstance(image, Image.Image)
    return float((np.asarray(image.convert("L")) < 128).mean())


def test_lines_are_cut_out_with_their_text(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, CYRILLIC)
    sheet.text(50, 120, "Total: 1 234.50 EUR")
    drafts, rejected = read(saved(sheet, tmp_path))
    assert (texts(drafts), rejected) == ([CYRILLIC, "Total: 1 234.50 EUR"], [])
    assert [d.where.rsplit("x.pdf", 1)[1] for d in drafts] == [" page 1 line 1", " page 1 line 2"]
    assert all(d.group == "x" and ink(d.image) > 0.05 for d in drafts)


def test_a_crop_holds_the_ink_of_its_line_and_two_pixels_of_paper(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "Hamburg")
    ((draft,), _) = read(saved(sheet, tmp_path), dpi=150)
    assert isinstance(draft.image, Image.Image)
    dark = np.argwhere(np.asarray(draft.image.convert("L")) < 200)
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0)
    margins = left, top, draft.image.width - 1 - right, draft.image.height - 1 - bottom
    assert all(1 <= m <= 4 for m in margins), margins


def test_columns_are_not_merged_even_when_written_row_by_row(sheet: FPDF, tmp_path: Path) -> None:
    for row in range(3):
        sheet.text(50, 100 + 16 * row, f"left column row {row}")
        sheet.text(170, 100 + 16 * row, f"right column row {row}")
    drafts, _ = read(saved(sheet, tmp_path))
    assert sorted(texts(drafts)) == sorted([f"{side} column row {row}" for side in ("left", "right") for row in range(3)])


def test_words_painted_one_by_one_are_one_line(sheet: FPDF, tmp_path: Path) -> None:
    left = 50.0
    for word in ("each", "word", "by", "itself"):
        sheet.text(left, 100, word)
        left += sheet.get_string_width(word + " ")
    assert texts(read(saved(sheet, tmp_path))[0]) == ["each word by itself"]


def test_paragraphs_and_titles_are_blocks_of_a_page(sheet: FPDF, tmp_path: Path) -> None:
    sheet.set_font_size(20)
    sheet.text(50, 60, "Заголовок")
    sheet.set_font_size(12)
    for row in range(3):
        sheet.text(50, 100 + 15 * row, f"first paragraph {row}")
    for row in range(2):
        sheet.text(50, 180 + 15 * row, f"second paragraph {row}")
    path = saved(sheet, tmp_path)
    ((page,), _) = read(path, "page")
    assert isinstance(page.target, RegionsTarget)
    assert [(r.kind, r.text.count("\n") + 1) for r in page.target.regions] == [("title", 1), ("text", 3), ("text", 2)]
    first = page.target.regions[1].box
    assert (
        first is not None
        and first.left == pytest.approx(50 / 595.3, abs=0.01)
        and first.top == pytest.approx(91 / 841.9, abs=0.01)
    )
    blocks, _ = read(path, "block")
    assert texts(blocks) == [r.text for r in page.target.regions]


def test_cells_of_a_row_stay_on_one_line_of_the_page(sheet: FPDF, tmp_path: Path) -> None:
    for row, name in enumerate(("Bolt", "Nut")):
        for column, cell in enumerate((name, str(row + 3), "1.50")):
            sheet.text(50 + 120 * column, 100 + 16 * row, cell)
    ((page,), _) = read(saved(sheet, tmp_path), "page")
    assert target_text(page.target) == "Bolt 3 1.50\nNut 4 1.50"


def test_cells_with_a_rule_between_them_are_lines_of_their_own(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "59  t")
    sheet.line(69, 80, 69, 110)
    sheet.text(50, 140, "60  t")
    assert texts(read(saved(sheet, tmp_path))[0]) == ["59", "t", "60 t"]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_rotated_page_is_read_upright(turn: int, sheet: FPDF, tmp_path: Path) -> None:
    with sheet.rotation(turn, 300, 400):
        sheet.text(250, 400, CYRILLIC)
    path = saved(sheet, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"/Type /Page\n", f"/Type /Page\n/Rotate {turn}\n".encode()))
    drafts, rejected = read(path)
    assert (texts(drafts), rejected) == ([CYRILLIC], [])
    assert isinstance(drafts[0].image, Image.Image) and drafts[0].image.width > 10 * drafts[0].image.height


def test_slanted_lines_are_counted_not_cut(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "upright")
    with sheet.rotation(30, 300, 400):
        sheet.text(300, 400, "watermark")
    drafts, (rejected,) = read(saved(sheet, tmp_path))
    assert texts(drafts) == ["upright"]
    assert rejected.why == "1 line of vertical or slanted text"


def test_glyphs_without_unicode_reject_the_page(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, CYRILLIC)
    path = saved(sheet, tmp_path)
    spoilt = path.read_bytes()
    assert b"/ToUnicode" in spoilt
    path.write_bytes(spoilt.replace(b"/ToUnicode", b"/ToNothing"))
    drafts, (rejected,) = read(path, "page")
    assert drafts == [] and "no Unicode" in rejected.why and rejected.where.endswith("x.pdf page 1")


def test_an_invisible_layer_is_trusted_only_when_asked(sheet: FPDF, tmp_path: Path) -> None:
    scan = Image.new("RGB", (400, 100), "white")
    scan.paste((0, 0, 0), (0, 0, 200, 100))
    sheet.image(scan, x=50, y=88, w=240, h=16)
    with sheet.local_context(text_mode=TextMode.INVISIBLE):
        sheet.text(50, 100, "recognised by somebody else")
    path = saved(sheet, tmp_path)
    drafts, (rejected,) = read(path)
    assert drafts == [] and "invisible" in rejected.why
    assert "recognised" in texts(read(path, "page", hidden_text=True)[0])[0]


def test_white_letters_on_white_paper_are_no_truth(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "to be seen")
    sheet.set_text_color(255, 255, 255)
    sheet.text(50, 130, "not to be seen")
    drafts, (rejected,) = read(saved(sheet, tmp_path))
    assert texts(drafts) == ["to be seen"]
    assert "blank or covered" in rejected.why


def test_a_covered_line_is_no_truth(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "open")
    sheet.text(50, 130, "secret")
    sheet.set_fill_color(0, 0, 0)
    sheet.rect(40, 115, 200, 22, style="F")
    assert texts(read(saved(sheet, tmp_path))[0]) == ["open"]


def test_overprinted_lines_are_left_out(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "clean line")
    sheet.text(50, 200, "first layer of two")
    sheet.text(52, 203, "second one on top")
    drafts, rejected = read(saved(sheet, tmp_path))
    assert texts(drafts) == ["clean line"]
    assert "letters of another line" in rejected[0].why


def test_text_outside_the_page_is_no_truth(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "in")
    sheet.text(-400, 120, "far out on the left")
    drafts, rejected = read(saved(sheet, tmp_path), "page")
    assert texts(drafts) == ["in"] and rejected == []


@pytest.mark.parametrize(("stamp", "reason"), [(None, "no text layer"), ("page 1 of 1", "a scan")])
def test_a_picture_of_a_page_has_no_text_layer(stamp: str | None, reason: str, sheet: FPDF, tmp_path: Path) -> None:
    sheet.image(Image.new("RGB", (300, 400), "grey"), x=0, y=0, w=595, h=842)
    if stamp:
        sheet.text(50, 830, stamp)
    drafts, (rejected,) = read(saved(sheet, tmp_path))
    assert drafts == [] and reason in rejected.why


def test_one_bad_page_does_not_lose_the_others(sheet: FPDF, tmp_path: Path) -> None:
    sheet.add_page()
    sheet.text(50, 100, "second page")
    drafts, rejected = read(saved(sheet, tmp_path))
    assert texts(drafts) == ["second page"]
    assert [r.where.rsplit(" ", 2)[1:] for r in rejected] == [["page", "1"]]


def test_hyphens_at_line_ends_and_ligatures_are_plain_letters(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "a hyphen-")
    sheet.text(50, 115, "ated ﬁnal \u00adword\u200b")
    lines = texts(read(saved(sheet, tmp_path))[0])
    assert lines[0] == "a hyphen-" and "final" in lines[1] and "\u200b" not in lines[1]


def test_tags_beside_the_file_reach_every_sample(sheet: FPDF, tmp_path: Path) -> None:
    sheet.text(50, 100, "счёт")
    path = saved(sheet, tmp_path)
    (tmp_path / "x.tags.json").write_text(json.dumps({"language": "ru", "template": "invoice"}))
    (tmp_path / "x.truth.json").write_text("not even JSON, and nobody looks")
    ((draft,), _) = read(path)
    assert (draft.tags, draft.target) == ({"language": "ru", "template": "invoice"}, TextTarget(text="счёт"))


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"%PDF-1.4\ngarbage", "broken"), (b"hello", "not a PDF")])
def test_what_is_no_pdf_is_one_rejected_record(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(content)
    drafts, (rejected,) = read(tmp_path / "x.pdf")
    assert drafts == [] and reason in rejected.why and rejected.where == str(tmp_path / "x.pdf")


def test_a_locked_pdf_is_rejected_with_the_remedy(sheet: FPDF, tmp_path: Path) -> None:
    sheet.set_encryption(owner_password="owner", user_password="user")
    assert "encrypted" in read(saved(sheet, tmp_path))[1][0].why


def test_pdfs_are_claimed_by_suffix_or_by_content(tmp_path: Path) -> None:
    for name, content in (("a.PDF", b""), ("b.bin", b"%PDF-1.7"), ("c.txt", b"text")):
        (tmp_path / name).write_bytes(content)
    assert [Pdf().claims(tmp_path / n) for n in ("a.PDF", "b.bin", "c.txt")] == [True, True, False]


@pytest.mark.skipif(not (SHARED / "docling_eval_cvat_layout").is_dir(), reason="shared/data is not beside the repository")
def test_real_two_column_papers_give_whole_lines() -> None:
    (path, *_) = sorted((SHARED / "docling_eval_cvat_layout" / "case_01").glob("32*.pdf"))
    drafts, _ = read(path)
    lines = texts(drafts)
    assert len(lines) > 250
    assert "muir model according to the correlation coefficient (R2) obtained" in lines
    assert "the adsorption isotherms of PFOS and PFOA on the activated carbon," in lines
    assert max(map(len, lines)) < 160


@pytest.mark.skipif(not (SHARED / "dinglehopper_gt_ocr").is_dir(), reason="shared/data is not beside the repository")
def test_real_scans_without_a_text_layer_are_rejected() -> None:
    for path in sorted((SHARED / "dinglehopper_gt_ocr").rglob("*.pdf")):
        drafts, (rejected,) = read(path)
        assert drafts == [] and "no text layer" in rejected.why
