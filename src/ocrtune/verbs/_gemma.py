"""Readings as the result file of Gemma-OCR (vlm-sft-ocr), for the programs around it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ocrtune.core import Decoded, Prediction, Sample, target_text
from ocrtune.scoring import gemma

FILE = "gemma.json"


def result(rows: Sequence[tuple[Sample, Prediction, Decoded]], protocol: Mapping[str, str]) -> str:
    """Scored by their rule, except that a failed request counts as nothing read, where they leave it out. Samples without a
    text are left out."""
    found = [(s, p, d, label) for s, p, d in rows if s.target is not None and (label := target_text(s.target)) is not None]
    scores = [gemma.score(label, d.text) for _, _, d, label in found]
    took = [p.seconds for _, p, _, _ in found] or [0.0]
    whole = gemma.overall(scores)
    content = {
        "overall_cer": whole.overall_cer,
        "overall_f1": whole.overall_f1,
        "total_samples": len(found),
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "model_name": protocol.get("model") or protocol.get("engine", ""),
        "average_inference_time": sum(took) / len(took),
        "total_inference_time": sum(took),
        "min_inference_time": min(took),
        "max_inference_time": max(took),
        "samples": [
            {"image_path": s.images[0].path, "label": label, "prediction": d.text, "cer_score": score.cer, "f1_score": score.f1,
             "inference_time": p.seconds}
            for (s, p, d, label), score in zip(found, scores, strict=True)
        ],
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
