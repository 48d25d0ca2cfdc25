"""A tagger and the steps that its documents go through, which together tag as a tagger does."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from types import MappingProxyType

from biospan.document import Document
from biospan.errors import ConfigError, nearest
from biospan.refine.abbreviations import propagate_abbreviations
from biospan.refine.consistency import mark_repeats, unify_labels
from biospan.refine.dictionary import Dictionary
from biospan.refine.exclusion import Exclusions
from biospan.tagger import ERROR_KEY, Tagger

Step = Callable[[Document], Document]

# In the order in which they are done.
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "abbreviations": propagate_abbreviations,
        "repeats": mark_repeats,
        "labels": unify_labels,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Which steps are done; can be pickled, and files are opened where the work is.

    Attributes:
        names: Some of `STEPS`.
        dictionary: A file for `Dictionary.read`.
        exclusions: A file for `Exclusions.read`; they are dropped first, so that nothing is
            concluded from them, and again at the end.

    Raises:
        ConfigError: If a name is unknown.
    """

    names: tuple[str, ...] = ()
    dictionary: Path | None = None
    exclusions: Path | None = None

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in STEPS:
                raise ConfigError(f"step `{name}`: unknown. {nearest(name, STEPS)}")

    def applied_to(self, tagger: Tagger) -> "Tagger | Refined":
        """The tagger with these steps; itself if there are none.

        Raises:
            MissingInputError: If a file is not there.
            InputError: If a file is not what it should be.
        """
        functions = [function for name, function in STEPS.items() if name in self.names]
        marks = [name for name in STEPS if name in self.names]
        labels = set(tagger.labels)
        if self.dictionary is not None:
            dictionary = Dictionary.read(self.dictionary)
            functions.append(dictionary.mark)
            marks.append(f"dictionary {dictionary.fingerprint}")
            labels.update(dictionary.labels)
        if self.exclusions is not None:
            exclusions = Exclusions.read(self.exclusions)
            functions = [exclusions.drop, *functions, exclusions.drop]
            marks.append(f"exclusions {exclusions.fingerprint}")
        if not functions:
            return tagger
        return Refined(tagger, functions, labels=labels, fingerprint=", ".join(marks))


class Refined:
    """Marks entities with a tagger, and has each document go through steps.

    Args:
        tagger: Marks them.
        steps: Done one after the other on every document that was tagged.
        labels: All that may come out; None: the tagger's.
        fingerprint: Identifies the steps; the tagger's is put before it.
    """

    def __init__(
        self,
        tagger: Tagger,
        steps: Iterable[Step],
        *,
        labels: Iterable[str] | None = None,
        fingerprint: str = "",
    ) -> None:
        self._tagger = tagger
        self._steps = tuple(steps)
        self.labels = tuple(sorted(tagger.labels if labels is None else labels))
        self.fingerprint = f"{tagger.fingerprint} + {fingerprint}"

    def tag(self, text: str | Document) -> Document:
        """Mark the entities of one text; see `Tagger.tag`.

        Raises:
            InputError: If the text cannot be tagged.
        """
        return self._refine(self._tagger.tag(text))

    def tag_many(self, texts: Iterable[str | Document]) -> Iterator[Document]:
        """Mark the entities of many texts, in order; see `Tagger.tag_many`.

        Raises:
            TypeError: If an item is neither a string nor a Document, or `texts` is one string.
            ModelError: If the model fails; that is no fault of a document.
        """
        for document in self._tagger.tag_many(texts):
            yield document if ERROR_KEY in document.metadata else self._refine(document)

    def _refine(self, document: Document) -> Document:
        return reduce(lambda done, step: step(done), self._steps, document)
