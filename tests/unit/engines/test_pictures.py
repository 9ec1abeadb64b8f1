"""What of a page goes to a server."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from fpdf import FPDF
from PIL import Image

from ocrtune.core import ImageRef, Size
from ocrtune.engines._pictures import Picture, Pictures
from ocrtune.engines._sight import Sight
from ocrtune.errors import InputError
from ocrtune.options import EngineOptions

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, image: Image.Image, **how: object) -> Path:
        image.save(tmp_path / name, **how)
        return tmp_path / name

    return write


def prepared(ref: ImageRef, **options: object) -> Picture:
    pictures = Pictures(Sight(EngineOptions.model_validate(options)), "data")
    pictures.open()
    (picture,) = asyncio.run(pictures.prepared([ref]))
    pictures.close()
    return picture


def shown(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.content))


def noise(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise(size, 80) for _ in range(3)]).convert(mode)


@pytest.mark.parametrize(("name", "mode"), [("a.png", "RGB"), ("a.png", "L"), ("a.jpg", "RGB"), ("a.jpg", "L")])
def test_a_file_that_shows_what_is_to_be_seen_goes_as_it_is(save: Save, name: str, mode: str) -> None:
    file = save(name, noise(mode))
    assert prepared(ImageRef(path=str(file))).content == file.read_bytes()
    assert prepared(ImageRef(path=str(file), width=60, height=40)).content == file.read_bytes()


@pytest.mark.parametrize(
    ("name", "image", "how"),
    [
        ("alpha.png", noise("RGBA"), {}),
        ("palette.png", noise("P"), {}),
        ("clear.png", noise(), {"transparency": (1, 2, 3)}),
        (
            "turned.jpg",
            noise(size=(40, 60)),
            {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"},
        ),
        ("a.webp", noise(), {}),
        ("a.bmp", noise(), {}),
    ],
)
def test_any_other_picture_goes_as_an_upright_jpeg_on_white(
    save: Save, name: str, image: Image.Image, how: dict[str, object]
) -> None:
    picture = prepared(ImageRef(path=str(save(name, image, **how))))
    assert picture.url == b"data:image/jpeg;base64," and picture.size == shown(picture).size == (60, 40)


def test_a_page_of_a_pdf_is_rendered_at_the_size_that_is_seen_grey_where_it_has_no_colour(tmp_path: Path) -> None:
    pdf = FPDF(format=(100, 50))
    for colour in ((0, 0, 0), (200, 0, 0)):
        pdf.add_page()
        pdf.set_font("Helvetica", size=20)
        pdf.set_text_color(*colour)
        pdf.text(5, 20, "Hello")
    pdf.output(str(tmp_path / "a.pdf"))
    refs = [ImageRef(path=str(tmp_path / "a.pdf"), page=n, width=400, height=200) for n in (1, 2)]
    grey, red = (prepared(ref, max_pixels=20_000) for ref in refs)
    assert grey.size == red.size == (200, 100) and (shown(grey).mode, shown(red).mode) == ("L", "RGB")
    assert shown(grey).getextrema()[0] < 60 and shown(red).layer[0][1:3] == (1, 1)  # type: ignore[attr-defined]
    unsized = prepared(ImageRef(path=str(tmp_path / "a.pdf"), page=1))
    assert unsized.size == shown(unsized).size and unsized.size.width > 400  # at 150 dpi


def test_a_turned_page_is_turned_upright(save: Save) -> None:
    image = Image.new("RGB", (60, 40), "white")
    image.paste("black", (0, 0, 60, 8))
    picture = prepared(ImageRef(path=str(save("a.png", image)), turn=90))
    assert picture.size == (40, 60) and shown(picture).convert("L").getpixel((36, 30)) < 60 < 200 < shown(picture).convert(
        "L"
    ).getpixel((5, 30))


def test_a_file_that_was_cut_short_is_not_passed_on(save: Save) -> None:
    png, jpeg = save("a.png", noise()), save("a.jpg", noise())
    for file in (png, jpeg):
        file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(InputError, match=r"a\.png"):
        prepared(ImageRef(path=str(png)))
    whole = shown(prepared(ImageRef(path=str(jpeg))))
    whole.load()  # raises where the end is missing
    assert whole.size == noise().size


def test_a_file_of_the_wrong_size_is_not_passed_on(save: Save) -> None:
    file = save("a.png", noise())
    assert prepared(ImageRef(path=str(file), width=30, height=20)).size == Size(30, 20)
    assert prepared(ImageRef(path=str(file)), min_pixels=9600).size == Size(120, 80)


def test_the_same_picture_is_one_file_until_nobody_needs_it(save: Save) -> None:
    ref = ImageRef(path=str(save("a.bmp", noise())))
    pictures = Pictures(Sight(EngineOptions()), "file")
    pictures.open()
    one, two = asyncio.run(pictures.prepared([ref, ref]))
    assert one.file == two.file and one.file is not None and Path(one.url.decode().removeprefix("file://")) == one.file
    pictures.forget([one])
    with Image.open(one.file) as image:
        assert image.size == (60, 40)
    pictures.forget([two])
    assert not one.file.exists() and one.file.parent.exists()
    pictures.close()
    assert not one.file.parent.exists()
