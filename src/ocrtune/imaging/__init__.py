"""Pictures: opening files safely, rendering PDF pages, hashing, naming. Every picture that leaves here is upright RGB."""

from ocrtune.imaging._keeping import contact_sheet, image_ref, perceptual_hash, sha256, store_image
from ocrtune.imaging._opening import (
    IMAGE_SUFFIXES,
    MAX_IMAGE_PIXELS,
    ORIENTATION,
    SIDEWAYS,
    UPRIGHT,
    Raster,
    file_size,
    frame_count,
    frame_sizes,
    open_image,
    open_plain,
    raster,
)
from ocrtune.imaging._pdfs import (
    MAX_PAGE_PIXELS,
    POINTS_PER_INCH,
    load_pdf,
    open_pdf,
    page_size,
    render_page,
    render_pdf,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_IMAGE_PIXELS",
    "MAX_PAGE_PIXELS",
    "ORIENTATION",
    "POINTS_PER_INCH",
    "SIDEWAYS",
    "UPRIGHT",
    "Raster",
    "contact_sheet",
    "file_size",
    "frame_count",
    "frame_sizes",
    "image_ref",
    "load_pdf",
    "open_image",
    "open_pdf",
    "open_plain",
    "page_size",
    "perceptual_hash",
    "raster",
    "render_page",
    "render_pdf",
    "sha256",
    "store_image",
]
