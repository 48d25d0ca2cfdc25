"""Two outputs compared: counts as `evaluate` counts them, and resampling of the right documents."""

import json
import random

import pytest

from biospan import scoring
from biospan.comparison import Comparison, compare
from biospan.document import Document, Entity
from biospan.errors import InputError
from biospan.resampling import N_PAIRED, holm

LABELS = ("DNA", "cell_type", "protein")


def documents(n: int, *, seed: int = 0, wrong: float = 0.0, named: bool = True) -> list[Document]:
    """Documents of up to 12 words, each an entity; a share of the labels is another one."""
    rng, noise = random.Random(0), random.Random(seed)
    found = []
    for number in range(n):
        n_words = rng.randint(1, 12)
        text = " ".join(["ab"] * n_words)
        labels = [rng.choice(LABELS) for _ in range(n_words)]
        entities = [
            Entity(
                3 * i, 3 * i + 2, noise.choice(LABELS) if noise.random() < wrong else label, "ab"
            )
            for i, label in enumerate(labels)
        ]
        found.append(Document(text, id=f"d{number}" if named else "", entities=tuple(entities)))
    return found


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(
        documents(60), documents(60, seed=1, wrong=0.6), documents(60, seed=2, wrong=0.2)
    )


def test_both_are_scored_as_evaluate_scores_them(compared: Comparison) -> None:
    for side, predicted in (
        ("a", documents(60, seed=1, wrong=0.6)),
        ("b", documents(60, seed=2, wrong=0.2)),
    ):
        spans = scoring.evaluate(documents(60), predicted).spans
        assert {name: getattr(row, side) for name, row in compared.labels.items()} == spans
        assert getattr(compared.micro, side) == spans.micro
    assert compared.n_documents == 60
    assert compared.micro.f1 == compared.micro.b.f1 - compared.micro.a.f1 > 0.2
    assert compared.micro.p == 1 / (N_PAIRED + 1)


def test_p_values_of_labels_are_adjusted_beside_the_raw_ones(compared: Comparison) -> None:
    rows = list(compared.labels.values())
    assert [row.p_holm for row in rows] == holm([row.p for row in rows])
    assert compared.micro.p_holm is None


def test_documents_are_paired_by_id_in_any_order(compared: Comparison) -> None:
    a, b = documents(60, seed=1, wrong=0.6), documents(60, seed=2, wrong=0.2)
    assert compare(documents(60), reversed(a), random.Random(4).sample(b, 60)) == compared
    unnamed = [
        documents(60, seed=seed, wrong=wrong, named=False)
        for seed, wrong in ((0, 0.0), (1, 0.6), (2, 0.2))
    ]
    assert compare(*map(iter, unnamed)) == compared


def test_an_output_beside_itself_has_difference_0_and_p_1() -> None:
    a = documents(30, seed=1, wrong=0.5)
    found = compare(documents(30), a, a)
    for row in (*found.labels.values(), found.micro):
        assert (row.f1, row.interval, row.share_without_sign, row.p) == (0, (0, 0), 1, 1)


def test_a_label_that_one_output_alone_has_is_a_row() -> None:
    text = "ab"
    gold, a = (Document(text, entities=(Entity(0, 2, "DNA", text),)) for _ in range(2))
    b = Document(text, entities=(Entity(0, 2, "dna", text),))
    found = compare([gold], [a], [b])
    assert list(found.labels) == ["DNA", "dna"]
    assert found.labels["dna"].b == scoring.Counts(fp=1)
    assert found.labels["dna"].a == scoring.Counts()


def test_documents_that_one_output_lacks_are_an_error() -> None:
    with pytest.raises(InputError, match="`d2`: missing on the predicted side"):
        compare(documents(3), documents(3), documents(2))


def test_to_dict_survives_json(compared: Comparison) -> None:
    data = json.loads(json.dumps(compared.to_dict()))
    row, expected = data["labels"]["DNA"], compared.labels["DNA"]
    assert row["a"]["f1"] == expected.a.f1
    assert row["f1_difference"] == expected.f1
    assert tuple(row["interval"]) == expected.interval
    assert (row["p"], row["p_holm"]) == (expected.p, expected.p_holm)
    assert (data["n_documents"], data["resamples"], data["confidence"]) == (60, N_PAIRED, 0.95)
    assert data["micro"]["share_without_sign"] == compared.micro.share_without_sign


def test_to_text_is_two_aligned_tables(compared: Comparison) -> None:
    scores, differences, notes = (part.splitlines() for part in compared.to_text().split("\n\n"))
    assert [line.split()[0] for line in scores] == ["spans", *LABELS, "micro"]
    assert len({len(line) for line in scores}) == 1
    assert [line.split()[0] for line in differences] == ["B", *LABELS, "micro"]
    assert len({len(line) for line in differences[:-1]}) == 1
    dna = compared.labels["DNA"]
    assert scores[1].split()[3::3][:2] == [f"{dna.a.f1:.4f}", f"{dna.b.f1:.4f}"]
    assert differences[1].split()[1] == f"{dna.f1:+.4f}"
    assert notes[0] == "60 documents"


def test_nothing_to_compare_is_shown_without_an_interval() -> None:
    assert "0 documents" in compare([], [], []).to_text()
    hostile = Document("a", entities=(Entity(0, 1, "\x1b[2J\n", "a"),))
    assert "\x1b" not in compare([hostile], [hostile], [hostile]).to_text()
