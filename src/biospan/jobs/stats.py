"""What is in the documents of a job: labels, mentions, years."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from biospan import formats
from biospan.document import Document
from biospan.errors import MissingInputError
from biospan.jobs import finish

UNKNOWN_YEAR = ""
_YEAR = re.compile(r"[0-9]{4}")


@dataclass(slots=True)
class Stats:
    """Counts over documents.

    Attributes:
        documents: How many.
        entities: How many entities of each label.
        holders: How many documents have an entity of each label.
        mentions: How often each text is an entity, by label; white space and case are one.
        years: Documents by `year` of their metadata; `UNKNOWN_YEAR` for those without.
    """

    documents: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    holders: Counter[str] = field(default_factory=Counter)
    mentions: dict[str, Counter[str]] = field(default_factory=dict)
    years: Counter[str] = field(default_factory=Counter)

    def add(self, document: Document) -> None:
        """Count a document."""
        self.documents += 1
        year = document.metadata.get("year", "")
        self.years[year if _YEAR.fullmatch(year) else UNKNOWN_YEAR] += 1
        self.holders.update({entity.label for entity in document.entities})
        for entity in document.entities:
            self.entities[entity.label] += 1
            mention = " ".join(entity.text.split()).casefold()
            self.mentions.setdefault(entity.label, Counter())[mention] += 1


def stats(folder: Path) -> Stats:
    """Count the documents of a finished job. Every distinct mention is kept in memory.

    Raises:
        MissingInputError: If there is no finished job.
        InputError: If a file cannot be read.
    """
    done = finish.read(folder)
    if done is None:
        raise MissingInputError(f"{folder}: no finished job, as there is no {finish.JOB_FILE}")
    counts = Stats()
    for document in _documents(folder, done):
        counts.add(document)
    return counts


def _documents(folder: Path, done: finish.Finished) -> Iterator[Document]:
    for part in done.parts:
        if part.documents:
            yield from formats.read(folder / part.name)
