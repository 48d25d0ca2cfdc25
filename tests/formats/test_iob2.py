import io
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import tags
from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import InputError, MissingInputError
from biospan.formats import iob2

LABELS = ("DNA", "cell_type", "cell line")


def tokens_and_tags(document: Document) -> list[list[tuple[str, str]]]:
    """Sentences as lists of (token, tag), the plain way: by looking up each token's offsets."""
    opened = {entity.start: f"B-{entity.label}" for entity in document.entities}
    inside = {
        offset: f"I-{entity.label}"
        for entity in document.entities
        for offset in range(entity.start + 1, entity.end)
    }
    return [
        [(t.text, opened.get(t.start) or inside.get(t.start, "O")) for t in sentence.tokens]
        for sentence in document.sentences()
    ]


def read_bytes(
    tmp_path: Path, data: bytes, read: Callable[[Path], Iterator[Document]] = iob2.read
) -> list[Document]:
    path = tmp_path / "some.iob2"
    path.write_bytes(data)
    return list(read(path))


def written(documents: Iterable[Document]) -> str:
    stream = io.StringIO()
    iob2.write(documents, stream)
    return stream.getvalue()


def tokenized(text: str, *entities: tuple[int, int, str], id: str = "") -> Document:
    """A document of one sentence whose tokens are split at single spaces."""
    tokens, position = [], 0
    for word in text.split(" "):
        tokens.append(Token(position, position + len(word), word))
        position += len(word) + 1
    passage = Passage(0, len(text), sentences=(Sentence(0, len(text), tuple(tokens)),))
    marked = tuple(Entity(s, e, label, text[s:e]) for s, e, label in entities)
    return Document(text, id, (passage,), marked)


MARKED = (
    b"###MEDLINE:95\n\nIL-2\tB-DNA\ngene\tI-DNA\nof\tO\n\nT\tB-cell_type\ncells\tI-cell_type\n\n"
    b"###MEDLINE:96-2\n\nCD28\tB-protein\nNFAT\tB-protein\n"
)


def test_documents_begin_at_medline_marks(tmp_path: Path) -> None:
    first, second = read_bytes(tmp_path, MARKED)
    assert (first.id, first.text) == ("95", "IL-2 gene of\nT cells")
    assert [(e.start, e.end, e.label) for e in first.entities] == [
        (0, 9, "DNA"),
        (13, 20, "cell_type"),
    ]
    assert (second.id, second.text) == ("96-2", "CD28 NFAT")
    assert [e.text for e in second.entities] == ["CD28", "NFAT"]


@pytest.mark.parametrize(
    "variant",
    [
        MARKED + b"\n",
        MARKED + b"\n\n\n",
        MARKED.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + MARKED,
        MARKED.replace(b"\t", b" "),
        MARKED.replace(b"\t", b"\tNN\tx y\t"),
        MARKED.replace(b"\n\nIL", b"\nIL"),
        MARKED.replace(b"\n\n", b"\n \t\n"),
    ],
    ids=["blank end", "more blanks", "CRLF", "BOM", "spaces", "more columns", "no blank", "spaces"],
)
def test_variants_of_a_file_read_the_same(tmp_path: Path, variant: bytes) -> None:
    assert read_bytes(tmp_path, variant) == read_bytes(tmp_path, MARKED)


def test_without_marks_each_sentence_is_a_document(tmp_path: Path) -> None:
    documents = read_bytes(tmp_path, b"a\tO\nb\tO\n\nc\tO\n")
    assert [(d.id, d.text) for d in documents] == [("1", "a b"), ("2", "c")]


def test_docstart_rows_are_boundaries_and_never_tokens(tmp_path: Path) -> None:
    data = (
        b"-DOCSTART-\tO\n\na\tO\n\nb\tO\n\n"
        b"-DOCSTART- -X- O O\n\nc\tO\n\n"
        b"-DOCSTART-\t(7 EU)\n\nd\tO\n"
    )
    documents = read_bytes(tmp_path, data)
    assert [(d.id, d.text) for d in documents] == [("1", "a\nb"), ("2", "c"), ("7 EU", "d")]


def test_only_newlines_split_lines(tmp_path: Path) -> None:
    (document,) = read_bytes(tmp_path, "a\u2028b\x0bc\x85d\tO\n".encode())
    assert [token.text for token in document.tokens()] == ["a\u2028b\x0bc\x85d"]


