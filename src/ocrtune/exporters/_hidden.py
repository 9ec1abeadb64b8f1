"""Taking the invisible text of an earlier OCR off a PDF page. What is painted stays as it is."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

TURNED_OFF = re.compile(rb"(?<![\d.])3\s+Tr\b")
INVISIBLE = 3
DEEPEST = 6  # forms inside of forms
HIGHEST = 60  # nodes above a page; some trees are circles
SHOWING = frozenset({"Tj", "TJ", "'", '"'})


def inherited(page: Any, key: Any) -> Any:
    """What the page or a node above it says; None where none does."""
    from pikepdf import Dictionary, Name

    node = page.obj
    for _ in range(HIGHEST):
        if not isinstance(node, Dictionary):
            return None
        if (found := node.get(key)) is not None:
            return found
        node = node.get(Name.Parent)
    return None


def own_resources(page: Any) -> Any:
    """The page's resources as a dictionary that no other page shares, with its own tables of fonts and forms."""
    from pikepdf import Dictionary, Name

    found = inherited(page, Name.Resources)
    resources = copy.copy(found) if isinstance(found, Dictionary) else Dictionary()
    for table in (Name.Font, Name.XObject):
        entries = resources.get(table)
        resources[table] = copy.copy(entries) if isinstance(entries, Dictionary) else Dictionary()
    page.obj.Resources = resources
    return resources


def remove_hidden_text(page: Any, pdf: Any) -> bool:
    """Whether there was any; `page` has resources of its own. Content that cannot be parsed stays."""
    changed = False
    if TURNED_OFF.search(_content(page)):
        stripped = _stripped(page)
        if stripped is not None:
            page.obj.Contents = pdf.make_stream(stripped)
            changed = True
    return _strip_forms(page.obj.Resources, pdf, DEEPEST) or changed


def _strip_forms(resources: Any, pdf: Any, depth: int) -> bool:
    """Forms with invisible text are replaced by copies without it, in `resources` only."""
    from pikepdf import Name

    changed = False
    for name, form in list(_forms(resources)):
        inside = form.get(Name.Resources)
        deeper = depth > 0 and inside is not None and any(_hides(f, depth - 1) for _, f in _forms(inside))
        stripped = _stripped(form) if TURNED_OFF.search(_content(form)) else None
        if stripped is None and not deeper:
            continue
        fresh = pdf.make_stream(stripped if stripped is not None else form.read_bytes())
        for key, value in form.stream_dict.items():
            if key not in ("/Length", "/Filter", "/DecodeParms"):
                fresh.stream_dict[key] = value
        if deeper:
            fresh.Resources = copy.copy(inside)
            fresh.Resources.XObject = copy.copy(inside.XObject)
            _strip_forms(fresh.Resources, pdf, depth - 1)
        resources.XObject[name] = fresh
        changed = True
    return changed


def _hides(form: Any, depth: int) -> bool:
    from pikepdf import Name

    if TURNED_OFF.search(_content(form)):
        return True
    inside = form.get(Name.Resources)
    return depth > 0 and inside is not None and any(_hides(f, depth - 1) for _, f in _forms(inside))


def _forms(resources: Any) -> Iterator[tuple[str, Any]]:
    from pikepdf import Dictionary, Name, Stream

    table = resources.get(Name.XObject) if isinstance(resources, Dictionary) else None
    for name, entry in table.items() if isinstance(table, Dictionary) else ():
        if isinstance(entry, Stream) and entry.get(Name.Subtype) == Name.Form:
            yield name, entry


def has_fonts(resources: Any, depth: int = DEEPEST) -> bool:
    """Whether anything on the page can show text."""
    from pikepdf import Dictionary, Name

    fonts = resources.get(Name.Font) if isinstance(resources, Dictionary) else None
    if isinstance(fonts, Dictionary) and len(fonts.keys()):
        return True
    return depth > 0 and any(has_fonts(form.get(Name.Resources), depth - 1) for _, form in _forms(resources))


def _content(thing: Any) -> bytes:
    """The operators of a page or form; empty where they cannot be read."""
    from pikepdf import Array, Name, PdfError, Stream

    contents = thing if isinstance(thing, Stream) else thing.obj.get(Name.Contents)
    parts = list(contents) if isinstance(contents, Array) else [contents]
    try:
        return b"\n".join(part.read_bytes() for part in parts if isinstance(part, Stream))
    except (PdfError, RuntimeError, MemoryError):
        return b""


def _stripped(thing: Any) -> bytes | None:
    """The content without what is shown invisibly; None where nothing is, or where it cannot be parsed."""
    from pikepdf import ContentStreamInstruction, Operator, PdfError, parse_content_stream, unparse_content_stream

    try:
        instructions = parse_content_stream(thing)
    except (PdfError, RuntimeError, TypeError):
        return None
    if not instructions or not _content(thing).rstrip().endswith(str(instructions[-1].operator).encode()):
        return None  # qpdf gave up on the way
    kept: list[Any] = []
    mode, saved, removed = 0, [], False
    for instruction in instructions:
        operator = str(instruction.operator)
        if operator == "q":
            saved.append(mode)
        elif operator == "Q" and saved:
            mode = saved.pop()
        elif operator == "Tr" and instruction.operands:
            mode = int(instruction.operands[0])
        if mode != INVISIBLE or operator not in SHOWING:
            kept.append(instruction)
            continue
        removed = True
        if operator in ("'", '"'):  # these go to the next line first
            kept.append(ContentStreamInstruction([], Operator("T*")))
    return bytes(unparse_content_stream(kept)) if removed else None
