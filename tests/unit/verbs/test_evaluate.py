"""Evaluating: figures with their counts, resumption, and models named by the run that made them."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocrtune import inference
from ocrtune.cli.main import main
from ocrtune.config import Section
from ocrtune.core import ImageRef, Prediction, Sample, TextTarget
from ocrtune.errors import ConfigError, EngineError, InputError, ModelError
from ocrtune.options import EngineOptions
from ocrtune.runs import RunDir
from ocrtune.verbs import evaluate
from ocrtune.verbs.evaluate import Config, reader
from ocrtune.verbs.score import Figures

Evaluate = Callable[..., Figures]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "FIRST_PAUSE", 0.001)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    samples = []
    for i in range(6):
        Image.new("RGB", (20, 10), (i, 0, 0)).save(folder / f"images/{i}.png")
        image = ImageRef(path=f"images/{i}.png", sha256=f"{i:064x}", width=20, height=10)
        target = TextTarget(text=f"text number {i}")
        samples.append(Sample(id=f"s{i}", group=f"doc{i // 2}", images=(image,), target=target, tags={"language": "en"}))
    (folder / "test.jsonl").write_text("".join(f"{sample.line()}\n" for sample in samples))
    return folder


@pytest.fixture
def evaluated(dataset: Path, tmp_path: Path) -> Callable[..., tuple[RunDir, Figures]]:
    def go(**options: Any) -> tuple[RunDir, Figures]:
        options = {"data": str(dataset), "engine": "echo", "model": f"table:{dataset}/test.jsonl", "resamples": 100} | options
        config = Config(**options)
        run = RunDir.create("evaluate", config, root=tmp_path / "runs")
        with run.guard():
            return run, evaluate.run(config, run)

    return go


def test_a_perfect_reader_scores_perfectly_and_the_run_is_done(evaluated: Evaluate) -> None:
    run, scored = evaluated()
    assert {e.metric: e.mean for e in scored.estimates if not e.metric.endswith("_macro")} == {
        "cer": 0.0, "wer": 0.0, "char_f1": 1.0, "exact": 1.0,
    }  # fmt: skip
    assert run.status == "done"
    assert {role: (run.path / file).is_file() for role, file in run.manifest.outputs.items()} == dict.fromkeys(
        ("predictions", "scores", "estimate", "samples"), True
    )


def test_failures_make_the_run_partial_and_stand_beside_the_score(evaluated: Evaluate, dataset: Path) -> None:
    run, scored = evaluated(model=f"table:{dataset}/test.jsonl;broken=3")
    assert run.status == "partial" and run.manifest.message == "2 of 6 samples failed"
    assert scored.estimates[0].failed == 2 and json.loads((run.path / "estimate.json").read_text())[0]["failed"] == 2


def test_truncated_looping_and_empty_answers_are_counted(evaluated: Evaluate) -> None:
    assert evaluated(model="text:0123456789", max_tokens=5)[1].estimates[0].truncated == 6
    assert evaluated(model="text:" + "ab " * 300)[1].estimates[0].looped == 6
    assert evaluated(model="text:")[1].estimates[0].empty == 6


def test_hiccups_are_tried_again_and_leave_no_trace_in_the_score(evaluated: Evaluate, dataset: Path) -> None:
    run, scored = evaluated(model=f"table:{dataset}/test.jsonl;fail=2")
    assert run.status == "done" and scored.estimates[0].mean == 0.0
    assert sum(len(p.attempts) for p in run.read("predictions.jsonl", Prediction)) == 9


def test_a_partial_run_resumes_with_the_samples_that_may_succeed(evaluated: Evaluate, dataset: Path) -> None:
    options = {"model": f"table:{dataset}/test.jsonl;fail=2", "retries": 0}
    assert evaluated(**options)[0].status == "partial"
    run, scored = evaluated(**options)
    asked = [json.loads(line)["sample"] for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert asked[:6] == [f"s{i}" for i in range(6)] and asked[6:] == ["s1", "s3", "s5"]
    assert scored.estimates[0].failed == 1, "s3 is now the second prompt, whose first attempt fails"


def test_the_protocol_says_how_the_figures_were_made(evaluated: Evaluate) -> None:
    protocol = evaluated(prompt="Read:", max_tokens=77)[1].estimates[0].protocol
    assert {"dialect": "plain", "prompt": "Read:", "max_tokens": "77", "engine": "echo"}.items() <= protocol.items()
    assert protocol["normalisation"] == "default"


def test_a_limit_draws_the_same_samples_for_the_same_seed(evaluated: Evaluate) -> None:
    drawn = [[p.sample_id for p in evaluated(limit=3, seed=s, resamples=r)[0].read("predictions.jsonl", Prediction)]
             for s, r in ((0, 100), (0, 101), (1, 100))]  # fmt: skip
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[0]) == 3


def test_samples_without_a_target_are_an_error(evaluated: Evaluate, dataset: Path) -> None:
    bare = Sample(id="bare", group="g", images=(ImageRef(path="images/0.png"),))
    with (dataset / "test.jsonl").open("a") as file:
        file.write(bare.line() + "\n")
    with pytest.raises(InputError, match=r"1 of 7 samples have no target.*'bare'"):
        evaluated()


def test_an_unreachable_server_fails_the_run_and_reads_nothing(evaluated: Evaluate, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no server answers"):
        evaluated(engine="http", base_url="http://127.0.0.1:9", model="m")
    (run,) = RunDir.every(tmp_path / "runs")
    assert run.status == "failed"


def test_unknown_engines_and_useless_options_are_named(evaluated: Evaluate) -> None:
    with pytest.raises(ConfigError, match=r"tesserract.*did you mean tesseract"):
        evaluated(engine="tesserract")
    with pytest.raises(ConfigError, match="no use for language"):
        evaluated(language="rus")


def test_the_table_shows_counts_beside_every_score(evaluated: Evaluate, dataset: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ocrtune"):
        evaluated(model=f"table:{dataset}/test.jsonl;broken=2")
    assert "failed 3 · truncated 0 · looped 0 · empty 0" in caplog.text
    assert "failed: s1 (broken: " in caplog.text


def test_the_result_does_not_grow_with_the_dataset(dataset: Path, tmp_path: Path) -> None:
    words = ["evaluate", str(dataset), "--engine", "echo", "--model", f"table:{dataset}/test.jsonl", "--resamples", "100"]
    assert main([*words, "--into", str(tmp_path / "run")]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert [e["metric"] for e in result["estimates"]][:4] == ["cer", "wer", "char_f1", "exact"]
    assert "s0" not in json.dumps(result) and "s0" in (tmp_path / "run" / "scores.jsonl").read_text()


def test_the_command_line_evaluates(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "evaluate",
        str(dataset),
        "--engine",
        "echo",
        "--model",
        f"table:{dataset}/test.jsonl",
        "--runs",
        str(tmp_path / "r"),
    ]
    assert main(words) == 0
    out = capsys.readouterr()
    assert "cer" in out.out + out.err and "failed 0" in out.out + out.err


def test_a_killed_evaluation_resumes_and_reads_nothing_twice(dataset: Path, tmp_path: Path) -> None:
    engine = ["--engine", "echo", "--model", f"table:{dataset}/test.jsonl;delay=0.3", "--resamples", "100"]
    command = [
        sys.executable,
        "-c",
        "from ocrtune.cli.main import main; main()",
        "evaluate",
        str(dataset),
        *engine,
        "--into",
        str(tmp_path / "run"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        predictions = tmp_path / "run" / "predictions.jsonl"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if predictions.exists() and predictions.read_bytes().count(b"\n") >= 2:
                break
            time.sleep(0.01)
        process.kill()
    before = predictions.read_bytes().count(b"\n")
    assert 2 <= before < 6
    assert RunDir.open(tmp_path / "run", root=tmp_path).status == "stopped"
    subprocess.run(command, check=True, capture_output=True)
    run = RunDir.open(tmp_path / "run", root=tmp_path)
    assert run.status == "done"
    names = [json.loads(line)["sample"] for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert len(run.read("predictions.jsonl", Prediction)) == 6 and 6 <= len(names) <= 7, "at most what was in flight twice"


# --- models by the run that made them -----------------------------------------------------------------------------------


class Train(Section):
    model: str = "base"


class Recording:
    """An engine that keeps the options it was constructed with."""

    name = "recording"
    options: EngineOptions

    def __init__(self, options: EngineOptions) -> None:
        Recording.options = options

    def open(self) -> None: ...

    def close(self) -> None: ...


def made(root: Path, verb: str, base: str, **outputs: str) -> str:
    run = RunDir.create(verb, Train(model=base), root=root)
    for output in outputs.values():
        (run.path / output).mkdir(parents=True)
    run.finish("done", **outputs)
    return f"run:{run.id}"


@pytest.fixture
def resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EngineOptions]:
    monkeypatch.setattr(evaluate.ENGINES, "get", lambda name: Recording)

    def go(**options: Any) -> EngineOptions:
        config = Config(data="d", **options)
        run = RunDir.create("evaluate", config, root=tmp_path)
        with reader(config, run):
            return Recording.options

    return go


def test_a_train_run_stands_for_its_base_with_its_adapter(resolved: Callable[..., EngineOptions], tmp_path: Path) -> None:
    trained = made(tmp_path, "train", "models/nano", adapter="artifacts/best")
    options = resolved(model=trained)
    assert (options.model, options.adapter) == ("models/nano", str(tmp_path / trained[4:] / "artifacts/best"))


def test_a_merge_run_stands_for_its_model_and_training_goes_on_from_it(
    resolved: Callable[..., EngineOptions], tmp_path: Path
) -> None:
    merged = made(tmp_path, "merge", "x", model="artifacts/model")
    place = str(tmp_path / merged[4:] / "artifacts/model")
    assert (resolved(model=merged).model, resolved(model=merged).adapter) == (place, None)
    trained = made(tmp_path, "train", merged, adapter="artifacts/best")
    assert resolved(model=trained).model == place


def test_an_adapter_on_an_adapter_is_refused(resolved: Callable[..., EngineOptions], tmp_path: Path) -> None:
    first = made(tmp_path, "train", "models/nano", adapter="artifacts/best")
    second = made(tmp_path, "train", first, adapter="artifacts/best")
    with pytest.raises(ModelError, match="on top of an adapter"):
        resolved(model=second)
    with pytest.raises(ModelError, match="a second one"):
        resolved(model=first, adapter="elsewhere")


def test_the_engine_gets_its_own_options_only(resolved: Callable[..., EngineOptions]) -> None:
    assert type(resolved(model="m", batch_size=3)) is EngineOptions and Recording.options.batch_size == 3


def test_a_trained_model_is_asked_as_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(evaluate.ENGINES, "get", lambda name: Recording)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "ocrtune.json").write_text('{"dialect": "plain", "prompt": "Lies:"}')
    sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),))
    for asked, expected in ((None, "Lies:"), ("Read:", "Read:")):
        config = Config(data="d", model=str(tmp_path / "model"), prompt=asked)
        with reader(config, RunDir.create("evaluate", config, root=tmp_path / "runs")) as found:
            assert found.dialect.ask(sample) == expected
    assert "trained with the prompt 'Lies:', but is asked with 'Read:'" in caplog.text


@pytest.mark.parametrize(("asked", "warned"), [("OCR:", False), ("Read:", True)])
def test_a_model_that_was_trained_with_its_dialects_own_prompt_is_warned_of_another_one(
    asked: str, warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(evaluate.ENGINES, "get", lambda name: Recording)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "ocrtune.json").write_text('{"dialect": "plain", "prompt": null}')
    config = Config(data="d", model=str(tmp_path / "model"), prompt=asked)
    with reader(config, RunDir.create("evaluate", config, root=tmp_path / "runs")):
        pass
    assert ("trained with the prompt 'OCR:', but is asked with 'Read:'" in caplog.text) == warned == ("trained" in caplog.text)


def test_a_trained_model_sees_pictures_as_large_as_in_its_training(
    resolved: Callable[..., EngineOptions], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "ocrtune.json").write_text('{"dialect": "plain", "min_pixels": null, "max_pixels": 5000}')
    found = resolved(model=str(tmp_path / "model"))
    assert (found.min_pixels, found.max_pixels) == (None, 5000)
    assert resolved(model=str(tmp_path / "model"), max_pixels=900).max_pixels == 900
    assert "trained with the max_pixels 5000, but is asked with 900" in caplog.text


def test_the_line_end_with_which_editors_close_a_prompt_file_is_no_part_of_the_prompt(tmp_path: Path) -> None:
    for written, asked in (("Read it.\n", "Read it."), ("Read.\n\n", "Read.\n"), ("Read it.", "Read it.")):
        (tmp_path / "prompt.txt").write_text(written)
        assert Config(data="d", prompt_file=tmp_path / "prompt.txt").words == asked


PROMPTS = "russian: Прочитай страницу.\nenglish: Read the page.\n"


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ('prompt_text: "執行 OCR 任務："', None, "執行 OCR 任務："),
        (PROMPTS, "russian", "Прочитай страницу."),
        ("only: Read.", None, "Read."),
    ],
)
def test_prompts_come_from_yaml_by_name(tmp_path: Path, content: str, name: str | None, words: str) -> None:
    (tmp_path / "prompts.yaml").write_text(content, "utf-8")
    assert Config(data="d", prompt=name, prompt_file=tmp_path / "prompts.yaml").words == words


@pytest.mark.parametrize("name", [None, "rusian"])
def test_a_prompt_that_is_not_in_the_set_is_refused_with_those_that_are(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "prompts.yaml").write_text(PROMPTS, "utf-8")
    with pytest.raises(ConfigError) as caught:
        _ = Config(data="d", prompt=name, prompt_file=tmp_path / "prompts.yaml").words
    assert "russian, english" in str(caught.value.hint)


def test_the_score_so_far_is_kept_and_pace_does_not_make_another_run(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = [str(dataset), "--engine", "echo", "--into", str(tmp_path / "run")]
    assert main(["evaluate", *plain, "--save-every", "2", "--retries", "3", "--top-k", "5"]) == 0
    kept = json.loads((tmp_path / "run" / "so_far.json").read_text("utf-8"))
    assert kept == {"read": 4, "of": 5, "failed": 0, "cer": 1.0}
    assert "2 of 5 read, 0 failed: cer 1.0000" in capsys.readouterr().err
    assert main(["evaluate", *plain, "--retries", "0", "--first", "5"]) == 0


def test_the_first_samples_or_drawn_ones_but_not_both() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        Config(data="d", first=3, limit=3)