def test_every_problem_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    data = (
        b"a\tO\nb\tI-DNA\n\nc\tI-RNA\n\nd\te\tO\n\nf\n\n\tO\n\ng\tb-protein\nh\tB_protein\n"
        b"i\tX-DNA\nj\tI-DNA\n\nk\tB-DNA\nl\tI-RNA\n\nm\0\tO\nn\t\n"
    )
    with pytest.raises(InputError) as error:
        read_bytes(tmp_path, data)
    path = tmp_path / "some.iob2"
    assert str(error.value).split("\n") == [
        f"{path}:2: tag `I-DNA` cannot follow `O` in IOB2. Pass --repair to read it as `B-DNA`.",
        f"{path}:4: tag `I-RNA` cannot follow the start of a sentence in IOB2. "
        "Pass --repair to read it as `B-RNA`.",
        f"{path}:6: 3 columns, expected 2 as in the lines before",
        f"{path}:8: got `f`, expected a token, a tab and a tag",
        f"{path}:10: empty token",
        f"{path}:12: tag `b-protein`: expected `O`, or `B-`, `I-`, `E-` or `S-` and a label",
        f"{path}:13: tag `B_protein`: expected `O`, or `B-`, `I-`, `E-` or `S-` and a label",
        f"{path}:14: tag `X-DNA`: expected `O`, or `B-`, `I-`, `E-` or `S-` and a label",
        f"{path}:18: tag `I-RNA` cannot follow `B-DNA` in IOB2. "
        "Pass --repair to read it as `B-RNA`.",
        f"{path}:20: NUL character. Convert the file to UTF-8.",
        f"{path}:21: tag ``: expected `O`, or `B-`, `I-`, `E-` or `S-` and a label",
    ]


def test_twenty_problems_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_bytes(tmp_path, b"a\tI-DNA\n\n" * 25)
    lines = str(error.value).split("\n")
    assert len(lines) == 21
    assert lines[-1] == "... and 5 more"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"###MEDLINE:1\n\n", b"-DOCSTART-\tO\n"])
def test_a_file_without_sentences_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError, match="no sentences"):
        read_bytes(tmp_path, data)


def test_what_is_not_utf8_is_named_by_line_and_byte(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"some\.iob2:2: byte 0xe9 at byte offset 7 is not UTF-8"):
        read_bytes(tmp_path, b"a\tO\nb\tO\xe9\n")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="none"):
        iob2.read(tmp_path / "none.iob2")
    with pytest.raises(InputError, match="is a folder"):
        iob2.read(tmp_path)


