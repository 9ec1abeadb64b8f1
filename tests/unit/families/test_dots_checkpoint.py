"""dots.ocr on disk: the published layout at full size, whole folders in and out, no code from a checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")
transformers = pytest.importorskip("transformers", reason="the extra train is not installed")

from ocrtune.contracts import LoadOptions  # noqa: E402
from ocrtune.core import ModelRef  # noqa: E402
from ocrtune.errors import ModelError  # noqa: E402
from ocrtune.families import _dots  # noqa: E402
from ocrtune.families.dots_ocr import DotsOcr  # noqa: E402
from ocrtune.models import family_for, model_ref  # noqa: E402
from ocrtune.testing import tiny_dots  # noqa: E402

FAMILY = DotsOcr()
PUBLISHED: dict[str, Any] = {
    "architectures": ["DotsOCRForCausalLM"],
    "model_type": "dots_ocr",
    "auto_map": {
        "AutoConfig": "configuration_dots.DotsOCRConfig",
        "AutoModelForCausalLM": "modeling_dots_ocr.DotsOCRForCausalLM",
    },
    "attention_bias": True,
    "attention_dropout": 0.0,
    "hidden_act": "silu",
    "hidden_size": 1536,
    "image_token_id": 151665,
    "intermediate_size": 8960,
    "max_position_embeddings": 131072,
    "num_attention_heads": 12,
    "num_hidden_layers": 28,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": 131072,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": False,
    "video_token_id": 151656,
    "vision_config": {
        "attn_implementation": "flash_attention_2",
        "embed_dim": 1536,
        "gradient_checkpointing": False,
        "hidden_size": 1536,
        "init_merger_std": 0.02,
        "initializer_range": 0.02,
        "intermediate_size": 4224,
        "is_causal": False,
        "model_type": "dots_vit",
        "num_attention_heads": 12,
        "num_channels": 3,
        "num_hidden_layers": 42,
        "patch_size": 14,
        "post_norm": True,
        "rms_norm_eps": 1e-05,
        "spatial_merge_size": 2,
        "temporal_patch_size": 1,
        "use_bias": False,
    },
    "vocab_size": 151936,
}


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Every tensor of the published checkpoint, from its description."""
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (151936, 1536),
        "model.norm.weight": (1536,),
        "lm_head.weight": (151936, 1536),
        "vision_tower.patch_embed.patchifier.proj.weight": (1536, 3, 14, 14),
        "vision_tower.patch_embed.patchifier.proj.bias": (1536,),
        "vision_tower.patch_embed.patchifier.norm.weight": (1536,),
        "vision_tower.post_trunk_norm.weight": (1536,),
        "vision_tower.merger.ln_q.weight": (1536,),
        "vision_tower.merger.ln_q.bias": (1536,),
        "vision_tower.merger.mlp.0.weight": (6144, 6144),
        "vision_tower.merger.mlp.0.bias": (6144,),
        "vision_tower.merger.mlp.2.weight": (1536, 6144),
        "vision_tower.merger.mlp.2.bias": (1536,),
    }
    for n in range(28):
        layer = f"model.layers.{n}."
        shapes |= {f"{layer}{norm}.weight": (1536,) for norm in ("input_layernorm", "post_attention_layernorm")}
        for part, rows in (("q", 1536), ("k", 256), ("v", 256)):
            shapes |= {f"{layer}self_attn.{part}_proj.weight": (rows, 1536), f"{layer}self_attn.{part}_proj.bias": (rows,)}
        shapes[f"{layer}self_attn.o_proj.weight"] = (1536, 1536)
        shapes |= {f"{layer}mlp.{part}_proj.weight": (8960, 1536) for part in ("gate", "up")}
        shapes[f"{layer}mlp.down_proj.weight"] = (1536, 8960)
    for n in range(42):
        block = f"vision_tower.blocks.{n}."
        shapes |= {f"{block}norm1.weight": (1536,), f"{block}norm2.weight": (1536,)}
        shapes |= {f"{block}attn.qkv.weight": (4608, 1536), f"{block}attn.proj.weight": (1536, 1536)}
        shapes |= {f"{block}mlp.fc1.weight": (4224, 1536), f"{block}mlp.fc3.weight": (4224, 1536)}
        shapes[f"{block}mlp.fc2.weight"] = (1536, 4224)
    return shapes


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The published config.json alone: what its weights would be is known without them."""
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED))
    _dots.register()
    return tmp_path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dots.build(tmp_path_factory.mktemp("dots"), dtype="bfloat16")


def test_the_full_size_has_the_published_tensors_and_no_others(published: Path) -> None:
    config = transformers.AutoConfig.from_pretrained(published)
    with torch.device("meta"):
        model = transformers.AutoModelForImageTextToText.from_config(config)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert shapes == published_shapes()
    assert len(shapes) == 643
    assert sum(tensor.numel() for tensor in model.state_dict().values()) == 3_039_179_264


def test_its_parameters_are_counted_by_group_from_the_config_alone(published: Path) -> None:
    weights = FAMILY.weigh(ModelRef(base=str(published)))
    assert weights.parameters["vision"] == 1_214_894_592
    assert weights.parameters["merger"] == 47_196_672
    assert weights.parameters["language"] + weights.parameters["embeddings"] == 1_777_088_000
    assert not weights.tied


def test_old_and_new_spellings_of_the_config_mean_the_same(published: Path, tmp_path: Path) -> None:
    old = transformers.AutoConfig.from_pretrained(published)
    assert old.rope_parameters["rope_theta"] == 1_000_000 and old.dtype == torch.bfloat16
    assert old.vision_config._attn_implementation is None, "the machine decides, not the file"
    old.save_pretrained(tmp_path / "new")
    written = json.loads((tmp_path / "new" / "config.json").read_text())
    assert "rope_theta" not in written and written["dtype"] == "bfloat16"
    new = transformers.AutoConfig.from_pretrained(tmp_path / "new")
    assert {**new.to_dict(), "_name_or_path": ""} == {**old.to_dict(), "_name_or_path": ""}
    assert new.architectures == ["DotsOCRForCausalLM"] and new.auto_map == PUBLISHED["auto_map"]


def test_a_tower_that_nobody_published_is_refused(tmp_path: Path) -> None:
    odd = {**PUBLISHED, "vision_config": {**PUBLISHED["vision_config"], "temporal_patch_size": 2}}
    (tmp_path / "config.json").write_text(json.dumps(odd))
    _dots.register()
    with pytest.raises(ModelError, match="reads videos"):
        transformers.AutoConfig.from_pretrained(tmp_path)


def test_code_in_the_folder_is_never_run(checkpoint: Path) -> None:
    """Its Python files raise as soon as they are imported."""
    assert isinstance(family_for(model_ref(checkpoint)), DotsOcr)
    model, processor = FAMILY.load(model_ref(checkpoint), LoadOptions(device="cpu", trust_remote_code=True))
    for made in (model, model.config, model.vision_tower, processor):
        assert type(made).__module__.startswith("ocrtune.")


def test_what_was_loaded_is_saved_bit_for_bit(checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model, _ = FAMILY.load(model_ref(checkpoint), LoadOptions(device="cpu"))
    facts = FAMILY.save(model, model_ref(checkpoint), tmp_path / "out")
    before = {k: v for file in checkpoint.glob("*.safetensors") for k, v in load_file(file).items()}
    after = {k: v for file in (tmp_path / "out").glob("*.safetensors") for k, v in load_file(file).items()}
    assert facts["dtype"] == "bfloat16" and facts["tied"] == "false"
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
    assert "lm_head.weight" in after and not torch.equal(after["lm_head.weight"], after["model.embed_tokens.weight"])
    for file in checkpoint.iterdir():
        if not file.name.endswith((".safetensors", ".index.json")):
            assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_missing_tensor_is_an_error_by_name(checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(checkpoint, tmp_path / "cut"))
    for file in folder.glob("*.safetensors"):
        save_file({k: v for k, v in load_file(file).items() if k != "vision_tower.merger.mlp.2.bias"}, file, {"format": "pt"})
    index = folder / "model.safetensors.index.json"
    known = json.loads(index.read_text())
    del known["weight_map"]["vision_tower.merger.mlp.2.bias"]
    index.write_text(json.dumps(known))
    with pytest.raises(ModelError, match=r"vision_tower\.merger\.mlp\.2\.bias"):
        FAMILY.load(model_ref(folder), LoadOptions(device="cpu"))


def test_tokens_and_config_that_disagree_are_an_error(checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "odd"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "image_token_id": 5}))
    with pytest.raises(ModelError, match=r"config\.json says image token 5"):
        FAMILY.load(model_ref(folder), LoadOptions(device="cpu"))


def test_a_folder_without_stop_tokens_still_stops_at_the_end_of_an_answer(checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "bare"))
    (folder / "generation_config.json").unlink()
    model, processor = FAMILY.load(model_ref(folder), LoadOptions(device="cpu"))
    assert processor.tokenizer.convert_tokens_to_ids("<|endofassistant|>") in model.generation_config.eos_token_id


def test_four_bits_are_for_the_language_model_alone(checkpoint: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="the extra qlora is not installed")
    model, _ = FAMILY.load(model_ref(checkpoint), LoadOptions(device="cpu", quantization="4bit"))
    small = {name for name, module in model.named_modules() if type(module).__module__.startswith("bitsandbytes")}
    assert small and all(name.startswith("model.layers.") for name in small)
    assert model.get_image_features(torch.randn(16, 588), torch.tensor([[1, 4, 4]])).pooler_output[0].shape == (4, 64)
