"""W3C Web Annotation as JSON-LD: a collection of annotations, one for each entity.

For programs that show annotations beside the texts they are about; the texts are not in it. Each
target is found by its position, in code points as the model demands, and by its words with 32
characters around them. The label is a body that tags, an identifier one that identifies, who marked
it is the creator; the score is the one term that the model does not have.

Model: https://www.w3.org/TR/annotation-model/ (2017), sections 3.2.2, 4.2 and 5.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, TextIO
from urllib.parse import quote
from uuid import UUID, uuid5

from biospan.document import Document, Entity
from biospan.highlight import replace_surrogates

CONTEXT = (
    "http://www.w3.org/ns/anno.jsonld",
    {
        "score": {
            "@id": "urn:biospan:score",
            "@type": "http://www.w3.org/2001/XMLSchema#double",
        }
    },
)
_AROUND = 32  # characters
# Names come from content, so that the same documents give the same bytes.
_NAMES = UUID("5b0f4b43-6f9d-5a2c-9a51-0f4c2f4c8e1d")
_ABSOLUTE = ("http://", "https://", "urn:", "doi:")


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write one collection, whose one page holds the annotations, a line for each.

    A document's id is the target's IRI: as it is if it is absolute, else percent-escaped and so
    relative to where the file is; a document without id is called by its number.
    """
    stream.write(f'{{"@context": {json.dumps(CONTEXT)},\n')
    stream.write('"type": "AnnotationCollection",\n"label": "Biospan",\n')
    stream.write('"first": {"type": "AnnotationPage", "startIndex": 0, "items": [')
    total = 0
    digest = sha256()
    for number, document in enumerate(documents, start=1):
        for entity in document.entities:
            stream.write(",\n" if total else "\n")
            total += 1
            annotation = _annotation(document, number, entity, total)
            stream.write(json.dumps(annotation))
            digest.update(annotation["id"].encode())
    # At the end, because they follow from all that stands before.
    name = digest.hexdigest()
    stream.write(f'],\n"id": "{_iri(f"page {name}")}"}},\n')
    stream.write(f'"id": "{_iri(name)}", "total": {total}}}\n')


def _annotation(document: Document, number: int, entity: Entity, place: int) -> dict[str, Any]:
    bodies = [_body("tagging", entity.label)]
    if entity.id is not None:
        bodies.append(_body("identifying", entity.id))
    text, start, end = document.text, entity.start, entity.end
    quoted = {
        "exact": entity.text,
        "prefix": text[max(0, start - _AROUND) : start],
        "suffix": text[end : end + _AROUND],
    }
    annotation: dict[str, Any] = {
        "id": _iri(f"{place} {document.id} {start} {end} {entity.label}"),
        "type": "Annotation",
        "body": bodies,
        "target": {
            "source": _source(document.id or str(number)),
            "selector": [
                {"type": "TextPositionSelector", "start": start, "end": end},
                {
                    "type": "TextQuoteSelector",
                    **{key: replace_surrogates(value) for key, value in quoted.items()},
                },
            ],
        },
    }
    if entity.source is not None:
        annotation["creator"] = {"name": replace_surrogates(entity.source)}
    if entity.score is not None:
        annotation["score"] = entity.score
    return annotation


def _body(purpose: str, value: str) -> dict[str, str]:
    return {"type": "TextualBody", "purpose": purpose, "value": replace_surrogates(value)}


def _source(document_id: str) -> str:
    safe = ":/?#[]@!$&'()*+,;=%" if document_id.startswith(_ABSOLUTE) else ""
    return quote(replace_surrogates(document_id), safe=safe)


def _iri(name: str) -> str:
    return f"urn:uuid:{uuid5(_NAMES, replace_surrogates(name))}"
