"""Lines as running text."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.exporters._flow import one_line, reflow


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("The agree-\nment of both", "The agreement of both"),
        ("кото-\nрый", "который"),
        ("the Anglo-\nSaxon world", "the Anglo-Saxon world"),
        ("in COVID-\n19 times", "in COVID-19 times"),
        ("from 2019-\n2020 on", "from 2019-2020 on"),
        ("a soft\u00ad\nly divided", "a softly divided"),
        ("第一行，\n第二行", "第一行，第二行"),
        ("第一行\nand Latin", "第一行 and Latin"),
        ("한국어는\n띄어쓰기가 있다", "한국어는 띄어쓰기가 있다"),
        ("one paragraph\n \n\nand another", "one paragraph\n\nand another"),
        ("John Smith\n1234 Town\nin the far north of it all", "John Smith\n1234 Town\nin the far north of it all"),
        ("the list of things we need:\n1. salt\n2. pepper", "the list of things we need:\n1. salt\n2. pepper"),
        ("— Привет, сказал он ей тогда\n— Привет", "— Привет, сказал он ей тогда\n— Привет"),
    ],
)
def test_lines_become_paragraphs(lines: str, text: str) -> None:
    assert reflow(lines) == text


def test_one_line_in_which_two_columns_ran_together_keeps_no_line_apart() -> None:
    line = "every line of the text is about so long"
    assert "\n" not in reflow("\n".join([line] * 15 + [line * 3] + [line] * 15))


@given(st.text(st.sampled_from("ab c-\n\u00ad.字1 \x1c")))
def test_no_letter_is_lost_and_reflowed_text_stays_as_it_is(text: str) -> None:
    def letters(of: str) -> str:
        return "".join(c for c in of if c.isalnum())

    assert letters(reflow(text)) == letters(one_line(text)) == letters(text)
    assert "\n" not in one_line(text)


def test_loading_the_exporters_loads_no_library_that_only_writing_needs() -> None:
    code = (
        "import sys, ocrtune.plugins as p; [p.EXPORTERS.get(n) for n in p.EXPORTERS.names()]\n"
        "heavy = {'nh3', 'openpyxl', 'markdown_it', 'latex2mathml', 'pikepdf', 'torch', 'cv2', 'pypdfium2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
