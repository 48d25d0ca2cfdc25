"""The files of a job: which they are, whether they are whole, and whether they stayed the same."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from biospan import formats
from biospan.errors import ConfigError, InputError, MissingInputError
from biospan.formats.text import open_input, open_unpacked

logger = logging.getLogger(__name__)

_CHUNK = 2**20
_OF_A_JOB = frozenset({"job.json", "plan.jsonl", "rejects.jsonl"})  # beside its documents
_MD5 = re.compile(r"\b[0-9a-f]{32}\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Input:
    """A file as it was when the job was planned.

    Attributes:
        size: Bytes.
        mtime_ns: When it was changed last.
        sha256: Of its bytes.
        records: How many it holds; 1 for a damaged file.
        damage: Why nothing of it is used; empty for a sound file.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    records: int = 0
    damage: str = ""

    def check(self) -> None:
        """Refuse a file that has changed, going by its size and time.

        Raises:
            InputError: If it has, or is gone.
        """
        try:
            found = _state(Path(self.path))
        except OSError as error:
            raise InputError(f"{self.path}: was there when planned: {error.strerror}") from error
        if found != (self.size, self.mtime_ns):
            raise InputError(
                f"{self.path}: has changed since the job was planned: {self.size:,} bytes then, "
                f"{found[0]:,} now, or written to. Start a new job in another folder."
            )

    def is_same(self) -> bool:
        """Whether the file is what it was; its bytes are read if its time has changed."""
        found = _state(Path(self.path))
        if found[0] != self.size:
            return False
        return found[1] == self.mtime_ns or _digests(Path(self.path), "sha256") == [self.sha256]

    def touched(self) -> "Input":
        """The same file with the time that it has now, as for one that was copied meanwhile."""
        return replace(self, mtime_ns=_state(Path(self.path))[1])


def expand(paths: Sequence[Path], output: Path) -> list[Path]:
    """The files that arguments stand for; of a folder all that a format is known for, by name.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If a file's suffix is not known, or a folder holds no known file.
        ConfigError: If a file is named twice, or the output lies in an input.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise MissingInputError(f"{path}: no such file or folder")
        if path.is_dir():
            if output.resolve().is_relative_to(path.resolve()):
                raise ConfigError(f"--output {output}: lies in the input {path}. Name another.")
            found += _files_of_folder(path)
        else:
            formats.records(path)  # refuses an unknown suffix
            found.append(path)
    seen: set[Path] = set()
    for path in found:
        if path.resolve() in seen:
            raise ConfigError(f"{path}: is an input twice. Name it once.")
        seen.add(path.resolve())
    return found


def look_at(path: Path) -> Input:
    """A file's state, and whether it is whole: packed files are unpacked to their end.

    A file `NAME.md5` beside it, as PubMed has them, must hold its MD5. That is the only way to
    notice that a file of several packed members was cut between two of them.
    """
    side_car = path.with_name(path.name + ".md5")
    size, mtime_ns = _state(path)
    sha256, md5 = _digests(path, "sha256", "md5")
    damage = ""
    if side_car.is_file():
        expected = _MD5.search(side_car.read_text(encoding="utf-8", errors="replace"))
        if expected and expected[0].lower() != md5:
            damage = f"MD5 is {md5}, {side_car.name} says {expected[0].lower()}. Load it anew."
    if not damage and path.suffix.lower() == ".gz":
        damage = _packing_damage(path)
    return Input(str(path), size, mtime_ns, sha256, damage=damage)


def differences(inputs: Sequence[Input], paths: Sequence[Path]) -> list[str]:
    """What differs between the inputs of a plan and those of a command."""
    before, now = [item.path for item in inputs], [str(path) for path in paths]
    found = [f"input `{path}` was not there" for path in sorted(set(now) - set(before))]
    found += [f"input `{path}` is missing" for path in sorted(set(before) - set(now))]
    if not found and before != now:
        found = ["the inputs come in another order"]
    return found or [f"input `{item.path}` has changed" for item in inputs if not item.is_same()]


def _files_of_folder(folder: Path) -> Iterator[Path]:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    # What a job wrote may be read again: its documents, and not what it says of them.
    plans, jobs = (
        {path.parent for path in files if path.name == name} for name in ("plan.jsonl", "job.json")
    )
    files = [
        path for path in files if path.parent not in jobs & plans or path.name not in _OF_A_JOB
    ]
    annotated = {path.with_suffix(".txt") for path in files if path.suffix.lower() == ".ann"}
    known = [path for path in files if formats.is_known(path) and path not in annotated]
    if not known:
        raise InputError(f"{folder}: {len(files)} files, none of a known format")
    if unknown := [path for path in files if not formats.is_known(path) and path.suffix != ".md5"]:
        logger.warning(
            "%s: %d files of no known format are passed over, such as %s",
            folder,
            len(unknown),
            unknown[0].name,
        )
    yield from known


def _parts(path: Path) -> list[Path]:
    """The files that are read for an input; brat has the text beside the annotation."""
    text = path.with_suffix(".txt")
    return [path, text] if path.suffix.lower() == ".ann" and text.is_file() else [path]


def _state(path: Path) -> tuple[int, int]:
    states = [part.stat() for part in _parts(path)]
    return sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)


def _digests(path: Path, *names: str) -> list[str]:
    digests: list[Any] = [hashlib.new(name, usedforsecurity=False) for name in names]
    for part in _parts(path):
        with open_input(part) as stream:
            for chunk in _chunks(stream.read):
                for digest in digests:
                    digest.update(chunk)
    return [digest.hexdigest() for digest in digests]


def _packing_damage(path: Path) -> str:
    try:
        with open_unpacked(path) as stream:
            for _ in _chunks(stream.read):
                pass
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(_CHUNK):
        yield chunk
