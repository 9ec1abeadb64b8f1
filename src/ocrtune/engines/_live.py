"""Replies as they are written, for someone who watches: line by line, one reply at a time."""

from __future__ import annotations

import logging

WIDEST = 160  # characters; longer lines, such as JSON without breaks, are shown in pieces

log = logging.getLogger("ocrtune")


class Live:
    """Whoever speaks first is heard to the end; then the next one who says something."""

    def __init__(self) -> None:
        self._speaker: object = None
        self._rest = ""

    def hear(self, speaker: object, piece: str) -> None:
        self._speaker = self._speaker or speaker
        if speaker is not self._speaker:
            return
        *lines, self._rest = (self._rest + piece).split("\n")
        for line in lines:
            _show(line)
        while len(self._rest) > WIDEST:
            _show(self._rest[:WIDEST])
            self._rest = self._rest[WIDEST:]

    def end(self, speaker: object) -> None:
        if speaker is self._speaker:
            if self._rest:
                _show(self._rest)
            self._speaker, self._rest = None, ""


def _show(line: str) -> None:
    """Nothing that a terminal would obey is shown."""
    log.info("| %s", "".join(sign if sign.isprintable() else " " for sign in line))
