"""dots.ocr's processor: framings, places for pictures, stop token, sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("transformers", reason="the extra train is not installed")

from ocrtune.contracts import Ask, LoadOptions
from ocrtune.core import Size
from ocrtune.errors import ConfigError, InputError, ModelError
from ocrtune.families.dots_ocr import DotsOcr
from ocrtune.models import model_ref
from ocrtune.testing import FamilyContract, tiny_dots

FAMILY = DotsOcr()
PLACE = "<|img|><|imgpad|><|endofimg|>"
MARKED = f"<|user|>{PLACE}PROMPT<|endofuser|><|assistant|>"
PARTS = [{"type": "image"}, {"type": "text", "text": "PROMPT"}]


class TestContract(FamilyContract):
    name = "dots_ocr"
    inside = {"model.": "language", "vision_tower.": "vision", "vision_tower.merger.": "merger"}
    least = 10_000

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tiny_dots.build(tmp_path_factory.mktemp("dots"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dots.build(tmp_path_factory.mktemp("dots"))


@pytest.fixture(scope="module")
def user(checkpoint: Path) -> Any:
    return FAMILY.load_processor(model_ref(checkpoint))


@pytest.fixture(scope="module")
def bare(checkpoint: Path) -> Any:
    return FAMILY.load_processor(model_ref(checkpoint), LoadOptions(framing="bare"))


def rendered(processor: Any, *turns: tuple[str, Any]) -> str:
    talk = [{"role": role, "content": content} for role, content in turns]
    return str(processor.apply_chat_template(talk, tokenize=False, add_generation_prompt=True))


def test_the_default_framing_marks_the_users_turn_whatever_the_form_of_the_content(user: Any) -> None:
    assert rendered(user, ("user", PARTS)) == MARKED
    assert rendered(user, ("user", f"{PLACE}PROMPT")) == MARKED


def test_the_bare_framing_is_what_the_processors_file_makes_of_parts_and_of_a_string(bare: Any) -> None:
    assert rendered(bare, ("user", PARTS)) == f" {PLACE}PROMPT<|assistant|>"
    assert rendered(bare, ("user", f"{PLACE}PROMPT")) == MARKED


def test_the_last_answer_is_left_open_and_earlier_ones_are_closed(user: Any) -> None:
    assert rendered(user, ("user", PARTS), ("assistant", "ANS")) == f"{MARKED}ANS"
    talk = (("user", PARTS), ("assistant", "ANS"), ("user", "Q2"))
    assert rendered(user, *talk) == f"{MARKED}ANS<|endofassistant|><|user|>Q2<|endofuser|><|assistant|>"


def test_a_system_message_comes_first_on_its_own_line(user: Any) -> None:
    assert rendered(user, ("system", "S"), ("user", PARTS)) == f"<|system|>S<|endofsystem|>\n{MARKED}"


def test_a_sequence_is_frame_picture_question_answer_and_stop(user: Any, bare: Any) -> None:
    ask = Ask((Image.new("RGB", (84, 56), "white"),), "PROMPT")
    for processor, start, end in ((user, "<|user|>", "<|endofuser|>"), (bare, " ", "")):
        row = FAMILY.encode(processor, ask, "ANS")
        text = f"{start}<|img|>{'<|imgpad|>' * 6}<|endofimg|>PROMPT{end}<|assistant|>ANS<|endofassistant|>"
        assert processor.tokenizer.decode(row.inputs["input_ids"][0]) == text
        assert processor.tokenizer.decode(row.inputs["input_ids"][0, row.prompt :]) == "ANS<|endofassistant|>"
        assert FAMILY.length(processor, "PROMPT", [Size(84, 56)], "ANS") == row.inputs["input_ids"].shape[1]


def test_an_unknown_framing_is_an_error_that_names_the_known(checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match="framing 'list'") as caught:
        FAMILY.load_processor(model_ref(checkpoint), LoadOptions(framing="list"))
    assert caught.value.hint == "framings: user, bare"


def test_places_are_as_many_as_merged_patches_of_every_picture(user: Any) -> None:
    pictures = [Image.new("RGB", size) for size in ((56, 56), (30, 300), (500, 333))]
    texts = [f"a{PLACE}{PLACE}b", f"{PLACE}c"]
    made = user(text=texts, images=[pictures[:2], pictures[2:]], padding=True, return_tensors="pt")
    tokens = (made["image_grid_thw"].prod(-1) // 4).tolist()
    assert tokens == [FAMILY.visual_tokens(user, FAMILY.sees(user, Size(*p.size))) for p in pictures]
    assert (made["input_ids"] == user.image_token_id).sum(-1).tolist() == [tokens[0] + tokens[1], tokens[2]]
    assert made["pixel_values"].shape == (4 * sum(tokens), 588)


def test_a_place_without_a_picture_and_the_reverse_are_errors_with_both_numbers(user: Any) -> None:
    for text, pictures in ((PLACE * 2, 1), ("none", 1), (PLACE, 0)):
        with pytest.raises(ModelError, match=rf"places for {text.count(PLACE)} pictures, but {pictures} were given"):
            user(text=[text], images=[Image.new("RGB", (56, 56))] * pictures or None)


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((1653, 2339), (1652, 2352)),  # A4 at 200 dpi
        ((42, 70), (56, 56)),  # 1.5 and 2.5 tiles: half-way goes to the even number
        ((10, 10), (56, 56)),  # up to min_pixels
        ((1000, 10), (560, 28)),  # a side below half a tile: as in vLLM, not as in dots.ocr's own parser
        ((5000, 7000), (2828, 3948)),  # down to max_pixels
    ],
)
def test_it_sees_whole_tiles_within_its_bounds(user: Any, size: tuple[int, int], seen: tuple[int, int]) -> None:
    assert FAMILY.sees(user, Size(*size)) == seen
    if size[0] * size[1] < 100_000:
        grid = user(text=[PLACE], images=[Image.new("RGB", size)], return_tensors="pt")["image_grid_thw"][0].tolist()
        assert grid == [1, seen[1] // 14, seen[0] // 14]


def test_a_page_of_a4_at_200_dpi_is_4956_tokens(user: Any) -> None:
    assert FAMILY.visual_tokens(user, FAMILY.sees(user, Size(1653, 2339))) == 4956


def test_a_strip_that_no_tower_can_read_is_an_error(user: Any) -> None:
    with pytest.raises(InputError, match="too thin"):
        FAMILY.sees(user, Size(9000, 40))


def test_a_conversation_with_its_pictures_becomes_inputs_in_one_call(user: Any) -> None:
    """As other trainers ask for it."""
    talk = [{"role": "user", "content": [{"type": "image", "image": Image.new("RGB", (84, 56))}, {"type": "text", "text": "Q"}]}]
    made = user.apply_chat_template(talk, tokenize=True, return_dict=True, return_tensors="pt", add_generation_prompt=True)
    row = FAMILY.encode(user, Ask((Image.new("RGB", (84, 56)),), "Q"))
    assert {k: v.tolist() for k, v in made.items()} == {k: v.tolist() for k, v in row.inputs.items()}


def test_a_saved_processor_comes_back_as_it_was(user: Any, tmp_path: Path) -> None:
    from transformers import AutoProcessor

    user.save_pretrained(tmp_path)
    again = AutoProcessor.from_pretrained(tmp_path)
    assert type(again) is type(user) and again.image_token_id == user.image_token_id
    assert again.image_processor.to_dict() == user.image_processor.to_dict()
    assert rendered(again, ("user", PARTS)) == MARKED


def test_a_tokenizer_of_another_model_is_refused(user: Any) -> None:
    class Other:
        def get_vocab(self) -> dict[str, int]:
            return {"<|endofassistant|>": 1}

    with pytest.raises(ModelError, match=r"no token <\|imgpad\|>"):
        type(user)(image_processor=user.image_processor, tokenizer=Other())
