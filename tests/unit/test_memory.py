"""The arithmetic of `plan` against what autograd really keeps, against the published size of dots.ocr, and its own sense."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune import memory
from ocrtune.contracts import Ask, LoadOptions
from ocrtune.core import Size
from ocrtune.core.weights import Matrices, Stack, Weights
from ocrtune.errors import ConfigError
from ocrtune.memory import GIB, Method, Row, Tuning
from ocrtune.models import family_for, model_ref
from ocrtune.options import LoraOptions, TrainOptions

NANO = Path(__file__).resolve().parents[2] / "models" / "nano"
GROUPS = ("language", "vision", "merger")


def dots() -> Weights:
    """dots.ocr as published, from the shapes of its checkpoint."""
    width, inner, layers = 1536, 8960, 28
    language = layers * (2 * width**2 + width + 2 * (256 * width + 256) + 3 * width * inner + 2 * width) + width
    shapes = ((1536, 1536, 56), (1536, 256, 56), (1536, 8960, 56), (8960, 1536, 28))
    return Weights(
        parameters={"language": language, "vision": 1_214_894_592, "merger": 47_196_672, "embeddings": 2 * 151_936 * 1536},
        matrices=tuple(Matrices("language", *shape) for shape in shapes),
        language=Stack(layers, width, inner, 12, 2, 128, gated=True),
        vision=Stack(42, 1536, 4224, 12, 12, 128, gated=True),
        vocabulary=151_936,
        tied=False,
        patch=14,
        merged=4,
    )


A4 = Row(visual=4956, text=1500, labels=1400)  # at 200 dpi


def test_dots_ocr_takes_what_its_publishers_say() -> None:
    weights = dots()
    assert sum(weights.parameters.values()) == 3_039_179_264
    assert memory.cache_bytes(weights) == 28_672
    assert memory.adapters(weights, frozenset({"language"}), 16) == 18_464_768  # peft's own count on the full-size shapes


def test_the_need_of_dots_ocr_has_the_size_that_hand_calculation_gives() -> None:
    """3.04 billion parameters in 2 bytes; 28 layers × 6,456 tokens × (12,288 norms + 12,336 attention + 53,760 MLP + 36,352
    inputs of adapters) bytes, and the float32 input of the last norm."""
    need = memory.training(dots(), Tuning(), A4)
    assert need.weights == 2 * 3_039_179_264
    assert need.optimizer == 16 * 18_464_768
    assert need.activations == 28 * 6456 * (12_288 + 12_336 + 53_760 + 36_352) + 6456 * 6144 + 2 * 18_464_768
    assert need.total == sum(need)


# --- against the real thing ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_dots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from ocrtune.testing.tiny_dots import build

    return build(tmp_path_factory.mktemp("dots"), vocabulary=1024, layers=(6, 6), width=128)


class Parcel:
    """A tensor as long as autograd holds it: what belongs to no graph any more is gone before it is counted."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor


