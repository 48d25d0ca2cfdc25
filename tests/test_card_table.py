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


def test_the_second_table_is_the_score_of_what_was_not_trained_on() -> None:
    texts = [f"{TEXT} number {word}" for word in ("one", "two", "three", "four")]
    gold, predicted = [], []
    for number, text in enumerate(texts):
        both = [Entity(0, 9, "DNA", "IL-2 gene"), Entity(13, 20, "cell_type", "T cells")]
        gold.append(Document(text, id=f"d{number}").with_entities(both))
        predicted.append(gold[-1].with_entities(both[: 1 + number % 2]))
    train = [Document("Other words.", id="d1"), Document(texts[2].upper(), id="elsewhere")]

    table = evaluate(gold, predicted, train)
    rest = [0, 3]  # all but the one with a known id and the one with a known text
    expected = evaluate([gold[i] for i in rest], [predicted[i] for i in rest])
    assert table.rows == evaluate(gold, predicted).rows != expected.rows

    data = json.loads(json.dumps(table.to_dict()))
    without = data.pop("without_duplicates")
    assert data == json.loads(json.dumps(evaluate(gold, predicted).to_dict()))
    assert [found["id"] for found in without.pop("duplicates")] == ["d1", "d2"]
    assert data["notes"] == list(NOTES)
    assert without | {"notes": list(NOTES)} == json.loads(json.dumps(expected.to_dict()))

    text = table.to_text()
    assert "2 of the 4 documents are among the 2 training documents: d1, d2." in text
    head, between, tail = text.split("\n\n")[0], text.split("\n\n")[1], text.split("\n\n")[2:]
    assert head == evaluate(gold, predicted).to_text().split("\n\n")[0]
    assert "Without them" in between
    assert tail[0] == expected.to_text().split("\n\n")[0]
    assert tail[1] == "2 documents"
    assert tail[2].splitlines() == ["4 documents", *NOTES]


def test_without_a_document_in_common_there_is_one_table_and_a_word_of_it() -> None:
    gold = Document(TEXT, id="a")
    table = evaluate([gold], [gold], [Document("Something else.", id="b")])
    assert table.to_text().count("spans, micro  ") == 1
    assert "None of the 1 documents is among the 1 training documents." in table.to_text()
    assert table.to_dict()["without_duplicates"]["duplicates"] == []


def test_where_all_was_trained_on_nothing_is_left_to_score() -> None:
    gold = Document(TEXT)
    text = evaluate([gold], [gold], [gold]).to_text()
    assert "1 of the 1 documents are among the 1 training documents: number 1." in text
    assert "Nothing is left to score without them." in text
    assert text.count("spans, micro  ") == 1


def test_ids_are_named_up_to_twenty_and_cannot_reach_the_terminal() -> None:
    gold = [Document(f"{TEXT} {'x' * n}", id=f"a\x1b{n}") for n in range(22)]
    other = Document("Not in training.", id="other")
    text = evaluate([*gold, other], [*gold, other], gold).to_text()
    assert "\x1b" not in text
    assert " and 2 more." in text
