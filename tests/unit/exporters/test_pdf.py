"""What readers of the searchable PDF see, search and copy, told by two programs that know nothing of each other."""

from __future__ import annotations

import io
import re
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2
import pytest
from fpdf import FPDF
from PIL import Image
from scans import LINES, as_document, drawn, exported, found, jpeg, pdfium_text, pixels, poppler_text

from ocrtune.core import Box, Document, ImageRef, Ledger, Page, Region, Word
from ocrtune.errors import InputError
from ocrtune.exporters import _raster
from ocrtune.exporters.pdf import SearchablePdf
from ocrtune.imaging import open_image
from ocrtune.rendering import picture, unlock

WHOLE = Box(left=0, top=0, right=1, bottom=1)


def searchable(document: Document) -> bytes:
    return exported(SearchablePdf, document)["scan.pdf"]


def scan_pdf(path: Path, language: str = "en", *, pages: int = 1, before: str = "") -> Document:
    """A PDF of scans as scanners make them, and what an engine read on its pages."""
    scan = drawn(language)
    pdf = FPDF(unit="pt", format=(595, 421))
    for _ in range(pages):
        pdf.add_page()
        pdf.image(io.BytesIO(jpeg(scan.image)), 0, 0, 595, 421)
    pdf.output(str(path))
    refs = [ImageRef(path=str(path), page=n, width=1240, height=877) for n in range(1, pages + 1)]
    read = [Page(number=n, width=1240, height=877, image=ref, regions=scan.regions) for n, ref in enumerate(refs, 1)]
    return Document(source=str(path), pages=tuple(read))


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LINES)
def test_both_readers_copy_the_text_without_a_wrong_letter(language: str, tmp_path: Path) -> None:
    scan = drawn(language)
    file = tmp_path / "scan.jpg"
    file.write_bytes(jpeg(scan.image, dpi=(150, 150)))
    made = searchable(as_document(file, scan.regions, scan.image.size))
    assert pdfium_text(made) == [scan.text]
    assert poppler_text(made, tmp_path) == [scan.text]


@pytest.mark.parametrize("language", LINES)
def test_a_search_finds_each_word_where_it_stands(language: str, tmp_path: Path) -> None:
    scan = drawn(language)
    file = tmp_path / "scan.jpg"
    file.write_bytes(jpeg(scan.image))
    made = searchable(as_document(file, scan.regions, scan.image.size))
    words = [word for word in scan.regions[0].words or () if scan.text.count(word.text) == 1]
    assert len(words) >= 10
    for word in words:
        (place,) = found(made, word.text)
        expected = word.box.to_pixels(1, 1)
        assert np.abs(np.subtract(place, expected)).max() < 0.003, word.text


def test_characters_above_the_basic_plane_are_copied(tmp_path: Path) -> None:
    text = "𠮷野家 🦊 costs 𝑥 ≠ 𝒚"
    file = tmp_path / "scan.png"
    Image.new("L", (800, 200), 255).save(file)
    made = searchable(as_document(file, (Region(text=text, box=Box(left=0.1, top=0.2, right=0.9, bottom=0.4)),), (800, 200)))
    assert pdfium_text(made) == [text]
    assert poppler_text(made, tmp_path) == [text]


def test_more_rare_characters_than_a_font_has_codes_are_copied_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("L", (800, 800), 255).save(file)
    texts = ["".join(chr(0x20000 + 1500 * n + i) for i in range(1500)) for n in range(3)]
    ref = ImageRef(path=str(file), width=800, height=800)
    pages = [
        Page(number=n, width=800, height=800, image=ref, regions=(Region(text=t, box=WHOLE),)) for n, t in enumerate(texts, 1)
    ]
    made = searchable(Document(source="x", pages=tuple(pages)))
    assert ["".join(text.split()) for text in pdfium_text(made)] == texts


