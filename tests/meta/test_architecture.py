"""The house's rules about code that a linter does not know. Each alarm of docs/decisions has its test here."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ocrtune import errors
from ocrtune.plugins import SHELVES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "ocrtune"
MODULES = sorted(SOURCE.rglob("*.py"))
RATCHET = json.loads((Path(__file__).parent / "ratchet.json").read_text("utf-8"))
FUNCTION_LINES, FUNCTION_LINES_HARD, MODULE_LINES = 40, 60, 400
HEAVY = ("torch", "transformers", "peft", "accelerate", "cv2", "matplotlib", "pyarrow", "pypdfium2", "rapidocr", "onnxruntime",
         "tesserocr", "datasets", "fpdf", "bitsandbytes", "apted", "bs4", "jieba", "lxml", "opencc", "pycocotools", "pylatexenc",
         "sacrebleu", "shapely")  # fmt: skip
NETWORK = re.compile(r"ocrtune\.families\._dots\.(registry|config|tower|model|processor)")  # imported on demand


class Function(NamedTuple):
    where: str
    lines: int


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def functions(file: Path) -> Iterator[Function]:
    """Functions of a module with their code lines: those on which something begins or ends, without the docstring."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False)
            used = {line for part in ast.walk(node) if hasattr(part, "lineno") for line in (part.lineno, part.end_lineno)}
            yield Function(f"{name_of(file)}:{node.name}", len(used) - (doc.count("\n") + 1 if doc else 0))


def test_functions_fit_their_budget() -> None:
    """More than 40 code lines only where ratchet.json says so, more than 60 nowhere."""
    sizes = {found.where: found.lines for file in MODULES for found in functions(file) if found.lines > FUNCTION_LINES}
    assert {where: size for where, size in sizes.items() if size > FUNCTION_LINES_HARD} == {}
    assert {where: size for where, size in sizes.items() if size > RATCHET.get(where, FUNCTION_LINES)} == {}


def test_the_ratchet_only_shrinks() -> None:
    """An entry that is larger than its function, or has none any more, must be lowered or deleted."""
    sizes = {found.where: found.lines for file in MODULES for found in functions(file)}
    assert {where: size for where, size in RATCHET.items() if sizes.get(where, 0) < max(size, FUNCTION_LINES + 1)} == {}


def test_modules_fit_their_budget() -> None:
    sizes = {name_of(file): file.read_text("utf-8").count("\n") for file in MODULES}
    assert {file: size for file, size in sizes.items() if size > MODULE_LINES} == {}


def test_own_modules_are_imported_at_the_top() -> None:
    hidden = []
    for file in MODULES:
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                    names += [node.module or "ocrtune"] if isinstance(node, ast.ImportFrom) else []
                    hidden += [f"{name_of(file)}:{node.lineno}" for name in names if name.split(".")[0] == "ocrtune"]
    assert hidden == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = re.compile(r"^_?(utils?|helpers?|common|misc|tools|managers?)$")
    assert [name_of(path) for path in SOURCE.rglob("*") if drawers.match(path.stem)] == []


def test_nouns_hold_no_open_dictionaries() -> None:
    for file in (SOURCE / "core").glob("*.py"):
        assert not re.search(r"\bAny\b", file.read_text("utf-8")), f"{name_of(file)} uses Any"


def test_importing_any_module_imports_nothing_heavy() -> None:
    """All modules in one fresh interpreter, one after the other, so that the first to bring something heavy is named."""
    code = (
        "import importlib, json, sys\n"
        f"heavy = {HEAVY!r}\n"
        "seen, guilty = set(), {}\n"
        "for name in json.loads(sys.argv[1]):\n"
        "    importlib.import_module(name)\n"
        "    new = {m for m in heavy if m in sys.modules} - seen\n"
        "    seen |= new\n"
        "    if new: guilty[name] = sorted(new)\n"
        "print(json.dumps(guilty))\n"
    )
    names = json.dumps([name for file in MODULES if not NETWORK.fullmatch(name := module_name(file))])
    done = subprocess.run([sys.executable, "-c", code, names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.kind)
def test_plugins_are_called_what_their_shelf_calls_them(shelf) -> None:  # type: ignore[no-untyped-def]
    assert {name: shelf.get(name).name for name in shelf.names()} == {name: name for name in shelf.names()}


def test_every_error_class_has_an_exit_code_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OcrtuneError)]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes) and all(0 < code < 64 for code in codes)


def test_no_path_of_one_machine_is_named() -> None:
    places = re.compile(r"(?<![\w.])/(work|home|root|opt/pypi|opt/wheels)/")
    kinds = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".cfg", ""}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    files = [ROOT / name for name in tracked if Path(name).suffix in kinds]
    text = {file: file.read_text("utf-8", errors="replace") for file in files if file.is_file() and file != Path(__file__)}
    assert [name_of(file) for file, content in text.items() if places.search(content)] == []


def test_import_contracts_hold() -> None:
    line = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
