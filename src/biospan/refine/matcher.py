"""Finding many mentions in a text at once.

The longest mention from the left wins, on unit edges only, in time that is linear in the text: from
each unit no more units are looked at than the longest mention that begins with it has.

How much case counts depends on the mention. One without a lower-case letter, such as `WAS` or
`IL-2`, and a word of at most three letters, such as `cat`, is only found as it is written: most
symbols would be English words otherwise. All others are found in any case.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from biospan.errors import InputError
from biospan.refine.folding import Part, parts

T = TypeVar("T")

MAX_PARTS = 64  # of a mention


class Matcher(Generic[T]):
    """Mentions, and a value for each."""

    def __init__(self) -> None:
        self._exact: dict[str, T] = {}
        self._folded: dict[str, T] = {}
        # By the key of its first part: the most parts of a mention.
        self._longest: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._exact) + len(self._folded)

    def add(self, mention: str, value: T) -> T:
        """Add a mention, unless it is there.

        Returns:
            The value that it now has: the one that was there first.

        Raises:
            InputError: If there is no letter or digit in the mention, or too much.
        """
        found = parts(mention)
        if not _fits(mention, found):
            raise InputError(
                f"mention `{mention:.40}`: has {len(found)} words and signs, expected a letter or "
                f"digit in it and at most {MAX_PARTS}"
            )
        first = found[0].key
        self._longest[first] = max(self._longest.get(first, 0), len(found))
        if keeps_case(mention):
            return self._exact.setdefault(" ".join([part.exact for part in found]), value)
        return self._folded.setdefault(" ".join([part.key for part in found]), value)

    def get(self, mention: str) -> T | None:
        """The value of a mention, in any of its spellings; None if there is none."""
        return self._get(parts(mention))

    def find(
        self, text: str, start: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, int, T]]:
        """Find mentions between two offsets: where each begins and ends, and its value."""
        found = parts(text, start, end)
        position = 0
        while position < len(found):
            first = found[position].start
            limit = 0 if first is None else self._longest.get(found[position].key, 0)
            for n_parts in range(min(limit, len(found) - position), 0, -1):
                last = found[position + n_parts - 1].end
                if first is None or last is None:
                    continue
                value = self._get(found[position : position + n_parts])
                if value is not None:
                    yield first, last, value
                    position += n_parts - 1
                    break
            position += 1

    def _get(self, found: list[Part]) -> T | None:
        value = self._exact.get(" ".join([part.exact for part in found])) if self._exact else None
        if value is None:
            value = self._folded.get(" ".join([part.key for part in found]))
        return value


def takes(mention: str) -> bool:
    """Whether a matcher takes it: with a letter or digit, and not too long."""
    return _fits(mention, parts(mention))


def _fits(mention: str, found: list[Part]) -> bool:
    return any(map(str.isalnum, mention)) and len(found) <= MAX_PARTS


def keeps_case(mention: str) -> bool:
    """Whether a mention is only found in the case that it is written in."""
    return mention.upper() == mention or (len(mention) <= 3 and mention.isalpha())
