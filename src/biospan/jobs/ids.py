"""Which records a later one of the same id replaces, for more ids than fit as strings."""

from array import array
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_DELETION = -1


class Replaced(NamedTuple):
    """Records that are not annotated, because of what comes after them.

    Attributes:
        ordinals: Their numbers, ascending. Shape (n_replaced,).
        n_deleted: How many of them a deletion follows, and no record before that.
    """

    ordinals: NDArray[np.int64]
    n_deleted: int


class Ids:
    """Ids in the order in which they come, 24 bytes each: all of PubMed takes a gigabyte.

    An id is known by 128 bits of its hash; that two of 10^8 ids share them has a chance of 10^-23.
    """

    def __init__(self) -> None:
        self._high, self._low, self._ordinals = array("Q"), array("Q"), array("q")

    def add(self, document_id: str, ordinal: int) -> None:
        """Note a record's id; a record without one replaces nothing and is never replaced."""
        if not document_id:
            return
        digest = blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self._high.append(int.from_bytes(digest[:8], "big"))
        self._low.append(int.from_bytes(digest[8:], "big"))
        self._ordinals.append(ordinal)

    def delete(self, document_id: str) -> None:
        """Note that the records of an id that came so far are withdrawn."""
        self.add(document_id, _DELETION)

    def replaced(self) -> Replaced:
        """The records after which their id comes again, or is deleted."""
        if len(self._ordinals) < 2:
            return Replaced(np.empty(0, dtype=np.int64), 0)
        high, low = (np.frombuffer(half, dtype=np.uint64) for half in (self._high, self._low))
        ordinals = np.frombuffer(self._ordinals, dtype=np.int64)
        order = np.lexsort((low, high))  # stable: equal ids stay in the order they came in
        again = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        earlier, later = ordinals[order[:-1][again]], ordinals[order[1:][again]]
        is_record = earlier != _DELETION
        n_deleted = int(np.count_nonzero(is_record & (later == _DELETION)))
        return Replaced(np.sort(earlier[is_record]), n_deleted)
