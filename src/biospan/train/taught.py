"""What an ensemble says of plain text, as files: documents, and probabilities of their tags.

The text is in parts of some hundred documents, each a file of its own, so that making them can go
on where it stopped. What is in them is made by `teach` and learned from by `data`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from biospan.document import Document
from biospan.errors import InputError, MissingInputError
from biospan.train.checkpoint import write_whole

PART = 256  # documents
RECORD_FILE = "record.json"
DOCUMENTS_FILE = "documents.jsonl"


class Taught(NamedTuple):
    """A document and what its teachers say of it.

    Attributes:
        document: Without tokens.
        marginals: For each sentence, the probability of each tag. Shape (n_units, n_tags).
    """

    document: Document
    marginals: list[NDArray[np.float32]]


def documents(lines: Sequence[str]) -> list[Document]:
    """Lines as documents; their ids count them."""
    return [Document(line, id=f"text-{number}") for number, line in enumerate(lines)]


def part_path(folder: Path, number: int) -> Path:
    """Where a part lies."""
    return folder / f"part-{number:05d}.safetensors"


def write_part(path: Path, marginals: Sequence[Sequence[NDArray[np.floating[Any]]]]) -> None:
    """Write a part, in half precision; it is there whole or not at all.

    Args:
        path: Of the part.
        marginals: For each document, one array per sentence. Shape (n_units, n_tags).
    """
    flat = [rows for sentences in marginals for rows in sentences]
    arrays: dict[str, NDArray[Any]] = {
        "marginals": np.concatenate(flat).astype(np.float16),
        "lengths": np.array([len(rows) for rows in flat], dtype=np.int64),
        "sentences": np.array([len(sentences) for sentences in marginals], dtype=np.int64),
    }
    write_whole(path, save(arrays))


def finish(folder: Path, lines: Sequence[str], record: Mapping[str, Any]) -> None:
    """Write documents and record, when all parts are there."""
    write_whole(folder / DOCUMENTS_FILE, "".join(f"{json.dumps(line)}\n" for line in lines))
    write_whole(folder / RECORD_FILE, json.dumps({**record, "finished": True}, indent=2) + "\n")


def read(folder: str | Path, tags: Sequence[str]) -> Iterator[Taught]:
    """The documents in a folder, with what was said of them.

    Args:
        folder: Where `teach` wrote.
        tags: The student's, in order.

    Raises:
        MissingInputError: If there is nothing, or not yet all.
        InputError: If the tags are others.
    """
    folder = Path(folder)
    path = folder / RECORD_FILE
    record = json.loads(path.read_text()) if path.is_file() else {}
    if not record.get("finished"):
        raise MissingInputError(f"{folder}: expected what `biospan teach` leaves when it is done")
    if record["tags"] != list(tags):
        raise InputError(f"{folder}: has tags {record['tags']}; expected {list(tags)}")
    lines = (folder / DOCUMENTS_FILE).read_text(encoding="ascii").splitlines()
    found = documents([json.loads(line) for line in lines])
    for begin in range(0, len(found), PART):
        arrays = load(part_path(folder, begin // PART).read_bytes())
        rows = np.split(arrays["marginals"].astype(np.float32), np.cumsum(arrays["lengths"])[:-1])
        sentences = iter(rows)
        for document, count in zip(found[begin : begin + PART], arrays["sentences"], strict=True):
            yield Taught(document, [next(sentences) for _ in range(int(count))])
