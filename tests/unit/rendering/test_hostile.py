"""Files that nobody should have sent, made on the spot: the page or a clear error, within a limit of time and memory."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pikepdf
import pytest
from fpdf import FPDF
from pikepdf import Array, Dictionary, Name, Pdf, Stream
from PIL import Image

from ocrtune.contracts import Rejected
from ocrtune.core import ImageRef
from ocrtune.errors import InputError
from ocrtune.options import SourceOptions
from ocrtune.rendering import Encoded, encoded, missing, pages, picture, text_layer, unlock
from ocrtune.rendering._pool import SHARED, Limits, Pool
from ocrtune.rendering._wire import Message
from ocrtune.sources.pdf import Pdf as PdfSource


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG that says it has so many pixels, followed by a few zeros that would be all of them."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")


def pdf(path: Path, content: bytes = b"0 0 200 20 re f", *, count: int = 1, box: tuple[float, ...] = (0, 0, 612, 792)) -> Path:
    """Pages that draw `content`."""
    document = Pdf.new()
    for _ in range(count):
        document.add_blank_page(page_size=(612, 792))
        document.pages[-1].obj["/MediaBox"] = Array([*box])
        document.pages[-1].obj["/Contents"] = Stream(document, content)
    document.save(path)
    return path


def image_bomb(path: Path, side: int) -> Path:
    """A page with a picture of side × side pixels that takes a few kilobytes in the file."""
    document = Pdf.new()
    document.add_blank_page(page_size=(612, 792))
    squeezed = zlib.compressobj(9)
    row = bytes(side * 3)
    packed = b"".join(squeezed.compress(row) for _ in range(min(side, 2000))) + squeezed.flush()
    picture = Stream(document, packed, Type=Name.XObject, Subtype=Name.Image, Width=side, Height=side, BitsPerComponent=8)
    picture["/ColorSpace"] = Name.DeviceRGB
    picture.write(packed, filter=Name.FlateDecode)
    document.pages[0].obj["/Resources"] = Dictionary(XObject=Dictionary(I=picture))
    document.pages[0].obj["/Contents"] = Stream(document, b"q 612 0 0 792 0 0 cm /I Do Q")
    document.save(path)
    return path


def endless(path: Path, depth: int = 9, width: int = 12) -> Path:
    """A first page that would be painted for years: forms in forms, each drawn many times by the next; and a plain second one."""
    document = Pdf.new()
    document.add_blank_page(page_size=(612, 792))
    document.add_blank_page(page_size=(612, 792))
    _paint_for_years(document, depth, width)
    document.pages[1].obj["/Contents"] = Stream(document, b"100 100 200 20 re f")
    document.save(path)
    return path


def _paint_for_years(document: Pdf, depth: int = 9, width: int = 12) -> None:
    """What the first page is to draw, too."""
    inner = None
    for _ in range(depth):
        body = b"0 0 1 1 re f" if inner is None else b"/F Do " * width
        form = Stream(document, body, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 612, 792]))
        if inner is not None:
            form["/Resources"] = Dictionary(XObject=Dictionary(F=document.make_indirect(inner)))
        inner = form
    page = document.pages[0]
    page.add_resource(document.make_indirect(inner), Name.XObject, Name.F)
    page.contents_add(Stream(document, b"/F Do " * width))


def cycle(path: Path, count: int) -> Path:
    """A page tree in which a node is its own child, and which says that it has `count` pages."""
    path.write_bytes(
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R 2 0 R]/Count %d>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
        b"trailer<</Root 1 0 R/Size 4>>\n%%%%EOF\n" % count
    )
    return path


def self_drawing(path: Path) -> Path:
    """A form that draws itself."""
    document = Pdf.new()
    document.add_blank_page(page_size=(612, 792))
    form = document.make_indirect(
        Stream(document, b"/F Do 0 0 100 100 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 612, 792]))
    )
    form["/Resources"] = Dictionary(XObject=Dictionary(F=form))
    document.pages[0].obj["/Resources"] = Dictionary(XObject=Dictionary(F=form))
    document.pages[0].obj["/Contents"] = Stream(document, b"/F Do")
    document.save(path)
    return path


def armed(path: Path, marker: Path) -> Path:
    """A page with a script, a command to run and a file inside, all of which would leave `marker` behind or show themselves."""
    document = Pdf.new()
    document.add_blank_page(page_size=(612, 792))
    document.pages[0].obj["/Contents"] = Stream(document, b"100 100 200 20 re f")
    document.Root["/OpenAction"] = Dictionary(S=Name.JavaScript, JS=f"app.launchURL('file://{marker}'); while(true){{}}")
    document.pages[0].obj["/AA"] = Dictionary(
        O=Dictionary(S=Name.Launch, F=pikepdf.String("touch"), Win=Dictionary(F="cmd", P=str(marker)))
    )
    document.attachments["evil.exe"] = b"MZ" + bytes(1000)
    document.save(path)
    return path


def locked(path: Path, *, user: str, owner: str = "owner") -> Path:
    document = Pdf.new()
    document.add_blank_page(page_size=(612, 792))
    document.pages[0].obj["/Contents"] = Stream(document, b"100 100 200 20 re f")
    document.save(path, encryption=pikepdf.Encryption(owner=owner, user=user))
    return path


# --- what comes of them -------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Nothing here may take the time that a hostile file wants."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 30


def only(path: Path) -> Encoded:
    [ref] = pages(path, dpi=72)
    return encoded(ref)


def refused(path: Path) -> InputError:
    """What is said of a file, and that it has a hint."""
    with pytest.raises(InputError) as caught:
        only(path)
    assert str(path) in str(caught.value) and caught.value.hint
    return caught.value


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (20_000, 9_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(width: int, height: int, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    assert "pixels" in str(refused(tmp_path / "bomb.png")) and "million" in str(refused(tmp_path / "bomb.png"))


def test_a_picture_of_20_000_pixels_is_seen_smaller(tmp_path: Path) -> None:
    Image.new("L", (20_000, 3000), 255).save(tmp_path / "wide.png")
    [ref] = pages(tmp_path / "wide.png", dpi=72, max_pixels=1_000_000)
    assert ref.size is not None and ref.size.width * ref.size.height <= 1_000_000 and ref.size.width == pytest.approx(2582, abs=2)
    assert picture(ref).size == ref.size


@pytest.mark.parametrize("side", [20_000, 60_000])
def test_a_pdf_with_a_picture_that_unpacks_to_gigabytes_is_a_page(side: int, tmp_path: Path) -> None:
    assert only(image_bomb(tmp_path / "bomb.pdf", side)).size == (612, 792)


@pytest.mark.parametrize(
    ("box", "size"), [((0, 0, 1e7, 1e7), (6325, 6325)), ((0, 0, 1e7, 10), (30_000, 1)), ((0, 0, 0, 0), (612, 792))]
)
def test_a_sheet_of_any_size_is_seen_within_bounds(box: tuple[float, ...], size: tuple[int, int], tmp_path: Path) -> None:
    assert only(pdf(tmp_path / "sheet.pdf", box=box)).size == size


def test_a_page_tree_that_is_its_own_child_is_refused_or_broken_pages(tmp_path: Path) -> None:
    assert "1000000 pages" in str(refused(cycle(tmp_path / "cycle.pdf", 1_000_000)))
    refs = pages(cycle(tmp_path / "cycle.pdf", 50), dpi=72)
    assert len(refs) == 50 and encoded(refs[0]).size == (200, 200)
    with pytest.raises(InputError, match=r"page 2.*broken"):
        encoded(refs[1])


def test_a_form_that_draws_itself_is_a_page(tmp_path: Path) -> None:
    assert only(self_drawing(tmp_path / "self.pdf")).size == (612, 792)


def test_scripts_commands_and_files_inside_a_pdf_do_nothing(tmp_path: Path) -> None:
    assert only(armed(tmp_path / "armed.pdf", tmp_path / "marker")).size == (612, 792)
    assert [file.name for file in tmp_path.iterdir()] == ["armed.pdf"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n", "broken"),
        (b"\x89PNG\r\n\x1a\n", "broken|not an image"),
        (b"\xff\xd8\xff\xe0", "broken|not an image"),
        (b"II*\0\x08\0\0\0", "broken|not an image"),
        (b"PK\x03\x04", "an office document"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"%!PS-Adobe-3.0\n", "PostScript"),
        (b"hello", "neither a PDF nor a picture"),
    ],
)
def test_what_is_no_document_is_told_by_its_bytes(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(content)
    with pytest.raises(InputError, match=why) as caught:
        only(tmp_path / "x.pdf")
    assert caught.value.hint


def test_a_pdf_without_pages_is_refused(tmp_path: Path) -> None:
    Pdf.new().save(tmp_path / "none.pdf")
    refused(locked(tmp_path / "locked.pdf", user="secret"))
    with pytest.raises(InputError, match="no pages"):
        only(tmp_path / "none.pdf")


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content.replace(b"startxref", b"startxxxx").replace(b"\nxref", b"\nyref"),
        lambda content: content[: len(content) * 2 // 3],
        lambda content: b"HTTP/1.1 200 OK\r\n\r\n" + content,
    ],
    ids=["broken xref", "cut off", "junk before"],
)
def test_a_damaged_pdf_is_read_as_far_as_it_goes(harm: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = pdf(tmp_path / "a.pdf", b"0 0 612 792 re f", count=5)
    file.write_bytes(harm(file.read_bytes()))
    assert picture(pages(file, dpi=36)[0]).getpixel((50, 50)) == (0, 0, 0)


def cut(path: Path, share: float, *, form: str = "JPEG", **options: object) -> Path:
    """The first part of a picture that is black above and grey noise below."""
    image = Image.effect_noise((300, 300), 60)
    image.paste(0, (0, 0, 300, 100))
    content = io.BytesIO()
    image.save(content, form, **options)
    path.write_bytes(content.getvalue()[: round(len(content.getvalue()) * share)])
    return path


@pytest.mark.parametrize("size", [(300, 300), (75, 75)])
def test_what_there_is_of_a_cut_off_photograph_is_seen_on_white(size: tuple[int, int], tmp_path: Path) -> None:
    file = cut(tmp_path / "x.jpg", 0.6)
    [ref] = pages(file, dpi=72)
    seen = picture(ref.model_copy(update={"width": size[0], "height": size[1]}))
    assert seen.size == size and seen.getpixel((9, 9)) == (0, 0, 0)
    assert seen.getpixel((size[0] // 2, size[1] - 1)) == (255, 255, 255)
    assert missing(file) in {f"the picture is cut off: {n}% of it is missing" for n in range(15, 45)}
    assert Image.open(io.BytesIO(encoded(ref).content)).size == (300, 300)


def test_a_progressive_photograph_that_was_cut_off_may_be_whole_and_blurred(tmp_path: Path) -> None:
    file = cut(tmp_path / "x.jpg", 0.8, progressive=True)
    assert only(file).size == (300, 300) and missing(file) == "the picture is cut off: it may be less sharp than it was"


@pytest.mark.parametrize(("form", "share"), [("JPEG", 0.003), ("PNG", 0.5), ("TIFF", 0.5), ("WEBP", 0.5)])
def test_a_cut_off_picture_of_which_nothing_decodes_is_an_error(form: str, share: float, tmp_path: Path) -> None:
    file = cut(tmp_path / "x", share, form=form)
    assert "cut" in str(refused(file)) or "broken" in str(refused(file))


def test_whole_files_miss_nothing(tmp_path: Path) -> None:
    assert missing(cut(tmp_path / "a.jpg", 1)) is None and missing(pdf(tmp_path / "a.pdf")) is None
    motion = cut(tmp_path / "b.jpg", 1)
    motion.write_bytes(motion.read_bytes() + bytes(10_000))  # telephones append a film
    assert missing(motion) is None


@pytest.mark.parametrize(("name", "kind"), [("scan.png", "PDF"), ("scan.pdf", "PNG"), ("scan", "TIFF"), ("scan.txt", "JPEG")])
def test_a_wrong_suffix_does_not_matter(name: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if kind == "PDF":
        pdf(path, b"0 0 612 792 re f")
    else:
        Image.new("RGB", (612, 792)).save(path, kind)
    [ref] = pages(path, dpi=72)
    assert picture(ref).getpixel((300, 300)) == (0, 0, 0)


def test_postscript_is_not_run_under_the_name_of_a_picture(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    assert "PostScript" in str(refused(tmp_path / "x.png"))


def test_an_encrypted_pdf_opens_with_its_password_and_without_where_none_is_needed(tmp_path: Path) -> None:
    assert only(locked(tmp_path / "open.pdf", user="")).size == (612, 792)
    file = locked(tmp_path / "locked.pdf", user="sécret")
    assert "encrypted" in str(refused(file))
    unlock(file, "wrong")
    assert "does not open it" in str(refused(file))
    unlock(file, "sécret")
    assert only(file).size == (612, 792) and text_layer(ImageRef(path=str(file), page=1)) is not None
    unlock(tmp_path / "open.pdf", "not needed")
    assert only(tmp_path / "open.pdf").size == (612, 792)


def asked(pool: Pool, path: Path, page: int | None, **more: object) -> Message:
    header = {"task": "encoded", "path": str(path), "page": page, "turn": 0, "size": None, "password": None, **more}
    return pool.submit(Message(header), lambda reply: reply).result()


def test_a_page_that_would_be_painted_for_years_costs_its_seconds_and_the_next_one_comes(tmp_path: Path) -> None:
    pool = Pool(Limits(seconds=2, workers=1))
    try:
        file = endless(tmp_path / "endless.pdf")
        asked(pool, file, 2)
        [before] = pool.pids()
        with pytest.raises(InputError, match=r"page 1: it took more than 2 seconds"):
            asked(pool, file, 1)
        assert asked(pool, file, 2).header["size"] == [1275, 1650] and pool.pids() != [before]
    finally:
        pool.close()


def test_prepare_goes_on_after_a_page_that_would_be_painted_for_years(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = FPDF()
    sheet.set_font("Helvetica")
    for _ in range(3):
        sheet.add_page()
        sheet.text(20, 30, "Invoice number 4711")
    with Pdf.open(io.BytesIO(bytes(sheet.output()))) as document:
        _paint_for_years(document)
        document.save(tmp_path / "a.pdf")
    pool = Pool(Limits(seconds=2, workers=1))
    monkeypatch.setattr(SHARED, "get", lambda: pool)
    try:
        records = list(PdfSource().read(tmp_path / "a.pdf", SourceOptions(unit="line")))
    finally:
        pool.close()
    assert [record.where for record in records] == [
        f"{tmp_path}/a.pdf page {n}{line}" for n, line in ((1, ""), (2, " line 1"), (3, " line 1"))
    ]
    assert isinstance(records[0], Rejected) and records[0].why == "it took more than 2 seconds"


def test_a_picture_that_needs_more_memory_than_a_worker_has_is_an_error(tmp_path: Path) -> None:
    Image.new("RGB", (13_000, 13_000)).save(tmp_path / "large.png", compress_level=1)
    Image.new("RGB", (100, 100)).save(tmp_path / "small.png")
    pool = Pool(Limits(memory=500 << 20, workers=1))
    try:
        asked(pool, tmp_path / "small.png", None)
        with pytest.raises(InputError, match="memory"):
            asked(pool, tmp_path / "large.png", None)
        assert asked(pool, tmp_path / "small.png", None).header["size"] == [100, 100]
    finally:
        pool.close()
