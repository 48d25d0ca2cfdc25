"""Ranges of scores and the calibration error, against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity
from biospan.report.mistakes import Comparison, compare
from biospan.report.reliability import Bin, bins, expected_calibration_error

scored = st.lists(
    st.tuples(st.one_of(st.floats(0, 1), st.sampled_from([0.1, 0.2, 0.3, 0.7])), st.booleans()),
    max_size=30,
)


def comparison(cases: list[tuple[float, bool]]) -> Comparison:
    text = "x" * max(1, len(cases))
    predicted = [Entity(i, i + 1, "DNA", "x", score) for i, (score, _) in enumerate(cases)]
    gold = [e for e, (_, is_right) in zip(predicted, cases, strict=True) if is_right]
    return compare(Document(text, entities=tuple(gold)), Document(text, entities=tuple(predicted)))


@given(scored)
def test_ranges_and_error_are_those_of_numpy(cases: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in cases])
    right = np.array([is_right for _, is_right in cases], dtype=float)
    edges = np.array([index / 10 for index in range(1, 10)])
    index = np.digitize(scores, edges, right=True)
    found = bins([comparison(cases)])
    error = 0.0
    for number, item in enumerate(found):
        members = index == number
        assert item.n == members.sum()
        assert item.n_right == right[members].sum()
        if item.n:
            assert item.share_right == pytest.approx(right[members].mean())
            assert item.mean_score == pytest.approx(scores[members].mean())
            error += members.mean() * abs(right[members].mean() - scores[members].mean())
    assert expected_calibration_error(found) == pytest.approx(error)


def test_entities_without_a_score_are_left_out() -> None:
    document = Document("ab", entities=(Entity(0, 1, "DNA", "a"),))
    found = bins([compare(document, document)])
    assert found == [Bin()] * 10
    assert expected_calibration_error(found) == 0.0
