"""brat standoff: a text file `id.txt` and its annotations `id.ann`.

Text-bound entities (`T` lines) in one stretch are read, and their identifiers: the first
normalisation (`N` line) of each. Lines of other kinds and entities in several stretches are counted
in one warning; stretches with nothing but white space between them are one, because brat cuts an
entity at the end of a line. Scores and sources have no place in the format and are not written.
Format: https://brat.nlplab.org/standoff.html (Stenetorp et al., 2012).
"""

import errno
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, unquote

from biospan.document import Document, Entity
from biospan.errors import InputError, MissingInputError, OutputError
from biospan.formats.record import Record, Rejected
from biospan.formats.text import read_text
from biospan.highlight import replace_surrogates

logger = logging.getLogger(__name__)

_STRETCH = "[0-9]{1,12} [0-9]{1,12}"
_ENTITY = re.compile(rf"(T[^\t]*)\t(\S+) ({_STRETCH}(?:;{_STRETCH})*)\t(.*)", re.DOTALL)
_NORMALIZATION = re.compile(r"N[^\t]*\tReference (T\S*) (\S+:\S+)(?:\t.*)?")
# A normalisation names a database; this one stands for none.
_NO_DATABASE = "id:"
_OTHER_KINDS = {
    "R": "relation",
    "E": "event",
    "A": "attribute",
    "M": "modification",
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


def records(path: Path | str) -> Iterator[Record]:
    """Read documents one by one, and go on after one that cannot be read or has no text.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the folder holds no document.
    """
    if not Path(path).exists():
        raise MissingInputError(f"{path}: no such file or folder")
    skipped: Counter[str] = Counter()
    texts, missing = _texts(Path(path))
    for text in sorted([*texts, *missing]):
        problems: list[str] = []
        try:
            document = _read_document(text, problems, skipped)
        except (InputError, MissingInputError) as error:
            problems.append(str(error).removeprefix(f"{text}: "))
        if problems:
            yield Rejected(str(text), str(InputError.from_problems(problems)))
        else:
            yield document
    _warn_of(skipped, path)


def examine(path: Path | str) -> tuple[list[Document], list[str]]:
    """Read as `read` does what can be read, and list every line that cannot.

    Raises:
        MissingInputError: If there is no such file or folder, or a text is missing.
        InputError: If the folder holds no document, or a file is not UTF-8.
    """
    problems: list[str] = []
    skipped: Counter[str] = Counter()
    texts, missing = _texts(Path(path))
    if missing:
        named = ", ".join(text.name for text in missing[:20])
        raise MissingInputError(f"{path}: {len(missing)} `.ann` without its text: {named}")
    documents = [_read_document(text, problems, skipped) for text in texts]
    _warn_of(skipped, path)
    return documents, problems


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write the annotations, the `.ann` part, of one document.

    Raises:
        InputError: If there is more than one document, or a label that brat cannot hold.
    """
    first = list(islice(documents, 2))
    if len(first) > 1:
        raise InputError("brat has two files per document, got several. Pass --output FOLDER.")
    lost: Counter[str] = Counter()
    for document in first:
        stream.writelines(_annotations(document, lost))
    _warn_of_lost(lost)


def write_dir(documents: Iterable[Document], folder: Path | str) -> None:
    """Write `id.txt` and `id.ann` for every document; the folder is made if needed.

    In file names, what is not a letter, digit, `.`, `_` or `-` is percent-escaped, a document
    without id gets its number, and an id that is taken gets `-2`, `-3` ...

    Raises:
        InputError: If a label has white space, which brat cannot hold.
        OutputError: If the folder or a file cannot be written.
        OSError: If the disk is full or fails.
    """
    folder = Path(folder)
    taken: set[str] = set()
    lost: Counter[str] = Counter()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, document in enumerate(documents, start=1):
            stem = _free_stem(document.id or str(number), taken)
            annotations = "".join(_annotations(document, lost))
            # Bytes, because a text stream would translate newlines and so shift offsets.
            (folder / f"{stem}.txt").write_bytes(replace_surrogates(document.text).encode())
            (folder / f"{stem}.ann").write_bytes(annotations.encode())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            error.filename = error.filename or str(folder)
            raise
        raise OutputError(f"{error.filename or folder}: {error.strerror}") from error
    _warn_of_lost(lost)


def _warn_of(skipped: Counter[str], path: Path | str) -> None:
    if skipped:
        counts = ", ".join(f"{count:,} x {kind}" for kind, count in sorted(skipped.items()))
        logger.warning("%s: read without what is not a contiguous entity: %s", path, counts)


def _warn_of_lost(lost: Counter[str]) -> None:
    if lost:
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(lost.items()))
        logger.warning("brat cannot hold all of it: %s", counts)


def _texts(folder: Path) -> tuple[list[Path], list[Path]]:
    """The texts of a folder, or the one that belongs to an `.ann` file; and those not there."""
    if not folder.is_dir():
        return [folder.with_suffix(".txt")], []
    texts = {path for path in folder.iterdir() if path.suffix == ".txt"}
    annotated = {path.with_suffix(".txt") for path in folder.iterdir() if path.suffix == ".ann"}
    if not texts | annotated:
        raise InputError(f"{folder}: no documents, expected `.txt` and `.ann` files")
    if annotated and (bare := texts - annotated):
        logger.warning("%s: %d texts have no `.ann` and so no entities", folder, len(bare))
    return sorted(texts), sorted(annotated - texts)


def _read_document(path: Path, problems: list[str], skipped: Counter[str]) -> Document:
    text = read_text(path)
    annotations = path.with_suffix(".ann")
    entities: list[Entity] = []
    place_of: dict[str, int] = {}
    identifiers: list[tuple[str, str]] = []
    lines = read_text(annotations).split("\n") if annotations.exists() else []
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        if not line.strip():
            continue
        if normalization := _NORMALIZATION.fullmatch(line):
            identifiers.append((normalization[1], normalization[2]))
            continue
        if kind := _OTHER_KINDS.get(line[0]):
            skipped[kind] += 1
            continue
        try:
            name, entity = _entity(line, text)
        except InputError as error:
            problems.append(f"{annotations}:{number}: {error}")
            continue
        if entity is None:
            skipped["discontinuous entity"] += 1
        else:
            place_of.setdefault(name, len(entities))
            entities.append(entity)
    for name, identifier in identifiers:
        place = place_of.get(name)
        if place is None or entities[place].id is not None:
            skipped["normalization"] += 1
        else:
            identifier = identifier.removeprefix(_NO_DATABASE)
            entities[place] = replace(entities[place], id=identifier)
    return Document(text=text, id=unquote(path.stem), entities=tuple(entities))


def _entity(line: str, text: str) -> tuple[str, Entity | None]:
    match = _ENTITY.fullmatch(line)
    if not match:
        raise InputError(f"got `{line[:60]}`, expected `T1<tab>label start end<tab>text`")
    name, label, offsets, said = match.groups()
    stretches = [tuple(map(int, stretch.split(" "))) for stretch in offsets.split(";")]
    if any(text[end:start].strip() or end > start for (_, end), (start, _) in pairwise(stretches)):
        return name, None
    start, end = stretches[0][0], stretches[-1][1]
    found = " ".join(text[left:right] for left, right in stretches)
    if found.translate(_ON_ONE_LINE) != said or end > len(text):
        raise InputError(
            f"entity {start}-{end} says `{said[:40]}`, the text has `{found[:40]}` there"
        )
    return name, Entity(start, end, label, text[start:end])


def _annotations(document: Document, lost: Counter[str]) -> Iterator[str]:
    n_identifiers = 0
    for number, entity in enumerate(document.entities, start=1):
        if entity.label.split() != [entity.label]:
            raise InputError(
                f"document `{document.id}`: brat cannot hold the label `{entity.label}`: "
                f"expected no white space"
            )
        text = replace_surrogates(entity.text.translate(_ON_ONE_LINE))
        yield replace_surrogates(f"T{number}\t{entity.label} {entity.start} {entity.end}\t{text}\n")
        if entity.id is None:
            continue
        identifier = replace_surrogates(entity.id)
        if identifier.split() != [identifier]:
            lost["identifiers that are empty or have white space"] += 1
            continue
        if not re.fullmatch(r"(?!id:)[^:]+:.+", identifier):
            identifier = _NO_DATABASE + identifier
        n_identifiers += 1
        yield f"N{n_identifiers}\tReference T{number} {identifier}\t{text}\n"


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
