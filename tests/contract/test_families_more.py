"""More of the built-in families under the contract, each on a tiny checkpoint in its published layout; those that cannot be built
here say why."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrtune.contracts import Ask, Family, Loaded, LoadOptions
from ocrtune.core import Size
from ocrtune.errors import ConfigError, InputError, ModelError, ResourceError
from ocrtune.families.phi3_v import Phi3V
from ocrtune.models import family_for, model_ref
from ocrtune.plugins import FAMILIES
from ocrtune.testing import FamilyContract, tiny
from ocrtune.testing.family import picture

for library in ("torch", "transformers", "peft"):
    pytest.importorskip(library, reason="the extra train is not installed")

TEXT = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 8192,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "patch_size": 8}


class TestGotOcr2(FamilyContract):
    name = "got_ocr2"
    inside = {"model.language_model.": "language", "model.vision_tower.": "vision", "model.multi_modal_projector.": "merger"}
    sizes = (Size(64, 48), Size(33, 57), Size(300, 20))
    budget = None

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The published one has no chat template, and its processor counts 256 tokens a picture at any size of the tower."""
        config = {
            "model_type": "got_ocr2",
            "text_config": {"model_type": "qwen2", **TEXT},
            "vision_config": {"hidden_size": 16, "output_channels": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                              "mlp_dim": 32, "image_size": 128, "patch_size": 2, "window_size": 8, "global_attn_indexes": [],
                              "initializer_range": 0.1},
            "image_token_index": 5,
        }  # fmt: skip
        tokens = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<imgpad>")
        tokenizer = tiny.tokenizer(tokens, template="", eos="<|im_end|>", pad="<|endoftext|>")
        tokenizer.chat_template = None
        files = {
            "preprocessor_config.json": {
                "image_processor_type": "GotOcr2ImageProcessor",
                "processor_class": "GotOcr2Processor",
                "size": {"height": 128, "width": 128},
            }
        }
        return tiny.write(tmp_path_factory.mktemp("got-ocr2"), config, tokenizer, files)

    @pytest.mark.parametrize("framing", ["whole", "crop-to-patches"])
    def test_it_is_asked_in_the_words_of_its_own_processor(self, family: Family, checkpoint: Path, framing: str) -> None:
        processor = family.load_processor(model_ref(checkpoint), LoadOptions(framing=framing))
        page = picture(Size(300, 200))
        theirs = processor(images=[page], return_tensors="pt")["input_ids"]
        mine = family.encode(processor, Ask((page,), "OCR:")).inputs["input_ids"]
        assert mine.tolist() == theirs.tolist()

    def test_prompts_with_other_words_stay_whole(self, family: Family, loaded: Loaded) -> None:
        made = family.encode(loaded.processor, Ask((picture(Size(20, 20)),), "OCR with format:", 1)).inputs["input_ids"]
        assert "</img>\n OCR with format: <|im_end|>" in loaded.processor.tokenizer.decode(made[0])

    def test_pages_stand_between_one_pair_of_marks(self, family: Family, loaded: Loaded) -> None:
        pages = (picture(Size(20, 20)), picture(Size(30, 20)))
        made = family.encode(loaded.processor, Ask(pages, "OCR:")).inputs["input_ids"]
        said = loaded.processor.tokenizer.decode(made[0])
        assert f"<img>{'<imgpad>' * 512}</img>\n OCR across multi pages: <|im_end|>" in said

    def test_a_page_is_cut_when_asked_for(self, family: Family, checkpoint: Path) -> None:
        options = LoadOptions(framing="crop-to-patches", max_pixels=3 * 128 * 128)
        processor = family.load_processor(model_ref(checkpoint), options)
        for size, seen in ((Size(900, 300), (384, 128)), (Size(300, 900), (128, 384)), (Size(100, 100), (128, 128))):
            assert family.sees(processor, size) == seen
            made = family.encode(processor, self.ask(size), "ab").inputs
            squares = max(seen) // 128
            assert made["pixel_values"].shape[0] == squares + (squares > 1)
            assert family.length(processor, self.ask(size).text, [size], "ab") == made["input_ids"].shape[1]

    def test_bounds_that_cannot_be_kept_are_refused(self, family: Family, checkpoint: Path) -> None:
        with pytest.raises(ConfigError, match="less than one square of 128 × 128"):
            family.load_processor(model_ref(checkpoint), LoadOptions(max_pixels=1000))
        with pytest.raises(ConfigError, match="an uncut page is seen at 128 × 128"):
            family.load_processor(model_ref(checkpoint), LoadOptions(min_pixels=20000))


