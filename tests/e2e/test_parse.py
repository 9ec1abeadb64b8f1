"""`ocrtune parse` as its users run it: a program, real files, a real server process that misbehaves, a kill, a resume."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fpdf import FPDF

from ocrtune.core import Leaf, Prediction
from ocrtune.runs import RunDir, read_lines
from ocrtune.testing.server import Behaviour, Served

PROGRAM = Path(sys.executable).parent / "ocrtune"
PAGES = 24
REPLY = json.dumps([{"bbox": [20, 20, 300, 60], "category": "Text", "text": "A bright cold day"}])


def write_pdf(path: Path, pages: int = PAGES) -> Path:
    pdf = FPDF(format=(105, 148))
    pdf.set_font("helvetica", size=24)
    for number in range(1, pages + 1):
        pdf.add_page()
        pdf.multi_cell(0, text=f"Page {number}: a bright cold day in April")
    pdf.output(str(path))
    return path


def command(pdf: Path, server: Served, into: Path, *more: str) -> list[str]:
    usual = ["--base-url", server.url, "--dialect", "layout", "--formats", "json,md", "--timeout", "3", "--dpi", "60"]
    return [str(PROGRAM), "parse", str(pdf), *usual, "--into", str(into), *more]


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def leaves(into: Path) -> list[Leaf]:
    return list(read_lines(into / "pages.jsonl", Leaf))


def test_every_page_arrives_or_is_marked_though_a_third_of_the_requests_fail(tmp_path: Path) -> None:
    faults: dict[Any, float] = {"drop": 0.06, "stall": 0.04, "500": 0.06, "429": 0.06, "truncate": 0.04, "loop": 0.04}
    with Served(Behaviour(reply=REPLY, faults=faults, seed=3)) as server:
        done = run(command(write_pdf(tmp_path / "a.pdf"), server, tmp_path / "run", "--concurrency", "8"))
        asked = server.stats()["requests"]
    assert done.returncode in (0, 10), done.stderr[-2000:]
    pages = leaves(tmp_path / "run")
    assert sorted(leaf.page.number for leaf in pages) == list(range(1, PAGES + 1))
    for leaf in pages:
        assert leaf.page.ledger is not None and (leaf.page.text or leaf.page.problems)
        assert 1 <= len(leaf.page.ledger.attempts) <= 12
    assert sum("bright cold day" in leaf.page.text for leaf in pages) >= PAGES - 1
    assert asked < 4 * PAGES
    stored = json.loads((tmp_path / "run/documents/a/a.json").read_text("utf-8"))
    assert [page["number"] for page in stored["pages"]] == list(range(1, PAGES + 1))


def test_finished_pages_are_not_bought_again_after_a_kill(tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf")
    with Served(Behaviour(reply=REPLY, seconds=0.4)) as server:
        words = command(pdf, server, tmp_path / "run", "--concurrency", "2", "--no-check")
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        bought = tmp_path / "run/predictions.jsonl"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (bought.exists() and bought.read_text("utf-8").count("\n") >= 6):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        before = [p.sample_id for p in read_lines(bought, Prediction)]
        assert 6 <= len(before) < PAGES
        done = run(words)
    assert done.returncode == 0, done.stderr[-2000:]
    after = [p.sample_id for p in read_lines(bought, Prediction)]
    assert after[: len(before)] == before and max(Counter(after).values()) == 1 and len(after) == PAGES
    assert RunDir.open(tmp_path / "run", root=tmp_path).status == "done"


def test_pages_of_a_server_that_was_gone_are_asked_for_again_though_the_text_layer_stood_in(tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", 12)
    with Served(Behaviour(reply=REPLY, dies_after=3)) as server:
        words = command(pdf, server, tmp_path / "run", "--concurrency", "1", "--retries", "0")
        first = run(words)
    assert first.returncode == 10 and "the same command asks it again" in first.stdout
    assert all("bright cold day" in leaf.page.text.replace("\n", " ") for leaf in leaves(tmp_path / "run"))
    assert {len(leaf.page.ledger.attempts) for leaf in leaves(tmp_path / "run") if leaf.page.ledger} == {1, 2}
    with Served(Behaviour(reply=REPLY), port=server.port) as server:
        second, asked = run(words), server.stats()["requests"]
    assert second.returncode == 0 and asked == 12 - 3, second.stderr[-2000:]
    assert {leaf.page.ledger.engine for leaf in leaves(tmp_path / "run") if leaf.page.ledger} == {"http mock"}


def test_a_looping_model_costs_a_bounded_ladder_and_the_text_layer_steps_in(tmp_path: Path) -> None:
    with Served(Behaviour(reply=REPLY, faults={"loop": 1.0})) as server:
        done = run(command(write_pdf(tmp_path / "a.pdf", 2), server, tmp_path / "run"))
    assert done.returncode == 0, done.stderr[-2000:]
    for leaf in leaves(tmp_path / "run"):
        ledger = leaf.page.ledger
        assert ledger is not None and ledger.engine == "textlayer"
        assert "a bright cold day in April" in leaf.page.text.replace("\n", " ")
        steps = [attempt.step for attempt in ledger.attempts]
        assert steps[:3] == [None, "at temperature 0.4", "at half the pixels"] and "second reading" in str(steps[-1])
        assert {attempt.why for attempt in ledger.attempts[1:]} == {"loop"}


def test_a_page_that_loops_is_read_region_by_region_and_a_lost_region_is_named(tmp_path: Path) -> None:
    laid = [{"bbox": [20, 20, 120, 60], "category": "Title"}, {"bbox": [20, 60, 220, 200], "category": "Text"}]
    replies = {"Do not output the": json.dumps(laid), "[20, 20, 120, 60]": "A bright cold day"}
    with Served(Behaviour(reply="<tr><td></td><td></td></tr>" * 400, replies=replies)) as server:
        done = run(command(write_pdf(tmp_path / "a.pdf", 1), server, tmp_path / "run", "--ladder", "grounding", "--no-check"))
    assert done.returncode == 0, done.stderr[-2000:]
    (leaf,) = leaves(tmp_path / "run")
    assert [(r.kind, r.text) for r in leaf.page.regions] == [("title", "A bright cold day"), ("text", "")]
    assert leaf.page.problems == ("unread: 1 of 2 regions could not be read by the model",) and leaf.page.ledger is not None
    assert [(a.step, a.finish) for a in leaf.page.ledger.attempts] == [
        (None, "loop"), ("layout only, then region by region", "stop"), ("one region", "stop"), ("one region", "loop"),
    ]  # fmt: skip


def test_of_a_region_that_the_model_lost_the_second_reading_gives_the_words(tmp_path: Path) -> None:
    laid = [{"bbox": [0, 0, 248, 120], "category": "Text"}, {"bbox": [20, 200, 220, 300], "category": "Text"}]
    replies = {"Do not output the": json.dumps(laid), "[20, 200, 220, 300]": "Nothing of the kind"}
    with Served(Behaviour(reply="<tr><td></td><td></td></tr>" * 400, replies=replies)) as server:
        done = run(command(write_pdf(tmp_path / "a.pdf", 1), server, tmp_path / "run", "--ladder", "grounding,fallback"))
    assert done.returncode == 0, done.stderr[-2000:]
    (leaf,) = leaves(tmp_path / "run")
    read = [r.text.replace("\n", " ") for r in leaf.page.regions]
    assert read == ["Page 1: a bright cold day in April", "Nothing of the kind"]
    assert leaf.page.problems == ("unread: 1 of 2 regions could not be read by the model",) and not leaf.page.missed


def test_the_second_reading_places_the_words_of_a_model_and_finds_what_it_left_out(tmp_path: Path) -> None:
    reply = json.dumps([{"bbox": [0, 0, 248, 120], "category": "Text", "text": "Page 1: a bright cold day in April"}])
    pdf = FPDF(format=(105, 148))
    pdf.add_page()
    pdf.set_font("helvetica", size=20)
    pdf.multi_cell(0, text="Page 1: a bright cold day in April")
    pdf.set_y(100)
    pdf.multi_cell(0, text="The clocks were striking thirteen, and nobody had read this.")
    pdf.output(str(tmp_path / "a.pdf"))
    with Served(Behaviour(reply=reply)) as server:
        done = run(command(tmp_path / "a.pdf", server, tmp_path / "run", "--review"))
    assert done.returncode == 0, done.stderr[-2000:]
    (leaf,) = leaves(tmp_path / "run")
    (region,) = leaf.page.regions
    assert [w.text for w in region.words or ()] == region.text.split() and {w.placed for w in region.words or ()} == {"aligned"}
    assert ["striking thirteen" in missed.text.replace("\n", " ") for missed in leaf.page.missed] == [True]
    rows = [json.loads(line) for line in (tmp_path / "run/review/review.jsonl").read_text("utf-8").splitlines()]
    assert [row["type"] for row in rows] == ["omitted"] and (tmp_path / "run/review" / rows[0]["image"]).is_file()


@pytest.mark.parametrize("stop", ["early", "late"])
def test_pages_from_python_are_streamed_and_resumed(tmp_path: Path, stop: str) -> None:
    pdf, runs = str(write_pdf(tmp_path / "a.pdf", 3)), str(tmp_path / "runs")
    script = (
        "import ocrtune\n"
        f"for leaf in ocrtune.pages({pdf!r}, formats=['txt'], runs={runs!r}):\n"
        "    print(leaf.page.number, leaf.page.text.replace('\\n', ' '))\n"
        f"    if {stop == 'early'}: break\n"
    )
    first = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=240, check=True)
    lines = first.stdout.splitlines()
    assert len(lines) == (1 if stop == "early" else 3) and all("bright cold day" in line for line in lines)
    again = subprocess.run([sys.executable, "-c", script.replace("True: break", "False: break")], capture_output=True,
                           text=True, timeout=240, check=True)  # fmt: skip
    assert sorted(line[:1] for line in again.stdout.splitlines()) == ["1", "2", "3"]
