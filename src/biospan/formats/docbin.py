"""spaCy's DocBin (`.spacy`): documents as spaCy's trainer and pipelines take them.

`doc.spans["biospan"]` holds every entity, `doc.ents` those that overlap no earlier or longer one.
The tokens are the document's own, or units, cut at every edge of an entity so that none is lost;
white space that spaCy cannot hold between tokens is a token. What a `Doc` has no place for (id,
passages, metadata, scores, sources) is JSON in `doc.user_data["biospan"]`. A DocBin is read and
written as a whole: the format has no parts. Format: https://spacy.io/api/docbin
"""

import json
import logging
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import InputError, MissingDependencyError
from biospan.formats.record import Record, Rejected, documents
from biospan.formats.text import MAX_WHOLE, open_input
from biospan.highlight import replace_surrogates
from biospan.segment import token_spans

logger = logging.getLogger(__name__)

KEY = "biospan"  # of the group of spans and of the user data
SOURCE = "spacy"  # of entities that something else than Biospan put there
_ATTRIBUTES = ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "SENT_START")


def read(path: Path | str) -> Iterator[Document]:
    """Read documents; those that Biospan did not write get a number for an id, and their tokens.

    Raises:
        MissingInputError: If there is no such file.
        MissingDependencyError: If spaCy is not installed.
        InputError: If the file is not a DocBin, too large, or at the first broken document.
    """
    return documents(records(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, and go on after a document that is broken.

    Raises:
        MissingInputError: If there is no such file.
        MissingDependencyError: If spaCy is not installed.
        InputError: If the file is not a DocBin, or too large.
    """
    skipped: Counter[str] = Counter()
    for number, doc in enumerate(_docs(path), start=1):
        try:
            yield _document(doc, number, skipped)
        except (InputError, ValueError, LookupError, TypeError, AttributeError) as error:
            yield Rejected(f"{path}, record {number}", str(error))
        except RecursionError:
            yield Rejected(
                f"{path}, record {number}", "what Biospan wrote into it is nested deeply"
            )
    if skipped:
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(skipped.items()))
        logger.warning("%s: read without %s", path, counts)


def write(documents: Iterable[Document], stream: BinaryIO) -> None:
    """Write documents; U+FFFD for each lone surrogate.

    Raises:
        MissingDependencyError: If spaCy is not installed.
    """
    tokens, vocab = _spacy()
    packed = tokens.DocBin(attrs=_ATTRIBUTES, store_user_data=True)
    for document in documents:
        packed.add(_doc(document, tokens, vocab))
    stream.write(packed.to_bytes())


def _docs(path: Path | str) -> Iterator[Any]:
    tokens, vocab = _spacy()
    data = _checked(path)
    try:
        yield from tokens.DocBin().from_bytes(data).get_docs(vocab)
    except Exception as error:  # whatever msgpack, NumPy and spaCy make of bytes from anyone
        raise InputError(f"{path}: not a spaCy DocBin: {error!r:.200}") from error


def _doc(document: Document, tokens: Any, vocab: Any) -> Any:
    text = replace_surrogates(document.text)
    words, spaces, starts = _words(text, document)
    ends = [start + len(word) for start, word in zip(starts, words, strict=True)]
    sentence_starts = {sentence.start for sentence in document.sentences()}
    marks = [start in sentence_starts for start in starts] if sentence_starts else None
    doc = tokens.Doc(vocab, words=words, spaces=spaces, sent_starts=marks)
    spans = [
        tokens.Span(
            doc,
            bisect_left(starts, entity.start),
            bisect_right(ends, entity.end),
            label=replace_surrogates(entity.label),
            kb_id=replace_surrogates(entity.id or ""),
        )
        for entity in document.entities
    ]
    doc.spans[KEY] = spans
    apart, covered = [], 0
    for span in spans:
        if span.start >= covered:
            apart.append(span)
            covered = span.end
    doc.set_ents(apart)
    # ASCII, so that lone surrogates and all else survive; the text itself is the Doc's.
    rest = document.to_dict()
    for part in (rest, *rest["entities"]):
        del part["text"]
    doc.user_data[KEY] = json.dumps(rest)
    return doc


def _words(text: str, document: Document) -> tuple[list[str], list[bool], list[int]]:
    """Words that spell the text, whether a space follows each, and where they start.

    The words are tokens, or units, and what is between them, all cut at every edge of an entity.
    The space after a word belongs to it, as spaCy has it, unless an entity begins or ends with it.
    """
    tokens = [(token.start, token.end) for token in document.tokens()] or token_spans(text)
    first = {entity.start for entity in document.entities}
    last = {entity.end for entity in document.entities}
    cuts = {0, len(text), *first, *last, *(edge for token in tokens for edge in token)}
    words: list[str] = []
    spaces: list[bool] = []
    starts: list[int] = []
    for start, end in pairwise(sorted(cuts)):
        is_after_word = words and not spaces[-1] and text[start:end].isspace()
        if is_after_word and text[start] == " " and start not in first and start + 1 not in last:
            spaces[-1] = True
            start += 1
        if start < end:
            words.append(text[start:end])
            spaces.append(False)
            starts.append(start)
    return words, spaces, starts


def _document(doc: Any, number: int, skipped: Counter[str]) -> Document:
    text = doc.text
    if KEY in doc.user_data:
        ours = Document.from_dict({**json.loads(doc.user_data[KEY]), "text": text})
    else:
        ours = Document(text, str(number), (_passage(doc),) if text.strip() else ())
    found = _entities(doc, text, skipped)
    if doc.cats:
        skipped["categories of a document"] += len(doc.cats)
    keys = [(e.start, e.end, replace_surrogates(e.label)) for e in ours.entities]
    kept = [e for e, key in zip(ours.entities, keys, strict=True) if key in found]
    new = [entity for key, entity in found.items() if key not in set(keys)]
    return ours.with_entities([*kept, *new])


def _entities(doc: Any, text: str, skipped: Counter[str]) -> dict[tuple[int, int, str], Entity]:
    """What is marked, as an entity or in any group of spans, each once."""
    found: dict[tuple[int, int, str], Entity] = {}
    for span in (*doc.ents, *(span for group in doc.spans.values() for span in group)):
        start, end, label = span.start_char, span.end_char, span.label_
        if start == end or not label:
            skipped["spans without text or label"] += 1
            continue
        entity = Entity(start, end, label, text[start:end], None, span.kb_id_ or None, SOURCE)
        found.setdefault((start, end, label), entity)
    return found


def _passage(doc: Any) -> Passage:
    sentences = doc.sents if doc.has_annotation("SENT_START") else [doc[:]]
    return Passage(
        0,
        len(doc.text),
        sentences=tuple(
            Sentence(words[0].start, words[-1].end, words)
            for sentence in sentences
            if (
                words := tuple(
                    Token(token.idx, token.idx + len(token), token.text)
                    for token in sentence
                    if token.text.strip()
                )
            )
        ),
    )


def _checked(path: Path | str) -> bytes:
    """The bytes of a file that stays within bounds when spaCy unpacks it."""
    with open_input(path) as stream:
        data = stream.read(MAX_WHOLE + 1)
    unpacker = zlib.decompressobj()
    size = len(data)
    rest = data
    try:
        while rest and size <= MAX_WHOLE and not unpacker.eof:
            size += len(unpacker.decompress(rest, 2**20))
            rest = unpacker.unconsumed_tail
    except zlib.error as error:
        raise InputError(f"{path}: not a spaCy DocBin: {error}") from error
    if size > MAX_WHOLE:
        raise InputError(f"{path}: more than {MAX_WHOLE >> 20} MiB in one piece")
    return data


def _spacy() -> tuple[Any, Any]:
    """The module `spacy.tokens`, and an empty vocabulary."""
    try:
        from spacy import tokens
        from spacy.vocab import Vocab
    except ImportError as error:
        raise MissingDependencyError("spacy", "spacy") from error
    return tokens, Vocab()
