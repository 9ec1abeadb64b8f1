"""How busy a client keeps a model server, and what a page costs it: against a server that answers in a second, 64 at a time.

    python benchmarks/serve_client.py [PDF …] [--pages 1280] [--events 40]

Pages are seen at 200 dpi; without a PDF, text pages are made. The peer renders all pages first and sends PNG from 64 threads,
as parsers around model servers do; it gets fewer pages, because it holds them all. Each client runs in a process of its own.

busy: mean requests in flight / 64 from the first request to the last; filled: share of that time with 64 in flight; others: share
of the machine that other programs took meanwhile (Linux).
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ocrtune import rendering
from ocrtune.config import Section
from ocrtune.core import Sample
from ocrtune.dialects.plain import Plain
from ocrtune.engines.http import Http
from ocrtune.inference import predict
from ocrtune.options import EngineOptions
from ocrtune.rendering._pool import SHARED
from ocrtune.runs import RunDir
from ocrtune.testing.server import Behaviour, Served

PLACES = 64
DPI = 200
TEXT = "the quick brown fox jumps over a lazy dog while seventeen clerks copy the minutes of the last meeting by hand"


def ours(files: list[str], count: int, url: str, options: dict[str, Any]) -> int:
    refs = [ref for file in files for ref in rendering.pages(Path(file), dpi=DPI)]
    pages = itertools.islice(itertools.cycle(refs), count)
    samples = [Sample(id=f"{number}", group="g", images=(ref,)) for number, ref in enumerate(pages)]
    engine = Http(EngineOptions(base_url=url, concurrency=PLACES, **options))
    engine.open()
    with tempfile.TemporaryDirectory() as folder:
        got = predict(samples, Plain(), engine, RunDir.create("parse", Section(), root=Path(folder)))
    engine.close()
    SHARED.close()  # so that its workers count
    return sum(prediction.finish == "stop" for prediction in got)


def peer(files: list[str], count: int, url: str, _: dict[str, Any]) -> int:
    """All pages first, then threads that make PNG and wait."""
    import httpx
    import pypdfium2

    documents = [pypdfium2.PdfDocument(file) for file in files]
    pages = itertools.islice(itertools.cycle([(d, number) for d in documents for number in range(len(d))]), count)
    images = [document[number].render(scale=DPI / 72).to_pil() for document, number in pages]
    client = httpx.Client(timeout=600, limits=httpx.Limits(max_connections=PLACES))

    def send(image: Any) -> bool:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        uri = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        parts = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": "OCR:"}]
        body = {"model": "mock", "messages": [{"role": "user", "content": parts}], "max_tokens": 1024, "temperature": 0}
        return client.post(f"{url}/chat/completions", json=body).status_code == 200

    with ThreadPoolExecutor(PLACES) as threads:
        return sum(threads.map(send, images))


CLIENTS = {"ours": ours, "peer": peer}


def measured(client: str, request: dict[str, Any]) -> None:
    """In the client's own process. CPU seconds include its workers, which have ended."""
    begun, before, own = time.monotonic(), _cpu(), time.process_time()
    good = CLIENTS[client](request["files"], request["pages"], request["url"], request["options"])
    print(json.dumps({"good": good, "wall": time.monotonic() - begun, "cpu": _cpu() - before, "own": time.process_time() - own}))


def _cpu() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def _machine() -> float:
    """CPU seconds that this machine has worked since it started; 0 where it does not say."""
    try:
        fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return 0.0
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def contend(client: str, behaviour: Behaviour, files: list[str], pages: int, options: dict[str, Any]) -> dict[str, Any]:
    with Served(behaviour) as server:
        request = {"files": files, "pages": pages, "url": server.url, "options": options}
        command = [sys.executable, __file__, "--client", client, "--request", json.dumps(request)]
        begun, before = time.monotonic(), _machine()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{client} failed:\n{done.stderr[-3000:]}")
        result = {"client": client, "pages": pages, **json.loads(done.stdout.splitlines()[-1]), "server": server.stats()}
        others = max(0.0, _machine() - before - result["cpu"] - result["server"]["cpu"])
        return {**result, "others": others / (time.monotonic() - begun) / (os.cpu_count() or 1)}


def text_pages(folder: Path, count: int) -> str:
    """A PDF of full pages of text."""
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    pdf.set_font("Times", size=11)
    words = itertools.cycle(TEXT.split())
    for number in range(count):
        pdf.add_page()
        pdf.multi_cell(0, 5, f"Page {number + 1}. " + " ".join(itertools.islice(words, 700)))
    pdf.output(str(folder / "text.pdf"))
    return str(folder / "text.pdf")


def row(found: dict[str, Any]) -> str:
    server, pages = found["server"], found["pages"]
    cells = [found["client"], f"{found['good']}/{pages}", f"{server['busy']:.1%}", f"{server['filled']:.1%}",
             f"{pages / found['wall']:.1f}", f"{1000 * found['cpu'] / pages:.1f}", f"{1000 * found['own'] / pages:.1f}",
             f"{server['bytes'] / pages / 1e6:.2f}", f"{1000 * server['cpu'] / pages:.1f}", f"{found['others']:.0%}"]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--pages", type=int, default=1280)
    parser.add_argument("--peer-pages", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=1.0, help="that an answer takes")
    parser.add_argument("--events", type=int, default=40, help="pieces in which it comes")
    parser.add_argument("--options", type=json.loads, default={}, help="more EngineOptions of ours, as JSON")
    parser.add_argument("--client", choices=sorted(CLIENTS), help=argparse.SUPPRESS)
    parser.add_argument("--request", type=json.loads, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client:
        measured(asked.client, asked.request)
        return
    reply = " ".join(f"{word} {number}" for number, word in enumerate(TEXT.split() * 20))
    behaviour = Behaviour(reply=reply, seconds=asked.seconds, events=asked.events, full=PLACES)
    with tempfile.TemporaryDirectory() as folder:
        files = asked.files or [text_pages(Path(folder), 64)]
        found = [contend("ours", behaviour, files, asked.pages, asked.options)]
        if asked.peer_pages:
            found.append(contend("peer", behaviour, files, asked.peer_pages, {}))
    print("| client | read | busy | filled | pages/s | CPU ms/page | without workers | MB/page | server's CPU ms/page | others |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for result in found:
        print(row(result))
    if len(found) == 2:
        ratio = found[1]["cpu"] / found[1]["pages"] / (found[0]["cpu"] / found[0]["pages"])
        print(f"\nCPU per page of the peer / of ours: {ratio:.1f}")


if __name__ == "__main__":
    main()
