"""Charts as inline HTML and SVG, with their numbers as text for whoever has them read aloud."""

from collections.abc import Iterable, Mapping, Sequence

from biospan.report.markup import Html, HtmlCell, shown
from biospan.report.reliability import N_BINS, Bin

# Pixels of the reliability plot's viewBox: the square plot, the counts below, the room for axes.
_SIDE, _COUNTS, _LEFT, _TOP = 300, 60, 48, 12
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def meter(share: float) -> HtmlCell:
    """A bar for a share between 0 and 1, a cell of a table whose next cell has the number."""
    bar = f'<span><i style="width:{100 * share:.1f}%"></i></span>'
    return HtmlCell(f'<td class="meter" aria-hidden="true">{bar}</td>')


def stacked(rows: Mapping[Html, Mapping[str, int]], parts: Sequence[str], *, title: str) -> Html:
    """Bars of equal length, one per row, cut into the shares of its parts.

    Args:
        rows: Counts by part, for each row's name.
        parts: Names of the parts, in order; each has a colour of its own.
        title: What the bars show.
    """
    legend = "".join(
        f'<li><i class="swatch part{index}"></i>{shown(part)}</li>'
        for index, part in enumerate(parts)
    )
    lines = [f'<figure class="stacked"><figcaption>{shown(title)}</figcaption>']
    lines.append(f'<ul class="legend">{legend}</ul>')
    for name, counts in rows.items():
        total = sum(counts[part] for part in parts)
        bars = "".join(
            f'<i class="part{index}" style="width:{100 * counts[part] / total:.2f}%" '
            f'title="{shown(part)}: {counts[part]:,} of {total:,}"></i>'
            for index, part in enumerate(parts)
            if counts[part]
        )
        said = ", ".join(f"{part} {counts[part]:,}" for part in parts)
        lines.append(
            f'<div class="bar"><span>{name}</span>'
            f'<span class="track" role="img" aria-label="{shown(said)}">{bars}</span>'
            f'<span class="total">{total:,}</span></div>'
        )
    lines.append("</figure>")
    return Html("\n".join(lines))


def reliability(ranges: Sequence[Bin]) -> Html:
    """The share that is right against the mean score, with how many entities each range has."""
    filled = [item for item in ranges if item.n]
    description = "; ".join(
        f"{item.n:,} entities of mean score {item.mean_score:.2f}: {item.share_right:.2f} right"
        for item in filled
    )
    width, height = _LEFT + _SIDE + 12, _TOP + _SIDE + _COUNTS + 56
    lines = [
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="plot-title plot-text">',
        '<title id="plot-title">Reliability: share of right entities by score</title>',
        f'<desc id="plot-text">{shown(description)}</desc>',
        *_axes(),
        _line(_x(0), _y(0), _x(1), _y(1), "ideal"),
    ]
    points = [(_x(item.mean_score), _y(item.share_right)) for item in filled]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    lines.append(f'<polyline class="curve" points="{path}"/>')
    lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>' for x, y in points]
    lines += [*_histogram(ranges), "</svg>"]
    return Html("\n".join(lines))


def _axes() -> Iterable[str]:
    for tick in _TICKS:
        yield _line(_x(0), _y(tick), _x(1), _y(tick), "grid")
        yield _text(_LEFT - 8, _y(tick) + 4, f"{tick:g}", "end")
        yield _text(_x(tick), _TOP + _SIDE + _COUNTS + 26, f"{tick:g}", "middle")
    yield _text(_x(0.5), _TOP + _SIDE + _COUNTS + 46, "score", "middle")
    middle = _TOP + _SIDE / 2
    yield (
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
        "share right</text>"
    )


def _histogram(ranges: Sequence[Bin]) -> Iterable[str]:
    most = max((item.n for item in ranges), default=0)
    floor = _TOP + _SIDE + _COUNTS + 10
    for index, item in enumerate(ranges):
        if item.n:
            height = max(1.0, (_COUNTS - 18) * item.n / most)
            left = _x(index / N_BINS) + 2
            yield (
                f'<rect x="{left:.1f}" y="{floor - height:.1f}" '
                f'width="{_SIDE / N_BINS - 4:.1f}" height="{height:.1f}"/>'
            )
            yield _text(left + _SIDE / N_BINS / 2 - 2, floor - height - 4, f"{item.n:,}", "middle")


def _x(share: float) -> float:
    return _LEFT + _SIDE * share


def _y(share: float) -> float:
    return _TOP + _SIDE * (1 - share)


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
