"""Which files are read, what they are called, which of their pages."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.errors import ConfigError, InputError
from ocrtune.intake import LONGEST_NAME, find, named, safe_name, select


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def names(files: list[Path]) -> list[str]:
    return [file.name for file in files]


def test_a_folder_gives_its_files_as_a_person_sorts_them(tmp_path: Path) -> None:
    touch(tmp_path, "page10.png", "page2.PNG", "page1.Pdf", "notes.txt", ".hidden/a.png", "sub/b.jpeg")
    assert names(find([str(tmp_path)])) == ["page1.Pdf", "page2.PNG", "page10.png", "b.jpeg"]


def test_what_parse_wrote_before_is_not_read_again_unless_it_is_named(tmp_path: Path) -> None:
    for name in ("a.pdf", "runs/one/documents/a/a.pdf", "made/documents/b.pdf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "runs/one/run.json").write_text('{"verb": "parse"}')
    (tmp_path / "made/run.json").write_text('{"verb": "synth"}')
    assert [file.relative_to(tmp_path).as_posix() for file in find([str(tmp_path)])] == ["a.pdf", "made/documents/b.pdf"]
    assert find([str(tmp_path / "runs/one")]) == [tmp_path / "runs/one/documents/a/a.pdf"]


def test_a_pattern_finds_suffixes_in_any_case_and_looks_into_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a.pdf", "B.PDF", "c.png", "box1/d.png", "box2/e.tif")
    assert names(find([f"{tmp_path}/*.pdf"])) == ["a.pdf", "B.PDF"]
    assert names(find([f"{tmp_path}/box*"])) == ["d.png", "e.tif"]


def test_a_named_file_is_taken_whatever_its_suffix_and_each_file_once(tmp_path: Path) -> None:
    touch(tmp_path, "scan[1].dat", "a.pdf")
    given_names = [f"{tmp_path}/scan[1].dat", f"{tmp_path}/a.pdf", str(tmp_path)]
    assert names(find(given_names)) == ["scan[1].dat", "a.pdf"]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to read at .*missing\.pdf") as caught:
        find([str(tmp_path / "missing.pdf")])
    assert caught.value.hint is not None and ".pdf" in caught.value.hint


@pytest.mark.parametrize("text", ["a" * 5000, "x\0y"])
def test_a_name_that_no_file_can_have_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(InputError, match="nothing"):
        find([text])


# --- names --------------------------------------------------------------------------------------------------------------


def test_documents_are_named_after_their_files_and_repeated_names_are_numbered() -> None:
    files = [Path("a/x.pdf"), Path("b/x.pdf"), Path("c/X.png"), Path("x-2.pdf")]
    assert list(named(files)) == ["x", "x-2", "X-3", "x-2-2"]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("..", "document"),
        ("", "document"),
        ("a/../../etc/passwd", "a_.._.._etc_passwd"),
        ("C:\\boot", "C_boot"),
        ("con", "con_"),
        ("LPT1.txt", "LPT1.txt_"),
        ("отчёт 2024", "отчёт 2024"),
        ("rtl\u202egnp", "rtl_gnp"),
        (" .profile. ", "profile"),
        ("\udce9t\udce9", "_t_"),  # bytes that are no UTF-8, as Linux allows them
    ],
)
def test_names_are_safe_on_every_file_system(stem: str, name: str) -> None:
    assert safe_name(stem) == name


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=300), max_size=8))
def test_no_name_leaves_its_folder_or_meets_another(stems: list[str]) -> None:
    files = [Path("/in") / f"{number}" / (safe or "x") for number, stem in enumerate(stems) if (safe := stem.replace("\0", ""))]
    given_names = list(named(files))
    assert len(given_names) == len(files) == len({name.casefold() for name in given_names})
    for name in given_names:
        assert PurePosixPath(name).name == name == PureWindowsPath(name).name and name not in (".", "..")
        assert len(name) <= LONGEST_NAME + 10 and len(name.encode()) < 200 and not name.startswith(".")


def test_long_names_that_differ_at_their_end_stay_different() -> None:
    one, two = (safe_name("ж" * 200 + end) for end in "ab")
    assert one != two and one.startswith("ж" * 20)


# --- pages --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("1-3,7", [1, 2, 3, 7]),
        ("-1", [9]),
        ("1-3,7,-1", [1, 2, 3, 7, 9]),
        ("8-", [8, 9]),
        ("-3--1", [7, 8, 9]),
        (" 2 - 4 , 3", [2, 3, 4]),
        ("7,1", [7, 1]),
        ("8-100", [8, 9]),
        ("9,10,-10", [9]),
    ],
)
def test_page_lists(text: str, pages: list[int]) -> None:
    assert select(text, 9) == pages


@pytest.mark.parametrize("text", ["", "0", "a", "1,,2", "3-1", "1-0", "1.5", "--1", "1-2-3", "1" * 30])
def test_what_is_no_page_list_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        select(text, 9)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["10", "-10", "10-12"])
def test_pages_that_are_not_there_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="the document has 9"):
        select(text, 9)


@given(st.text(alphabet="0123456789-, x", max_size=12), st.integers(1, 50))
def test_page_lists_give_pages_or_an_error_of_ours(text: str, count: int) -> None:
    try:
        pages = select(text, count)
    except (ConfigError, InputError):
        return
    assert pages and len(set(pages)) == len(pages) and all(1 <= page <= count for page in pages)


# --- addresses ----------------------------------------------------------------------------------------------------------


class Documents(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/scan.pdf")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/missing.pdf" else 200)
        self.end_headers()
        self.wfile.write(b"" if self.path == "/empty.pdf" else b"%PDF-1.4 " * 1000)

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Documents) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_an_address_is_not_fetched_unless_asked(tmp_path: Path, server: str) -> None:
    Documents.asked.clear()
    with pytest.raises(InputError, match="unless") as caught:
        find([f"{server}/scan.pdf"])
    assert caught.value.hint == "add --urls" and Documents.asked == []


def test_an_address_becomes_a_file_that_is_fetched_once(tmp_path: Path, server: str) -> None:
    Documents.asked.clear()
    [file] = find([f"{server}/moved/%2e%2e%2f%2e%2e%2fSCAN.PDF?x=1"], fetch_into=tmp_path / "in")
    assert file.parent == tmp_path / "in" and file.suffix == ".pdf" and file.read_bytes().startswith(b"%PDF")
    assert find([f"{server}/moved/%2e%2e%2f%2e%2e%2fSCAN.PDF?x=1"], fetch_into=tmp_path / "in") == [file]
    assert len(Documents.asked) == 2 and list((tmp_path / "in").iterdir()) == [file]


@pytest.mark.parametrize(("path", "why"), [("/missing.pdf", "404"), ("/empty.pdf", "sends nothing")])
def test_an_address_that_gives_nothing_says_why_and_leaves_nothing(path: str, why: str, tmp_path: Path, server: str) -> None:
    with pytest.raises(InputError, match=why):
        find([server + path], fetch_into=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_endless_address_is_given_up(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrtune.intake.MOST_BYTES", 1000)
    with pytest.raises(InputError, match="more than"):
        find([f"{server}/scan.pdf"], fetch_into=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be fetched"):
        find(["http://127.0.0.1:9/scan.pdf"], fetch_into=tmp_path)
