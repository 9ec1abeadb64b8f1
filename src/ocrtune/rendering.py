"""Pages as pixels and as text, whatever file they come from: the one place where documents are opened for reading.

An `ImageRef` names a picture file, a page of a PDF or a frame of a TIFF, and the size at which it is to be seen.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ocrtune.core import ImageRef, Size
from ocrtune.errors import InputError
from ocrtune.imaging import frame_count, open_image, open_pdf, page_size, raster, render_page
from ocrtune.textlayer import Line, build_lines, layer_problem, read_glyphs, visible

if TYPE_CHECKING:
    from PIL.Image import Image

PDF = ".pdf"


class Encoded(NamedTuple):
    """A picture as the bytes of a file. `media` is its type, such as "image/jpeg"."""

    content: bytes
    media: Literal["image/jpeg", "image/png"]
    size: Size


class TextLayer(NamedTuple):
    """What a PDF page says of its own text, in pixels of the picture at the size of its ImageRef. `problem` is why it cannot be
    trusted, None where it can. `rules` are straight vector lines, `pictures` embedded images: left, top, right, bottom."""

    lines: tuple[Line, ...]
    rules: tuple[tuple[float, float, float, float], ...] = ()
    pictures: tuple[tuple[float, float, float, float], ...] = ()
    problem: str | None = None


def pages(path: Path, *, dpi: float) -> list[ImageRef]:
    """All pages of a file with their sizes at `dpi` (pictures: their own), without rendering. Raises InputError."""
    if path.suffix.lower() == PDF:
        with open_pdf(path) as pdf:
            sizes = [page_size(pdf[index], dpi) for index in range(len(pdf))]
        return [ImageRef(path=str(path), page=n, width=s.width, height=s.height) for n, s in enumerate(sizes, 1)]
    frames = frame_count(path) if path.suffix.lower() in (".tif", ".tiff") else 1
    if frames == 1:
        size, orientation = raster(path)
        size = Size(size.height, size.width) if orientation > 4 else size
        return [ImageRef(path=str(path), width=size.width, height=size.height)]
    sizes = [Size(*open_image(path, frame=index).size) for index in range(frames)]
    return [ImageRef(path=str(path), page=n, width=s.width, height=s.height) for n, s in enumerate(sizes, 1)]


def picture(ref: ImageRef) -> Image:
    """The upright RGB picture, at the size of the ref where it has one. Raises InputError saying why it cannot be seen."""
    from PIL import Image as Pillow

    path = Path(ref.path)
    if path.suffix.lower() == PDF:
        image = _rendered(path, ref)
    else:
        image = open_image(path, frame=(ref.page or 1) - 1)
    turns = {90: Pillow.Transpose.ROTATE_270, 180: Pillow.Transpose.ROTATE_180, 270: Pillow.Transpose.ROTATE_90}
    if ref.turn:
        image = image.transpose(turns[ref.turn])
    if ref.size is not None and image.size != ref.size:
        image = image.resize(ref.size, Pillow.Resampling.LANCZOS)
    return image


def encoded(ref: ImageRef) -> Encoded:
    """The picture as a file to send: JPEG without chroma subsampling. Raises InputError like `picture`."""
    image = picture(ref)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, subsampling=0)
    return Encoded(buffer.getvalue(), "image/jpeg", Size(*image.size))


def text_layer(ref: ImageRef) -> TextLayer | None:
    """The text of a PDF page; None for pictures. Raises InputError for a page that cannot be opened."""
    path = Path(ref.path)
    if path.suffix.lower() != PDF:
        return None
    with open_pdf(path) as pdf:
        page = pdf[(ref.page or 1) - 1]
        size = ref.size or page_size(page, 150)
        glyphs = read_glyphs(page, size)
        problem = layer_problem(glyphs, size, hidden_text=False)
        return TextLayer(tuple(build_lines(visible(glyphs, size, hidden_text=False))), problem=problem)


def _rendered(path: Path, ref: ImageRef) -> Image:
    with open_pdf(path) as pdf:
        number = ref.page or 1
        if number > len(pdf):
            raise InputError(f"{path}: there is no page {number}, the PDF has {len(pdf)}")
        page = pdf[number - 1]
        width, height = page.get_size()
        wide = ref.size if ref.size is None or ref.turn % 180 == 0 else Size(ref.size.height, ref.size.width)
        return render_page(page, 72 * max(wide.width / width, wide.height / height) if wide else 150)
