"""brat standoff: a text file `id.txt` and its annotations `id.ann`.

Only text-bound entities (`T` lines) in one stretch are read; lines of other kinds and entities in
several stretches are counted in one warning. Scores have no place in the format and are not
written. Format: https://brat.nlplab.org/standoff.html (Stenetorp et al., 2012).
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, unquote

from biospan.document import Document, Entity
from biospan.errors import InputError, MissingInputError, OutputError
from biospan.formats.text import read_text
from biospan.highlight import replace_surrogates

logger = logging.getLogger(__name__)

_ENTITY = re.compile(r"T[^\t]*\t(\S+) ([0-9]{1,12} [0-9]{1,12}(?:;[0-9 ;]*)?)\t(.*)", re.DOTALL)
_OTHER_KINDS = {
    "R": "relation",
    "E": "event",
    "A": "attribute",
    "M": "modification",
    "N": "normalization",
    "#": "note",
    "*": "equivalence",
}
# An annotation is a line: newlines inside an entity are written as spaces.
_ON_ONE_LINE = str.maketrans("\r\n", "  ")
_MAX_STEM = 150


def read(path: Path | str) -> Iterator[Document]:
    """Read all documents of a folder, in the order of their names, or one by its `.ann` file.

    File names are read as `write_dir` makes them from ids: `a%2Fb.txt` is document `a/b`.

    Raises:
        MissingInputError: If there is no such file or folder, or a text is missing.
        InputError: If the folder holds no document, a file is not UTF-8, or annotations are not in
            the format or disagree with the text.
    """
    documents, problems = examine(path)
    if problems:
        raise InputError.from_problems(problems)
    return iter(documents)


def examine(path: Path | str) -> tuple[list[Document], list[str]]:
    """Read as `read` does what can be read, and list every line that cannot.

    Raises:
        MissingInputError: If there is no such file or folder, or a text is missing.
        InputError: If the folder holds no document, or a file is not UTF-8.
    """
    path = Path(path)
    texts = _texts(path) if path.is_dir() else [path.with_suffix(".txt")]
    problems: list[str] = []
    skipped: Counter[str] = Counter()
    documents = [_read_document(text, problems, skipped) for text in texts]
    if skipped:
        counts = ", ".join(f"{count:,} x {kind}" for kind, count in sorted(skipped.items()))
        logger.warning("%s: read without what is not a contiguous entity: %s", path, counts)
    return documents, problems


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write the annotations, the `.ann` part, of one document.

    Raises:
        InputError: If there is more than one document, or a label that brat cannot hold.
    """
    first = list(islice(documents, 2))
    if len(first) > 1:
        raise InputError("brat has two files per document, got several. Pass --output FOLDER.")
    for document in first:
        stream.writelines(_annotations(document))


def write_dir(documents: Iterable[Document], folder: Path | str) -> None:
    """Write `id.txt` and `id.ann` for every document; the folder is made if needed.

    In file names, what is not a letter, digit, `.`, `_` or `-` is percent-escaped, a document
    without id gets its number, and an id that is taken gets `-2`, `-3` ...

    Raises:
        InputError: If a label has white space, which brat cannot hold.
        OutputError: If the folder or a file cannot be written.
    """
    folder = Path(folder)
    taken: set[str] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, document in enumerate(documents, start=1):
            stem = _free_stem(document.id or str(number), taken)
            annotations = "".join(_annotations(document))
            # Bytes, because a text stream would translate newlines and so shift offsets.
            (folder / f"{stem}.txt").write_bytes(replace_surrogates(document.text).encode())
            (folder / f"{stem}.ann").write_bytes(annotations.encode())
    except OSError as error:
        raise OutputError(f"{error.filename or folder}: {error.strerror}") from error


def _texts(folder: Path) -> list[Path]:
    texts = {path for path in folder.iterdir() if path.suffix == ".txt"}
    annotated = {path.with_suffix(".txt") for path in folder.iterdir() if path.suffix == ".ann"}
    if missing := sorted(annotated - texts):
        named = ", ".join(path.name for path in missing[:20])
        raise MissingInputError(f"{folder}: {len(missing)} `.ann` without its text: {named}")
    if not texts:
        raise InputError(f"{folder}: no documents, expected `.txt` and `.ann` files")
    if annotated and len(annotated) < len(texts):
        missing_count = len(texts) - len(annotated)
        logger.warning("%s: %d texts have no `.ann` and so no entities", folder, missing_count)
    return sorted(texts)


def _read_document(path: Path, problems: list[str], skipped: Counter[str]) -> Document:
    text = read_text(path)
    annotations = path.with_suffix(".ann")
    entities = []
    lines = read_text(annotations).split("\n") if annotations.exists() else []
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        if not line.strip():
            continue
        if kind := _OTHER_KINDS.get(line[0]):
            skipped[kind] += 1
            continue
        try:
            entity = _entity(line, text)
        except InputError as error:
            problems.append(f"{annotations}:{number}: {error}")
            continue
        if entity is None:
            skipped["discontinuous entity"] += 1
        else:
            entities.append(entity)
    return Document(text=text, id=unquote(path.stem), entities=tuple(entities))


def _entity(line: str, text: str) -> Entity | None:
    match = _ENTITY.fullmatch(line)
    if not match:
        raise InputError(f"got `{line[:60]}`, expected `T1<tab>label start end<tab>text`")
    label, offsets, said = match.groups()
    if ";" in offsets:
        return None
    start, end = map(int, offsets.split(" "))
    found = text[start:end]
    if found.translate(_ON_ONE_LINE) != said or len(found) != end - start:
        raise InputError(
            f"entity {start}-{end} says `{said[:40]}`, the text has `{found[:40]}` there"
        )
    return Entity(start, end, label, found)


def _annotations(document: Document) -> Iterator[str]:
    for number, entity in enumerate(document.entities, start=1):
        if entity.label.split() != [entity.label]:
            raise InputError(
                f"document `{document.id}`: brat cannot hold the label `{entity.label}`: "
                f"expected no white space"
            )
        text = entity.text.translate(_ON_ONE_LINE)
        yield replace_surrogates(f"T{number}\t{entity.label} {entity.start} {entity.end}\t{text}\n")


def _free_stem(document_id: str, taken: set[str]) -> str:
    # A full stop in front would hide the file, and `..` would leave the folder.
    escaped = quote(replace_surrogates(document_id), safe="").replace("~", "%7E")
    if escaped.startswith("."):
        escaped = "%2E" + escaped[1:]
    escaped = escaped[:_MAX_STEM]
    stem, copy = escaped, 1
    # Some file systems do not tell capitals from small letters.
    while stem.lower() in taken:
        copy += 1
        stem = f"{escaped}-{copy}"
    taken.add(stem.lower())
    return stem
