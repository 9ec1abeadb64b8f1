"""Which engine reads which script, in which tesseract data."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

RAPIDOCR, TESSERACT = "rapidocr", "tesseract"
MOST = 3  # languages read together; each one more makes tesseract slower
IDEOGRAPHS = ("Han", "Japanese", "Hiragana", "Katakana")
LANGUAGES = {
    "Latin": ("eng", "deu", "fra", "spa", "ita", "por", "nld", "pol", "ces", "swe", "dan", "nor", "fin", "hun", "ron", "tur"),
    "Cyrillic": ("rus", "ukr", "bel", "bul", "srp", "mkd", "kaz"),
    "Han": ("chi_tra", "chi_sim"),
    "Japanese": ("jpn",),
    "Hiragana": ("jpn",),
    "Katakana": ("jpn",),
    "Hangul": ("kor",),
    "Korean": ("kor",),
    "Greek": ("ell",),
    "Arabic": ("ara", "fas", "urd"),
    "Hebrew": ("heb",),
    "Devanagari": ("hin", "mar", "nep"),
    "Bengali": ("ben",),
    "Thai": ("tha",),
    "Georgian": ("kat",),
    "Armenian": ("hye",),
    "Tamil": ("tam",),
    "Telugu": ("tel",),
    "Kannada": ("kan",),
    "Malayalam": ("mal",),
    "Gujarati": ("guj",),
    "Gurmukhi": ("pan",),
    "Khmer": ("khm",),
    "Lao": ("lao",),
    "Myanmar": ("mya",),
    "Sinhala": ("sin",),
    "Tibetan": ("bod",),
    "Ethiopic": ("amh",),
}


class Way(NamedTuple):
    """An engine, and the language that it is told; `lacks` is tesseract data that would read the page better."""

    engine: str
    language: str | None = None
    lacks: str | None = None

    @property
    def title(self) -> str:
        return f"{self.engine} {self.language}" if self.language else self.engine


def ways(script: str | None, engines: Collection[str], data: Collection[str]) -> list[Way]:
    """How a page in this script can be read with these engines and this tesseract data, the best way first.

    RapidOCR reads ideographs with a tenth of tesseract's errors, and Latin as well as tesseract in twice the time; it has
    no letters of most other scripts. Data of other scripts is read together with English: alone it makes Latin letters and
    digits into its own.
    """
    wanted = LANGUAGES.get(script or "", ())
    found = [name for name in wanted if name in data]
    english = [] if "eng" in found or "eng" not in data else ["eng"]
    ours = [Way(TESSERACT, "+".join([*found[:MOST], *english]))] if found and TESSERACT in engines else []
    rapid = [Way(RAPIDOCR)] if RAPIDOCR in engines else []
    if script in IDEOGRAPHS:
        return rapid + ours or _rest(engines, data, lacks=wanted[0])
    if script in (None, "Latin", "Greek"):
        return [*ours, *rapid, *_rest(engines, data)]
    if ours:
        return [*ours, *rapid]
    return [way._replace(lacks=wanted[0] if wanted else None) for way in (*_rest(engines, data), *rapid)]


def _rest(engines: Collection[str], data: Collection[str], lacks: str | None = None) -> list[Way]:
    """Tesseract with the data that reads most: Latin, and Russian where there is any."""
    found = [name for name in ("rus", "eng") if name in data] or sorted(name for name in data if len(name) == 3)[:1]
    return [Way(TESSERACT, "+".join(found), lacks)] if found and TESSERACT in engines else []
