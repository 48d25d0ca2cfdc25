"""Every wrong entity has one kind, as a count by brute force says, and nothing else is counted."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import report, scoring
from biospan.document import Document, Entity
from biospan.report.mistakes import NOTHING, Kind, by_label, compare, confusion

TEXT = "abcdefghijklmnopqrst"
LABELS = ("DNA", "RNA", "protein")


def entity(start: int, end: int, label: str, score: float | None = None) -> Entity:
    return Entity(start, end, label, TEXT[start:end], score)


@st.composite
def sides(draw: st.DrawFn) -> tuple[Document, Document]:
    """Gold and predicted of one text, with overlaps, nesting, repetitions and equal spans."""
    spans = st.tuples(
        st.integers(0, len(TEXT) - 1), st.integers(1, 6), st.sampled_from(LABELS)
    ).map(lambda item: entity(item[0], min(item[0] + item[1], len(TEXT)), item[2]))
    gold = draw(st.lists(spans, max_size=8))
    predicted = draw(st.lists(spans, max_size=8))
    common = draw(st.lists(spans, max_size=3))
    return (
        Document(TEXT, "1", entities=(*gold, *common)),
        Document(TEXT, "1", entities=(*predicted, *common)),
    )


def triples(document: Document) -> set[tuple[int, int, str]]:
    return {(e.start, e.end, e.label) for e in document.entities}


def kind_by_brute_force(
    one: tuple[int, int, str], others: set[tuple[int, int, str]], nothing: Kind
) -> Kind:
    characters = set(range(one[0], one[1]))
    near = [other for other in others if characters & set(range(other[0], other[1]))]
    if any(other[:2] == one[:2] for other in near):
        return Kind.TYPE
    if any(other[2] == one[2] for other in near):
        return Kind.BOUNDARY
    return Kind.BOTH if near else nothing


@given(sides())
def test_each_wrong_entity_is_classified_once_as_brute_force_does(
    case: tuple[Document, Document],
) -> None:
    gold, predicted = map(triples, case)
    expected: Counter[tuple[object, ...]] = Counter()
    for one in gold - predicted:
        kind = kind_by_brute_force(one, predicted - gold, Kind.MISSED)
        expected[(True, one, kind)] += 1
    for one in predicted - gold:
        kind = kind_by_brute_force(one, gold - predicted, Kind.SPURIOUS)
        expected[(False, one, kind)] += 1
    mistakes = compare(*case).mistakes
    found = Counter(
        (m.in_gold, (m.entity.start, m.entity.end, m.entity.label), m.kind) for m in mistakes
    )
    assert found == expected
    assert [m.entity.start for m in mistakes] == sorted(m.entity.start for m in mistakes)


@given(st.lists(sides(), max_size=4))
def test_kinds_add_up_to_false_negatives_and_false_positives(
    cases: list[tuple[Document, Document]],
) -> None:
    gold = [Document(g.text, str(i), entities=g.entities) for i, (g, _) in enumerate(cases)]
    predicted = [Document(p.text, str(i), entities=p.entities) for i, (_, p) in enumerate(cases)]
    spans = scoring.evaluate(gold, predicted).spans
    analysis = report.analyse(gold, list(reversed(predicted)))
    missing = by_label(analysis.comparisons, in_gold=True)
    wrong = by_label(analysis.comparisons, in_gold=False)
    assert {label: sum(kinds.values()) for label, kinds in missing.items()} == {
        label: row.fn for label, row in spans.items() if row.fn
    }
    assert {label: sum(kinds.values()) for label, kinds in wrong.items()} == {
        label: row.fp for label, row in spans.items() if row.fp
    }
    for kinds in missing.values():
        assert Kind.SPURIOUS not in kinds
    for kinds in wrong.values():
        assert Kind.MISSED not in kinds


@given(sides())
def test_the_confusion_matrix_counts_every_entity_once(case: tuple[Document, Document]) -> None:
    counts = confusion([compare(*case)])
    for side, index in zip(case, (0, 1), strict=True):
        sums: Counter[str] = Counter()
        for pair, n in counts.items():
            sums[pair[index]] += n
        expected = Counter(label for _, _, label in triples(side))
        assert {name: n for name, n in sums.items() if name != NOTHING} == expected
    assert counts[NOTHING, NOTHING] == 0
    gold, predicted = map(triples, case)
    for label in LABELS:
        assert counts[label, label] == sum(one[2] == label for one in gold & predicted)


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        ((0, 4, "DNA"), (0, 4, "RNA"), [Kind.TYPE, Kind.TYPE]),
        ((0, 4, "DNA"), (1, 4, "DNA"), [Kind.BOUNDARY, Kind.BOUNDARY]),
        ((0, 4, "DNA"), (3, 6, "RNA"), [Kind.BOTH, Kind.BOTH]),
        ((0, 4, "DNA"), (4, 6, "DNA"), [Kind.MISSED, Kind.SPURIOUS]),
    ],
)
def test_the_kinds_of_one_pair(
    gold: tuple[int, int, str], predicted: tuple[int, int, str], kinds: list[Kind]
) -> None:
    comparison = compare(
        Document(TEXT, entities=(entity(*gold),)), Document(TEXT, entities=(entity(*predicted),))
    )
    assert [mistake.kind for mistake in comparison.mistakes] == kinds


def test_what_is_right_explains_no_mistake() -> None:
    outer, inner = entity(0, 6, "DNA"), entity(2, 4, "DNA")
    comparison = compare(Document(TEXT, entities=(outer, inner)), Document(TEXT, entities=(outer,)))
    assert [(m.kind, m.entity) for m in comparison.mistakes] == [(Kind.MISSED, inner)]


def test_an_entity_cut_in_two_is_one_mistake_of_gold_and_two_of_the_prediction() -> None:
    halves = entity(0, 3, "DNA"), entity(4, 9, "DNA")
    comparison = compare(
        Document(TEXT, entities=(entity(0, 9, "DNA"),)), Document(TEXT, entities=halves)
    )
    assert [m.kind for m in comparison.mistakes] == [Kind.BOUNDARY] * 3
    assert comparison.mistakes[0].opposite == halves[1]  # which has more of it


def test_documents_without_ids_are_compared_by_position() -> None:
    gold = [Document(TEXT, entities=(entity(0, 2, "DNA"),)), Document(TEXT)]
    analysis = report.analyse(gold, gold)
    assert [len(comparison.right) for comparison in analysis.comparisons] == [1, 0]
