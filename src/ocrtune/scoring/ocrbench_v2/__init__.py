"""OCRBench v2: thirty task types in English and Chinese, each with a rule of its own, and their averages.

Profiles: `official` (MultimodalOCR), `vlmevalkit` (the same rules and averages), `lmms_legacy` (lmms-eval up to November
2025 and its forks: a bug in chart parsing, one combined number), `lmms_current` (averages weighted by samples).
"""

from ocrtune.scoring.ocrbench_v2.averages import CATEGORIES, Mean, Summary, means, summarise
from ocrtune.scoring.ocrbench_v2.items import PROFILES, Item, Outcome, Profile
from ocrtune.scoring.ocrbench_v2.rules import TYPES, score

__all__ = ["CATEGORIES", "PROFILES", "TYPES", "Item", "Mean", "Outcome", "Profile", "Summary", "means", "score", "summarise"]
