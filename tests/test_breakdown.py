"""Scores by a metadata key: every document is counted once, as `scoring` counts it."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from biospan import scoring
from biospan.breakdown import break_down
from biospan.document import Document, Entity
from biospan.errors import ConfigError, InputError

TEXT = "IL-2 gene in T cells"
SPANS = [(0, 4, "protein"), (0, 9, "DNA"), (13, 20, "cell_type"), (5, 9, "DNA")]


def document(number: int, spans: list[tuple[int, int, str]], **metadata: str) -> Document:
    entities = tuple(Entity(start, end, label, TEXT[start:end]) for start, end, label in spans)
    return Document(TEXT, id=str(number), entities=entities, metadata=metadata)


@pytest.fixture
def sides() -> tuple[list[Document], list[Document]]:
    rng = random.Random(0)
    values: list[Mapping[str, str]] = [{"kind": "dash"}, {}, {"kind": "caption"}, {"kind": ""}]
    gold = [document(n, rng.sample(SPANS, 2), **values[n % 4]) for n in range(22)]
    predicted = [document(n, rng.sample(SPANS, rng.randint(0, 3))) for n in range(22)]
    return gold, predicted


def test_each_part_is_scored_as_its_documents_alone_and_all_as_ever(
    sides: tuple[list[Document], list[Document]],
) -> None:
    gold, predicted = sides
    found = break_down(gold, reversed(predicted), "kind")
    assert list(found.parts) == ["dash", "caption", "", None]  # the last one has no such key
    for value, part in found.parts.items():
        pairs = [
            pair
            for pair in zip(gold, predicted, strict=True)
            if pair[0].metadata.get("kind") == value
        ]
        alone = scoring.evaluate([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        assert part.n_documents == len(pairs) == alone.n_documents
        assert part.counts == alone.spans.micro
    assert found.total.n_documents == 22
    assert found.total.counts == scoring.evaluate(gold, predicted).spans.micro


def test_table_and_json_hold_a_row_for_each_part_and_all(
    sides: tuple[list[Document], list[Document]],
) -> None:
    found = break_down(*sides, "kind")
    head, *rows = found.to_text().splitlines()
    names = ("documents", "gold", "predicted", "right", "precision", "recall", "f1")
    assert head.split() == ["kind", *names]
    assert [row[:9].strip() for row in rows] == ["dash", "caption", "''", "(no kind)", "all"]
    data: dict[str, Any] = found.to_dict()
    assert data["by"] == "kind"
    assert [part["value"] for part in data["parts"]] == ["dash", "caption", "", None]
    for row, part in zip(rows, [*data["parts"], data["total"]], strict=True):
        cells = row[9:].split()
        expected = [part["n_documents"], part["support"], part["predicted"], part["tp"]]
        assert list(map(int, cells[:4])) == expected
        scores = [f"{part[name]:.4f}" for name in ("precision", "recall", "f1")]
        assert cells[4:] == scores
    assert sum(part["predicted"] for part in data["parts"]) == data["total"]["predicted"]


def test_a_key_that_no_document_has_is_refused(
    sides: tuple[list[Document], list[Document]],
) -> None:
    with pytest.raises(
        ConfigError, match=r"`kinds`: no gold document has it\. Did you mean `kind`"
    ):
        break_down(*sides, "kinds")
    with pytest.raises(ConfigError, match="None has any metadata"):
        break_down(sides[1], sides[1], "kind")


def test_sides_that_do_not_pair_are_refused(sides: tuple[list[Document], list[Document]]) -> None:
    with pytest.raises(InputError, match="missing on the predicted side"):
        break_down(sides[0], sides[1][1:], "kind")
