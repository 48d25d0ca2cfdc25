"""Scores against seqeval, scikit-learn and counting by hand, on random and on real documents."""

import json
import pickle
import random
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import precision_recall_fscore_support

from biospan import resampling, tags
from biospan.corpora import read_corpus
from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import InputError
from biospan.scoring import Counts, Level, Report, Scores, average, evaluate

LABELS = ("DNA", "cell_type", "protein")
TAGS = ("O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI"))

Tags = Sequence[Sequence[str]]


def tokenized(sentences: Tags) -> Document:
    """A document with one word per tag, one sentence per line, and the entities of the tags."""
    text = "\n".join(" ".join(f"w{i}" for i in range(len(sentence))) for sentence in sentences)
    parts, entities, position = [], [], 0
    for sentence in sentences:
        tokens = []
        for index in range(len(sentence)):
            word = f"w{index}"
            tokens.append(Token(position, position + len(word), word))
            position += len(word) + 1
        parts.append(Sentence(tokens[0].start, tokens[-1].end, tuple(tokens)))
        entities += [
            entity(text, tokens[span.start].start, tokens[span.end - 1].end, span.label)
            for span in tags.to_spans(sentence)
        ]
    return Document(text, passages=(Passage(0, len(text), "text", tuple(parts)),)).with_entities(
        entities
    )


def entity(text: str, start: int, end: int, label: str = "protein") -> Entity:
    return Entity(start, end, label, text[start:end])


def assert_equals_seqeval(report: Report, gold: Tags, predicted: Tags) -> None:
    with warnings.catch_warnings():  # seqeval warns about labels without a prediction
        warnings.simplefilter("ignore")
        expected = classification_report(
            gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
        )
    found: dict[str, Counts | Scores] = {**report.spans}
    found |= {f"{name} avg": scores for name, scores in report.spans.averages.items()}
    assert found.keys() == expected.keys()
    for name, row in expected.items():
        scores = found[name]
        assert scores.precision == pytest.approx(row["precision"])
        assert scores.recall == pytest.approx(row["recall"])
        assert scores.f1 == pytest.approx(row["f1-score"])
        assert scores.support == row["support"]


def assert_equals_sklearn(report: Report, gold: Tags, predicted: Tags) -> None:
    """The level of words, for tag sequences that are legal."""
    flat_gold = [tag for sentence in gold for tag in sentence]
    flat_predicted = [tag for sentence in predicted for tag in sentence]
    names = sorted({*flat_gold, *flat_predicted} - {"O"})
    assert list(report.words) == names
    pairs = list(zip(flat_gold, flat_predicted, strict=True))
    for name in names:
        assert report.words[name] == Counts(
            tp=sum(g == name == p for g, p in pairs),
            fp=sum(g != name == p for g, p in pairs),
            fn=sum(g == name != p for g, p in pairs),
        )
    if not names:
        return
    for average_name, row in report.words.averages.items():
        expected = precision_recall_fscore_support(
            flat_gold, flat_predicted, labels=names, average=average_name, zero_division=0
        )
        assert (row.precision, row.recall, row.f1) == pytest.approx(expected[:3])


@st.composite
def two_sides(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]]]:
    """Sentences of any tags, legal or not, for gold and predicted, of the same lengths."""
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))

    def side() -> list[list[str]]:
        return [
            draw(st.lists(st.sampled_from(TAGS), min_size=length, max_size=length))
            for length in lengths
        ]

    return side(), side()


@st.composite
def offset_documents(draw: st.DrawFn) -> tuple[Document, Document]:
    """Raw text with entities anywhere: nested, crossing, repeated, on white space."""
    text = draw(st.text("ab -.\n", min_size=1, max_size=30))

    def side() -> Document:
        spans = draw(
            st.lists(
                st.tuples(
                    st.integers(0, len(text) - 1), st.integers(1, 8), st.sampled_from(LABELS)
                ),
                max_size=8,
            )
        )
        return Document(
            text,
            entities=tuple(
                entity(text, start, min(start + length, len(text)), label)
                for start, length, label in spans
            ),
        )

    return side(), side()


