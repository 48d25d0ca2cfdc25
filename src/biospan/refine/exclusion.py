"""A list of mentions that are not to be marked."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from biospan.document import Document
from biospan.errors import InputError
from biospan.formats.text import BYTE_ORDER_MARK, read_text
from biospan.model_config import is_label
from biospan.refine.matcher import Matcher

_ALL = ""  # instead of a label: whatever it is


class Exclusions:
    """Mentions that are dropped, whole, in every spelling and case that `Matcher` takes for one.

    Args:
        mentions: Pairs of a mention and the label that it is not to have; `""` for any label.
        fingerprint: Equal for equal lists.

    Raises:
        InputError: If a mention cannot be looked for.
    """

    def __init__(self, mentions: Iterable[tuple[str, str]] = (), *, fingerprint: str = "") -> None:
        self.fingerprint = fingerprint
        self._labels = Matcher[set[str]]()
        for mention, label in mentions:
            self._add(mention, label)

    @classmethod
    def read(cls, path: Path | str) -> "Exclusions":
        """Read a list: a mention on each line, or a mention, a tab and a label; `#` for remarks.

        Raises:
            MissingInputError: If there is no such file.
            InputError: If it is not UTF-8, or a line cannot be looked for.
        """
        text = read_text(path).removeprefix(BYTE_ORDER_MARK)
        made = cls(fingerprint=hashlib.sha256(text.encode()).hexdigest())
        problems = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            mention, _, label = (value.strip() for value in line.partition("\t"))
            if label and not is_label(label):
                problems.append(f"{path}:{number}: label `{label:.40}`: expected a word")
                continue
            try:
                made._add(mention, label)
            except InputError as error:
                problems.append(f"{path}:{number}: {error}")
        if problems:
            raise InputError.from_problems(problems)
        return made

    def _add(self, mention: str, label: str) -> None:
        self._labels.add(mention, set()).add(label)

    def drop(self, document: Document) -> Document:
        """The document without the entities that are on the list."""
        kept = []
        for entity in document.entities:
            labels = self._labels.get(entity.text) or ()
            if entity.label not in labels and _ALL not in labels:
                kept.append(entity)
        return document.with_entities(kept)
