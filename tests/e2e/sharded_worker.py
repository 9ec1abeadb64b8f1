"""One of the processes of the test of divided weights: our loss through a model that `fully_shard` has cut."""

from __future__ import annotations

import os
import sys

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from transformers import Qwen2VLForConditionalGeneration

from ocrtune import processes
from ocrtune.trainers import _loop, _loss


def main(folder: str) -> None:
    os.environ["ACCELERATE_USE_FSDP"] = "true"  # what accelerate's launcher says
    dist.init_process_group("gloo")
    plain, model = (Qwen2VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32) for _ in range(2))
    for part in (*model.model.language_model.layers, *model.model.visual.blocks, model):
        fully_shard(part)
    _loss.answer_when_called(model)

    ids = torch.randint(5, 200, (2, 12), generator=torch.Generator().manual_seed(5))
    labels = ids.masked_fill(torch.arange(12) < 4, -100)
    mine = slice(processes.rank(), processes.rank() + 1)
    loss = model(input_ids=ids[mine], answers=labels[mine])
    (loss * 2).backward()  # gradients are averaged over the two
    wanted = _loss.answer_loss(plain, {"input_ids": ids}, labels)
    wanted.backward()
    torch.testing.assert_close(torch.tensor(sum(processes.gathered(loss.item()))), wanted.detach())
    gradients = {n: p.grad.full_tensor() for n, p in model.named_parameters() if p.grad is not None}
    torch.testing.assert_close(gradients, {n: p.grad for n, p in plain.named_parameters() if p.grad is not None})

    weights = _loop.whole_weights(model)
    assert weights is not None
    if processes.first():
        assert all(torch.equal(weights[name], tensor) for name, tensor in plain.state_dict().items())
    register_fsdp_forward_method(model, "generate")
    with torch.inference_mode():
        one, two = (m.generate(input_ids=ids, max_new_tokens=4, do_sample=False) for m in (model, plain))
    assert torch.equal(one, two)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
