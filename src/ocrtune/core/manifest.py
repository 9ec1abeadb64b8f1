"""Names that can be loaded again, and the record of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from ocrtune.core.base import Noun

Status = Literal["running", "done", "partial", "failed", "stopped"]


class ModelRef(Noun):
    """A model by name: `base` is a checkpoint folder or a hub id, `adapter` a PEFT folder on top of it."""

    base: str
    revision: str | None = None
    adapter: str | None = None

    def __str__(self) -> str:
        name = self.base if self.revision is None else f"{self.base}@{self.revision}"
        return name if self.adapter is None else f"{name} + {self.adapter}"


class RunManifest(Noun):
    """`run.json`: written first, replaced atomically, status last. Lineage is `inputs`: run ids or paths by role;
    `input_digests` tell whether those on this disk are still what they were."""

    schema_number: int = 1
    id: str
    verb: str
    status: Status = "running"
    started: datetime
    finished: datetime | None = None
    config_digest: str
    inputs: dict[str, str] = {}
    input_digests: dict[str, str] = {}
    outputs: dict[str, str] = {}
    environment: dict[str, str] = {}
    versions: dict[str, str] = {}
    pid: int | None = Field(default=None, description="process that works on the run while it is running")
    message: str | None = None
