"""The learning-rate range test: it rises, stops at the explosion, and suggests what learns."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biospan.errors import ConfigError
from biospan.train.config import from_mapping

pytestmark = pytest.mark.usefixtures("needs_train")


def test_the_rate_rises_by_the_same_factor_until_the_loss_explodes(
    tiny_recipe: dict[str, Any], tmp_path: Path
) -> None:
    from biospan.train.rate_test import EXPLODED, try_rates

    seen = []
    found = try_rates(
        from_mapping(tiny_recipe),
        low=1e-5,
        high=1e4,
        n_steps=90,
        on_step=lambda step, rate, loss: seen.append((step, rate, loss)),
    )
    assert found.exploded
    assert len(found.rates) < 90
    assert found.rates[0] == pytest.approx(1e-5)
    factors = np.diff(np.log10(found.rates))
    assert factors == pytest.approx(np.full(len(factors), 9 / 89))
    means = found.smoothed
    assert all(means[i] <= EXPLODED * min(means[:i]) for i in range(1, len(means)))
    assert [loss for _, _, loss in seen][: len(found.losses)] == list(found.losses)
    lowest = min(zip(found.smoothed, found.rates, strict=True))[1]
    assert found.suggested == lowest / 10

    found.write(tmp_path)
    header, *lines = (tmp_path / "rates.tsv").read_text().splitlines()
    assert header.split("\t") == ["learning_rate", "loss", "smoothed"]
    assert [float(line.split("\t")[1]) for line in lines] == pytest.approx(
        list(found.losses), abs=1e-6
    )
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")


def test_the_suggested_rate_learns_what_a_much_lower_and_a_much_higher_one_do_not(
    tiny_recipe: dict[str, Any], tmp_path: Path
) -> None:
    from biospan.train.loop import fit
    from biospan.train.rate_test import try_rates

    rate = try_rates(from_mapping(tiny_recipe), n_steps=100).suggested

    def score(rate: float) -> float:
        config = from_mapping(tiny_recipe | {"learning_rate": rate})
        run = fit(config, tmp_path / f"{rate}")
        return float(max(epoch["micro_f1"] for epoch in run.record["epochs"]))

    assert score(rate) > score(rate / 1000) + 0.3
    assert score(rate) > score(min(1.0, rate * 1000)) + 0.3


def test_the_first_step_makes_the_loss_that_a_run_starts_with(
    tiny_recipe: dict[str, Any], tmp_path: Path
) -> None:
    from biospan.train.loop import fit
    from biospan.train.rate_test import try_rates

    config = from_mapping(tiny_recipe | {"epochs": 1, "dropout": 0.0, "head": "crf"})
    losses: list[float] = []
    fit(config, tmp_path / "run", on_step=lambda progress: losses.append(progress.loss))
    assert try_rates(config, n_steps=10).losses[0] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"low": 0.0}, {"low": 1.0, "high": 0.1}, {"high": math.inf}, {"n_steps": 3}],
)
def test_a_range_that_is_none_is_refused(
    tiny_recipe: dict[str, Any], options: dict[str, Any]
) -> None:
    from biospan.train.rate_test import try_rates

    with pytest.raises(ConfigError, match="expected two rising numbers"):
        try_rates(from_mapping(tiny_recipe), **options)


def test_a_loss_that_explodes_at_once_asks_for_lower_rates(tiny_recipe: dict[str, Any]) -> None:
    from biospan.train.rate_test import try_rates

    with pytest.raises(ConfigError, match=r"exploded after \d+ steps: start at less than"):
        try_rates(from_mapping(tiny_recipe), low=1e5, high=1e9, n_steps=20)
