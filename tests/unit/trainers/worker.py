"""A training in a process of its own, for the test that kills it: `python worker.py <request.json>`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ocrtune.core import Sample
from ocrtune.models import model_ref
from ocrtune.options import TrainOptions
from ocrtune.runs import RunDir
from ocrtune.trainers.hf import HuggingFaceTrainer


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    options = TrainOptions.model_validate(request["options"])
    samples = [Sample.model_validate(s) for s in request["samples"]]
    run = RunDir.create("train", options, root=Path(request["into"]).parent, into=Path(request["into"]))
    HuggingFaceTrainer().fit(options, model_ref(request["model"]), train=samples, val=samples[:4], run=run)


if __name__ == "__main__":
    main()