ANY_PICTURE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
PICTURES = st.builds(Size, st.integers(1, 5000), st.integers(1, 5000)).filter(lambda size: max(size) < 150 * min(size))


@lru_cache(maxsize=4)
def at_published_size(family: Family, checkpoint: Path, *, longest_edge: int, tile: int) -> Any:
    """The processor with the sizes of the published checkpoints."""
    processor = family.load_processor(model_ref(checkpoint))
    images = processor.image_processor
    images.size = type(images.size)(longest_edge=longest_edge)
    if hasattr(images, "max_image_size"):
        images.max_image_size = {"longest_edge": tile}
    else:
        images.patch_size, processor.patch_size = tile, tile // processor.spatial_merge_size
    return processor


def counted(processor: Any, size: Size) -> int:
    """The tokens of a picture by transformers' own count, which serving programs use."""
    (tokens,) = processor._get_num_multimodal_tokens([(size.height, size.width)]).num_image_tokens
    return int(tokens)


IDEFICS_TOKENS = (
    *("<pad>", "<|begin_of_text|>", "<|end_of_text|>", "<fake_token_around_image>", "<image>", "<end_of_utterance>"),
    *("<global-img>", "<video>"),
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)


def idefics(folder: Path, kind: str, brand: str) -> Path:
    config = {
        "model_type": kind,
        "text_config": {"model_type": "llama", **TEXT, "head_dim": 32, "vocab_size": 384},
        "vision_config": {**TOWER, "image_size": 32},
        "scale_factor": 2,
        "image_token_id": 4,
        "pad_token_id": 0,
    }
    tokenizer = tiny.tokenizer(
        IDEFICS_TOKENS,
        template="<|begin_of_text|>" + tiny.chat("<image>", turn="{role}:", end="<end_of_utterance>\\n"),
        eos="<end_of_utterance>",
        pad="<pad>",
        bos="<|begin_of_text|>",
    )
    files = {
        "preprocessor_config.json": {
            "image_processor_type": f"{brand}ImageProcessor",
            "processor_class": f"{brand}Processor",
            "size": {"longest_edge": 128},
            "max_image_size": {"longest_edge": 32},
        },
        "processor_config.json": {"processor_class": f"{brand}Processor", "image_seq_len": 4},
    }
    return tiny.write(folder, config, tokenizer, files)


