"""Documents and mentions that were trained on, against slow search and known copies."""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.corpora import read_corpus
from biospan.document import Document, Entity
from biospan.errors import InputError
from biospan.exposure import NEAR, SHINGLE, Kind, Mentions, duplicates, expose, mentions
from biospan.scoring import Counts, evaluate

LABELS = ("DNA", "protein")
WORDS = [f"{a}{b}" for a in "abcdefgh" for b in "rstuvwxyz"]


def document(text: str, *spans: tuple[int, int, str], id: str = "") -> Document:
    entities = tuple(Entity(start, end, label, text[start:end]) for start, end, label in spans)
    return Document(text, id=id, entities=entities)


def without_ids(documents: Sequence[Document]) -> list[Document]:
    return [Document(item.text, passages=item.passages) for item in documents]


def shared_slowly(scored: str, other: str) -> float:
    """Share of a text's runs of 8 words that another one has, by looking for each of them."""
    ours, theirs = (re.findall("[a-z0-9]+", text.lower()) for text in (scored, other))
    runs = {tuple(ours[i : i + 8]) for i in range(len(ours) - 7)}
    found = {
        run for run in runs if any(tuple(theirs[i : i + 8]) == run for i in range(len(theirs)))
    }
    return len(found) / len(runs) if runs else float(ours == theirs)


def test_the_same_abstract_is_found_in_another_tokenisation_without_ids(jnlpba_dir: Path) -> None:
    """Token form against raw text of the same abstracts: quotes, brackets, hyphens differ."""
    columns = without_ids(read_corpus("jnlpba", "dev", path=jnlpba_dir))
    texts = without_ids(read_corpus("jnlpba-text", "dev", path=jnlpba_dir))
    others = without_ids(read_corpus("jnlpba-text", "train", path=jnlpba_dir))
    assert not any(left.text == right.text for left, right in zip(columns, texts, strict=True))

    found = duplicates(columns, [*others, *texts])

    assert [item.position for item in found] == list(range(len(columns)))
    assert [item.train_position - len(others) for item in found] == list(range(len(columns)))
    assert all(item.shared > 0.9 for item in found)
    assert sum(item.kind is Kind.TEXT for item in found) > 190


def test_all_abstracts_of_the_corpus_are_paired_and_none_falsely(jnlpba_dir: Path) -> None:
    columns = read_corpus("jnlpba", "all", path=jnlpba_dir)
    texts = read_corpus("jnlpba-text", "all", path=jnlpba_dir)
    found = duplicates(without_ids(columns), without_ids(texts))
    assert [item.position for item in found] == list(range(2_000))
    paired = ((columns[item.position].id, texts[item.train_position].id) for item in found)
    # One abstract is there twice; the first copy of its text is named.
    assert [pair for pair in paired if pair[0] != pair[1]] == [("97218353-2", "97218353")]


def test_the_published_splits_share_nothing(jnlpba_dir: Path) -> None:
    dev = read_corpus("jnlpba", "dev", path=jnlpba_dir)
    train = read_corpus("jnlpba", "train", path=jnlpba_dir)
    assert duplicates(without_ids(dev), without_ids(train)) == ()
    assert duplicates(dev, train) == ()


def test_ten_abstracts_that_are_in_both_are_found_by_id_and_by_text(jnlpba_dir: Path) -> None:
    dev = read_corpus("jnlpba", "dev", path=jnlpba_dir)
    train = read_corpus("jnlpba-text", "all", path=jnlpba_dir)[:-200]
    copied = read_corpus("jnlpba-text", "dev", path=jnlpba_dir)[40:50]
    found = duplicates(dev, [*train, *copied])
    assert [(item.position, item.kind) for item in found] == [(i, Kind.ID) for i in range(40, 50)]
    assert [item.id for item in found] == [item.train_id for item in found]
    by_text = duplicates(without_ids(dev), without_ids([*train, *copied]))
    assert [item.position for item in by_text] == list(range(40, 50))


