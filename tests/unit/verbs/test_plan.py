"""Planning: real pages in tokens, what fits which GPU, and the sweep's rule on figures that are known."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from ocrtune import lengths
from ocrtune.cli.main import main
from ocrtune.core import ImageRef, Sample, Score, Size, TextTarget
from ocrtune.core.weights import Stack, Weights
from ocrtune.dialects.plain import Plain
from ocrtune.errors import ConfigError, InputError, ModelError
from ocrtune.lengths import Page, PatchRuler
from ocrtune.runs import RunDir
from ocrtune.stats import Benchmark, Plan, Rule, estimate
from ocrtune.verbs import _sweep, plan
from ocrtune.verbs._planned import Planned
from ocrtune.verbs._sweep import Outcome, Sweep, judge, pixel_budgets
from ocrtune.verbs.plan import Config

ROOT = Path(__file__).resolve().parents[3]
NANO = ROOT / "models" / "nano"
Planning = Callable[..., tuple[RunDir, Planned]]


@pytest.fixture
def planning(tmp_path: Path) -> Planning:
    def go(pages: Path, **options: Any) -> tuple[RunDir, Planned]:
        config = Config.model_validate({"pages": str(pages), "model": str(NANO), "gpus": ("rtx-4090", "16"), **options})
        run = RunDir.create("plan", config, root=tmp_path / "runs")
        with run.guard():
            return run, plan.run(config, run)

    pytest.importorskip("transformers", reason="the extra train is not installed")
    return go


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of pictures, one of them turned by its EXIF tag, a PDF of two pages, a broken file, and a note."""
    from fpdf import FPDF

    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    Image.new("RGB", (320, 64), "white").save(folder / "small.png")
    turned = Image.new("RGB", (160, 320), "white")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "more" / "turned.jpg", exif=exif)
    document = FPDF(unit="pt", format=(144, 288))
    document.add_page()
    document.add_page()
    document.output(str(folder / "two.pdf"))
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "note.txt").write_text("not a page")
    return folder


def dataset(folder: Path, **splits: int) -> Path:
    folder.mkdir()
    for split, count in splits.items():
        samples = []
        for n in range(count):
            file = folder / f"{split}{n}.png"
            Image.new("RGB", (64 + 32 * n, 32), "white").save(file)
            ref = ImageRef(path=file.name, width=64 + 32 * n, height=32)
            target = TextTarget(text="words " * (n + 1))
            samples.append(Sample(id=f"{split}-{n}", group=f"{split}{n}", images=(ref,), target=target))
        (folder / f"{split}.jsonl").write_text("".join(f"{sample.line()}\n" for sample in samples))
    return folder


def width_of(picture: Path) -> int:
    with Image.open(picture) as image:
        return image.width


# --- pages ------------------------------------------------------------------------------------------------------------------


def test_pages_of_a_folder_are_its_pictures_and_pdf_pages_upright(scans: Path) -> None:
    found = lengths.find_pages(scans, 144)
    sizes = {p.sample.id: (p.sample.images[0].width, p.sample.images[0].height) for p in found.pages}
    assert sizes == {
        "small.png": (320, 64), "more/turned.jpg": (320, 160), "two.pdf page 1": (288, 576), "two.pdf page 2": (288, 576)
    }  # fmt: skip
    assert len(found.rejected) == 1 and "broken.png" in found.rejected[0]


