"""A reliability diagram as SVG, drawn by hand: shapes and words that any viewer shows."""

import html
from collections.abc import Mapping, Sequence

SIDE, EDGE = 360, 60  # of the unit square, and of what is around it
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def draw(forms: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Draw scores against the share that is right; exact scores lie on the diagonal.

    Args:
        forms: By name, bins as `reliability` has them: entities, mean score, share right.
    """
    whole = SIDE + 2 * EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" role="img" '
        'font-family="sans-serif" font-size="13">',
        "<title>Share of right entities by their score</title>",
        f'<rect x="0" y="0" width="{whole}" height="{whole}" fill="white"/>',
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#888"/>',
    ]
    for tick in _TICKS:
        parts.append(_text(_x(tick), _y(-0.06), f"{tick:.1f}", anchor="middle"))
        parts.append(_text(_x(-0.02), _y(tick - 0.012), f"{tick:.1f}", anchor="end"))
    parts.append(_text(_x(0.5), _y(-0.13), "mean score", anchor="middle"))
    parts.append(_text(_x(0), _y(1.05), "share right", anchor="middle"))
    for number, (name, bins) in enumerate(forms.items()):
        colour = COLOURS[number % len(COLOURS)]
        for _, score, right in bins:
            parts.append(f'<circle cx="{_x(score)}" cy="{_y(right)}" r="4" fill="{colour}"/>')
        parts.append(_text(_x(0.03), _y(0.94 - 0.05 * number), name, fill=colour))
    return "\n".join([*parts, "</svg>\n"])


def _text(x: str, y: str, words: str, *, anchor: str = "start", fill: str = "black") -> str:
    shown = html.escape("".join(c if c.isprintable() else " " for c in words))
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{fill}">{shown}</text>'


def _x(share: float) -> str:
    return f"{EDGE + share * SIDE:.2f}"


def _y(share: float) -> str:
    return f"{EDGE + (1 - share) * SIDE:.2f}"