def test_a_region_without_words_is_spread_over_its_box(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("L", (1000, 1000), 255).save(file)
    text = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness"
    box = Box(left=0.5, top=0.1, right=0.9, bottom=0.3)
    made = searchable(as_document(file, (Region(text=f"**{text}**", markup="markdown", box=box),), (1000, 1000)))
    assert pdfium_text(made)[0].split() == text.split()
    for word in ("best", "wisdom", "foolishness"):
        left, top, right, bottom = found(made, word)[0]
        assert box.left - 0.01 <= left < right <= box.right + 0.01
        assert box.top - 0.01 <= top < bottom <= box.bottom + 0.01
    assert found(made, "best")[0][1] < found(made, "foolishness")[0][1]


def test_cells_of_a_table_are_found_in_their_columns(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("L", (1000, 1000), 255).save(file)
    table = "<table><tr><th>Ship</th><th>Tons</th></tr><tr><td>Alma</td><td>410</td></tr></table>"
    box = Box(left=0.2, top=0.2, right=0.8, bottom=0.4)
    made = searchable(as_document(file, (Region(kind="table", text=table, markup="html", box=box),), (1000, 1000)))
    assert pdfium_text(made)[0].split() == ["Ship", "Tons", "Alma", "410"]
    assert found(made, "Tons")[0][0] == pytest.approx(0.5, abs=0.01) == found(made, "410")[0][0]
    assert found(made, "Alma")[0][1] > 0.3 > found(made, "Ship")[0][1]


def test_text_without_a_box_is_on_its_page_at_least(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("L", (1000, 1400), 255).save(file)
    made = searchable(as_document(file, (Region(text="one line\nand another"), Region(text="a third")), (1000, 1400)))
    assert pdfium_text(made) == ["one line\nand another\na third"]


def test_columns_of_vertical_text_are_copied_downwards_from_right_to_left(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("L", (1000, 1000), 255).save(file)
    words = []
    for column, text in enumerate(("春眠不覺曉", "處處聞啼鳥")):
        left = 800 - 80 * column
        boxes = [(left, 100 + 70 * row, left + 60, 160 + 70 * row) for row in range(len(text))]
        words += [Word(text=c, box=Box.from_pixels(b, 1000, 1000)) for c, b in zip(text, boxes, strict=True)]
    made = searchable(as_document(file, (Region(text="", words=tuple(words), box=WHOLE),), (1000, 1000)))
    assert pdfium_text(made)[0].split() == ["春眠不覺曉", "處處聞啼鳥"]
    assert found(made, "不")[0] == pytest.approx((0.8, 0.24, 0.86, 0.30), abs=0.012)
    column = Word(text="夜來風雨聲", box=Box.from_pixels((640, 100, 700, 440), 1000, 1000))
    made = searchable(as_document(file, (Region(words=(column,)),), (1000, 1000)))
    assert pdfium_text(made)[0].split() == ["夜來風雨聲"] == poppler_text(made, tmp_path)[0].split()
    assert found(made, "風")[0][1] == pytest.approx(0.236, abs=0.02)


@pytest.mark.parametrize("words", [["שלום", "עולם", "טוב"], ["مرحبا", "بالعالم", "الجميل"]])
def test_text_from_right_to_left_is_copied_and_found_as_it_is_typed(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("L", (1000, 300), 255).save(file)
    boxes = [Box(left=0.75 - 0.2 * n, right=0.9 - 0.2 * n, top=0.3, bottom=0.5) for n in range(len(words))]
    placed = tuple(Word(text=text, box=box) for text, box in zip(words, boxes, strict=True))
    spread = Region(text=" ".join(words), box=Box(left=0.1, right=0.9, top=0.3, bottom=0.5))
    for region in (Region(words=placed), spread):
        made = searchable(as_document(file, (region,), (1000, 300)))
        assert pdfium_text(made)[0].split() == words
        assert re.sub("[\u202a-\u202c]", "", poppler_text(made, tmp_path)[0]).split() == words
    made = searchable(as_document(file, (Region(words=placed),), (1000, 300)))
    assert found(made, words[1])[0] == pytest.approx(boxes[1].to_pixels(1, 1), abs=0.003)


def test_words_of_a_slanting_scan_lie_along_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("L", (1000, 1000), 255).save(file)
    words = []
    for number, text in enumerate(("slanting", "words", "here")):
        x, y = 100 + 220 * number, 100 + 22 * number
        corners = ((x, y), (x + 200, y + 20), (x + 196, y + 60), (x - 4, y + 40))
        box = Box.from_pixels((x - 4, y, x + 200, y + 60), 1000, 1000)
        words.append(Word(text=text, box=box.model_copy(update={"polygon": tuple((a / 1000, b / 1000) for a, b in corners)})))
    made = searchable(as_document(file, (Region(words=tuple(words)),), (1000, 1000)))
    assert pdfium_text(made) == ["slanting words here"] == [" ".join(text.split()) for text in poppler_text(made, tmp_path)]
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert b"0.99504 -0.0995" in pdf.pages[0].Contents[0].read_bytes()


# --- pages that are turned or cut -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, [50, 40, 500, 400]])
def test_on_turned_and_cropped_pages_words_are_found_where_they_are_seen(
    rotate: int, crop: list[int] | None, tmp_path: Path
) -> None:
    file = tmp_path / "scan.pdf"
    scan_pdf(file)
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        pdf.pages[0].obj.MediaBox = pikepdf.Array([0, 0, 595, 421])
        pdf.pages[0].obj.Rotate = rotate
        if crop:
            pdf.pages[0].obj.CropBox = pikepdf.Array(crop)
        pdf.save(file)
    width, height = pypdfium2.PdfDocument(file)[0].get_size()
    size = (round(width * 2), round(height * 2))
    word = Word(text="harbour", box=Box(left=0.3, top=0.2, right=0.5, bottom=0.25))
    document = as_document(file, (Region(words=(word,)),), size, page=1)
    made = searchable(document)
    assert found(made, "harbour")[0] == pytest.approx((0.3, 0.2, 0.5, 0.25), abs=0.003)
    assert (pixels(made) == pixels(file.read_bytes())).all()


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_was_turned_to_be_read_is_shown_upright(turn: int, tmp_path: Path) -> None:
    scan = drawn("en")
    lying = scan.image.rotate(turn, expand=True)  # counterclockwise
    file = tmp_path / "scan.pdf"
    pdf = FPDF(unit="pt", format=(lying.width / 2, lying.height / 2))
    pdf.add_page()
    pdf.image(io.BytesIO(jpeg(lying)), 0, 0, lying.width / 2, lying.height / 2)
    pdf.output(str(file))
    photo = tmp_path / "scan.jpg"
    photo.write_bytes(jpeg(lying))
    for source, extra in ((file, {"page": 1}), (photo, {})):
        document = as_document(source, scan.regions, scan.image.size, turn=turn, **extra)
        made = searchable(document)
        assert found(made, "harbour")[0] == pytest.approx(scan.regions[0].words[1].box.to_pixels(1, 1), abs=0.003)
        shown = pypdfium2.PdfDocument(made)[0].render(scale=1.0).to_pil().convert("L").resize((310, 219))
        upright = picture(document.pages[0].image).convert("L").resize((310, 219))
        assert np.abs(np.asarray(shown, float) - np.asarray(upright, float)).mean() < 3
        assert pdfium_text(made) == [scan.text]


# --- pixels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_lie_in_the_pdf_byte_for_byte_and_upright(orientation: int, tmp_path: Path) -> None:
    image = Image.effect_noise((60, 40), 80).convert("RGB").resize((240, 160))
    image.paste((255, 0, 0), (0, 0, 60, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / "photo.jpg"
    file.write_bytes(jpeg(image, exif=exif, dpi=(72, 72), subsampling=0))
    upright = open_image(file)
    made = searchable(as_document(file, (), upright.size))
    assert file.read_bytes() in made
    shown = pypdfium2.PdfDocument(made)[0]
    assert shown.get_size() == pytest.approx(upright.size, abs=0.1)
    assert np.abs(np.asarray(shown.render(scale=1).to_pil().convert("RGB"), float) - np.asarray(upright, float)).mean() < 2


KINDS = "RGB.png L.png P.png 1.png RGBA.png I;16.png LA.png RGB.bmp RGB.webp 1.tif L.tif RGB.tif CMYK.tif P.gif L.jpg RGB.jpg"


@pytest.mark.parametrize("kind", [*KINDS.split(), "CMYK.jpg"])
def test_every_kind_of_picture_keeps_its_pixels(kind: str, tmp_path: Path) -> None:
    mode, suffix = kind.split(".")
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((32, 32), Image.Resampling.BOX).resize((64, 64), Image.Resampling.NEAREST)
    image = Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(noise[:, :, 1]))
    file = tmp_path / f"x.{suffix}"
    image.save(file, **({"lossless": True} if suffix == "webp" else {"quality": 95} if suffix == "jpg" else {}))
    shown = pypdfium2.PdfDocument(searchable(as_document(file, (), image.size)))[0]
    assert shown.get_width() == shown.get_height()
    large = shown.render(scale=640 / shown.get_width()).to_pil().convert("RGB").crop((0, 0, 640, 640))
    seen = open_image(file).resize((640, 640), Image.Resampling.NEAREST)
    middles = np.s_[5::10, 5::10]
    difference = np.abs(np.asarray(large, float)[middles] - np.asarray(seen, float)[middles])
    assert difference.mean() < (20 if mode == "CMYK" else 6)  # programs differ in how they smooth, and how ink becomes light


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000)])
def test_a_picture_of_any_shape_becomes_a_page_that_a_pdf_may_have(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("L", size, 90).save(tmp_path / "strip.png", dpi=(10, 10))
    with pikepdf.open(io.BytesIO(searchable(as_document(tmp_path / "strip.png", (), size)))) as made:
        _, _, width, height = (float(value) for value in made.pages[0].mediabox)
    assert 3 <= width <= 14_400 and 3 <= height <= 14_400


def test_a_black_and_white_scan_becomes_no_larger_than_a_fax(tmp_path: Path) -> None:
    scan = drawn("en").image.convert("1", dither=Image.Dither.NONE)
    file = tmp_path / "scan.tif"
    scan.save(file, compression="tiff_lzw", dpi=(204, 98))
    made = searchable(as_document(file, (), scan.size))
    assert len(made) < file.stat().st_size
    with pikepdf.open(io.BytesIO(made)) as pdf:
        (image,) = pdf.pages[0].get_images().values()
        assert image.Filter == pikepdf.Name.CCITTFaxDecode
        assert (np.asarray(pikepdf.PdfImage(image).as_pil_image().convert("1")) == np.asarray(scan)).all()
    assert pypdfium2.PdfDocument(made)[0].get_size() == pytest.approx((1240 / 204 * 72, 877 / 98 * 72), abs=0.1)


def test_frames_of_a_tiff_are_pages_of_their_own(tmp_path: Path) -> None:
    frames = [Image.new("L", (300, 200 + 50 * n), 60 * n) for n in range(3)]
    file = tmp_path / "fax.tif"
    frames[0].save(file, save_all=True, append_images=frames[1:], dpi=(100, 100))
    refs = [ImageRef(path=str(file), page=n + 1, width=f.width, height=f.height) for n, f in enumerate(frames)]
    pages = [Page(number=n, image=ref, regions=(Region(text=f"frame {n}"),)) for n, ref in enumerate(refs, 1)]
    made = searchable(Document(source=str(file), pages=tuple(pages)))
    assert pdfium_text(made) == ["frame 1", "frame 2", "frame 3"]
    assert [pixels(made, n)[70, 100, 0] for n in range(3)] == [0, 60, 120]


# --- PDFs that were there ---------------------------------------------------------------------------------------------


def test_a_page_that_failed_is_still_there_and_all_pixels_are_as_before(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file, pages=3)
    broken = document.pages[1].model_copy(update={"regions": (), "problems": ("the server hung up",)})
    made = searchable(document.model_copy(update={"pages": (document.pages[0], broken, document.pages[2])}))
    assert [bool(text) for text in pdfium_text(made)] == [True, False, True]
    before = file.read_bytes()
    assert all((pixels(made, n) == pixels(before, n)).all() for n in range(3))


def test_images_of_a_pdf_are_not_encoded_again(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    made = searchable(scan_pdf(file))
    streams = []
    for source in (file, io.BytesIO(made)):
        with pikepdf.open(source) as pdf:
            (image,) = pdf.pages[0].get_images().values()
            streams.append(image.read_raw_bytes())
    assert streams[0] == streams[1]


def test_only_the_pages_that_were_asked_for_under_their_own_numbers(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file, pages=5)
    made = searchable(document.model_copy(update={"pages": (document.pages[1], document.pages[2], document.pages[4])}))
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert [page.label for page in pdf.pages] == ["2", "3", "5"]


def test_the_invisible_text_of_an_earlier_reading_makes_room_for_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file, pages=2)
    first = [page.model_copy(update={"regions": (Region(text="vvr0ng w0rds"),)}) for page in document.pages]
    file.write_bytes(searchable(document.model_copy(update={"pages": tuple(first)})))
    assert pdfium_text(file.read_bytes()) == ["vvr0ng w0rds"] * 2
    kept = document.pages[1].model_copy(update={"ledger": Ledger(engine="textlayer")})
    made = searchable(document.model_copy(update={"pages": (document.pages[0], kept)}))
    assert pdfium_text(made) == ["\n".join(LINES["en"]), "vvr0ng w0rds"]


def test_invisible_text_inside_of_a_form_goes_too_and_painted_text_stays(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file)
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        font = pdf.make_indirect(
            pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        )
        content = b"BT /F 9 Tf 3 Tr 10 300 Td (old 0CR) Tj 0 Tr 0 -200 Td (Bates 0042) Tj ET"
        form = pdf.make_stream(
            content, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=pikepdf.Array([0, 0, 595, 421])
        )
        form.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        pdf.pages[0].Resources.XObject.Layer = form
        pdf.pages[0].contents_add(b"\n/Layer Do\n")
        pdf.save(file)
    text = pdfium_text(searchable(document))[0]
    assert "old" not in text
    assert "Bates 0042" in text
    assert "harbour" in text


def test_words_that_a_page_shows_as_text_are_not_written_twice(tmp_path: Path) -> None:
    file = tmp_path / "born.pdf"
    pdf = FPDF(unit="pt", format="A4")
    pdf.add_page()
    pdf.set_font("helvetica", size=14)
    pdf.text(72, 100, "Real text of the page")
    pdf.output(str(file))
    shown = Word(text="Real", box=Box.from_pixels((72, 88, 102, 104), 595, 842))
    drawing = Word(text="drawn", box=Box.from_pixels((300, 500, 400, 520), 595, 842))
    document = as_document(file, (Region(words=(shown,)), Region(words=(drawing,))), (595, 842), page=1)
    text = pdfium_text(searchable(document))[0]
    assert text.count("Real") == 1
    assert "drawn" in text


def test_the_same_document_makes_the_same_file(tmp_path: Path) -> None:
    document = scan_pdf(tmp_path / "scan.pdf")
    assert searchable(document) == searchable(document)


def test_a_picture_that_is_gone_leaves_an_empty_page(tmp_path: Path) -> None:
    made = searchable(as_document(tmp_path / "gone.jpg", (), (100, 100)))
    assert pdfium_text(made) == [""]


def test_pictures_that_only_the_renderer_knows_are_embedded_as_they_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = drawn("en")
    file = tmp_path / "scan.png"
    scan.image.save(file)

    def unknown(*_: object) -> None:
        raise InputError("HEIC")

    monkeypatch.setattr(_raster, "raster", unknown)
    made = searchable(as_document(file, scan.regions, (620, 438)))
    assert pdfium_text(made) == [scan.text]
    assert abs(int(pixels(made)[300, 400].sum()) - sum((250, 247, 240))) < 9


def test_a_pdf_that_cannot_be_edited_is_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = scan_pdf(tmp_path / "scan.pdf")
    monkeypatch.setattr(pikepdf, "open", _refuse)
    made = searchable(document)
    assert pdfium_text(made) == ["\n".join(LINES["en"])]
    assert pypdfium2.PdfDocument(made)[0].get_width() > 500


def _refuse(*_: object, **__: object) -> None:
    raise pikepdf.PdfError("unable to find trailer dictionary")


@pytest.mark.parametrize("text", ["\x00\x1b[31m", "\ud800", "(((\\", "<</A>>", "\u202eabc", " \n\t "])
def test_odd_characters_do_no_harm(text: str, tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("L", (400, 400), 255).save(file)
    word = Word.model_construct(text=text, box=WHOLE, confidence=None, placed="read")
    region = Region.model_construct(kind="text", text="", markup="plain", box=WHOLE, confidence=None, words=(word,), flag=None)
    page = Page.model_construct(
        number=1, width=400, height=400, image=ImageRef(path=str(file)), regions=(region,), problems=(), ledger=None
    )
    made = searchable(Document.model_construct(source="x", pages=(page,), provenance={}))
    assert len(pdfium_text(made)) == 1


# --- hostile files -----------------------------------------------------------------------------------------------------


def test_an_encrypted_pdf_is_opened_with_its_password(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file)
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        pdf.save(file, encryption=pikepdf.Encryption(user="secret", owner="other"))
    unlock(file, "secret")
    made = searchable(document)
    assert pdfium_text(made) == ["\n".join(LINES["en"])]
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert not pdf.is_encrypted
        assert len(pdf.pages[0].get_images()) == 1


def test_page_trees_that_are_circles_and_broken_entries_are_survived(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file)
    content = b"q 3 Tr BT (unended\n"
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        page = pdf.pages[0].obj
        page.CropBox = pikepdf.Array([0, 0, 0, 0])
        page.Rotate = 37
        page.Contents = pikepdf.Array([page.Contents, pdf.make_stream(content)])
        form = pdf.make_stream(b"3 Tr /Self Do", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
        form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Self=form))
        page.Resources.XObject.Self = form
        page.Resources.Font = pikepdf.Name.Nonsense
        pdf.save(file)
    made = searchable(document)
    assert "harbour" in pdfium_text(made)[0]
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert [part.read_bytes() for part in pdf.pages[0].Contents][-1] == content


@pytest.mark.timeout(60)
def test_a_bomb_in_the_content_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file)
    bomb = zlib.compressobj(9)
    packed = b"".join(bomb.compress(bytes(1 << 24)) for _ in range(40)) + bomb.flush()  # 640 MB
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        stream = pikepdf.Stream(pdf, packed)
        stream.stream_dict["/Filter"] = pikepdf.Name.FlateDecode
        pdf.pages[0].obj.Contents = pikepdf.Array([pdf.pages[0].obj.Contents, pdf.make_indirect(stream)])
        pdf.save(file)
    made = searchable(document)
    assert len(made) < 3_000_000
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert len(pdf.pages[0].Contents) == 3


@pytest.mark.timeout(60)
def test_forms_that_draw_each_other_in_millions_of_ways_are_looked_at_once(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file)
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        kinds = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Form, "BBox": pikepdf.Array([0, 0, 595, 421])}
        form = pdf.make_stream(b"BT 3 Tr (earlier) Tj ET", **kinds)
        for _ in range(6):
            inside = pikepdf.Dictionary({f"/F{n}": form for n in range(20)})
            form = pdf.make_stream(b"/F0 Do", **kinds)
            form.Resources = pikepdf.Dictionary(XObject=inside)
        pdf.pages[0].Resources.XObject.Web = form
        pdf.save(file)
    with pikepdf.open(io.BytesIO(searchable(document))) as pdf:
        form = pdf.pages[0].Resources.XObject.Web
        for _ in range(6):
            form = form.Resources.XObject.F7
        assert b"earlier" not in form.read_bytes()


@pytest.mark.timeout(60)
def test_millions_of_operators_with_hidden_text_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    document = scan_pdf(file)
    content = b"BT 3 Tr (earlier) Tj ET " + b"0 0 1 1 re n " * 5_000_000
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        pdf.pages[0].contents_add(pdf.make_stream(content))
        pdf.save(file, compress_streams=True)
    tracemalloc.start()
    with pikepdf.open(io.BytesIO(searchable(document))) as pdf:
        assert tracemalloc.get_traced_memory()[1] < 400 << 20
        assert pdf.pages[0].Contents[-1].read_bytes() == content
    tracemalloc.stop()


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7\n", b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 1 0 R>>endobj trailer<</Root 1 0 R>>", b"GIF89a"]
)
def test_files_that_nobody_can_open_leave_an_empty_page(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.pdf"
    file.write_bytes(content)
    made = searchable(as_document(file, (Region(text="what was read"),), (100, 100), page=1))
    assert pdfium_text(made) == ["what was read"]
