"""Where transformers learns of our classes."""

from __future__ import annotations

from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor

from ocrtune.families._dots.config import DotsOCRConfig
from ocrtune.families._dots.model import DotsOCRForCausalLM
from ocrtune.families._dots.processor import DotsVLProcessor


def register() -> None:
    """A class registered from outside transformers wins over `auto_map` in a checkpoint, even with trust_remote_code."""
    AutoConfig.register(DotsOCRConfig.model_type, DotsOCRConfig, exist_ok=True)
    AutoModelForImageTextToText.register(DotsOCRConfig, DotsOCRForCausalLM, exist_ok=True)
    AutoModelForCausalLM.register(DotsOCRConfig, DotsOCRForCausalLM, exist_ok=True)
    AutoProcessor.register(DotsOCRConfig, DotsVLProcessor, exist_ok=True)