class Idefics(FamilyContract):
    name = "idefics3"
    inside = {"model.text_model.": "language", "model.vision_model.": "vision", "model.connector.": "merger"}

    def check_seen(self, processor: Any, seen: Size, inputs: Mapping[str, Any]) -> None:
        tiles = (seen.width // 32) * (seen.height // 32)
        assert inputs["pixel_values"].shape[1] == tiles + (tiles > 1)
        spoken = processor.tokenizer.decode(inputs["input_ids"][0])
        assert tiles == 1 or f"<row_{seen.height // 32}_col_{seen.width // 32}>" in spoken

    def test_a_canvas_that_is_no_whole_number_of_tiles_is_rounded_as_the_processor_does(
        self, family: Family, checkpoint: Path
    ) -> None:
        processor = family.load_processor(model_ref(checkpoint))
        processor.image_processor.size = type(processor.image_processor.size)(longest_edge=100)
        for size in (*self.sizes, Size(101, 98), Size(300, 97), Size(97, 300)):
            self.check_seen(processor, family.sees(processor, size), family.encode(processor, self.ask(size)).inputs)

    def test_bounds_that_cannot_be_kept_are_refused(self, family: Family, checkpoint: Path) -> None:
        with pytest.raises(ConfigError, match="less than one tile of 32 × 32"):
            family.load_processor(model_ref(checkpoint), LoadOptions(max_pixels=1000))
        with pytest.raises(ConfigError, match="min_pixels does nothing"):
            family.load_processor(model_ref(checkpoint), LoadOptions(min_pixels=1000))


class TestIdefics3(Idefics):
    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return idefics(tmp_path_factory.mktemp("idefics3"), "idefics3", "Idefics3")

    @ANY_PICTURE
    @given(size=PICTURES)
    def test_any_picture_takes_the_tokens_that_transformers_counts(self, family: Family, checkpoint: Path, size: Size) -> None:
        processor = at_published_size(family, checkpoint, longest_edge=4 * 364, tile=364)
        assert family.visual_tokens(processor, family.sees(processor, size)) == counted(processor, size)


class TestSmolVLM(Idefics):
    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        pytest.importorskip("num2words", reason="SmolVLM's processor wants num2words")
        return idefics(tmp_path_factory.mktemp("smolvlm"), "smolvlm", "SmolVLM")


class TestPaddleOcrVL(FamilyContract):
    name = "paddleocr_vl"
    inside = {"model.language_model.": "language", "model.visual.": "vision", "model.projector.": "merger"}

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        tokens = (
            "<unk>",
            "<|begin_of_sentence|>",
            "</s>",
            "<|IMAGE_PLACEHOLDER|>",
            "<|IMAGE_START|>",
            "<|IMAGE_END|>",
            "<|video|>",
        )
        rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]}
        config = {
            "model_type": "paddleocr_vl",
            "text_config": {**TEXT, "head_dim": 32, "rope_parameters": rope},
            "vision_config": {**TOWER, "image_size": 32},
            "image_token_id": 3,
            "vision_start_token_id": 4,
            "vision_end_token_id": 5,
            "video_token_id": 6,
        }
        image = "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"
        tokenizer = tiny.tokenizer(
            tokens,
            template="{{ bos_token }}" + tiny.chat(image, turn="{role}: ", end="</s>"),
            eos="</s>",
            pad="<unk>",
            bos="<|begin_of_sentence|>",
            roles={"image_token": "<|IMAGE_PLACEHOLDER|>"},
        )
        files = {
            "preprocessor_config.json": {
                "image_processor_type": "PaddleOCRVLImageProcessor",
                "processor_class": "PaddleOCRVLProcessor",
                "patch_size": 8,
                "merge_size": 2,
                "temporal_patch_size": 1,
                "size": {"shortest_edge": 1024, "longest_edge": 131072},
            }
        }
        return tiny.write(tmp_path_factory.mktemp("paddleocr-vl"), config, tokenizer, files)

    def test_a_strip_too_thin_is_refused(self, family: Family, loaded: Loaded) -> None:
        with pytest.raises(InputError, match="too thin"):
            family.sees(loaded.processor, Size(5000, 20))


PIXTRAL = {**TOWER, "model_type": "pixtral", "image_size": 128}


