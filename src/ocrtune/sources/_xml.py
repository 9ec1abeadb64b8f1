"""XML files of labels, read safely: bounded size, no entities, no external references."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ocrtune.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_XML = 1 << 26  # bytes; a densely labelled newspaper page with words has about 10⁷
HEAD = 1 << 12
ROOT = re.compile(r"<(?:[\w.-]+:)?(\w+)[\s>/]")
SKIPPED = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>", re.DOTALL)


def root_name(path: Path) -> str | None:
    """The name of the document element, by the first kilobytes; None where the file is no XML."""
    if path.suffix.lower() != ".xml" or not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(HEAD)
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")
    found = ROOT.search(SKIPPED.sub("", text))
    return found[1] if found and text.lstrip().startswith("<") else None


def parse(path: Path) -> Element:
    """The document element, names without their namespace. Raises InputError saying what is wrong."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if (size := path.stat().st_size) > MAX_XML:
        raise InputError(f"{path}: {size} bytes of XML are more than the bound of {MAX_XML}", hint="split the file by pages")
    try:
        root: Element = fromstring(path.read_bytes())
    except DefusedXmlException as cause:
        raise InputError(
            f"{path}: entities and external references are not read ({cause})", hint="save it without them"
        ) from cause
    except (ParseError, ValueError, LookupError) as cause:
        raise InputError(f"{path}: not XML, or a broken file ({cause})", hint="save it as UTF-8 again") from cause
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def text_in(element: Element, name: str) -> str | None:
    """The text of a child, stripped; None where there is none."""
    found = element.findtext(name)
    return found.strip() if found and found.strip() else None


def numbers(text: str | None) -> list[float]:
    """All numbers of a list such as "1,2 3,4"; what is none is nan, so that its box is named as unreadable."""
    return [_number(part) for part in re.split(r"[\s,;]+", text.strip()) if part] if text else []


def number_in(element: Element, *names: str) -> float | None:
    """The number in the first of these children or attributes that there is."""
    for name in names:
        text = text_in(element, name) or element.get(name)
        if text is not None:
            return _number(text)
    return None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def children(element: Element, *names: str) -> Iterator[Element]:
    return (child for child in element if child.tag in names)
