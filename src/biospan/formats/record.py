"""Records: what a file holds one after the other, each a document or the reason why it is none.

A reader that can go on after a bad record gives `Rejected` in its place. Who wants documents only
asks `documents`, which raises instead.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from biospan.document import Document
from biospan.errors import InputError


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no document.

    Attributes:
        where: File and line, `corpus.jsonl:7`, or file and number of the record, from 1:
            `pubmed.xml.gz, record 7`.
        reason: What is wrong with it.
    """

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


Record = Document | Rejected


def documents(records: Iterable[Record]) -> Iterator[Document]:
    """The documents among records, up to the first that is none.

    Raises:
        InputError: At a record that is no document.
    """
    for record in records:
        if isinstance(record, Rejected):
            raise InputError(str(record))
        yield record
