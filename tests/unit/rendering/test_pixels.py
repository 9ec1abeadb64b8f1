"""Pages as pictures: the right size, upright, in grey where there is no colour, as the file says and not as its name does."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
from fpdf import FPDF
from pikepdf import Array, Dictionary, Name, Pdf, Stream
from PIL import Image, ImageDraw

from ocrtune.core import ImageRef
from ocrtune.errors import InputError
from ocrtune.imaging import open_pdf, page_size, render_page
from ocrtune.rendering import Encoded, encoded, kind, pages, picture, submit


def decoded(sent: Encoded) -> Image.Image:
    with Image.open(io.BytesIO(sent.content)) as image:
        image.load()
        return image


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean, of 255."""
    assert one.size == other.size
    first, second = (np.asarray(image.convert("RGB"), dtype=float) for image in (one, other))
    return float(np.abs(first - second).mean())


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """Three pages: black on white, with a red word, on a wide sheet."""
    pdf = FPDF(unit="pt", format=(612, 792))
    for red in (False, True):
        pdf.add_page()
        pdf.set_font("helvetica", size=24)
        for row in range(20):
            pdf.set_text_color(200 if red and row == 7 else 0, 0, 0)
            pdf.text(60, 60 + 30 * row, f"Line {row} of the letter")
    pdf.add_page(format=(1000, 300))
    pdf.set_text_color(0)
    pdf.text(60, 60, "wide")
    path = tmp_path / "letter.pdf"
    pdf.output(str(path))
    return path


def test_pages_know_their_sizes_without_being_rendered(letter: Path) -> None:
    refs = pages(letter, dpi=144)
    assert [(ref.page, ref.size) for ref in refs] == [(1, (1224, 1584)), (2, (1224, 1584)), (3, (2000, 600))]


def test_dpi_give_way_to_the_pixel_budget(letter: Path) -> None:
    for ref in pages(letter, dpi=600, max_pixels=500_000):
        assert ref.size is not None and 480_000 < ref.size.width * ref.size.height <= 501_000
        assert picture(ref).size == ref.size


def test_a_page_is_rendered_at_exactly_the_size_that_is_asked_for(letter: Path) -> None:
    for size in ((616, 812), (77, 99), (1001, 3)):
        ref = ImageRef(path=str(letter), page=1, width=size[0], height=size[1])
        assert picture(ref).size == size and encoded(ref).size == size == decoded(encoded(ref)).size


def test_the_picture_is_what_pdfium_draws_in_this_process(letter: Path) -> None:
    for number in (1, 2):
        with open_pdf(letter) as document:
            page = document[number - 1]
            width, height = page_size(page, 100)
            here = render_page(page, 100)
            page.close()
        assert difference(picture(ImageRef(path=str(letter), page=number, width=width, height=height)), here) < 0.2


def test_grey_pages_are_sent_in_grey_and_colours_without_subsampling(letter: Path) -> None:
    grey, colour = (decoded(encoded(ref)) for ref in pages(letter, dpi=150)[:2])
    assert (grey.mode, colour.mode) == ("L", "RGB") and {c[1:3] for c in colour.layer} == {(1, 1)}  # type: ignore[attr-defined]
    red = np.asarray(colour, dtype=int)
    assert ((red[..., 0] - red[..., 1]) > 120).sum() > 100


def test_what_is_sent_looks_like_the_picture(letter: Path) -> None:
    for ref in pages(letter, dpi=150):
        assert difference(decoded(encoded(ref)), picture(ref)) < 1.5
        assert np.array_equal(np.asarray(decoded(encoded(ref, png=True)).convert("RGB")), np.asarray(picture(ref)))


def test_pages_may_be_asked_for_without_waiting(letter: Path) -> None:
    refs = pages(letter, dpi=72)
    waiting = [submit(ref) for ref in refs * 5]
    assert [future.result().content for future in waiting[:3]] == [encoded(ref).content for ref in refs]
    with pytest.raises(InputError, match="no page 9"):
        submit(ImageRef(path=str(letter), page=9)).result()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_page_stands_upright(letter: Path, turn: Any, tmp_path: Path) -> None:
    upright = picture(pages(letter, dpi=72)[0])
    lying = upright.rotate(turn, expand=True)  # counter-clockwise
    lying.save(tmp_path / "lying.png")
    for path, page in ((tmp_path / "lying.png", None), (_lying(letter, tmp_path, turn), 1)):
        ref = ImageRef(path=str(path), page=page, turn=turn, width=upright.width, height=upright.height)
        assert difference(picture(ref), upright) < 3
        assert difference(decoded(encoded(ref)), upright) < 4
        free = picture(ref.model_copy(update={"width": None, "height": None}))
        assert (free.width < free.height) == (upright.width < upright.height)


