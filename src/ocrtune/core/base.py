"""What all nouns share: frozen, closed, and hashable by content."""

from __future__ import annotations

import hashlib
import json
from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue


class Noun(BaseModel):
    """A frozen value. Unknown fields are refused; absent is `None`."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    def line(self) -> str:
        """One line of JSON without absent fields, for append-only files."""
        return self.model_dump_json(exclude_none=True)

    @classmethod
    def parse_line(cls, text: str) -> Self:
        return cls.model_validate_json(text)


def digest(value: JsonValue) -> str:
    """16 hex digits of the SHA-256 of the canonical JSON of `value`: same content, same digest."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
