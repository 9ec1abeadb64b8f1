"""dots.ocr's network against a deliberately naive reference: explicit masks, loops, float64, nothing shared with the code."""

from __future__ import annotations

import itertools
import json
import math
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

from ocrtune.contracts import Ask, Encoded, Loaded, LoadOptions  # noqa: E402
from ocrtune.errors import ModelError  # noqa: E402
from ocrtune.families.dots_ocr import DotsOcr  # noqa: E402
from ocrtune.models import model_ref  # noqa: E402
from ocrtune.testing import tiny_dots  # noqa: E402
from ocrtune.trainers._loss import answer_logits, same_as_whole  # noqa: E402

FAMILY = DotsOcr()
SIZES = ((56, 84), (112, 56), (28, 140))  # width × height
Weights = dict[str, Any]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dots.build(tmp_path_factory.mktemp("dots"), seed=5)


@pytest.fixture(scope="module")
def loaded(checkpoint: Path) -> Loaded:
    return FAMILY.load(model_ref(checkpoint), LoadOptions(device="cpu", dtype="float32"))


@pytest.fixture
def rows(loaded: Loaded) -> list[Encoded]:
    answers = ("a", "ж日 and more", "xyz")
    return [FAMILY.encode(loaded.processor, ask(size), answer) for size, answer in zip(SIZES, answers, strict=True)]


def ask(size: tuple[int, int], text: str = "Read.", max_tokens: int = 8) -> Ask:
    from PIL import Image

    noise = random.Random(size[0] * 1000 + size[1]).randbytes(3 * size[0] * size[1])
    return Ask((Image.frombytes("RGB", size, noise),), text, max_tokens)


# --- the reference ---


def doubles(model: Any) -> Weights:
    return {name: w.detach().double().requires_grad_(True) for name, w in model.state_dict().items()}


def rms(x: Any, weight: Any, eps: float) -> Any:
    return torch.stack([row / torch.sqrt((row * row).mean() + eps) * weight for row in x])


def rotated(vector: Any, angles: list[float]) -> Any:
    """Component j and its partner half a vector away are turned in their plane by the j-th angle."""
    half = len(vector) // 2
    low = [vector[j] * math.cos(angles[j]) - vector[j + half] * math.sin(angles[j]) for j in range(half)]
    high = [vector[j + half] * math.cos(angles[j]) + vector[j] * math.sin(angles[j]) for j in range(half)]
    return torch.stack(low + high)


def attention(q: Any, k: Any, v: Any, allowed: Any) -> Any:
    """One head, [S, D] each, with the whole S × S matrix and its mask."""
    scores = (q @ k.T / math.sqrt(q.shape[1])).masked_fill(~allowed, -math.inf)
    return torch.softmax(scores, -1) @ v


def silu(x: Any) -> Any:
    return x / (1 + torch.exp(-x))


