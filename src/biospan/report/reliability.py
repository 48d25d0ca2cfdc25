"""Whether scores are probabilities: how many of the entities with a score are right."""

from collections.abc import Iterable
from dataclasses import dataclass

from biospan.report.mistakes import Comparison

N_BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Predicted entities with a score in one range.

    Attributes:
        n: How many there are.
        n_right: How many of them are right.
        score_sum: Sum of their scores.
    """

    n: int = 0
    n_right: int = 0
    score_sum: float = 0.0

    @property
    def share_right(self) -> float:
        """Share that is right; 0 of none."""
        return self.n_right / self.n if self.n else 0.0

    @property
    def mean_score(self) -> float:
        """Mean score; 0 of none."""
        return self.score_sum / self.n if self.n else 0.0


def bins(comparisons: Iterable[Comparison]) -> list[Bin]:
    """Sort the predicted entities that have a score into 10 ranges of equal width.

    A range excludes its lower edge, as is usual, but for the first.
    """
    scored = [
        (entity.score, (entity.start, entity.end, entity.label) in comparison.right)
        for comparison in comparisons
        for entity in comparison.predicted
        if entity.score is not None
    ]
    found: list[list[tuple[float, bool]]] = [[] for _ in range(N_BINS)]
    edges = [index / N_BINS for index in range(1, N_BINS)]
    for score, is_right in scored:
        found[sum(score > edge for edge in edges)].append((score, is_right))
    return [
        Bin(len(members), sum(right for _, right in members), sum(score for score, _ in members))
        for members in found
    ]


def expected_calibration_error(ranges: Iterable[Bin]) -> float:
    """Mean gap between score and share that is right, over entities (Guo et al., 2017; ECE)."""
    ranges = list(ranges)
    n = sum(item.n for item in ranges)
    gaps = sum(abs(item.n_right - item.score_sum) for item in ranges)
    return gaps / n if n else 0.0
