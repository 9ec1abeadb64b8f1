"""Formulas as TeX sets them: each word in its own colour, and the boxes of those colours on the page.

What a model writes is hostile input to TeX: it runs without a shell, reads and writes only in its own folder, within limits of
time, memory and disk, and its PDF is opened by a worker that can be killed. Formulas of known commands share one run of TeX,
a page each; whatever else, and whatever is not on its own page in the end, has a run to itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ocrtune import rendering
from ocrtune.errors import InputError, ResourceError
from ocrtune.scoring import _cdm_names as names
from ocrtune.scoring._cdm_colours import LEVELS, SAFE, STEP, TABULAR, Coloured, coloured
from ocrtune.scoring._cdm_words import words

PROGRAM = "xelatex"
FONTS = ("Source Han Sans SC", "Noto Sans CJK SC", "FandolHei-Regular.otf")  # the authors' first
PACKAGES = "texlive-xetex texlive-latex-extra texlive-lang-chinese"
INSTALL = f"apt install --no-install-recommends {PACKAGES} fonts-noto-cjk; elsewhere TeX Live with xetex, was and xecjk"
DPI = 200.0
MARGIN = 8  # pixels around what is drawn
FAINT = 32  # of 255: a pixel that is covered less is not drawn; Ghostscript, which upstream sees through, has 16 levels
PATIENCE = 30.0  # seconds for one formula
TOGETHER = 40  # formulas in one run
MEMORY, DISK = 2 << 30, 64 << 20  # bytes of one run
PAPERS = ((1300, 3), (600, 4), (-1, 5))  # with more words than that, the paper is so large: A3, A4, A5
_KNOWN = (
    names.OPERATORS | names.FRACTIONS | names.SIZED | names.SIZES | names.STYLES | names.FONTS | names.ACCENTS | names.TEXTS
    | names.SYMBOLS | names.MATHORDS | names.HARMLESS | SAFE | {"\\\\", "\\begin{array}", "\\end{array}"}
) - names.WIDE  # fmt: skip
_COMMAND = re.compile(r"\\(?:begin\{array\}|end\{array\}|[a-zA-Z]+\*?|.)", re.DOTALL)
_BRACKETED = re.compile(r"\\\[ ((?:(?!\\[\[\]]).)+) \\\]")
_MARK = re.compile(r"^cdm:(\d+):(\d+)$", re.MULTILINE)
_HEAD = r"""\documentclass[12pt]{article}
\usepackage[landscape]{geometry}
\geometry{aPAPERpaper,scale=0.98}
\pagestyle{empty}
\usepackage{amsmath}
\usepackage{upgreek}
\usepackage{amssymb}
\usepackage{xcolor}
PACKAGES\makeatletter
\AtBeginDocument{\renewcommand*{\@textcolor}[3]{\protect\leavevmode\begingroup\color#1{#2}#3\endgroup}}
\makeatother
\begin{document}
"""
_CJK = r"""\usepackage{xeCJK}
\setCJKmainfont{FONT}
\setCJKsansfont{FONT}
\setCJKmonofont{FONT}
\xeCJKsetup{CJKmath=true}
"""
_TABLES = "\\usepackage{booktabs}\n\\usepackage{multirow}\n"  # without Chinese, as published
_PROBE = r"""\documentclass[12pt]{article}
\usepackage{amsmath,upgreek,amssymb,xcolor,geometry,booktabs,multirow,xeCJK}
\begin{document}
"""
_MARKED = "\\clearpage\\typeout{cdm:\\number\\currentgrouplevel:\\number\\value{page}}\n"
_TAIL = "\\end{document}\n"
_ABSENT = re.compile(r"^! LaTeX Error: File `([^']+)' not found", re.MULTILINE)
_FOUND = re.compile(r"^cdm font (.*)$", re.MULTILINE)


class Tools(NamedTuple):
    """What TeX calls itself, and the font of Chinese, Japanese and Korean characters."""

    version: str
    font: str


class Typeset(NamedTuple):
    """The words that are seen, in the order of the source, with their boxes (left, top, right, bottom) in the cropped picture."""

    words: tuple[str, ...]
    boxes: tuple[tuple[int, int, int, int], ...]
    size: tuple[int, int]


def tools() -> Tools:
    """Raises ResourceError that names what is missing and how it is installed."""
    if shutil.which(PROGRAM) is None:
        raise ResourceError(f"CDM sets formulas with TeX, and {PROGRAM} cannot be found", hint=INSTALL)
    return _tried()


@cache
def _tried() -> Tools:
    asked = "".join(f"\\IfFontExistsTF{{{font}}}{{\\typeout{{cdm font {font}}}}}{{}}\n" for font in _installed())
    with tempfile.TemporaryDirectory(prefix="cdm-") as folder:
        log = _run(Path(folder), f"{_PROBE}{asked}{_TAIL}", 2 * PATIENCE)
    absent = _ABSENT.search(log)
    if absent:
        raise ResourceError(f"CDM sets formulas with TeX, and TeX has no {absent.group(1)}", hint=INSTALL)
    fonts = _FOUND.findall(log)
    if not fonts:
        wanted = " or ".join(FONTS)
        raise ResourceError(f"CDM sets formulas with TeX, and {PROGRAM} finds no font for Chinese: {wanted}", hint=INSTALL)
    return Tools(log.partition("\n")[0].removeprefix("This is ").partition(" (preloaded")[0], min(fonts, key=FONTS.index))


def _installed() -> list[str]:
    """Fonts that TeX need not look for in vain, which takes it seconds."""
    lists = shutil.which("fc-list")
    if lists is None:
        return list(FONTS)
    seen = [font for font in FONTS[:-1] if not subprocess.run([lists, "-q", font], check=False).returncode]
    return [*seen[:1], FONTS[-1]]


def typeset(formulas: Iterable[str]) -> dict[str, Typeset | None]:
    """None for what TeX, or the clean-up before it, makes no single page of. Raises ResourceError without TeX."""
    made: dict[str, Typeset | None] = dict.fromkeys(formulas)
    shared: defaultdict[int, dict[str, Coloured]] = defaultdict(dict)
    for formula in made:
        known, source = _prepared(formula)
        if source is None:
            continue
        paper = next(paper for most, paper in PAPERS if len(source.words) > most)
        if known:
            shared[paper][formula] = source
        else:
            made[formula] = _alone(source, paper)
    for paper, sources in shared.items():
        waiting = list(sources)
        while waiting:
            found = _together([sources[formula] for formula in waiting[:TOGETHER]], paper)
            made.update(zip(waiting, found, strict=False))
            del waiting[: len(found)]
    return made


def _prepared(formula: str) -> tuple[bool, Coloured | None]:
    """The formula in colours, and whether it is of known commands only.

    Brackets of a displayed formula around it go: TeX complains of them and draws nothing, so that boxes are the same (but for
    those of a tag, which the closing one draws).
    """
    text = formula.replace("\n", " ").replace("\\%", "<PERCENTAGETOKEN>")
    found = words(text)
    bracketed = found and _BRACKETED.fullmatch(found)
    if bracketed and "\\tag" not in bracketed.group(1):
        found = bracketed.group(1)
    try:
        source = coloured((found or text).replace("< P E R C E N T A G E T O K E N >", "\\%"))
    except (ValueError, IndexError):
        return False, None
    return found is not None and all(name in _KNOWN for name in _COMMAND.findall(found)), source


def _display(source: Coloured) -> str:
    return f"\\begin{{displaymath}}\n{source.formula}\n\\end{{displaymath}}\n"


def _head(paper: int, *, tables: bool = False) -> str:
    packages = _TABLES if tables else _CJK
    return _HEAD.replace("PAPER", str(paper)).replace("PACKAGES", packages).replace("FONT", tools().font)


def _alone(source: Coloured, paper: int) -> Typeset | None:
    with tempfile.TemporaryDirectory(prefix="cdm-") as folder:
        _run(Path(folder), f"{_head(paper, tables=TABULAR in source.formula)}{_display(source)}{_TAIL}", PATIENCE)
        pages = _pages(Path(folder))
        return _seen(pages[0], source.words) if len(pages) == 1 else None


def _together(sources: Sequence[Coloured], paper: int) -> list[Typeset | None]:
    """The first formulas, at least one. One that spoils the run ends it: it is set again alone, the rest is for the next one."""
    if len(sources) > 1:
        with tempfile.TemporaryDirectory(prefix="cdm-") as folder:
            body = "".join(_display(source) + _MARKED for source in sources)
            log = _run(Path(folder), f"{_head(paper)}{_MARKED}{body}{_TAIL}", PATIENCE + len(sources))
            sound, pages = _sound(log), _pages(Path(folder))
            if len(pages) >= sound > 0:
                return [_seen(page, source.words) for page, source in zip(pages[:sound], sources, strict=False)]
    return [_alone(sources[0], paper)]


def _sound(log: str) -> int:
    """How many formulas from the first on took one page each and left TeX as it was."""
    marks = _MARK.findall(log)
    sound = 0
    while sound + 1 < len(marks) and marks[sound + 1] == (marks[0][0], str(sound + 2)):
        sound += 1
    return sound


def _run(folder: Path, source: str, seconds: float) -> str:
    """TeX's log; whatever there is of it."""
    (folder / "cdm.tex").write_text(source, "utf-8", errors="replace")
    command = [PROGRAM, "-interaction=nonstopmode", "-no-shell-escape", "cdm.tex"]
    quiet = {
        **os.environ,
        "openin_any": "p",
        "openout_any": "p",
        "shell_escape": "f",
        "TEXMFOUTPUT": "",
        "max_print_line": "1000",
    }
    try:
        child = subprocess.Popen(command, cwd=folder, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    except OSError as cause:
        raise ResourceError(f"{PROGRAM} cannot be started: {cause}", hint=INSTALL) from cause
    _bound(child.pid, seconds)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _end(child)
    log = folder / "cdm.log"
    return log.read_text("utf-8", errors="replace") if log.is_file() else ""


def _bound(pid: int, seconds: float) -> None:
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):  # Linux only
        import resource

        limits = ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, DISK), (resource.RLIMIT_CPU, int(seconds) + 1))
        for kind, most in (*limits, (resource.RLIMIT_CORE, 0)):
            resource.prlimit(pid, kind, (most, most))


