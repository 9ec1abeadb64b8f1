"""Layout kinds under the names that data sets give them."""

from __future__ import annotations

KINDS = frozenset({"text", "title", "section-header", "list-item", "table", "formula", "picture", "caption", "footnote",
                   "page-header", "page-footer"})  # fmt: skip
ALIASES = {
    "paragraph": "text", "plain-text": "text", "body": "text", "main": "text", "marginalia": "text", "margin": "text",
    "heading": "section-header", "subheading": "section-header", "sectionheader": "section-header",
    "list": "list-item", "list-label": "list-item", "list-group": "list-item",
    "figure": "picture", "image": "picture", "graphic": "picture", "illustration": "picture", "chart": "picture",
    "equation": "formula", "isolate-formula": "formula", "maths": "formula", "math": "formula",
    "figure-caption": "caption", "table-caption": "caption", "formula-caption": "caption",
    "footnote-continued": "footnote", "endnote": "footnote", "table-footnote": "footnote",
    "header": "page-header", "footer": "page-footer", "page-number": "page-footer",
}  # fmt: skip


def layout_kind(name: str) -> str | None:
    """The kind a category name stands for; None for a name of anything else.

    >>> layout_kind("Section_header"), layout_kind("figure"), layout_kind("dog")
    ('section-header', 'picture', None)
    """
    plain = "-".join(name.strip().lower().replace("_", " ").replace("-", " ").split())
    return plain if plain in KINDS else ALIASES.get(plain)
