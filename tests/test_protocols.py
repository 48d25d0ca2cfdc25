"""Protocols against seqeval, scikit-learn and slow counting, on random and on real documents."""

import json
import logging
import random
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.metrics import precision_recall_fscore_support as sklearn_scores

from biospan import formats, scoring, tags
from biospan.corpora import read_corpus
from biospan.document import Document, Entity
from biospan.protocols import DEFINITIONS, Matches, Protocols, evaluate_all, evaluate_readings
from biospan.scoring import Counts

LABELS = ("DNA", "RNA", "cell_line", "cell_type", "protein")
TAGS = ("O", "O", *(f"{prefix}-{label}" for label in ("DNA", "cell_type") for prefix in "BI"))
PAGE = Path(__file__).parent.parent / "docs" / "evaluation.md"

Tags = Sequence[Sequence[str]]
Triple = tuple[int, int, str]
Score = tuple[float, float, float]


def scores(result: Protocols, name: str, average: str = "micro") -> Score:
    row = result[name].averages[average]
    return row.precision, row.recall, row.f1


def marked(text: str, triples: Iterable[Triple], name: str = "") -> Document:
    entities = (Entity(start, end, label, text[start:end]) for start, end, label in triples)
    return Document(text, id=name).with_entities(entities)


def evaluate_files(gold: Path, predicted: Path) -> Protocols:
    return evaluate_readings(
        (formats.read_strict(gold), formats.read_strict(predicted)),
        (formats.read_repaired(gold), formats.read_repaired(predicted)),
    )


@st.composite
def two_sides(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]]]:
    """Sentences of any tags, legal or not, for gold and predicted, of the same lengths."""
    lengths = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    gold, predicted = (
        [
            draw(st.lists(st.sampled_from(TAGS), min_size=length, max_size=length))
            for length in lengths
        ]
        for _ in range(2)
    )
    return gold, predicted


@st.composite
def offset_documents(draw: st.DrawFn) -> tuple[list[Document], list[Document]]:
    """Raw texts with entities anywhere: nested, crossing, repeated, on white space."""
    texts = draw(st.lists(st.text("ab -.\n", min_size=1, max_size=16), min_size=1, max_size=3))
    triples = st.tuples(st.integers(0, 15), st.integers(1, 6), st.sampled_from(LABELS[2:]))

    def side(text: str) -> Document:
        drawn = draw(st.lists(triples, max_size=6))
        fitting = [(start, min(start + n, len(text)), label) for start, n, label in drawn]
        return marked(text, (triple for triple in fitting if triple[0] < triple[1]))

    return [side(text) for text in texts], [side(text) for text in texts]


def write_columns(path: Path, sentences: Tags) -> Path:
    path.write_text("\n".join("".join(f"w\t{tag}\n" for tag in sentence) for sentence in sentences))
    return path


def flat(sentences: Tags) -> list[str]:
    return [tag for sentence in sentences for tag in sentence]


def seqeval(gold: Tags, predicted: Tags, *, strict: bool, average: str = "micro") -> Score:
    """What seqeval says; its lenient mode reads tags as conlleval does."""
    options = {"mode": "strict", "scheme": IOB2} if strict else {}
    reading = tags.to_spans if strict else (lambda side: tags.to_spans(tags.repair(side)))
    if not any(reading(sentence) for sentence in (*gold, *predicted)):
        return 0.0, 0.0, 0.0  # it has no average of nothing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1 = (
            float(score(gold, predicted, average=average, zero_division=0, **options))
            for score in (precision_score, recall_score, f1_score)
        )
    return precision, recall, f1


def slow(
    gold: list[Document], predicted: list[Document], matches: Callable[[Triple, Triple], bool]
) -> Score:
    """Every entity against every other one of its document."""
    matched = [0, 0]
    totals = [0, 0]
    for pair in zip(gold, predicted, strict=True):
        ours, theirs = ({(e.start, e.end, e.label) for e in side.entities} for side in pair)
        matched[0] += sum(any(matches(p, g) for g in ours) for p in theirs)
        matched[1] += sum(any(matches(p, g) for p in theirs) for g in ours)
        totals[0] += len(theirs)
        totals[1] += len(ours)
    return harmonic(matched[0], totals[0], matched[1], totals[1])


def harmonic(right: int, predicted: int, found: int, gold: int) -> Score:
    precision, recall = right / max(predicted, 1), found / max(gold, 1)
    return precision, recall, 2 * precision * recall / ((precision + recall) or 1)


def renamed(documents: list[Document], names: dict[str, str]) -> list[Document]:
    """Labels replaced, entities whose label has no new name left out."""
    return [
        marked(
            document.text,
            {(e.start, e.end, names[e.label]): None for e in document.entities if e.label in names},
            document.id,
        )
        for document in documents
    ]


