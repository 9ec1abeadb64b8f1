"""The blocks of a page as OmniDocBench v1.5 finds them: in its annotation, and in the Markdown of a reading."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ocrtune.benchmarks._omni_pipes import has_pipe_table, written_out
from ocrtune.errors import extra
from ocrtune.scoring import formulas
from ocrtune.scoring.omnidocbench import normalise_text

Kind = Literal["text", "formula", "html", "latex"]

IGNORED = frozenset(
    (
        *("figure_caption", "figure_footnote", "table_caption", "table_footnote", "code_algorithm", "code_algorithm_caption"),
        *("header", "footer", "page_footnote", "page_number", "equation_caption"),
    )
)
FORMULA = "equation_isolated"
TEXTS = ("text_block", "title", "code_txt", "code_txt_caption", "reference", *IGNORED)
_MIXED = (
    *("text_block", "title", "code_txt", "code_txt_caption", "reference", "equation_caption", "figure_caption"),
    *("figure_footnote", "table_caption", "table_footnote", "code_algorithm", "code_algorithm_caption", "header", "footer"),
    *("page_footnote", "page_number", FORMULA),
)

_PICTURE = re.compile(r"!\[(?>.*?\]\()(?>.*?\))")  # never tried again: where no ")" follows, none follows what is further on
_FENCES = tuple(re.compile(p, re.MULTILINE) for p in (r"^```markdown\n?", r"^```html\n?", r"^```latex\n?", r"```\n?$"))
_TEX_TABLE = re.compile(r"\\begin{table}(.*?)\\end{table}", re.DOTALL)
_FORMULA = re.compile(r"\$\$(.*?)\$\$|\\\[(.*?)\\\]|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)
_DOLLARS = re.compile(r"\$\$(.*?)\$\$|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)
_WRITTEN = re.compile(r"<table.*?</table>", re.DOTALL)
_CODE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_STYLES = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"\\title\{(.*?)\}", 0),
        (r"\\title\s*\{\s*(.*?)\s*\}", re.DOTALL),
        (r"\\text\s*\{\s*(.*?)\s*\}", re.DOTALL),
        (r"\\section\*?\{(.*?)\}", 0),
        (r"\\section\*?\{\s*(.*?)\s*\}", re.DOTALL),
    )
)
_ARRAY = re.compile(r"\\begin\{array\}\{(?P<columns>[^}]*)\}(?P<body>.*?)\\end\{array\}", re.DOTALL)


class Found(NamedTuple):
    """A block of a reading: `start` is its place in the text, `fine` the name that OmniDocBench gives it."""

    kind: Kind
    fine: str
    content: str
    start: int

    @property
    def normal(self) -> str:
        if self.kind == "formula":
            return formulas.normalise(self.content)
        return normalise_text(self.content)


class Truth(NamedTuple):
    """A block of the annotation; `order` 0 is none."""

    category: str
    content: str
    order: float

    @property
    def normal(self) -> str:
        return formulas.normalise(self.content) if self.category == FORMULA else normalise_text(self.content)


class Annotated(NamedTuple):
    """Texts and formulas in order, and the tables."""

    blocks: list[Truth]
    tables: list[Table]


class Table(NamedTuple):
    """A table of the annotation, in both languages that it has it in."""

    html: str
    latex: str


def annotated(page: Mapping[str, Any]) -> Annotated:
    """The blocks of a page of OmniDocBench.json; those that a page or column break cut in two are one."""
    by_category: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    groups = _cut_in_two(page)
    cut = {name for group in groups for name in group}
    parts: dict[Any, Mapping[str, Any]] = {}
    for block in page["layout_dets"]:
        if block["anno_id"] in cut:
            parts[block["anno_id"]] = block
        else:
            by_category[block["category_type"]].append(block)
    for group in groups:
        blocks = sorted((parts[name] for name in group if name in parts), key=_order)
        if blocks:
            whole = {**blocks[0], "text": "".join(str(block.get("text", "")) for block in blocks)}
            by_category[blocks[0]["category_type"]].append(whole)
    mixed = sorted((block for category in _MIXED for block in by_category.get(category, ())), key=_order)
    tables = sorted(by_category.get("table", ()), key=_order)
    truths = [Truth(b["category_type"], str(b["latex" if b["category_type"] == FORMULA else "text"]), _order(b)) for b in mixed]
    return Annotated(_split_truth(truths), [_table(block) for block in tables if block.get("html")])


def _table(block: Mapping[str, Any]) -> Table:
    html = str(block["html"])
    return Table(html, str(block.get("latex", html)))


def _order(block: Mapping[str, Any]) -> float:
    return float(block.get("order") or 0)


def _cut_in_two(page: Mapping[str, Any]) -> list[list[Any]]:
    groups: list[list[Any]] = []
    for relation in page.get("extra", {}).get("relation", ()):
        if relation["relation_type"] == "truncated":
            ends = [relation["source_anno_id"], relation["target_anno_id"]]
            joined = [group for group in groups if set(ends) & set(group)]
            for group in joined:
                group += ends
            if not joined:
                groups.append(ends)
    # A block in the middle of three stands in such a group twice, and is then written twice: kept as published.
    return groups


def read_markdown(text: str) -> list[Found]:
    """Tables, formulas, code and paragraphs, by their place."""
    text = _PICTURE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))  # line ends as Python reads them from a file
    for fence in _FENCES:
        text = fence.sub("", text)
    text = re.sub(" {4,}", "    ", re.sub("_{4,}", "____", text))
    for tag in ("<html>", "</html>", "<body>", "</body>"):
        text = text.replace(tag, "")
    found: list[Found] = []
    for take in (_tex_tables, _html_tables, _formulas, _pipe_tables, _code):
        text = take(text, found)
    for style in _STYLES:
        text = style.sub(r"\1", text)
    found += _paragraphs(text)
    return sorted(found, key=lambda block: block.start)


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _tex_tables(text: str, found: list[Found]) -> str:
    spans = [match.span() for match in _TEX_TABLE.finditer(text)]
    spans += _balanced(_blanked(text, spans), _TABULAR)
    found += [Found("latex", "latex_table", text[start:end], start) for start, end in sorted(spans)]
    return _blanked(text, spans)


def _html_tables(text: str, found: list[Found]) -> str:
    spans = _balanced(text, _HTML)
    found += [Found("html", "html_table", text[start:end], start) for start, end in spans]
    return _blanked(text, spans)


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = _blank(text, start, end)
    return text


class _Pair(NamedTuple):
    """What opens and closes a table.

    Slip of the published code: from a mark it goes on `step` characters later, however long the mark is, and takes the closing
    one to be as long; that is the length of the closing mark's pattern. After a table that is never closed it goes on `inside`
    characters later, the length of the opening mark's pattern.
    """

    opening: re.Pattern[str]
    closing: re.Pattern[str]
    step: int
    inside: int


_TABULAR = _Pair(re.compile(r"\\begin{tabular}"), re.compile(r"\\end{tabular}"), step=14, inside=16)
_HTML = _Pair(re.compile(r"<table[^>]*>"), re.compile(r"</table>"), step=8, inside=16)


def _balanced(text: str, marks: _Pair) -> list[tuple[int, int]]:
    """Outermost spans; after one that is never closed the search goes on inside it."""
    spans: list[tuple[int, int]] = []
    begin: int | None = 0
    while begin is not None and marks.closing.search(text, begin):
        begin = _add_balanced(spans, text, marks, begin)
    return spans


def _add_balanced(spans: list[tuple[int, int]], text: str, marks: _Pair, at: int) -> int | None:
    """Where to go on, None at the end."""
    open_: list[int] = []
    closing = marks.closing.search(text, at)
    opening = marks.opening.search(text, at)
    while opening or closing:
        if opening and (not closing or opening.start() < closing.start()):
            open_.append(opening.start())
            at = opening.start() + marks.step
        elif closing:
            at = closing.start() + marks.step
            start = open_.pop() if open_ else None
            if start is not None and not open_:
                spans.append((start, min(at, len(text))))
        opening = marks.opening.search(text, at) if opening else None
        closing = marks.closing.search(text, at) if closing else None
    return open_[0] + marks.inside if open_ else None


def _formulas(text: str, found: list[Found]) -> str:
    """Displayed formulas leave the text; inline ones stay in it and are listed as well."""
    for match in _FORMULA.finditer(text):
        line = " ".join(match.group(0).strip().split("\n"))
        dollars = _DOLLARS.search(line)
        if dollars is not None and not dollars.group(1):
            line = _DOLLARS.sub(lambda inner: f"\\[{inner.group(2) or ''}{inner.group(3) or ''}\\]", line)
            found.append(Found("formula", "equation_inline", line, match.start()))
            continue
        if dollars is not None:
            line = _DOLLARS.sub(lambda inner: f"\\[{inner.group(1) or ''}\\]", line)
        found.append(Found("formula", FORMULA, line, match.start()))
        text = _blank(text, *match.span())
    return text


def _pipe_tables(text: str, found: list[Found]) -> str:
    if not has_pipe_table(text):
        return text
    text = written_out(text)
    tables = list(_WRITTEN.finditer(text))
    found += [Found("html", "md2html_table", table.group(0), table.start()) for table in tables]
    return _blanked(text, [table.span() for table in tables])


def _code(text: str, found: list[Found]) -> str:
    for match in list(_CODE.finditer(text)):
        found.append(Found("text", "code", match.group(2).strip(), match.start()))
        text = _blank(text, *match.span())
    return text


def _paragraphs(text: str) -> Iterator[Found]:
    parts = text.split("\n\n")
    if len(parts) == 1:
        parts = text.split("\n")
    start = 0
    for part in parts:
        # Slip of the published code: places do not count the line breaks between paragraphs.
        at, start = start, start + len(part)
        content = "\n".join(line.strip() for line in part.split("\n") if line.strip())
        if not content:
            continue
        if content.startswith("<table") and content.endswith("</table>"):
            yield Found("html", "html_table", content, at)
        elif content.startswith("$") and content.endswith("$"):
            if content.replace("$", "").strip():
                yield Found("formula", FORMULA, content, at)
        else:
            yield Found("text", "text_block", content, at)


def split_found(blocks: Sequence[Found]) -> list[Found]:
    """Formulas that are arrays of one column, line by line."""
    made: list[Found] = []
    for block in blocks:
        array = _single_column(block.content) if block.kind == "formula" else None
        if array is None:
            made.append(block)
            continue
        body, begin = array.group("body"), 0
        for line in _lines(body):
            at = body.find(line, begin)
            begin = max(at, begin) + len(line)
            made.append(block._replace(content=f"\\[{line}\\]", start=block.start + array.start("body") + begin - len(line)))
    return made


def _split_truth(blocks: Sequence[Truth]) -> list[Truth]:
    made: list[Truth] = []
    for block in blocks:
        array = _single_column(block.content) if block.category == FORMULA else None
        lines = [] if array is None else _lines(array.group("body"))
        made += [block._replace(content=f"\\[{line}\\]", order=round(block.order + at / 10, 1)) for at, line in
                 enumerate(lines, start=1)]  # fmt: skip
        if array is None:
            made.append(block)
    return made


def _single_column(content: str) -> re.Match[str] | None:
    array = _ARRAY.search(content)
    if array is None:
        return None
    columns = re.sub(r"!{[^}]*}", "", re.sub(r"@{[^}]*}", "", re.sub(r"\s+|\|", "", array.group("columns"))))
    return array if columns in ("l", "c", "r") else None


def _lines(body: str) -> list[str]:
    return [line.strip() for line in re.split(r"\\\\", body) if line.strip()]


def cell_texts(table: Found) -> list[Found]:
    """The cells of a table that has no partner are text."""
    with extra("scores"):
        from bs4 import BeautifulSoup
    strings = [str(cell.string) for cell in BeautifulSoup(table.content, "html.parser").find_all("td") if cell.string]
    return [Found("text", table.fine, re.sub(r"\$\\cdot\$", "", string).strip(), table.start) for string in strings]