def word_tags(document: Document) -> tuple[list[str], int, int]:
    """Word by word and the slow way: tags, entities that were widened, entities that were lost."""
    words = [match.span() for match in re.finditer(r"[ab]+|[-.]", document.text)]
    found, widened, lost = ["O"] * len(words), 0, 0
    for start, end, label in dict.fromkeys((e.start, e.end, e.label) for e in document.entities):
        own = [i for i, word in enumerate(words) if word[0] < end and start < word[1]]
        if not own or any(found[i] != "O" for i in own):
            lost += 1
            continue
        widened += (words[own[0]][0], words[own[-1]][1]) != (start, end)
        for i in own:
            found[i] = f"{'B' if i == own[0] else 'I'}-{label}"
    return found, widened, lost


def noisy(sentence: Sequence[str], rng: random.Random) -> list[str]:
    choices = ["O", *sorted({tag for tag in sentence if tag != "O"}), "B-RNA", "I-protein"]
    return [rng.choice(choices) if rng.random() < 0.1 else tag for tag in sentence]


@given(two_sides())
def test_spans_equal_seqeval_strict(sides: tuple[Tags, Tags]) -> None:
    gold, predicted = sides
    assume(any(tags.to_spans(sentence) for sentence in (*gold, *predicted)))
    report = evaluate([tokenized(gold)], [tokenized(predicted)])
    assert_equals_seqeval(report, gold, predicted)


@given(two_sides())
def test_words_equal_sklearn(sides: tuple[Tags, Tags]) -> None:
    gold, predicted = ([tags.repair(sentence) for sentence in side] for side in sides)
    report = evaluate([tokenized(gold)], [tokenized(predicted)])
    assert_equals_sklearn(report, gold, predicted)
    assert report.unaligned == 0


def test_real_abstracts_with_noise_equal_seqeval_and_sklearn(jnlpba_dir: Path) -> None:
    rng = random.Random(20040828)
    documents = read_corpus("jnlpba", "dev", path=jnlpba_dir)
    predicted, gold_tags, predicted_tags = [], [], []
    for document in documents:
        entities = []
        for sentence in document.sentences():
            offsets = [(token.start, token.end) for token in sentence.tokens]
            inside = [e for e in document.entities if sentence.start <= e.start < sentence.end]
            spans = tags.align([offsets], inside).spans[0]
            gold_tags.append(tags.from_spans(len(offsets), spans))
            predicted_tags.append(tags.repair(noisy(gold_tags[-1], rng)))
            entities += [
                entity(document.text, offsets[start][0], offsets[end - 1][1], label)
                for start, end, label in tags.to_spans(predicted_tags[-1])
            ]
        predicted.append(document.with_entities(entities))

    report = evaluate(documents, reversed(predicted))

    assert report.n_documents == len(documents) > 0
    assert report.unaligned == 0
    assert len(report.words) == 10
    assert 0.5 < report.spans.micro.f1 < 0.99
    assert_equals_seqeval(report, gold_tags, predicted_tags)
    assert_equals_sklearn(report, gold_tags, predicted_tags)


@given(offset_documents())
def test_offsets_equal_counting_by_hand(documents: tuple[Document, Document]) -> None:
    gold, predicted = documents
    report = evaluate([gold], [predicted])

    left, right = ([(e.start, e.end, e.label) for e in side.entities] for side in documents)
    labels = sorted({label for *_, label in left + right})
    assert list(report.spans) == labels
    for label in labels:
        ours = {span for span in left if span[2] == label}
        theirs = {span for span in right if span[2] == label}
        assert report.spans[label] == Counts(
            tp=len(ours & theirs), fp=len(theirs - ours), fn=len(ours - theirs)
        )

    gold_tags, gold_widened, gold_lost = word_tags(gold)
    predicted_tags, predicted_widened, predicted_lost = word_tags(predicted)
    assert_equals_sklearn(report, [gold_tags], [predicted_tags])
    assert report.widened == gold_widened + predicted_widened
    assert report.lost == gold_lost + predicted_lost
    assert report.unaligned == report.widened + report.lost


