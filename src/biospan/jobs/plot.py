"""A picture of what is in a job's documents, as a PNG file.

It is drawn on its own Agg canvas: no window, no `pyplot`, no global state.
"""

from pathlib import Path
from typing import Any

from biospan.errors import MissingDependencyError
from biospan.jobs.stats import UNKNOWN_YEAR, Stats

_BLUE, _GREEN = "#0072B2", "#009E73"  # of Okabe and Ito, told apart by any colour vision
_N_MENTIONS = 15
_DPI = 144


def draw(counts: Stats, path: Path) -> None:
    """Draw entities of each label, the most frequent mentions, and documents of each year.

    Raises:
        MissingDependencyError: If matplotlib is not installed.
        OSError: If the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "plots") from error
    figure = Figure(figsize=(8, 9), layout="constrained")
    labels, mentions, years = figure.subplots(3, 1, height_ratios=(2, 4, 3))
    ranked = counts.entities.most_common()
    _bars(labels, [label for label, _ in ranked], [n for _, n in ranked], "entities")
    texts = sorted(
        ((n, text, label) for label, of in counts.mentions.items() for text, n in of.items()),
        key=lambda row: (-row[0], row[1:]),
    )[:_N_MENTIONS]
    # A dollar sign would begin a formula.
    names = [f"{text[:40]} ({label})".replace("$", r"\$") for _, text, label in texts]
    _bars(mentions, names, [n for n, _, _ in texts], "mentions")
    known = sorted((int(year), n) for year, n in counts.years.items() if year != UNKNOWN_YEAR)
    years.bar([year for year, _ in known], [n for _, n in known], color=_GREEN)
    years.set_ylabel("documents")
    years.set_xlabel("year" if known else "no document says its year")
    years.xaxis.get_major_locator().set_params(integer=True)
    for axes in (labels, mentions, years):
        axes.spines[["top", "right"]].set_visible(False)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=_DPI, format="png", metadata={"Software": None})


def _bars(axes: Any, names: list[str], values: list[int], title: str) -> None:
    places = range(len(names))  # not the names themselves, of which two may be equal when cut
    axes.barh(places, values, color=_BLUE)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlabel(title)
