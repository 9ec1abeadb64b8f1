"""Taking the invisible text of an earlier OCR off a PDF page. What is painted stays as it is."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

TURNED_OFF = re.compile(rb"(?<![\d.])3\s+Tr\b")
INVISIBLE = 3
MOST_PARSED = 8 << 20  # bytes of operators, which take fifty times as much memory as objects
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
    return _Forms(pdf).strip(page.obj.Resources, DEEPEST) or changed


class _Forms:
    """Forms with invisible text are replaced by copies without it. Each is looked at once, however often it is drawn: a few
    forms that draw each other are billions of paths."""

    def __init__(self, pdf: Any) -> None:
        self._pdf = pdf
        self._fresh: dict[tuple[int, int], Any] = {}

    def strip(self, resources: Any, depth: int) -> bool:
        """Whether there were any in `resources`, which are changed."""
        changed = False
        for name, form in list(_forms(resources)):
            fresh = self._without(form, depth)
            if fresh is not None:
                resources.XObject[name] = fresh
                changed = True
        return changed

    def _without(self, form: Any, depth: int) -> Any:
        """The copy, None where there is nothing to take off."""
        if form.objgen not in self._fresh:
            self._fresh[form.objgen] = None  # it may draw itself
            self._fresh[form.objgen] = self._copy(form, depth)
        return self._fresh[form.objgen]

    def _copy(self, form: Any, depth: int) -> Any:
        from pikepdf import Dictionary, Name

        stripped = _stripped(form) if TURNED_OFF.search(_content(form)) else None
        inside = form.get(Name.Resources)
        deeper = False
        if depth > 0 and isinstance(inside, Dictionary) and isinstance(inside.get(Name.XObject), Dictionary):
            inside = copy.copy(inside)
            inside.XObject = copy.copy(inside.XObject)
            deeper = self.strip(inside, depth - 1)
        if stripped is None and not deeper:
            return None
        fresh = self._pdf.make_stream(stripped if stripped is not None else form.read_bytes())
        for key, value in form.stream_dict.items():
            if key not in ("/Length", "/Filter", "/DecodeParms"):
                fresh.stream_dict[key] = value
        if deeper:
            fresh.Resources = inside
        return fresh


def _forms(resources: Any) -> Iterator[tuple[str, Any]]:
    from pikepdf import Dictionary, Name, Stream

    table = resources.get(Name.XObject) if isinstance(resources, Dictionary) else None
    for name, entry in table.items() if isinstance(table, Dictionary) else ():
        if isinstance(entry, Stream) and entry.get(Name.Subtype) == Name.Form:
            yield name, entry


def has_fonts(resources: Any) -> bool:
    """Whether anything on the page can show text."""
    from pikepdf import Dictionary, Name

    seen: set[tuple[int, int]] = set()
    left = [resources]
    while left:
        found = left.pop()
        fonts = found.get(Name.Font) if isinstance(found, Dictionary) else None
        if isinstance(fonts, Dictionary) and len(fonts.keys()):
            return True
        fresh = {form.objgen: form for _, form in _forms(found) if form.objgen not in seen}
        seen |= fresh.keys()
        left += [form.get(Name.Resources) for form in fresh.values()]
    return False


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

    if len(_content(thing)) > MOST_PARSED:
        return None
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
