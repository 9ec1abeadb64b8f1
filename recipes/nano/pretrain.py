"""Pre-train the nano reader: a stock Qwen2-VL of 2.9 M parameters that reads rendered Latin lines on a CPU.

    python recipes/nano/pretrain.py --out runs/nano --steps 12000

Run the same command again after an interruption: it goes on from the last checkpoint. The weights stay plain
`Qwen2VLForConditionalGeneration`; two auxiliary losses exist only here, because a decoder of this size does not find
the image by itself in reasonable time:

* frames: each merged vision token predicts, for four 4-pixel columns, the character whose centre lies there;
* guide: two heads of one decoder layer are pulled towards the token that shows the next character.

Both need the character centres that the renderer knows. Batches hold images of one size only, so the vision tower runs
as one dense batch instead of one attention call per image.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from rapidfuzz.distance import Levenshtein
from render import ALPHABET, SEEN, UNSEEN, Line, cut, damaged, draw, english, fonts, random_text, resized
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast, Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessor
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen

SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
)
CHAT_TEMPLATE = (
    "{%- for message in messages -%}<|{{ message['role'] }}|>"
    "{%- if message['content'] is string -%}{{ message['content'] }}{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif 'text' in part -%}{{ part['text'] }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{%- if message['role'] == 'assistant' -%}<|im_end|>{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"
)
PROMPT = "OCR:"
TILE = 16  # pixels: patch 8 × merge 2
FRAMES = 4  # character slots per tile column
GUIDED_LAYER, GUIDED_HEADS = 1, 2


def alphabet() -> list[str]:
    """Every character with a token of its own; all else falls back to bytes. Cyrillic and Greek are in the
    vocabulary although pre-training never shows them, so that fine-tuning needs no new rows."""
    ranges = ((0x20, 0x7F), (0xA1, 0x180), (0x391, 0x3CA), (0x400, 0x460))
    chars = [chr(c) for a, b in ranges for c in range(a, b)]
    return [*chars, "\n", *"ҐґŒœ–—―‘’‚“”„†‡•…‰‹›€₽№™−√∑∞≈≠≤≥←↑→↓½□■☐☑✓"]


def build_tokenizer() -> PreTrainedTokenizerFast:
    tokens = [*SPECIALS, *(f"<0x{b:02X}>" for b in range(256)), *dict.fromkeys(alphabet())]
    core = Tokenizer(models.BPE({t: i for i, t in enumerate(dict.fromkeys(tokens))}, [], byte_fallback=True))
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIALS])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
        extra_special_tokens={"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"},
    )


def build_config(tokenizer: PreTrainedTokenizerFast) -> Qwen2VLConfig:
    ids = {t: tokenizer.convert_tokens_to_ids(t) for t in SPECIALS}
    text = {
        "vocab_size": math.ceil(len(tokenizer) / 64) * 64,
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
    }
    vision = {
        "depth": 6,
        "embed_dim": 128,
        "hidden_size": 192,
        "num_heads": 4,
        "mlp_ratio": 4,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 1,
        "in_channels": 3,
    }
    return Qwen2VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=True,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )


def build_image_processor() -> Qwen2VLImageProcessor:
    return Qwen2VLImageProcessor(
        patch_size=8,
        merge_size=2,
        temporal_patch_size=1,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        size={"shortest_edge": 1024, "longest_edge": 131072},
    )


# --- data ------------------------------------------------------------------------------------------------------------


class Batch(NamedTuple):
    pixels: torch.Tensor  # (B, rows·cols·4, 192) float32 in [-1, 1], patches in the processor's order
    rows: int  # tiles
    cols: int
    answers: torch.Tensor  # (B, A) token ids ending in <|im_end|>, padded with -100
    frames: torch.Tensor  # (B, rows·cols, FRAMES) class of the character there, 0 = none
    where: torch.Tensor  # (B, A) index of the tile that shows each answer token, -1 = none


def sample(rng: random.Random, families: tuple[str, ...], ease: float, held_out: bool = False) -> Line:
    """One line or a block of up to three, fitted to whole tiles. `ease` in [0, 1] shortens the text."""
    count = 1 if held_out else rng.choices((1, 2, 3), weights=(80, 13, 7))[0]
    longest = round((rng.betavariate(1.3, 2.2) * 60 + 3) * (1 - 0.75 * ease)) + 2
    size = rng.choice((10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28))
    if held_out:
        texts = [cut(rng, rng.choice(english()[1]), max(12, longest))]
    else:
        texts = [random_text(rng, longest) for _ in range(count)]
    texts = [t.strip() or "a" for t in texts]
    line = draw(rng, texts, rng.choice(fonts(families)), size)
    h, w = line.image.shape
    shrink = min(1.0, 640 / w, 96 / h)
    step = 32 if w * shrink <= 320 else 64
    height = min(96, max(TILE, round(h * shrink / TILE) * TILE))
    exact = w * shrink
    width = min(640, max(32, math.ceil(exact / step) * step))
    if rng.random() < 0.7 and width > exact:  # paper on both sides rather than a stretched line
        room = round((width - exact) / shrink)
        left = rng.randint(0, room)
        line = Line(
            np.pad(line.image, ((0, 0), (left, room - left)), constant_values=255),
            line.text,
            line.centres + np.array([left, 0], np.float32),
        )
    return damaged(rng, resized(line, height, width))


def patchify(images: np.ndarray) -> np.ndarray:
    """(B, H, W) uint8 → (B, patches, 3·8·8), in the order of the Qwen2-VL image processor."""
    b, h, w = images.shape
    x = (images.astype(np.float32) / 127.5 - 1).reshape(b, h // 16, 2, 8, w // 16, 2, 8).transpose(0, 1, 4, 2, 5, 3, 6)
    return np.repeat(x.reshape(b, -1, 1, 64), 3, axis=2).reshape(b, -1, 192)


def collate(lines: list[Line], tokenizer: PreTrainedTokenizerFast, vocab: dict[str, int]) -> Batch:
    h, w = lines[0].image.shape
    rows, cols = h // TILE, w // TILE
    ids = [[*vocab_ids(x.text, vocab), tokenizer.eos_token_id] for x in lines]
    longest = max(map(len, ids))
    answers = np.full((len(lines), longest), -100)
    where = np.full((len(lines), longest), -1)
    frames = np.zeros((len(lines), rows * cols, FRAMES), np.int64)
    for n, line in enumerate(lines):
        answers[n, : len(ids[n])] = ids[n]
        for i, (char, (x, y)) in enumerate(zip(line.text, line.centres, strict=True)):
            if np.isnan(x) or not (0 <= x < w and 0 <= y < h):
                continue
            tile = int(y // TILE) * cols + int(x // TILE)
            where[n, i] = tile
            if (kind := ALPHABET.find(char)) >= 0:
                frames[n, tile, int(x % TILE) * FRAMES // TILE] = kind + 1
    pixels = patchify(np.stack([x.image for x in lines]))
    return Batch(
        torch.from_numpy(pixels), rows, cols, torch.from_numpy(answers), torch.from_numpy(frames), torch.from_numpy(where)
    )


def vocab_ids(text: str, vocab: dict[str, int]) -> list[int]:
    return [vocab[c] for c in text]


class Stream(torch.utils.data.IterableDataset):
    """Endless batches; chunk k is a function of (seed, k), so training can resume anywhere."""

    def __init__(self, seed: int, first_chunk: int, easy_chunks: int, patches: int) -> None:
        self.seed, self.first, self.easy, self.patches = seed, first_chunk, easy_chunks, patches

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        step, offset = (worker.num_workers, worker.id) if worker else (1, 0)
        tokenizer = build_tokenizer()
        vocab = tokenizer.get_vocab()
        chunk = self.first + offset
        while True:
            rng = random.Random(f"{self.seed}/{chunk}")
            ease = max(0.0, 1 - chunk / max(1, self.easy))
            groups: dict[tuple[int, int], list[Line]] = {}
            for _ in range(2048):
                line = sample(rng, SEEN, ease)
                groups.setdefault(line.image.shape, []).append(line)
            batches = []
            for (h, w), lines in groups.items():
                size = max(4, min(96, self.patches * 64 // (h * w)))
                batches += [lines[i : i + size] for i in range(0, len(lines), size)]
            rng.shuffle(batches)
            yield from (collate(b, tokenizer, vocab) for b in batches if len(b) > 1)
            yield chunk
            chunk += step


# --- model -----------------------------------------------------------------------------------------------------------


def quick_gelu(x: torch.Tensor) -> torch.Tensor:
    """x·σ(1.702·x), the tower's activation, through the fused SiLU kernel."""
    return F.silu(x * 1.702) * (1 / 1.702)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float, mask: torch.Tensor | None) -> torch.Tensor:
    """Plain matrix products: twice as fast here as the CPU flash kernel, whose bf16 backward is slow."""
    scores = (q * scaling) @ k.transpose(2, 3)
    if mask is not None:
        scores = scores + mask
    return (scores.softmax(-1, dtype=q.dtype) @ v).transpose(1, 2)


