import io
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import InputError, MissingDependencyError
from biospan.formats import docbin
from biospan.formats.record import Rejected

spacy = pytest.importorskip("spacy")
tokens = pytest.importorskip("spacy.tokens")

DATA = Path(__file__).parent.parent / "data" / "docbin"
TEXT = "IL-2  gene\n\nof T cells "
MARKED = Document(
    TEXT,
    "7",
    entities=(
        Entity(0, 10, "DNA", "IL-2  gene", 0.5),
        Entity(0, 4, "protein", "IL-2", id="UniProt:P60568"),
        Entity(1, 3, "part", "L-"),
        Entity(15, 22, "cell_type", "T cells"),
    ),
)


def docs(documents: Iterable[Document]) -> list[Any]:
    """What spaCy itself makes of the bytes, with a vocabulary of its own."""
    stream = io.BytesIO()
    docbin.write(documents, stream)
    return list(tokens.DocBin().from_bytes(stream.getvalue()).get_docs(spacy.blank("en").vocab))


def put(path: Path, *given: Any) -> Path:
    tokens.DocBin(docs=given, store_user_data=True).to_disk(path)
    return path


def marks(spans: Iterable[Any]) -> list[tuple[int, int, str]]:
    return [(span.start_char, span.end_char, span.label_) for span in spans]


def test_spacy_has_every_entity_at_its_offsets() -> None:
    (doc,) = docs([MARKED])
    assert doc.text == TEXT
    assert marks(doc.spans["biospan"]) == [(e.start, e.end, e.label) for e in MARKED.entities]
    assert marks(doc.ents) == [(0, 10, "DNA"), (15, 22, "cell_type")]
    assert [span.kb_id_ for span in doc.spans["biospan"]] == ["", "UniProt:P60568", "", ""]


def test_tokens_are_units_and_white_space_as_spacy_has_them() -> None:
    (doc,) = docs([Document("IL-2  gene\n\nof T cells ")])
    ours = [(token.text, token.whitespace_) for token in doc]
    assert ours == [
        ("IL", ""),
        ("-", ""),
        ("2", " "),
        (" ", ""),
        ("gene", ""),
        ("\n\n", ""),
        ("of", " "),
        ("T", " "),
        ("cells", " "),
    ]
    theirs = spacy.blank("en").make_doc("gene  x of T cells ")
    (doc,) = docs([Document(theirs.text)])
    assert [(t.text, t.whitespace_) for t in doc] == [(t.text, t.whitespace_) for t in theirs]


def test_given_tokens_and_sentences_are_spacys() -> None:
    parts = tuple(
        Sentence(s, e, tuple(Token(a, b, "IL-2 is. It is."[a:b]) for a, b in spans))
        for s, e, spans in ((0, 8, ((0, 4), (5, 8))), (9, 15, ((9, 11), (12, 15))))
    )
    (doc,) = docs([Document("IL-2 is. It is.", passages=(Passage(0, 15, sentences=parts),))])
    assert [token.text for token in doc] == ["IL-2", "is.", "It", "is."]
    assert [sentence.text for sentence in doc.sents] == ["IL-2 is.", "It is."]


def test_an_entity_of_a_space_keeps_it() -> None:
    for start, end in ((4, 5), (4, 6), (5, 6), (3, 5)):
        entity = Entity(start, end, "x", TEXT[start:end])
        (doc,) = docs([Document(TEXT, entities=(entity,))])
        assert doc.text == TEXT
        assert marks(doc.spans["biospan"]) == [(start, end, "x")]


