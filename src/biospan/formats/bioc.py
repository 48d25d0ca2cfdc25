"""BioC documents: what XML and JSON files of BioC have in common.

Both are turned into the form that BioC JSON has, a dictionary; here that becomes a `Document` and
back. Offsets of the document are those of the file, in code points: where the file has no text
between two passages, the document has newlines.

What a `Document` cannot hold is counted: relations, annotations in several pieces or without a
label, infons of annotations and passages other than those read here. Infons of the document, and
those of its first passage, where PubMed Central keeps journal and year, are metadata.

Format: Comeau et al. (2013), BioC: a minimalist approach to interoperability for biomedical text
processing, Database, bat064.
"""

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from biospan.document import Document, Entity, Passage, Sentence
from biospan.errors import InputError
from biospan.formats.bioc_layout import UNITS, Layout, Piece, lay_out

OURS = "biospan"  # the annotator of entities without a source
_LABELS = ("type", "entitytype", "label", "class")
_IDENTIFIERS = (
    *("identifier", "ncbigene", "ncbigeneid", "entrezgene", "geneid", "ncbitaxonomy", "taxonomy"),
    *("mesh", "meshid", "omim", "uniprot", "chebi", "cellosaurus", "cui", "conceptid"),
)
_ANNOTATORS = ("annotator", "source")
# What PubMed Central calls its passages, in the words of this project.
_KINDS = (
    (re.compile(r"front"), "title"),
    (re.compile(r"(?:abstract_)?title(?:_[0-9])"), "section_title"),
    (re.compile(r"(?:fig|table)(?:_title)?_caption"), "caption"),
)
_OFFSET = re.compile(r"[0-9]{1,12}")
_ON_ONE_LINE = str.maketrans("\r\n\t", "   ")


@dataclass(frozen=True, slots=True)
class _Mark:
    """An annotation in one piece; offset and length are in the file's unit."""

    offset: int
    length: int
    text: str
    label: str
    score: float | None
    id: str | None
    source: str | None

    def entity(self, layout: Layout) -> Entity:
        start, end = layout.index(self.offset), layout.index(self.offset + self.length)
        found = layout.text[start:end]
        if self.text and found.translate(_ON_ONE_LINE) != self.text.translate(_ON_ONE_LINE):
            raise InputError(
                f"the annotation at offset {self.offset} says `{self.text:.40}`, "
                f"the text has `{found:.40}` there"
            )
        return Entity(start, end, self.label, found, self.score, self.id, self.source)


@dataclass(frozen=True, slots=True)
class _Passage:
    """A passage and the pieces of text in it: one, or its sentences if it has no other text."""

    pieces: tuple[Piece, ...]
    sentences: tuple[Piece, ...]
    kind: str
    section: str


def to_document(data: Any) -> tuple[Document, Counter[str]]:
    """The document in the form of BioC JSON, and the counts of what is to be told about it.

    Raises:
        InputError: If a part is missing or of the wrong type, or offsets and text disagree in any
            unit.
    """
    if not isinstance(data, dict) or "passages" not in data:
        raise InputError(f"got {data!r:.60}, expected a BioC document with `passages`")
    notes: Counter[str] = Counter()
    metadata = _infons(data)
    passages = []
    for number, passage in enumerate(_dicts(data, "passages")):
        passages.append(_passage(passage))
        further = {
            key: value
            for key, value in _infons(passage).items()
            if key not in ("type", "section_type", "section")
        }
        if number == 0:
            metadata = further | metadata
        else:
            notes["further infon of a passage"] += len(further)
    marks = [mark for item in _annotations(data, notes) if (mark := _mark(item, notes))]
    document = _fitted(passages, marks, notes)
    return replace(document, id=_string(data, "id"), metadata=metadata), +notes


def from_document(document: Document) -> dict[str, Any]:
    """The document in the form of BioC JSON.

    Text outside of passages becomes passages, unless a reader fills it in, as it does newlines.
    An entity belongs to the passage that holds it; one that none does, to the document. Sentences
    and tokens have no place beside a passage's text.
    """
    passages = list(_covering(document))
    starts = [passage.start for passage in passages]
    held: list[list[dict[str, Any]]] = [[] for _ in passages]
    outside: list[dict[str, Any]] = []
    for number, entity in enumerate(document.entities, start=1):
        place = bisect_right(starts, entity.start) - 1
        inside = place >= 0 and entity.end <= passages[place].end
        (held[place] if inside else outside).append(_from_entity(entity, number))
    return {
        "bioctype": "BioCDocument",
        "id": document.id,
        "infons": dict(document.metadata),
        "passages": [
            {
                "bioctype": "BioCPassage",
                "offset": passage.start,
                "infons": {"type": passage.kind}
                | ({"section_type": passage.section} if passage.section else {}),
                "text": document.text[passage.start : passage.end],
                "sentences": [],
                "annotations": annotations,
                "relations": [],
            }
            for passage, annotations in zip(passages, held, strict=True)
        ],
        "annotations": outside,
        "relations": [],
    }


def warning(notes: Counter[str]) -> str:
    """The counts of a file in words."""
    return ", ".join(f"{count:,} x {kind}" for kind, count in sorted(notes.items()))


