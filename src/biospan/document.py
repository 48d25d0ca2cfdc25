"""The values that everything else passes around: documents and what is marked in them.

Offsets are half-open code points of `Document.text`, always. The types are frozen and check
their invariants once, when they are built. They know nothing of models, tags or files.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from biospan import highlight
from biospan.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Token:
    """A word-like unit: the smallest thing that gets a decision of its own."""

    start: int
    end: int
    text: str

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise InputError(f"token {self.start}-{self.end}: expected 0 <= start < end")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and its tokens, in order and inside it."""

    start: int
    end: int
    tokens: tuple[Token, ...] = ()

    def __post_init__(self) -> None:
        _check_order("token", "sentence", self.start, self.end, self.tokens)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that has a place of its own there.

    Attributes:
        kind: `title`, `abstract`, `paragraph`, `caption` ...; plain text is one passage, `text`.
        section: What the file calls the section that it is in, such as `METHODS`; empty if it
            does not say.
    """

    start: int
    end: int
    kind: str = "text"
    sentences: tuple[Sentence, ...] = ()
    section: str = ""

    def __post_init__(self) -> None:
        _check_order("sentence", "passage", self.start, self.end, self.sentences)


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled span.

    Attributes:
        score: Probability in [0, 1] that span and label are right; None for gold.
        id: An identifier that a file carried, such as a database entry.
        source: Who marked it: None for this project's models, else what the file said.
    """

    start: int
    end: int
    label: str
    text: str
    score: float | None = None
    id: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise InputError(
                f"entity `{self.text[:40]}` {self.start}-{self.end}: expected 0 <= start < end"
            )
        if not self.label:
            raise InputError(f"entity `{self.text[:40]}` {self.start}-{self.end}: empty label")
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise InputError(
                f"entity `{self.text[:40]}`: score {self.score}, expected a number in [0, 1]"
            )


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its passages and entities.

    Attributes:
        text: The original text, unchanged whatever it contains.
        passages: In order; empty while the text is not segmented.
        entities: Sorted by start, then longest first, then label; overlaps are allowed.
        metadata: Read-only strings that travel with the document.
    """

    text: str
    id: str = ""
    passages: tuple[Passage, ...] = ()
    entities: tuple[Entity, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        where = f"document `{self.id:.80}`"
        for entity in self.entities:
            found = self.text[entity.start : entity.end]
            if entity.end > len(self.text):  # a slice would stop there without a word
                raise InputError(
                    f"{where}: entity {entity.start}-{entity.end} ends after the text, which has "
                    f"{len(self.text)} characters"
                )
            if found != entity.text:
                raise InputError(
                    f"{where}: entity {entity.start}-{entity.end} says `{entity.text[:40]}`, "
                    f"the text has `{found[:40]}` there"
                )
        for token in self.tokens():
            found = self.text[token.start : token.end]
            if found != token.text:
                raise InputError(
                    f"{where}: token {token.start}-{token.end} says `{token.text[:40]}`, "
                    f"the text has `{found[:40]}` there"
                )
        _check_order("passage", "document", 0, len(self.text), self.passages)
        # The one place where a frozen value sets its own fields: to hold them in canonical form.
        ordered = tuple(sorted(self.entities, key=_entity_order))
        object.__setattr__(self, "entities", ordered)
        if type(self.metadata) is not MappingProxyType:
            object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    def __reduce__(self) -> tuple[type["Document"], tuple[Any, ...]]:
        # A mapping proxy can be neither pickled nor copied: rebuild from a plain dict.
        parts = (self.text, self.id, self.passages, self.entities, dict(self.metadata))
        return type(self), parts

    def sentences(self) -> Iterator[Sentence]:
        """All sentences in order, across passages."""
        for passage in self.passages:
            yield from passage.sentences

    def tokens(self) -> Iterator[Token]:
        """All tokens in order, across sentences."""
        for sentence in self.sentences():
            yield from sentence.tokens

    def with_entities(self, entities: Iterable[Entity]) -> "Document":
        """The same document with these entities instead of its own."""
        return replace(self, entities=tuple(entities))

    def with_labels(self, labels: Collection[str], min_score: float = 0.0) -> "Document":
        """The same document with its entities of these labels, but for those with lower scores."""
        return self.with_entities(
            entity
            for entity in self.entities
            if entity.label in labels and (entity.score is None or entity.score >= min_score)
        )

    def with_passages(self, passages: Iterable[Passage]) -> "Document":
        """The same document with these passages instead of its own."""
        return replace(self, passages=tuple(passages))

    def with_metadata(self, **metadata: str) -> "Document":
        """The same document with these entries added to its metadata."""
        return replace(self, metadata={**self.metadata, **metadata})

    def untokenized(self) -> "Document":
        """The same document without sentences and tokens; passages stay."""
        return self.with_passages(replace(passage, sentences=()) for passage in self.passages)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; `from_dict` gives an equal document back."""
        return {
            "id": self.id,
            "text": self.text,
            "passages": [
                {
                    "start": passage.start,
                    "end": passage.end,
                    "kind": passage.kind,
                    **({"section": passage.section} if passage.section else {}),
                    "sentences": [
                        {
                            "start": sentence.start,
                            "end": sentence.end,
                            "tokens": [[token.start, token.end] for token in sentence.tokens],
                        }
                        for sentence in passage.sentences
                    ],
                }
                for passage in self.passages
            ],
            "entities": [_entity_to_dict(entity) for entity in self.entities],
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Document":
        """The document that `to_dict` wrote; missing parts are empty.

        Raises:
            InputError: If a field has the wrong type or an invariant does not hold.
        """
        try:
            text = _checked(_checked(data, dict)["text"], str)
            return cls(
                text=text,
                id=_checked(data.get("id", ""), str),
                passages=tuple(_passage_from_dict(text, item) for item in _items(data, "passages")),
                entities=tuple(_entity_from_dict(text, item) for item in _items(data, "entities")),
                metadata={
                    _checked(key, str): _checked(value, str)
                    for key, value in _checked(data.get("metadata", {}), dict).items()
                },
            )
        except (KeyError, TypeError, InputError) as error:
            name = data.get("id", "") if isinstance(data, dict) else ""
            where = f"document `{name!s:.80}`: "
            raise InputError(where + _explain(error).removeprefix(where)) from error

    def to_dataframe(self) -> "pandas.DataFrame":
        """One row per entity, with the document's id; needs pandas.

        Raises:
            MissingDependencyError: If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingDependencyError("pandas") from error
        columns = ["document", "start", "end", "label", "text", "score", "id", "source"]
        rows = [
            (self.id, e.start, e.end, e.label, e.text, e.score, e.id, e.source)
            for e in self.entities
        ]
        return pandas.DataFrame(rows, columns=columns)

    def highlights(self) -> list[highlight.Span]:
        """The entities as spans to colour."""
        return [highlight.Span(e.start, e.end, e.label, e.score) for e in self.entities]

    def _repr_html_(self) -> str:
        return highlight.to_html(self.text, self.highlights())


def _entity_order(entity: Entity) -> tuple[int, int, str]:
    return entity.start, -entity.end, entity.label


def _check_order(
    part: str, whole: str, start: int, end: int, parts: tuple[Token | Sentence | Passage, ...]
) -> None:
    if not 0 <= start <= end:
        raise InputError(f"{whole} {start}-{end}: expected 0 <= start <= end")
    position = start
    for item in parts:
        if item.start < position:
            raise InputError(
                f"{part} {item.start}-{item.end}: starts before {position}, where the {whole} or "
                f"the {part} before it allows"
            )
        position = item.end
    if position > end:
        raise InputError(f"{part} ends at {position}, after its {whole} {start}-{end}")


def _checked(value: Any, expected: type[T]) -> T:
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise TypeError(f"got {value!r:.80}, expected {expected.__name__}")
    return value


def _items(data: Any, key: str) -> list[Any]:
    return _checked(_checked(data, dict).get(key, []), list)


def _optional(value: Any, expected: type[T]) -> T | None:
    return None if value is None else _checked(value, expected)


def _token_from_list(text: str, data: Any) -> Token:
    if len(_checked(data, list)) != 2:
        raise TypeError(f"got {data!r:.80}, expected start and end of a token")
    start, end = (_checked(offset, int) for offset in data)
    return Token(start, end, text[start:end])


def _explain(error: Exception) -> str:
    return f"field {error} is missing" if isinstance(error, KeyError) else str(error)


def _passage_from_dict(text: str, data: dict[str, Any]) -> Passage:
    return Passage(
        start=_checked(_checked(data, dict)["start"], int),
        end=_checked(data["end"], int),
        kind=_checked(data.get("kind", "text"), str),
        section=_checked(data.get("section", ""), str),
        sentences=tuple(
            Sentence(
                start=_checked(_checked(sentence, dict)["start"], int),
                end=_checked(sentence["end"], int),
                tokens=tuple(_token_from_list(text, item) for item in _items(sentence, "tokens")),
            )
            for sentence in _items(data, "sentences")
        ),
    )


def _entity_to_dict(entity: Entity) -> dict[str, Any]:
    data: dict[str, Any] = {
        "start": entity.start,
        "end": entity.end,
        "label": entity.label,
        "text": entity.text,
    }
    optional = {"score": entity.score, "id": entity.id, "source": entity.source}
    return data | {key: value for key, value in optional.items() if value is not None}


def _entity_from_dict(text: str, data: dict[str, Any]) -> Entity:
    start, end = _checked(_checked(data, dict)["start"], int), _checked(data["end"], int)
    score = data.get("score")
    if type(score) is int and score in (0, 1):  # JSON writers may drop the point of 1.0
        score = float(score)
    return Entity(
        start=start,
        end=end,
        label=_checked(data["label"], str),
        text=_checked(data.get("text", text[start:end]), str),
        score=_optional(score, float),
        id=_optional(data.get("id"), str),
        source=_optional(data.get("source"), str),
    )
