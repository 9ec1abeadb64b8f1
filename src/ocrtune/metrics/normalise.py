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
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from functools import lru_cache, partial

from ocrtune.config import closest
from ocrtune.errors import ConfigError

Step = Callable[[str], str]

_SPACE = re.compile(r"\s+")
_QUOTES_AND_DASHES = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′ʼ`´‹›", "'"),
        **dict.fromkeys("“”„‟″«»「」『』〝〞", '"'),
        **dict.fromkeys("‐‑‒–—―−﹘﹣－─", "-"),
    }
)
# The list of the published scorer (vlm-sft-ocr, core/count_score.py): curly quotes and U+FE32 are not in it, and
# leaving them alone is what makes our figures equal to the published ones.
_VERTICAL_FORMS = "".join(map(chr, (*range(0xFE30, 0xFE32), *range(0xFE33, 0xFE45), *range(0xFE59, 0xFE5F))))
_GEMMA_DELETED = dict.fromkeys(map(ord, string.punctuation + "，。！？；：『』「」（）【】《》〈〉、·…—～" + _VERTICAL_FORMS))


def fold_space(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def drop_space(text: str) -> str:
    return _SPACE.sub("", text)


def fold_quotes_and_dashes(text: str) -> str:
    return text.translate(_QUOTES_AND_DASHES)


def drop_gemma_punctuation(text: str) -> str:
    return text.translate(_GEMMA_DELETED)


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


@lru_cache(maxsize=512)  # the metrics of one sample normalise the same two texts
def normalise(text: str, pipeline: str) -> str:
    """`text` after the named pipeline. Raises ConfigError for an unknown name."""
    try:
        steps = PIPELINES[pipeline]
    except KeyError as cause:
        raise ConfigError(
            f"there is no normalisation called {pipeline!r}{closest(pipeline, list(PIPELINES))}",
            hint=f"normalisations: {', '.join(PIPELINES)}",
        ) from cause
    for step in steps:
        text = step(text)
    return text