def test_docs_of_others_keep_entities_spans_tokens_and_sentences(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vocab = spacy.blank("en").vocab
    words = ["IL-2", "gene", "\n", "acts", "."]
    doc = tokens.Doc(vocab, words=words, spaces=[True, False, False, False, False])
    doc.ents = [tokens.Span(doc, 0, 2, label="DNA", kb_id="D:1")]
    doc.spans["sc"] = [tokens.Span(doc, 0, 1, "protein"), tokens.Span(doc, 0, 2, "DNA")]
    doc.cats = {"good": 1.0}
    first, second = docbin.read(put(tmp_path / "a.spacy", doc, tokens.Doc(vocab, ["\n"], [False])))
    assert (first.id, first.text) == ("1", "IL-2 gene\nacts.")
    assert first.entities == (
        Entity(0, 9, "DNA", "IL-2 gene", None, "D:1", "spacy"),
        Entity(0, 4, "protein", "IL-2", None, None, "spacy"),
    )
    assert [token.text for token in first.tokens()] == ["IL-2", "gene", "acts", "."]
    assert (second.id, second.text, second.passages) == ("2", "\n", ())
    assert "1 categories of a document" in caplog.text


def test_what_was_changed_in_spacy_counts(tmp_path: Path) -> None:
    (doc,) = docs([MARKED])
    kept = [span for span in doc.spans["biospan"] if span.label_ in ("protein", "part")]
    doc.spans["biospan"] = kept
    doc.ents = [tokens.Span(doc, len(doc) - 2, len(doc), label="cell_line")]
    (found,) = docbin.read(put(tmp_path / "a.spacy", doc))
    assert (found.id, [(e.text, e.label, e.source) for e in found.entities]) == (
        "7",
        [
            ("IL-2", "protein", None),
            ("L-", "part", None),
            (doc[-2:].text, "cell_line", "spacy"),
        ],
    )


def test_spans_without_text_or_label_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    doc = spacy.blank("en")("IL-2 gene")
    doc.spans["mine"] = [doc[0:1], tokens.Span(doc, 1, 1, "DNA"), tokens.Span(doc, 0, 2, "DNA")]
    (read,) = docbin.read(put(tmp_path / "a.spacy", doc))
    assert [(e.text, e.label) for e in read.entities] == [(doc[0:2].text, "DNA")]
    assert "2 spans without text or label" in caplog.text


def test_what_is_nested_deeply_is_rejected_alone(tmp_path: Path) -> None:
    bad, good = spacy.blank("en")("one"), spacy.blank("en")("two")
    bad.user_data[docbin.KEY] = "[" * 100_000
    first, second = docbin.records(put(tmp_path / "a.spacy", bad, good))
    assert isinstance(first, Rejected)
    assert isinstance(second, Document)


def test_a_broken_document_is_rejected_alone(tmp_path: Path) -> None:
    first, second = docs([MARKED, Document("x", "8")])
    first.user_data["biospan"] = '{"id": 7}'
    path = put(tmp_path / "a.spacy", first, second)
    rejected, found = docbin.records(path)
    assert isinstance(rejected, Rejected)
    assert rejected.where == f"{path}, record 1"
    assert found == Document("x", "8")


@pytest.mark.parametrize("data", [b"", b"x", zlib.compress(b"x"), zlib.compress(b"\x81\xa1a\x01")])
def test_what_is_no_docbin_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.spacy").write_bytes(data)
    with pytest.raises(InputError, match="not a spaCy DocBin"):
        list(docbin.read(tmp_path / "a.spacy"))


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docbin, "MAX_WHOLE", 2**22)
    (tmp_path / "a.spacy").write_bytes(zlib.compress(bytes(2**23)))
    with pytest.raises(InputError, match="more than 4 MiB"):
        list(docbin.read(tmp_path / "a.spacy"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    with pytest.raises(MissingDependencyError, match=r"biospan\[spacy\]"):
        docbin.write([], io.BytesIO())


def test_files_that_were_written_long_ago_are_read() -> None:
    (found,) = docbin.read(DATA / "version1.spacy")
    assert found == MARKED
    (other,) = docbin.read(DATA / "other.spacy")
    assert [(e.text, e.label) for e in other.entities] == [("Quorin-α", "GENE")]
