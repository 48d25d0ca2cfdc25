"""Our scores beside the reference card's: the card's arithmetic, and our columns."""

import json

import pytest

from biospan import scoring
from biospan.card_table import CARD, NOTES, evaluate
from biospan.document import Document, Entity
from biospan.scoring import Scores, average

# How many entities of each label the official evaluation set has.
SUPPORT = {"cell_line": 500, "cell_type": 1921, "protein": 5067, "DNA": 1056, "RNA": 118}
TEXT = "IL-2 gene of T cells"


def document(*spans: tuple[int, int, str]) -> Document:
    return Document(TEXT).with_entities(
        Entity(start, end, label, TEXT[start:end]) for start, end, label in spans
    )


def test_the_averages_of_the_card_follow_from_its_rows() -> None:
    rows = [Scores(*CARD[label], support) for label, support in SUPPORT.items()]
    for name, expected in (
        ("spans, weighted", average(rows, list(SUPPORT.values()))),
        ("spans, macro", average(rows)),
    ):
        assert CARD[name] == pytest.approx(expected[:3], abs=1e-4)


def test_the_rows_of_the_card_are_harmonic_means_but_for_averages_over_rows() -> None:
    harmonic = {
        name
        for name, (precision, recall, f1) in CARD.items()
        if f1 == pytest.approx(2 * precision * recall / (precision + recall), abs=1.1e-4)
    }
    assert harmonic == {*SUPPORT, "spans, micro"}


def test_the_harmonic_mean_in_the_notes_is_that_of_the_words_row() -> None:
    row = CARD["words, weighted"]
    harmonic = 2 * row.precision * row.recall / (row.precision + row.recall)
    assert any(f"{harmonic:.4f}" in note for note in NOTES)
    assert f"{harmonic:.4f}" != f"{row.f1:.4f}"


def test_our_columns_are_what_scoring_counts() -> None:
    gold = document((0, 9, "DNA"), (13, 20, "cell_type"))
    predicted = document((0, 4, "protein"), (13, 20, "cell_type"))
    report = scoring.evaluate([gold], [predicted])
    table = evaluate([gold], [predicted])
    assert table.rows == {
        "cell_line": None,
        "cell_type": report.spans["cell_type"],
        "protein": report.spans["protein"],
        "DNA": report.spans["DNA"],
        "RNA": None,
        "spans, micro": report.spans.micro,
        "spans, weighted": report.spans.weighted,
        "spans, macro": report.spans.macro,
        "words, weighted": report.words.weighted,
    }
    assert report.words.weighted.f1 != report.words.micro.f1

    lines = table.to_text().splitlines()
    blank = lines.index("")
    assert len({len(line) for line in lines[:blank]}) == 1
    assert lines[2].split() == ["cell_line", "0.5205", "0.7100", "0.6007", "-", "-", "-", "-"]
    assert lines[3].split()[-7:] == [
        "0.7736",
        "0.7422",
        "0.7576",
        "1.0000",
        "1.0000",
        "1.0000",
        "1",
    ]
    assert lines[blank + 1 :] == ["1 documents", *NOTES]

    data = json.loads(json.dumps(table.to_dict()))
    assert list(data["rows"]) == list(CARD)
    assert data["rows"]["RNA"] == {
        "card": {"precision": 0.6985, "recall": 0.8051, "f1": 0.748},
        "ours": None,
    }
    assert data["rows"]["spans, micro"]["ours"]["f1"] == report.spans.micro.f1
    assert data["notes"] == list(NOTES)


def test_our_f1_has_its_intervals_where_there_are_several_documents() -> None:
    found = document((0, 9, "DNA"), (13, 20, "cell_type"))
    missed = document((13, 20, "cell_type"))
    table = evaluate([found] * 3, [found, missed, found])
    intervals = table.report.f1_intervals()
    rows = {line[:15].strip(): line for line in table.to_text().splitlines()}
    for name, bounds in (("DNA", intervals.labels["DNA"]), ("spans, micro", intervals.micro)):
        assert bounds is not None
        assert rows[name].endswith(f"{bounds[0]:.4f} to {bounds[1]:.4f}")
    assert " to " not in rows["protein"] + rows["spans, macro"]
    assert table.to_dict()["f1_intervals"] == intervals.to_dict()
