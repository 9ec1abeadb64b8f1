"""What a page costs on its way from a PDF to a reader: CPU-milliseconds and memory, in this process and in the workers.

    python benchmarks/rendering.py                    # a made PDF of 4,000 pages of text, some with a word in colour
    python benchmarks/rendering.py scan.pdf --dpi 300 --pages 200

Sent: rendered and encoded, eight pages in flight. Seen: the pixels in this process. Text: the text layer, judged, with its rules.
Memory is the highest that was held, this process and its workers together (Linux only).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from fpdf import FPDF

from ocrtune.core import ImageRef
from ocrtune.rendering import encoded, pages, picture, submit, text_layer
from ocrtune.rendering._pool import SHARED

IN_FLIGHT = 8
LINE = "the order of the words in this line is of no meaning: they are here to be drawn and read"
WORDS = LINE.split()


def made(folder: Path, count: int) -> Path:
    """A PDF with 48 lines of text on every page, every third page with a line in colour."""
    pdf = FPDF(unit="pt", format="a4")
    pdf.set_font("helvetica", size=11)
    for number in range(count):
        pdf.add_page()
        for row in range(48):
            pdf.set_text_color(0, 0, 190 if number % 3 == 0 and row == 5 else 0)
            shift = (number * 7 + row * 3) % len(WORDS)
            pdf.text(50, 60 + 15 * row, " ".join((WORDS[shift:] + WORDS)[:17]))
    path = folder / "made.pdf"
    pdf.output(str(path))
    return path


class Cost(NamedTuple):
    """CPU-seconds so far."""

    here: float
    workers: float

    @classmethod
    def now(cls) -> Cost:
        ticks = os.sysconf("SC_CLK_TCK")
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in SHARED.get().pids()]
        return cls(time.process_time(), sum(int(f[11]) + int(f[12]) for f in fields) / ticks)


def peak() -> float:
    """The highest resident memory so far of this process and its workers, in MB."""
    lines = [Path(f"/proc/{pid}/status").read_text() for pid in (os.getpid(), *SHARED.get().pids())]
    return sum(int(text.partition("VmHWM:")[2].split()[0]) for text in lines) / 1024


def sent(refs: Sequence[ImageRef]) -> None:
    waiting: deque[Any] = deque()
    for ref in refs:
        waiting.append(submit(ref))
        if len(waiting) >= IN_FLIGHT:
            waiting.popleft().result()
    for future in waiting:
        future.result()


def each(function: Callable[[ImageRef], Any]) -> Callable[[Sequence[ImageRef]], None]:
    def run(refs: Sequence[ImageRef]) -> None:
        with ThreadPoolExecutor(IN_FLIGHT) as threads:
            for _ in threads.map(function, refs):
                pass

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pdf", nargs="?", type=Path)
    parser.add_argument("--dpi", type=float, default=200)
    parser.add_argument("--pages", type=int, default=600, help="pages per measurement")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.pdf or made(Path(folder), 4000)
        start = time.perf_counter()
        refs = pages(path, dpi=given.dpi)
        print(f"{len(refs)} pages listed in {time.perf_counter() - start:.2f} s")
        encoded(refs[0])
        every = max(len(refs) // given.pages, 1)
        chosen = refs[::every][: given.pages]
        print(f"{'':6}{'pages/s':>9}{'CPU-ms here':>13}{'in workers':>12}{'peak MB':>9}")
        for name, run in (("sent", sent), ("seen", each(picture)), ("text", each(text_layer))):
            before, start = Cost.now(), time.perf_counter()
            run(chosen)
            seconds, after = time.perf_counter() - start, Cost.now()
            here, there = ((b - a) / len(chosen) * 1000 for a, b in zip(before, after, strict=True))
            print(f"{name:6}{len(chosen) / seconds:9.1f}{here:13.1f}{there:12.1f}{peak():9.0f}")


if __name__ == "__main__":
    main()
