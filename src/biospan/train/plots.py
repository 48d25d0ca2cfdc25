"""Pictures of a run and of a search, as PNG files.

Every figure is drawn on its own Agg canvas: no window, no `pyplot`, no global state, so that a
notebook that trains a model keeps its own backend and style. It computes no score.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Blue, vermilion, green and grey of Okabe and Ito, which readers of any colour vision tell apart.
_BLUE, _RED, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#8C8C8C"
_DPI = 144


def curves(
    steps: Sequence[tuple[int, float, float]], epochs: Sequence[tuple[int, float]], path: Path
) -> None:
    """Draw training loss, development micro F1 and learning rate over the steps of a run.

    Args:
        steps: Step, loss and learning rate of each step.
        epochs: Step at the end of each epoch, and micro F1 on the development split then.
        path: The PNG to write.
    """
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    loss, score, rate = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.5))
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
    scores = [value for _, value in epochs]
    score.plot(ends, scores, color=_GREEN, marker="o", linewidth=1.8, markersize=5)
    if scores:
        best = max(scores)
        score.annotate(
            f"{best:.4f}",
            (ends[scores.index(best)], best),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            color=_GREEN,
        )
    score.margins(y=0.2)
    score.set_ylabel("development micro F1")

    rate.plot(numbers, [value for _, _, value in steps], color=_RED, linewidth=1.8)
    rate.set_ylim(bottom=0)
    rate.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    rate.set_ylabel("learning rate")
    rate.set_xlabel("step")
    rate.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (loss, score, rate):
        _plain(axes)
        for end in ends:
            axes.axvline(end, color=_GREY, linewidth=0.6, linestyle=":", zorder=0)
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


def _plain(axes: Axes) -> None:
    """Leave out what says nothing: the box's upper and right side, and heavy grid lines."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E0E0E0", linewidth=0.8)
    axes.set_axisbelow(True)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=_DPI, format="png")
