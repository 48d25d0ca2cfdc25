"""The page: one self-contained HTML file that loads nothing and runs nothing."""

from collections.abc import Iterator, Sequence

from biospan.exposure import Exposure
from biospan.report import charts, reliability, seen, snippets, tables
from biospan.report.analysis import Analysis
from biospan.report.markup import Html, note, section, shown
from biospan.report.mistakes import KINDS, Kind, Mistake
from biospan.report.style import CSS

# What the page shows at most; it says what it leaves out.
MAX_EXAMPLES = 12  # of each kind
MAX_SENTENCES = 1_000

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_MEANING = {
    Kind.BOUNDARY: "the label is right, an edge is not",
    Kind.TYPE: "the span is right, the label is not",
    Kind.BOTH: "they overlap, but neither span nor label is the same",
    Kind.MISSED: "gold, and no wrong prediction overlaps it",
    Kind.SPURIOUS: "predicted, and overlaps no gold entity that is missing",
}


def to_html(
    analysis: Analysis, *, gold_name: str, predicted_name: str, exposure: Exposure | None = None
) -> Iterator[str]:
    """The page in parts, to be written one after the other.

    Args:
        analysis: What to show.
        gold_name: What the gold documents are, for the heading.
        predicted_name: What the predicted ones are.
        exposure: What of the gold was trained on; without it the page says nothing of that.
    """
    sections = [
        ("summary", "Summary", _summary(analysis)),
        ("scores", "Scores by label", tables.scores(analysis)),
        ("kinds", "Kinds of errors", tables.kinds(analysis)),
        ("confusion", "Confusion of labels", tables.confusion_matrix(analysis)),
        ("reliability", "Reliability of scores", _reliability(analysis)),
        ("frequent", "Frequent mistakes", tables.frequent_mistakes(analysis)),
        ("examples", "Examples of each kind", _examples(analysis)),
        ("sentences", "Sentences with a mistake", _sentences(analysis)),
    ]
    if exposure:
        sections.insert(2, ("seen", "What was trained on", seen.section(exposure)))
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Error analysis: {shown(predicted_name)}</title>\n<style>{CSS}</style></head>\n"
        "<body><header><h1>Error analysis</h1>"
        f"<p><bdi>{shown(predicted_name)}</bdi> against <bdi>{shown(gold_name)}</bdi></p></header>"
    )
    links = "".join(f'<li><a href="#{anchor}">{title}</a></li>' for anchor, title, _ in sections)
    yield f'\n<nav aria-label="Contents"><ol>{links}</ol></nav>\n<main>\n'
    for anchor, title, parts in sections:
        yield section(anchor, title, *parts)
    yield "\n</main>\n<footer><p>Written by <code>biospan report</code>.</p></footer>"
    yield "</body></html>\n"


def _summary(analysis: Analysis) -> list[Html]:
    micro = analysis.scores.spans.micro
    interval = analysis.scores.f1_intervals().micro
    bounds = "95 % interval: {:.3f} to {:.3f}".format(*interval) if interval else ""
    ranges = reliability.bins(analysis.comparisons)
    tiles = [
        ("micro F1", f"{micro.f1:.3f}", bounds),
        ("precision", f"{micro.precision:.3f}", f"{micro.fp:,} wrong"),
        ("recall", f"{micro.recall:.3f}", f"{micro.fn:,} not found"),
        ("documents", f"{analysis.scores.n_documents:,}", ""),
        ("gold entities", f"{micro.support:,}", ""),
        ("predicted entities", f"{micro.tp + micro.fp:,}", f"{micro.tp:,} right"),
    ]
    if any(item.n for item in ranges):
        error = reliability.expected_calibration_error(ranges)
        tiles.append(("calibration error", f"{error:.3f}", "ECE, 10 ranges of score"))
    cells = "".join(
        f"<div><dt>{name}</dt><dd>{value}{f'<small>{more}</small>' if more else ''}</dd></div>"
        for name, value, more in tiles
    )
    return [Html(f'<dl class="tiles">{cells}</dl>')]


def _reliability(analysis: Analysis) -> list[Html]:
    ranges = reliability.bins(analysis.comparisons)
    n_scored = sum(item.n for item in ranges)
    if not n_scored:
        return [note("The predicted entities have no scores.")]
    error = reliability.expected_calibration_error(ranges)
    n_all = sum(len(comparison.predicted) for comparison in analysis.comparisons)
    left_out = f" {n_all - n_scored:,} have no score and are not here." if n_scored < n_all else ""
    return [
        note(
            f"{n_scored:,} predicted entities in 10 ranges of score: the mean score of each, and "
            "the share of its entities that is right. On the dashed line a score is the "
            "probability that it claims to be; below it, scores promise too much. The expected "
            f"calibration error, the mean distance from the line, is {error:.3f}.{left_out}"
        ),
        Html(f'<div class="columns">{charts.reliability(ranges)}{tables.ranges(ranges)}</div>'),
    ]


def _examples(analysis: Analysis) -> list[Html]:
    parts = [
        note(
            "Mistakes are filled, what is right is underlined; evenly spread over the documents. "
            "A score is shown when the pointer rests on a prediction."
        )
    ]
    for kind in KINDS:
        found = [
            (comparison, mistake)
            for comparison in analysis.comparisons
            for mistake in _told_once(comparison.mistakes, kind)
        ]
        chosen = [snippets.around(*item) for item in snippets.spread(found, MAX_EXAMPLES)]
        shown_here = "".join(snippets.to_html(item, analysis.labels) for item in chosen)
        parts.append(
            Html(
                f"<details open><summary>{kind.capitalize()}<small>{_MEANING[kind]} · "
                f"{_share(len(chosen), len(found))}</small></summary>{shown_here}</details>"
            )
        )
    return parts


def _told_once(mistakes: Sequence[Mistake], kind: Kind) -> list[Mistake]:
    """Mistakes of a kind, without predicted ones whose opposite is one of them already."""
    of_kind = [mistake for mistake in mistakes if mistake.kind is kind]
    told = {mistake.entity for mistake in of_kind if mistake.in_gold}
    return [mistake for mistake in of_kind if mistake.in_gold or mistake.opposite not in told]


def _sentences(analysis: Analysis) -> list[Html]:
    found = [item for c in analysis.comparisons for item in snippets.sentences(c)]
    chosen = snippets.spread(found, MAX_SENTENCES)
    said = f"{_share(len(chosen), len(found))} sentences with a mistake"
    return [
        note(f"{said}{', evenly spread over the documents' if len(chosen) < len(found) else ''}."),
        *(snippets.to_html(item, analysis.labels) for item in chosen),
    ]


def _share(n_shown: int, n_all: int) -> str:
    return f"{n_shown:,} of {n_all:,}" if n_shown < n_all else f"all {n_all:,}"
