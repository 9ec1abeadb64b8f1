"""What every model family promises. `class TestMine(FamilyContract)` with `name`, `inside` and a fixture `checkpoint` (a tiny
random one, see `ocrtune.testing.tiny`) is all a plug-in author writes."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import pytest

from ocrtune.contracts import Ask, Encoded, Family, Loaded, LoadOptions
from ocrtune.core import Size
from ocrtune.errors import ConfigError
from ocrtune.models import family_for, model_ref
from ocrtune.plugins import DIALECTS, FAMILIES

PROMPT = "OCR: ж 日"
ANSWER = "No. 7, ж!"
CLOSE = {"atol": 5e-4, "rtol": 1e-3}  # of logits of a few units in float32, in another order of summation


class Taught(NamedTuple):
    """An adapter on all groups after training on one sample: what it costs, says and computes."""

    adapter: Path
    losses: list[float]
    said: str
    logits: Any


class FamilyContract:
    """Inherit, and give `name` (the family's name on the shelf), `inside` (module prefix → the LoRA group of the linear layers
    under it; the longest prefix wins) and a class-scoped fixture `checkpoint`.

    Override `outside` for prefixes of linear layers that belong to no group (what listens rather than looks), `sizes` for other
    pictures, `budget` for a `max_pixels` that shrinks the last of them, `least` for a `min_pixels` that enlarges the fourth
    (None where there is no such bound), `steps` and `rate` for other training, `check_seen` where one picture is more than one
    grid of patches or one array of pixels.
    """

    name: ClassVar[str]
    inside: ClassVar[Mapping[str, str]]
    outside: ClassVar[tuple[str, ...]] = ()
    sizes: ClassVar[tuple[Size, ...]] = (Size(64, 48), Size(33, 57), Size(24, 130), Size(9, 7), Size(300, 20), Size(161, 119))
    budget: ClassVar[int | None] = 4096
    least: ClassVar[int | None] = None
    steps: ClassVar[int] = 40
    rate: ClassVar[float] = 2e-2

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        raise NotImplementedError("give a class-scoped fixture `checkpoint`: the folder of a tiny checkpoint")

    @pytest.fixture(scope="class")
    @classmethod
    def family(cls) -> Family:
        return FAMILIES.get(cls.name)()

    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls, family: Family, checkpoint: Path) -> Loaded:
        return family.load(model_ref(checkpoint), LoadOptions(device="cpu", dtype="float32"))

    @pytest.fixture(scope="class")
    @classmethod
    def taught(cls, family: Family, loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Taught:
        """Trained like the trainers do: LoRA on the family's own patterns, the loss on the answer's tokens only."""
        import torch

        row = family.encode(loaded.processor, cls.ask(cls.sizes[0]), ANSWER)
        folder = tmp_path_factory.mktemp("adapter")
        losses = []
        with adapted(loaded.model, "|".join(f"(?:{p})" for p in family.groups(loaded.model).values())) as model:
            knobs = [p for p in model.parameters() if p.requires_grad]
            optimizer = torch.optim.AdamW(knobs, lr=cls.rate, weight_decay=0.0)
            for _ in range(cls.steps):
                loss = loss_of(model, row)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                losses.append(loss.item())
            model.save_pretrained(folder)
            model.eval()
            logits = logits_of(model, row.inputs)
            (reading,) = family.read(Loaded(model, loaded.processor), [cls.ask(cls.sizes[0], max_tokens=32)])
        return Taught(folder, losses, reading.text, logits)

    @staticmethod
    def ask(*sizes: Size, max_tokens: int = 12) -> Ask:
        return Ask(tuple(picture(size) for size in sizes), PROMPT, max_tokens)

    def check_seen(self, processor: Any, seen: Size, inputs: Mapping[str, Any]) -> None:
        """The pixels among `inputs` are a picture of the size `seen`."""
        if "image_grid_thw" in inputs:
            _, rows, columns = inputs["image_grid_thw"][0].tolist()
            patch = processor.image_processor.patch_size
            assert (columns * patch, rows * patch) == seen
        else:
            assert tuple(inputs["pixel_values"].shape[-2:]) == (seen.height, seen.width)

    # --- who it is ---

    def test_it_is_found_by_its_model_type(self, checkpoint: Path) -> None:
        assert family_for(model_ref(checkpoint)).name == self.name

    def test_what_it_says_about_itself_exists(self, family: Family) -> None:
        packaging = pytest.importorskip("packaging.specifiers")
        assert family.coordinates in (None, "pixels", "norm1000")
        assert family.dialects and set(family.dialects) <= set(DIALECTS.names())
        for dialect in family.dialects:
            wrote = DIALECTS.get(dialect)().coordinates
            assert wrote is None or wrote == family.coordinates, f"{dialect} writes {wrote}"
        for versions in family.broken_with.values():
            packaging.SpecifierSet(versions)

    def test_a_framing_that_it_does_not_have_is_refused(self, family: Family, checkpoint: Path) -> None:
        with pytest.raises(ConfigError, match="has no framing 'sideways'"):
            family.load_processor(model_ref(checkpoint), LoadOptions(framing="sideways"))
        for framing in family.framings:
            processor = family.load_processor(model_ref(checkpoint), LoadOptions(framing=framing))
            for size in self.sizes[:3]:
                made = family.encode(processor, self.ask(size), ANSWER).inputs["input_ids"]
                assert family.length(processor, PROMPT, [size], ANSWER) == made.shape[1], framing

    # --- geometry and sequences ---

    def test_sees_is_the_size_that_the_processor_makes(self, family: Family, loaded: Loaded) -> None:
        for size in self.sizes:
            inputs = family.encode(loaded.processor, self.ask(size)).inputs
            self.check_seen(loaded.processor, family.sees(loaded.processor, size), inputs)

    def test_length_counts_every_token_without_pixels(self, family: Family, loaded: Loaded) -> None:
        for size in self.sizes:
            made = family.encode(loaded.processor, self.ask(size), ANSWER).inputs["input_ids"]
            assert family.length(loaded.processor, PROMPT, [size], ANSWER) == made.shape[1], size

    def test_visual_tokens_hold_every_feature_of_the_tower(self, family: Family, loaded: Loaded) -> None:
        for size in self.sizes:
            ids = family.encode(loaded.processor, self.ask(size)).inputs["input_ids"]
            places = int((ids == loaded.model.config.image_token_id).sum())
            assert 0 < places <= family.visual_tokens(loaded.processor, family.sees(loaded.processor, size))

    def test_its_weights_are_counted_and_its_patches_per_token_known(
        self, family: Family, loaded: Loaded, checkpoint: Path
    ) -> None:
        weights = family.weigh(model_ref(checkpoint))
        assert sum(weights.parameters.values()) == sum(p.numel() for p in loaded.model.parameters())
        assert weights.tied == is_tied(loaded.model)
        inputs = family.encode(loaded.processor, self.ask(self.sizes[0])).inputs
        if "image_grid_thw" in inputs:
            patches = int(inputs["image_grid_thw"].prod())
        else:
            patches = inputs["pixel_values"].numel() // (3 * (weights.patch or 1) ** 2)
        places = int((inputs["input_ids"] == loaded.model.config.image_token_id).sum())
        assert patches / weights.merged <= places < 2 * patches / weights.merged  # some mark the ends of rows in such places

    def test_two_pictures_in_one_prompt_are_counted(self, family: Family, loaded: Loaded) -> None:
        two = self.sizes[:2]
        made = family.encode(loaded.processor, self.ask(*two), ANSWER).inputs["input_ids"]
        assert family.length(loaded.processor, PROMPT, two, ANSWER) == made.shape[1]

    def test_a_pixel_budget_shrinks_what_it_sees(self, family: Family, loaded: Loaded, checkpoint: Path) -> None:
        if self.budget is None:
            pytest.skip("the size that this architecture sees is fixed")
        processor = family.load_processor(model_ref(checkpoint), LoadOptions(max_pixels=self.budget))
        size = self.sizes[-1]
        seen, before = family.sees(processor, size), family.sees(loaded.processor, size)
        assert seen.width * seen.height <= self.budget < before.width * before.height
        encoded = family.encode(processor, self.ask(size), ANSWER)
        self.check_seen(processor, seen, encoded.inputs)
        assert family.length(processor, PROMPT, [size], ANSWER) == encoded.inputs["input_ids"].shape[1]

    def test_small_pictures_are_enlarged_when_asked_for(self, family: Family, loaded: Loaded, checkpoint: Path) -> None:
        if self.least is None:
            pytest.skip("this architecture has no lower bound of pixels")
        processor = family.load_processor(model_ref(checkpoint), LoadOptions(min_pixels=self.least))
        size = self.sizes[3]
        seen, before = family.sees(processor, size), family.sees(loaded.processor, size)
        assert seen.width * seen.height >= self.least > before.width * before.height
        self.check_seen(processor, seen, family.encode(processor, self.ask(size)).inputs)

    def test_an_answer_ends_where_generation_stops(self, family: Family, loaded: Loaded) -> None:
        answer = family.answer_ids(loaded.processor, ANSWER)
        row = family.encode(loaded.processor, self.ask(self.sizes[0]), ANSWER)
        assert row.inputs["input_ids"][0, row.prompt :].tolist() == answer
        assert loaded.processor.tokenizer.decode(answer[:-1]) == ANSWER
        assert answer[-1] in loaded.processor.tokenizer.all_special_ids
        asked = family.encode(loaded.processor, self.ask(self.sizes[0])).inputs["input_ids"]
        assert row.inputs["input_ids"][0, : row.prompt].tolist() == asked[0].tolist()

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_a_batch_gives_each_sequence_its_own_logits(
        self, family: Family, loaded: Loaded, side: Literal["left", "right"]
    ) -> None:
        import torch

        answers = ("a", "much longer than the others", "xyz")
        rows = [family.encode(loaded.processor, self.ask(s), a) for s, a in zip(self.sizes, answers, strict=False)]
        batch = family.collate(loaded.processor, rows, side)
        together = logits_of(loaded.model, batch)
        for n, row in enumerate(rows):
            length = row.inputs["input_ids"].shape[1]
            mine = together[n, :length] if side == "right" else together[n, -length:]
            assert int(batch["attention_mask"][n].sum()) == length
            torch.testing.assert_close(mine, logits_of(loaded.model, row.inputs)[0], **CLOSE)

    def test_the_picture_reaches_the_answer(self, family: Family, loaded: Loaded) -> None:
        row, other = (
            family.encode(loaded.processor, Ask((image,), PROMPT), ANSWER)
            for image in (picture(self.sizes[0]), picture(self.sizes[0]).rotate(180))
        )
        assert row.inputs["input_ids"].tolist() == other.inputs["input_ids"].tolist()
        shift = (logits_of(loaded.model, row.inputs) - logits_of(loaded.model, other.inputs))[:, row.prompt :].abs().max()
        assert shift > 1e-2, "comparisons of logits would say nothing about pictures"

    # --- module groups ---

    def test_groups_are_exactly_the_linear_layers_of_their_part(self, family: Family, loaded: Loaded) -> None:
        import torch

        patterns = family.groups(loaded.model)
        assert set(patterns) == set(self.inside.values())
        head = loaded.model.get_output_embeddings()
        for name, module in loaded.model.named_modules():
            hits = [group for group, pattern in patterns.items() if re.fullmatch(pattern, name)]
            if isinstance(module, torch.nn.Linear) and module is not head and not name.startswith(self.outside):
                assert hits == [part_of(name, self.inside)], name
                assert hits == [family.group_of(name)], name
            else:
                assert hits == [], name

    def test_gradients_reach_the_chosen_group_only(self, family: Family, loaded: Loaded) -> None:
        row = family.encode(loaded.processor, self.ask(self.sizes[0]), ANSWER)
        for group, pattern in family.groups(loaded.model).items():
            with adapted(loaded.model, pattern) as model:
                loss_of(model, row).backward()
                moved = {n for n, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}
                model.zero_grad(set_to_none=True)
            assert moved, group
            assert {part_of(n.removeprefix("base_model.model."), self.inside) for n in moved} == {group}
            assert all(".lora_" in n for n in moved)

    # --- train, read, merge ---

    def test_training_on_a_sample_lowers_its_loss(self, taught: Taught) -> None:
        assert taught.losses[-1] < 0.8 * taught.losses[0], taught.losses

    def test_what_it_was_taught_is_what_it_reads(self, taught: Taught) -> None:
        assert taught.said == ANSWER

    def test_a_batch_reads_what_each_picture_alone_reads(self, family: Family, loaded: Loaded) -> None:
        asks = [self.ask(size, max_tokens=6) for size in self.sizes[:3]]
        for ask, reading in zip(asks, family.read(loaded, asks), strict=True):
            (alone,) = family.read(loaded, [ask])
            assert (reading.tokens, reading.finish) == (alone.tokens, alone.finish)
            assert reading.logprobs == pytest.approx(alone.logprobs, abs=1e-3)
            (forced,) = family.force(loaded, [ask], [reading.tokens])
            assert forced.logprobs == pytest.approx(reading.logprobs, abs=1e-3)

    def test_a_merged_model_is_its_base_with_the_adapter(
        self, family: Family, loaded: Loaded, taught: Taught, checkpoint: Path, tmp_path: Path
    ) -> None:
        import torch

        merged = tmp_path / "merged"
        family.save_merged(model_ref(taught.adapter), merged, dtype="auto")
        for file in checkpoint.iterdir():
            if not file.name.endswith((".safetensors", ".safetensors.index.json")):  # split as base or not: both load
                assert (merged / file.name).read_bytes() == file.read_bytes(), file.name
        assert keys_of(merged) == keys_of(checkpoint)
        again = family.load(model_ref(merged), LoadOptions(device="cpu", dtype="float32"))
        assert is_tied(again.model) == is_tied(loaded.model)
        row = family.encode(again.processor, self.ask(self.sizes[0]), ANSWER)
        torch.testing.assert_close(logits_of(again.model, row.inputs), taught.logits, **CLOSE)

    # --- what not every architecture offers ---

    def test_given_features_stand_in_for_the_tower(self, family: Family, loaded: Loaded) -> None:
        import torch

        rows = [family.encode(loaded.processor, self.ask(size), ANSWER) for size in self.sizes[:2]]
        with torch.no_grad():
            features = [family.tower(loaded.model, row.inputs) for row in rows]
        kept = [f for f in features if f is not None]
        if len(kept) < len(rows):
            pytest.skip("this architecture has no place to give a tower's output back")
        batch = family.collate(loaded.processor, rows, "right")
        wanted = logits_of(loaded.model, batch)
        with no_calls(loaded.model, family.groups(loaded.model)["vision"]), family.given(loaded.model, kept):
            torch.testing.assert_close(logits_of(loaded.model, batch), wanted, **CLOSE)
        torch.testing.assert_close(logits_of(loaded.model, batch), wanted)

    def test_packed_sequences_are_blind_to_one_another(self, family: Family, loaded: Loaded) -> None:
        import torch

        if not family.packs:
            pytest.skip("this architecture cannot pack")
        rows = [family.encode(loaded.processor, self.ask(size), ANSWER) for size in self.sizes[:3]]
        inputs = family.pack(loaded.processor, loaded.model, rows)
        packed = logits_of(loaded.model, {**inputs, "use_cache": False})[0]  # a cache knows no borders between sequences
        start = 0
        for row in rows:
            end = start + row.inputs["input_ids"].shape[1]
            torch.testing.assert_close(packed[start:end], logits_of(loaded.model, row.inputs)[0], **CLOSE)
            start = end
        assert packed.shape[0] == start


def picture(size: Size) -> Any:
    """Noise, the same for the same size."""
    from PIL import Image

    return Image.frombytes("RGB", size, random.Random(size.width * 10007 + size.height).randbytes(3 * size.width * size.height))


@contextmanager
def adapted(model: Any, pattern: str) -> Iterator[Any]:
    """`model` with fresh LoRA layers where `pattern` matches a module's whole name; without them again afterwards."""
    import torch
    from peft import LoraConfig, get_peft_model

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that is on its way out
        torch.manual_seed(0)
        tuned = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=pattern))
        try:
            yield tuned
        finally:
            tuned.unload().requires_grad_(True)


