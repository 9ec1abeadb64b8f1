"""Labelled objects of one picture, whatever file they came from: onto the upright picture, with their defects named.

Nothing is repaired in silence. Boxes that cannot be used are left out, and a record that had objects but keeps none is no
sample: it would teach that there is nothing to find.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Box, BoxesTarget, Problem, Region, RegionsTarget, Size
from ocrtune.core.document import Markup, Point
from ocrtune.errors import InputError
from ocrtune.imaging import IMAGE_SUFFIXES, raster
from ocrtune.labelling import PLACEHOLDERS, UNREADABLE, called

SLACK = 1.0  # pixels: inclusive right edges, and counting from 1
BEYOND = 1e9  # no coordinate, in whatever unit
SAME_SHAPE = 0.01  # relative difference of two aspect ratios that are called equal
TURNS: Mapping[int, Callable[[float, float], Point]] = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (y, 1 - x),
}  # EXIF orientation → where a point of the stored raster (fractions) stands in the upright picture


class Mark(NamedTuple):
    """One object as its file has it: two corners, or an outline of three or more points, in the file's own units."""

    points: tuple[Point, ...]
    kind: str = "text"
    text: str = ""
    ignored: bool = False
    markup: Markup = "plain"

    @property
    def name(self) -> str:
        return called(self.kind, self.text)


class Plane(NamedTuple):
    """What the units of marks mean: a rectangle of this size is the whole picture, `turn` (EXIF) brings it upright."""

    width: float
    height: float
    slack: float = 0.0
    turn: int = 1


THOUSANDTHS = Plane(1000, 1000)
FRACTIONS = Plane(1, 1)


class Labelled(NamedTuple):
    """The objects of one picture. `units` are a fixed plane, or the size that the file declares for the picture (None where
    it declares none) with the marks in pixels of it. `problems` were met while reading."""

    where: str
    picture: Path
    marks: tuple[Mark, ...]
    units: Plane | Size | None = None
    group: str | None = None
    question: str | None = None
    tags: Mapping[str, str] = {}
    problems: tuple[Problem, ...] = ()


class Placed(NamedTuple):
    """Objects on the upright picture."""

    regions: tuple[Region, ...]
    ignored: tuple[Region, ...]
    problems: tuple[Problem, ...]


def boxes(given: Labelled) -> Draft | Rejected:
    """A sample of the task "detect"."""
    names = tuple(mark.name for mark in given.marks)
    placed = _placed(given, names)
    if isinstance(placed, Rejected):
        return placed
    target = BoxesTarget(boxes=tuple(map(_without_placeholder, placed.regions)), ignored=placed.ignored)
    return _draft(given, placed.problems, names, target)


def layout(given: Labelled) -> Draft | Rejected:
    """A sample of the task "layout": regions in the order of the marks, ignored ones left out."""
    kinds = tuple(mark.kind for mark in given.marks)
    placed = _placed(given, kinds)
    if isinstance(placed, Rejected):
        return placed
    return _draft(given, placed.problems, kinds, RegionsTarget(regions=placed.regions))


def asked_box(given: Labelled) -> Box:
    """The one mark as the part of the picture that is asked about. Raises InputError where it is none, or not one."""
    try:
        plane, _ = plane_of(given)
    except Turned as cause:
        raise InputError(str(cause)) from cause
    box = box_of(given.marks[0].points, plane) if len(given.marks) == 1 else None
    if box is None:
        raise InputError(f"the question has {len(given.marks)} boxes, and not one that lies on the picture")
    return box


def _draft(given: Labelled, problems: tuple[Problem, ...], labels: tuple[str, ...], target: BoxesTarget | RegionsTarget) -> Draft:
    return Draft(
        image=given.picture, target=target, group=given.group or given.picture.name, where=given.where,
        task="detect" if isinstance(target, BoxesTarget) else "layout", question=given.question, tags=given.tags,
        problems=problems, labels=labels,
    )  # fmt: skip


def _without_placeholder(region: Region) -> Region:
    """A word that stands in place of a transcript is no text to learn; the kind says it."""
    return region.model_copy(update={"text": ""}) if region.text == region.kind and region.text in PLACEHOLDERS else region


def _placed(given: Labelled, names: tuple[str, ...]) -> Placed | Rejected:
    """On the upright picture, or why not; a missing picture does not keep its labels from being judged."""
    if not _is_file(given.picture):
        problems = (*given.problems, *_judged(given), Problem(kind="missing-picture", detail=str(given.picture)))
        return Rejected(given.where, f"no such image: {given.picture}", problems, names)
    try:
        plane, told = plane_of(given)
    except InputError as cause:
        return Rejected(given.where, str(cause), given.problems, names)
    except Turned as cause:
        problem = Problem(kind="orientation", detail=str(cause))
        return Rejected(given.where, str(cause), (*given.problems, *_judged(given), problem), names)
    placed = place(given.marks, plane)
    problems = (*given.problems, *told, *placed.problems)
    if given.marks and not placed.regions and not placed.ignored:
        counts = ", ".join(f"{count} {kind}" for kind, count in Counter(p.kind for p in placed.problems).items())
        return Rejected(given.where, f"none of its {len(given.marks)} boxes can be used: {counts}", problems, names)
    if not given.marks:
        problems = (*problems, Problem(kind="no-objects", detail=str(given.picture)))
    return placed._replace(problems=problems)


