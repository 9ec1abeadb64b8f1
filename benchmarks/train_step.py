"""The training step against the trainers people use: same data, model, batches and hyper-parameters, one process each.

`python benchmarks/train_step.py` prints a Markdown table in a few minutes on two cores. TRL takes part where it is installed.
`--device cuda --shape full` trains a dots.ocr of its real shape, with random weights, on A4 pages instead.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import contenders
from contenders import Case, Result

NANO_LINES = Case("nano", "frozen", 64, 4, 8, (96, 384), 32, 5)
DOTS_SNIPPETS = Case("tiny dots.ocr", "frozen", 48, 4, 8, (224, 504), 112, 8)
DOTS_WORDS = Case("tiny dots.ocr", "frozen", 16, 3, 8, (224, 504), 112, 24, vocabulary=151_936)
CASES = (
    NANO_LINES,
    NANO_LINES._replace(tower="trained"),
    DOTS_SNIPPETS,
    DOTS_SNIPPETS._replace(tower="trained"),
    DOTS_WORDS,
    DOTS_WORDS._replace(tower="trained"),
)
A4_150 = Case(
    "dots.ocr, A4 at 150 dpi", "frozen", 16, 3, 1, (1240, 1240), 1754, 400, vocabulary=151_936, device="cuda", dtype="bfloat16"
)
A4_200 = A4_150._replace(model="dots.ocr, A4 at 200 dpi", size=(1654, 1654), height=2339)
PAGES = tuple(page._replace(tower=tower) for page in (A4_150, A4_200) for tower in ("frozen", "trained"))


def contend(contender: str, case: Case, folder: Path) -> Result:
    """In a process of its own, because memory is measured."""
    into = Path(tempfile.mkdtemp(dir=folder))
    request = json.dumps({"contender": contender, "case": case._asdict(), "models": str(folder), "folder": str(into)})
    done = subprocess.run([sys.executable, __file__, "--request", request], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{contender} failed on {case.model}:\n{done.stderr[-3000:]}")
    return Result(**json.loads((into / "result.json").read_text("utf-8")))


def serve(request: dict[str, Any]) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    folder = Path(request["folder"])
    case = Case(**{**request["case"], "size": tuple(request["case"]["size"])})
    model, samples = contenders.model_of(case, Path(request["models"])), contenders.samples_of(case, folder / "pages")
    result = contenders.RUNS[request["contender"]](case, model, samples, folder)
    (folder / "result.json").write_text(json.dumps(result._asdict()), "utf-8")


def measured(names: list[str], case: Case, repeats: int, folder: Path) -> dict[str, list[Result]]:
    """Contenders take turns, so that what else the machine does falls on all of them."""
    found: dict[str, list[Result]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            found[name].append(contend(name, case, folder))
    return found


def table(case: Case, own: dict[str, list[Result]], same: dict[str, list[Result]]) -> list[str]:
    """Per contender: the fastest of all later epochs, which other load disturbs least; median by median beside it, and the
    processor's time, which other load changes least of all."""
    speeds, shared = (
        {n: [case.samples / s for r in rs for s in r.epochs[1:]] for n, rs in found.items()} for found in (own, same)
    )
    spent = {
        n: statistics.median(sum(r.processor[1:]) / len(r.processor[1:]) for r in rs) / case.samples for n, rs in own.items()
    }
    peaks = {name: statistics.median(r.peak for r in results) for name, results in own.items()}
    ours, rows = own["ocrtune"][0], []
    for name, results in own.items():
        apart = max(abs(a - b) for a, b in zip(same[name][0].losses, same["ocrtune"][0].losses, strict=True))
        cells = [
            f"{case.model}, {case.vocabulary:,} words" if case.model != "nano" else case.model,
            case.tower,
            name,
            f"{max(case.samples / r.epochs[0] for r in results):.1f}",
            f"{max(speeds[name]):.1f}",
            f"{max(speeds['ocrtune']) / max(speeds[name]):.2f}",
            f"{statistics.median(speeds['ocrtune']) / statistics.median(speeds[name]):.2f}",
            f"{1000 * spent[name]:.1f}",
            f"{spent[name] / spent['ocrtune']:.2f}",
            f"{max(shared['ocrtune']) / max(shared[name]):.2f}",
            f"{peaks[name]:.0f}",
            f"{peaks['ocrtune'] / peaks[name]:.2f}",
            f"{statistics.median(r.peak - r.loaded for r in results):.0f}",
            f"{apart:.1e}",
        ]
        if case.device.startswith("cuda"):
            speed = max(speeds[name]) / case.samples
            cells += [f"{ours.tokens * speed:.0f}", f"{ours.work * speed / ours.limit:.0%}"]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def head(device: str) -> list[str]:
    names = ["model", "tower", "trainer", "samples/s, epoch 1", "later", "ocrtune faster by", "by medians", "CPU ms a sample",
             "by CPU time", "at equal batches", "peak MiB", "ocrtune's share", "MiB by training", "losses apart"]  # fmt: skip
    names += ["tokens/s", "share of bf16 limit"] if device.startswith("cuda") else []
    return [f"| {' | '.join(names)} |", f"| {' | '.join(['---'] * 3 + ['---:'] * (len(names) - 3))} |"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--request", help=argparse.SUPPRESS)
    parser.add_argument("--model", choices=["all", "nano", "dots", "dots-150k"], default="all")
    parser.add_argument("--tower", choices=["both", "frozen", "trained"], default="both")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--shape", choices=["tiny", "full"], default="tiny", help="full: dots.ocr's own, needs --device cuda")
    parser.add_argument("--samples", type=int, help="instead of each case's own")
    parser.add_argument("--epochs", type=int, help="instead of each case's own")
    parser.add_argument("--threads", type=int, help="1 when absent: more suffer more from what else runs, and ratios count")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.request:
        serve(json.loads(arguments.request))
        return
    if (arguments.shape == "full") != (arguments.device == "cuda"):
        parser.error("--shape full and --device cuda belong together")
    chosen = {"nano": CASES[:2], "dots": CASES[2:4], "dots-150k": CASES[4:], "all": CASES}[arguments.model]
    chosen = PAGES if arguments.shape == "full" else chosen
    names = [n for n in contenders.RUNS if n != "TRL" or importlib.util.find_spec("trl")]
    print("\n".join(head(arguments.device)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for case in chosen:
            if arguments.tower in ("both", case.tower):
                asked = {n: v for n in ("samples", "epochs", "threads") if (v := getattr(arguments, n)) is not None}
                changed = case._replace(**asked)
                own = measured(names, changed, arguments.repeats, Path(folder))
                same = {"ocrtune": own["ocrtune"], **measured(names[1:], changed._replace(same=True), 1, Path(folder))}
                print("\n".join(table(changed, own, same)), flush=True)


if __name__ == "__main__":
    main()
