"""The sections with numbers: scores, kinds of errors, confusion, frequent mistakes."""

from collections import Counter
from collections.abc import Sequence

from biospan.report import charts, frequent
from biospan.report.analysis import Analysis
from biospan.report.markup import Cell, Html, HtmlCell, label, note, quoted, short, table
from biospan.report.mistakes import KINDS, NOTHING, Kind, by_label, confusion
from biospan.report.reliability import N_BINS, Bin

N_FREQUENT = 20
MAX_CONFUSED = 30  # labels of the confusion matrix; rarer ones share a row and a column
_OTHER = "\0"  # stands for them

_GOLD_KINDS = tuple(kind for kind in KINDS if kind is not Kind.SPURIOUS)
_PREDICTED_KINDS = tuple(kind for kind in KINDS if kind is not Kind.MISSED)
_RIGHT = "right"
# The strongest shade of the confusion matrix: the text on it stays readable in both themes.
_DARKEST = 0.45


def scores(analysis: Analysis) -> list[Html]:
    """Precision, recall and F1 by label, and their averages."""
    spans = analysis.scores.spans
    rows: list[list[Cell]] = [
        [
            label(name, spans),
            row.support,
            row.tp + row.fp,
            row.precision,
            row.recall,
            row.f1,
            charts.meter(row.f1),
        ]
        for name, row in spans.items()
    ]
    micro = spans.micro
    n_predicted = {"micro": micro.tp + micro.fp}
    rows += [
        [
            f"{name} average",
            mean.support,
            n_predicted.get(name),
            mean.precision,
            mean.recall,
            mean.f1,
            charts.meter(mean.f1),
        ]
        for name, mean in spans.averages.items()
    ]
    head = ["label", "gold", "predicted", "precision", "recall", "F1", ""]
    return [
        note(
            "An entity is right if its start, its end and its label are those of a gold entity. "
            "Micro counts every entity alike, macro every label; weighted is macro with labels "
            "counted as often as they are in the gold."
        ),
        table(head, rows, n_foot=len(spans.averages)),
    ]


def kinds(analysis: Analysis) -> list[Html]:
    """What became of the gold entities, and what the predicted ones are."""
    counts_of_gold = by_label(analysis.comparisons, in_gold=True)
    counts_of_predicted = by_label(analysis.comparisons, in_gold=False)
    gold_bars: dict[Html, Counter[str]] = {}
    predicted_bars: dict[Html, Counter[str]] = {}
    rows: list[list[Cell]] = []
    for name, row in analysis.scores.spans.items():
        gold, predicted = counts_of_gold[name], counts_of_predicted[name]
        shown_label = label(name, analysis.labels)
        if row.support:
            gold_bars[shown_label] = _counted(row.tp, gold)
        if row.tp + row.fp:
            predicted_bars[shown_label] = _counted(row.tp, predicted)
        rows.append([shown_label, *_with_sum(gold, _GOLD_KINDS)])
        rows[-1] += _with_sum(predicted, _PREDICTED_KINDS)
    if rows:
        columns = list(zip(*rows, strict=True))[1:]
        rows.append(["all", *(sum(int(cell or 0) for cell in column) for column in columns)])
    groups = [("", 1), ("gold, not found", 5), ("predicted, wrong", 5)]
    head = ["label", *_GOLD_KINDS, "sum", *_PREDICTED_KINDS, "sum"]
    return [
        charts.stacked(gold_bars, (_RIGHT, *_GOLD_KINDS), title="What became of the gold entities"),
        charts.stacked(
            predicted_bars, (_RIGHT, *_PREDICTED_KINDS), title="What the predicted entities are"
        ),
        table(head, rows, groups=groups, n_foot=1 if rows else 0),
    ]