def _judged(given: Labelled) -> tuple[Problem, ...]:
    """The defects of marks that can be seen without the picture."""
    if isinstance(given.units, Plane):
        plane = given.units
    else:
        plane = Plane(*given.units, slack=SLACK) if given.units else Plane(math.inf, math.inf)
    return tuple(problem for mark in given.marks for problem in defects(mark, plane))


# --- the picture that labels were made on ---------------------------------------------------------------------------------


class Turned(Exception):  # noqa: N818  not an error of the program: the labels stand otherwise than the picture
    """Labels made on the picture after a quarter turn, and nothing says which way."""


def plane_of(given: Labelled) -> tuple[Plane, tuple[Problem, ...]]:
    """What the marks' units mean on the picture, and what was odd about it. Raises InputError for an unreadable picture,
    Turned for labels that stand otherwise."""
    if isinstance(given.units, Plane):
        return given.units, ()
    stored, orientation = raster(given.picture)
    points = [point for mark in given.marks for point in mark.points]
    if orientation == 1:
        return _on_raster(stored, given.units, points)
    return _on_turned(stored, orientation, given.units, points)


def _on_turned(
    stored: Size, orientation: int, declared: Size | None, points: Sequence[Point]
) -> tuple[Plane, tuple[Problem, ...]]:
    """A picture that its EXIF tag turns: labels of the stored raster are turned with it, others taken as upright."""
    upright = Size(stored.height, stored.width) if orientation >= 5 else stored
    if declared == stored != upright:
        told = f"labels of the stored {_said(stored)} picture, turned with it (EXIF orientation {orientation})"
        return Plane(*stored, slack=SLACK, turn=orientation), (Problem(kind="orientation", detail=told),)
    if declared == upright != stored:
        return Plane(*upright, slack=SLACK), ()
    plane, problems = _on_raster(upright, declared, points)
    told = f"EXIF orientation {orientation}, and the labels do not say whether they were made before it: taken as upright"
    return plane, (*problems, Problem(kind="orientation", detail=told))


def _on_raster(size: Size, declared: Size | None, points: Sequence[Point]) -> tuple[Plane, tuple[Problem, ...]]:
    """A picture that stands as it is stored, and the size its labels declare."""
    own = Plane(*size, slack=SLACK)
    if declared is None or (abs(declared.width - size.width) <= 2 and abs(declared.height - size.height) <= 2):
        return own, ()
    said = f"labels say {_said(declared)}, the picture is {_said(size)}"
    if declared == Size(size.height, size.width):
        if _fit(points, size):
            return own, (Problem(kind="orientation", detail=f"{said}; the boxes fit it as it stands"),)
        raise Turned(f"{said}: labels of a picture turned by a quarter, and nothing says which way")
    told = (Problem(kind="other-size", detail=f"{said}; scaled"),)
    same_shape = abs(declared.width * size.height / (declared.height * size.width) - 1) <= SAME_SHAPE
    if same_shape or not _fit(points, size):
        return Plane(*declared, slack=SLACK), told
    return own, (Problem(kind="other-size", detail=f"{said}; the boxes fit it as they are"),)


def _fit(points: Sequence[Point], size: Size) -> bool:
    return all(-SLACK <= x <= size.width + SLACK and -SLACK <= y <= size.height + SLACK for x, y in points)


def _said(size: Size) -> str:
    return f"{size.width:g}×{size.height:g}"


# --- marks → regions --------------------------------------------------------------------------------------------------------


def place(marks: Sequence[Mark], plane: Plane) -> Placed:
    """Marks as regions of the upright picture, in their order; what cannot be a box is left out."""
    regions: list[Region] = []
    ignored: list[Region] = []
    problems: list[Problem] = []
    for mark in marks:
        problems += defects(mark, plane)
        box = box_of(mark.points, plane)
        if box is not None:
            region = Region(kind=mark.kind, text=mark.text, markup=mark.markup, box=box)
            (ignored if mark.ignored or mark.text.strip() == UNREADABLE else regions).append(region)
    return Placed(tuple(regions), tuple(ignored), tuple(problems))


