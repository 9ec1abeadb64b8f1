"""Whether the text layer of a page says what the page shows: words that can be words, and ink that is covered by them."""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrtune.core import Size
from ocrtune.rendering._drawings import Drawings
from ocrtune.textlayer import Glyph, Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_WORDS = 20
IMPLAUSIBLE_SHARE = 0.4
FEWEST_LETTERS = 200  # of an alphabet
COMMON = {"LATIN": frozenset("eainorst"), "CYRILLIC": frozenset("оеаинтсрвл"), "GREEK": frozenset("αοιετσνηυρ")}
COMMON_SHARE = 0.4  # measured: 0.57 and more of prose in 12 languages, 0.47 of lists of commands, 0.25 of letters moved at random
TILES = 80  # along the longer side of a page: a tile is about a letter of text
TILE = 6  # pixels of a tile
CONTRAST = 60  # of 255, within a tile that has ink
UNCOVERED_SHARE, UNCOVERED_LEAST = 0.3, 25  # tiles with ink that no letter, rule or picture explains
OUTLINES = 25  # shapes like letters
PAPER, ON_PAPER = 0.85, 0.8  # how light paper is against the lightest of a page; the part of a scan's ink that stands on paper
LARGE = 0.4  # of the page: a picture that may be a scan of text

WORD = re.compile(r"\S{3,}")
EDGES = re.compile(r"^[\W_]+|[\W_]+$")
VOWELS = {"LATIN": frozenset("aeiouyæøœıəα"), "CYRILLIC": frozenset("аеёиоуыэюяіїєўѣѵ"), "GREEK": frozenset("αεηιουω")}


def implausible(text: str) -> str | None:
    """Why a text cannot be made of words, as where letters are mapped to other letters; None where it can."""
    words = [EDGES.sub("", word) for word in WORD.findall(text)]
    judged = [verdict for verdict in map(_is_word, words) if verdict is not None]
    if len(judged) < FEWEST_WORDS:
        return None
    share = judged.count(False) / len(judged)
    if share > IMPLAUSIBLE_SHARE:
        return f"{share:.0%} of the words in the text layer cannot be words: its letters are mapped wrongly"
    return _odd_letters("".join(words).lower())


def _odd_letters(text: str) -> str | None:
    """Letters as frequent as in no language, or hardly a Latin one without an accent (Cyrillic read as Western European)."""
    for script, common in COMMON.items():
        letters = [letter for letter in text if letter.isalpha() and _script(letter) == script]
        if len(letters) < FEWEST_LETTERS:
            continue
        if sum(_plain(letter) in common for letter in letters) < COMMON_SHARE * len(letters):
            return "the letters of the text layer are as frequent as in no language: they are mapped wrongly"
        if script == "LATIN" and sum(letter.isascii() for letter in letters) < len(letters) / 3:
            return "most letters in the text layer carry accents: they are mapped wrongly"
    return None


def _is_word(word: str) -> bool | None:
    """None for what is no word of an alphabet: numbers, ideographs, names of files."""
    letters = [letter for letter in word if letter.isalpha()]
    scripts = {_script(letter) for letter in letters}
    if len(letters) < 3 or not scripts <= VOWELS.keys() or re.search(r"[@/\\=_.:<>(){}\[\]]", word):
        return None
    if len(scripts) > 1 or len(letters) < 0.7 * len(word):
        return False
    if sum(first.islower() and second.isupper() for first, second in pairwise(word)) > 1:
        return False
    plain = unicodedata.normalize("NFD", word.lower())
    return len(letters) < 4 or word.isupper() or any(letter in VOWELS[next(iter(scripts))] for letter in plain)


@lru_cache(4096)
def _plain(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0]


