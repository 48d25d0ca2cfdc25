import io
import logging
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity, Passage
from biospan.errors import InputError
from biospan.formats import pubtator
from biospan.formats.record import Rejected

DATA = Path(__file__).parent.parent / "data" / "pubtator"


def written(*documents: Document) -> str:
    stream = io.StringIO()
    pubtator.write(documents, stream)
    return stream.getvalue()


def again(path: Path, documents: Iterable[Document]) -> list[Document]:
    path.write_bytes(written(*documents).encode())
    return list(pubtator.read(path))


def entity(text: str, start: int, end: int, label: str, **more: object) -> Entity:
    return Entity(start, end, label, text[start:end], source="pubtator", **more)  # type: ignore[arg-type]


def test_title_abstract_and_entities_are_read(caplog: pytest.LogCaptureFixture) -> None:
    (document,) = pubtator.read(DATA / "plain.pubtator")
    text = "IL-2 gene expression\nIt requires NF-kappa B."
    assert document == Document(
        text,
        "10022127",
        (Passage(0, 20, "title"), Passage(21, 44, "abstract")),
        (
            entity(text, 0, 9, "DNA"),
            entity(text, 0, 4, "Gene", id="3558"),
            entity(text, 33, 43, "protein", id="4790|4791", score=0.98),
        ),
    )
    assert [record.getMessage() for record in caplog.records] == [
        f"{DATA / 'plain.pubtator'}: read without: 1 x relation"
    ]


def test_odd_files_are_read(caplog: pytest.LogCaptureFixture) -> None:
    first, second, third, fourth = pubtator.read(DATA / "odd.pubtator")
    assert first.text == "α-factor 🧬 of BRCA1/2\nWith | bars|a|and more."
    assert [(e.text, e.label, e.id, e.score) for e in first.entities] == [
        ("α-factor", "Protein", None, None),
        ("BRCA1/2", "CompositeMention", "672|675", None),
        ("bar", "Gene", None, 0.5),
    ]
    assert second.text == "No abstract here\n"
    assert second.passages == (Passage(0, 16, "title"), Passage(17, 17, "abstract"))
    assert third.passages == (Passage(0, 18, "title"),)
    assert [(e.text, e.id) for e in third.entities] == [("one", None)]
    assert fourth.text == "No title here"
    assert fourth.passages == (Passage(0, 13, "abstract"),)
    assert [(e.start, e.text) for e in fourth.entities] == [(3, "title")]
    (record,) = caplog.records
    assert record.getMessage().endswith("read without: 1 x seventh column that is no score")


def test_what_is_wrong_is_rejected_with_its_line_and_the_rest_is_read() -> None:
    path = DATA / "broken.pubtator"
    found = list(pubtator.records(path))
    assert [d.text for d in found if isinstance(d, Document)] == ["Sound one", "Sound two"]
    assert [str(r).removeprefix(f"{path}:") for r in found if isinstance(r, Rejected)] == [
        "1: got `stray line`, expected `PMID|t|title`",
        "8: entity 6-12 says `offsets`, the text has `offset` there (and 1 more in `2`)",
        "10: got `3|a|No title`, expected `PMID|t|title`",
        "13: got `5` in the document `4`, expected its id",
        "15: got `6 0 3 Few`, expected columns `PMID start end text label`",
        "17: got `7 0 x No DNA`, expected columns `PMID start end text label`",
    ]
    with pytest.raises(InputError, match="broken.pubtator:1: got `stray line`"):
        list(pubtator.read(path))


@pytest.mark.parametrize("end", [-1, 3, 99])
def test_offsets_before_the_text_or_behind_it_are_wrong(tmp_path: Path, end: int) -> None:
    path = tmp_path / "a.pubtator"
    path.write_text(f"1|t|\n1|a|abc\n1\t0\t{end}\tabc\tDNA\n")
    (record,) = pubtator.records(path)
    assert isinstance(record, Rejected)


@pytest.mark.parametrize(
    ("content", "kept", "places"),
    [
        (b"1|t|a\n\n2|t|\xe9\n2|a|x\n\n3|t|b\n", ["1", "3"], [3]),
        (b"1|t|a\n1|a|\xe9\n1\t0\t1\ta\tDNA\n2|t|b\n\n3|t|c\n", ["2", "3"], [2]),
        (b"1|t|a\n1\t0\t1\t\xe9\tDNA\n1\t0\t1\t\xe9\tDNA\n\n2|t|b\n", ["2"], [2]),
        (b"\xe9\n\n\xe9\n\n3|t|c\n3|a|d", ["3"], [1, 3]),
    ],
)
def test_a_line_that_is_not_utf_8_costs_its_document_only(
    tmp_path: Path, content: bytes, kept: list[str], places: list[int]
) -> None:
    path = tmp_path / "a.pubtator"
    path.write_bytes(content)
    records = list(pubtator.records(path))
    assert [record.id for record in records if isinstance(record, Document)] == kept
    rejected = [record for record in records if isinstance(record, Rejected)]
    assert [record.where for record in rejected] == [f"{path}:{place}" for place in places]
    assert all("is not UTF-8" in record.reason for record in rejected)


def test_a_document_larger_than_any_real_one_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubtator, "MAX_RECORD", 100)
    path = tmp_path / "a.pubtator"
    path.write_text("1|t|abc\n" + "1\t0\t3\tabc\tDNA\n" * 50 + "2|t|abc\n")
    first, second = pubtator.records(path)
    assert first == Rejected(f"{path}:1", "more than 100 characters in one document")
    assert isinstance(second, Document)