def _end(child: subprocess.Popen[bytes]) -> None:
    """TeX and what it has started."""
    with contextlib.suppress(OSError, AttributeError):
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


def _pages(folder: Path) -> list[Any]:
    file = folder / "cdm.pdf"
    try:
        return list(rendering.pages(file, dpi=DPI)) if file.is_file() else []
    except InputError:
        return []


def _seen(page: Any, words: Sequence[str]) -> Typeset | None:
    try:
        image = rendering.transparent(page)
    except InputError:
        return None
    return boxed(np.asarray(image), words)


def boxed(pixels: Any, words: Sequence[str]) -> Typeset | None:
    """The boxes of the colours of `words` in an RGBA picture, each a pixel larger than what is drawn; None for a blank one."""
    rows, columns = np.nonzero(pixels[..., 3] >= FAINT)
    if not len(rows):
        return None
    top, left = int(rows.min()) - MARGIN, int(columns.min()) - MARGIN
    size = (int(columns.max()) - left + MARGIN, int(rows.max()) - top + MARGIN)
    shade = pixels[rows, columns, :3].astype(np.int64)
    at = (shade // STEP) @ np.array([LEVELS**2, LEVELS, 1]) - 1
    kept = (shade % STEP == 0).all(axis=1) & (at >= 0) & (at < len(words))
    at, rows, columns = at[kept], rows[kept] - top, columns[kept] - left
    edges = np.array([[np.iinfo(np.int64).max] * 2 + [-1] * 2] * len(words)).reshape(-1, 4)
    for side, (operation, values) in enumerate(
        ((np.minimum, columns), (np.minimum, rows), (np.maximum, columns), (np.maximum, rows))
    ):
        operation.at(edges[:, side], at, values)
    seen = [number for number in range(len(words)) if edges[number, 2] >= 0]
    boxes = [(int(x0) - 1, int(y0) - 1, int(x1) + 1, int(y1) + 1) for x0, y0, x1, y1 in edges[seen]]
    return Typeset(tuple(words[number] for number in seen), tuple(boxes), size)
