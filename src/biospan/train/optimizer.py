"""AdamW and the course of its rates: a straight rise to the peak, then a straight fall to zero."""

from typing import Any

import torch

from biospan.train.config import TrainConfig
from biospan.train.model import EncoderTagger


def make_optimizer(config: TrainConfig, model: EncoderTagger) -> torch.optim.Optimizer:
    """AdamW; biases, normalisation and a CRF's scores do not decay."""
    crf = list(model.crf.parameters()) if model.crf is not None else []
    others = [weight for weight in model.parameters() if not any(weight is w for w in crf)]
    groups: list[dict[str, Any]] = [
        {
            "params": [weight for weight in others if weight.ndim >= 2],
            "weight_decay": config.weight_decay,
        },
        {"params": [weight for weight in others if weight.ndim < 2], "weight_decay": 0.0},
    ]
    if crf:
        groups.append({"params": crf, "weight_decay": 0.0, "lr": config.crf_learning_rate})
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def set_rates(
    optimizer: torch.optim.Optimizer, warmup_ratio: float, step: int, n_steps: int
) -> float:
    """Set each group's rate for a step, and return the first: a straight rise, a straight fall."""
    n_warmup = max(1, round(warmup_ratio * n_steps))
    if step < n_warmup:
        factor = (step + 1) / n_warmup
    else:
        factor = max(0.0, (n_steps - step) / max(1, n_steps - n_warmup))
    for group in optimizer.param_groups:
        group["lr"] = factor * group.setdefault("peak", group["lr"])
    rate: float = optimizer.param_groups[0]["lr"]
    return rate
