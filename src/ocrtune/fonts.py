"""Fonts found on this machine: well-known families, the DejaVu and STIX files that matplotlib brings, and CJK."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import unicodedata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ocrtune.errors import ConfigError, ResourceError

# family: possible file names of the regular and the bold cut. All of them have Latin and Cyrillic.
FAMILIES: dict[str, tuple[tuple[str, str], ...]] = {
    "DejaVu Sans": (("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),),
    "DejaVu Serif": (("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"),),
    "STIXGeneral": (("STIXGeneral.ttf", "STIXGeneralBol.ttf"),),
    "Liberation Sans": (("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),),
    "Liberation Serif": (("LiberationSerif-Regular.ttf", "LiberationSerif-Bold.ttf"),),
    "PT Sans": (("PTS55F.ttf", "PTS75F.ttf"), ("PT_Sans-Web-Regular.ttf", "PT_Sans-Web-Bold.ttf")),
    "PT Serif": (("PTF55F.ttf", "PTF75F.ttf"), ("PT_Serif-Web-Regular.ttf", "PT_Serif-Web-Bold.ttf")),
    "Noto Sans": (("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),),
    "Noto Serif": (("NotoSerif-Regular.ttf", "NotoSerif-Bold.ttf"),),
    "Open Sans": (("OpenSans-Regular.ttf", "OpenSans-Bold.ttf"),),
    "Carlito": (("Carlito-Regular.ttf", "Carlito-Bold.ttf"),),
    "Arial": (("Arial.ttf", "Arial Bold.ttf"), ("arial.ttf", "arialbd.ttf")),
    "Times New Roman": (("Times New Roman.ttf", "Times New Roman Bold.ttf"), ("times.ttf", "timesbd.ttf")),
    "Georgia": (("Georgia.ttf", "Georgia Bold.ttf"), ("georgia.ttf", "georgiab.ttf")),
    "Verdana": (("Verdana.ttf", "Verdana Bold.ttf"), ("verdana.ttf", "verdanab.ttf")),
    "Tahoma": (("Tahoma.ttf", "Tahoma Bold.ttf"), ("tahoma.ttf", "tahomabd.ttf")),
}
# language: family, regular file, bold file, number of the face inside a collection.
CJK: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    "zh-Hans": (
        ("Noto Sans CJK SC", "NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", 2),
        ("Noto Serif CJK SC", "NotoSerifCJK-Regular.ttc", "NotoSerifCJK-Bold.ttc", 2),
        ("WenQuanYi Micro Hei", "wqy-microhei.ttc", "wqy-microhei.ttc", 0),
        ("AR PL UMing CN", "uming.ttc", "uming.ttc", 0),
        ("Songti SC", "Songti.ttc", "Songti.ttc", 0),
        ("Microsoft YaHei", "msyh.ttc", "msyhbd.ttc", 0),
        ("SimSun", "simsun.ttc", "simsun.ttc", 0),
    ),
    "zh-Hant": (
        ("Noto Sans CJK TC", "NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", 3),
        ("Noto Serif CJK TC", "NotoSerifCJK-Regular.ttc", "NotoSerifCJK-Bold.ttc", 3),
        ("AR PL UMing TW", "uming.ttc", "uming.ttc", 2),
        ("Microsoft JhengHei", "msjh.ttc", "msjhbd.ttc", 0),
        ("PMingLiU", "mingliu.ttc", "mingliu.ttc", 1),
    ),
    "ja": (
        ("Noto Sans CJK JP", "NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", 0),
        ("Hiragino Sans", "ヒラギノ角ゴシック W3.ttc", "ヒラギノ角ゴシック W6.ttc", 0),
        ("Yu Gothic", "YuGothR.ttc", "YuGothB.ttc", 0),
        ("MS Gothic", "msgothic.ttc", "msgothic.ttc", 0),
    ),
    "ko": (
        ("Noto Sans CJK KR", "NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", 1),
        ("Apple SD Gothic Neo", "AppleSDGothicNeo.ttc", "AppleSDGothicNeo.ttc", 0),
        ("Malgun Gothic", "malgun.ttf", "malgunbd.ttf", 0),
    ),
}
RUNNING = ("Noto Sans", "PT Sans", "Liberation Sans", "Arial", "Carlito", "DejaVu Sans")  # narrow enough for set pages
SYMBOLS = ("DejaVu Sans", "STIXGeneral")  # signs and formulas; matplotlib brings both


class Face(NamedTuple):
    """A family with the files of its regular and bold cuts; `number` counts inside a TTC collection."""

    family: str
    regular: Path
    bold: Path
    number: int = 0


def folders() -> list[Path]:
    """Where this system keeps fonts; the folder that matplotlib brings comes first."""
    found = []
    if (spec := find_spec("matplotlib")) is not None and spec.origin:
        found.append(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf")
    home = Path.home()
    if sys.platform == "win32":
        return [*found, Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    if sys.platform == "darwin":
        return [*found, Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    return [*found, Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts", home / ".fonts"]


@functools.cache
def _files() -> dict[str, Path]:
    """Font files by name; of equal names the first in a sorted walk."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.rglob("*.tt[fc]")) if folder.is_dir() else []:
            found.setdefault(path.name, path)
    return found