def loss_of(model: Any, row: Encoded) -> Any:
    import torch

    logits = model(**row.inputs).logits[0, row.prompt - 1 : -1]
    return torch.nn.functional.cross_entropy(logits.float(), row.inputs["input_ids"][0, row.prompt :])


def logits_of(model: Any, inputs: Mapping[str, Any]) -> Any:
    import torch

    with torch.no_grad():
        return model(**inputs).logits


def part_of(name: str, inside: Mapping[str, str]) -> str | None:
    """The group behind the longest prefix of `name`."""
    fitting = [prefix for prefix in inside if name.startswith(prefix)]
    return inside[max(fitting, key=len)] if fitting else None


def keys_of(folder: Path) -> set[str]:
    from safetensors import safe_open

    found: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            found |= set(weights.keys())
    return found


def is_tied(model: Any) -> bool:
    return bool(model.get_output_embeddings().weight.data_ptr() == model.get_input_embeddings().weight.data_ptr())


@contextmanager
def no_calls(model: Any, pattern: str) -> Iterator[None]:
    """No module that `pattern` names may be run."""

    def refuse(module: Any, args: Any) -> None:
        raise AssertionError(f"the tower ran: {module}")

    hooks = [m.register_forward_pre_hook(refuse) for n, m in model.named_modules() if re.fullmatch(pattern, n)]
    assert hooks
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
