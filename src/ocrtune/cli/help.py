"""Help pages, made from a command's docstring and its generated flags."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable
from itertools import groupby

from ocrtune.cli.console import bold, width
from ocrtune.cli.flags import Flag, Flags

EXAMPLES = re.compile(r"^Examples?:\s*$", re.MULTILINE)


def split_doc(doc: str) -> tuple[str, list[str]]:
    """A docstring as its prose and the command lines of its `Examples:` block (continuation lines joined)."""
    text = inspect.cleandoc(doc)
    found = EXAMPLES.search(text)
    if not found:
        return text, []
    prose, block = text[: found.start()].strip(), text[found.end() :]
    lines: list[str] = []
    for line in re.sub(r"\\\n\s*", "", block).splitlines():
        if line.strip() and not line.startswith((" ", "\t")):
            break
        lines.append(line.strip().removeprefix("$ "))
    return prose, [line for line in lines if line]


def page(name: str, doc: str, flags: Flags) -> str:
    """The help page of one command."""
    prose, examples = split_doc(doc)
    places = " ".join(f"[{n.upper().replace('_', '-')}]" for n in flags.places)
    parts = [f"usage: ocrtune {name} {places + ' ' if places else ''}[options]", prose]
    for section, members in groupby(flags.option_flags, key=lambda flag: flag.section):
        parts.append(_block(f"Options: {section}" if section else "Options", members))
    parts.append(_block("Every command", flags.face_flags))
    if examples:
        parts.append(bold("Examples") + "\n" + "\n".join(f"  {line}" for line in examples))
    return "\n\n".join(parts)


def _block(title: str, flags: Iterable[Flag]) -> str:
    rows = []
    for flag in flags:
        head = f"  {', '.join(flag.names)} {flag.kind}".rstrip()
        text = f"{flag.help} (required)" if flag.required else flag.help
        body = textwrap.fill(text, width() - 26, initial_indent=" " * 26, subsequent_indent=" " * 26)
        rows.append(head.ljust(26) + body[26:] if len(head) < 25 else f"{head}\n{body}")
    return bold(title) + "\n" + "\n".join(rows)
