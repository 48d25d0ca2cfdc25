"""Entities on the tokens of a spaCy `Doc`: where their edges go, and what gives way to what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from spacy.tokens import Doc, Span

from biospan.document import Entity
from biospan.errors import ConfigError

SCORE, MISALIGNED, LEFT_OUT = "biospan_score", "biospan_misaligned", "biospan_left_out"

Alignment = Literal["expand", "contract", "strict"]

if not Span.has_extension(SCORE):
    Span.set_extension(SCORE, default=None)
for _name in (MISALIGNED, LEFT_OUT):
    if not Doc.has_extension(_name):
        Doc.set_extension(_name, default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """How entities are placed; see `spacy_component.create_component`.

    Raises:
        ConfigError: If a setting is none of those that there are.
    """

    spans_key: str | None = None
    alignment: Alignment = "expand"
    overwrite_ents: bool = False
    min_score: float = 0.0

    def __post_init__(self) -> None:
        if self.alignment not in ("expand", "contract", "strict"):
            raise ConfigError(
                f"alignment: got `{self.alignment}`; expected expand, contract or strict"
            )
        if not 0.0 <= self.min_score <= 1.0:
            raise ConfigError(f"min_score: got {self.min_score}; expected a number in [0, 1]")


class Placed(NamedTuple):
    """What became of entities: how many there were, and how many of them ...

    Attributes:
        entities: All.
        misaligned: Had an edge inside of a token.
        left_out: Are not in the `Doc`, for that or because they overlap what is.
    """

    entities: int = 0
    misaligned: int = 0
    left_out: int = 0

    def __add__(self, other: object) -> "Placed":
        if not isinstance(other, Placed):
            return NotImplemented
        return Placed(*map(sum, zip(self, other, strict=True)))


def place(doc: Doc, entities: Iterable[Entity], placing: Placing) -> Placed:
    """Put entities into a `Doc`, and their scores into `span._.biospan_score`.

    The counts are in `doc._.biospan_misaligned` and `doc._.biospan_left_out`, too.
    """
    scored: list[tuple[Span, float]] = []
    n_entities = misaligned = 0
    for entity in entities:
        score = entity.score or 0.0
        if score < placing.min_score:
            continue
        n_entities += 1
        span = doc.char_span(
            entity.start, entity.end, label=entity.label, alignment_mode=placing.alignment
        )
        if span is None or (span.start_char, span.end_char) != (entity.start, entity.end):
            misaligned += 1
        if span is not None and len(span) > 0:
            scored.append((span, score))
    if placing.spans_key is None:
        scored = _set_ents(doc, scored, placing.overwrite_ents)
    else:
        doc.spans[placing.spans_key] = [span for span, _ in scored]
        scores = np.array([score for _, score in scored], dtype=np.float32)
        doc.spans[placing.spans_key].attrs["scores"] = scores
    for span, score in scored:
        span._.set(SCORE, score)
    placed = Placed(n_entities, misaligned, n_entities - len(scored))
    doc._.set(MISALIGNED, placed.misaligned)
    doc._.set(LEFT_OUT, placed.left_out)
    return placed


def _set_ents(
    doc: Doc, scored: Sequence[tuple[Span, float]], overwrite: bool
) -> list[tuple[Span, float]]:
    """Fill `doc.ents`, where nothing may overlap, with what has the highest scores.

    Returns:
        What is in it now, beside entities that were there before.
    """
    kept: list[tuple[Span, float]] = []
    before = list(doc.ents)
    taken = np.zeros(len(doc), dtype=np.bool_)
    for ent in () if overwrite else before:
        taken[ent.start : ent.end] = True
    ours = np.zeros_like(taken)
    for span, score in sorted(scored, key=lambda item: -item[1]):
        if not (taken | ours)[span.start : span.end].any():
            ours[span.start : span.end] = True
            kept.append((span, score))
    others = [ent for ent in before if not ours[ent.start : ent.end].any()]
    doc.ents = [*others, *(span for span, _ in kept)]
    return kept
