"""What every engine promises. `class TestMine(EngineContract)` with a fixture `engine` is all a plug-in author writes."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocrtune.contracts import Engine
from ocrtune.core import Answer, ImageRef, Prompt


class EngineContract:
    """Inherit, and give a fixture `engine` with an engine that is constructed but not open.

    Set `looks = False` for an engine that never opens the pictures.
    """

    looks = True

    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError("give a fixture `engine`: constructed, not open")

    @pytest.fixture
    def opened(self, engine: Engine) -> Iterator[Engine]:
        engine.open()
        yield engine
        engine.close()

    @pytest.fixture
    def picture(self, tmp_path: Path) -> Path:
        """A line of text, 320 × 40 pixels."""
        from PIL import Image, ImageDraw, ImageFont

        image = Image.new("RGB", (320, 40), "white")
        ImageDraw.Draw(image).text((8, 8), "Hello world 2024", "black", font=ImageFont.load_default(24))
        file = tmp_path / "line.png"
        image.save(file)
        return file

    def ask(self, name: str, *pictures: Path) -> Prompt:
        images = tuple(ImageRef(path=str(picture)) for picture in pictures)
        return Prompt(sample_id=name, images=images, text="OCR:", max_tokens=64)

    def test_every_prompt_gets_exactly_one_answer(self, opened: Engine, picture: Path) -> None:
        names = [f"s{i}" for i in range(5)]
        answers = list(opened.stream(self.ask(name, picture) for name in names))
        assert sorted(answer.sample_id for answer in answers) == names
        assert all(isinstance(answer, Answer) and answer.error is None for answer in answers), answers

    def test_no_prompts_no_answers(self, opened: Engine) -> None:
        assert list(opened.stream(iter(()))) == []

    def test_prompts_are_taken_as_there_is_room_not_all_at_once(self, opened: Engine, picture: Path) -> None:
        taken = 0

        def endless() -> Iterator[Prompt]:
            nonlocal taken
            for taken in itertools.count(1):
                yield self.ask(f"s{taken}", picture)

        answers = iter(opened.stream(endless()))
        assert next(answers).error is None
        assert taken <= 256
        del answers
        gc.collect()

    def test_a_broken_picture_fails_for_good_and_alone(self, opened: Engine, picture: Path, tmp_path: Path) -> None:
        if not self.looks:
            pytest.skip("this engine looks at no pictures")
        broken, empty = tmp_path / "broken.png", tmp_path / "empty.png"
        broken.write_bytes(picture.read_bytes()[:60])
        empty.write_bytes(b"")
        prompts = [self.ask("whole", picture), self.ask("broken", broken), self.ask("empty", empty),
                   self.ask("missing", tmp_path / "missing.png")]  # fmt: skip
        answers = {answer.sample_id: answer for answer in opened.stream(iter(prompts))}
        assert answers["whole"].error is None
        for name in ("broken", "empty", "missing"):
            error = answers[name].error
            assert error is not None and not error.retryable and error.message, name

    def test_it_can_be_left_in_the_middle_and_asked_again(self, opened: Engine, picture: Path) -> None:
        stream = iter(opened.stream(self.ask(f"s{i}", picture) for i in range(20)))
        next(stream)
        if callable(close := getattr(stream, "close", None)):
            close()
        again = list(opened.stream(iter([self.ask("again", picture)])))
        assert [(answer.sample_id, answer.error) for answer in again] == [("again", None)]

    def test_it_can_be_closed_twice_and_opened_again(self, engine: Engine, picture: Path) -> None:
        engine.open()
        engine.close()
        engine.close()
        engine.open()
        answers = list(engine.stream(iter([self.ask("s", picture)])))
        engine.close()
        assert [answer.error for answer in answers] == [None]

    def test_the_same_question_gets_the_same_answer(self, opened: Engine, picture: Path) -> None:
        first, second = (next(iter(opened.stream(iter([self.ask("s", picture)])))) for _ in range(2))
        assert (first.text, first.finish) == (second.text, second.finish)

    def test_it_describes_itself_in_words(self, opened: Engine) -> None:
        words = opened.describe()
        assert words.get("engine") == opened.name
        assert all(isinstance(key, str) and isinstance(value, str) for key, value in words.items())
