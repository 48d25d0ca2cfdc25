"""A corpus of one's own: files and folders at a path, and which documents are which split.

A folder with `train`, `dev` and perhaps `test`, each a file or a folder of brat files, is split
already. One file, or one folder of brat files, is split by a hash of the documents' ids, so that
a document stays where it is when others are added; a list `dev.ids` chooses otherwise.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from biospan import formats
from biospan.document import Document
from biospan.errors import MAX_LISTED_PROBLEMS, InputError, MissingInputError
from biospan.formats.text import read_text

IDS_FILE = "dev.ids"
DEV_SHARE = 10  # one document in so many is for development

_SPLITS = ("train", "dev", "test")
_WHOLE = "all"
_FORMS = "`train.jsonl`, `train.iob2` or a folder `train` of brat files"


def read(path: Path, split: str) -> list[Document]:
    """Read one split of the corpus at a path; `all` is everything but `test`.

    Documents that have no ids get their numbers, in a corpus that is split already with the
    split's name before them (`train-1`).

    Raises:
        MissingInputError: If the corpus has no such split.
        InputError: If it cannot be told what the splits are, the split is empty, or the files
            are damaged.
    """
    entries = _entries(path)
    if split != "test" and (whole := _to_be_split(path, entries)):
        documents = _split(path, whole, split)
    else:
        wanted = ("train", "dev") if split == _WHOLE else (split,)
        missing = [name for name in wanted if name not in entries]
        if missing:
            raise MissingInputError(_no_such_split(path, entries, missing[0]))
        documents = [
            document
            for name in wanted
            for document, _ in _keyed(formats.read(entries[name]), f"{name}-")
        ]
    if not documents:
        raise InputError(f"{path}: split `{split}` has no documents")
    return documents


def _entries(path: Path) -> dict[str, Path]:
    """The file or folder of each split; of a corpus that is not split, one under `all`."""
    if not path.is_dir():
        return {_WHOLE: path}
    items = sorted(path.iterdir())
    found = {name: [item for item in items if _split_name(item) == name] for name in _SPLITS}
    for name, candidates in found.items():
        if len(candidates) > 1:
            raise InputError(
                f"{path}: split `{name}` is there {len(candidates)} times: {_names(candidates)}. "
                "Keep one."
            )
    entries = {name: candidates[0] for name, candidates in found.items() if candidates}
    annotated = [item for item in items if item.suffix == ".ann"]
    if entries and annotated:
        raise InputError(
            f"{path}: holds both splits ({_names(entries.values())}) and brat files "
            f"({_names(annotated)}). Keep one or the other."
        )
    if not entries and not any(item.suffix == ".txt" for item in items):
        raise InputError(
            f"{path}: no corpus, expected {_FORMS}, the same for `dev`, or brat files; found "
            f"{_names(items)}. A single file is named itself."
        )
    return entries or {_WHOLE: path}


def _split_name(item: Path) -> str:
    """Name of the split that a file or folder holds, if any; plain text and `.ann` hold none."""
    if item.is_dir():
        return item.name
    readable = formats.is_known(item) and item.suffix not in (".txt", ".ann")
    return item.name.partition(".")[0] if readable else ""


def _to_be_split(path: Path, entries: dict[str, Path]) -> Path | None:
    """What has yet to be split into `train` and `dev`, if anything has."""
    listed = _ids_file(path).exists()
    if "dev" in entries and listed:
        raise InputError(
            f"{path}: both `{entries['dev'].name}` and `{IDS_FILE}` say what `dev` is. Keep one."
        )
    if _WHOLE in entries:
        return entries[_WHOLE]
    return entries.get("train") if listed else None


def _split(path: Path, whole: Path, split: str) -> list[Document]:
    keyed = _keyed(formats.read(whole), "")
    documents = [document for document, _ in keyed]
    if split == _WHOLE:
        return documents
    dev = _listed(path, documents) if _ids_file(path).exists() else _hashed(keyed)
    for empty, name in ((not dev, "dev"), (len(dev) == len(documents), "train")):
        if empty:
            raise InputError(
                f"{path}: no document would be `{name}`, of {len(documents)} in all. Choose those "
                f"of `dev` by their ids, one a line, in {_ids_file(path)}"
            )
    return [document for document in documents if (document.id in dev) == (split == "dev")]


def _keyed(documents: Iterable[Document], prefix: str) -> list[tuple[Document, str]]:
    """Documents, each with what its split is hashed from: its id, or its text if it has none.

    Ids that only count the documents, from 0 or 1, are none: in the next file they begin anew.
    """
    found = list(documents)
    ids = [document.id for document in found]
    counted = ids in ([str(i) for i in range(len(ids))], [str(i + 1) for i in range(len(ids))])
    keyed = []
    for number, document in enumerate(found, start=1):
        if document.id and not counted:
            keyed.append((document, document.id))
        else:
            named = dataclasses.replace(document, id=f"{prefix}{document.id or number}")
            keyed.append((named, document.text))
    return keyed


def _hashed(keyed: Sequence[tuple[Document, str]]) -> set[str]:
    """Ids of the documents whose key's hash says that they are for development."""
    return {
        document.id
        for document, key in keyed
        if int.from_bytes(sha256(key.encode("utf-8", "surrogatepass")).digest()) % DEV_SHARE == 0
    }


def _ids_file(path: Path) -> Path:
    """In the corpus's folder, or beside its file."""
    return (path if path.is_dir() else path.parent) / IDS_FILE


def _listed(path: Path, documents: Sequence[Document]) -> set[str]:
    file = _ids_file(path)
    listed = {line.strip() for line in read_text(file).splitlines() if line.strip()}
    if unknown := sorted(listed - {document.id for document in documents}):
        named = ", ".join(f"`{name}`" for name in unknown[:MAX_LISTED_PROBLEMS])
        raise InputError(f"{file}: {len(unknown)} ids that no document of {path} has: {named}")
    return listed


def _no_such_split(path: Path, entries: dict[str, Path], missing: str) -> str:
    if _WHOLE in entries:
        return (
            f"{path}: not split, so it has no `test`; only `dev` is chosen out of it. Put the "
            f"files of `train`, `dev` and `test` into one folder, and name that."
        )
    hint = f" Or list ids of `train` in `{IDS_FILE}`." if missing == "dev" else ""
    return (
        f"{path}: no split `{missing}`, found {_names(sorted(path.iterdir()))}. "
        f"Expected {_FORMS.replace('train', missing)}.{hint}"
    )


def _names(items: Iterable[Path]) -> str:
    names = [f"`{item.name}`" for item in items]
    more = (
        f" and {len(names) - MAX_LISTED_PROBLEMS} more" if len(names) > MAX_LISTED_PROBLEMS else ""
    )
    return ", ".join(names[:MAX_LISTED_PROBLEMS]) + more if names else "nothing"