@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(0, 40))
def test_near_duplicates_share_half_of_their_runs_of_words(seed: int, kept: int, new: int) -> None:
    rng = random.Random(seed)
    words = [rng.choice(WORDS) for _ in range(40)]
    other = " ".join([*words[:kept], *(rng.choice(WORDS) for _ in range(new))])
    scored = " ".join(words)
    expected = shared_slowly(scored, other)
    found = duplicates([Document(scored)], [Document("x"), Document(other)])
    assert bool(found) == (expected >= NEAR)
    if found:
        assert found[0].shared == pytest.approx(expected)
        assert found[0].train_position == 1
        assert (found[0].kind is Kind.TEXT) == (scored == other)


def test_the_slow_search_is_not_blind() -> None:
    words = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
    assert len(words) == SHINGLE + 1
    assert shared_slowly("A b-c d e f g h i", "x " + " ".join(words[:8])) == 0.5
    assert shared_slowly("a b", "A (b)") == 1.0


@pytest.mark.parametrize(
    ("scored", "train", "kind"),
    [
        (("7", "IL-2 binds"), ("7", "nothing of it"), Kind.ID),
        (("7", "IL-2 binds."), ("8", "(il - 2) BINDS"), Kind.TEXT),
        (("", "IL-2"), ("", "IL 2"), Kind.TEXT),
        (("7", "IL-2 binds"), ("8", "IL-2 binds DNA"), None),
        (("7", "..."), ("8", "---"), None),
        (("", ""), ("", ""), None),
        (("1", "IL-2"), ("1", "p53"), None),  # numbers, not ids
        (("0", "IL-2"), ("0", "p53"), None),
    ],
)
def test_what_counts_as_the_same_document(
    scored: tuple[str, str], train: tuple[str, str], kind: Kind | None
) -> None:
    ours, theirs = (Document(text, id=name) for name, text in (scored, train))
    assert [item.kind for item in duplicates([ours], [theirs])] == ([kind] if kind else [])


def test_the_best_match_is_named() -> None:
    text = " ".join(WORDS[:20])
    near = " ".join(WORDS[:18])
    train = [Document(near, id="near"), Document(text, id="text"), Document("x", id="a")]
    (found,) = duplicates([Document(text, id="a")], train[:2])
    assert (found.train_id, found.kind, found.shared) == ("text", Kind.TEXT, 1.0)
    (found,) = duplicates([Document(text, id="a")], train)
    assert (found.train_id, found.kind) == ("a", Kind.ID)
    (found,) = duplicates([Document(text, id="a")], train[:1])
    assert (found.train_id, found.kind, found.shared) == ("near", Kind.NEAR, 11 / 13)


def test_mentions_are_seen_unseen_and_ambiguous() -> None:
    train = [
        document("IL-2 and p53", (0, 4, "protein"), (9, 12, "protein")),
        document("il-2", (0, 4, "DNA")),
        document("the  gene", (0, 9, "DNA")),
    ]
    text = "IL-2 P53 p53 new The gene"
    gold = document(text, (0, 4, "DNA"), (5, 8, "protein"), (13, 16, "DNA"), (17, 25, "DNA"))
    predicted = document(text, (0, 4, "protein"), (5, 8, "protein"), (9, 12, "DNA"))
    found = mentions([gold], [predicted], train)
    assert found.seen == {"DNA": Counts(fn=2), "protein": Counts(tp=1, fp=1)}
    assert found.unseen == {"DNA": Counts(fp=1, fn=1)}
    assert found.ambiguous == {"DNA": Counts(fn=1), "protein": Counts(fp=1)}


@st.composite
def trios(draw: st.DrawFn) -> tuple[Document, Document, Document]:
    text = draw(st.text("abA ", min_size=1, max_size=12))

    def side(text: str) -> Document:
        spans = st.tuples(st.integers(0, len(text) - 1), st.integers(1, 3), st.sampled_from(LABELS))
        return document(
            text,
            *(
                (start, min(start + length, len(text)), label)
                for start, length, label in draw(st.lists(spans, max_size=6))
            ),
        )

    return side(text), side(text), side(draw(st.text("abA ", min_size=1, max_size=12)))


