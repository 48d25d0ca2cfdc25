"""What decays, and the course of the learning rate."""

from typing import Any

import pytest

from biospan.tags import TagSet
from biospan.train.config import TrainConfig, from_mapping

pytestmark = pytest.mark.usefixtures("needs_train")

Recipe = dict[str, Any]


def test_biases_and_norms_do_not_decay(tiny_recipe: Recipe) -> None:
    from biospan.train.model import EncoderTagger, load_encoder
    from biospan.train.optimizer import make_optimizer

    config = from_mapping({**tiny_recipe, "weight_decay": 0.25})
    encoder = load_encoder(config).module
    model = EncoderTagger(encoder, TagSet(("DNA",)), dropout=0.0, head="crf")
    optimizer = make_optimizer(config, model)
    decay = {
        id(weight): group["weight_decay"]
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    names = dict(model.named_parameters())
    assert len(decay) == len(names)
    for name, weight in names.items():
        plain = name.endswith("bias") or "LayerNorm" in name or name.startswith("crf.")
        assert decay[id(weight)] == (0.0 if plain else 0.25), name


@pytest.mark.parametrize(("n_steps", "ratio", "n_warmup"), [(20, 0.25, 5), (10, 0.0, 1)])
def test_the_rate_rises_and_then_falls_in_a_straight_line_to_zero(
    n_steps: int, ratio: float, n_warmup: int
) -> None:
    import torch

    from biospan.train.optimizer import set_rates

    config = TrainConfig(encoder="x", learning_rate=0.5, warmup_ratio=ratio)
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    groups: list[dict[str, Any]] = [{"params": weights[:1]}, {"params": weights[1:], "lr": 0.05}]
    optimizer = torch.optim.AdamW(groups, lr=0.5)
    rates = [set_rates(optimizer, config.warmup_ratio, step, n_steps) for step in range(n_steps)]
    rising = [0.5 * (step + 1) / n_warmup for step in range(n_warmup)]
    n_falling = n_steps - n_warmup
    falling = [0.5 * (n_falling - step) / n_falling for step in range(n_falling)]
    assert rates == pytest.approx(rising + falling)
    # The second group keeps its own peak.
    assert optimizer.param_groups[1]["lr"] == pytest.approx(rates[-1] / 10)
    assert set_rates(optimizer, config.warmup_ratio, n_steps, n_steps) == 0.0
