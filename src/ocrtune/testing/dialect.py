"""What every dialect promises. `class TestMine(DialectContract)` with a fixture `dialect` is all that the author of one that
speaks of texts writes; `RegionDialectContract` is for those that speak of regions. Needs pytest and hypothesis.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ocrtune.contracts import Dialect
from ocrtune.core import Box, Decoded, ImageRef, Region, RegionsTarget, Sample, Size, Target, TextTarget

SEES = Size(640, 480)
TEXTS = (
    "one line",
    "two\nlines",
    "a paragraph\n\nand another\n",
    "  leading and trailing  ",
    "Кириллица, 繁體中文, العربية, é vs e\u0301, \U0001f600",
    "{\"json\": [1, 2]} <b>html</b> $x^{2}$ \\frac{a}{b} ``` # | * _",
    "line\u2028separator, \u00a0 non-breaking, tab\t, carriage\r\nreturn",
)  # fmt: skip
FRAGMENTS = (
    "Привет", "мир ", "繁體", "数据", "\U0001f600", "é", "e\u0301", "0", "—", " ", "\n", "\t", "\r", "\\", "\\\\",
    "\\frac{a}{b}", "x^{2}", "\\theta", "imes", "heta", "\\n", "\\u0041", "\\ud83d", "\x08", "\x0c", "\x00", "\u2028",
    '"', "'", "{", "}", "[", "]", ",", ":", '", "', '"}', '"]', '": ', '{"bbox": [1, 2, 3, 4]', '"text": "',
    '"category": "Text", ', '{"bbox_2d": [5, 6, 70, 80], "label": "x"}', "```", "```json\n", "# ", "- ", "1. ", "$$", "|", "![](",
    "<table>", "<tr>", "<td>", "</td>", "</table>", "<fcel>", "<lcel>", "<nl>", "&amp;", "&", "<", "(1,2),(3,4)",
    "[[1, 2, 3, 4]]", "<box>", "<|box_start|>", "null", "-1.5e3", "99999999999999999999", "true",
)  # fmt: skip
PROPERTY = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)


def texts(*, least: int = 1) -> SearchStrategy[str]:
    """Texts of many scripts, with LaTeX, quotes, escapes, and the signs of all dialects in them."""
    return (
        st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), min_size=least, max_size=8)
        .map("".join)
        .filter(lambda t: len(t) >= least)
    )


def boxes(*, least: float = 0.01) -> SearchStrategy[Box]:
    """Boxes that are at least so wide and high."""
    sides = st.tuples(*[st.floats(0, 1 - least)] * 2, *[st.floats(least, 1)] * 2)
    return sides.map(lambda s: Box(left=s[0], top=s[1], right=min(s[0] + s[2], 1.0), bottom=min(s[1] + s[3], 1.0)))


class DialectContract:
    """Inherit, and give a fixture `dialect`; override `targets` and `any_target` when it says more, or less, than any text."""

    sees: Size | None = SEES

    @pytest.fixture
    def dialect(self) -> Dialect:
        raise NotImplementedError("give a fixture `dialect`")

    def targets(self) -> tuple[Target, ...]:
        """Examples, every beginning of which is read."""
        return tuple(TextTarget(text=text) for text in TEXTS)

    def any_target(self) -> SearchStrategy[Target]:
        """All targets that must come back exactly."""
        return texts().map(lambda text: TextTarget(text=text))

    def expected(self, target: Target) -> str:
        """The text that must come back for a target."""
        assert isinstance(target, TextTarget), "override `expected` or `check` together with `targets`"
        return target.text

    def check(self, dialect: Dialect, target: Target, decoded: Decoded) -> None:
        """Fails unless the reply was read as what the target says."""
        assert decoded.text == self.expected(target)

    def again(self, decoded: Decoded) -> Target:
        """What was read, as a target."""
        return TextTarget(text=decoded.text)

    def test_what_is_taught_is_what_is_read_back(self, dialect: Dialect) -> None:
        for target in self.targets():
            decoded = dialect.decode(dialect.encode(target, sees=self.sees), sees=self.sees)
            self.check(dialect, target, decoded)
            assert not decoded.problems

    @PROPERTY
    @given(data=st.data())
    def test_any_target_comes_back(self, dialect: Dialect, data: st.DataObject) -> None:
        target = data.draw(self.any_target())
        said = dialect.encode(target, sees=self.sees)
        decoded = dialect.decode(said, sees=self.sees)
        self.check(dialect, target, decoded)
        assert not decoded.problems
        assert dialect.encode(self.again(decoded), sees=self.sees) == said

    def test_every_beginning_of_a_reply_can_be_read(self, dialect: Dialect) -> None:
        """Truncation happens anywhere."""
        for target in self.targets():
            said = dialect.encode(target, sees=self.sees)
            for end in range(len(said)):
                assert_readable(dialect, said[:end], self.sees)

    @PROPERTY
    @given(data=st.data())
    def test_damaged_replies_can_be_read(self, dialect: Dialect, data: st.DataObject) -> None:
        said = dialect.encode(data.draw(self.any_target()), sees=self.sees)
        for _ in range(data.draw(st.integers(1, 3))):
            start = data.draw(st.integers(0, len(said)))
            end = data.draw(st.integers(start, min(len(said), start + 40)))
            said = said[:start] + data.draw(st.sampled_from(("", said[start:end] * 2, *FRAGMENTS))) + said[end:]
        assert_readable(dialect, said, self.sees)

    @PROPERTY
    @given(text=texts() | st.text())
    def test_any_text_can_be_read(self, dialect: Dialect, text: str) -> None:
        assert_readable(dialect, text, self.sees)

    def test_silence_is_a_problem_not_an_error(self, dialect: Dialect) -> None:
        decoded = dialect.decode("", sees=self.sees)
        assert decoded.text == "" and decoded.problems

    def test_it_asks_for_each_of_its_tasks(self, dialect: Dialect) -> None:
        for task in dialect.tasks:
            sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), task=task, question="Which date?")
            assert isinstance(dialect.ask(sample, sees=self.sees), str)

    def test_the_prompt_can_be_replaced(self, dialect: Dialect) -> None:
        sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),))
        assert type(dialect)("Lies vor:").ask(sample, sees=self.sees).startswith("Lies vor:")


class RegionDialectContract(DialectContract):
    """For dialects that say regions. Override `regions` to say which ones come back exactly: the default are regions of the
    kind "text" with any text, and with a box where the dialect has `coordinates`.
    """

    def regions(self) -> SearchStrategy[Region]:
        return st.builds(lambda text, box: Region(text=text, box=box), texts(), boxes())

    def targets(self) -> tuple[Target, ...]:
        corners = itertools.product((0.0, 0.25, 0.5), (0.1, 0.6))
        here = [Box(left=left, top=top, right=left + 0.25, bottom=top + 0.3) for left, top in corners]
        lines = [line for text in TEXTS for line in text.split("\n") if line == line.strip() != ""]
        regions = tuple(Region(text=text, box=box) for text, box in zip(lines, here, strict=False))
        return tuple(RegionsTarget(regions=regions[:count]) for count in (1, 2, len(regions)))

    def any_target(self) -> SearchStrategy[Target]:
        return st.lists(self.regions(), min_size=1, max_size=5).map(lambda regions: RegionsTarget(regions=tuple(regions)))

    def again(self, decoded: Decoded) -> Target:
        return RegionsTarget(regions=decoded.regions)

    def check(self, dialect: Dialect, target: Target, decoded: Decoded) -> None:
        """Kinds and texts are the same, boxes within half a step of the dialect's grid."""
        assert isinstance(target, RegionsTarget)
        assert [(r.kind, r.text) for r in decoded.regions] == [(r.kind, r.text) for r in target.regions]
        if dialect.coordinates is not None:
            assert all(self._near(dialect, b.box, a.box) for a, b in zip(target.regions, decoded.regions, strict=True))

    def _near(self, dialect: Dialect, read: Box | None, said: Box | None) -> bool:
        across, down = self.sees if dialect.coordinates == "pixels" and self.sees is not None else (1000, 1000)
        if read is None or said is None:
            return False
        steps = ((read.left - said.left) * across, (read.top - said.top) * down, (read.right - said.right) * across,
                 (read.bottom - said.bottom) * down)  # fmt: skip
        return all(abs(step) <= 0.5 + 1e-6 for step in steps)

    @PROPERTY
    @given(data=st.data())
    def test_a_finished_region_survives_whatever_follows_it(self, dialect: Dialect, data: st.DataObject) -> None:
        """The reply is cut off anywhere behind it, or goes wrong from there on."""
        target = data.draw(self.any_target())
        assert isinstance(target, RegionsTarget)
        count = data.draw(st.integers(1, len(target.regions)))
        first = RegionsTarget(regions=target.regions[:count])
        said = dialect.encode(target, sees=self.sees)
        alone = dialect.encode(first, sees=self.sees)
        finished = next((at for at, (a, b) in enumerate(zip(said, alone, strict=False)) if a != b), min(len(said), len(alone)))
        end = data.draw(st.integers(finished, len(said)))
        decoded = dialect.decode(said[:end], sees=self.sees)
        self.check(dialect, first, decoded.model_copy(update={"regions": decoded.regions[:count]}))


def assert_readable(dialect: Dialect, text: str, sees: Size | None) -> None:
    """Whatever it says, it is read, with and without the size of the picture, into something that can be written down."""
    for size in (sees, None):
        decoded = dialect.decode(text, sees=size)
        assert Decoded.parse_line(decoded.line()) == decoded
