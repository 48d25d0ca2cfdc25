"""A user's own names, and those that are not to be marked."""

import gzip
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity
from biospan.errors import InputError, MissingInputError
from biospan.refine.dictionary import DICTIONARY, Dictionary, Term
from biospan.refine.exclusion import Exclusions

TERMS = "# ours\nIL-2\tprotein\tHGNC:6001\nT cell\tcell_type\nWAS\tprotein\t\n\nNF-κB\tprotein\n"


def write(folder: Path, content: str, name: str = "terms.tsv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def told(document: Document) -> list[tuple[str, str, float | None, str | None, str | None]]:
    return [(e.text, e.label, e.score, e.id, e.source) for e in document.entities]


def tagged(text: str, *marks: tuple[str, str]) -> Document:
    return Document(text).with_entities(
        Entity(text.index(mention), text.index(mention) + len(mention), label, mention, 0.5)
        for mention, label in marks
    )


@pytest.fixture
def dictionary(tmp_path: Path) -> Dictionary:
    return Dictionary.read(write(tmp_path, TERMS))


def test_mentions_are_marked_with_their_identifiers(dictionary: Dictionary) -> None:
    assert (len(dictionary), dictionary.labels) == (4, ("cell_type", "protein"))
    assert told(dictionary.mark(Document("IL-2 was in WAS, NF-kappa B and T-cell."))) == [
        ("IL-2", "protein", None, "HGNC:6001", DICTIONARY),
        ("WAS", "protein", None, None, DICTIONARY),
        ("NF-kappa B", "protein", None, None, DICTIONARY),
        ("T-cell", "cell_type", None, None, DICTIONARY),
    ]


def test_an_entity_of_the_same_span_and_label_gets_the_identifier(dictionary: Dictionary) -> None:
    document = dictionary.mark(tagged("IL-2 rose.", ("IL-2", "protein")))
    assert told(document) == [("IL-2", "protein", 0.5, "HGNC:6001", None)]


def test_of_the_same_span_the_dictionarys_label_holds(dictionary: Dictionary) -> None:
    document = dictionary.mark(tagged("IL-2 rose.", ("IL-2", "DNA")))
    assert told(document) == [("IL-2", "protein", None, "HGNC:6001", DICTIONARY)]


def test_the_longer_of_a_mention_and_an_entity_stays(dictionary: Dictionary) -> None:
    longer = tagged("The IL-2 gene.", ("IL-2 gene", "DNA"))
    assert dictionary.mark(longer) == longer
    shorter = tagged("The T cell.", ("cell", "cell_line"))
    assert [e.text for e in dictionary.mark(shorter).entities] == ["T cell"]


def test_an_entity_goes_only_for_a_mention_that_stays() -> None:
    text = "aa bb cc dd ee"
    made = Dictionary([("bb cc", Term("DNA", None))])
    document = tagged(text, ("cc dd ee", "protein"), ("bb", "RNA"))
    assert made.mark(document) == document


offsets = st.tuples(st.integers(0, 9), st.integers(1, 4))


@given(st.lists(offsets, max_size=5), st.sets(st.sampled_from("abcdefghij"), max_size=5))
def test_nothing_overlaps_a_mention_that_stays(
    places: list[tuple[int, int]], names: set[str]
) -> None:
    text = " ".join("abcdefghij")
    entities = [
        Entity(2 * n, min(2 * (n + m) - 1, 19), "DNA", text[2 * n : min(2 * (n + m) - 1, 19)], 0.5)
        for n, m in places
    ]
    made = Dictionary([(name, Term("protein", None)) for name in sorted(names)])
    done = made.mark(Document(text).with_entities(entities))
    kept = [e for e in done.entities if e.source == DICTIONARY]
    for mention in kept:
        over = [e for e in done.entities if e.start < mention.end and mention.start < e.end]
        assert over == [mention]
    for name in names:  # a mention is only left out where something as long or longer stands
        start = text.index(name)
        assert any(e.start <= start < e.end for e in done.entities)


def test_the_first_of_two_terms_holds_and_the_other_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, "IL-2\tprotein\tA\nIL 2\tprotein\tB\nIL-2\tprotein\tA\n")
    with caplog.at_level(logging.WARNING):
        made = Dictionary.read(path)
    assert made.mark(Document("IL-2")).entities[0].id == "A"
    assert "1 terms ignored" in caplog.text


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("IL-2\n", ":1: got 1 columns"),
        ("IL-2\tprotein\nIL-4\ta\tb\tc\n", ":2: got 4 columns"),
        ("IL-2\ta b\n", ":1: label `a b`"),
        ("+\tprotein\n", ":1: expected a letter"),
    ],
)
def test_a_line_that_is_no_term_is_refused(tmp_path: Path, content: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        Dictionary.read(write(tmp_path, content))


def test_a_packed_file_is_the_same_dictionary(tmp_path: Path) -> None:
    plain = write(tmp_path, TERMS)
    packed = tmp_path / "terms.tsv.gz"
    packed.write_bytes(gzip.compress(TERMS.replace("\n", "\r\n").encode()))
    other = write(tmp_path, TERMS + "x1\tprotein\n", "other.tsv")
    one, two, three = map(Dictionary.read, (plain, packed, other))
    assert one.fingerprint == two.fingerprint != three.fingerprint
    with pytest.raises(MissingInputError):
        Dictionary.read(tmp_path / "none.tsv")


def test_excluded_mentions_are_dropped_whole(tmp_path: Path) -> None:
    made = Exclusions.read(write(tmp_path, "# no\nmonocytes\nIL-2\tDNA\nIL-2\tRNA\n", "no.txt"))
    document = tagged(
        "Monocytes, human monocytes, IL-2; NF-AT",
        *(("Monocytes", "cell_type"), ("human monocytes", "cell_type")),
        *(("IL-2", "DNA"), ("IL-2", "protein"), ("NF-AT", "protein")),
    )
    assert [(e.text, e.label) for e in made.drop(document).entities] == [
        *(("human monocytes", "cell_type"), ("IL-2", "protein"), ("NF-AT", "protein")),
    ]


def test_lines_that_exclude_nothing_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)no.txt:1: mention.*no.txt:2: label `a b`"):
        Exclusions.read(write(tmp_path, "+\nIL-2\ta b\n", "no.txt"))