def reference_tower(w: Weights, config: Any, pixels: Any, grids: list[list[int]]) -> Any:
    """All pictures at once under one mask that lets a patch see its own picture only."""
    pre, eps, heads = "vision_tower.", config.rms_norm_eps, config.num_attention_heads
    width = config.embed_dim // heads
    where, picture = [], []
    for number, (_, height, breadth) in enumerate(grids):
        for tile_row in range(height // 2):
            for tile_column in range(breadth // 2):
                for y in range(2):
                    for x in range(2):
                        where.append((2 * tile_row + y, 2 * tile_column + x))
                        picture.append(number)
    speeds = [10000.0 ** (-2 * j / (width // 2)) for j in range(width // 4)]
    angles = [[r * s for s in speeds] + [c * s for s in speeds] for r, c in where]
    allowed = torch.tensor([[a == b for b in picture] for a in picture])
    kernel = w[pre + "patch_embed.patchifier.proj.weight"]
    bias = w[pre + "patch_embed.patchifier.proj.bias"]
    hidden = torch.stack([torch.einsum("oabc,abc->o", kernel, p.view(3, 14, 14)) + bias for p in pixels.double()])
    hidden = rms(hidden, w[pre + "patch_embed.patchifier.norm.weight"], eps)
    for n in range(config.num_hidden_layers):
        at = f"{pre}blocks.{n}."
        mixed = rms(hidden, w[at + "norm1.weight"], eps) @ w[at + "attn.qkv.weight"].T
        seen = []
        for head in range(heads):
            q, k, v = (mixed[:, part * config.embed_dim + head * width :][:, :width] for part in range(3))
            q = torch.stack([rotated(x, a) for x, a in zip(q, angles, strict=True)])
            k = torch.stack([rotated(x, a) for x, a in zip(k, angles, strict=True)])
            seen.append(attention(q, k, v, allowed))
        hidden = hidden + torch.cat(seen, 1) @ w[at + "attn.proj.weight"].T
        x = rms(hidden, w[at + "norm2.weight"], eps)
        hidden = hidden + (silu(x @ w[at + "mlp.fc1.weight"].T) * (x @ w[at + "mlp.fc3.weight"].T)) @ w[at + "mlp.fc2.weight"].T
    hidden = rms(hidden, w[pre + "post_trunk_norm.weight"], eps)
    centred = hidden - hidden.mean(1, keepdim=True)
    x = centred / torch.sqrt((centred * centred).mean(1, keepdim=True) + 1e-6)
    x = x * w[pre + "merger.ln_q.weight"] + w[pre + "merger.ln_q.bias"]
    tiles = torch.stack([torch.cat([x[n], x[n + 1], x[n + 2], x[n + 3]]) for n in range(0, len(x), 4)])
    x = tiles @ w[pre + "merger.mlp.0.weight"].T + w[pre + "merger.mlp.0.bias"]
    x = x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    return x @ w[pre + "merger.mlp.2.weight"].T + w[pre + "merger.mlp.2.bias"]


def reference_logits(w: Weights, config: Any, inputs: dict[str, Any]) -> Any:
    """One sequence through Qwen2's decoder, its image tokens replaced one after the other."""
    features = iter(reference_tower(w, config.vision_config, inputs["pixel_values"], inputs["image_grid_thw"].tolist()))
    table, eps, heads = w["model.embed_tokens.weight"], config.rms_norm_eps, config.num_attention_heads
    width, shared = config.hidden_size // heads, heads // config.num_key_value_heads
    ids = inputs["input_ids"][0].tolist()
    hidden = torch.stack([next(features) if i == config.image_token_id else table[i] for i in ids])
    angles = [[place * 1e6 ** (-2 * j / width) for j in range(width // 2)] for place in range(len(ids))]
    past = torch.tensor([[b <= a for b in range(len(ids))] for a in range(len(ids))])
    for n in range(config.num_hidden_layers):
        at = f"model.layers.{n}."
        x = rms(hidden, w[at + "input_layernorm.weight"], eps)
        q, k, v = (x @ w[f"{at}self_attn.{p}_proj.weight"].T + w[f"{at}self_attn.{p}_proj.bias"] for p in "qkv")
        seen = []
        for head in range(heads):
            own, lent = slice(head * width, (head + 1) * width), slice(head // shared * width, (head // shared + 1) * width)
            turned = [torch.stack([rotated(x, a) for x, a in zip(y, angles, strict=True)]) for y in (q[:, own], k[:, lent])]
            seen.append(attention(*turned, v[:, lent], past))
        hidden = hidden + torch.cat(seen, 1) @ w[at + "self_attn.o_proj.weight"].T
        x = rms(hidden, w[at + "post_attention_layernorm.weight"], eps)
        up = silu(x @ w[at + "mlp.gate_proj.weight"].T) * (x @ w[at + "mlp.up_proj.weight"].T)
        hidden = hidden + up @ w[at + "mlp.down_proj.weight"].T
    return rms(hidden, w["model.norm.weight"], eps) @ w["lm_head.weight"].T


def close(mine: Any, wanted: Any, tolerance: float = 2e-5) -> None:
    """Relative to the largest value: float32 against float64."""
    worst = (mine.double() - wanted).abs().max() / wanted.abs().max()
    assert worst < tolerance, float(worst)


# --- agreement ---


def test_the_tower_is_the_reference_for_pictures_of_several_sizes(loaded: Loaded, rows: list[Encoded]) -> None:
    batch = FAMILY.collate(loaded.processor, rows, "right")
    weights = doubles(loaded.model)
    wanted = reference_tower(weights, loaded.model.config.vision_config, batch["pixel_values"], batch["image_grid_thw"].tolist())
    seen = loaded.model.get_image_features(batch["pixel_values"], batch["image_grid_thw"]).pooler_output
    assert [len(s) for s in seen] == [w // 28 * (h // 28) for w, h in SIZES]
    close(torch.cat(seen), wanted)


def test_logits_are_the_reference_end_to_end(loaded: Loaded, rows: list[Encoded]) -> None:
    for row in rows[:2]:
        wanted = reference_logits(doubles(loaded.model), loaded.model.config, row.inputs)
        close(loaded.model(**row.inputs).logits[0], wanted)


def test_every_gradient_is_the_references(loaded: Loaded, rows: list[Encoded]) -> None:
    row = rows[1]
    model, weights = loaded.model, doubles(loaded.model)
    target = row.inputs["input_ids"][0, row.prompt :]
    slow = reference_logits(weights, model.config, row.inputs)[row.prompt - 1 : -1]
    torch.nn.functional.cross_entropy(slow, target).backward()
    fast = model(**row.inputs).logits[0, row.prompt - 1 : -1]
    torch.nn.functional.cross_entropy(fast, target).backward()
    largest = max(float(w.grad.abs().max()) for w in weights.values())
    for name, parameter in model.named_parameters():
        error = (parameter.grad.double() - weights[name].grad).abs().max() / max(
            float(weights[name].grad.abs().max()), 1e-3 * largest
        )
        assert error < 1e-3, (name, float(error))
    model.zero_grad(set_to_none=True)


def test_bfloat16_is_the_reference_as_far_as_it_can_be(checkpoint: Path, loaded: Loaded, rows: list[Encoded]) -> None:
    half = FAMILY.load(model_ref(checkpoint), LoadOptions(device="cpu", dtype="bfloat16")).model
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    wanted = reference_logits(doubles(loaded.model), loaded.model.config, rows[0].inputs)
    mine = half(**rows[0].inputs).logits[0]
    assert mine.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(mine.double(), wanted, dim=-1).min() > 0.999


def test_recomputing_activations_changes_no_gradient(loaded: Loaded, rows: list[Encoded]) -> None:
    model = loaded.model

    def gradients() -> dict[str, Any]:
        model.zero_grad(set_to_none=True)
        model(**rows[0].inputs, use_cache=False).logits.logsumexp(-1).sum().backward()
        return {n: p.grad.clone() for n, p in model.named_parameters()}

    plain = gradients()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # renamed in newer releases
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()
        try:
            assert model.vision_tower.blocks[0].gradient_checkpointing
            again = gradients()
        finally:
            model.eval()
            model.gradient_checkpointing_disable()
            model.zero_grad(set_to_none=True)
    torch.testing.assert_close(again, plain)


# --- attention inside each picture, without a mask ---


@pytest.fixture
def largest_tensor() -> Callable[[], Any]:
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):  # type: ignore[misc]
        numel = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            for tensor in out if isinstance(out, tuple | list) else [out]:
                if isinstance(tensor, torch.Tensor):
                    self.numel = max(self.numel, tensor.numel())
            return out

    return Largest


@pytest.mark.parametrize("grids", [[[1, 48, 48]], [[1, 48, 48], [1, 30, 46]], [[1, 48, 48]] * 2], ids=["one", "mixed", "equal"])
def test_no_tensor_holds_a_value_for_each_pair_of_patches(
    loaded: Loaded, largest_tensor: Callable[[], Any], grids: list[list[int]]
) -> None:
    """Forward and backward: what grows with the square of the patches stays inside the attention kernel."""
    patches, one = sum(h * w for _, h, w in grids), max(h * w for _, h, w in grids)
    with largest_tensor() as watch:
        loaded.model.vision_tower(torch.randn(patches, 588), torch.tensor(grids)).pooler_output.sum().backward()
    loaded.model.zero_grad(set_to_none=True)
    assert watch.numel == patches * 588 < one * one, "the pixels themselves are the largest tensor of this small model"


def test_the_kernel_of_flash_attention_is_asked_for_the_same_thing(loaded: Loaded, rows: list[Encoded]) -> None:
    """A stand-in with flash attention's calling convention (stretches behind each other, their ends given)."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def by_ends(module: Any, q: Any, k: Any, v: Any, attention_mask: Any, **given: Any) -> tuple[Any, None]:
        assert attention_mask is None and given["is_causal"] is False and given["cu_seq_lens_q"].dtype == torch.int32
        ends = given["cu_seq_lens_q"].tolist()
        assert given["max_length_q"] == max(b - a for a, b in itertools.pairwise(ends))
        parts = [
            torch.softmax(q[..., a:b, :] @ k[..., a:b, :].mT * given["scaling"], -1) @ v[..., a:b, :]
            for a, b in itertools.pairwise(ends)
        ]
        return torch.cat(parts, 2).transpose(1, 2), None

    ALL_ATTENTION_FUNCTIONS.register("flash_by_hand", by_ends)
    tower = loaded.model.vision_tower
    batch = FAMILY.collate(loaded.processor, rows, "right")
    inputs = batch["pixel_values"], batch["image_grid_thw"]
    wanted, before = tower(*inputs).pooler_output, tower.config._attn_implementation
    tower.config._attn_implementation = "flash_by_hand"
    try:
        torch.testing.assert_close(tower(*inputs).pooler_output, wanted, atol=1e-5, rtol=1e-4)
    finally:
        tower.config._attn_implementation = before


# --- reading ---


def test_a_batch_reads_what_each_alone_reads_and_what_no_cache_reads(loaded: Loaded) -> None:
    asks = [ask(size) for size in SIZES]
    together = FAMILY.read(loaded, asks)
    for question, reading in zip(asks, together, strict=True):
        (alone,) = FAMILY.read(loaded, [question])
        assert alone.tokens == reading.tokens and alone.logprobs == pytest.approx(reading.logprobs, abs=1e-4)
        inputs = FAMILY.encode(loaded.processor, question).inputs
        slow = loaded.model.generate(**inputs, max_new_tokens=question.max_tokens, do_sample=False, use_cache=False)
        assert slow[0, inputs["input_ids"].shape[1] :][: len(reading.tokens)].tolist() == list(reading.tokens)


@pytest.fixture
def tower_calls(loaded: Loaded) -> Iterator[list[int]]:
    calls: list[int] = []
    hook = loaded.model.vision_tower.register_forward_pre_hook(lambda module, args: calls.append(len(args[0])))
    yield calls
    hook.remove()


def test_pictures_are_looked_at_once_per_reading(loaded: Loaded, tower_calls: list[int]) -> None:
    FAMILY.read(loaded, [ask(size) for size in SIZES])
    assert tower_calls == [sum(w // 14 * (h // 14) for w, h in SIZES)]


def test_several_answers_per_prompt_repeat_whole_pictures(loaded: Loaded) -> None:
    batch = FAMILY.collate(loaded.processor, [FAMILY.encode(loaded.processor, ask(s)) for s in SIZES[:2]], "left")
    how = {"max_new_tokens": 5, "do_sample": False, "num_beams": 2}
    many = loaded.model.generate(**batch, **how, num_return_sequences=2)
    assert len(many) == 4
    for n, size in enumerate(SIZES[:2]):
        own = FAMILY.encode(loaded.processor, ask(size)).inputs
        alone = loaded.model.generate(**own, **how)[0, own["input_ids"].shape[1] :]
        assert many[2 * n, batch["input_ids"].shape[1] :][: len(alone)].tolist() == alone.tolist()


def test_logits_at_the_answer_need_no_others(loaded: Loaded, rows: list[Encoded]) -> None:
    batch = FAMILY.collate(loaded.processor, rows, "right")
    labels = batch["input_ids"].clone()
    for n, row in enumerate(rows):
        labels[n, : row.prompt] = -100
        labels[n, row.inputs["input_ids"].shape[1] :] = -100
    assert same_as_whole(loaded.model, {**batch, "labels": labels})
    assert answer_logits(loaded.model, batch, labels[:, 1:] != -100).shape == (int((labels[:, 1:] != -100).sum()), 512)


def test_too_few_places_for_a_picture_are_an_error_with_both_numbers(loaded: Loaded, rows: list[Encoded]) -> None:
    inputs = {**rows[0].inputs}
    cut = next(n for n, i in enumerate(inputs["input_ids"][0].tolist()) if i == loaded.model.config.image_token_id)
    for name in ("input_ids", "attention_mask"):
        inputs[name] = torch.cat([inputs[name][:, :cut], inputs[name][:, cut + 1 :]], 1)
    with pytest.raises(ModelError, match=r"the text has 5 image tokens .* the pictures make 6"):
        loaded.model(**inputs)


def test_places_without_a_picture_are_an_error(loaded: Loaded, rows: list[Encoded]) -> None:
    with pytest.raises(ModelError, match=r"6 image tokens .* make 0"):
        loaded.model(input_ids=rows[0].inputs["input_ids"])


def test_text_alone_is_qwen2(loaded: Loaded, checkpoint: Path) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    settings = {k: v for k, v in json.loads((checkpoint / "config.json").read_text()).items() if k != "vision_config"}
    stock = Qwen2ForCausalLM(Qwen2Config(**{**settings, "model_type": "qwen2"}))
    stock.load_state_dict({n: w for n, w in loaded.model.state_dict().items() if not n.startswith("vision_tower.")})
    ids = torch.tensor([[5, 9, 40, 41, 7]])
    torch.testing.assert_close(loaded.model(input_ids=ids).logits, stock(input_ids=ids).logits)
