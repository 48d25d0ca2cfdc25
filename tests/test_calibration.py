"""Calibration against its definition: evidence by listing, order, bounds, and a strict form."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import calibration, decode
from biospan.calibration import EVIDENCE, Calibration
from biospan.document import Document
from biospan.errors import ModelError
from biospan.model_config import ModelConfig
from biospan.tags import Span, TagSet
from conftest import small_config, small_tagger

LABELS = ("DNA", "protein")
FITTED = Calibration(LABELS, (0.5, -1.0), (0.4, -0.3, 0.2, -0.1, 0.1, 0.6, -0.4, 0.1), (0.25, 0.0))

weights = st.floats(-3, 3)
fits = st.builds(
    Calibration,
    st.just(LABELS),
    st.tuples(weights, weights),
    st.tuples(st.floats(0, 3), *[weights] * 7),
    st.tuples(weights, weights),
)
probabilities = st.floats(0, 1)
rows = st.tuples(
    probabilities,
    st.integers(1, 60),
    st.floats(-1e6, 1e6),
    probabilities,
    probabilities,
    st.floats(0, 40),
    st.floats(0, 40),
    st.floats(0, 40),
)


@given(fits, rows, st.lists(probabilities, min_size=2, max_size=8), st.sampled_from(LABELS))
def test_scores_are_inside_0_and_1_and_keep_the_order_of_probabilities(
    fitted: Calibration, row: tuple[float, ...], others: list[float], label: str
) -> None:
    evidence = np.array([(p, *row[1:]) for p in sorted(others)])
    scores = fitted.apply([label] * len(evidence), evidence)
    assert (scores > 0).all()
    assert (scores < 1).all()
    assert (np.diff(scores) >= 0).all()


@given(fits, st.lists(st.tuples(rows, st.sampled_from(LABELS)), min_size=1, max_size=6))
def test_a_score_is_the_logistic_of_the_weighted_evidence(
    fitted: Calibration, spans: list[tuple[tuple[float, ...], str]]
) -> None:
    scores = fitted.apply([label for _, label in spans], np.array([row for row, _ in spans]))
    for (row, label), score in zip(spans, scores, strict=True):
        which = LABELS.index(label)
        p, length, strength, longer, shorter, *places = row
        p = min(max(p, 1e-6), 1 - 1e-6)
        values = (
            math.log(p / (1 - p)),
            math.log(length),
            min(max(strength, -100), 100),
            math.log(longer + 1e-4),
            math.log(shorter + 1e-4),
            *(math.log1p(number / 0.05) for number in places),
        )
        logit = fitted.intercepts[which] + fitted.lengths[which] * values[1]
        logit += sum(a * b for a, b in zip(fitted.weights, values, strict=True))
        assert score == pytest.approx(1 / (1 + math.exp(-min(max(logit, -30), 30))), abs=1e-9)


def test_the_identity_leaves_the_models_own_probability() -> None:
    evidence = np.ones((3, len(EVIDENCE)))
    evidence[:, 0] = (0.1, 0.5, 0.97)
    evidence[:, 1:] = (3, 7.5, 0.1, 0.2, 4, 0, 1.5)
    scores = Calibration.identity(LABELS).apply(["DNA", "protein", "DNA"], evidence)
    assert scores == pytest.approx([0.1, 0.5, 0.97])


@pytest.mark.parametrize("scheme", ["IOB2", "IOBES"])
def test_evidence_is_what_listing_the_moved_edges_says(scheme: Any) -> None:
    tag_set = TagSet(LABELS, scheme)
    chain = decode.Chain.legal(tag_set)
    rng = np.random.default_rng(5)
    arrays = [rng.normal(size=(n, len(tag_set.names))).astype(np.float32) * 2 for n in (13, 4)]
    padded, lengths = decode.pad(arrays)
    found = decode.lattice(padded, lengths, chain)
    spans = [(0, Span(0, 1, "DNA")), (0, Span(3, 10, "protein")), (1, Span(2, 4, "DNA"))]
    evidence = calibration.weigh(found, chain, padded, spans)
    for (row, span), got in zip(spans, evidence, strict=True):
        n = len(arrays[row])

        def probability(start: int, end: int, row: int = row, label: str = span.label) -> float:
            return float(decode.span_scores(found, chain, [(row, Span(start, end, label))])[0])

        longer = shorter = 0.0
        for start, end in itertools.combinations(range(n + 1), 2):
            moved = (abs(start - span.start), abs(end - span.end))
            if min(moved) == 0 and 1 <= max(moved) <= 4:
                if end - start > span.end - span.start:
                    longer += probability(start, end)
                else:
                    shorter += probability(start, end)
        strength = min(max(token) for token in arrays[row][span.start : span.end])
        expected = (probability(*span[:2]), span.end - span.start, strength, longer, shorter)
        assert got == pytest.approx(expected)


def test_no_spans_have_no_evidence() -> None:
    chain = decode.Chain.legal(TagSet(LABELS, "IOB2"))
    padded, lengths = decode.pad([np.zeros((2, 5), dtype=np.float32)])
    found = decode.lattice(padded, lengths, chain)
    assert calibration.weigh(found, chain, padded, []).shape == (0, calibration.N_OWN)


@given(fits)
def test_its_form_is_read_as_it_was_written(fitted: Calibration) -> None:
    assert Calibration.from_dict(fitted.to_dict()) == fitted


def broken(part: str, **changes: Any) -> dict[str, Any]:
    values = FITTED.to_dict()
    return {**values, part: {**values[part], **changes}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1], ["got list; expected an object"]),
        ({"weights": {}, "x": 1}, ["unknown key `x`", "`intercepts` is missing", "`lengths`"]),
        (broken("weights", longr=1.0), ["unknown key `longr`. Did you mean `longer`?"]),
        (broken("lengths", RNA=1.0), ["`lengths`: unknown key `RNA`"]),
        (broken("intercepts", RNA=1.0), ["`lengths`: key `RNA` is missing"]),
        (broken("weights", probability=-0.1), ["`probability`: got -0.1; expected no negative"]),
        (broken("weights", same_elsewhere=True), ["`weights`: expected 8 numbers"]),
        (broken("lengths", DNA=math.nan), ["`lengths`: expected 2 numbers"]),
        (broken("intercepts", DNA="1"), ["`intercepts`: expected 2 numbers"]),
        (broken("weights", strength=1e4), ["from -1000 to 1000"]),
        ({**FITTED.to_dict(), "weights": 3}, ["`weights`: got int; expected an object"]),
        ({**FITTED.to_dict(), "intercepts": None}, ["`intercepts`: got NoneType"]),
    ],
)
def test_any_other_form_is_refused_with_all_that_is_wrong(values: Any, told: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        Calibration.from_dict(values)
    for text in told:
        assert text in str(caught.value)


def test_a_config_keeps_its_calibration_and_an_older_one_has_none() -> None:
    config = small_config(calibration=FITTED)
    assert ModelConfig.from_json(config.to_json()) == config
    older = small_config().to_json().replace(b' "calibration": null,\n', b"")
    assert b"calibration" not in older
    assert ModelConfig.from_json(older) == small_config()


def test_a_config_refuses_a_calibration_of_other_labels_or_form() -> None:
    other = dataclasses.replace(FITTED, labels=("DNA", "RNA"))
    with pytest.raises(ModelError, match=r"`calibration`: got labels .*'RNA'"):
        small_config(calibration=other)
    with pytest.raises(ModelError, match="`calibration`: got 7; expected a calibration, or null"):
        small_config(calibration=7)
    wrong = small_config(calibration=FITTED).to_json().replace(b'"longer"', b'"larger"')
    with pytest.raises(ModelError, match="unknown key `larger`") as caught:
        ModelConfig.from_json(wrong.replace(b'"IOB2"', b'"IOB3"'))
    assert "`scheme`" in str(caught.value)


TEXT = "IL-2 gene expression of the il-2 protein and cells. The gene of IL-2, and il protein."


def test_a_tagger_changes_scores_and_nothing_else() -> None:
    own, calibrated = small_tagger(), small_tagger(calibration=FITTED)
    ((weighed, evidence),) = calibrated.weigh([Document(TEXT)])
    before, after = own.tag(TEXT), calibrated.tag(TEXT)
    assert after == weighed
    assert after.with_entities(()) == before.with_entities(())
    pairs = list(zip(before.entities, after.entities, strict=True))
    assert len(pairs) > 3
    assert all(dataclasses.replace(a, score=b.score) == b for a, b in pairs)
    assert [e.score for e in before.entities] == evidence[:, 0].tolist()
    expected = FITTED.apply([e.label for e in after.entities], evidence)
    assert [e.score for e in after.entities] == expected.tolist()


def test_a_document_without_entities_has_no_evidence() -> None:
    ((document, evidence),) = small_tagger(calibration=FITTED).weigh([Document("")])
    assert document.entities == ()
    assert evidence.shape == (0, len(EVIDENCE))
