"""The Qwen2-VL family on the nano architecture: geometry, sequences, groups, reading, merging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from ocrtune.contracts import Ask, Loaded, LoadOptions
from ocrtune.core import ModelRef, Size
from ocrtune.errors import InputError, ModelError
from ocrtune.families.qwen2_vl import Qwen2VL
from ocrtune.models import family_for, model_ref

FAMILY = Qwen2VL()


@pytest.fixture(scope="module")
def loaded(tiny_nano: Path) -> Loaded:
    return FAMILY.load(model_ref(tiny_nano), LoadOptions(device="cpu"))


def strip(width: int, text: str = "word") -> Image.Image:
    image = Image.new("RGB", (width, 32), "white")
    ImageDraw.Draw(image).text((3, 8), text, fill="black")
    return image


def test_the_family_is_found_by_model_type(tiny_nano: Path) -> None:
    assert family_for(model_ref(tiny_nano)).name == "qwen2_vl"


@settings(max_examples=30, deadline=None)
@given(width=st.integers(4, 900), height=st.integers(8, 400))
def test_sees_and_visual_tokens_are_what_the_processor_makes(loaded: Loaded, width: int, height: int) -> None:
    seen = FAMILY.sees(loaded.processor, Size(width, height))
    made = loaded.processor.image_processor(images=[Image.new("RGB", (width, height))], return_tensors="pt")
    _, rows, columns = made["image_grid_thw"][0].tolist()
    assert (columns * 8, rows * 8) == seen
    assert FAMILY.visual_tokens(loaded.processor, seen) == rows * columns // 4


def test_a_pixel_budget_shrinks_what_the_model_sees(tiny_nano: Path) -> None:
    processor = FAMILY.load_processor(model_ref(tiny_nano), LoadOptions(max_pixels=4096))
    seen = FAMILY.sees(processor, Size(640, 320))
    assert seen.width * seen.height <= 4096
    encoded = FAMILY.encode(processor, Ask((Image.new("RGB", (640, 320)),), "OCR:"))
    assert encoded.inputs["pixel_values"].shape[0] * 64 == seen.width * seen.height


def test_a_strip_too_thin_is_refused(loaded: Loaded) -> None:
    with pytest.raises(InputError, match="too thin"):
        FAMILY.sees(loaded.processor, Size(5000, 10))


def test_length_counts_every_token_without_pixels(loaded: Loaded) -> None:
    answer = "Ж! naïve 日"
    encoded = FAMILY.encode(loaded.processor, Ask((strip(200),), "OCR:"), answer)
    assert FAMILY.length(loaded.processor, "OCR:", [Size(200, 32)], answer) == encoded.inputs["input_ids"].shape[1]


def test_an_answer_ends_with_the_stop_token_of_the_chat_template(loaded: Loaded) -> None:
    ids = FAMILY.answer_ids(loaded.processor, "ab")
    assert loaded.processor.tokenizer.convert_ids_to_tokens(ids) == ["a", "b", "<|im_end|>"]


def test_collating_single_encodings_equals_one_processor_call(loaded: Loaded) -> None:
    import torch

    asks = [Ask((strip(w),), "OCR:") for w in (64, 200, 96)]
    mine = FAMILY.collate(loaded.processor, [FAMILY.encode(loaded.processor, a) for a in asks], "right")
    template = loaded.processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "OCR:"}]}],
        tokenize=False,
        add_generation_prompt=True,
    )
    theirs = loaded.processor(text=[template] * 3, images=[[a.images[0]] for a in asks], return_tensors="pt", padding=True,
                              padding_side="right")  # fmt: skip
    assert set(mine) == set(theirs.keys())
    for name, value in theirs.items():
        assert torch.equal(mine[name], value), name


def test_a_batch_of_mixed_sizes_reads_what_each_picture_alone_reads(loaded: Loaded) -> None:
    asks = [Ask((strip(w, "abc" * (w // 60)),), "OCR:", 12) for w in (64, 320, 128, 200)]
    batched = FAMILY.read(loaded, asks)
    for ask, reading in zip(asks, batched, strict=True):
        (alone,) = FAMILY.read(loaded, [ask])
        assert (reading.tokens, reading.text, reading.finish) == (alone.tokens, alone.text, alone.finish)
        assert reading.logprobs == pytest.approx(alone.logprobs, abs=1e-4)


def test_every_prompt_has_its_own_limit(loaded: Loaded) -> None:
    short, long = FAMILY.read(loaded, [Ask((strip(64),), "OCR:", 3), Ask((strip(64),), "OCR:", 9)])
    assert (len(short.tokens), short.finish) == (3, "length")
    assert len(long.tokens) in range(3, 10)


def test_forcing_a_models_own_reading_gives_its_logprobs(loaded: Loaded) -> None:
    ask = Ask((strip(96),), "OCR:", 8)
    (reading,) = FAMILY.read(loaded, [ask])
    (forced,) = FAMILY.force(loaded, [ask], [reading.tokens])
    assert forced.best == reading.tokens
    assert forced.logprobs == pytest.approx(reading.logprobs, abs=1e-4)


def test_group_patterns_cover_every_linear_layer_once_and_nothing_else(loaded: Loaded) -> None:
    import re

    import torch

    patterns = FAMILY.groups(loaded.model)
    assert set(patterns) == {"language", "vision", "merger"}
    for name, module in loaded.model.named_modules():
        hits = [g for g, p in patterns.items() if re.fullmatch(p, name)]
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            assert hits == [FAMILY.group_of(name)], name
        else:
            assert hits == [], name


def test_damaged_weights_are_an_error_that_says_so(tiny_nano: Path, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(tiny_nano, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:20000])
    with pytest.raises(ModelError, match=r"damaged|cannot load"):
        FAMILY.load(model_ref(broken), LoadOptions(device="cpu"))


def test_missing_weights_are_never_filled_with_random_ones(tiny_nano: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    holed = tmp_path / "holed"
    shutil.copytree(tiny_nano, holed)
    weights: dict[str, Any] = load_file(holed / "model.safetensors")
    weights.pop(next(k for k in weights if "q_proj.weight" in k))
    save_file(weights, holed / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights.*q_proj"):
        FAMILY.load(model_ref(holed), LoadOptions(device="cpu"))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        model_ref(tmp_path)


def test_saving_a_loaded_model_gives_the_base_back(tiny_nano: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model = FAMILY.load(model_ref(tiny_nano), LoadOptions(device="cpu")).model
    facts = FAMILY.save(model, ModelRef(base=str(tiny_nano)), tmp_path / "copy")
    assert (facts["dtype"], facts["tied"]) == ("bfloat16", "true")
    old, new = (load_file(folder / "model.safetensors") for folder in (tiny_nano, tmp_path / "copy"))
    assert set(old) == set(new)
    assert all(old[k].equal(new[k]) for k in old)
    for file in tiny_nano.iterdir():
        if file.suffix != ".safetensors":
            assert (tmp_path / "copy" / file.name).read_bytes() == file.read_bytes()


def test_four_bit_weights_are_in_the_language_layers_only(tiny_nano: Path) -> None:
    pytest.importorskip("bitsandbytes")
    loaded = FAMILY.load(model_ref(tiny_nano), LoadOptions(device="cpu", quantization="4bit"))
    small = [n for n, m in loaded.model.named_modules() if type(m).__module__.startswith("bitsandbytes")]
    assert len(small) == 14
    assert {FAMILY.group_of(n) for n in small} == {"language"}


def test_a_version_that_is_known_not_to_work_is_refused(tiny_nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    monkeypatch.setattr(Qwen2VL, "broken_with", {"no-such-distribution": ">=0", "transformers": f"=={transformers.__version__}"})
    with pytest.raises(ModelError, match=rf"qwen2_vl is known not to work with transformers {transformers.__version__}"):
        FAMILY.load_processor(model_ref(tiny_nano))
    monkeypatch.setattr(Qwen2VL, "broken_with", {"transformers": f"<{transformers.__version__}"})
    FAMILY.load_processor(model_ref(tiny_nano))
