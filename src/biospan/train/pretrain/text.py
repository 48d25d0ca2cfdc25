"""The text of an adaptation: which lines of which files, chosen by how much they are like a corpus.

Lines that repeat, or that share text with documents kept for judging, are left out and counted.
"""

import gzip
import math
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from biospan.document import Document
from biospan.errors import InputError, MissingInputError

SHINGLE = 8  # words in a row
LEAKED = 3  # shingles shared with one held-out document make a line a part of it
SHORTEST = 12  # words; shorter lines are headings and remains of tables
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines to learn from, in reading order.

    Attributes:
        lines: The lines.
        n_words: Words in them.
        files: Name and sha256 of each file, and how many of its lines were taken.
        dropped: Lines left out, by reason.
    """

    lines: list[str]
    n_words: int
    files: list[dict[str, str | int]]
    dropped: dict[str, int]


def locate(folder: str, names: Sequence[str]) -> list[Path]:
    """The paths of text files; `~` is the home folder.

    Raises:
        MissingInputError: With all files that are not there.
    """
    root = Path(os.path.expanduser(folder))  # Path's would raise for an unknown user
    paths = [root / name for name in names]
    missing = [name for name, path in zip(names, paths, strict=True) if not path.is_file()]
    if missing:
        raise MissingInputError(
            f"{root.absolute()}: {len(missing)} of {len(names)} text files are not there: "
            f"{', '.join(missing)}. `--set text=FOLDER` names another folder"
        )
    return paths


def choose(
    paths: Sequence[Path],
    like: Sequence[Document],
    held_out: Sequence[Document],
    *,
    n_words: int,
) -> Lines:
    """The lines of text files that are most like some documents.

    A line's likeness is the mean log-odds of its words between the documents and all lines.

    Args:
        paths: Text files, one document or paragraph a line; `.gz` is unpacked.
        like: What the text is to be like.
        held_out: Documents of which no line may be a part.
        n_words: Lines are taken until there are this many words; 0 for all lines.

    Raises:
        MissingInputError: If a file is not there.
        InputError: If a file is not UTF-8, or not the gzip file that it should be.
    """
    forbidden = {shingle for document in held_out for shingle in _shingles(document.text)}
    dropped: Counter[str] = Counter()
    seen: set[bytes] = set()
    found: list[tuple[int, str, list[str]]] = []
    for number, path in enumerate(paths):
        for line in _lines(path):
            words = _WORD.findall(line.lower())
            key = sha256(" ".join(words).encode()).digest()[:12]
            if len(words) < SHORTEST:
                dropped["short"] += 1
            elif key in seen:
                dropped["repeated"] += 1
            elif forbidden and sum(s in forbidden for s in _shingles(line)) >= LEAKED:
                dropped["held out"] += 1
            else:
                seen.add(key)
                found.append((number, line, words))
    odds = _log_odds((words for *_, words in found), like) if found else {}
    ranked = sorted(
        range(len(found)),
        key=lambda i: sum(odds[word] for word in found[i][2]) / len(found[i][2]),
        reverse=True,
    )
    taken, total = set(), 0
    for index in ranked:
        if n_words and total >= n_words:
            break
        taken.add(index)
        total += len(found[index][2])
    dropped["less like"] = len(found) - len(taken)
    counts = Counter(found[index][0] for index in taken)
    files: list[dict[str, str | int]] = [
        {"name": path.name, "sha256": sha256(path.read_bytes()).hexdigest(), "lines": counts[n]}
        for n, path in enumerate(paths)
    ]
    return Lines([found[i][1] for i in sorted(taken)], total, files, dict(dropped))


def _lines(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise MissingInputError(f"{path}: no such text file")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        try:
            for line in file:
                if stripped := line.strip():
                    yield stripped
        except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{path}: cannot be read: {error}; expected UTF-8 text") from error


def _shingles(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    for start in range(len(words) - SHINGLE + 1):
        yield tuple(words[start : start + SHINGLE])


def _log_odds(lines: Iterable[list[str]], like: Sequence[Document]) -> dict[str, float]:
    """Of each word, how much more frequent it is in the documents; smoothed by one."""
    everywhere: Counter[str] = Counter()
    for words in lines:
        everywhere.update(words)
    wanted = Counter(word for d in like for word in _WORD.findall(d.text.lower()))
    n_words = len(everywhere.keys() | wanted.keys())
    shift = math.log((everywhere.total() + n_words) / (wanted.total() + n_words))
    return {
        word: math.log((wanted[word] + 1) / (count + 1)) + shift
        for word, count in everywhere.items()
    }
