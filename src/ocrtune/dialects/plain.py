"""Plain text: the model says what it reads, line by line, and nothing else."""

from __future__ import annotations

from ocrtune.dialects._verbatim import Verbatim


class Plain(Verbatim):
    """The reply is the text. The prompt is the one that the nano checkpoint was trained with."""

    name = "plain"
    words = "OCR:"