def _lying(letter: Path, folder: Path, turn: int) -> Path:
    with Pdf.open(letter) as pdf:
        pdf.pages[0].rotate(360 - turn, relative=False)
        pdf.save(folder / "lying.pdf")
    return folder / "lying.pdf"


def test_a_crop_box_and_rotation_are_those_a_reader_shows(letter: Path, tmp_path: Path) -> None:
    with Pdf.open(letter) as pdf:
        pdf.pages[0].obj["/CropBox"] = Array([60, 600, 360, 792])
        pdf.pages[0].rotate(90, relative=False)
        pdf.save(tmp_path / "cropped.pdf")
    ref = pages(tmp_path / "cropped.pdf", dpi=72)[0]
    assert ref.size == (192, 300) == picture(ref).size


def test_form_fields_and_notes_are_seen(tmp_path: Path) -> None:
    pdf = Pdf.new()
    pdf.add_blank_page(page_size=(200, 100))
    look = Stream(pdf, b"0 0 50 20 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 50, 20]))
    note = Dictionary(
        Type=Name.Annot, Subtype=Name.FreeText, Rect=Array([20, 20, 70, 40]), AP=Dictionary(N=pdf.make_indirect(look)), F=4
    )
    pdf.pages[0].obj["/Annots"] = Array([pdf.make_indirect(note)])
    pdf.save(tmp_path / "note.pdf")
    assert picture(pages(tmp_path / "note.pdf", dpi=72)[0]).getpixel((40, 70)) == (0, 0, 0)


# --- scans --------------------------------------------------------------------------------------------------------------


def scanned(path: Path, image: Image.Image, *, extra: dict[str, Any] | None = None, content: bytes = b"") -> bytes:
    """A PDF whose page is one JPEG at 100 dpi; gives the JPEG."""
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=80)
    pdf = Pdf.new()
    width, height = image.width * 0.72, image.height * 0.72
    pdf.add_blank_page(page_size=(width, height))
    picture_object = Stream(pdf, jpeg.getvalue(), Type=Name.XObject, Subtype=Name.Image, Width=image.width, Height=image.height)
    picture_object["/ColorSpace"] = Name.DeviceGray if image.mode == "L" else Name.DeviceRGB
    picture_object["/BitsPerComponent"] = 8
    for key, value in (extra or {}).items():
        picture_object[key] = value
    picture_object.write(jpeg.getvalue(), filter=Name.DCTDecode)
    pdf.pages[0].obj["/Resources"] = Dictionary(XObject=Dictionary(I=picture_object))
    pdf.pages[0].obj["/Contents"] = Stream(pdf, b"q %f 0 0 %f 0 0 cm /I Do Q " % (width, height) + content)
    pdf.save(path)
    return jpeg.getvalue()


def paper(mode: str = "L") -> Image.Image:
    image = Image.effect_noise((500, 700), 8).point(lambda value: min(255, value + 110)).convert(mode)
    draw = ImageDraw.Draw(image)
    for row in range(20):
        draw.text((40, 30 + 32 * row), f"row {row} of a scan", fill=30 if mode == "L" else (30, 20, 90))
    return image


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_scans_own_jpeg_is_passed_on_when_it_has_the_size(mode: str, tmp_path: Path) -> None:
    own = scanned(tmp_path / "scan.pdf", paper(mode))
    [ref] = pages(tmp_path / "scan.pdf", dpi=100)
    assert encoded(ref).content == own and encoded(ref).size == (500, 700)
    assert difference(decoded(encoded(ref)), picture(ref)) < 3
    [smaller] = pages(tmp_path / "scan.pdf", dpi=60)
    assert encoded(smaller).size == smaller.size == (300, 420)


