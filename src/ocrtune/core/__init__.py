"""The nouns: frozen values without pixels or tensors."""

from ocrtune.core.attempt import Attempt, Failure, Finish, Usage
from ocrtune.core.base import Noun, digest
from ocrtune.core.document import Box, Document, Leaf, Ledger, Page, Region, Word
from ocrtune.core.image import ImageRef, Size
from ocrtune.core.manifest import ModelRef, RunManifest, Status
from ocrtune.core.outcome import (
    Answer,
    Decoded,
    Estimate,
    Prediction,
    Problem,
    Score,
    Slice,
)
from ocrtune.core.sample import (
    AnswersTarget,
    BoxesTarget,
    FieldsTarget,
    Prompt,
    RegionsTarget,
    Sample,
    Target,
    Task,
    TextTarget,
    target_text,
)

__all__ = [
    "Answer",
    "AnswersTarget",
    "Attempt",
    "Box",
    "BoxesTarget",
    "Decoded",
    "Document",
    "Estimate",
    "Failure",
    "FieldsTarget",
    "Finish",
    "ImageRef",
    "Leaf",
    "Ledger",
    "ModelRef",
    "Noun",
    "Page",
    "Prediction",
    "Problem",
    "Prompt",
    "Region",
    "RegionsTarget",
    "RunManifest",
    "Sample",
    "Score",
    "Size",
    "Slice",
    "Status",
    "Target",
    "Task",
    "TextTarget",
    "Usage",
    "Word",
    "digest",
    "target_text",
]
