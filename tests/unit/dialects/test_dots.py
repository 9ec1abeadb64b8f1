"""The prompts of dots.ocr, byte for byte."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

import pytest

from ocrtune.core import Box, ImageRef, Sample, Size
from ocrtune.dialects.dots import DotsGrounding, DotsSvg
from ocrtune.errors import InputError
from ocrtune.plugins import DIALECTS

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"
SAMPLE = Sample(id="s", group="g", images=(ImageRef(path="x.png", width=30, height=40),))
PROMPTS = {
    "layout": "prompt_layout_all_en",
    "layout-only": "prompt_layout_only_en",
    "dots-ocr": "prompt_ocr",
    "dots-grounding": "prompt_grounding_ocr",
    "dots-web": "prompt_web_parsing",
    "dots-scene": "prompt_scene_spotting",
    "dots-svg": "prompt_image_to_svg",
    "dots-free": "prompt_general",
}


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_are_those_of_the_model_to_the_byte(name: str) -> None:
    facts = SHARED / "facts" / "dots_ocr.md"
    if not facts.is_file():
        pytest.skip("the folder `shared` with the prompts as published is not beside the repository")
    found = re.search(rf"`{PROMPTS[name]}` \(Python repr.*?```\n(.*?)\n```", facts.read_text("utf-8"), re.DOTALL)
    assert found and vars(DIALECTS.get(name)())["prompt"] == ast.literal_eval(found[1])


def test_the_layout_prompts_have_not_changed() -> None:
    prompts = {name: DIALECTS.get(name)().ask(SAMPLE, sees=Size(28, 28)) for name in ("layout", "layout-only")}
    digests = {name: hashlib.sha256(prompt.encode()).hexdigest()[:16] for name, prompt in prompts.items()}
    assert digests == {"layout": "16ff71ac5d218f35", "layout-only": "d10f3720942d901f"}


def test_the_box_to_read_is_in_pixels_that_the_model_sees() -> None:
    sample = SAMPLE.model_copy(update={"box": Box(left=0.1, top=0.2, right=0.5, bottom=0.75)})
    assert DotsGrounding().ask(sample, sees=Size(1000, 400)).endswith("\nBounding Box:\n[100, 80, 500, 300]")
    assert DotsGrounding().ask(SAMPLE, sees=Size(1000, 400)).endswith("[0, 0, 1000, 400]")
    assert DotsGrounding().ask(SAMPLE).endswith("\nBounding Box:\n")
    with pytest.raises(InputError, match="whose size is not known"):
        DotsGrounding().ask(sample)


def test_the_svg_prompt_says_the_size() -> None:
    assert DotsSvg().ask(SAMPLE, sees=Size(56, 28)).endswith('viewBox="0 0 56 28"')
    assert DotsSvg().ask(SAMPLE).endswith('viewBox="0 0 30 40"')
    unknown = SAMPLE.model_copy(update={"images": (ImageRef(path="x.png"),)})
    with pytest.raises(InputError, match=r"the size of x\.png is not known"):
        DotsSvg().ask(unknown)
    assert DotsSvg("Draw {it}").ask(unknown) == "Draw {it}"