@pytest.mark.parametrize(
    ("extra", "content"),
    [({"/Decode": Array([1, 0])}, b""), ({}, b"0 0 100 100 re f")],
    ids=["inverted", "painted over"],
)
def test_a_jpeg_that_does_not_look_like_its_page_is_rendered(extra: dict[str, Any], content: bytes, tmp_path: Path) -> None:
    own = scanned(tmp_path / "scan.pdf", paper(), extra=extra, content=content)
    [ref] = pages(tmp_path / "scan.pdf", dpi=100)
    assert encoded(ref).content != own
    assert difference(decoded(encoded(ref)), picture(ref)) < 3


def test_a_cut_off_jpeg_in_a_page_is_not_passed_on(tmp_path: Path) -> None:
    own = scanned(tmp_path / "scan.pdf", paper())
    with Pdf.open(tmp_path / "scan.pdf", allow_overwriting_input=True) as pdf:
        pdf.pages[0].obj["/Resources"]["/XObject"]["/I"].write(own[: len(own) // 2], filter=Name.DCTDecode)
        pdf.save(tmp_path / "scan.pdf")
    [ref] = pages(tmp_path / "scan.pdf", dpi=100)
    assert encoded(ref).content != own[: len(own) // 2] and decoded(encoded(ref)).size == (500, 700)


# --- picture files ------------------------------------------------------------------------------------------------------


def test_every_frame_of_a_tiff_is_a_page_of_its_size_and_orientation(tmp_path: Path) -> None:
    frames = [Image.new("L", size, shade) for size, shade in (((40, 20), 0), ((30, 60), 128), ((50, 50), 255))]
    exif = Image.Exif()
    exif[0x0112] = 6
    frames[0].save(tmp_path / "fax.dat", "TIFF", save_all=True, append_images=frames[1:], exif=exif)
    refs = pages(tmp_path / "fax.dat", dpi=72)
    assert [ref.page for ref in refs] == [1, 2, 3] and [ref.size for ref in refs] == [(20, 40), (60, 30), (50, 50)]
    assert [picture(ref).size for ref in refs] == [ref.size for ref in refs]
    assert [picture(ref).getpixel((5, 5))[0] for ref in refs] == [0, 128, 255]  # type: ignore[index]


def test_a_photograph_is_upright_and_decoded_at_its_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.linear_gradient("L").resize((1600, 800)).convert("RGB")
    photo.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    [ref] = pages(tmp_path / "photo.jpg", dpi=72, max_pixels=20_000)
    assert ref.page is None and ref.size == (100, 200)
    upright = photo.transpose(Image.Transpose.ROTATE_270).resize((100, 200))
    assert difference(picture(ref), upright) < 2 and difference(decoded(encoded(ref)), upright) < 3
    assert decoded(encoded(ref)).mode == "L"


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_pictures_are_known_by_their_bytes(name: str, tmp_path: Path) -> None:
    Image.new("RGB", (64, 32), (0, 0, 255)).save(tmp_path / "x", name)
    assert kind(tmp_path / "x") == ("tiff" if name == "TIFF" else "picture")
    [ref] = pages(tmp_path / "x", dpi=72)
    assert ref.size == (64, 32) and np.abs(np.asarray(picture(ref))[5, 5].astype(int) - (0, 0, 255)).max() < 4
    assert decoded(encoded(ref)).mode == "RGB"


def test_pictures_of_phones_are_read_where_their_library_is(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    heif.from_pillow(Image.new("RGB", (64, 32), (200, 0, 0))).save(tmp_path / "x.heic")
    [ref] = pages(tmp_path / "x.heic", dpi=72)
    assert ref.size == (64, 32) and picture(ref).getpixel((5, 5))[0] > 180  # type: ignore[index]


def test_a_resource_of_a_pdf_page_is_not_left_open(letter: Path) -> None:
    refs = pages(letter, dpi=36)
    for _ in range(150):  # more pages than a worker reads before it opens a document anew
        for ref in refs:
            assert encoded(ref).size == ref.size
    with pikepdf.open(letter, allow_overwriting_input=True) as pdf:
        del pdf.pages[2]
        pdf.save(letter)
    assert len(pages(letter, dpi=36)) == 2