@given(st.lists(offset_documents(), max_size=6), st.data())
def test_reports_of_parts_add_up(
    documents: list[tuple[Document, Document]], data: st.DataObject
) -> None:
    gold, predicted = [left for left, _ in documents], [right for _, right in documents]
    cut = data.draw(st.integers(0, len(documents)))
    first, second = evaluate(gold[:cut], predicted[:cut]), evaluate(gold[cut:], predicted[cut:])
    whole = evaluate(gold, predicted)
    assert first + second == whole == second + first
    assert sum([first, second], Report()).to_dict() == whole.to_dict()


@given(offset_documents())
def test_a_document_agrees_with_itself(documents: tuple[Document, Document]) -> None:
    document, _ = documents
    report = evaluate([document], [document])
    for row in (*report.spans.values(), *report.words.values()):
        assert (row.fp, row.fn) == (0, 0)
        assert row.tp > 0


@given(offset_documents())
def test_swapping_the_sides_swaps_precision_and_recall(
    documents: tuple[Document, Document],
) -> None:
    gold, predicted = documents
    there, back = evaluate([gold], [predicted]), evaluate([predicted], [gold])
    for level, mirrored in ((there.spans, back.spans), (there.words, back.words)):
        assert {name: (row.tp, row.fp, row.fn) for name, row in level.items()} == {
            name: (row.tp, row.fn, row.fp) for name, row in mirrored.items()
        }


def test_documents_pair_by_id_in_any_order() -> None:
    gold = [
        Document("IL-2", id="a", entities=(entity("IL-2", 0, 4),)),
        Document("p53", id="b", entities=(entity("p53", 0, 3, "DNA"),)),
    ]
    report = evaluate(iter(gold), reversed(gold))
    assert report.spans == {"DNA": Counts(tp=1), "protein": Counts(tp=1)}
    assert report.n_documents == 2


def test_documents_without_ids_pair_by_position() -> None:
    gold = [Document("IL-2", entities=(entity("IL-2", 0, 4),)), Document("IL-2")]
    assert evaluate(gold, gold).spans.micro == Counts(tp=1)
    assert evaluate(gold, gold[::-1]).spans.micro == Counts(fp=1, fn=1)