def dense_vision_attention(self, hidden_states, cu_seqlens, position_embeddings=None, max_seqlen=None, **kwargs):
    """`VisionAttention.forward` for a batch whose images all have one size: one call instead of one per image."""
    count, total = len(cu_seqlens) - 1, hidden_states.shape[0]
    each = total // count
    q, k, v = self.qkv(hidden_states).view(count, each, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
    cos, sin = (x[:each].to(q.dtype) for x in position_embeddings)
    return self.proj(attend(rotate(q, cos, sin), rotate(k, cos, sin), v, self.scaling, None).reshape(total, -1))


def guided_attention(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
    """Causal attention that also keeps the guided heads' log-probabilities for the guide loss."""
    groups = query.shape[1] // key.shape[1]
    query, key = query.to(value.dtype), key.to(value.dtype)
    k, v = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    if not module.training:
        causal = attention_mask is None and query.shape[2] > 1
        out = F.scaled_dot_product_attention(query, k, v, attn_mask=attention_mask, is_causal=causal, scale=scaling)
        return out.transpose(1, 2).contiguous(), None
    length = query.shape[2]
    future = torch.full((length, length), -1e9, dtype=query.dtype).triu(1)
    if module.layer_idx == GUIDED_LAYER:
        scores = (query[:, :GUIDED_HEADS] @ k[:, :GUIDED_HEADS].transpose(2, 3)).float() * scaling
        module.guided = (scores + future.float()).log_softmax(-1)
    return attend(query, k, v, scaling, future).contiguous(), None


def positions(prefix: int, rows: int, cols: int, suffix: int) -> torch.Tensor:
    """(3, length) M-RoPE ids of one sequence: `prefix` text tokens, the image, `suffix` text tokens."""
    text = torch.arange(prefix).expand(3, -1)
    grid = (
        torch.stack(
            [
                torch.zeros(rows * cols, dtype=torch.long),
                torch.arange(rows).repeat_interleave(cols),
                torch.arange(cols).repeat(rows),
            ]
        )
        + prefix
    )
    return torch.cat([text, grid, torch.arange(suffix).expand(3, -1) + prefix + max(rows, cols)], 1)


class Losses(NamedTuple):
    total: torch.Tensor
    answer: float
    frames: float
    guide: float
    accuracy: float


def losses(model, head: torch.nn.Linear, batch: Batch, frame: list[list[int]], weights: tuple[float, float, float]) -> Losses:
    """`frame` = token ids (before, after) the image; `weights` of (answer, frames, guide)."""
    count, tiles = len(batch.answers), batch.rows * batch.cols
    grid = torch.tensor([[1, batch.rows * 2, batch.cols * 2]]).expand(count, -1)
    seen = model.model.visual(batch.pixels.flatten(0, 1), grid_thw=grid).pooler_output.view(count, tiles, -1)
    by_frame = head(seen).float().view(-1, len(ALPHABET) + 1)
    balance = torch.ones(len(ALPHABET) + 1)
    balance[0] = 0.25
    frame_loss = F.cross_entropy(by_frame, batch.frames.flatten(), weight=balance)

    embed = model.model.language_model.embed_tokens
    before, after = (torch.tensor(ids).expand(count, -1) for ids in frame)
    pad = torch.where(batch.answers < 0, model.config.text_config.pad_token_id, batch.answers)
    inputs = torch.cat([embed(before), seen.to(embed.weight.dtype), embed(after), embed(pad[:, :-1])], 1)
    where = positions(before.shape[1], batch.rows, batch.cols, after.shape[1] + pad.shape[1] - 1)
    hidden = model.model.language_model(
        inputs_embeds=inputs, position_ids=where[:, None].expand(-1, count, -1), use_cache=False
    ).last_hidden_state
    start = before.shape[1] + tiles + after.shape[1] - 1
    labelled = batch.answers >= 0
    logits = model.lm_head(hidden[:, start:][labelled]).float()
    target = batch.answers[labelled]
    answer_loss = F.cross_entropy(logits, target)

    guided = model.model.language_model.layers[GUIDED_LAYER].self_attn.guided[
        :, :, start:, before.shape[1] : before.shape[1] + tiles
    ]
    known = batch.where >= 0
    pulled = guided.gather(3, batch.where.clamp(min=0)[:, None, :, None].expand(-1, GUIDED_HEADS, -1, 1))[..., 0]
    guide_loss = -(pulled * known[:, None]).sum() / (GUIDED_HEADS * known.sum().clamp(min=1))
    total = weights[0] * answer_loss + weights[1] * frame_loss + weights[2] * guide_loss
    accuracy = (logits.argmax(-1) == target).float().mean().item()
    return Losses(total, answer_loss.item(), frame_loss.item(), guide_loss.item(), accuracy)


# --- optimizer -------------------------------------------------------------------------------------------------------


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for weight matrices (Jordan et al. 2024), scaled to AdamW's update size (Liu et al. 2025).

    As `torch.optim.Muon`, but the Newton-Schulz iterations run on all matrices of one shape at once: three times faster
    for many small matrices. Where the last 900 steps of AdamW (22 lines each) had moved token accuracy from 0.53 to 0.59,
    the first 100 of this one (42 lines each) moved it to 0.68.
    """

    def __init__(self, matrices: list[torch.Tensor], lr: float, momentum: float = 0.95, decay: float = 0.05) -> None:
        shapes: dict[tuple[int, ...], list[torch.Tensor]] = {}
        for matrix in matrices:
            shapes.setdefault(tuple(matrix.shape), []).append(matrix)
        groups = [{"params": same} for same in shapes.values()]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            moved = []
            for matrix in group["params"]:
                velocity = self.state[matrix].setdefault("velocity", torch.zeros_like(matrix))
                velocity.lerp_(matrix.grad, 1 - group["momentum"])
                moved.append(matrix.grad.lerp(velocity, group["momentum"]))
            rows, cols = group["params"][0].shape
            step = group["lr"] * 0.2 * math.sqrt(max(rows, cols))
            for matrix, direction in zip(group["params"], orthogonal(torch.stack(moved)), strict=True):
                matrix.mul_(1 - group["lr"] * group["decay"]).add_(direction, alpha=-step)


def orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """Nearest semi-orthogonal matrices of (n, rows, cols), by five quintic Newton-Schulz iterations in bfloat16."""
    tall = stack.shape[1] > stack.shape[2]
    x = (stack.mT.contiguous() if tall else stack).to(torch.bfloat16)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT.contiguous()
        x = torch.baddbmm(3.4445 * x, torch.baddbmm(-4.7750 * gram, gram, gram, alpha=2.0315), x)
    return (x.mT if tall else x).to(stack.dtype)


# --- evaluation ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def line_cer(model, tokenizer, frame: list[list[int]], families: tuple[str, ...], count: int, seed: int) -> float:
    """Corpus CER of greedy generation on held-out English lines, the stock model class, batches of one size."""
    rng = random.Random(f"held-out/{seed}")
    groups: dict[tuple[int, int], list[Line]] = {}
    for _ in range(count):
        line = sample(rng, families, 0.0, held_out=True)
        groups.setdefault(line.image.shape, []).append(line)
    model.eval()
    wrong = total = 0
    for (h, w), lines in groups.items():
        tiles = (h // TILE) * (w // TILE)
        ids = torch.tensor([*frame[0], *[model.config.image_token_id] * tiles, *frame[1]]).expand(len(lines), -1)
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=90,
            do_sample=False,
            pixel_values=torch.from_numpy(patchify(np.stack([x.image for x in lines]))).flatten(0, 1),
            mm_token_type_ids=(ids == model.config.image_token_id).long(),
            image_grid_thw=torch.tensor([[1, h // 8, w // 8]]).expand(len(lines), -1),
        )
        for line, text in zip(lines, tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True), strict=True):
            wrong, total = wrong + Levenshtein.distance(text, line.text), total + len(line.text)
    model.train()
    return wrong / total


# --- loop ------------------------------------------------------------------------------------------------------------


def save_checkpoint(path: Path, **state: object) -> None:
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def export(model, tokenizer, out: Path) -> None:
    """The shippable folder: bf16 safetensors and every file that a stock loader or a server asks for."""
    shipped = Qwen2VLForConditionalGeneration._from_config(model.config).to(torch.bfloat16)
    shipped.load_state_dict(model.state_dict())  # a deep copy trips over what the guide keeps of the last step
    shipped.generation_config.update(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False)
    shipped.save_pretrained(out)
    tokenizer.save_pretrained(out)
    build_image_processor().save_pretrained(out)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--out", type=Path, required=True)
    ask.add_argument("--steps", type=int, default=12000)
    ask.add_argument("--seed", type=int, default=7)
    ask.add_argument("--lr", type=float, default=1.5e-3)
    ask.add_argument("--patches", type=int, default=8192, help="vision patches per batch")
    ask.add_argument("--workers", type=int, default=1)
    ask.add_argument("--threads", type=int, default=1)
    ask.add_argument(
        "--bf16", action=argparse.BooleanOptionalAction, default=True, help="autocast; slower on a CPU without bf16 units"
    )
    ask.add_argument("--eval-every", type=int, default=1000)
    ask.add_argument("--measure", type=int, default=1000, help="held-out lines of the closing measurement, per set of fonts")
    ask.add_argument("--stop-at", type=int, default=None, help="leave after this step (the schedule still ends at --steps)")
    args = ask.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)

    ALL_ATTENTION_FUNCTIONS.register("guided", guided_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register("guided", sdpa_mask)
    qwen.VisionAttention.forward = dense_vision_attention
    qwen.VisionMlp.forward = lambda self, x: self.fc2(quick_gelu(self.fc1(x)))
    tokenizer = build_tokenizer()
    model = Qwen2VLForConditionalGeneration._from_config(build_config(tokenizer), attn_implementation="guided")
    head = torch.nn.Linear(192, FRAMES * (len(ALPHABET) + 1))
    before = tokenizer.encode("<|user|><|vision_start|>")
    after = tokenizer.encode(f"<|vision_end|>{PROMPT}<|assistant|>")
    frame = [before, after]
    print(f"{model.num_parameters():,} parameters, {len(fonts(SEEN))} faces seen, {len(fonts(UNSEEN))} unseen", flush=True)

    weights = [*model.parameters(), *head.parameters()]
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    matrices = {id(p) for p in hidden}
    others = [p for p in weights if id(p) not in matrices]
    optimizers = {"muon": Muon(hidden, args.lr), "adamw": torch.optim.AdamW(others, args.lr, (0.9, 0.98), fused=True)}
    step = chunk = 0
    spent = 0.0
    last = args.out / "checkpoint.pt"
    if last.exists():
        kept = torch.load(last, weights_only=True)
        model.load_state_dict(kept["model"])
        head.load_state_dict(kept["head"])
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(kept[name])
        step, chunk, spent = kept["step"], kept["chunk"], kept["spent"]
        print(f"resumed at step {step}, chunk {chunk}", flush=True)

    stream = Stream(args.seed, chunk, easy_chunks=12, patches=args.patches)
    loader = iter(
        torch.utils.data.DataLoader(
            stream, batch_size=None, num_workers=args.workers, prefetch_factor=8 if args.workers else None
        )
    )
    began, lines, shown = time.monotonic(), 0, time.monotonic()
    running, seen = np.zeros(4), 0
    log = (args.out / "log.jsonl").open("a")
    while step < min(args.steps, args.stop_at or args.steps):
        batch = next(loader)
        if isinstance(batch, int):
            chunk = batch + 1
            continue
        done = step / args.steps
        scale = min(1, (step + 1) / 500) * (
            1.0 if done < 0.3 else 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (done - 0.3) / 0.7))
        )
        for group in (g for optimizer in optimizers.values() for g in optimizer.param_groups):
            group["lr"] = args.lr * scale
        guide = 0.3 * max(0.0, 1 - done / 0.7)
        mix = (min(1.0, 0.3 + step / 2000), 1.0 if done < 0.85 else 0.3, guide)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            found = losses(model, head, batch, frame, mix)
        found.total.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        for optimizer in optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        lines += len(batch.answers)
        seen += 1
        running = 0.98 * running + 0.02 * np.array([found.answer, found.frames, found.guide, found.accuracy])
        if step % 100 == 0:
            now = time.monotonic()
            rate, shown, lines = lines / (now - shown), now, 0
            a, f, g, acc = running / (1 - 0.98**seen)
            print(
                f"step {step} chunk {chunk} answer {a:.3f} frames {f:.3f} guide {g:.3f} token-acc {acc:.3f} {rate:.0f} lines/s",
                flush=True,
            )
        if step % args.eval_every == 0 or step == args.steps:
            cer = {n: line_cer(model, tokenizer, frame, x, 100, 1) for n, x in (("seen", SEEN), ("unseen", UNSEEN))}
            spent, began = spent + time.monotonic() - began, time.monotonic()
            print(f"step {step} held-out CER seen {cer['seen']:.4f} unseen {cer['unseen']:.4f} after {spent:.0f} s", flush=True)
            log.write(json.dumps({"step": step, "seconds": round(spent), **cer}) + "\n")
            log.flush()
            save_checkpoint(
                last,
                model=model.state_dict(),
                head=head.state_dict(),
                **{name: optimizer.state_dict() for name, optimizer in optimizers.items()},
                step=step,
                chunk=chunk,
                spent=spent,
            )
            shown = time.monotonic()
    export(model, tokenizer, args.out / "model")
    shipped = Qwen2VLForConditionalGeneration.from_pretrained(args.out / "model", dtype=torch.float32)
    measured = {
        n: round(line_cer(shipped, tokenizer, frame, x, args.measure, 2), 4) for n, x in (("seen", SEEN), ("unseen", UNSEEN))
    }
    summary = {"steps": step, "seconds": round(spent), "seed": args.seed, "lines": args.measure, "cer": measured}
    (args.out / "measured.json").write_text(json.dumps(summary) + "\n")
    print(f"saved {args.out / 'model'}: {summary}", flush=True)


if __name__ == "__main__":
    main()
