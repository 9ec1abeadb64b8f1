"""Named text pipelines, applied to reference and reading alike before they are compared.

A name never changes its meaning: a figure is comparable only with figures of the same pipeline, and the name is part of
its protocol. Case is kept unless the name says otherwise, combining marks always are (й is not и, ё is not е).

| name       | what it does                                                                                       |
|------------|----------------------------------------------------------------------------------------------------|
| `none`     | nothing                                                                                            |
| `nfc`      | Unicode NFC                                                                                        |
| `default`  | NFC; any run of white space, line breaks included, becomes one space; none at the ends             |
| `relaxed`  | `default` with NFKC instead (full-width → ASCII, ﬁ → fi, ① → 1), quotes and dashes of one kind     |
| `caseless` | `relaxed` and case folding                                                                         |
| `nospace`  | NFC without any white space: for scripts that do not separate words                                |
| `gemma`    | no white space, no ASCII punctuation, no CJK punctuation of the published Gemma-OCR list; no NFC   |

Steps can also be strung together, in the order they are to be done: `nfc+width+simplified+space`. That name is then what a
result is stored with.

| step         | what it does                                                                                     |
|--------------|--------------------------------------------------------------------------------------------------|
| `nfc`, `nfkc`| Unicode forms; `nfkc` is destructive for formulas (½ → 1⁄2, ㎡ → m2, … → ...)                    |
| `width`      | full-width ASCII and the ideographic space become ASCII, nothing else                            |
| `space`      | any run of white space becomes one space; none at the ends                                       |
| `nospace`    | no white space                                                                                   |
| `nopunct`    | no punctuation (all Unicode categories P)                                                        |
| `casefold`   | case folding                                                                                     |
| `yo`         | ё → е, by an explicit map: й stays й                                                             |
| `quotes`     | quotes and dashes of one kind                                                                    |
| `simplified` | traditional Chinese characters become simplified ones (OpenCC t2s)                               |
| `simplified-tw` | the same with Taiwan's variants (OpenCC tw2s)                                                 |
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any

from ocrtune.config import closest
from ocrtune.errors import ConfigError, extra
from ocrtune.scoring.gemma import drop_punctuation as drop_gemma_punctuation

Step = Callable[[str], str]

_SPACE = re.compile(r"\s+")
_QUOTES_AND_DASHES = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′ʼ`´‹›", "'"),
        **dict.fromkeys("“”„‟″«»「」『』〝〞", '"'),
        **dict.fromkeys("‐‑‒–—―−﹘﹣－─", "-"),
    }
)
# U+FF01..FF5E are ASCII 0x21..0x7E shifted; the ideographic space is a space.
FULL_WIDTH: dict[int, int] = {**{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}, 0x3000: 0x20}
_YO = str.maketrans("ёЁ", "еЕ")
_DIAERESIS = re.compile("(?<=[еЕ])\u0308+")


def fold_space(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def drop_space(text: str) -> str:
    return _SPACE.sub("", text)


def fold_quotes_and_dashes(text: str) -> str:
    return text.translate(_QUOTES_AND_DASHES)


def fold_width(text: str) -> str:
    return text.translate(FULL_WIDTH)


def drop_punctuation(text: str) -> str:
    return "".join(letter for letter in text if not unicodedata.category(letter).startswith("P"))


def fold_yo(text: str) -> str:
    # Both spellings: composed, and е with a combining diaeresis. No other mark is touched.
    return _DIAERESIS.sub("", text.translate(_YO))


def simplify(text: str, variant: str = "t2s") -> str:
    return str(_converter(variant).convert(text))


@cache
def _converter(variant: str) -> Any:
    with extra("scores"):
        from opencc import OpenCC
    return OpenCC(variant)


nfc: Step = partial(unicodedata.normalize, "NFC")
nfkc: Step = partial(unicodedata.normalize, "NFKC")
# Quotes are folded before NFKC, which would take ″ and ´ apart into several characters.
_RELAXED: tuple[Step, ...] = (fold_quotes_and_dashes, nfkc, fold_quotes_and_dashes, fold_space)

PIPELINES: dict[str, tuple[Step, ...]] = {
    "none": (),
    "nfc": (nfc,),
    "default": (nfc, fold_space),
    "relaxed": _RELAXED,
    "caseless": (*_RELAXED, str.casefold, nfkc),
    "nospace": (nfc, drop_space),
    "gemma": (drop_space, drop_gemma_punctuation),
}

STEPS: dict[str, Step] = {
    "nfc": nfc,
    "nfkc": nfkc,
    "width": fold_width,
    "space": fold_space,
    "nospace": drop_space,
    "nopunct": drop_punctuation,
    "casefold": str.casefold,
    "yo": fold_yo,
    "quotes": fold_quotes_and_dashes,
    "simplified": simplify,
    "simplified-tw": partial(simplify, variant="tw2s"),
}


@lru_cache(maxsize=512)  # the metrics of one sample normalise the same two texts
def normalise(text: str, pipeline: str) -> str:
    """`text` after the named pipeline, or after steps joined by "+". Raises ConfigError for an unknown name."""
    for step in pipeline_steps(pipeline):
        text = step(text)
    return text


def pipeline_steps(pipeline: str) -> tuple[Step, ...]:
    """What a name stands for. Raises ConfigError for an unknown one."""
    if pipeline in PIPELINES:
        return PIPELINES[pipeline]
    names = pipeline.split("+")
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise ConfigError(
            f"there is no normalisation called {unknown[0]!r}{closest(unknown[0], [*PIPELINES, *STEPS])}",
            hint=f"normalisations: {', '.join(PIPELINES)}; or steps joined by '+': {', '.join(STEPS)}",
        )
    return tuple(STEPS[name] for name in names)
