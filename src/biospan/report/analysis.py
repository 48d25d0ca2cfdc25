"""What the page is about: gold and predicted compared, document by document."""

from collections.abc import Iterable
from dataclasses import dataclass

from biospan import scoring
from biospan.document import Document
from biospan.report.mistakes import Comparison, compare


@dataclass(frozen=True, slots=True)
class Analysis:
    """Scores, and every mistake behind them.

    Attributes:
        scores: What `scoring.evaluate` says.
        comparisons: One per document.
    """

    scores: scoring.Report
    comparisons: tuple[Comparison, ...]

    @property
    def labels(self) -> list[str]:
        """The labels that either side uses, sorted."""
        return list(self.scores.spans)


def analyse(gold: Iterable[Document], predicted: Iterable[Document]) -> Analysis:
    """Compare two sides of the same documents, paired as `scoring.evaluate` pairs them.

    Raises:
        InputError: If an id occurs twice on one side or only on one, or if the texts of a pair
            differ.
    """
    gold, predicted = list(gold), list(predicted)
    scores = scoring.evaluate(gold, predicted)  # which has checked that they can be paired
    if any(document.id for document in gold):
        by_id = {document.id: document for document in predicted}
        predicted = [by_id[document.id] for document in gold]
    return Analysis(scores, tuple(map(compare, gold, predicted)))