@lru_cache(4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


class Evidence(NamedTuple):
    """What a page shows: `ink` is its picture in grey, of any size; boxes are in pixels of `size`."""

    ink: Any
    size: Size
    glyphs: Sequence[Glyph]
    drawings: Drawings


def tile_size(size: Size) -> Size:
    """The size at which `Evidence.ink` is best."""
    scale = TILES * TILE / max(size)
    return Size(max(round(size.width * scale), TILE), max(round(size.height * scale), TILE))


def is_blank(ink: Any) -> bool:
    """Whether nothing is to be seen on a page."""
    import numpy as np

    return not _ink(np.asarray(ink))[1].any()


def uncovered(evidence: Evidence) -> str | None:
    """Why letters are to be seen that the text layer does not have; None where it has all."""
    import numpy as np

    if evidence.drawings.letters >= max(OUTLINES, sum(g.inked for g in evidence.glyphs)):
        return f"letters drawn as outlines: about {evidence.drawings.letters} shapes against few characters of text"
    bright, inked = _ink(np.asarray(evidence.ink))
    size = evidence.size
    large = [b for b in evidence.drawings.pictures if (b[2] - b[0]) * (b[3] - b[1]) > LARGE * size.width * size.height]
    small = [box for box in evidence.drawings.pictures if box not in large]
    explained = _tiles([g.cell for g in evidence.glyphs if g.inked], size, inked.shape)
    inked &= ~(_tiles(small, size, inked.shape) & ~explained)
    left = inked & ~explained & ~_tiles(evidence.drawings.rules, size, inked.shape)
    count = int(left.sum())
    if count < max(UNCOVERED_LEAST, UNCOVERED_SHARE * int(inked.sum())):
        return None
    scanned = left & _tiles(large, size, inked.shape)
    if int(scanned.sum()) > count / 2 and int((scanned & bright).sum()) > ON_PAPER * int(scanned.sum()):
        return f"{count / int(inked.sum()):.0%} of what is to be seen has no text: a scan with a partial text layer"
    if evidence.drawings.letters >= OUTLINES:
        return f"{count / int(inked.sum()):.0%} of what is to be seen has no text: letters drawn as outlines"
    return None  # a drawing


def _ink(grey: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tiles in which paper is to be seen, and tiles with a contrast in them."""
    import numpy as np

    down, across = grey.shape[0] // TILE, grey.shape[1] // TILE
    tiles = grey[: down * TILE, : across * TILE].reshape(down, TILE, across, TILE)
    lightest, darkest = tiles.max(axis=(1, 3)).astype(int), tiles.min(axis=(1, 3)).astype(int)
    return lightest > PAPER * np.percentile(lightest, 95), lightest - darkest > CONTRAST


def _tiles(boxes: Sequence[Rect], size: Size, shape: tuple[int, ...]) -> NDArray[Any]:
    """Tiles that one of the boxes touches."""
    import numpy as np

    covered = np.zeros(shape, dtype=bool)
    across, down = shape[1] / size.width, shape[0] / size.height
    for left, top, right, bottom in boxes:
        covered[
            max(int(top * down), 0) : max(int(bottom * down) + 1, 0), max(int(left * across), 0) : max(int(right * across) + 1, 0)
        ] = True
    return covered


def filled_in(page: Any) -> str | None:
    """Why a page says more than its content: form fields that hold text, and notes written on it."""
    import pypdfium2.raw as pdfium

    count = 0
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), 1000)):
        note = pdfium.FPDFPage_GetAnnot(page, index)
        if note:
            count += _holds_text(note, page.formenv)
            pdfium.FPDFPage_CloseAnnot(note)
    return f"{count} form fields or notes hold text that the text layer has not" if count else None


def _holds_text(note: Any, forms: Any) -> bool:
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetSubtype(note)
    if kind == pdfium.FPDF_ANNOT_FREETEXT:
        return True
    if kind != pdfium.FPDF_ANNOT_WIDGET or not forms:
        return False
    written = (pdfium.FPDF_FORMFIELD_TEXTFIELD, pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX)
    empty = ctypes.sizeof(pdfium.FPDF_WCHAR)  # the end of a string
    return (
        pdfium.FPDFAnnot_GetFormFieldType(forms, note) in written
        and pdfium.FPDFAnnot_GetFormFieldValue(forms, note, None, 0) > empty
    )