def defects(mark: Mark, plane: Plane) -> list[Problem]:
    """What is wrong with one mark, by name."""
    told = f"{mark.name[:40]!r} at {', '.join(f'({x:g}, {y:g})' for x, y in mark.points[:4])}"
    found = []
    if mark.text.strip() == UNREADABLE and not mark.ignored:
        found.append("ignored-label")
    if len(mark.points) < 2 or not all(math.isfinite(v) for point in mark.points for v in point):
        return [Problem(kind=kind, detail=told) for kind in (*found, "unreadable-box")]
    (left, right), (top, bottom) = (_span(axis) for axis in zip(*mark.points, strict=True))
    if right <= left or bottom <= top:
        return [Problem(kind=kind, detail=told) for kind in (*found, "zero-area-box")]
    first, last = mark.points[0], mark.points[-1]
    if len(mark.points) == 2 and (last[0] < first[0] or last[1] < first[1]):
        found.append("out-of-order")
    if left < -plane.slack or top < -plane.slack or right > plane.width + plane.slack or bottom > plane.height + plane.slack:
        found.append("outside")
    return [Problem(kind=kind, detail=told) for kind in found]


def box_of(points: Sequence[Point], plane: Plane) -> Box | None:
    """The upright box around the points, with its polygon where they are an outline; None where nothing is left of it."""
    if len(points) < 2 or not all(math.isfinite(v) for point in points for v in point):
        return None
    turned = [TURNS[plane.turn](_fraction(x, plane.width), _fraction(y, plane.height)) for x, y in points]
    (left, right), (top, bottom) = (_span(axis) for axis in zip(*turned, strict=True))
    if right <= left or bottom <= top:
        return None
    return Box(left=left, top=top, right=right, bottom=bottom, polygon=tuple(turned) if len(turned) > 2 else None)


def points_of(flat: object) -> tuple[Point, ...]:
    """Points of x, y, x, y … in a list as JSON has it; nothing where it is no such list of four or more numbers."""
    if not isinstance(flat, list | tuple) or len(flat) < 4 or len(flat) % 2:
        return ()
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in flat):
        return ()
    numbers = [float(value) if abs(value) < BEYOND else math.nan for value in flat]
    return tuple(zip(numbers[0::2], numbers[1::2], strict=True))


def declared_size(width: object, height: object) -> Size | None:
    """The size that a file declares for its picture; None where it is none."""
    sides = [side for side in (width, height) if isinstance(side, int | float) and 1 <= side < BEYOND]
    return Size(int(sides[0]), int(sides[1])) if len(sides) == 2 else None


def _span(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _fraction(value: float, of: float) -> float:
    return min(max(value / of, 0.0), 1.0)


# --- pictures beside labels ---------------------------------------------------------------------------------------------------


def picture_beside(labels: Path, named: str | None) -> tuple[Path, tuple[Problem, ...]]:
    """The picture of a label file: of exactly the same stem, else as the file names it; beside it or in the usual folders.

    Where both exist and differ, the stem wins and the other is named. A picture that is nowhere comes back as the path where
    it was expected.
    """
    name = Path(named.strip().replace("\\", "/")) if named and named.strip() else None
    by_stem = next(filter(None, (_stems(f, f.stat().st_mtime_ns).get(labels.stem) for f in _folders(labels.parent))), None)
    by_name = named_picture(name, labels.parent) if name else None
    if by_stem is None:
        return by_name or labels.with_name(name.name if name else f"{labels.stem}.jpg"), ()
    if by_name is not None and name is not None and by_name.stem != by_stem.stem:
        return by_stem, (Problem(kind="other-picture", detail=f"{labels.name} names {name.name}, {by_stem.name} is taken"),)
    return by_stem, ()


def named_picture(name: Path, folder: Path) -> Path | None:
    """The file `name`, relative to the folder or one of the usual folders around it; an absolute path by its last part, too."""
    tried = [name] if name.is_absolute() else []
    tried += [
        place / part for place in _folders(folder) for part in dict.fromkeys((name, Path(name.name))) if not part.is_absolute()
    ]
    return next(filter(_is_file, tried), None)


def _is_file(path: Path) -> bool:
    """Also for what label files call a name: too long for one, or with a NUL in it."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _folders(folder: Path) -> list[Path]:
    """Where pictures stand that belong to labels in `folder`."""
    around = [folder, *(base / name for base in (folder, folder.parent) for name in PICTURE_FOLDERS), folder.parent]
    return [place for place in around if place.is_dir()]


PICTURE_FOLDERS = ("images", "pages", "Images", "JPEGImages", "imgs", "img", "image")


@lru_cache(maxsize=64)
def _stems(folder: Path, changed: int) -> dict[str, Path]:
    """Pictures of a folder by exact stem; `changed` is when it did, so that the answer is not an old one."""
    return {p.stem: p for p in sorted(folder.iterdir(), reverse=True) if p.suffix.lower() in IMAGE_SUFFIXES}
