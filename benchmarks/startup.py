"""How long the command line takes to answer: median of ten starts, in milliseconds."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

LINES = (("--version",), ("--help",), ("runs", "list"), ("doctor", "--help"), ("score", "--help"))


def seconds(line: tuple[str, ...]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "ocrtune.cli.main", *line], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    for line in LINES:
        print(f"ocrtune {' '.join(line):<16} {1000 * statistics.median(seconds(line) for _ in range(10)):6.0f} ms")
