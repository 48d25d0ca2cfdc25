"""A shard's work: read its records, mark their entities, write its file. Nothing else decides it.

Which process does it, which shards it did before and how many others there are make no difference
to a single byte: documents of different shards never share a call of the model.
"""

import hashlib
import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from biospan import formats
from biospan.document import Document
from biospan.errors import ConfigError, InputError
from biospan.formats.record import Rejected
from biospan.jobs import commit
from biospan.jobs.deaths import Search
from biospan.jobs.journal import Part
from biospan.jobs.plan import Shard
from biospan.jobs.reader import Reader
from biospan.jobs.settings import Settings, Work, part_name
from biospan.tagger import ERROR_KEY

_DEADLY = "ended every worker that tagged it, alone as well: too much for the memory, or a crash"


class Worker:
    """Does shards one after the other. It remembers where it is in a file, to read on from there.

    Args:
        work: What is to be done.

    Raises:
        ConfigError: If the annotator here is another than the job began with.
        ModelError: If it cannot be loaded.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._reader = Reader(work.inputs)
        self._annotator = work.settings.load(work.settings.threads)
        if self._annotator.fingerprint != work.fingerprint:
            raise ConfigError(
                f"model: this worker has `{self._annotator.fingerprint}`, the job began with "
                f"`{work.fingerprint}`. All hosts need the same model, software and processor."
            )

    def annotate(self, shard: Shard, search: Search | None = None) -> tuple[Part, Path]:
        """Do a shard, with `search` after it was searched for documents that end the process.

        Returns:
            What is in its file, and the draft of the file.

        Raises:
            InputError: If an input changed since the job was planned.
            ModelError: If the model fails; that is no fault of a document.
            OSError: If the disk is full or fails.
        """
        if search:
            self._search(shard, search)
        deadly = search.deadly if search else ()
        settings = self._work.settings
        rows: list[tuple[int, dict[str, Any]]] = []
        annotated = 0

        def tried(waiting: "deque[int]") -> Iterator[Document]:
            for ordinal, document in self._documents(shard, rows):
                if ordinal in deadly:
                    rows.append((ordinal, self._reject(ordinal, _DEADLY, document_id=document.id)))
                else:
                    waiting.append(ordinal)
                    yield document

        def kept() -> Iterator[Document]:
            nonlocal annotated
            waiting: deque[int] = deque()
            for document in self._annotator.tag_many(tried(waiting)):
                ordinal = waiting.popleft()
                labels = settings.labels or self._annotator.labels
                document = document.with_labels(labels, settings.min_score)
                if reason := document.metadata.get(ERROR_KEY) or _refusal(document, settings):
                    rows.append((ordinal, self._reject(ordinal, reason, document_id=document.id)))
                else:
                    annotated += 1
                    yield document

        name = part_name(shard.index, settings)
        draft = commit.new_draft(self._work.folder, name)
        try:
            _write(kept(), draft, settings)
            self._reader.check(shard)
            rows.sort(key=lambda row: row[0])
            rejects = tuple(row for _, row in rows)
            size, sha256 = draft.stat().st_size, digest(draft)
            part = Part(shard.index, name, size, sha256, annotated, len(shard.skip), rejects)
            if part.n_records != shard.count:
                raise RuntimeError(f"{name}: {part.n_records} records of {shard.count}")
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return part, draft

    def _search(self, shard: Shard, search: Search) -> None:
        """Tag one document at a time, with a note of which, until one ends the process or none."""
        for ordinal, document in self._documents(shard, []):
            if ordinal >= search.begin and ordinal not in search.deadly:
                search.note.write_text(str(ordinal))
                deque(self._annotator.tag_many([document]), maxlen=0)
                search.note.write_text("")

    def _documents(
        self, shard: Shard, rows: list[tuple[int, dict[str, Any]]]
    ) -> Iterator[tuple[int, Document]]:
        """The documents that are not passed over; `rows` gets those that are none."""
        skip = {shard.first + position for position in shard.skip}
        broken = 0
        for ordinal, record in self._reader.take(shard.first, shard.count):
            if isinstance(record, Rejected):
                broken += 1
                rows.append((ordinal, self._reject(ordinal, record.reason, where=record.where)))
            elif ordinal not in skip:
                yield ordinal, record
        if broken != shard.broken:  # such as a file that could not be opened this time
            raise self._reader.misread(shard, f"{broken} broken records, not {shard.broken}")

    def _reject(
        self, ordinal: int, reason: str, *, where: str = "", document_id: str = ""
    ) -> dict[str, Any]:
        path, number = self._reader.place(ordinal)
        where = where or f"{path}, record {number}"
        return {"file": path, "where": where, "id": document_id, "reason": reason}


def digest(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refusal(document: Document, settings: Settings) -> str:
    """Why the output's format cannot hold a document; empty if it can."""
    if settings.format != "pubtator":  # the others hold any document
        return ""
    try:
        formats.FORMATS[settings.format]([document], io.StringIO())
    except InputError as error:
        return str(error)
    return ""


def _write(documents: Iterator[Document], draft: Path, settings: Settings) -> None:
    if binary_writer := formats.BINARY_FORMATS.get(settings.format):
        with draft.open("wb") as stream:
            binary_writer(documents, stream)
    else:
        with commit.open_text(draft, packed=settings.packed) as text:
            formats.FORMATS[settings.format](documents, text)
