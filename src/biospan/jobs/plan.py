"""The plan of a job: all records of its inputs, cut into shards, without those to pass over.

It is made in one pass over the inputs and written before anything is annotated. Of records with
the same id the last is annotated: PubMed's daily files follow its yearly ones and hold newer
versions of the same articles; what they declare deleted is passed over as well. An id that is a
file's name or a number in it says nothing of other files. What is in a shard follows from the
inputs alone.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from biospan import formats
from biospan.document import Document
from biospan.errors import InputError, StoppedError
from biospan.formats import pubmed, xml
from biospan.jobs import commit
from biospan.jobs.ids import Ids
from biospan.jobs.inputs import Input, look_at

PLAN_FILE = "plan.jsonl"
MAX_CHARACTERS = 4 * 2**20  # of the texts of a shard; one more record may go over it
FORMAT_VERSION = 1
_BROKEN = ("", 0, False)


@dataclass(frozen=True, slots=True)
class Shard:
    """A run of records that is annotated, and committed, at once.

    Attributes:
        index: Its place among the shards.
        first: Number of its first record among those of all inputs, from 0.
        count: How many records it has. They may be those of several small files.
        skip: Which of them are passed over, counted from its first.
        broken: How many of them are no documents.
    """

    index: int
    first: int
    count: int
    skip: tuple[int, ...] = ()
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job does.

    Attributes:
        fingerprint: What else its output depends on.
        inputs: In the order in which they are read.
        shards: In the order of their records, none left out.
        n_deleted: Records passed over because a later file deletes them.
    """

    fingerprint: Mapping[str, str]
    inputs: tuple[Input, ...]
    shards: tuple[Shard, ...]
    n_deleted: int

    @property
    def n_records(self) -> int:
        """Records in all inputs."""
        return sum(item.records for item in self.inputs)

    @property
    def n_skipped(self) -> int:
        """Records that are passed over."""
        return sum(len(shard.skip) for shard in self.shards)


def make(
    paths: Sequence[Path],
    fingerprint: Mapping[str, str],
    shard_size: int,
    *,
    on_record: Callable[[int], None],
    should_stop: Callable[[], bool],
) -> Plan:
    """Read the inputs once and cut them into shards.

    Args:
        paths: Of the inputs, each a file.
        fingerprint: What else the output depends on.
        shard_size: Most records of a shard.
        on_record: Told how many records were read, after each.
        should_stop: Asked after each record.

    Raises:
        StoppedError: If told to stop; nothing is kept.
    """
    ids = Ids()
    inputs: list[Input] = []
    starts, broken = [0], [0]
    n_records = n_characters = 0
    for path in paths:
        item = look_at(path)
        before = n_records
        scope = "" if formats.has_own_ids(path) else f"{path}\n"
        for document_id, length, is_document in [_BROKEN] if item.damage else _lengths(path):
            if n_records - starts[-1] == shard_size or n_characters >= MAX_CHARACTERS:
                starts.append(n_records)
                broken.append(0)
                n_characters = 0
            ids.add(document_id and scope + document_id, n_records)
            n_records += 1
            n_characters += length
            broken[-1] += not is_document
            on_record(n_records)
            if should_stop():
                raise StoppedError("stopped while planning; the same command begins again")
        item.check()
        for document_id in () if item.damage else _deletions(path):
            ids.delete(document_id)
        inputs.append(replace(item, records=n_records - before))
    skipped = ids.replaced()
    bounds = [*starts, n_records] if n_records else []
    cuts = np.searchsorted(skipped.ordinals, bounds).tolist()
    shards = tuple(
        Shard(
            index,
            first,
            end - first,
            tuple((skipped.ordinals[cuts[index] : cuts[index + 1]] - first).tolist()),
            broken[index],
        )
        for index, (first, end) in enumerate(pairwise(bounds))
    )
    return Plan(dict(fingerprint), tuple(inputs), shards, skipped.n_deleted)


def write(plan: Plan, folder: Path) -> None:
    """Write a plan into a job's folder, wholly or not at all.

    Raises:
        OutputError: If something else stands there.
        OSError: If the disk is full or fails.
    """
    commit.write_whole(folder / PLAN_FILE, _with_digest(_lines(plan)))


def read(folder: Path) -> Plan | None:
    """The plan in a job's folder, if there is one.

    Raises:
        InputError: If it is damaged, or was written by a later version.
    """
    path = folder / PLAN_FILE
    if not path.is_file():
        return None
    content = path.read_bytes()
    body, _, last = content.removesuffix(b"\n").rpartition(b"\n")
    try:
        sound = json.loads(last)["sha256"] == hashlib.sha256(body + b"\n").hexdigest()
        head, *rows = map(json.loads, body.split(b"\n"))
        version = head["version"]
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise InputError(f"{path}: is damaged. Start the job in another folder.")
    if version != FORMAT_VERSION:
        raise InputError(f"{path}: version {version}, expected {FORMAT_VERSION}. Update biospan.")
    n_inputs = head["inputs"]
    return Plan(
        fingerprint=head["fingerprint"],
        inputs=tuple(Input(**row) for row in rows[:n_inputs]),
        shards=tuple(_shards(rows[n_inputs:])),
        n_deleted=head["deleted"],
    )


def _lengths(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Id and number of characters of each record, and whether it is a document."""
    for record in formats.records(path):
        yield (record.id, len(record.text), True) if isinstance(record, Document) else _BROKEN


def _deletions(path: Path) -> Iterator[str]:
    """Ids that a file withdraws; only PubMed's do."""
    if not path.name.lower().endswith((".xml", ".xml.gz")):
        return
    try:
        if xml.root_name(path) in pubmed.ROOTS:
            yield from pubmed.deletions(path)
    except InputError:  # is among the records as well, as one that is rejected
        return


def _lines(plan: Plan) -> Iterator[str]:
    head = {
        "version": FORMAT_VERSION,
        "fingerprint": dict(plan.fingerprint),
        "records": plan.n_records,
        "deleted": plan.n_deleted,
        "inputs": len(plan.inputs),
        "shards": len(plan.shards),
    }
    yield json.dumps(head) + "\n"
    for item in plan.inputs:
        yield json.dumps(asdict(item)) + "\n"
    places = Places(plan.inputs)
    for shard in plan.shards:
        file, record = places.of(shard.first)
        row = {
            "shard": shard.index,
            "file": plan.inputs[file].path,
            "first": record + 1,
            "count": shard.count,
            "skip": shard.skip,
            "broken": shard.broken,
        }
        yield json.dumps(row) + "\n"


def _with_digest(lines: Iterable[str]) -> Iterator[str]:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("ascii"))
        yield line
    yield json.dumps({"sha256": digest.hexdigest()}) + "\n"


def _shards(rows: Iterable[dict[str, Any]]) -> Iterator[Shard]:
    first = 0
    for row in rows:
        yield Shard(row["shard"], first, row["count"], tuple(row["skip"]), row["broken"])
        first += row["count"]


class Places:
    """Which file each record of all inputs is in.

    Args:
        inputs: Of the plan.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._ends = np.cumsum([item.records for item in inputs])
        self._counts = [item.records for item in inputs]

    def of(self, ordinal: int) -> tuple[int, int]:
        """Index of the file, and number of the record in it, from 0."""
        file = int(np.searchsorted(self._ends, ordinal, side="right"))
        return file, ordinal - int(self._ends[file]) + self._counts[file]
