"""CDM against what the published code says of the same formulas, and what it does with what TeX must not be given."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.errors import ResourceError
from ocrtune.scoring import _cdm_typesetting as typesetting
from ocrtune.scoring._cdm_colours import colour, coloured
from ocrtune.scoring._cdm_words import words
from ocrtune.scoring.cdm import Cdm, bare, cdm, describe

pieces = st.sampled_from(
    [*"{}^_&[]()'$%~ab1+= ", "\\frac", "\\sqrt", "\\\\", "\\left(", "\\right)", "\\mathrm", "\\text", "\\hat", "\\over",
     "\\begin{array}{cc}", "\\end{array}", "\\limits", "\\sum", "\\bf", "\\rule{1cm}{2pt}", "\\phantom", "\\color",
     "\\multicolumn", "\\ref", "\\foo", "\\begin{tabular}{c}", "\\end{tabular}", "\\cline"]
)  # fmt: skip


@pytest.fixture(scope="module")
def tex() -> None:
    try:
        describe()
    except ResourceError as cause:
        pytest.skip(f"TeX is not all here: {cause}")


# As OmniDocBench's code of November 2025 writes them, run with node 20.
WORDS = {
    "E=mc^2": "E = m c ^ { 2 }",
    "{a \\over b} + {n \\choose k}": "{ \\frac { a } { b } } + { \\binom { n } { k } }",
    "\\text{if } x": "\\mathrm { i f ~ } x",
    "\\mathrm{\\alpha\\Omega}": "\\mathrm { \\ a l p h a \\Omega }",
    "\\operatorname{sin} y + \\arccos v": "\\sin y + \\operatorname { a r c c o s } v",
    "\\lim_{x} z": "\\operatorname* { l i m } _ { x } z",
    "\\begin{cases} a & b \\\\ c \\end{cases}": "\\left\\{ \\begin{array} { l l } { a } & { b } \\\\ { c } \\end{array} \\right.",
    "\\begin{align*} x &= 1 \\end{align*}": "\\begin{array} { r l } { x } & { { } = 1 } \\end{array}",
    "f''(x)": "f ^ { \\prime \\prime } ( x )",
    "a % b": "a",
    "\\begin{tabular}{|l|r|}\\hline x^2&\\frac{1}{2}\\\\\\hline a_{12}&3.5\\end{tabular}": "\\begin {tabular} { | l | r | } "
    "\\hline x ^ 2 & \\frac { 1 } { 2 } \\\\ \\hline a _ { 1 2 } & 3 . 5 \\end {tabular}",
    "\\begin{tabular}[c]{@{}c}$x$ and \\hskip 3pt y % z": "\\begin {tabular} [ c ] { @ { } c } $ x $ a n d \\hspace { 3 p t } y "
    "\\end {tabular}",
    "\\frac0\\sqrt{2}": "\\frac 0 0 { 2 }",  # a slip: the command is dropped, and the argument before stands twice
}


@pytest.mark.parametrize(("formula", "wanted"), WORDS.items())
def test_words_are_those_of_the_published_tokeniser(formula: str, wanted: str) -> None:
    assert words(formula) == wanted


@pytest.mark.parametrize(
    "formula", ["a &= b", "\\frac{a}{b", "a}", "\\color{red} a", "\\begin{gather} a \\end{gather}", "x^\\sqrt{2}", ""]
)
def test_what_the_published_tokeniser_gives_up_on_has_no_words(formula: str) -> None:
    assert words(formula) is None


@given(st.lists(pieces, max_size=12).map(" ".join))
def test_any_string_is_words_or_none_and_colours_or_an_error(formula: str) -> None:
    found = words(formula)
    assert found is None or found == " ".join(found.split())
    try:
        source = coloured(found or formula)
    except (ValueError, IndexError):
        return
    assert source.formula.count("\\mathcolor") == len(source.words)


@given(st.text(string.printable, max_size=30))
def test_the_same_words_are_found_again_in_what_is_written_as_words(formula: str) -> None:
    once = words(formula)
    if once is not None and "\\" not in once and "{" not in once:
        assert words(once) == once


def test_colours_differ_and_none_is_black() -> None:
    every = {colour(index) for index in range(5800)}
    assert len(every) == 5800
    assert (0, 0, 0) not in every


def test_boxes_are_those_of_colours_in_the_cropped_picture() -> None:
    pixels = np.zeros((60, 80, 4), dtype=np.uint8)
    pixels[20:30, 30:40] = (*colour(0), 255)
    pixels[25:28, 50:52] = (*colour(2), 255)
    pixels[40:50, 50:52] = (*colour(1), 10)  # too faint
    found = typesetting.boxed(pixels, ["a", "b", "c"])
    assert found == typesetting.Typeset(("a", "c"), ((7, 7, 18, 18), (27, 12, 30, 16)), (37, 25))
    assert typesetting.boxed(np.zeros((9, 9, 4), dtype=np.uint8), ["a"]) is None


def test_dollars_and_fences_are_no_part_of_a_formula() -> None:
    assert bare("$$\n a = $b \n$$") == "a = $b"
    assert bare("```latex\n$x$\n```") == "x"


def test_without_tex_it_is_an_error_that_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ResourceError, match="xelatex cannot be found") as caught:
        cdm([("a", "a")])
    assert "texlive-xetex" in str(caught.value.hint)


# F1 by OmniDocBench's code of November 2025 with TeX Live 2022, ImageMagick 6, Ghostscript 10.0 and node 20.
PUBLISHED = [
    ("E = m c ^ { 2 }", "E=mc^{2}", 1.0),
    ("a+b=c", "a + b = c", 1.0),
    ("a/b", "\\frac{a}{b}", 0.667),
    ("\\mathbf{x}+\\mathrm{y}", "x+y", 1.0),
    ("a \\leq b \\ge c", "a \\le b \\geq c", 1.0),
    ("\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}", "\\begin{array}{rl} a &= b \\\\ c &= d \\end{array}", 1.0),
    ("\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}", "\\begin{pmatrix} a & b \\end{pmatrix}", 0.8),
    ("a+b+c+d+e", "e+d+c+b+a", 0.556),
    ("\\int_0^1 f(x) dx = F(1) - F(0)", "\\int_0^1 f(x) dx", 0.5),
    ("x=1", "x=1+y+z+w+v+u", 0.375),
    ("\\alpha + \\beta", "\\alpa + \\beta", 0.8),
    ("\\frac{a}{b}", "\\frac{a}{b}}", 0.0),
    ("a = b", "The speed of light is constant.", 0.069),
    ("速度 = \\frac{路程}{时间}", "速度 = \\frac{距离}{时间}", 0.75),
    ("\\text{当 } x > 0 \\text{ 时}", "\\text{当} x > 0 时", 1.0),
    ("|x|", "\\lvert x \\rvert", 1.0),
    ("\\epsilon + \\varepsilon + \\phi", "\\varepsilon + \\epsilon + \\varphi", 0.4),
    ("a \\to b \\rightarrow c \\Rightarrow d", "a \\rightarrow b \\longrightarrow c \\to d", 0.571),
    ("\\[ a = b \\]", "a = b", 1.0),
    ("\\begin{tabular}{cc}a&b\\\\c&d\\end{tabular}+x", "\\begin{tabular}{cc}a&e\\\\c&d\\end{tabular}+x", 0.833),
    ("\\begin{tabular}{l}$x+1$ and text\\\\ y\\end{tabular}", "\\begin{tabular}{l}$x+2$ and text\\\\ y\\end{tabular}", 0.909),
    ("\\begin{tabular}{cc}\\multicolumn{2}{c}{x}\\\\ a & b\\end{tabular}", "\\begin{tabular}{cc}x\\\\ a & b\\end{tabular}", 1.0),
    ("\\begin{array}{cc}a&b\\\\c&d\\end{array}", "\\begin{tabular}{cc}a&b\\\\c&d\\end{tabular}", 1.0),
]


@pytest.mark.usefixtures("tex")
def test_f1_is_that_of_the_published_code() -> None:
    found = cdm([(reference, reading) for reference, reading, _ in PUBLISHED])
    assert [one.f1 for one in found] == [f1 for _, _, f1 in PUBLISHED]
    assert not any(any(one.unset) for one in found)


@pytest.mark.usefixtures("tex")
def test_a_formula_that_cannot_be_set_is_zero_and_said_to_be() -> None:
    broken = "\\frac{a}{b"
    pairs = [("\\frac{a}{b}", broken), (broken, "\\frac{a}{b}"), ("a", ""), ("", "")]
    assert cdm(pairs) == [Cdm(0.0, (False, True)), Cdm(0.0, (True, False)), Cdm(0.0, (False, False)), Cdm(0.0, (False, False))]


@pytest.mark.usefixtures("tex")
def test_a_formula_is_set_among_others_as_it_is_alone() -> None:
    formulas = [
        "\\left( \\frac{a}{b} \\right) + \\sum_{i=1}^n x_i",
        "\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}",
        "\\tag{1} x",
        "x^2^3",
    ]
    together = typesetting.typeset(formulas)
    assert together == {formula: typesetting.typeset([formula])[formula] for formula in formulas}
    assert all(together.values())


@pytest.mark.usefixtures("tex")
@pytest.mark.parametrize("wish", ["\\input{%s}", "\\openin5=%s \\read5 to\\zz \\zz"])
def test_files_of_the_machine_are_not_read(tmp_path: Path, wish: str) -> None:
    (secret := tmp_path / "secret.tex").write_text("\\typeout{told}")
    folder = tmp_path / "tex"
    folder.mkdir()
    body = f"\\documentclass{{article}}\\begin{{document}}{wish % secret} a\\end{{document}}"
    assert "told" not in typesetting._run(folder, body, 30.0)


@pytest.mark.usefixtures("tex")
def test_nothing_is_written_or_started_outside(tmp_path: Path) -> None:
    folder = tmp_path / "tex"
    folder.mkdir()
    wishes = f"\\immediate\\write18{{touch {tmp_path}/a}}\\immediate\\openout5={tmp_path}/b \\immediate\\write5{{b}}"
    typesetting._run(folder, f"\\documentclass{{article}}\\begin{{document}}{wishes}\\end{{document}}", 30.0)
    assert [place.name for place in tmp_path.iterdir()] == ["tex"]


@pytest.mark.usefixtures("tex")
def test_tex_that_does_not_end_is_ended(tmp_path: Path) -> None:
    typesetting._run(tmp_path, "\\def\\x{\\x}\\x", 1.0)
    assert not (tmp_path / "cdm.pdf").exists()
