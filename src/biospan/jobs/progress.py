"""What became of the records of a job, so far and in the end."""

from collections.abc import Iterable
from dataclasses import dataclass

from biospan.jobs.journal import Part


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of records: `read = annotated + rejected + duplicates`.

    Attributes:
        read: Records of the inputs.
        annotated: Documents in the output.
        rejected: Records that are no document, or could not be annotated.
        duplicates: Records passed over, for a later one of the same id or a deletion.
        deleted: Those of the duplicates that a later file deletes.
    """

    read: int
    annotated: int
    rejected: int
    duplicates: int
    deleted: int

    def __post_init__(self) -> None:
        if self.read != self.annotated + self.rejected + self.duplicates:
            raise RuntimeError(f"records do not add up: {self}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        planned: Whether its plan is made. Until then only `n_read` is known.
        n_read: Records that the plan has read; once it is made, all that are to be annotated here.
        n_done: Records of committed parts, those of earlier runs included.
        n_before: Records of parts that earlier runs committed.
        n_rejected: Records rejected so far.
    """

    planned: bool
    n_read: int
    n_done: int = 0
    n_before: int = 0
    n_rejected: int = 0


def totals(parts: Iterable[Part], n_deleted: int) -> Totals:
    """The counts of finished parts."""
    rows = [(part.annotated, len(part.rejects), part.duplicates) for part in parts]
    annotated, rejected, duplicates = (sum(row[column] for row in rows) for column in range(3))
    return Totals(annotated + rejected + duplicates, annotated, rejected, duplicates, n_deleted)
