"""The built-in dialects keep the contract that plug-in authors are held to."""

from __future__ import annotations

from html import escape

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ocrtune.contracts import Dialect
from ocrtune.core import Decoded, FieldsTarget, Region, RegionsTarget, Target, TextTarget
from ocrtune.plugins import DIALECTS
from ocrtune.testing import DialectContract, RegionDialectContract
from ocrtune.testing.dialect import boxes, texts

KINDS = ("text", "title", "section-header", "list-item", "table", "formula", "caption", "footnote", "page-header", "stamp")


@pytest.mark.parametrize("name", ["plain", "answers", "dots-ocr", "dots-grounding", "dots-svg", "dots-free"])
class TestTexts(DialectContract):
    @pytest.fixture
    def dialect(self, name: str) -> Dialect:
        return DIALECTS.get(name)()


@pytest.mark.parametrize("name", ["layout", "dots-web", "grounding-qwen25", "grounding-qwen3"])
class TestCells(RegionDialectContract):
    @pytest.fixture
    def dialect(self, name: str) -> Dialect:
        return DIALECTS.get(name)()

    def regions(self) -> SearchStrategy[Region]:
        said = st.builds(lambda kind, text, box: Region(kind=kind, text=text, box=box), st.sampled_from(KINDS), texts(), boxes())
        return said | boxes().map(lambda box: Region(kind="picture", box=box))


class TestLayoutOnly(RegionDialectContract):
    @pytest.fixture
    def dialect(self) -> Dialect:
        return DIALECTS.get("layout-only")()

    def regions(self) -> SearchStrategy[Region]:
        return st.builds(lambda kind, box: Region(kind=kind, box=box), st.sampled_from(KINDS), boxes())

    def targets(self) -> tuple[Target, ...]:
        return tuple(
            RegionsTarget(regions=tuple(r.model_copy(update={"text": ""}) for r in target.regions))
            for target in super().targets()
            if isinstance(target, RegionsTarget)
        )


class TestScene(RegionDialectContract):
    @pytest.fixture
    def dialect(self) -> Dialect:
        return DIALECTS.get("dots-scene")()


@pytest.mark.parametrize("name", ["grounding-qwen2", "grounding-internvl"])
class TestReferences(RegionDialectContract):
    @pytest.fixture
    def dialect(self, name: str) -> Dialect:
        return DIALECTS.get(name)()

    def regions(self) -> SearchStrategy[Region]:
        return super().regions().filter(lambda r: not any(mark in r.text for mark in ("<box>", "<|box_start|>")))


class TestMarkdown(RegionDialectContract):
    @pytest.fixture
    def dialect(self) -> Dialect:
        return DIALECTS.get("markdown")()

    def regions(self) -> SearchStrategy[Region]:
        line = texts().map(lambda text: "".join(text.split("\n"))).filter(lambda text: text.strip() != "")
        several = st.lists(line, min_size=1, max_size=3).map("\n".join)
        heading = line.filter(lambda text: not text.startswith("# "))
        item = several.filter(lambda text: not text.startswith("- "))
        raw = texts().filter(lambda text: text.strip() != "" and "$$" not in text and "<" not in text)
        return st.one_of(
            several.map(lambda text: Region(text=text)),
            heading.map(lambda text: Region(kind="title", text=text, markup="markdown")),
            heading.map(lambda text: Region(kind="section-header", text=text, markup="markdown")),
            item.map(lambda text: Region(kind="list-item", text=text, markup="markdown")),
            raw.filter(lambda text: "\\[" not in text).map(lambda text: Region(kind="formula", text=text, markup="latex")),
            texts().filter(lambda text: text.strip() != "").map(lambda text: Region(kind="code", text=text)),
            raw.map(lambda text: Region(kind="table", text=f"<table><tr><td>{text}</td></tr></table>", markup="html")),
            st.just(Region(kind="picture")),
        )


class TestFields(DialectContract):
    @pytest.fixture
    def dialect(self) -> Dialect:
        return DIALECTS.get("fields")()

    def targets(self) -> tuple[Target, ...]:
        return (FieldsTarget(fields={"total": 1.5, "items": [{"name": "Стул", "price": None}, True], "note": 'so "it" is'}),)

    def any_target(self) -> SearchStrategy[Target]:
        scalar = (
            st.none()
            | st.booleans()
            | st.integers(-(10**20), 10**20)
            | st.floats(allow_nan=False, allow_infinity=False)
            | texts(least=0)
        )
        value = st.recursive(
            scalar, lambda v: st.lists(v, max_size=3) | st.dictionaries(texts(least=0), v, max_size=3), max_leaves=8
        )
        return st.dictionaries(texts(least=0), value, max_size=4).map(lambda fields: FieldsTarget(fields=fields))

    def check(self, dialect: Dialect, target: Target, decoded: Decoded) -> None:
        assert isinstance(target, FieldsTarget) and decoded.fields == target.fields
        assert list(decoded.fields) == list(target.fields)

    def again(self, decoded: Decoded) -> Target:
        return FieldsTarget(fields=decoded.fields or {})


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A rectangular HTML table in its plainest spelling, with spans that tile the grid."""
    height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    free = {(row, column) for row in range(height) for column in range(width)}
    rows = []
    for row in range(height):
        cells = []
        for column in range(width):
            if (row, column) not in free:
                continue
            down, across = draw(st.integers(1, height - row)), draw(st.integers(1, width - column))
            while not {(row, column + n) for n in range(across)} <= free:
                across -= 1
            free -= {(row + d, column + a) for d in range(down) for a in range(across)}
            name = draw(st.sampled_from(("td", "th")))
            spans = (f' rowspan="{down}"' if down > 1 else "") + (f' colspan="{across}"' if across > 1 else "")
            inner = draw(texts(least=0).map(str.strip).map(lambda text: escape(text, quote=False)) | st.just("a<br>b"))
            cells.append(f"<{name}{spans}>{inner}</{name}>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


@pytest.mark.parametrize("name", ["table-html", "table-otsl"])
class TestTables(DialectContract):
    @pytest.fixture
    def dialect(self, name: str) -> Dialect:
        return DIALECTS.get(name)()

    def targets(self) -> tuple[Target, ...]:
        head = '<tr><th rowspan="2">№</th><th colspan="2">Год &amp; итог</th></tr><tr><th>2024</th><th>2025</th></tr>'
        return (TextTarget(text=f"<table>{head}<tr><td>1</td><td></td><td>x<sup>2</sup></td></tr></table>"),)

    def any_target(self) -> SearchStrategy[Target]:
        return tables().map(lambda table: TextTarget(text=table))


def test_every_built_in_dialect_is_held_to_the_contract() -> None:
    held = {"plain", "answers", "dots-ocr", "dots-grounding", "dots-svg", "dots-free", "layout", "dots-web", "layout-only",
            "dots-scene", "grounding-qwen25", "grounding-qwen3", "grounding-qwen2", "grounding-internvl", "markdown", "fields",
            "table-html", "table-otsl"}  # fmt: skip
    held |= {"regions"}  # in tests/unit/dialects/test_regions.py, with words and flags
    assert held == set(DIALECTS.names())
