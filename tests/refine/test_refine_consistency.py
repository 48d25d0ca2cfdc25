"""One mention, one label, all over a document."""

from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.refine import mark_repeats, unify_labels
from biospan.refine.consistency import LABELS, REPEATS

TEXT = "CD28 and CD28 with Cd28, CD28 gene, CD28."


def at(mention: str, *places: tuple[int, str, float | None]) -> Document:
    """TEXT with the n-th places of a mention marked."""
    starts = [n for n in range(len(TEXT)) if TEXT.startswith(mention, n)]
    return Document(TEXT).with_entities(
        Entity(starts[n], starts[n] + len(mention), label, mention, score)
        for n, label, score in places
    )


def told(document: Document) -> list[tuple[int, str, float | None, str | None]]:
    return [(e.start, e.label, e.score, e.source) for e in document.entities]


def test_what_is_marked_twice_is_marked_everywhere() -> None:
    done = mark_repeats(at("CD28", (0, "protein", 0.75), (1, "protein", 0.25)))
    assert told(done) == [
        (0, "protein", 0.75, None),
        (9, "protein", 0.25, None),
        (25, "protein", 0.25, REPEATS),
        (36, "protein", 0.25, REPEATS),
    ]
    assert mark_repeats(done) == done


def test_mentions_that_cannot_be_looked_for_are_left_as_they_are() -> None:
    long = "-".join("abcdefgh" * 9)
    text = f"{long} + {long} + {long}"
    places = [n for n in range(len(text)) if text.startswith(long, n)][:2]
    signs = [n for n in range(len(text)) if text.startswith("+", n)]
    document = Document(text).with_entities(
        [
            *(Entity(n, n + len(long), "protein", long) for n in places),
            *(Entity(n, n + 1, "protein", "+") for n in signs),
        ]
    )
    assert mark_repeats(document) == document
    assert unify_labels(document) == document


def test_a_mention_in_the_middle_of_a_given_token_is_none() -> None:
    text = "A and A-B, A"
    marks = [Entity(n, n + 1, "protein", "A", 0.5) for n in (0, 11)]
    cuts = [(0, 1), (2, 5), (6, 9), (9, 10), (11, 12)]
    tokens = tuple(Token(start, end, text[start:end]) for start, end in cuts)
    raw = Document(text).with_entities(marks)
    given = raw.with_passages([Passage(0, 12, sentences=(Sentence(0, 12, tokens),))])
    assert (len(mark_repeats(raw).entities), mark_repeats(given)) == (3, given)


def test_what_is_marked_once_or_in_two_ways_is_not() -> None:
    for document in (
        at("CD28", (0, "protein", 0.9)),
        at("CD28", (0, "protein", 0.9), (1, "DNA", 0.9)),
        Document(TEXT),
    ):
        assert mark_repeats(document) == document


def test_nothing_is_added_inside_of_an_entity() -> None:
    marked = at("CD28", (0, "protein", 0.5), (1, "protein", 0.5))
    gene = Entity(25, 34, "DNA", "CD28 gene", 0.8)
    done = mark_repeats(marked.with_entities([*marked.entities, gene]))
    assert [e.start for e in done.entities] == [0, 9, 25, 36]
    assert gene in done.entities


def test_a_mention_does_not_go_across_passages() -> None:
    text = "T cells and T cells T\ncells"
    marks = [Entity(n, n + 7, "cell_type", "T cells", 0.5) for n in (0, 12)]
    whole = Document(text).with_entities(marks)
    assert len(mark_repeats(whole).entities) == 3
    parted = whole.with_passages([Passage(0, 21), Passage(22, 27)])
    assert mark_repeats(parted) == parted


def test_the_label_of_most_places_wins() -> None:
    document = at("CD28", (0, "protein", 0.5), (1, "DNA", 0.9), (3, "protein", 1.0))
    assert told(unify_labels(document)) == [
        (0, "protein", 0.5, None),
        (9, "protein", 0.75, LABELS),
        (36, "protein", 1.0, None),
    ]


def test_labels_that_are_as_frequent_stay() -> None:
    document = at("CD28", (0, "protein", 0.5), (1, "DNA", 0.9))
    assert unify_labels(document) == document