class Trained:
    """One forward pass of a model that is trained as the trainer does it, with what autograd keeps of it."""

    def __init__(self, folder: Path, tuning: Tuning) -> None:
        import torch
        from PIL import Image

        from ocrtune.trainers import _tuning

        ref = model_ref(folder)
        family = family_for(ref)
        chosen = {group: group in tuning.groups for group in GROUPS}
        options = TrainOptions(
            method="full" if tuning.method == "full" else "lora", train_tokens="none", lora=LoraOptions(**chosen)
        )
        narrow = tuning.half and tuning.method == "lora"
        loaded = family.load(ref, LoadOptions(device="cpu", dtype="bfloat16" if narrow else "float32"))
        self.weights, self.half = family.weigh(ref), tuning.half
        self.model = _tuning.make_trainable(loaded, family, ref, options, ()).train()
        if tuning.checkpointing:
            self.model.activation_checkpointing_enable({"use_reentrant": False})
            self.model.disable_input_require_grads()  # else the frozen tower is taken for trained
        made = family.encode(loaded.processor, Ask((Image.new("RGB", (448, 112), "white"),), "OCR:"), "some text to read " * 6)
        self.inputs = {k: v.to(torch.bfloat16) if narrow and v.is_floating_point() else v for k, v in made.inputs.items()}
        ids = self.inputs["input_ids"]
        self.labels = ids.clone()
        self.labels[:, : made.prompt] = -100
        visual = family.visual_tokens(loaded.processor, family.sees(loaded.processor, Size(448, 112)))
        self.row = Row(visual, ids.shape[1] - visual, ids.shape[1] - made.prompt)

    def kept(self) -> int:
        """Bytes of all memory that the backward pass will read, without the weights and the inputs."""
        import torch

        known = {t.untyped_storage().data_ptr() for t in (*self.model.parameters(), *self.model.buffers(), *self.inputs.values())}
        parcels: weakref.WeakSet[Parcel] = weakref.WeakSet()

        def keep(tensor: Any) -> Parcel:
            parcel = Parcel(tensor)
            parcels.add(parcel)
            return parcel

        wanted = self.labels[:, 1:] != -100
        seen = torch.autograd.graph.saved_tensors_hooks(keep, lambda parcel: parcel.tensor)
        with seen, torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            logits = self.model(**self.inputs, use_cache=False).logits[:, :-1][wanted]
        self.loss = torch.nn.functional.cross_entropy(logits.float(), self.labels[:, 1:][wanted])
        held = {p.tensor.untyped_storage().data_ptr(): p.tensor.untyped_storage().nbytes() for p in parcels}
        return sum(size for place, size in held.items() if place not in known)

    def optimizer(self) -> int:
        """Bytes of gradients, Adam's moments and, for adapters, their weights, after a step."""
        import torch

        learnt = [p for p in self.model.parameters() if p.requires_grad]
        adam = torch.optim.AdamW(learnt)
        self.loss.backward()
        adam.step()
        moments = sum(v.numel() * v.element_size() for state in adam.state.values() for v in state.values() if v.dim())
        own = sum(p.numel() * p.element_size() for p in learnt) if hasattr(self.model, "peft_config") else 0
        return moments + own + sum(p.grad.numel() * p.grad.element_size() for p in learnt if p.grad is not None)


def cases() -> Iterator[Any]:
    for name in ("nano", "dots"):
        for method in ("lora", "full"):
            for groups in (("language",), GROUPS):
                for half in (False, True):
                    for checkpointing in (False, True):
                        tuning = Tuning(method, frozenset(groups), 16, checkpointing, half)
                        words = (name, method, "all" if len(groups) > 1 else "language", "bf16" if half else "fp32")
                        yield pytest.param(name, tuning, id="-".join((*words, "checkpointing")[: 5 if checkpointing else 4]))


@pytest.mark.parametrize(("name", "tuning"), list(cases()))
def test_what_is_kept_for_the_backward_pass_is_what_was_predicted(name: str, tuning: Tuning, tiny_dots: Path) -> None:
    """Within 10 % for adapters, within 25 % for all weights (there norms differ most between architectures)."""
    made = Trained(NANO if name == "nano" else tiny_dots, tuning)
    kept = made.kept()
    need = memory.training(made.weights, tuning, made.row)
    assert need.activations / kept == pytest.approx(1, abs=0.1 if tuning.method == "lora" else 0.25)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("groups", [("language",), GROUPS], ids=["language", "all"])
def test_optimizer_memory_is_exact(method: Method, groups: tuple[str, ...], tiny_dots: Path) -> None:
    tuning = Tuning(method, frozenset(groups), 16, half=False)
    made = Trained(tiny_dots, tuning)
    made.kept()
    assert made.optimizer() == memory.optimizer(made.weights, tuning)


# --- sense -----------------------------------------------------------------------------------------------------------------