@pytest.mark.parametrize(
    ("gold", "predicted", "lines"),
    [
        ([("a", "x")], [], ["document `a`: missing on the predicted side"]),
        ([], [("a", "x")], ["document `a`: missing on the gold side"]),
        (
            [("a", "x")],
            [("", "x")],
            [
                "document `a`: missing on the predicted side",
                "document ``: missing on the gold side",
            ],
        ),
        ([("a", "x")] * 2, [("a", "x")], ["document `a`: more than once on the gold side"]),
        ([("a", "x")], [("a", "x")] * 2, ["document `a`: more than once on the predicted side"]),
        (
            [("a", "IL-2\r\n")],
            [("a", "IL-2\n")],
            [r"document `a`: the texts differ from character 4 on: gold has '\r\n', predicted"],
        ),
        (
            [("a", "IL-2")],
            [("a", "IL-2 ")],
            ["document `a`: the texts differ from character 4 on: gold has '', predicted has ' '"],
        ),
        (
            [("", "x"), ("", "y")],
            [("", "x")],
            ["document number 2: missing on the predicted side"],
        ),
        (
            [("", "x"), ("", "y")],
            [("", "x"), ("", "z")],
            ["document number 2: the texts differ from character 0 on"],
        ),
    ],
)
def test_documents_that_do_not_pair_are_named(
    gold: list[tuple[str, str]], predicted: list[tuple[str, str]], lines: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(
            [Document(text, id=name) for name, text in gold],
            [Document(text, id=name) for name, text in predicted],
        )
    found = str(caught.value).splitlines()
    assert [line[: len(start)] for line, start in zip(found, lines, strict=True)] == lines


def test_of_many_documents_that_do_not_pair_twenty_are_named() -> None:
    with pytest.raises(InputError) as caught:
        evaluate([Document("x", id=f"d{i}") for i in range(33)], [])
    assert str(caught.value).count("missing on the predicted side") == 20
    assert "and 13 more" in str(caught.value)


def test_a_repeated_entity_counts_once() -> None:
    text = "IL-2 gene"
    twice = Document(
        text, entities=(Entity(0, 4, "protein", "IL-2", 0.9), Entity(0, 4, "protein", "IL-2", 0.5))
    )
    report = evaluate([Document(text, entities=(entity(text, 0, 4),))], [twice])
    assert report.spans == {"protein": Counts(tp=1)}
    assert report.lost == 0


def test_the_words_of_the_gold_document_are_used() -> None:
    text = "IL-2 gene"
    one_word = Sentence(0, 9, (Token(0, 4, "IL-2"), Token(5, 9, "gene")))
    marked = Document(text, entities=(entity(text, 0, 4),))
    given_words = marked.with_passages([Passage(0, 9, "text", (one_word,))])
    assert evaluate([given_words], [marked]).words == {"B-protein": Counts(tp=1)}
    assert evaluate([marked], [given_words]).words == {
        "B-protein": Counts(tp=1),
        "I-protein": Counts(tp=2),
    }


def test_a_sentence_boundary_inside_an_entity_loses_nothing() -> None:
    text = "Binds E. Coli. The end."
    document = Document(text, entities=(entity(text, 6, 18),))
    report = evaluate([document], [document])
    assert report.lost == 0
    assert report.words.micro.fn == 0


def test_entities_inside_a_word_are_widened_and_reported() -> None:
    text = "anti-CD28 mAb"
    gold = Document(text, entities=(entity(text, 5, 8), entity(text, 9, 10, "DNA")))
    report = evaluate([gold], [Document(text)])
    assert (report.widened, report.lost, report.unaligned) == (1, 1, 2)
    assert report.spans.micro == Counts(fn=2)
    assert report.words.micro == Counts(fn=1)


@given(*[st.integers(0, 50)] * 3)
def test_scores_are_those_of_the_definition(tp: int, fp: int, fn: int) -> None:
    counts = Counts(tp, fp, fn)
    assert counts.support == tp + fn
    if tp:
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        assert counts.precision == pytest.approx(precision)
        assert counts.recall == pytest.approx(recall)
        assert counts.f1 == pytest.approx(2 * precision * recall / (precision + recall))
    else:
        assert (counts.precision, counts.recall, counts.f1) == (0.0, 0.0, 0.0)


def test_a_published_macro_average_that_is_weighted_by_support() -> None:
    """The model card of the public SciBERT-JNLPBA model prints 0.7498 as its "macro avg"."""
    card = [(0.6007, 500), (0.7576, 1921), (0.7633, 5067), (0.7419, 1056), (0.7480, 118)]
    rows = [Scores(0.0, 0.0, f1, support) for f1, support in card]
    weighted = average(rows, [row.support for row in rows])
    assert weighted.f1 == pytest.approx(0.7498, abs=5e-5)
    assert average(rows).f1 == pytest.approx(0.7223, abs=5e-5)
    assert weighted.support == average(rows).support == 8662


def test_average_refuses_too_few_weights() -> None:
    with pytest.raises(ValueError, match="shorter"):
        average([Counts(1), Counts(2)], [1.0])


def test_nothing_to_compare_scores_zero() -> None:
    for report in (Report(), evaluate([], []), evaluate([Document("x")], [Document("x")])):
        for level in (report.spans, report.words):
            assert not level
            for row in level.averages.values():
                assert (row.precision, row.recall, row.f1, row.support) == (0, 0, 0, 0)
        assert len(report.to_text().splitlines()) == 11


def some_report() -> Report:
    return Report(
        spans=Level({"protein": Counts(6, 2, 4), "DNA": Counts(1, 0, 1)}),
        words=Level({"B-protein": Counts(7, 1, 3)}),
        n_documents=3,
        widened=2,
    )


def test_to_dict_survives_json() -> None:
    data: dict[str, Any] = json.loads(json.dumps(some_report().to_dict()))
    assert data["n_documents"] == 3
    assert (data["widened"], data["lost"]) == (2, 0)
    assert list(data["spans"]["rows"]) == ["DNA", "protein"]
    assert data["spans"]["rows"]["protein"] == {
        "tp": 6, "fp": 2, "fn": 4, "precision": 0.75, "recall": 0.6, "f1": 12 / 18, "support": 10
    }  # fmt: skip
    assert data["spans"]["micro"]["tp"] == 7
    assert data["spans"]["macro"]["precision"] == pytest.approx(0.875)
    assert data["words"]["weighted"]["recall"] == pytest.approx(0.7)


def test_to_text_is_an_aligned_table_of_both_levels() -> None:
    lines = some_report().to_text().splitlines()
    blank = lines.index("")
    assert [line.split()[0] for line in lines if line] == [
        "spans", "DNA", "protein", "micro", "macro", "weighted",
        "words", "B-protein", "micro", "macro", "weighted",
        "3", "words:",
    ]  # fmt: skip
    tables = [line for index, line in enumerate(lines[:-3]) if index != blank]
    assert {len(line) for line in tables} == {len(lines[0])}
    assert lines[-2] == "3 documents"
    assert "2 entities of either side are widened to whole words, 0 left out" in lines[-1]
    assert lines[2].split() == ["protein", "0.7500", "0.6000", "0.6667", "10"]


def labels(gold: str, predicted: str) -> list[str]:
    """Notes on labels, of a text with one entity a word: two words, two labels on either side."""
    sides = []
    for names in (gold, predicted):
        text = "IL-2 gene"
        places = zip(((0, 4), (5, 9)), names.split(), strict=False)
        sides.append(
            Document(text, entities=tuple(entity(text, *at, label) for at, label in places))
        )
    report = evaluate([sides[0]], [sides[1]])
    notes = [note for note in report.notes() if note.startswith("label")]
    assert report.to_text().splitlines()[len(report.to_text().splitlines()) - len(notes) :] == notes
    assert [note for note in report.to_dict()["notes"] if note.startswith("label")] == notes
    return notes


def test_labels_of_one_side_only_are_named_with_what_they_may_be_meant_for() -> None:
    assert labels("cell_type DNA", "celltype DNA") == [
        "label `celltype`: predicted only, 1 entities, all wrong. Did you mean `cell_type`?",
        "label `cell_type`: gold only, 1 entities, all wrong. Did you mean `celltype`?",
    ]
    assert labels("protein protein", "proteins proteins") == [
        "label `proteins`: predicted only, 2 entities, all wrong. Did you mean `protein`?",
        "label `protein`: gold only, 2 entities, all wrong. Did you mean `proteins`?",
    ]


def test_a_label_that_both_sides_use_is_not_taken_for_a_misspelling() -> None:
    assert labels("DNA DNA", "RNA DNA") == ["label `RNA`: predicted only, 1 entities, all wrong."]
    assert labels("DNA RNA", "DNA DNA") == ["label `RNA`: gold only, 1 entities, all wrong."]


def test_a_side_without_entities_says_nothing_of_labels() -> None:
    assert labels("DNA RNA", "") == labels("", "DNA") == labels("", "") == []


def test_to_text_shows_control_characters_of_labels() -> None:
    report = Report(spans=Level({"\x1b[31m\nDNA\ud800": Counts(1)}))
    shown = report.to_text()
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 12
    shown.encode("utf-8")


def many_documents(n_documents: int) -> tuple[list[Document], list[Document]]:
    """Gold and predicted with four entities each; of later documents more are found."""
    text, gold, predicted = "ab ab ab ab", [], []
    for number in range(n_documents):
        entities = [entity(text, 3 * i, 3 * i + 2, LABELS[(number + i) % 2]) for i in range(4)]
        gold.append(Document(text, id=str(number), entities=tuple(entities)))
        kept = entities[: 1 + number * 4 // n_documents]
        predicted.append(Document(text, id=str(number), entities=tuple(kept)))
    return gold, predicted


def test_intervals_are_those_of_the_counts_by_document() -> None:
    gold, predicted = many_documents(40)
    report = evaluate(gold, predicted)
    levels = [evaluate([g], [p]).spans for g, p in zip(gold, predicted, strict=True)]
    assert sorted(map(repr, report.by_document)) == sorted(map(repr, levels))
    counts = [
        [[row.tp, row.fp, row.fn] for row in (level["DNA"], level["cell_type"])]
        for level in report.by_document
    ]
    found = report.f1_intervals()
    expected = resampling.f1_intervals(np.array(counts))
    assert [found.labels["DNA"], found.labels["cell_type"], found.micro] == expected
    for name, (low, high) in found.labels.items():
        assert low < report.spans[name].f1 < high


def test_intervals_do_not_depend_on_the_order_of_documents_nor_on_adding_up() -> None:
    gold, predicted = many_documents(40)
    whole = evaluate(gold, predicted)
    assert evaluate(gold[::-1], predicted[::-1]) == whole
    parts = [evaluate(gold[i : i + 9], predicted[i : i + 9]) for i in range(0, 40, 9)]
    assert sum(parts[::-1], Report()).f1_intervals() == whole.f1_intervals()


def test_one_document_and_no_entities_have_no_interval() -> None:
    nothing = [Document("x")] * 3
    for report in (evaluate(*many_documents(1)), evaluate(nothing, nothing)):
        assert report.f1_intervals() == ({}, None)
        assert "interval" not in report.to_text()
        assert report.to_dict()["f1_intervals"]["micro"] is None


def test_intervals_stand_beside_the_scores() -> None:
    report = evaluate(*many_documents(40))
    data = json.loads(json.dumps(report.to_dict()))["f1_intervals"]
    low, high = report.f1_intervals().labels["DNA"]
    assert data["labels"]["DNA"] == [low, high]
    assert (data["confidence"], data["resamples"]) == (0.95, 2_000)
    lines = report.to_text().splitlines()
    assert lines[0].endswith("f1, 95 % interval")
    assert lines[1].startswith("DNA ")
    assert lines[1].endswith(f"  {low:.4f} to {high:.4f}")
    assert [" to " in line for line in lines[1:6]] == [True, True, True, False, False]


def test_levels_are_read_only_and_reports_travel_between_processes() -> None:
    report = some_report()
    with pytest.raises(TypeError):
        report.spans["RNA"] = Counts()  # type: ignore[index]
    with pytest.raises(AttributeError):
        report.n_documents = 4  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(report)) == report


def test_entities_with_a_source_count_like_any_other() -> None:
    text = "IL-2"
    carried = Document(text, entities=(Entity(0, 4, "protein", text, source="PubTator"),))
    assert evaluate([carried.with_entities([entity(text, 0, 4)])], [carried]).spans == {
        "protein": Counts(tp=1)
    }


def test_counting_by_hand_is_not_blind() -> None:
    """The oracle of this file on a case worked out on paper."""
    document = Document("aa-b a", entities=(entity("aa-b a", 1, 4), entity("aa-b a", 3, 6, "DNA")))
    assert word_tags(document) == (["B-protein", "I-protein", "I-protein", "O"], 1, 1)
