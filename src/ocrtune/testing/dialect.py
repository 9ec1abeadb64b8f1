"""What every dialect promises. `class TestMine(DialectContract)` with a fixture `dialect` is all a plug-in author writes."""

from __future__ import annotations

import pytest

from ocrtune.contracts import Dialect
from ocrtune.core import Decoded, ImageRef, Sample, Size, Target, TextTarget

TEXTS = (
    "one line",
    "two\nlines",
    "a paragraph\n\nand another\n",
    "  leading and trailing  ",
    "Кириллица, 繁體中文, العربية, é vs e\u0301, \U0001f600",
    "{\"json\": [1, 2]} <b>html</b> $x^{2}$ \\frac{a}{b} ``` # | * _",
    "line\u2028separator, \u00a0 non-breaking, tab\t, carriage\r\nreturn",
)  # fmt: skip


class DialectContract:
    """Inherit, and give a fixture `dialect`; override `targets` when it says more than text."""

    @pytest.fixture
    def dialect(self) -> Dialect:
        raise NotImplementedError("give a fixture `dialect`")

    def targets(self) -> tuple[Target, ...]:
        return tuple(TextTarget(text=text) for text in TEXTS)

    def expected(self, target: Target) -> str:
        """The text that must come back for one of `targets`."""
        assert isinstance(target, TextTarget), "override `expected` together with `targets`"
        return target.text

    def test_what_is_taught_is_what_is_read_back(self, dialect: Dialect) -> None:
        for target in self.targets():
            sees = Size(640, 480)
            decoded = dialect.decode(dialect.encode(target, sees=sees), sees=sees)
            assert decoded.text == self.expected(target)
            assert not decoded.problems

    def test_every_beginning_of_a_reply_can_be_read(self, dialect: Dialect) -> None:
        """Truncation happens anywhere."""
        for target in self.targets():
            said = dialect.encode(target)
            for end in range(len(said)):
                assert isinstance(dialect.decode(said[:end]), Decoded)

    def test_silence_is_a_problem_not_an_error(self, dialect: Dialect) -> None:
        decoded = dialect.decode("")
        assert decoded.text == "" and decoded.problems

    def test_it_asks_for_each_of_its_tasks(self, dialect: Dialect) -> None:
        for task in dialect.tasks:
            sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), task=task, question="Which date?")
            assert isinstance(dialect.ask(sample), str)

    def test_the_prompt_can_be_replaced(self, dialect: Dialect) -> None:
        sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),))
        assert type(dialect)("Lies vor:").ask(sample) == "Lies vor:"