def test_repair_opens_entities_and_logs_how_many(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = b"a\tO\nb\tI-DNA\nc\tI-DNA\nd\tI-RNA\n\ne\tI-DNA\n"
    with caplog.at_level(logging.WARNING):
        documents = read_bytes(tmp_path, data, iob2.read_repaired)
    assert [[e.text for e in d.entities] for d in documents] == [["b c", "d"], ["e"]]
    assert len(caplog.records) == 1
    assert ": 3 tags" in caplog.text


def test_repair_changes_nothing_that_is_legal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_bytes(tmp_path, MARKED, iob2.read_repaired) == read_bytes(tmp_path, MARKED)
    assert not caplog.records


def test_repair_still_refuses_what_is_no_iob2_tag(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r":2: tag `X-DNA`: expected"):
        read_bytes(tmp_path, b"a\tI-DNA\nb\tX-DNA\n", iob2.read_repaired)


def test_ids_can_be_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "some.iob2"
    path.write_bytes(MARKED.replace(b"\n", b"\r\n"))
    assert iob2.read_ids(path) == ["95", "96-2"]


def test_reading_and_writing_the_official_form_changes_no_byte(tmp_path: Path) -> None:
    assert written(read_bytes(tmp_path, MARKED)) == MARKED.decode() + "\n"


def test_documents_without_id_stay_apart(tmp_path: Path) -> None:
    text = written([tokenized("a b"), tokenized("c"), tokenized("d", id="x")])
    documents = read_bytes(tmp_path, text.encode())
    assert [(d.id, d.text) for d in documents] == [("1", "a b"), ("2", "c"), ("x", "d")]


def test_a_lone_document_without_id_stays_one(tmp_path: Path) -> None:
    (document,) = read_bytes(tmp_path, written([Document("A b. C d. E f.")]).encode())
    assert (document.id, len(list(document.sentences()))) == ("1", 3)


def test_raw_text_gets_tokens_like_genia() -> None:
    text = "The IL-2 (p40) gene, 0.5%: e.g. T cells' 5'-end [CD28's]; \"x\" i.p. 10 E."
    document = Document(text, "1")
    words = [line.split("\t")[0] for line in written([document]).split("\n")[2:] if line]
    assert " ".join(words) == (
        "The IL-2 ( p40 ) gene , 0.5 % : e.g. T cells ' 5'-end [ CD28 's ] ; \" x \" i.p. 10 E ."
    )


@pytest.mark.parametrize(
    ("sentence", "last"), [("He ran.", ["ran", "."]), ("(He ran.)", ["ran", ".", ")"])]
)
def test_the_full_stop_of_a_sentence_is_a_token(sentence: str, last: list[str]) -> None:
    words = [line.split("\t")[0] for line in written([Document(sentence)]).split("\n") if line]
    assert words[-len(last) :] == last


def test_raw_text_is_cut_at_the_edges_of_entities() -> None:
    text = "CD28-responsive IL2/IL4 genes"
    entities = (Entity(0, 4, "protein", "CD28"), Entity(20, 23, "DNA", "IL4"))
    mark, *rows = filter(None, written([Document(text, entities=entities)]).split("\n"))
    assert mark == "-DOCSTART-\tO"
    assert rows == [
        "CD28\tB-protein",
        "-responsive\tO",
        "IL2/\tO",
        "IL4\tB-DNA",
        "genes\tO",
    ]


def test_what_columns_cannot_hold_is_counted_in_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inside = tokenized("abc def", (1, 3, "DNA"))
    overlapping = tokenized("a b c", (0, 3, "DNA"), (2, 5, "RNA"))
    crossing = Document("One. \n Two.", entities=(Entity(0, 11, "DNA", "One. \n Two."),))
    with caplog.at_level(logging.WARNING):
        written([inside, overlapping, crossing, tokenized("x\ny z")])
    assert len(caplog.records) == 1
    message = caplog.records[0].getMessage()
    assert "1 entities widened" in message
    assert "1 entities left out because they overlap" in message
    assert "1 entities left out because no sentence" in message
    assert "1 characters replaced" in message


def test_unwritable_characters_do_not_break_the_columns(tmp_path: Path) -> None:
    words = [
        "\ufeffa",
        "b\tc",
        "d\ne",
        "f\r",
        "\0",
        "\ud800",
        "-DOCSTART-",
        "###MEDLINE:1",
        "g\u2028",
    ]
    (document,) = read_bytes(tmp_path, written([tokenized(" ".join(words), id="i")]).encode())
    assert [token.text for token in document.tokens()] == [
        "\ufffda",
        "b\ufffdc",
        "d\ufffde",
        "f\ufffd",
        "\ufffd",
        "\ufffd",
        "\ufffdDOCSTART-",
        "###MEDLINE:1",
        "g\u2028",
    ]


words = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\0 \ufeff"), min_size=1
).filter(lambda word: word != "-DOCSTART-")


@st.composite
def sentences(draw: st.DrawFn) -> list[tuple[str, str]]:
    """A sentence's words and legal tags, from spans drawn as run lengths."""
    tokens: list[str] = []
    spans: list[tags.Span] = []
    for length, label in draw(
        st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, *LABELS])), min_size=1)
    ):
        if label:
            spans.append(tags.Span(len(tokens), len(tokens) + length, label))
        tokens += draw(st.lists(words, min_size=length, max_size=length))
    return list(zip(tokens, tags.from_spans(len(tokens), spans), strict=True))


@given(st.lists(st.lists(sentences(), min_size=1, max_size=3), min_size=1, max_size=3))
def test_columns_survive_reading_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[list[list[tuple[str, str]]]]
) -> None:
    folder = tmp_path_factory.mktemp("columns")
    data = "".join(
        f"###MEDLINE:{number}\n\n"
        + "".join("".join(f"{w}\t{t}\n" for w, t in sentence) + "\n" for sentence in document)
        for number, document in enumerate(corpus)
    )
    documents = read_bytes(folder, data.encode())
    assert [tokens_and_tags(document) for document in documents] == corpus
    assert written(documents) == data
    assert read_bytes(folder, written(documents).encode()) == documents


