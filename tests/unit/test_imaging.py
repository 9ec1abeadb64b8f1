"""Opening, hashing and rendering."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from fpdf import FPDF
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from ocrtune import imaging
from ocrtune.errors import InputError

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


def drawing(width: int = 64, height: int = 32) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).text((4, 8), "abc", fill="black")
    return image


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "x.png")
    assert imaging.open_image(tmp_path / "x.png").getpixel((0, 0)) == (255, 255, 255)


def test_white_letters_on_transparency_are_laid_on_black(tmp_path: Path) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (5, 5, 15, 15))
    image.save(tmp_path / "x.png")
    opened = imaging.open_image(tmp_path / "x.png")
    assert (opened.getpixel((0, 0)), opened.getpixel((10, 10))) == ((0, 0, 0), (255, 255, 255))


def test_a_palette_with_a_transparent_colour_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0] + [0] * 765)
    image.save(tmp_path / "x.png", transparency=0)
    assert imaging.open_image(tmp_path / "x.png").getpixel((0, 0)) == (255, 255, 255)


def test_exif_orientation_turns_the_picture_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    drawing(64, 32).save(tmp_path / "x.jpg", exif=exif)
    reference = imaging.image_ref(tmp_path / "x.jpg")
    assert (reference.width, reference.height) == (32, 64)


def test_sixteen_bit_grey_keeps_its_shades(tmp_path: Path) -> None:
    image = Image.new("I;16", (2, 1))
    image.putpixel((0, 0), 65535)
    image.save(tmp_path / "x.png")
    opened = imaging.open_image(tmp_path / "x.png")
    assert (opened.mode, opened.getpixel((0, 0)), opened.getpixel((1, 0))) == ("RGB", (255, 255, 255), (0, 0, 0))


def test_an_empty_file_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        imaging.open_image(tmp_path / "x.png")


@pytest.mark.parametrize(
    "header",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 0, 0, 8, 2, 0, 0, 0),
        b"GIF89a" + struct.pack("<HH", 0, 0) + b"\0\0\0;",
        struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 0, 0, 1, 24, 0, 0, 0, 0, 0, 0),
    ],
    ids=["png", "gif", "bmp"],
)
def test_a_picture_of_no_pixels_is_refused(header: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(header)
    with pytest.raises(InputError, match="0×0 pixels"):
        imaging.open_image(tmp_path / "x.png")


def test_a_cut_off_picture_says_so(tmp_path: Path) -> None:
    drawing(400, 400).save(tmp_path / "whole.png")
    (tmp_path / "x.png").write_bytes((tmp_path / "whole.png").read_bytes()[:200])
    with pytest.raises(InputError, match="broken or cut-off"):
        imaging.open_image(tmp_path / "x.png")


def test_text_with_an_image_suffix_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("hello")
    with pytest.raises(InputError, match="not an image"):
        imaging.open_image(tmp_path / "x.png")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        imaging.open_image(tmp_path / "x.png")
    with pytest.raises(InputError, match="a folder"):
        imaging.open_image(tmp_path)


def test_a_picture_beyond_the_bound_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing().save(tmp_path / "x.png")
    monkeypatch.setattr("ocrtune.imaging._opening.MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="64×32 pixels"):
        imaging.open_image(tmp_path / "x.png")


@given(content=st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_a_picture_or_an_input_error(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("bytes") / "x.png"
    file.write_bytes(content)
    with pytest.raises(InputError):
        imaging.open_image(file)


def test_the_hash_survives_scaling_and_jpeg_but_tells_pictures_apart(tmp_path: Path) -> None:
    page = Image.new("RGB", (600, 800), "white")
    ImageDraw.Draw(page).rectangle((50, 60, 400, 300), fill="grey")
    ImageDraw.Draw(page).ellipse((200, 400, 560, 760), fill="black")
    page.resize((450, 600)).save(tmp_path / "x.jpg", quality=40)
    again = imaging.perceptual_hash(imaging.open_image(tmp_path / "x.jpg"))
    own, turned = imaging.perceptual_hash(page), imaging.perceptual_hash(page.rotate(90, expand=True))
    assert (own ^ again).bit_count() <= 6 < (own ^ turned).bit_count()


def test_pages_come_one_by_one_at_the_asked_resolution(tmp_path: Path) -> None:
    pdf = FPDF(unit="pt", format=(144, 72))
    pdf.add_page()
    pdf.add_page()
    pdf.output(str(tmp_path / "x.pdf"))
    assert [p.size for p in imaging.render_pdf(tmp_path / "x.pdf", 100)] == [(200, 100), (200, 100)]


def test_a_huge_sheet_is_rendered_at_fewer_dpi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrtune.imaging._pdfs.MAX_PAGE_PIXELS", 10_000)
    pdf = FPDF(unit="pt", format=(2000, 1000))
    pdf.add_page()
    pdf.output(str(tmp_path / "x.pdf"))
    (page,) = imaging.render_pdf(tmp_path / "x.pdf", 300)
    assert page.width * page.height == pytest.approx(10_000, rel=0.05)


def test_broken_empty_and_encrypted_pdfs_say_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing that follows")
    (tmp_path / "empty.pdf").write_bytes(b"")
    locked = FPDF()
    locked.add_page()
    locked.set_encryption(owner_password="o", user_password="u")
    locked.output(str(tmp_path / "locked.pdf"))
    for name, reason in (("broken", "broken"), ("empty", "empty"), ("locked", "encrypted")):
        with pytest.raises(InputError, match=reason), imaging.open_pdf(tmp_path / f"{name}.pdf"):
            pass


def test_a_contact_sheet_shows_every_picture() -> None:
    sheet = imaging.contact_sheet(
        [(Image.new("RGB", (30, 10), (255, 0, 0)), "первый"), (Image.new("RGB", (10, 30), (0, 0, 255)), "第二")]
    )
    colours = {colour for _, colour in sheet.getcolors(1 << 16) or []}
    assert {(255, 0, 0), (0, 0, 255)} <= colours


@pytest.mark.skipif(not (SHARED / "rapidocr_lines").is_dir(), reason="shared/data/rapidocr_lines is not beside the repository")
def test_real_pictures_open_as_rgb_or_say_why() -> None:
    files = [f for f in sorted((SHARED / "rapidocr_lines").rglob("*")) if f.suffix.lower() in imaging.IMAGE_SUFFIXES]
    refused = {}
    for file in files:
        try:
            assert imaging.open_image(file).mode == "RGB"
        except InputError as error:
            refused[file.name] = str(error)
    assert len(files) > 20 and len(refused) <= 1
