"""Pictures of a run and of a search, as PNG files.

Every figure is drawn on its own Agg canvas: no window, no `pyplot`, no global state, so that a
notebook that trains a model keeps its own backend and style. It computes no score.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

# Blue, vermilion, green and grey of Okabe and Ito, which readers of any colour vision tell apart.
_BLUE, _RED, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#8C8C8C"
_DPI = 144


def curves(
    steps: Sequence[tuple[int, float, float]], epochs: Sequence[tuple[int, float]], path: Path
) -> None:
    """Draw training loss, development micro F1, if any, and learning rate over a run's steps.

    Args:
        steps: Step, loss and learning rate of each step.
        epochs: Step at the end of each epoch, and micro F1 on the development split then.
        path: The PNG to write.
    """
    figure = Figure(figsize=(7.5, 6.5 if epochs else 4.5), layout="constrained")
    heights = (3, 3, 1.5) if epochs else (3, 1.5)
    loss, *score, rate = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    numbers = [step for step, _, _ in steps]
    losses = [value for _, value, _ in steps]
    # Over a hundredth of the run: short runs keep their shape, long ones lose the noise.
    mean = list(smoothed(losses, keep=1 - 1 / max(1.0, len(losses) / 100)))
    loss.plot(numbers, losses, color=_GREY, alpha=0.4, linewidth=0.7, label="each step")
    loss.plot(numbers, mean, color=_BLUE, linewidth=1.8, label="smoothed")
    loss.set_ylim(bottom=0)
    loss.set_ylabel("training loss")
    loss.legend(frameon=False, loc="upper right")

    ends = [step for step, _ in epochs]
    for axes in score:
        _scores(axes, ends, [value for _, value in epochs])

    rate.plot(numbers, [value for _, _, value in steps], color=_RED, linewidth=1.8)
    rate.set_ylim(bottom=0)
    rate.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    rate.set_ylabel("learning rate")
    rate.set_xlabel("step")
    rate.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (loss, *score, rate):
        _plain(axes)
        for end in ends:
            axes.axvline(end, color=_GREY, linewidth=0.6, linestyle=":", zorder=0)
    _save(figure, path)


def history(trials: Sequence[tuple[int, float, str]], path: Path) -> None:
    """Draw the score of each trial of a search, and the best up to it.

    Args:
        trials: Number, micro F1 and state of each, by number. Only `complete` ones can be best.
        path: The PNG to write.
    """
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.subplots()
    complete = [(number, f1) for number, f1, state in trials if state == "complete"]
    others = [(number, f1) for number, f1, state in trials if state != "complete"]
    best = list(accumulate((f1 for _, f1 in complete), max))
    axes.step([n for n, _ in complete], best, where="post", color=_RED, label="best so far")
    _scatter(axes, complete, color=_BLUE, marker="o", label="complete")
    if others:
        _scatter(axes, others, color=_GREY, marker="x", label="not complete")
    axes.set_xlabel("trial")
    axes.set_ylabel("development micro F1")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(frameon=False, loc="outside upper right", ncols=3)
    _plain(axes)
    _save(figure, path)


def importance(shares: Mapping[str, float], path: Path) -> None:
    """Draw how much each setting of a search matters, the largest share on top.

    Args:
        shares: From 0 to 1 each.
        path: The PNG to write.
    """
    ordered = sorted(shares.items(), key=lambda item: item[1])
    figure = Figure(figsize=(7.5, 1.2 + 0.4 * len(ordered)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([key for key, _ in ordered], [share for _, share in ordered], color=_BLUE)
    axes.bar_label(bars, fmt="{:.0%}", padding=4)
    axes.set_xlim(0, 1.1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("importance (PED-ANOVA)")
    _plain(axes, along="x")
    _save(figure, path)


def rate_test(
    rates: Sequence[float],
    losses: Sequence[float],
    means: Sequence[float],
    suggested: float,
    path: Path,
) -> None:
    """Draw a learning-rate range test.

    Args:
        rates: Of each step.
        losses: Of each step.
        means: The same, smoothed.
        suggested: The rate that follows.
        path: The PNG to write.
    """
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, color=_GREY, alpha=0.4, linewidth=0.7, label="each step")
    axes.plot(rates, means, color=_BLUE, linewidth=1.8, label="smoothed")
    axes.axvline(suggested, color=_RED, linestyle="--", label=f"suggested: {suggested:.1e}")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.5 * means[0])  # an exploding loss would press all else flat
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    figure.legend(frameon=False, loc="outside upper right", ncols=3)
    _plain(axes)
    _save(figure, path)


def smoothed(values: Iterable[float], *, keep: float) -> Iterator[float]:
    """Exponentially weighted means, one for each value as it comes.

    Args:
        values: In order.
        keep: Weight of what came before, from 0 to below 1. The start is corrected for having
            nothing before it (Kingma and Ba 2015, section 3).
    """
    mean = 0.0
    for number, value in enumerate(values, start=1):
        mean = keep * mean + (1 - keep) * value
        yield mean / (1 - keep**number)


def _scores(axes: Axes, ends: Sequence[int], scores: Sequence[float]) -> None:
    axes.plot(ends, scores, color=_GREEN, marker="o", linewidth=1.8, markersize=5)
    best = max(scores)
    axes.annotate(
        f"{best:.4f}",
        (ends[scores.index(best)], best),
        xytext=(0, 8),
        textcoords="offset points",
        ha="center",
        color=_GREEN,
    )
    axes.margins(y=0.2)
    axes.set_ylabel("development micro F1")


def _scatter(axes: Axes, points: Sequence[tuple[float, float]], **style: Any) -> None:
    axes.plot([x for x, _ in points], [y for _, y in points], linestyle="", **style)


def _plain(axes: Axes, *, along: Literal["x", "y"] = "y") -> None:
    """Leave out what says nothing: the box's upper and right side, and heavy grid lines."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=along, color="#E0E0E0", linewidth=0.8)
    axes.set_axisbelow(True)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=_DPI, format="png")