def faces(language: str, families: tuple[str, ...] | None = None) -> list[Face]:
    """Faces that can set the language, in a fixed order, never empty.

    Raises ResourceError when no font for Chinese is installed, and ConfigError when none of `families` is found.
    """
    files = _files()
    found = [Face(family, files[regular], files[bold], number)
             for family, regular, bold, number in _known(language) if regular in files and bold in files]  # fmt: skip
    if not found:
        raise ResourceError(
            f"no font for {language} is installed on this machine",
            hint="install one: apt install fonts-noto-cjk (Debian, Ubuntu), brew install --cask font-noto-sans-cjk (macOS)"
            if language in CJK
            else "pip install matplotlib brings DejaVu, which is enough",
        )
    chosen = [face for face in found if families is None or face.family in families]
    if not chosen:
        asked, there = ", ".join(families or ()), ", ".join(face.family for face in found)
        raise ConfigError(f"none of these fonts is found for {language}: {asked}", hint=f"found on this machine: {there}")
    return chosen


def _known(language: str) -> list[tuple[str, str, str, int]]:
    if language in CJK:
        return list(CJK[language])
    return [(family, regular, bold, 0) for family, cuts in FAMILIES.items() for regular, bold in cuts]


def covering(text: str) -> list[Face]:
    """Faces that set the text together, the one for most of it first. Never empty; letters of scripts without a font here
    stay uncovered."""
    latin = faces("en")
    chosen = [next(face for family in RUNNING for face in latin if face.family == family)]
    language = ideographs(text)
    if language is not None:
        with contextlib.suppress(ResourceError):
            chosen.append(faces(language)[0])
    files = _files()
    for script in sorted({name for c in set(text) if ord(c) > 0x52F and (name := _script(c)) is not None}):
        names = (f"{cut}{script}-Regular.ttf" for cut in ("NotoSans", "NotoSerif"))
        found = next((files[name] for name in names if name in files), None)
        if found is not None:
            chosen.append(Face(f"Noto {script}", found, files.get(found.name.replace("Regular", "Bold"), found)))
    return [*chosen, *(face for face in latin if face.family in SYMBOLS and face not in chosen)]


def ideographs(text: str) -> str | None:
    """The language whose forms of ideographs the text asks for, None where it has none: Japanese has kana, Korean Hangul, and
    of Chinese texts the simplified ones have fewer letters in the traditional character set than in the simplified."""
    if any("\u3041" <= c <= "\u30ff" for c in text):
        return "ja"
    if any("\uac00" <= c <= "\ud7a3" for c in text):
        return "ko"
    han = {c for c in text if "\u2e80" <= c <= "\u9fff" or c >= "\U00020000"}
    if not han and not any("\uff00" <= c <= "\uffef" for c in text):
        return None
    simplified, traditional = (sum(_encodes(c, name) for c in han) for name in ("gb2312", "big5"))
    return "zh-Hans" if simplified >= traditional else "zh-Hant"


def _encodes(character: str, encoding: str) -> bool:
    try:
        return bool(character.encode(encoding))
    except UnicodeEncodeError:
        return False


def _script(character: str) -> str | None:
    """The script by the first word of the character's name, as Noto's files are called."""
    word = unicodedata.name(character, "").partition(" ")[0]
    return word.capitalize() if character.isalpha() and word.isalpha() else None
