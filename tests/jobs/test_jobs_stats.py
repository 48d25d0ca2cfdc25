"""Counts of a finished job, against counting by hand."""

from collections import Counter
from pathlib import Path

import pytest
from stand_in import StandIn, expected_documents, here, line, write_corpus

from biospan.document import Document, Entity
from biospan.errors import MissingInputError
from biospan.jobs import Settings
from biospan.jobs.stats import Stats, stats

SETTINGS = Settings(load=StandIn(), shard_size=50)


def test_counts_are_those_of_the_documents(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    here(corpus, tmp_path / "out", SETTINGS)
    documents = expected_documents(corpus)
    counts = stats(tmp_path / "out")
    entities = [entity for document in documents for entity in document.entities]
    assert counts.documents == len(documents)
    assert counts.entities == Counter(entity.label for entity in entities)
    assert counts.mentions["protein"] == {"x" * 5: counts.entities["protein"]}
    assert counts.mentions["DNA"] == Counter(e.text for e in entities if e.label == "DNA")
    assert counts.holders["DNA"] == sum(
        any(e.label == "DNA" for e in document.entities) for document in documents
    )
    assert counts.years == Counter(document.metadata["year"] for document in documents)


def test_mentions_are_one_whatever_their_case_and_white_space() -> None:
    counts = Stats()
    for number, text in enumerate(["NF-kappa\nB", "nf-KAPPA  b"]):
        entity = Entity(0, len(text), "protein", text)
        counts.add(Document(text, str(number), entities=(entity,)))
    assert counts.mentions["protein"] == {"nf-kappa b": 2}
    assert counts.years == {"": 2}


def test_a_job_that_is_not_finished_is_not_counted(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no finished job"):
        stats(tmp_path)


def test_the_picture_shows_every_label_and_hostile_mentions(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from biospan.jobs.plot import draw

    path = tmp_path / "a.jsonl"
    path.write_text(line(1, text="$x_{ <b>abcdef \\frac{1 abcde") + line(2))
    here(path, tmp_path / "out", SETTINGS)
    draw(stats(tmp_path / "out"), tmp_path / "a.png")
    draw(Stats(), tmp_path / "empty.png")
    draw(stats(tmp_path / "out"), tmp_path / "b.png")
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert content == (tmp_path / "b.png").read_bytes()
    assert content != (tmp_path / "empty.png").read_bytes()
