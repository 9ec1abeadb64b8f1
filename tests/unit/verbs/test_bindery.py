"""Pages of a document stay on disk until somebody looks at them."""

from pathlib import Path

from ocrtune.core import Leaf, Page, Region
from ocrtune.runs import append_line
from ocrtune.verbs._bindery import StoredPages


def test_stored_pages_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    file, places = tmp_path / "pages.jsonl", {}
    pages = {n: Page(number=n, regions=(Region(text=f"Страница\u2028{n}"),)) for n in (2, 1, 3)}
    for number, page in pages.items():
        places[number] = file.stat().st_size if file.exists() else 0
        append_line(file, Leaf(document="a", page=page).line())
    stored = StoredPages(file, [places[n] for n in (1, 2, 3)])
    assert list(stored) == [pages[1], pages[2], pages[3]] and len(stored) == 3
    assert stored[-1] == pages[3] and list(stored[:2]) == [pages[1], pages[2]]