def test_a_title_is_written_on_its_line_and_the_rest_on_one() -> None:
    text = "IL-2\tgene\nThe first.\r\nThe second."
    document = Document(
        text,
        "7",
        (Passage(0, 9, "title"), Passage(10, 20, "abstract"), Passage(22, 33, "abstract")),
        (
            Entity(0, 9, "DNA", "IL-2\tgene"),
            Entity(14, 25, "x y", "first.\r\nThe", 0.25, "9"),
            Entity(22, 25, "RNA", "The", 1e-7),
        ),
    )
    assert written(document) == (
        "7|t|IL-2\tgene\n7|a|The first.  The second.\n7\t0\t9\tIL-2 gene\tDNA\t-\n"
        "7\t14\t25\tfirst.  The\tx y\t9\t0.25\n7\t22\t25\tThe\tRNA\t-\t1e-07\n\n"
    )


def test_without_a_title_the_files_offsets_are_one_more() -> None:
    document = Document("IL-2\nb", entities=(Entity(0, 4, "DNA", "IL-2"),))
    assert written(document) == "1|t|\n1|a|IL-2 b\n1\t1\t5\tIL-2\tDNA\t-\n\n"


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (Document("a", "1|2"), "the id `1|2`"),
        (Document("a", "1\t2"), "the id `1\t2`"),
        (Document("a", entities=(Entity(0, 1, "D\nA", "a"),)), "the label `D\nA`"),
        (Document("a", entities=(Entity(0, 1, "D", "a", id="1\t2"),)), "the identifier `1\t2`"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(document: Document, part: str) -> None:
    with pytest.raises(InputError) as error:
        written(document)
    assert f"PubTator cannot hold {part}: expected no tab, no newline" in str(error.value)


def test_lone_surrogates_are_replaced_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    assert written(Document("a\ud800b\udfff")) == "1|t|\n1|a|a\ufffdb\ufffd\n\n"
    (record,) = caplog.records
    assert record.getMessage().startswith("2 lone surrogates")


CHARACTERS = st.sampled_from("ab |αβ🧬é\t\u2028\x0b\x85\u0301")
TEXTS = st.text(CHARACTERS, min_size=1, max_size=12)
NAMES = st.text(st.sampled_from("aB-:_ é;"), min_size=2, max_size=5)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    title, abstract = draw(st.none() | TEXTS), draw(st.none() | TEXTS | st.just(""))
    if title is None:
        text = abstract or ""
        passages: tuple[Passage, ...] = (Passage(0, len(text), "abstract"),)
    elif abstract is None:
        text, passages = title, (Passage(0, len(title), "title"),)
    else:
        text, middle = f"{title}\n{abstract}", len(title) + 1
        passages = Passage(0, middle - 1, "title"), Passage(middle, len(text), "abstract")
    entities = []
    for _ in range(draw(st.integers(0, 4)) if text else 0):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        score = draw(st.none() | st.floats(0, 1))
        identifier = draw(st.none() | NAMES)
        label = draw(NAMES)
        entities.append(Entity(start, end, label, text[start:end], score, identifier, "pubtator"))
    return Document(text, draw(NAMES), passages, tuple(entities))


@given(st.lists(documents(), max_size=4))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, found: list[Document]
) -> None:
    path = tmp_path_factory.mktemp("pubtator") / "a.pubtator"
    assert again(path, found) == found


@given(
    st.lists(st.tuples(st.text("ab αβ🧬", min_size=1), st.text("ab αβ🧬"), st.data()), max_size=3)
)
def test_the_bioc_library_reads_the_same(parts: list[tuple[str, str, st.DataObject]]) -> None:
    library = pytest.importorskip("bioc.pubtator")
    found = []
    for title, abstract, data in parts:
        text = f"{title}x\n{abstract}xy"
        start = data.draw(st.integers(0, len(title)))
        passages = Passage(0, len(title) + 1, "title"), Passage(len(title) + 2, len(text))
        span = Entity(start, len(text) - 1, "DNA", text[start:-1])
        found.append(Document(text, "1", passages, (span,)))
    read = library.loads(written(*found))
    assert [other.text for other in read] == [document.text for document in found]
    for document, other in zip(found, read, strict=True):
        (span,), (annotation,) = document.entities, other.annotations
        assert annotation.text == span.text.replace("\n", " ")
        assert (annotation.start, annotation.end) == (span.start, span.end)


def test_many_documents_are_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.pubtator"
    title, abstract = "IL-2 gene expression", "It requires NF-kappa B. " * 40
    with path.open("w") as stream:
        for number in range(5_000):
            stream.write(f"{number}|t|{title}\n{number}|a|{abstract}\n")
            stream.write(f"{number}\t0\t4\tIL-2\tGene\n\n")
    list(pubtator.read(DATA / "plain.pubtator"))  # what is loaded once is not counted
    tracemalloc.start()
    try:
        count = sum(1 for _ in pubtator.read(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 5_000
    assert peak < path.stat().st_size / 10


def test_one_warning_tells_what_a_file_had_besides(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.pubtator"
    path.write_text("1|t|a\n1\tCID\tD1\tD2\n2|t|a\n2\tAssociation\t672\t675\tNovel\n")
    with caplog.at_level(logging.WARNING):
        assert len(list(pubtator.read(path))) == 2
    assert [r.getMessage() for r in caplog.records] == [f"{path}: read without: 2 x relation"]