METHODS = st.sampled_from(memory.METHODS)
TUNINGS = st.builds(
    Tuning,
    METHODS,
    st.sets(st.sampled_from(GROUPS), min_size=1).map(frozenset),
    st.integers(1, 256),
    st.booleans(),
    st.booleans(),
)
ROWS = st.builds(lambda visual, text: Row(visual, text, text // 2), st.integers(1, 20_000), st.integers(2, 8_000))


@given(TUNINGS, ROWS, st.integers(1, 64))
def test_more_never_needs_less(tuning: Tuning, row: Row, rows: int) -> None:
    weights = dots()
    need = memory.training(weights, tuning, row, rows)
    assert min(need) >= 0
    assert memory.training(weights, tuning, row, rows + 1).total > need.total
    assert memory.training(weights, tuning, row._replace(visual=row.visual + 64), rows).total >= need.total
    assert memory.training(weights, tuning._replace(rank=tuning.rank + 1), row, rows).total >= need.total
    assert memory.training(weights, tuning._replace(checkpointing=True), row, rows).activations <= need.activations


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_largest_finds_the_last_that_fits(limit: int, most: int) -> None:
    assert memory.largest(lambda n: n <= limit, most) == min(limit, most)


@given(METHODS, st.booleans(), st.integers(1500, 12_000), st.floats(1, memory.FAR))
def test_the_formula_is_never_too_low_and_at_most_a_sixth_too_high(
    method: Method, checkpointing: bool, visual: int, times: float
) -> None:
    weights, tuning = dots(), Tuning(method, checkpointing=checkpointing)
    line = memory.line(weights, tuning, A4._replace(visual=visual), 784)
    between = A4._replace(visual=round(times * visual))
    need = memory.training(weights, tuning, between).total / GIB
    told = line.base + line.slope * between.visual * 784 / 1e6
    assert need * 0.999 <= told <= need * 7 / 6


def test_fewer_bits_save_what_the_linear_layers_of_the_language_model_take() -> None:
    weights = dots()
    four, eight, sixteen = (
        memory.training(weights, way, A4).weights for way in (Tuning("qlora"), Tuning("qlora", bits=8), Tuning("lora"))
    )
    quantised = sum(m.inputs * m.outputs * m.times for m in weights.matrices if m.group == "language")
    assert sixteen - eight == quantised
    assert sixteen - four == pytest.approx(1.5 * quantised, rel=0.05)  # half a byte and the scales of its blocks


def test_a_cached_tower_saves_most_of_the_work_on_a_page() -> None:
    """Tower 150 of 193 TFLOP: 19,824 patches attend to each other in 42 layers."""
    every = memory.step_flops(dots(), Tuning(), A4, cached=False)
    rest = memory.step_flops(dots(), Tuning(), A4, cached=True)
    assert memory.tower_flops(dots(), A4.visual) == pytest.approx(150e12, rel=0.01)
    assert every - rest == memory.tower_flops(dots(), A4.visual)
    trained = Tuning(groups=frozenset({"vision"}))
    assert memory.step_flops(dots(), trained, A4, cached=True) > every


def test_a_server_holds_fewer_long_pages_than_short_ones() -> None:
    one, short = memory.serving(dots(), 4956, 8192), memory.serving(dots(), 1000, 2048)
    card = memory.card("rtx-4090")
    assert one.sequence == 8192 * 28_672
    assert 0 < one.at_once(0.9 * card.memory) < short.at_once(0.9 * card.memory)
    least = one.utilization(card.memory)
    assert least is not None and one.at_once(least * card.memory) >= 1 > one.at_once((least - 0.06) * card.memory)
    assert one.utilization(4 * GIB) is None and one.at_once(4 * GIB) == 0


def test_gpus_are_named_or_described() -> None:
    assert memory.card("h200").memory == 143_771 * 2**20
    assert memory.card("16") == memory.Card("16 GiB", 16 * GIB, None)
    assert memory.card("16:65").tflops == 65
    for wrong in ("h2000", "0", "-3", "16:fast", "16:0"):
        with pytest.raises(ConfigError):
            memory.card(wrong)
