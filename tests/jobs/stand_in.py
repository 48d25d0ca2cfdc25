"""A stand-in for the tagger, and corpora for it: what it marks is a rule, and costs no time.

Not a model: it marks words by their length. It is there to run a job's machinery many times.
"""

import gzip
import hashlib
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biospan import formats, jobs
from biospan.document import Document, Entity
from biospan.errors import StoppedError
from biospan.jobs import Execution, Settings, Totals
from biospan.jobs.agenda import Agenda
from biospan.jobs.runner import Commit
from biospan.jobs.settings import Work
from biospan.jobs.shard import Worker
from biospan.tagger import ERROR_KEY

UNTAGGABLE = "untaggable"  # a document whose text holds it cannot be tagged
DEADLY = "deadly"  # one that ends the process, the first time or always

GREEDY = "greedy"  # one that takes more memory than there is


@dataclass(frozen=True)
class StandIn:
    """Marks words of five letters as proteins, longer ones as DNA; see the module.

    Attributes:
        seconds: What a document takes.
        fatal: A file that is made when the process first meets a deadly document; after that, such
            documents do no harm. None: they always do.
        revision: Part of the fingerprint.
        log: A file that is told of every document, in whichever process.
    """

    seconds: float = 0.0
    fatal: Path | None = None
    revision: str = "1"
    log: Path | None = None
    labels: tuple[str, ...] = ("DNA", "protein")

    @property
    def fingerprint(self) -> str:
        return f"stand-in {self.revision}"

    def __call__(self, threads: int) -> "StandIn":
        return self

    def tag_many(self, texts: Iterable[str | Document]) -> Iterator[Document]:
        for document in texts:
            assert isinstance(document, Document)
            time.sleep(self.seconds)
            if DEADLY in document.text and not (self.fatal and self.fatal.exists()):
                if self.fatal:
                    self.fatal.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if GREEDY in document.text:
                raise MemoryError
            if self.log:
                with self.log.open("a") as stream:
                    stream.write("x\n")
            yield mark(document)


def mark(document: Document) -> Document:
    """What the stand-in makes of a document."""
    if UNTAGGABLE in document.text:
        return document.with_entities(()).with_metadata(**{ERROR_KEY: "cannot be tagged"})
    entities = []
    start = 0
    for word in document.text.split(" "):
        if len(word) >= 5:
            label = "protein" if len(word) == 5 else "DNA"
            score = min(len(word) / 10, 1.0)
            entities.append(Entity(start, start + len(word), label, word, score))
        start += len(word) + 1
    return document.with_entities(entities)


def line(number: int, *, identifier: str | None = None, text: str = "") -> str:
    """A line of a corpus: an abstract that follows from its number."""
    rng = random.Random(number)
    words = text or " ".join("x" * rng.randint(1, 9) for _ in range(rng.randint(1, 30)))
    row = {
        "id": str(number) if identifier is None else identifier,
        "text": words,
        "metadata": {"year": str(1990 + number % 30)},
    }
    return json.dumps(row) + "\n"


def write_corpus(folder: Path, *, sizes: tuple[int, ...] = (57, 3, 240)) -> Path:
    """Files with documents, bad lines, ids that come again, and packed ones among them."""
    folder.mkdir(parents=True)
    number = 0
    for index, size in enumerate(sizes):
        lines = []
        for place in range(size):
            number += 1
            if number % 41 == 7:
                lines.append("{broken\n")
            elif number % 53 == 11:
                lines.append(line(number, text=f"this is {UNTAGGABLE} {number}"))
            elif number % 29 == 13 and number > 30:
                lines.append(line(number, identifier=str(number - 20)))
            elif number % 37 == 5:
                lines.append(line(number, identifier=""))
            else:
                lines.append(line(number))
            assert place < size
        content = "".join(lines).encode()
        packed = index % 2 == 1
        path = folder / f"{index:02}.jsonl{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


def tree(folder: Path) -> dict[str, str]:
    """What is in a folder: the sha256 of each file, by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.stat().st_size
    }


def expected_documents(folder: Path) -> list[Document]:
    """What a job on a folder must give: the last document of each id, marked, in input order."""
    documents = [
        record
        for path in sorted(folder.iterdir())
        for record in formats.records(path)
        if isinstance(record, Document)
    ]
    last = {document.id: index for index, document in enumerate(documents)}
    return [
        mark(document)
        for index, document in enumerate(documents)
        if (not document.id or last[document.id] == index) and UNTAGGABLE not in document.text
    ]


def run_here(
    work: Work,
    agenda: Agenda,
    n_workers: int | None,
    commit: Commit,
    should_stop: Callable[[], bool],
) -> None:
    """What `runner.run` does, in this process."""
    worker = None
    while shard := agenda.next(0):
        if should_stop():
            raise StoppedError("stopped")
        worker = worker or Worker(work)
        commit(*worker.annotate(shard))


def here(corpus: Path, folder: Path, settings: Settings, **changes: Any) -> Totals | None:
    """Do a job in this process."""
    return jobs.annotate([corpus], folder, settings, Execution(**{"run": run_here, **changes}))
