"""What a dataset holds, counted."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from ocrtune import inventory
from ocrtune.core import ImageRef, Region, RegionsTarget, Sample, Size, TextTarget


def sample(name: str, text: str, **more: object) -> Sample:
    image = ImageRef(path=f"{name}.png", width=280, height=28)
    return Sample(id=name, group=name, images=(image,), target=TextTarget(text=text), **more)  # type: ignore[arg-type]


def test_the_script_is_that_of_most_letters() -> None:
    texts = ("Съешь 2 pies", "the Ц cat", "高雄 A", "12.50", "ёЁ", "한국어")
    assert [inventory.script_of(t) for t in texts] == ["Cyrl", "Latn", "Hani", None, "Cyrl", "Hang"]


def test_the_language_tag_outranks_the_script() -> None:
    assert inventory.language_of(sample("a", "Време", tags={"language": "sr"})) == "sr"
    assert [inventory.language_of(sample("a", text)) for text in ("Време", "42")] == ["Cyrl", "none"]


def test_the_table_counts_samples_letters_tokens_and_kinds() -> None:
    regions = (Region(kind="title", text="Заголовок | 1"), Region(kind="text", text="a"), Region(kind="text", text="b"))
    page = sample("p", "").model_copy(update={"target": RegionsTarget(regions=regions)})
    table = inventory.table({"train": [sample("a", "four"), page], "val": []}, inventory.patch_tokens, {"seed": "7"})
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert "| train | 2 | 2 | 21 | 20 |" in rows and "| val | 0 | 0 | 0 | 0 |" in rows
    assert "| train | characters | 4 | 4 | 4 | 17 | 17 |" in rows
    assert "| region: text | 2 | 0 |" in rows and "| region: title | 1 | 0 |" in rows and "| read: text | 1 | 0 |" in rows
    assert "| seed | 7 |" in rows


def test_charts_and_examples_are_pictures_even_when_an_example_is_gone(tmp_path: Path) -> None:
    Image.new("RGB", (280, 28), (255, 0, 0)).save(tmp_path / "a.png")
    splits = {"train": [sample("a", "red"), sample("gone", "nothing")], "test": []}
    assert Image.open(io.BytesIO(inventory.charts(splits, inventory.patch_tokens))).width > 500
    sheet = Image.open(io.BytesIO(inventory.examples(splits, lambda name: str(tmp_path / name))))
    assert sum(count for count, colour in sheet.getcolors(1 << 16) or [] if colour == (255, 0, 0)) == 280 * 28


def test_a_picture_has_a_token_at_least() -> None:
    assert [inventory.patch_tokens(Size(*s)) for s in ((1, 1), (280, 28), (280, 280))] == [1, 10, 100]