def confusion_matrix(analysis: Analysis) -> list[Html]:
    """Gold labels against predicted labels of the entities with the same span."""
    spans = analysis.scores.spans
    by_size = sorted(spans, key=lambda name: -(spans[name].support + spans[name].fp))
    names = sorted(by_size[:MAX_CONFUSED])
    others = set(by_size[MAX_CONFUSED:])
    counts: Counter[tuple[str, str]] = Counter()
    for (gold, predicted), n in confusion(analysis.comparisons).items():
        counts[
            _OTHER if gold in others else gold, _OTHER if predicted in others else predicted
        ] += n
    listed = [*names, *([_OTHER] if others else []), NOTHING]
    titles = {NOTHING: "not there", _OTHER: f"{len(others):,} rarer labels"}
    rows: list[list[Cell]] = []
    for gold in listed:
        total = sum(counts[gold, predicted] for predicted in listed)
        row: list[Cell] = [titles.get(gold) or label(gold, spans)]
        for predicted in listed:
            is_corner = gold == predicted == NOTHING
            is_right = gold == predicted != _OTHER
            row.append(None if is_corner else _heat(counts[gold, predicted], total, is_right))
        rows.append([*row, total])
    head = ["gold", *(titles.get(name) or short(name) for name in listed), "sum"]
    return [
        note(
            "Rows are gold labels, columns predicted labels, for entities with exactly the same "
            "span; shades are shares of a row. What has no counterpart with its span is not there: "
            "gold entities in the last column (missed), predicted ones in the last row (spurious); "
            "a wrong edge puts one into each."
        ),
        table(head, rows, groups=[("", 1), ("predicted", len(listed)), ("", 1)]),
    ]


def ranges(filled: Sequence[Bin]) -> Html:
    """The numbers of the reliability plot."""
    rows: list[list[Cell]] = [
        [
            f"{index / N_BINS:.1f} to {(index + 1) / N_BINS:.1f}",
            item.n,
            item.mean_score if item.n else None,
            item.share_right if item.n else None,
        ]
        for index, item in enumerate(filled)
    ]
    return table(["score", "entities", "mean score", "share right"], rows)


def frequent_mistakes(analysis: Analysis) -> list[Html]:
    """Texts that are mistaken again and again."""
    names, comparisons = analysis.labels, analysis.comparisons
    missed = frequent.repeated(comparisons, Kind.MISSED)
    spurious = frequent.repeated(comparisons, Kind.SPURIOUS)
    confused = frequent.repeated(comparisons, Kind.TYPE)
    edges = frequent.edge_words(comparisons)
    tables = [
        _frequent("Missed", ["text", "label", "missed", "of gold"], missed, names),
        _frequent("Spurious", ["text", "label", "spurious", "of predicted"], spurious, names),
        _frequent("Confused", ["text", "gold → predicted", "confused", "of gold"], confused, names),
    ]
    rows: list[list[Cell]] = [
        [
            quoted(item.text),
            f"{'taken in' if item.taken_in else 'left out'} at the "
            f"{'start' if item.before else 'end'}",
            item.n,
        ]
        for item in edges[:N_FREQUENT]
    ]
    tables.append(
        _titled("Words at wrong edges", ["words", "prediction", "times"], rows, len(edges))
    )
    return [
        note("Texts that differ only in case count together; ties go to what is mistaken always."),
        Html(f'<div class="columns">{"".join(tables)}</div>'),
    ]


def _frequent(
    title: str, head: Sequence[str], items: Sequence[frequent.Repeated], names: Sequence[str]
) -> Html:
    rows: list[list[Cell]] = [
        [
            quoted(item.text),
            Html(" → ".join(label(name, names) for name in item.labels)),
            item.n,
            item.total,
        ]
        for item in items[:N_FREQUENT]
    ]
    return _titled(title, head, rows, len(items))


def _titled(title: str, head: Sequence[str], rows: list[list[Cell]], n_all: int) -> Html:
    if not rows:
        return Html(f"<div><h3>{title}</h3>{note('None.')}</div>")
    left_out = note(f"The first {len(rows)} of {n_all:,}.") if len(rows) < n_all else ""
    return Html(f"<div><h3>{title}</h3>{table(head, rows)}{left_out}</div>")


def _counted(n_right: int, kinds_of: Counter[Kind]) -> Counter[str]:
    return Counter({_RIGHT: n_right}) + Counter({str(kind): n for kind, n in kinds_of.items()})


def _with_sum(counts: Counter[Kind], listed: Sequence[Kind]) -> list[int]:
    values = [counts[kind] for kind in listed]
    return [*values, sum(values)]


def _heat(count: int, total: int, is_right: bool) -> HtmlCell:
    share = _DARKEST * count / total if total else 0.0
    name = "heat right" if is_right else "heat"
    return HtmlCell(f'<td class="{name}" style="--heat-share:{share:.3f}">{count:,}</td>')