@given(st.lists(trios(), max_size=4))
def test_mentions_equal_counting_by_hand(found: list[tuple[Document, Document, Document]]) -> None:
    gold, predicted, train = ([trio[i] for trio in found] for i in range(3))
    counted = mentions(gold, predicted, train)

    def name(text: str) -> str:
        return re.sub(" +", " ", text.lower()).strip(" ")

    known = [(name(e.text), e.label) for item in train for e in item.entities]
    for kind, level in counted.levels.items():
        for label in LABELS:
            tp = fp = fn = 0
            for ours, theirs in zip(gold, predicted, strict=True):
                left, right = (
                    {(e.start, e.end) for e in side.entities if e.label == label}
                    for side in (ours, theirs)
                )
                for start, end in left | right:
                    text = name(ours.text[start:end])
                    member = {
                        "seen": (text, label) in known,
                        "unseen": (text, label) not in known,
                        "ambiguous": len({other for t, other in known if t == text}) > 1,
                    }[kind]
                    tp += member and (start, end) in left & right
                    fp += member and (start, end) in right - left
                    fn += member and (start, end) in left - right
            assert level.get(label, Counts()) == Counts(tp, fp, fn)
    assert counted.seen + counted.unseen == evaluate(gold, predicted).spans
    parts = [mentions(gold[:1], predicted[:1], train), mentions(gold[1:], predicted[1:], train)]
    assert sum(parts, Mentions()) == counted


def test_training_data_that_are_scored_are_wholly_seen(jnlpba_dir: Path) -> None:
    dev = read_corpus("jnlpba", "dev", path=jnlpba_dir)
    found = expose(dev, dev, dev)
    assert len(found.duplicates) == found.everything.n_documents == len(dev)
    assert found.without.n_documents == 0
    assert not found.mentions.unseen
    assert found.mentions.seen == found.everything.spans


def some_exposure() -> tuple[list[Document], list[Document], list[Document]]:
    gold = [
        document("IL-2 binds", (0, 4, "protein"), id="a"),
        document("p53 too", (0, 3, "protein"), id="b"),
    ]
    predicted = [gold[0].with_entities(()), gold[1]]
    return gold, predicted, [document("il 2 binds", id="x\x1b[31m")]


def test_scores_stand_with_and_without_duplicates() -> None:
    gold, predicted, train = some_exposure()
    found = expose(gold, predicted[::-1], train)
    assert found.everything.spans.micro == Counts(tp=1, fn=1)
    assert found.without.spans.micro == Counts(tp=1)
    assert found.without == evaluate(gold[1:], predicted[1:])
    data = json.loads(json.dumps(found.to_dict()))
    assert data["n_train"] == 1
    assert data["duplicates"] == [
        {
            "position": 0, "id": "a", "kind": "text",
            "train_position": 0, "train_id": "x\x1b[31m", "shared": 1.0,
        }
    ]  # fmt: skip
    assert data["without_duplicates"]["spans"]["micro"]["tp"] == 1
    assert data["mentions"]["unseen"]["rows"]["protein"]["fn"] == 1


def test_the_text_names_duplicates_and_shows_no_control_characters() -> None:
    shown = expose(*some_exposure()).to_text()
    lines = shown.splitlines()
    assert lines[0] == "1 of 2 documents are among the 1 training documents: 1 by text"
    assert lines[1].startswith("  `a`: `x")
    assert "\x1b" not in shown
    tables = [line for line in lines[lines.index("") + 1 :] if line.endswith(("support", "1", "2"))]
    assert len({len(line) for line in tables}) == 1
    assert [line.split()[:2] for line in lines if line.startswith("without ")] == [
        ["without", "micro"], ["without", "macro"], ["without", "weighted"]
    ]  # fmt: skip


def test_many_duplicates_are_counted_and_twenty_named() -> None:
    gold = [Document(f"text {i}", id=f"d{i}") for i in range(33)]
    lines = expose(gold, gold, gold).to_text().splitlines()
    assert lines[0].endswith("33 by id")
    assert lines[21] == "  ... and 13 more"


def test_sides_that_do_not_pair_are_an_error() -> None:
    with pytest.raises(InputError, match="missing on the predicted side"):
        expose([Document("x", id="a")], [], [])