def _passage(data: Mapping[str, Any]) -> _Passage:
    infons = _infons(data)
    offset = _number(data, "offset")
    sentences = tuple(
        Piece(_number(item, "offset"), _string(item, "text"), "\n" if number == 0 else " ")
        for number, item in enumerate(_dicts(data, "sentences"))
    )
    text = _string(data, "text")
    pieces = (Piece(offset, text),) if text or not sentences else sentences
    kind = infons.get("type", "text")
    kind = next((ours for theirs, ours in _KINDS if theirs.fullmatch(kind)), kind)
    return _Passage(pieces, sentences, kind, infons.get("section_type", infons.get("section", "")))


def _annotations(data: Mapping[str, Any], notes: Counter[str]) -> Iterator[Mapping[str, Any]]:
    """The annotations of a document, of its passages and of their sentences."""
    passages = _dicts(data, "passages")
    for part in (data, *passages, *(s for p in passages for s in _dicts(p, "sentences"))):
        notes["relation"] += len(_dicts(part, "relations"))
        yield from _dicts(part, "annotations")


def _mark(data: Mapping[str, Any], notes: Counter[str]) -> _Mark | None:
    infons = _infons(data)
    names = {re.sub(r"[\W_]", "", key).lower(): key for key in infons}

    def take(known: Sequence[str]) -> str | None:
        name = next((name for name in known if name in names), None)
        return None if name is None else infons.pop(names[name])

    label, identifier, annotator = take(_LABELS), take(_IDENTIFIERS), take(_ANNOTATORS)
    score = _probability(infons.get("score", ""))
    notes["further infon of an annotation"] += len(infons) - (score is not None)
    locations = _dicts(data, "locations")
    if len(locations) != 1:
        notes["annotation in several pieces" if locations else "annotation without a place"] += 1
        return None
    offset, length = _number(locations[0], "offset"), _number(locations[0], "length")
    if not length or not label:
        notes["annotation without a label" if length else "annotation of no character"] += 1
        return None
    source = None if annotator == OURS else annotator or "bioc"
    text = _string(data, "text")
    return _Mark(offset, length, text, label, score, identifier or None, source)


def _fitted(passages: Sequence[_Passage], marks: Sequence[_Mark], notes: Counter[str]) -> Document:
    """The document, in the unit of offsets that fits; the ground for one is in `bioc_layout`."""
    pieces = [piece for passage in passages for piece in passage.pieces]
    ascii_only = all(piece.text.isascii() for piece in pieces)
    fits: list[tuple[str, Document]] = []
    problems = []
    for unit in list(UNITS)[: 1 if ascii_only else None]:
        try:
            layout = lay_out(pieces, unit)
            fit = unit, _built(passages, marks, layout)
        except InputError as error:
            problems.append(str(error))
            continue
        fits.append(fit)
        if layout.tight:
            fits = [fit]
            break
    if not fits:
        other = "" if ascii_only else "; nor do offsets fit in bytes or UTF-16 units"
        raise InputError(problems[0] + other)
    unit, document = fits[0]
    if unit != "code points":
        notes[f"document with offsets in {unit}"] += 1
    return document


def _built(passages: Sequence[_Passage], marks: Sequence[_Mark], layout: Layout) -> Document:
    spans = iter(layout.spans)
    built = []
    for passage in passages:
        own = [next(spans) for _ in passage.pieces]
        sentences = []
        for piece in passage.sentences:
            start = layout.index(piece.offset)
            if not layout.text.startswith(piece.text, start):
                raise InputError(
                    f"the sentence at offset {piece.offset} is `{piece.text:.40}`, "
                    f"the passage has `{layout.text[start : start + 40]}` there"
                )
            sentences.append(Sentence(start, start + len(piece.text)))
        built.append(
            Passage(own[0][0], own[-1][1], passage.kind, tuple(sentences), passage.section)
        )
    entities = tuple(mark.entity(layout) for mark in marks)
    return Document(layout.text, passages=tuple(built), entities=entities)


def _covering(document: Document) -> Iterator[Passage]:
    """The passages, and more for the text that is in none; a newline between two needs none."""
    position = 0
    for passage in document.passages:
        if document.text[position : passage.start] not in ("", "\n"):
            yield Passage(position, passage.start)
        yield passage
        position = passage.end
    if position < len(document.text):
        yield Passage(position, len(document.text))


def _from_entity(entity: Entity, number: int) -> dict[str, Any]:
    infons = {
        "type": entity.label,
        "identifier": entity.id,
        "annotator": OURS if entity.source is None else entity.source,
        "score": None if entity.score is None else repr(entity.score),
    }
    length = entity.end - entity.start
    return {
        "bioctype": "BioCAnnotation",
        "id": str(number),
        "infons": {key: value for key, value in infons.items() if value is not None},
        "text": entity.text,
        "locations": [{"bioctype": "BioCLocation", "offset": entity.start, "length": length}],
    }


def _dicts(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = data.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InputError(f"got {found!r:.40}, expected the list `{key}` of objects")
    return found


def _infons(data: Mapping[str, Any]) -> dict[str, str]:
    """The infons of a part, as strings; what has no value is left out."""
    found = data.get("infons") or {}
    if not isinstance(found, dict):
        raise InputError(f"got {found!r:.40}, expected the object `infons`")
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in found.items()
        if value is not None
    }


def _string(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if isinstance(value, str | int):  # numbers for ids are about
        return str(value)
    raise InputError(f"got {value!r:.40}, expected the string `{key}`")


def _number(data: Mapping[str, Any], key: str) -> int:
    value = str(data.get(key)).strip()
    if not _OFFSET.fullmatch(value):
        raise InputError(f"got {data.get(key)!r:.40}, expected the number `{key}`")
    return int(value)


def _probability(value: str) -> float | None:
    try:
        score = float(value)
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None