@given(st.text(), st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=4))
def test_any_text_becomes_columns_that_hold_all_but_its_white_space(
    tmp_path_factory: pytest.TempPathFactory, text: str, cuts: list[tuple[int, int]]
) -> None:
    entities = tuple(
        Entity(start, start + length, "DNA", text[start : start + length])
        for start, length in cuts
        if start + length <= len(text)
    )
    columns = written([Document(text, "1", entities=entities)])
    if len(columns.split()) == 1:
        return
    (document,) = read_bytes(tmp_path_factory.mktemp("any"), columns.encode())
    unwritable = dict.fromkeys([0, *range(0xD800, 0xE000)], "\ufffd")
    expected = "".join(text.split()).translate(unwritable).replace("\ufeff", "\ufffd")
    found = "".join("".join(token.text for token in document.tokens()).split())
    assert found.replace("\ufeff", "\ufffd").replace("\ufffdDOCSTART-", "-DOCSTART-") == expected


def test_the_official_training_file_reads_and_writes_without_a_change(jnlpba_dir: Path) -> None:
    path = jnlpba_dir / "Genia4ERtask2.iob2"
    documents = list(iob2.read(path))
    assert len(documents) == 2_000
    assert written(documents).rstrip() == path.read_text(encoding="utf-8").rstrip()


IOBES = (
    b"-DOCSTART-\tO\n\nIL-2\tB-DNA\nresponse\tI-DNA\nelement\tE-DNA\nof\tO\nCD28\tS-protein\n"
    b"NFAT\tS-protein\n\nT\tB-cell_type\ncells\tE-cell_type"
)


def test_iobes_is_known_by_its_tags(tmp_path: Path) -> None:
    for read in (iob2.read, iob2.read_strict, iob2.read_repaired):
        (document,) = read_bytes(tmp_path, IOBES, read)
        assert [(e.text, e.label) for e in document.entities] == [
            ("IL-2 response element", "DNA"),
            ("CD28", "protein"),
            ("NFAT", "protein"),
            ("T cells", "cell_type"),
        ]


def test_what_breaks_iobes_is_named_and_not_mended(tmp_path: Path) -> None:
    data = b"a\tS-DNA\n\nb\tI-DNA\nc\tB-RNA\nd\tE-DNA\n\ne\tB-DNA\n\nf\tB-DNA\ng\n"
    expected = [
        "3: tag `I-DNA` cannot follow the start of a sentence in IOBES",
        "4: tag `B-RNA` cannot follow `I-DNA` in IOBES",
        "5: tag `E-DNA` cannot follow `B-RNA` in IOBES",
        "7: tag `B-DNA` cannot end a sentence in IOBES",
        "10: got `g`, expected a token, a tab and a tag",
    ]
    path = tmp_path / "some.iob2"
    path.write_bytes(data)
    documents, problems = iob2.examine(path)
    assert problems == [f"{path}:{problem}" for problem in expected]
    assert [e.text for d in documents for e in d.entities] == ["a"]
    with pytest.raises(InputError, match="in IOBES"):
        iob2.read_repaired(path)


def test_the_strict_reading_of_iobes_drops_what_is_not_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = b"a\tS-DNA\nb\tB-DNA\nc\tE-DNA\nd\tB-RNA\ne\tI-RNA\n"
    with caplog.at_level(logging.WARNING):
        (document,) = read_bytes(tmp_path, data, iob2.read_strict)
    assert [e.text for e in document.entities] == ["a", "b c"]
    assert "2 tags belong to no entity" in caplog.text


def test_both_schemes_hold_the_same(tmp_path: Path) -> None:
    documents = read_bytes(tmp_path, MARKED)
    stream = io.StringIO()
    iob2.write_iobes(documents, stream)
    assert "NFAT\tS-protein" in stream.getvalue()
    assert read_bytes(tmp_path, stream.getvalue().encode()) == documents


@pytest.mark.parametrize("name", ["iob2.iob2", "iobes.conll", "sentences.bio"])
def test_files_of_the_field_are_read(name: str) -> None:
    documents = list(iob2.read(Path(__file__).parent.parent / "data" / "columns" / name))
    assert [(e.text, e.label) for d in documents for e in d.entities] == [
        ("human ZX-9 promoter", "DNA"),
        ("Quorin-α", "protein"),
        ("T-cell line KLM-1", "cell_line"),
    ]
    assert [d.id for d in documents] == {"sentences.bio": ["1", "2"]}.get(name, ["123456", "2"])
