"""Pictures by name: identity without pixels."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from ocrtune.core.base import Noun


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


class ImageRef(Noun):
    """A picture by name: `path` (relative to its dataset on disk, absolute once loaded), SHA-256 of the file, size.

    `page` is the page of a PDF or the frame of a TIFF, from 1; None is a file that is one picture. `turn` is by how many
    degrees clockwise the page is turned to stand upright. `width` and `height` are the pixels at which the upright page is
    shown; a page or picture of another size is rendered or scaled to them.
    """

    path: str
    page: int | None = Field(default=None, ge=1)
    turn: Literal[0, 90, 180, 270] = 0
    sha256: str | None = None
    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)

    @property
    def size(self) -> Size | None:
        return Size(self.width, self.height) if self.width and self.height else None

    def turned(self, turn: int) -> ImageRef:
        """The same page turned `turn` degrees further, clockwise."""
        across = {"width": self.height, "height": self.width} if turn % 180 else {}
        return self.model_copy(update={"turn": (self.turn + turn) % 360, **across}) if turn else self
