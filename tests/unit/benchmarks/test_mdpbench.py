"""MDPBench: pages and their photographs, published columns, and texts that the published code loses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocrtune.benchmarks.mdpbench import FULL, WITHOUT_CDM, MdpBench
from ocrtune.core import FieldsTarget, Sample
from ocrtune.errors import ResourceError
from ocrtune.scoring import cdm

from .conftest import drawn, scored

TEXTS = ("The first paragraph of this page is here.", "A second one follows it below.", "The third and last one of all.")
TABLE = "<table><tr><td>a</td><td>b</td></tr></table>"
FORMULA = {"category_type": "equation_isolated", "latex": "$$x^2+y^2=z^2$$"}


def _samples(tmp_path: Path, *names: str, also: tuple[dict[str, Any], ...] = ()) -> list[Sample]:
    folder = tmp_path / "MDPBench_img_public"
    folder.mkdir()
    blocks: list[dict[str, Any]] = [{"category_type": "text_block", "text": text} for text in TEXTS]
    pages = []
    for name in names:
        (folder / name).write_bytes(drawn(name))
        pages.append(
            {
                "layout_dets": [{"anno_id": at, "order": at + 5, **block} for at, block in enumerate([*blocks, *also])],
                "extra": {"relation": []},
                "page_info": {"image_path": name, "page_attribute": {"language": "English"}},
            }
        )
    (tmp_path / "MDPBench_public.json").write_text(json.dumps(pages))
    return MdpBench().load(tmp_path)


def test_a_page_and_its_photographs_are_one_document(tmp_path: Path) -> None:
    names = ("zh-CHT_newspaper_9.png", "zh-CHT_newspaper_9_indoor_light_top.JPEG", "en_book_9.png")
    samples = _samples(tmp_path, *names)
    assert [sample.group for sample in samples] == ["zh-CHT_newspaper_9", "zh-CHT_newspaper_9", "en_book_9"]
    assert samples[1].tags == {"language": "zh-cht", "kind": "newspaper", "capture": "photo"}
    assert all(sample.images[0].size == (120, 32) for sample in samples)


def test_columns_are_means_of_pages_and_of_languages_rounded_as_the_authors_do(tmp_path: Path) -> None:
    samples = _samples(tmp_path, "en_book_9.png", "en_book_9_indoor.png", "de_book_9_indoor.png", "zh-CHT_book_9_indoor.png")
    right = "\n\n".join(TEXTS)
    scores = scored(MdpBench(), samples, [right, None, right[: len(TEXTS[0])], right], WITHOUT_CDM)
    rows = {row.name: (row.value, row.n) for row in MdpBench().table(samples, scores, WITHOUT_CDM)}
    part = 100 * (scores[2].value or 0)
    assert list(rows) == ["DE", "EN", "ZH-T", "Latin", "Non-Latin", "Digital", "Photo", "Overall"]
    assert rows["EN"] == (50, 2) and rows["ZH-T"] == (100, 1) and rows["DE"] == (pytest.approx(part), 1) and 0 < part < 60
    assert rows["Latin"] == (pytest.approx((50 + round(part, 1)) / 2, abs=1e-9), 2) and rows["Non-Latin"] == (100, 1)
    assert rows["Digital"] == (100, 1) and rows["Overall"] == (pytest.approx((200 + part) / 4), 4)


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("en_book_6", True),  # the order of the second text
        ("en_book_1", True),  # its place among the texts
        ("en_book_6_indoor", False),
        ("en_book_77", False),
    ],
)
def test_a_text_with_the_number_of_its_page_is_lost_as_in_the_published_code(name: str, lost: bool, tmp_path: Path) -> None:
    samples = _samples(tmp_path, f"{name}.png")
    (score,) = scored(MdpBench(), samples, [f"{TEXTS[0]}\n\nall of it was read wrong\n\n{TEXTS[2]}"], WITHOUT_CDM)
    assert (score.value == 1) is lost


def test_a_page_is_the_mean_of_what_it_has_and_formulas_count_with_cdm_alone(tmp_path: Path) -> None:
    samples = _samples(tmp_path, "en_book_77.png", also=({"category_type": "table", "html": TABLE}, FORMULA))
    read = "\n\n".join((*TEXTS, TABLE.replace(">b<", "><"), "\\[no\\]"))
    (without,) = scored(MdpBench(), samples, [read], WITHOUT_CDM)
    assert without.value == pytest.approx((1 + without.parts["teds"][0]) / 2) and "cdm" not in without.parts
    try:
        cdm.describe()
    except ResourceError as cause:
        pytest.skip(f"TeX is not all here: {cause}")
    (full,) = scored(MdpBench(), samples, [read], FULL)
    assert full.value == pytest.approx((1 + without.parts["teds"][0] + full.parts["cdm"][0]) / 3)


def test_cdm_without_its_tools_is_an_error_and_a_page_without_anything_has_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = _samples(tmp_path, "en_book_77.png")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ResourceError, match="the profile official of mdpbench needs CDM") as caught:
        scored(MdpBench(), samples, ["a"], FULL)
    assert WITHOUT_CDM in str(caught.value.hint)
    bare = samples[0].model_copy(update={"target": FieldsTarget(fields={"layout_dets": [], "extra": {}})})
    (score,) = scored(MdpBench(), [bare], [""], WITHOUT_CDM)
    assert score.value is None and "nothing that is scored" in str(score.why)