def test_a_plan_needs_no_weights_and_names_the_longest_page(scans: Path, tmp_path: Path, planning: Planning) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in NANO.glob("*.json*"):
        (bare / file.name).write_bytes(file.read_bytes())
    (bare / "chat_template.jinja").write_bytes((NANO / "chat_template.jinja").read_bytes())
    run, made = planning(scans, model=str(bare))
    assert made.pages.exact and made.pages.count == 4 and made.pages.documents == 3
    assert made.parameters == {"language": 1_181_952, "vision": 1_214_208, "merger": 361_408, "embeddings": 159_744, "other": 0}
    longest = made.pages.longest[0]
    assert longest.id.startswith("two.pdf page") and longest.width * 2 == longest.height
    assert longest.visual == longest.seen_width * longest.seen_height // 16**2
    assert sum(b.count for b in made.pages.histogram) == 4
    assert Planned.model_validate_json((run.path / "plan.json").read_text()) == made
    assert str(made).startswith("# Plan for") and (run.path / "plan.md").read_text() == f"{made}\n"
    assert width_of(run.path / "tokens.png") > 500
    assert run.manifest.status == "done" and run.manifest.outputs["plan"] == "plan.json"


def test_a_config_alone_gives_an_estimate_that_says_so(
    scans: Path, tmp_path: Path, planning: Planning, caplog: pytest.LogCaptureFixture
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_bytes((NANO / "config.json").read_bytes())
    for name in (bare, bare / "config.json"):
        _, made = planning(scans, model=str(name), train={"max_pixels": 131_072})
        assert not made.pages.exact and "estimated" in str(made) and "estimated from config.json alone" in caplog.text
        exact = planning(scans)[1]
        assert made.pages.visual_total == pytest.approx(exact.pages.visual_total, rel=0.1)
        assert made.needs[0].weights == exact.needs[0].weights


def test_tokens_of_a_dataset_are_those_the_training_counts(tmp_path: Path, planning: Planning) -> None:
    from ocrtune.contracts import Ask
    from ocrtune.imaging import open_image
    from ocrtune.models import family_for, model_ref
    from ocrtune.sampling import load_split

    data = dataset(tmp_path / "data", train=3, val=2)
    _, made = planning(data)
    ref = model_ref(NANO)
    family = family_for(ref)
    processor = family.load_processor(ref)
    sample = load_split(data, "train")[2]
    whole = family.encode(processor, Ask((open_image(sample.images[0].path),), "OCR:"), "words words words ")
    longest = made.pages.longest[0]
    assert longest.id == "train-2" and longest.visual + longest.text == whole.inputs["input_ids"].shape[1]
    assert made.max_length % 256 == 0 and made.max_length >= whole.inputs["input_ids"].shape[1]


def test_only_training_pages_take_training_time(tmp_path: Path, planning: Planning) -> None:
    few = planning(dataset(tmp_path / "few", train=2))[1]
    more = planning(dataset(tmp_path / "more", train=2, val=6))[1]
    assert few.training[0].hours_first_epoch == more.training[0].hours_first_epoch
    first, later = few.training[0].hours_first_epoch, few.training[0].hours_later_epoch
    assert first is not None and later is not None and later < first, "the frozen tower runs once"
    assert few.training[-1].gpu == "16 GiB" and few.training[-1].hours_first_epoch is None, "its speed is unknown"


def test_pages_that_fit_nowhere_are_named(tmp_path: Path, planning: Planning) -> None:
    data = dataset(tmp_path / "data", train=4)
    need = planning(data, methods=("full",))[1].needs[0].total
    tight = planning(data, gpus=(f"{need - 0.0002}:10",), methods=("full",), headroom=0.0)[1]
    fit = tight.training[0]
    assert fit.batch == 0 and fit.too_large >= 1 and fit.largest == "train-3"
    assert "`train-3`" in str(tight) and "Too large even alone" in str(tight)
    longest = tight.pages.longest[0]
    assert fit.max_pixels is not None and fit.max_pixels < longest.seen_width * longest.seen_height


def test_unfit_input_is_refused_with_a_way_out(tmp_path: Path, planning: Planning) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no page to plan for"):
        planning(empty)
    with pytest.raises(InputError, match="no such file"):
        planning(tmp_path / "nowhere")
    with pytest.raises(ModelError):
        planning(empty, model=str(empty))
    Image.new("RGB", (32, 32)).save(empty / "page.png")
    with pytest.raises(ConfigError, match="one prepared dataset"):
        planning(empty, sweep=(0.5, 1))
    for wrong in ({"gpus": ("gtx-1",)}, {"sweep": (0.5,)}, {"sweep": (0.0, 1)}, {"measure": 1}):
        with pytest.raises(ValidationError):
            Config.model_validate({"pages": "x", "model": "y", **wrong})


def test_patches_are_bounded_like_the_processor_would() -> None:
    stack = Stack(1, 8, 16, 1, 1, 8, gated=True)
    weights = Weights({}, (), stack, stack, 10, True, patch=14, merged=4)
    free, bound = PatchRuler(weights, None), PatchRuler(weights, 100_000)
    assert free.sees(Size(1653, 2339)) == Size(1652, 2352) and free.visual(Size(1652, 2352)) == 4956
    seen = bound.sees(Size(1653, 2339))
    assert seen.width * seen.height <= 100_000 and seen.width % 28 == 0


def test_every_picture_of_a_sample_counts() -> None:
    stack = Stack(1, 8, 16, 1, 1, 8, gated=True)
    ruler = PatchRuler(Weights({}, (), stack, stack, 10, True, patch=14, merged=4), None)
    image = ImageRef(path="a.png", width=280, height=280)
    one, two = (Page(Sample(id=f"s{n}", group="g", images=(image,) * n)) for n in (1, 2))
    found = lengths.measure([one, two], ruler, Plain(), reply=100)
    assert [m.row.visual for m in found.rows] == [100, 200] and found.rows[0].row.labels == 100


@pytest.mark.parametrize("values", [[5], [1, 1, 1], list(range(1000)), [3, 100_000]])
def test_a_histogram_loses_nobody(values: list[int]) -> None:
    bins = lengths.histogram(values)
    assert sum(b.count for b in bins) == len(values) and len(bins) <= lengths.BARS + 1
    assert bins[0].low <= min(values) and bins[-1].high >= max(values)
    assert all(second.low == first.high + 1 for first, second in itertools.pairwise(bins))
    assert len(lengths.bars(bins)) == len(bins)


# --- the sweep ----------------------------------------------------------------------------------------------------------------


def outcomes(rates: dict[int, float], *, documents: int = 40, seed: int = 0) -> list[Outcome]:
    """Readings of the same 3 lines of each document at several budgets, each letter wrong with this probability."""
    draw = random.Random(seed)
    image = ImageRef(path="a.png", width=10, height=10)
    samples = [Sample(id=f"{d}-{n}", group=f"d{d}", images=(image,), target=TextTarget(text="x" * 50))
               for d in range(documents) for n in range(3)]  # fmt: skip
    hard = {s.group: draw.uniform(0.5, 1.5) for s in samples}
    made = []
    for pixels, rate in rates.items():
        scores = []
        for s in samples:
            errors = sum(draw.random() < rate * hard[s.group] for _ in range(50))
            scores.append(Score(sample_id=s.id, metric="cer", value=errors / 50, errors=errors, total=50))
        found = estimate(scores, Rule("cer", "lower", "micro"), Benchmark(samples, "digest", {}), Plan(500))
        made.append(Outcome(max_pixels=pixels, visual_tokens=pixels / 784, samples=tuple(samples), scores=tuple(scores),
                            estimate=found))  # fmt: skip
    return made


def judged(rates: dict[int, float], *, margin: float | None = None, documents: int = 40) -> Sweep:
    return judge(outcomes(rates, documents=documents), split="val", plan=Plan(1000), margin=margin)


def test_the_smallest_budget_that_is_as_good_is_recommended() -> None:
    found = judged({100: 0.3, 200: 0.05, 400: 0.05, 800: 0.05})
    assert found.recommended == 200
    by_pixels = {b.max_pixels: b for b in found.budgets}
    assert by_pixels[100].passes is False and by_pixels[100].difference is not None and by_pixels[100].difference > 0.2
    assert "fails" in _sweep.table(found)[2] and "recommended" in _sweep.table(found)[3]


def test_the_walk_stops_at_the_first_failure() -> None:
    assert judged({100: 0.06, 200: 0.3, 400: 0.02}).recommended == 400


def test_a_budget_larger_than_the_best_is_not_recommended() -> None:
    found = judged({100: 0.02, 200: 0.2})
    assert (found.best, found.recommended) == (100, 100) and found.budgets[1].passes is None


def test_a_margin_is_a_claim_that_needs_pages() -> None:
    rates = {100: 0.052, 200: 0.05}
    assert judged(rates, margin=0.05).recommended == 100
    assert judged(rates, margin=0.0).recommended == judged(rates, margin=0.0).best
    few = judged({100: 0.06, 200: 0.05}, margin=0.0001, documents=4)
    assert few.recommended == few.best and few.caution is not None and "4 documents" in few.caution


def test_shares_are_of_the_largest_page_and_pixels_are_pixels() -> None:
    assert pixel_budgets((1, 0.25, 0.5), 1000) == [250, 500, 1000]
    assert pixel_budgets((2000, 0.5, 500.0), 1000) == [500, 2000]


def test_a_chart_of_the_sweep_is_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "sweep.png"
    file.write_bytes(_sweep.chart(judged({100: 0.3, 200: 0.05})))
    assert width_of(file) > 300


def test_a_sweep_reads_real_pages_and_goes_on_where_it_stopped(
    tmp_path: Path, planning: Planning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two budgets with the real model; the second run of the same command evaluates nothing again."""
    pytest.importorskip("torch")
    data = dataset(tmp_path / "data", train=1, val=3)
    options = {"sweep": (0.5, 1), "reading": {"max_tokens": 4, "resamples": 200}, "methods": ("lora",)}
    real = _sweep.judge

    def killed(*_: Any, **__: Any) -> Sweep:
        raise KeyboardInterrupt

    monkeypatch.setattr(_sweep, "judge", killed)
    with pytest.raises(KeyboardInterrupt):
        planning(data, **options)
    monkeypatch.setattr(_sweep, "judge", real)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("runs/*/sweep-*/predictions.jsonl")}
    run, made = planning(data, **options)
    assert len(before) == 2 and {file: file.stat().st_mtime_ns for file in before} == before
    assert made.sweep is not None and [b.samples for b in made.sweep.budgets] == [3, 3]
    assert made.sweep.budgets[0].visual_tokens < made.sweep.budgets[1].visual_tokens
    assert "3 documents" in str(made.sweep.caution) and "## Pixels against cer" in str(made)
    protocol = json.loads((run.path / f"sweep-{made.sweep.best}" / "estimate.json").read_text())[0]["protocol"]
    assert protocol["max_pixels"] == str(made.sweep.best)
    assert run.manifest.outputs["sweep"] == "sweep.png"


def test_measured_steps_are_real_ones(tmp_path: Path, planning: Planning) -> None:
    pytest.importorskip("torch")
    data = dataset(tmp_path / "data", train=4, val=1)
    train = {"batch_size": 2, "gradient_accumulation": 1, "device": "cpu", "train_tokens": "none"}
    run, made = planning(data, measure=3, methods=("lora",), train=train)
    assert made.measured is not None and made.measured.steps == 2 and 0 < made.measured.seconds_per_step < 60
    assert made.measured.hours_per_epoch == pytest.approx(made.measured.seconds_per_step * 2 / 3600)
    assert "Measured here, 2 steps" in str(made) and (run.path / "measure" / "history.jsonl").is_file()


def test_the_command_line_prints_the_plan(scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers", reason="the extra train is not installed")
    line = ["plan", str(scans), "--model", str(NANO), "--gpus", "l4", "--methods", "lora", "--runs", str(tmp_path / "runs")]
    assert main(line) == 0
    said = capsys.readouterr().out
    assert "visual tokens" in said and "| l4 |" in said and "--max-model-len" in said
    assert main([*line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["already"] and told["result"]["pages"]["count"] == 4
