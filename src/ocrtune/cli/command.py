"""The beginning that all commands which are no verbs share: flags, help, problems, logging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ocrtune.cli.console import set_up
from ocrtune.cli.face import Face, read_face, read_section
from ocrtune.cli.flags import Flags
from ocrtune.cli.help import page
from ocrtune.config import Section

S = TypeVar("S", bound=Section)


def serve(name: str, options: type[S], act: Callable[[S, Face], None], argv: Sequence[str],
          *, places: Sequence[str] | None = None) -> int:  # fmt: skip
    """Parse `argv` into `options` and call `act`, whose docstring is the help page. Raises ConfigError."""
    flags = Flags(options, Face, places)
    typed = flags.parse(argv)
    if typed.face.get("help"):
        print(page(name, act.__doc__ or "", flags))
        return 0
    face = read_face(Face, typed)
    chosen = read_section(options, typed)
    set_up(quiet=face.quiet, verbose=face.verbose)
    act(chosen, face)
    return 0
