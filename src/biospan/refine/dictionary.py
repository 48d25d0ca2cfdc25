"""A user's own names: mentions with a label and perhaps an identifier.

The file is TSV: mention, label and, if there is one, an identifier; lines that begin with `#` are
remarks. What counts as the same mention, and when case counts, is `matcher`'s to say.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from biospan.document import Document, Entity
from biospan.errors import InputError
from biospan.formats.text import numbered_lines, open_unpacked
from biospan.model_config import is_label
from biospan.refine.matcher import Matcher
from biospan.refine.spans import find

logger = logging.getLogger(__name__)

DICTIONARY = "biospan:dictionary"  # the source


class Term(NamedTuple):
    """What a dictionary says of a mention."""

    label: str
    id: str | None


class Dictionary:
    """Mentions that are marked wherever they stand.

    Args:
        terms: Pairs of a mention and what is known of it. Of two for one mention the first holds.
        fingerprint: Equal for equal dictionaries.

    Raises:
        InputError: If a mention cannot be looked for.
    """

    def __init__(self, terms: Iterable[tuple[str, Term]], *, fingerprint: str = "") -> None:
        self._matcher = Matcher[Term]()
        self.fingerprint = fingerprint
        self.n_ignored = 0  # terms for a mention that another term was there for
        shared: dict[Term, Term] = {}  # those without identifier: one for each label
        labels: set[str] = set()
        for mention, term in terms:
            value = term if term.id is not None else shared.setdefault(term, term)
            self.n_ignored += self._matcher.add(mention, value) != term
            labels.add(term.label)
        self.labels = tuple(sorted(labels))

    @classmethod
    def read(cls, path: Path | str) -> "Dictionary":
        """Read a file, packed with gzip or not; a warning counts the terms that are ignored.

        Raises:
            MissingInputError: If there is no such file.
            InputError: If it is not UTF-8, or at the first line that is no term.
        """
        digest = hashlib.sha256()
        with open_unpacked(path) as stream:
            made = cls(_terms(numbered_lines(stream, path), path, digest))
        made.fingerprint = digest.hexdigest()
        if made.n_ignored:
            logger.warning(
                "%s: %s terms ignored, whose mention stands above with another label or identifier",
                path,
                f"{made.n_ignored:,}",
            )
        return made

    def __len__(self) -> int:
        return len(self._matcher)

    def mark(self, document: Document) -> Document:
        """Mark the mentions of the dictionary.

        An entity that spans just a mention gets its identifier, and stays as it is if it has its
        label. Otherwise, of a mention and the entities that it overlaps, the longest stays, and the
        mention if none is longer. What is added has no score.
        """
        entities = {(e.start, e.end, e.label): e for e in document.entities}
        added: list[Entity] = []
        for start, end, term in find(document, self._matcher):
            same = entities.get((start, end, term.label))
            if same is not None:
                added.append(replace(same, id=term.id or same.id))
            else:
                mention = document.text[start:end]
                added.append(Entity(start, end, term.label, mention, id=term.id, source=DICTIONARY))
        return document.with_entities(_settled(document.entities, added))


def _settled(entities: Sequence[Entity], mentions: Sequence[Entity]) -> Iterator[Entity]:
    """Entities and mentions without those that overlap a longer one, or a mention as long."""
    both = [*entities, *mentions]
    rivals: list[list[int]] = [[] for _ in both]
    position = 0  # of the first mention that ends after the entity begins; mentions are apart
    for one, entity in enumerate(entities):
        while position < len(mentions) and mentions[position].end <= entity.start:
            position += 1
        for other in range(position, len(mentions)):
            if mentions[other].start >= entity.end:
                break
            rivals[one].append(len(entities) + other)
            rivals[len(entities) + other].append(one)
    stays: dict[int, bool] = {}
    for index in sorted(
        range(len(both)),
        key=lambda index: (both[index].start - both[index].end, index < len(entities)),
    ):
        stays[index] = not any(stays.get(rival, False) for rival in rivals[index])
    return (entity for index, entity in enumerate(both) if stays[index])


def _terms(
    lines: Iterable[tuple[int, str]], path: Path | str, digest: "hashlib._Hash"
) -> Iterator[tuple[str, Term]]:
    for number, line in lines:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
        if not line.strip() or line.startswith("#"):
            continue
        mention, *values = (value.strip() for value in line.split("\t"))
        if len(values) not in (1, 2):
            raise InputError(
                f"{path}:{number}: got {len(values) + 1} columns, expected mention, label and "
                "perhaps an identifier, with tabs between them"
            )
        if not is_label(values[0]):
            raise InputError(f"{path}:{number}: label `{values[0]:.40}`: expected a word")
        if not any(map(str.isalnum, mention)):
            raise InputError(f"{path}:{number}: expected a letter or digit in the mention")
        yield mention, Term(values[0], values[1] or None if len(values) == 2 else None)