SLOW: dict[str, Callable[[Triple, Triple], bool]] = {
    "typed": lambda p, g: p == g,
    "left": lambda p, g: (p[0], p[2]) == (g[0], g[2]),
    "right": lambda p, g: p[1:] == g[1:],
    "overlap": lambda p, g: p[2] == g[2] and bool({*range(*p[:2])} & {*range(*g[:2])}),
}


def assert_equals_slow_counting(gold: list[Document], predicted: list[Document]) -> None:
    result = evaluate_all(gold, predicted)
    for name, matches in SLOW.items():
        assert scores(result, name) == pytest.approx(slow(gold, predicted, matches)), name
    assert result["conlleval"] == result["typed"]
    one_label = {
        "untyped": dict.fromkeys(LABELS, "x"),
        "biobert": dict.fromkeys(("protein", "DNA", "RNA"), "x"),
    }
    for name, names in one_label.items():
        sides = renamed(gold, names), renamed(predicted, names)
        assert scores(result, name) == pytest.approx(slow(*sides, SLOW["typed"])), name


def assert_words_equal_sklearn(result: Protocols, gold: Sequence[str], seen: Sequence[str]) -> None:
    """Given the tags of all words, of both sides."""
    for name, sides in {
        "words": (gold, seen),
        "word_labels": tuple([tag.split("-")[-1] for tag in side] for side in (gold, seen)),
    }.items():
        names = sorted({*sides[0], *sides[1]} - {"O"})
        for average in ("micro", "macro", "weighted") if names else ():
            expected = sklearn_scores(*sides, labels=names, average=average, zero_division=0)
            assert scores(result, name, average) == pytest.approx(expected[:3]), (name, average)


