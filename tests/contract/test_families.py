"""The built-in families keep the contract that plug-in authors are held to, each on a tiny checkpoint in its published layout."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ocrtune.contracts import Family, Loaded, LoadOptions
from ocrtune.core import Size
from ocrtune.errors import ConfigError, InputError
from ocrtune.models import model_ref
from ocrtune.plugins import FAMILIES
from ocrtune.testing import FamilyContract, tiny

for library in ("torch", "transformers", "peft"):
    pytest.importorskip(library, reason="the extra train is not installed")

QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
QWEN_IDS = {
    "vision_start_token_id": 3,
    "vision_end_token_id": 4,
    "image_token_id": 5,
    "video_token_id": 6,
}
TEXT = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 8192,
    "pad_token_id": 0,
}
MROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]}
ROPE4 = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 1.0, "alpha": 1000.0, "mrope_section": [4, 4, 4, 4]}
QWEN_INSIDE = {"model.language_model.": "language", "model.visual.": "vision", "model.visual.merger.": "merger"}


def qwen_tokenizer() -> Any:
    return tiny.tokenizer(
        QWEN,
        template=tiny.chat("<|vision_start|><|image_pad|><|vision_end|>", turn="<|im_start|>{role}\\n", end="<|im_end|>\\n"),
        eos="<|im_end|>",
        pad="<|endoftext|>",
    )


def qwen_pictures(**more: Any) -> dict[str, Any]:
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "patch_size": 8,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": 1024, "longest_edge": 131072},
        **more,
    }


class Counted(FamilyContract):
    """Sizes and tokens at the geometry of the published checkpoints (`published`, of the image processor) are what transformers
    counts itself, for any picture; without pixels."""

    published: ClassVar[Mapping[str, Any]]

    @pytest.fixture(scope="class")
    @classmethod
    def processor(cls, family: Family, checkpoint: Path) -> Any:
        made = family.load_processor(model_ref(checkpoint))
        for name, value in cls.published.items():
            kind = type(getattr(made.image_processor, name))
            setattr(made.image_processor, name, kind(**value) if isinstance(value, dict) else value)
        return made

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(width=st.integers(1, 5000), height=st.integers(1, 5000))
    def test_any_picture_takes_the_tokens_that_transformers_counts(
        self, family: Family, processor: Any, width: int, height: int
    ) -> None:
        assume(max(width, height) < 150 * min(width, height))
        (wanted,) = processor._get_num_multimodal_tokens([(height, width)]).num_image_tokens
        assert family.visual_tokens(processor, family.sees(processor, Size(width, height))) == wanted


class TestQwen2VL(Counted):
    name = "qwen2_vl"
    published = {"patch_size": 14, "size": {"shortest_edge": 3136, "longest_edge": 12845056}}
    least = 8192
    inside = QWEN_INSIDE

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        config = {
            "model_type": "qwen2_vl",
            "text_config": {**TEXT, "eos_token_id": 2, "bos_token_id": None, "rope_parameters": MROPE},
            "vision_config": {"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2, "patch_size": 8},
            "tie_word_embeddings": True,
            **QWEN_IDS,
        }
        files = {"preprocessor_config.json": qwen_pictures(processor_class="Qwen2VLProcessor")}
        return tiny.write(tmp_path_factory.mktemp("qwen2-vl"), config, qwen_tokenizer(), files)

    def test_a_strip_too_thin_is_refused(self, family: Family, loaded: Loaded) -> None:
        with pytest.raises(InputError, match="too thin"):
            family.sees(loaded.processor, Size(5000, 10))


class TestQwen25VL(Counted):
    name = "qwen2_5_vl"
    published = {"patch_size": 14, "size": {"shortest_edge": 3136, "longest_edge": 12845056}}
    least = 8192
    inside = QWEN_INSIDE

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        config = {
            "model_type": "qwen2_5_vl",
            "text_config": {**TEXT, "eos_token_id": 2, "bos_token_id": None, "rope_parameters": MROPE},
            "vision_config": {
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_heads": 2,
                "patch_size": 8,
                "window_size": 32,
                "fullatt_block_indexes": [1],
                "out_hidden_size": 64,
            },
            **QWEN_IDS,
        }
        files: dict[str, dict[str, Any]] = {
            "preprocessor_config.json": {
                **qwen_pictures(processor_class="Qwen2_5_VLProcessor"),
                "size": None,
                "min_pixels": 1024,
                "max_pixels": 131072,
            }
        }
        return tiny.write(tmp_path_factory.mktemp("qwen25-vl"), config, qwen_tokenizer(), files)


class TestQwen3VL(Counted):
    name = "qwen3_vl"
    published = {"patch_size": 16, "size": {"shortest_edge": 65536, "longest_edge": 16777216}}
    least = 8192
    inside = {**QWEN_INSIDE, "model.visual.deepstack_merger_list.": "merger"}

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        config = {
            "model_type": "qwen3_vl",
            "text_config": {**TEXT, "head_dim": 32, "rope_parameters": {**MROPE, "mrope_interleaved": True}},
            "vision_config": {
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_heads": 2,
                "patch_size": 8,
                "num_position_embeddings": 16,
                "deepstack_visual_indexes": [0],
                "out_hidden_size": 64,
            },
            "tie_word_embeddings": True,
            **QWEN_IDS,
        }
        pictures = qwen_pictures()
        files: dict[str, dict[str, Any]] = {
            "processor_config.json": {  # in one file, as transformers 5 saves processors
                "processor_class": "Qwen3VLProcessor",
                "image_processor": pictures,
                "video_processor": {**pictures, "video_processor_type": "Qwen3VLVideoProcessor"},
            }
        }
        return tiny.write(tmp_path_factory.mktemp("qwen3-vl"), config, qwen_tokenizer(), files)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # transformers makes NumPy arrays of tensors
class TestGlmOcr(Counted):
    name = "glm_ocr"
    published = {"patch_size": 14, "size": {"shortest_edge": 12544, "longest_edge": 9633792}}
    least = 8192
    inside = QWEN_INSIDE

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        tokens = ("<|endoftext|>", "[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|image|>", "<|video|>",
                  "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>")  # fmt: skip
        config = {
            "model_type": "glm_ocr",
            "text_config": {**TEXT, "eos_token_id": [0, 3], "rope_parameters": {**MROPE, "partial_rotary_factor": 1.0}},
            "vision_config": {
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_heads": 2,
                "patch_size": 8,
                "image_size": 64,
                "out_hidden_size": 64,
            },
            "image_token_id": 5,
            "video_token_id": 6,
            "image_start_token_id": 7,
            "image_end_token_id": 8,
            "video_start_token_id": 9,
            "video_end_token_id": 10,
        }
        image = "<|begin_of_image|><|image|><|end_of_image|>"
        tokenizer = tiny.tokenizer(
            tokens,
            template="[gMASK]<sop>" + tiny.chat(image, turn="<|{role}|>\\n", end=""),
            eos="<|endoftext|>",
            pad="<|endoftext|>",
        )
        files: dict[str, dict[str, Any]] = {
            "preprocessor_config.json": {
                "image_processor_type": "Glm46VImageProcessor",
                "processor_class": "Glm46VProcessor",
                "patch_size": 8,
                "merge_size": 2,
                "temporal_patch_size": 2,
                "size": {"shortest_edge": 2048, "longest_edge": 262144},
            }
        }
        return tiny.write(tmp_path_factory.mktemp("glm-ocr"), config, tokenizer, files)


class TestInternVL(Counted):
    name = "internvl"
    published = {"size": {"height": 448, "width": 448}, "max_patches": 12}
    inside = {"model.language_model.": "language", "model.vision_tower.": "vision", "model.multi_modal_projector.": "merger"}
    sizes = (Size(32, 32), Size(64, 32), Size(20, 97), Size(7, 7), Size(33, 34), Size(130, 64))
    budget = 3 * 32 * 32
    least = 4 * 32 * 32

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        tokens = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>")
        config = {
            "model_type": "internvl",
            "text_config": {"model_type": "qwen2", **TEXT, "eos_token_id": 2, "bos_token_id": None},
            "vision_config": {
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 64,
                "image_size": [32, 32],
                "patch_size": [8, 8],
            },
            "image_token_id": 5,
            "image_seq_length": 4,
        }
        tokenizer = tiny.tokenizer(
            tokens,
            template=tiny.chat("<IMG_CONTEXT>\\n", turn="<|im_start|>{role}\\n", end="<|im_end|>\\n"),
            eos="<|im_end|>",
            pad="<|endoftext|>",
            roles={
                "start_image_token": "<img>",
                "end_image_token": "</img>",
                "context_image_token": "<IMG_CONTEXT>",
                "video_token": "<video>",
            },
        )
        files: dict[str, dict[str, Any]] = {
            "preprocessor_config.json": {
                "image_processor_type": "GotOcr2ImageProcessorFast",
                "processor_class": "InternVLProcessor",
                "crop_to_patches": False,
                "min_patches": 1,
                "max_patches": 12,
                "size": {"height": 32, "width": 32},
            },
            "processor_config.json": {"processor_class": "InternVLProcessor", "image_seq_length": 4},
        }
        return tiny.write(tmp_path_factory.mktemp("internvl"), config, tokenizer, files)

    def check_seen(self, processor: Any, seen: Size, inputs: Mapping[str, Any]) -> None:
        tiles = (seen.width // 32) * (seen.height // 32)
        assert inputs["pixel_values"].shape[0] == tiles + (tiles > 1)

    def test_a_budget_below_one_tile_is_refused(self, family: Family, checkpoint: Path) -> None:
        with pytest.raises(ConfigError, match="less than one tile of 32 × 32"):
            family.load_processor(model_ref(checkpoint), LoadOptions(max_pixels=1000))


class TestGemma3(FamilyContract):
    name = "gemma3"
    inside = {"model.language_model.": "language", "model.vision_tower.": "vision"}
    budget = None

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        tokens = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>",
                  "<image_soft_token>")  # fmt: skip
        config = {
            "model_type": "gemma3",
            "text_config": {**TEXT, "head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 16, "eos_token_id": 1,
                            "bos_token_id": 2, "layer_types": ["sliding_attention", "full_attention"]},
            "vision_config": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
                              "image_size": 32, "patch_size": 8},
            "mm_tokens_per_image": 4,
            "boi_token_index": 5,
            "eoi_token_index": 6,
            "image_token_index": 7,
        }  # fmt: skip
        tokenizer = tiny.tokenizer(
            tokens,
            template="{{ bos_token }}" + tiny.chat("<start_of_image>", turn="<start_of_turn>{role}\\n", end="<end_of_turn>\\n"),
            eos="<eos>",
            pad="<pad>",
            bos="<bos>",
            roles={"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"},
        )
        files: dict[str, dict[str, Any]] = {
            "preprocessor_config.json": {
                "image_processor_type": "Gemma3ImageProcessor",
                "processor_class": "Gemma3Processor",
                "size": {"height": 32, "width": 32},
                "do_pan_and_scan": None,
            },
            "processor_config.json": {"processor_class": "Gemma3Processor", "image_seq_length": 4},
        }
        return tiny.write(tmp_path_factory.mktemp("gemma3"), config, tokenizer, files)

    def test_long_pictures_are_cut_when_asked_for(self, family: Family, checkpoint: Path) -> None:
        processor = family.load_processor(model_ref(checkpoint), LoadOptions(framing="pan-and-scan"))
        for size, seen in ((Size(900, 300), (96, 32)), (Size(300, 1500), (32, 128)), (Size(300, 290), (32, 32))):
            assert family.sees(processor, size) == seen
            made = family.encode(processor, self.ask(size), "ab").inputs
            pieces = max(seen) // 32
            assert made["pixel_values"].shape[0] == pieces + (pieces > 1)
            assert family.length(processor, self.ask(size).text, [size], "ab") == made["input_ids"].shape[1]

    def test_a_budget_limits_the_pieces_or_is_refused(self, family: Family, checkpoint: Path) -> None:
        ref = model_ref(checkpoint)
        processor = family.load_processor(ref, LoadOptions(framing="pan-and-scan", max_pixels=2100))
        assert family.sees(processor, Size(1200, 300)) == (64, 32)
        with pytest.raises(ConfigError, match="squares of 32 × 32"):
            family.load_processor(ref, LoadOptions(framing="pan-and-scan", max_pixels=2000))


class TestHunyuanVL(Counted):
    name = "hunyuan_vl"
    published = {"patch_size": 16, "size": {"shortest_edge": 262144, "longest_edge": 4194304}}
    least = 8192
    inside = {
        "model.language_model.": "language",
        "model.vision_tower.": "vision",
        "model.vision_tower.patch_merger.": "merger",
    }

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        config = {
            "model_type": "hunyuan_vl",
            "text_config": {**TEXT, "head_dim": 32, "bos_token_id": 1, "eos_token_id": 2, "rope_parameters": ROPE4},
            "vision_config": {
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "patch_size": 8,
                "out_hidden_size": 64,
                "max_image_size": 512,
                "img_max_token_num": 1024,
            },
            "im_start_id": 3,
            "im_end_id": 4,
            "image_token_id": 5,
            "im_newline_id": 6,
        }
        image = {"image_start_token": "<im_start>", "image_end_token": "<im_end>", "image_token": "<image>"}
        tokenizer = tiny.tokenizer(
            ("<pad>", "<bos>", "<eos>", "<im_start>", "<im_end>", "<image>", "<im_newline>", "<user>", "<assistant>"),
            template="{{ bos_token }}" + tiny.chat("<im_start><image><im_end>", turn="<{role}>", end="<eos>"),
            eos="<eos>",
            pad="<pad>",
            bos="<bos>",
            roles=image,
        )
        files: dict[str, dict[str, Any]] = {
            "preprocessor_config.json": {
                "image_processor_type": "HunYuanVLImageProcessor",
                "processor_class": "HunYuanVLProcessor",
                "patch_size": 8,
                "merge_size": 2,
                "temporal_patch_size": 1,
                "min_pixels": 1024,
                "max_pixels": 131072,
            }
        }
        return tiny.write(tmp_path_factory.mktemp("hunyuan-vl"), config, tokenizer, files)


class TestAuto(FamilyContract):
    """On LLaVA, which has no family of its own: one square, pictures cropped to it."""

    name = "auto"
    least = 8192
    inside = {
        "model.language_model.": "language",
        "model.vision_tower.": "vision",
        "model.multi_modal_projector.": "merger",
    }

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        config = {
            "model_type": "llava",
            "text_config": {"model_type": "llama", **TEXT, "bos_token_id": 1, "eos_token_id": 2},
            "vision_config": {"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "image_size": 32,
                              "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8, "projection_dim": 32},
            "image_token_index": 3,
            "image_seq_length": 16,
        }  # fmt: skip
        tokenizer = tiny.tokenizer(
            ("<pad>", "<s>", "</s>", "<image>"),
            template="{{ bos_token }}" + tiny.chat("<image>\\n", turn="{role}: ", end="</s>"),
            eos="</s>",
            pad="<pad>",
            bos="<s>",
            roles={"image_token": "<image>"},
        )
        files: dict[str, dict[str, Any]] = {
            "preprocessor_config.json": {
                "image_processor_type": "CLIPImageProcessor",
                "processor_class": "LlavaProcessor",
                "size": {"shortest_edge": 32},
                "crop_size": {"height": 32, "width": 32},
            },
            "processor_config.json": {
                "processor_class": "LlavaProcessor",
                "patch_size": 8,
                "vision_feature_select_strategy": "default",
                "num_additional_image_tokens": 1,
                "image_token": "<image>",
            },
        }
        return tiny.write(tmp_path_factory.mktemp("llava"), config, tokenizer, files)

    def check_seen(self, processor: Any, seen: Size, inputs: Mapping[str, Any]) -> None:
        """What is seen is bounded before the processor; what the processor makes of that is its own affair."""
        assert inputs["pixel_values"].shape[-2:] == (32, 32)

    def test_loading_says_what_is_unknown(self, checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING, "ocrtune")
        FAMILIES.get("auto")().load(model_ref(checkpoint), LoadOptions(device="cpu"))
        for unknown in ("llava", "size", "boxes", "says", "module names", "pack"):
            assert unknown in caplog.text
