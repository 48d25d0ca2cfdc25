"""What a job is told, and what its output therefore depends on."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol

from biospan.document import Document
from biospan.errors import MissingDependencyError
from biospan.jobs.inputs import Input


class Annotator(Protocol):
    """What marks entities: a `Tagger`."""

    @property
    def fingerprint(self) -> str:
        """What results depend on, such as weights, runtime, version, precision, processor."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it marks."""

    def tag_many(self, texts: Iterable[str | Document]) -> Iterator[Document]:
        """Mark the entities of documents, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the output of a job depends on, inputs and program apart.

    Attributes:
        load: Gives the annotator that works with so many threads. Can be pickled.
        threads: Of each worker.
        format: One of `FORMATS`.
        packed: Whether files are packed with gzip.
        labels: Those that are kept; all if there are none.
        min_score: Entities with a lower score are dropped.
        shard_size: Most records of a shard.
    """

    load: Callable[[int], Annotator]
    threads: int = 1
    format: str = "jsonl"
    packed: bool = False
    labels: tuple[str, ...] = ()
    min_score: float = 0.0
    shard_size: int = 1000


@dataclass(frozen=True, slots=True)
class Work:
    """All that a worker needs to do any shard.

    Attributes:
        folder: The job's.
        settings: Of the job.
        fingerprint: The annotator's, as the job began with.
        inputs: Of the plan.
    """

    folder: Path
    settings: Settings
    fingerprint: str
    inputs: tuple[Input, ...]


# A parquet file is packed inside, so that parts of it can be read.
FORMATS: Mapping[str, str] = {
    "jsonl": ".jsonl",
    "parquet": ".parquet",
    "bioc-xml": ".xml",
    "pubtator": ".pubtator",
}


def part_name(index: int, settings: Settings) -> str:
    """The name of a shard's file. It never holds anything that an input says."""
    return f"part-{index:05}{FORMATS[settings.format]}{'.gz' if settings.packed else ''}"


def fingerprint(settings: Settings, annotator: Annotator) -> dict[str, str]:
    """What the output of a job depends on, but for its inputs, by name.

    Raises:
        MissingDependencyError: If the format needs a package that is not installed.
    """
    versions = {name: metadata.version(name) for name in ("biospan", "numpy", "tokenizers")}
    if settings.format == "parquet":
        try:
            versions["pyarrow"] = metadata.version("pyarrow")
        except metadata.PackageNotFoundError as error:
            raise MissingDependencyError("pyarrow", "parquet") from error
    return {
        "model": annotator.fingerprint,
        **versions,
        "format": settings.format,
        "packed": f"zlib {zlib.ZLIB_RUNTIME_VERSION}" if settings.packed else "no",
        "labels": ", ".join(sorted(settings.labels or annotator.labels)),
        "min_score": str(settings.min_score),
        "shard_size": str(settings.shard_size),
        "threads": str(settings.threads),
    }
