"""Mistakes that come back are grouped by text and counted."""

from biospan.document import Document, Entity
from biospan.report.frequent import EdgeWords, Repeated, edge_words, repeated
from biospan.report.mistakes import Comparison, Kind, compare

Marks = list[tuple[str, str]]


def comparison(text: str, gold: Marks, predicted: Marks) -> Comparison:
    """Entities are given by their text, which occurs once."""

    def side(entities: Marks) -> Document:
        return Document(
            text,
            entities=tuple(
                Entity(text.index(part), text.index(part) + len(part), label, part)
                for part, label in entities
            ),
        )

    return compare(side(gold), side(predicted))


MISSED = comparison("The gene binds.", [("gene", "DNA")], [])
CAPITAL = comparison("Gene binds.", [("Gene", "DNA")], [])
FOUND = comparison("A gene binds.", [("gene", "DNA")], [("gene", "DNA")])


def test_forms_that_differ_in_case_count_together_under_the_most_frequent() -> None:
    found = repeated([MISSED, CAPITAL, MISSED, FOUND], Kind.MISSED)
    assert found == [Repeated("gene", ("DNA",), n=3, total=4)]


def test_spurious_texts_are_counted_among_the_predicted() -> None:
    spurious = comparison("A gene binds.", [], [("gene", "DNA")])
    assert repeated([spurious, FOUND, MISSED], Kind.SPURIOUS) == [
        Repeated("gene", ("DNA",), n=1, total=2)
    ]


def test_confused_texts_name_both_labels_and_the_most_frequent_comes_first() -> None:
    once = comparison("p53 and IL-2", [("p53", "DNA")], [("p53", "protein")])
    twice = comparison("p53 and IL-2", [("IL-2", "protein")], [("IL-2", "RNA")])
    assert repeated([once, twice, twice], Kind.TYPE) == [
        Repeated("IL-2", ("protein", "RNA"), n=2, total=2),
        Repeated("p53", ("DNA", "protein"), n=1, total=1),
    ]


def test_words_at_wrong_edges() -> None:
    wider = comparison("human T cells", [("T cells", "DNA")], [("human T cells", "DNA")])
    narrower = comparison("Human IL-2 gene", [("Human IL-2 gene", "DNA")], [("IL-2", "DNA")])
    assert edge_words([wider, wider, narrower]) == [
        EdgeWords("human", taken_in=True, before=True, n=2),
        EdgeWords("gene", taken_in=False, before=False, n=1),
        EdgeWords("human", taken_in=False, before=True, n=1),
    ]
