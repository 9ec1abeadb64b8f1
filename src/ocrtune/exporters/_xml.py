"""XML and XHTML as bytes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.metadata import version
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ocrtune.core import Page
from ocrtune.exporters._lines import legal

SOFTWARE = ("ocrtune", version("ocrtune"))


def child(parent: Element, tag: str, text: str | None = None, /, **attributes: object) -> Element:
    """A new element; attributes that are None are left out, text and values are made legal."""
    said = {key.rstrip("_"): legal(str(value)) for key, value in attributes.items() if value is not None}
    element = SubElement(parent, tag, said)
    if text is not None:
        element.text = legal(text)
    return element


def written(root: Element) -> bytes:
    """Indented: for formats whose text is in attributes, or in elements of its own."""
    indent(root, " ")
    return as_it_is(root)


def as_it_is(root: Element, *, doctype: str = "") -> bytes:
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + doctype.encode() + body + b"\n"


def now() -> str:
    """UTC, as xsd:dateTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def kind_name(kind: str) -> str:
    """A kind as it can stand in names and lists: models make some up."""
    return re.sub(r"[^a-z0-9-]+", "-", kind.lower()).strip("-")[:40] or "text"


def picture_name(page: Page) -> str:
    """The clean picture of a page, seen from a folder beside it: the boxes are pixels of exactly that one."""
    return f"../pages/{page.number:04d}.jpg"


def share(value: float | None) -> str | None:
    """A probability with four digits."""
    return None if value is None else f"{value:.4g}"