@given(two_sides())
def test_typed_is_strict_seqeval_and_conlleval_its_lenient_mode(
    tmp_path_factory: pytest.TempPathFactory, sides: tuple[Tags, Tags]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    gold = write_columns(folder / "gold.iob2", sides[0])
    predicted = write_columns(folder / "predicted.iob2", sides[1])
    result = evaluate_files(gold, predicted)
    for average in ("micro", "macro", "weighted"):
        for name, strict in (("typed", True), ("conlleval", False)):
            expected = seqeval(*sides, strict=strict, average=average)
            assert scores(result, name, average) == pytest.approx(expected), (name, average)
    legal = not any(tags.problems(sentence) for side in sides for sentence in side)
    assert result.has_illegal_tags is not legal
    assert ("coincide" in result.to_text()) is legal
    strictly = ([tags.from_spans(len(s), tags.to_spans(s)) for s in side] for side in sides)
    assert_words_equal_sklearn(result, *map(flat, strictly))


@given(offset_documents())
def test_offsets_equal_slow_counting(documents: tuple[list[Document], list[Document]]) -> None:
    assert_equals_slow_counting(*documents)


@given(offset_documents(), offset_documents())
def test_levels_of_parts_add_up(
    first: tuple[list[Document], list[Document]], second: tuple[list[Document], list[Document]]
) -> None:
    parts = [evaluate_all(*side) for side in (first, second)]
    whole = evaluate_all(first[0] + second[0], first[1] + second[1])
    for name in ("typed", "untyped", "biobert", "words", "word_labels", "left", "overlap"):
        a, b, both = parts[0][name], parts[1][name], whole[name]
        if isinstance(a, Matches):
            assert isinstance(b, Matches)
            assert a + b == both
        else:
            assert not isinstance(b, Matches)
            assert a + b == both
    assert whole.unaligned == parts[0].unaligned + parts[1].unaligned


@given(offset_documents())
def test_typed_and_words_are_what_scoring_counts(
    documents: tuple[list[Document], list[Document]],
) -> None:
    result, report = evaluate_all(*documents), scoring.evaluate(*documents)
    assert (result["typed"], result["words"]) == (report.spans, report.words)
    assert (result.unaligned, result.n_documents) == (report.unaligned, report.n_documents)


def test_real_abstracts_with_moved_and_relabelled_entities(jnlpba_dir: Path) -> None:
    rng = random.Random(20040828)
    gold = read_corpus("jnlpba", "dev", path=jnlpba_dir)
    predicted, gold_tags, predicted_tags = [], [], []
    for document in gold:
        sentences = []
        for sentence in document.sentences():
            offsets = [(token.start, token.end) for token in sentence.tokens]
            inside = [e for e in document.entities if sentence.start <= e.start < sentence.end]
            gold_tags.append(tags.from_spans(len(offsets), tags.align([offsets], inside).spans[0]))
            noisy = [rng.choice(gold_tags[-1]) if rng.random() < 0.1 else t for t in gold_tags[-1]]
            predicted_tags.append(tags.repair(noisy))
            sentences += [
                (offsets[start][0], offsets[end - 1][1], label)
                for start, end, label in tags.to_spans(predicted_tags[-1])
            ]
        predicted.append(marked(document.text, sentences, document.id))

    assert_equals_slow_counting(gold, predicted)
    result = evaluate_all(gold, predicted)
    assert scores(result, "typed") == pytest.approx(seqeval(gold_tags, predicted_tags, strict=True))
    assert_words_equal_sklearn(result, flat(gold_tags), flat(predicted_tags))
    assert len({scores(result, name) for name in DEFINITIONS}) == len(DEFINITIONS) - 1


def test_one_long_entity_matches_several_short_ones() -> None:
    text = "IL-2 and IL-4"
    gold = marked(text, [(0, 4, "protein"), (9, 13, "protein")])
    long = marked(text, [(0, 13, "protein")])
    assert evaluate_all([gold], [long])["overlap"] == Matches(1, 1, 2, 2)
    assert evaluate_all([long], [gold])["overlap"] == Matches(2, 2, 1, 1)
    assert evaluate_all([gold], [long])["left"] == Matches(1, 1, 1, 2)


def test_neighbours_that_touch_share_no_character() -> None:
    left, right = marked("IL-2gene", [(0, 4, "DNA")]), marked("IL-2gene", [(4, 8, "DNA")])
    assert evaluate_all([left], [right])["overlap"] == Matches(0, 1, 0, 1)
    assert evaluate_all([right], [left])["overlap"] == Matches(0, 1, 0, 1)


def test_two_labels_on_one_span_count_once_where_labels_are_one() -> None:
    gold = marked("IL-2", [(0, 4, "protein")])
    both = marked("IL-2", [(0, 4, "protein"), (0, 4, "DNA"), (0, 4, "cell_line")])
    result = evaluate_all([gold], [both])
    assert result["untyped"].averages["micro"] == Counts(tp=1)
    assert result["biobert"].averages["micro"] == Counts(tp=1)
    assert result["typed"].averages["micro"] == Counts(tp=1, fp=2)


def test_only_the_columns_of_a_pair_of_files_have_two_readings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gold = write_columns(tmp_path / "gold.iob2", [["B-DNA", "I-DNA", "O"]])
    predicted = write_columns(tmp_path / "predicted.iob2", [["I-DNA", "I-DNA", "O"]])
    with caplog.at_level(logging.WARNING):
        result = evaluate_files(gold, predicted)
    assert scores(result, "typed") == (0, 0, 0)
    assert scores(result, "conlleval") == (1, 1, 1)
    assert f"{predicted}: 2 tags belong to no entity and mark nothing" in caplog.text
    assert "gold.iob2" not in caplog.text


def test_to_dict_survives_json_and_to_text_defines_every_row() -> None:
    text = "anti-CD28 mAb"
    result = evaluate_all([marked(text, [(5, 8, "protein")])], [marked(text, [(5, 9, "protein")])])
    data = json.loads(json.dumps(result.to_dict()))
    assert list(data["protocols"]) == list(DEFINITIONS)
    assert data["protocols"]["left"]["micro"]["f1"] == 1.0
    assert data["protocols"]["typed"]["macro"]["f1"] == 0.0
    assert all(data["protocols"][name]["definition"] == DEFINITIONS[name] for name in DEFINITIONS)
    lines = result.to_text().splitlines()
    rows = lines[1 : lines.index("")]
    assert len({len(line) for line in lines[: lines.index("")]}) == 1
    assert [re.split(r"  +", row)[0] for row in rows] == [
        "typed", "typed macro", "typed weighted", *list(DEFINITIONS)[1:]
    ]  # fmt: skip
    assert "1 entities of either side do not lie on whole words" in result.to_text()


def test_nothing_to_compare_scores_zero() -> None:
    for result in (evaluate_all([], []), evaluate_all([Document("x")], [Document("x")])):
        assert {scores(result, name) for name in result} == {(0.0, 0.0, 0.0)}


def examples() -> list[list[str]]:
    """Rows of the page's table whose first cell names a protocol."""
    table = [line.strip("|").split("|") for line in PAGE.read_text().splitlines() if "|" in line]
    cells = [[cell.strip().strip("`") for cell in row] for row in table]
    return [row for row in cells if len(row) == 7 and row[0] in DEFINITIONS]


def test_the_page_has_an_example_of_every_protocol_and_its_definition() -> None:
    assert {row[0] for row in examples()} == set(DEFINITIONS)
    flat = " ".join(PAGE.read_text().replace("`", "").split())
    for name, definition in DEFINITIONS.items():
        assert definition in flat, name


@pytest.mark.parametrize("row", examples(), ids=lambda row: row[0])
def test_the_examples_of_the_page_are_true(row: list[str], tmp_path: Path) -> None:
    name, tokens, *sides, precision, recall, f1 = row
    paths = []
    for side, given_tags in zip(("gold", "predicted"), sides, strict=True):
        lines = zip(tokens.split(), given_tags.split(), strict=True)
        paths.append(tmp_path / f"{side}.iob2")
        paths[-1].write_text("".join(f"{token}\t{tag}\n" for token, tag in lines))
    found = scores(evaluate_files(*paths), name)
    assert tuple(f"{value:.2f}" for value in found) == (precision, recall, f1)
