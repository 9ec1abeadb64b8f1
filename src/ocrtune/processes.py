"""The processes of one training: how many a launcher started, which one this is, and what all of them agree on.

The launchers (torchrun, accelerate launch, DeepSpeed's) say it in the environment; one process alone is the first of one.
"""

from __future__ import annotations

import logging
import os
from typing import Any, TypeVar

LOG = logging.getLogger("ocrtune")
T = TypeVar("T")


def count() -> int:
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def rank() -> int:
    """Of this process among all of all machines; the first one, 0, does what must be done once."""
    return int(os.environ.get("RANK", "0")) if count() > 1 else 0


def first() -> bool:
    return rank() == 0


def sharded() -> bool:
    """Whether each process holds a part of the weights only (FSDP, DeepSpeed's third stage): then all call the model together."""
    zero = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3"
    return count() > 1 and (_is_on("ACCELERATE_USE_FSDP") or (_is_on("ACCELERATE_USE_DEEPSPEED") and zero))


def _is_on(name: str) -> bool:
    return os.environ.get(name, "false").lower() == "true"


def begin(device: str) -> None:
    """Meet the other processes; only the first one keeps saying what happens."""
    if count() == 1:
        return
    import torch

    from accelerate import PartialState

    PartialState(cpu=device == "cpu")
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not first():
        LOG.setLevel(logging.ERROR)


def wait() -> None:
    """Until all processes are here."""
    if count() > 1:
        import torch.distributed

        torch.distributed.barrier()


def agreed(value: T) -> T:
    """What the first process says, in all of them."""
    if count() == 1:
        return value
    import torch.distributed

    said = [value]
    torch.distributed.broadcast_object_list(said, src=0)
    return said[0]


def gathered(value: T) -> list[T]:
    """What each process says, in all of them, by rank."""
    if count() == 1:
        return [value]
    import torch.distributed

    said: list[Any] = [None] * count()
    torch.distributed.all_gather_object(said, value)
    return said
