"""The learning-rate range test: one short run whose rate rises until the loss explodes.

After L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3;
with the exponential rise and the smoothing of S. Gugger's "How do you find a good learning rate"
(2018). It trains nothing that is kept.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from biospan.errors import ConfigError
from biospan.tagger import Tagger
from biospan.train import data, parallel, plots
from biospan.train.config import TrainConfig
from biospan.train.data import Example
from biospan.train.loop import batch_loss
from biospan.train.optimizer import make_optimizer
from biospan.train.run import Run, start

KEEP = 0.9  # of the smoothed loss at each step
EXPLODED = 4.0  # times the lowest smoothed loss
MIN_STEPS = 10


@dataclass(frozen=True, slots=True)
class RateTest:
    """The losses that rising rates led to.

    Attributes:
        rates: Learning rate of each step, rising by the same factor.
        losses: Training loss of each step, a mean over its tokens.
        smoothed: Exponentially weighted means of the losses up to each step.
        exploded: Whether it ended because the loss exploded, not because the rates did.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    exploded: bool

    @property
    def suggested(self) -> float:
        """A tenth of the rate at which the smoothed loss was lowest.

        At the lowest itself the loss is about to rise; and a run stays near its peak rate for
        long, while the test was there for a few steps.
        """
        return self.rates[int(np.argmin(self.smoothed))] / 10

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss fell most for a given factor."""
        slopes = np.gradient(self.smoothed, np.log(self.rates))
        return self.rates[int(np.argmin(slopes))]

    def write(self, folder: Path) -> None:
        """Write `rates.tsv` and `rates.png`."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = zip(self.rates, self.losses, self.smoothed, strict=True)
        lines = [f"{rate:.6e}\t{loss:.6f}\t{mean:.6f}\n" for rate, loss, mean in rows]
        header = "learning_rate\tloss\tsmoothed\n"
        (folder / "rates.tsv").write_text(header + "".join(lines), encoding="ascii")
        plots.rate_test(
            self.rates, self.losses, self.smoothed, self.suggested, folder / "rates.png"
        )


def try_rates(
    config: TrainConfig,
    *,
    low: float = 1e-6,
    high: float = 1.0,
    n_steps: int = 200,
    on_step: Callable[[int, float, float], None] = lambda step, rate, loss: None,
) -> RateTest:
    """Train for `n_steps` with rates from `low` to `high`, or until the loss explodes.

    A CRF's own rate rises along, in the recipe's proportion. Warm-up and epochs of the recipe have
    no meaning here; all else is as in a run.

    Args:
        config: The recipe.
        low: First rate.
        high: Last rate.
        n_steps: How many; the training split is begun again when it is used up.
        on_step: Called after each step with its number, rate and loss.

    Raises:
        ConfigError: If the range is none, the recipe does not fit its encoder or corpus, or the
            loss explodes at once.
        InputError: If the corpus cannot be read.
    """
    if not (0 < low < high < math.inf and n_steps >= MIN_STEPS):
        raise ConfigError(
            f"rates from {low} to {high} in {n_steps} steps: expected two rising numbers above 0, "
            f"and at least {MIN_STEPS} steps"
        )
    run = start(config, parallel.join())
    tagger = run.tagger()
    optimizer = make_optimizer(config, run.model)
    shares = [group["lr"] / config.learning_rate for group in optimizer.param_groups]
    rates = np.geomspace(low, high, n_steps).tolist()
    losses: list[float] = []

    def steps() -> Iterator[float]:
        for rate, chosen in zip(rates, _batches(run, tagger), strict=False):
            for group, share in zip(optimizer.param_groups, shares, strict=True):
                group["lr"] = rate * share
            loss = _step(run, optimizer, tagger, chosen)
            losses.append(loss)
            on_step(len(losses), rate, loss)
            yield loss

    means: list[float] = []
    for mean in plots.smoothed(steps(), keep=KEEP):
        if not math.isfinite(mean) or (means and mean > EXPLODED * min(means)):
            break
        means.append(mean)
    n_kept = len(means)
    if n_kept < MIN_STEPS:
        raise ConfigError(f"the loss exploded after {n_kept} steps: start at less than {low}")
    return RateTest(
        tuple(rates[:n_kept]), tuple(losses[:n_kept]), tuple(means), exploded=n_kept < n_steps
    )


def _batches(run: Run, tagger: Tagger) -> Iterator[list[Example]]:
    """Batches as a run would have them, epoch after epoch without end."""
    examples = data.examples(tagger, run.train)
    epoch = 1
    while True:
        order = data.epoch_order(
            examples, batch_size=run.config.batch_size, seed=run.config.seed, epoch=epoch
        )
        yield from ([examples[index] for index in batch] for batch in order)
        epoch += 1


def _step(
    run: Run, optimizer: torch.optim.Optimizer, tagger: Tagger, chosen: Sequence[Example]
) -> float:
    """One step at the rate that the optimiser has; returns the loss before it."""
    model = run.model
    model.train()
    batch = data.to_batch(chosen, tagger, next(model.parameters()).device)
    n_tokens = sum(int((example.tag_ids != data.IGNORED).sum()) for example in chosen)
    loss = batch_loss(model, model, batch, run.config.precision) / n_tokens
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), run.config.max_gradient_norm)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()
