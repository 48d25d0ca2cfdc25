"""Whether scores mean what they say: how many of the entities with a score are right.

Scores and outcomes are kept, figures computed from them. Nothing here makes scores or mends them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biospan.document import Document
from biospan.errors import InputError
from biospan.scoring import pair

N_BINS = 15  # of equal mass
PRECISIONS = (0.90,)  # for which a threshold is given
_BAR = 40  # characters of a share of 1

_Floats = NDArray[np.float64]


class Bin(NamedTuple):
    """Entities with scores next to each other.

    Attributes:
        n: How many there are.
        mean_score: Mean of their scores.
        share_right: Share of them that is right; entities of one score share what is right.
    """

    n: int
    mean_score: float
    share_right: float


class Threshold(NamedTuple):
    """What is left of the entities with at least some score.

    Attributes:
        threshold: The score.
        precision: Share of the entities left that is right.
        recall: Share of the gold entities that is found and left.
        coverage: Share of the predicted entities that is left.
    """

    threshold: float
    precision: float
    recall: float
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Scores of predicted entities, and whether each is right.

    Attributes:
        scores: Ascending, in [0, 1]. Shape (n_entities,).
        right: 1 where right; where scores are equal, the share of them that is right, so that
            nothing depends on their order. Shape (n_entities,).
        n_right: How many are right.
        n_gold: How many gold entities there are.
    """

    scores: _Floats
    right: _Floats
    n_right: int
    n_gold: int

    def bins(self) -> list[Bin]:
        """15 bins of as equal a number of entities as can be; none of no entities."""
        n = len(self.scores)
        parts = np.array_split(np.arange(n), min(N_BINS, n)) if n else []
        return [
            Bin(len(part), float(self.scores[part].mean()), float(self.right[part].mean()))
            for part in parts
        ]

    @property
    def ece(self) -> float:
        """Expected calibration error: mean gap in a bin, over entities (Guo et al. 2017)."""
        gaps = sum(item.n * abs(item.mean_score - item.share_right) for item in self.bins())
        return gaps / max(1, len(self.scores))

    @property
    def auroc(self) -> float | None:
        """How often a right entity has a higher score than a wrong one, a tie being a half.

        None if all are right, or all wrong.
        """
        n_wrong = len(self.scores) - self.n_right
        if not self.n_right or not n_wrong:
            return None
        _, group, counts = np.unique(self.scores, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[group]  # ties share their mean rank
        wins = float(ranks @ self.right) - self.n_right * (self.n_right + 1) / 2
        return wins / (self.n_right * n_wrong)

    @property
    def brier(self) -> float:
        """Mean squared gap between score and outcome; 0 of none."""
        if not len(self.scores):
            return 0.0
        gaps = self.right * (1 - self.scores) ** 2 + (1 - self.right) * self.scores**2
        return float(gaps.mean())

    @property
    def constant_brier(self) -> float:
        """The same of a score that is the share of right ones for every entity."""
        share = self.n_right / max(1, len(self.scores))
        return share * (1 - share)

    def threshold(self, precision: float) -> Threshold | None:
        """The lowest score from which on `precision` is reached; None if none is.

        Args:
            precision: Wanted share of right entities, in [0, 1].
        """
        n = len(self.scores)
        firsts = np.unique(self.scores, return_index=True)[1]
        n_right = np.cumsum(self.right[::-1])[::-1]  # right ones from each place on
        for first in firsts.tolist():
            reached = float(n_right[first] / (n - first))
            if reached >= precision - 1e-12:  # shares of equal scores are sums of fractions
                recall = float(n_right[first]) / max(1, self.n_gold)
                return Threshold(float(self.scores[first]), reached, recall, (n - first) / n)
        return None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; a bin is its n, mean score and share right."""
        thresholds = {f"{wanted:.2f}": self.threshold(wanted) for wanted in PRECISIONS}
        return {
            "n": len(self.scores),
            "n_right": self.n_right,
            "n_gold": self.n_gold,
            "bins": [list(item) for item in self.bins()],
            "ece": self.ece,
            "auroc": self.auroc,
            "brier": self.brier,
            "constant_brier": self.constant_brier,
            "thresholds": {name: at and at._asdict() for name, at in thresholds.items()},
        }

    def to_text(self) -> str:
        """A reliability diagram of characters, and the figures under it.

        A bar is the share that is right; the mark `|` is where it would be if scores were exact.
        """
        bins = self.bins()
        lines = ["    n   score   right", *map(bar, bins), ""]
        auroc = "-" if self.auroc is None else f"{self.auroc:.4f}"
        lower = 1 - self.brier / self.constant_brier if self.constant_brier else 0.0
        lines += [
            f"ECE     {self.ece:.4f}  ({len(bins)} bins of equal mass)",
            f"AUROC   {auroc}  (right against wrong)",
            f"Brier   {self.brier:.4f}  ({lower:.1%} below a constant score's "
            f"{self.constant_brier:.4f})",
        ]
        for wanted in PRECISIONS:
            at = self.threshold(wanted)
            lines.append(
                f"no threshold reaches precision {wanted:.2f}"
                if at is None
                else f"scores from {at.threshold:.4f} on: precision {at.precision:.4f}, recall "
                f"{at.recall:.4f}, {at.coverage:.1%} of the entities"
            )
        return "\n".join(
            [*lines, f"{len(self.scores)} predicted entities, {self.n_gold} gold ones"]
        )


def measure(scores: Sequence[float], right: Sequence[bool], *, n_gold: int = 0) -> Reliability:
    """Figures of scores of which it is known whether each is right.

    Args:
        scores: Probabilities, one for each predicted entity.
        right: Whether it is right.
        n_gold: Gold entities, for recall.
    """
    values = np.asarray(scores, dtype=np.float64)
    outcomes = np.asarray(right, dtype=np.float64)
    ordered, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    shares = np.bincount(group, weights=outcomes, minlength=len(ordered)) / counts
    return Reliability(
        np.repeat(ordered, counts), np.repeat(shares, counts), int(outcomes.sum()), n_gold
    )


def evaluate(gold: Iterable[Document], predicted: Iterable[Document]) -> Reliability:
    """Scores of the predicted entities; right is what has start, end and label of a gold one.

    Documents pair as in `scoring.evaluate`; an entity that is given twice counts once.

    Raises:
        InputError: If documents do not pair, or an entity has no score.
    """
    scores: list[float] = []
    right: list[bool] = []
    n_gold = 0
    problems = []
    for ours, theirs in pair(gold, predicted):
        known = {(entity.start, entity.end, entity.label) for entity in ours.entities}
        n_gold += len(known)
        found = {(entity.start, entity.end, entity.label): entity for entity in theirs.entities}
        for span, entity in found.items():
            if entity.score is None:
                problems.append(
                    f"document `{theirs.id}`, characters {entity.start} to {entity.end}: "
                    f"`{entity.label}` has no score, expected one on every predicted entity"
                )
                continue
            scores.append(entity.score)
            right.append(span in known)
    if problems:
        raise InputError.from_problems(problems)
    return measure(scores, right, n_gold=n_gold)


def bar(item: Bin) -> str:
    """A bin as a line of the diagram in `Reliability.to_text`."""
    right, score = (round(share * _BAR) for share in (item.share_right, item.mean_score))
    drawn = "".join(
        "|" if place == min(score, _BAR - 1) else "#" if place < right else " "
        for place in range(_BAR)
    )
    return f"{item.n:5d}  {item.mean_score:.4f}  {item.share_right:.4f}  {drawn}".rstrip()