def pixtral_files(processor: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {
        "preprocessor_config.json": {
            "image_processor_type": "PixtralImageProcessor",
            "processor_class": processor,
            "size": {"longest_edge": 128},
            "patch_size": 16,
        },
        "processor_config.json": {"processor_class": processor, "patch_size": 8, "spatial_merge_size": 2, **more},
    }


class TestLightOnOcr(FamilyContract):
    name = "lighton_ocr"
    inside = {"model.language_model.": "language", "model.vision_encoder.": "vision", "model.vision_projection.": "merger"}

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        tokens = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|vision_pad|>", "<|vision_end|>")
        config = {
            "model_type": "lighton_ocr",
            "text_config": {"model_type": "qwen3", **TEXT, "head_dim": 32},
            "vision_config": PIXTRAL,
            "image_token_id": 3,
            "spatial_merge_size": 2,
        }
        tokenizer = tiny.tokenizer(
            tokens,
            template=tiny.chat("<|image_pad|>", turn="<|im_start|>{role}\\n", end="<|im_end|>\\n"),
            eos="<|im_end|>",
            pad="<|endoftext|>",
            roles={
                "image_token": "<|image_pad|>",
                "image_break_token": "<|vision_pad|>",
                "image_end_token": "<|vision_end|>",
            },
        )
        return tiny.write(tmp_path_factory.mktemp("lighton-ocr"), config, tokenizer, pixtral_files("LightOnOcrProcessor"))

    @ANY_PICTURE
    @given(size=PICTURES)
    def test_any_picture_takes_the_tokens_that_transformers_counts(self, family: Family, checkpoint: Path, size: Size) -> None:
        processor = at_published_size(family, checkpoint, longest_edge=1540, tile=28)
        assert family.visual_tokens(processor, family.sees(processor, size)) == counted(processor, size)

    def test_bounds_that_cannot_be_kept_are_refused(self, family: Family, checkpoint: Path) -> None:
        with pytest.raises(ConfigError, match="less than one tile of 16 × 16"):
            family.load_processor(model_ref(checkpoint), LoadOptions(max_pixels=200))
        with pytest.raises(ConfigError, match="min_pixels does nothing"):
            family.load_processor(model_ref(checkpoint), LoadOptions(min_pixels=1000))


class TestMistral3(FamilyContract):
    name = "mistral3"
    inside = {"model.language_model.": "language", "model.vision_tower.": "vision", "model.multi_modal_projector.": "merger"}

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        tokens = ("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]", "<pad>")
        config = {
            "model_type": "mistral3",
            "text_config": {"model_type": "mistral", **TEXT, "head_dim": 32},
            "vision_config": PIXTRAL,
            "image_token_index": 5,
            "spatial_merge_size": 2,
            "tie_word_embeddings": False,
        }
        template = (
            "{{ bos_token }}{%- for message in messages -%}{%- if message['role'] == 'user' -%}[INST]"
            "{%- for part in message['content'] -%}{{ '[IMG]' if part['type'] == 'image' else part['text'] }}{%- endfor -%}"
            "{{ '[/INST]' }}"
            "{%- else -%}{{ message['content'][0]['text'] }}{{ eos_token }}{%- endif -%}{%- endfor -%}"
        )
        tokenizer = tiny.tokenizer(tokens, template=template, eos="</s>", pad="<pad>", bos="<s>")
        return tiny.write(tmp_path_factory.mktemp("mistral3"), config, tokenizer, pixtral_files("PixtralProcessor"))

    @ANY_PICTURE
    @given(size=PICTURES)
    def test_any_picture_takes_the_tokens_that_transformers_counts(self, family: Family, checkpoint: Path, size: Size) -> None:
        processor = at_published_size(family, checkpoint, longest_edge=1540, tile=28)
        assert family.visual_tokens(processor, family.sees(processor, size)) == counted(processor, size)


HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None


@pytest.mark.skipif(not HAS_TORCHVISION, reason="transformers prepares pictures for Phi-4-multimodal with torchvision only")
class TestPhi4Multimodal(FamilyContract):
    name = "phi4_multimodal"
    inside = {
        "model.layers.": "language",
        "model.embed_tokens_extend.image_embed.img_processor.": "vision",
        "model.embed_tokens_extend.image_embed.img_projection": "merger",
    }
    outside = ("model.embed_tokens_extend.audio_embed.",)
    sizes = (Size(64, 48), Size(33, 57), Size(100, 61), Size(200, 70))
    budget = 2 * 64 * 64
    steps = 80
    rate = 1e-2

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        from ocrtune.families import phi4_multimodal

        phi4_multimodal.register()
        config = {
            "model_type": "phi4_multimodal",
            **TEXT,
            "vision_config": {**TOWER, "num_hidden_layers": 3, "image_size": 64, "crop_size": 64, "patch_size": 2,
                              "image_token_id": 3},
            "audio_config": {"hidden_size": 16, "intermediate_size": 16, "num_blocks": 1, "num_attention_heads": 2,
                             "ext_pw_out_channel": 16, "depthwise_separable_out_channel": 16, "nemo_conv_channels": 16,
                             "audio_token_id": 4, "bias_max_distance": 8},
        }  # fmt: skip
        tokens = ("<pad>", "<|endoftext|>", "<|end|>", "<|image|>", "<|audio|>", "<|user|>", "<|assistant|>")
        tokenizer = tiny.tokenizer(
            tokens,
            template=tiny.chat("<|image|>"),
            eos="<|end|>",
            pad="<pad>",
            roles={"image_token": "<|image|>", "audio_token": "<|audio|>"},
        )
        files = {
            "preprocessor_config.json": {
                "image_processor_type": "Phi4MultimodalImageProcessor",
                "feature_extractor_type": "Phi4MultimodalFeatureExtractor",
                "processor_class": "Phi4MultimodalProcessor",
                "size": {"height": 64, "width": 64},
                "patch_size": 2,
                "dynamic_hd": 6,
            }
        }
        return tiny.write(tmp_path_factory.mktemp("phi4"), config, tokenizer, files)

    def check_seen(self, processor: Any, seen: Size, inputs: Mapping[str, Any]) -> None:
        high, wide = inputs["image_sizes"][0].tolist()
        assert (-(-seen.width // 64) * 64, -(-seen.height // 64) * 64) == (wide, high)
        assert seen.width == wide or seen.height == high

    def test_its_weights_are_counted_and_its_patches_per_token_known(
        self, family: Family, loaded: Loaded, checkpoint: Path
    ) -> None:
        """The small picture of the whole has 32 × 32 patches, and 16 × 16 tokens without the line breaks."""
        weights = family.weigh(model_ref(checkpoint))
        assert sum(weights.parameters.values()) == sum(p.numel() for p in loaded.model.parameters())
        assert weights.merged * 16 * 16 == 32 * 32

    def test_visual_tokens_hold_every_feature_of_the_tower(self, family: Family, loaded: Loaded) -> None:
        """Every token of a picture is a feature; the config of the model as a whole does not name it."""
        for size in self.sizes:
            ids = family.encode(loaded.processor, self.ask(size)).inputs["input_ids"]
            places = int((ids == loaded.processor.image_token_id).sum())
            assert places == family.visual_tokens(loaded.processor, family.sees(loaded.processor, size))


@pytest.mark.skipif(HAS_TORCHVISION, reason="torchvision is here")
def test_phi_4_says_that_it_needs_torchvision(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "phi4_multimodal"}', "utf-8")
    ref = model_ref(tmp_path)
    with pytest.raises(ResourceError, match="torchvision only") as caught:
        family_for(ref).load(ref, LoadOptions(device="cpu"))
    assert "pip install torchvision" in str(caught.value.hint)
    with pytest.raises(ResourceError, match="torchvision only"):
        family_for(ref).load_processor(ref)


class TestPhi3V:
    def test_loading_it_says_who_can(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"model_type": "phi3_v"}', "utf-8")
        ref = model_ref(tmp_path)
        family = family_for(ref)
        for refused in (lambda: family.load(ref, LoadOptions()), lambda: family.load_processor(ref), lambda: family.weigh(ref)):
            with pytest.raises(ModelError, match="no class of its own") as caught:
                refused()
            assert "vllm serve" in str(caught.value.hint)

    def test_its_chat_format_names_the_pictures_in_order(self) -> None:
        assert Phi3V().prompt("OCR:", 2) == "<|user|>\n<|image_1|>\n<|image_2|>\nOCR:<|end|>\n<|assistant|>\n"

    @pytest.mark.parametrize(
        ("size", "seen", "tokens"),
        [
            (Size(336, 336), (1344, 1344), 2509),  # 4 × 4 tiles
            (Size(800, 400), (1680, 1008), 2353),  # 5 × 3
            (Size(400, 800), (1008, 1680), 2377),  # the same lying: a line break more or less per row
            (Size(5000, 100), (5376, 336), 2473),  # 16 × 1
        ],
    )
    def test_its_geometry_needs_no_processor(self, size: Size, seen: tuple[int, int], tokens: int) -> None:
        family = FAMILIES.get("phi3_v")()
        assert family.sees(None, size) == seen
        assert family.visual_tokens(None, Size(*seen)) == tokens
