"""PubMed's XML: texts against another parser, odd records one by one, files that were cut."""

import gzip
import json
import logging
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import formats
from biospan.document import Document
from biospan.errors import InputError, MissingInputError
from biospan.formats import pubmed, xml
from biospan.formats.record import Rejected
from conftest import Outcome, small_tagger

ODD = Path(__file__).parent.parent / "data" / "pubmed" / "odd.xml"
WHOLE = "<PubmedArticleSet>%s</PubmedArticleSet>\n"
ARTICLE = (
    "<PubmedArticle><MedlineCitation><PMID Version='1'>%s</PMID><Article>%s</Article>"
    "</MedlineCitation></PubmedArticle>\n"
)


def passages(document: Document) -> list[tuple[str, str, str]]:
    return [(p.kind, p.section, document.text[p.start : p.end]) for p in document.passages]


def documents(path: Path) -> dict[tuple[str, str], Document]:
    """The documents of a file by PMID and version."""
    found = [r for r in formats.records(path) if isinstance(r, Document)]
    return {(d.id, d.metadata.get("pmid_version", "1")): d for d in found}


def put(tmp_path: Path, *articles: str) -> Path:
    path = tmp_path / "a.xml"
    path.write_text(WHOLE % "".join(articles), encoding="utf-8")
    return path


def test_a_structured_abstract_is_one_passage_for_each_part_with_its_label() -> None:
    document = documents(ODD)["1001", "1"]
    assert passages(document) == [
        ("title", "", "IL-2+ and NF-κBp65 in Mus musculus."),
        ("abstract", "BACKGROUND", "TNF-α < IL-6 & IL\u201110."),
        ("abstract", "WHAT WE DID", "We looked at CD4+ T cells (n = 3)."),
        ("abstract", "RESULTS", "At x=β2 the Bcl-2 gene was <on> & off."),
        ("abstract", "", "No section."),
    ]
    assert document.text == "\n".join(text for _, _, text in passages(document))


def test_metadata_are_of_the_article_and_not_of_what_it_cites() -> None:
    assert dict(documents(ODD)["1001", "1"].metadata) == {
        "year": "1999",
        "journal": "J Invent Thing",
        "doi": "10.0/right",
        "pmcid": "PMC77",
    }
    assert dict(documents(ODD)["1001", "2"].metadata) == {
        "pmid_version": "2",
        "year": "1998",
        "journal": "Only a title",
        "doi": "10.0/second",
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("1001", "2"), [("title", "", "A second version without an abstract.")]),
        (("1002", "1"), [("title", "", "Über Zellen.")]),
        (
            ("1006", "1"),
            [
                ("title", "", "GATA1 anaemia"),
                ("abstract", "CLINICAL CHARACTERISTICS", "Too few platelets."),
            ],
        ),
        (("1007", "1"), [("title", "", "A whole book")]),
    ],
)
def test_articles_without_an_abstract_or_a_title_and_books_are_read(
    key: tuple[str, str], expected: list[tuple[str, str, str]]
) -> None:
    assert passages(documents(ODD)[key]) == expected


def test_what_is_no_document_is_rejected_in_its_place_and_the_rest_is_read() -> None:
    records = list(formats.records(ODD))
    assert [r.id if isinstance(r, Document) else "" for r in records] == [
        *("1001", "1001", "1002"),
        *("", "", "", ""),
        *("1006", "1007"),
    ]
    rejected = [(r.where, r.reason) for r in records if isinstance(r, Rejected)]
    assert [where for where, _ in rejected] == [f"{ODD}, record {n}" for n in (4, 5, 6, 7)]
    for (_, reason), expected in zip(
        rejected, ("mismatched tag", "no PMID", "`1004`: no text", "undefined entity"), strict=True
    ):
        assert expected in reason


def test_a_reader_of_documents_only_is_told_of_the_first_bad_record() -> None:
    reader = formats.read(ODD)
    assert [next(reader).id for _ in range(3)] == ["1001", "1001", "1002"]
    with pytest.raises(InputError, match=r"odd\.xml, record 4: not well-formed"):
        next(reader)


def test_packed_and_plain_files_hold_the_same() -> None:
    packed = ODD.with_name("odd.xml.gz")
    assert gzip.decompress(packed.read_bytes()) == ODD.read_bytes()
    assert documents(packed) == documents(ODD)


def test_deletions_are_given_and_counted_in_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert list(pubmed.deletions(ODD)) == ["901", "902"]
    with caplog.at_level(logging.WARNING):
        documents(ODD)
    (message,) = caplog.messages
    assert message == f"{ODD}: read without 1 x OtherAbstract, 2 x deleted PMID"


def test_deletions_of_a_cut_file_are_not_taken_for_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(ODD.read_bytes()[:-30])
    with pytest.raises(InputError, match="DeleteCitation|ends before"):
        list(pubmed.deletions(path))
    with pytest.raises(MissingInputError):
        list(pubmed.deletions(tmp_path / "none.xml"))


def test_a_packed_file_cut_anywhere_gives_what_is_before_and_one_rejection(tmp_path: Path) -> None:
    texts = [f"Gene {n} and {n * 7919 % 1000003} others." for n in range(300)]
    whole = WHOLE % "".join(
        ARTICLE % (n, f"<ArticleTitle>{text}</ArticleTitle>") for n, text in enumerate(texts)
    )
    data = gzip.compress(whole.encode(), mtime=0)
    path = tmp_path / "a.xml.gz"
    counts = []
    for percent in range(1, 101):
        path.write_bytes(data[: min(len(data) - 1, max(1, len(data) * percent // 100))])
        *read, last = formats.records(path)
        assert [r.text for r in read if isinstance(r, Document)] == texts[: len(read)]
        assert isinstance(last, Rejected)
        assert "cut gzip data" in last.reason
        counts.append(len(read))
    assert counts == sorted(counts)
    assert counts[50] > 100  # not only the last block is known
    assert counts[-1] == len(texts)


def test_a_plain_file_cut_anywhere_gives_what_is_before_and_one_rejection(tmp_path: Path) -> None:
    texts = ["One.", "Two.", "Three."]
    whole = WHOLE % "".join(
        ARTICLE % (n, f"<ArticleTitle>{text}</ArticleTitle>") for n, text in enumerate(texts)
    )
    path = tmp_path / "a.xml"
    for length in range(len("<PubmedArticleSet>"), len(whole) - 2):
        path.write_text(whole[:length], encoding="utf-8")
        *read, last = formats.records(path)
        assert [r.text for r in read if isinstance(r, Document)] == texts[: len(read)]
        assert isinstance(last, Rejected), length


def test_records_larger_than_any_real_one_are_rejected_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "<ArticleTitle>%s</ArticleTitle>"
    big, small = (ARTICLE % (n, title % ("a" * n)) for n in (5000, 5))
    cut = xml.cut
    monkeypatch.setattr(xml, "cut", lambda stream, names: cut(stream, names, max_bytes=1000))
    rejected, document = formats.records(put(tmp_path, big, small))
    assert isinstance(rejected, Rejected)
    assert "larger than 64 MiB" in rejected.reason
    assert isinstance(document, Document)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    abstract = f"<Abstract><AbstractText>{'A gene. ' * 500}</AbstractText></Abstract>"
    path = tmp_path / "a.xml.gz"
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as stream:
        stream.write("<PubmedArticleSet>")
        stream.writelines(ARTICLE % (n, abstract) for n in range(1, 5001))
        stream.write("</PubmedArticleSet>")
    tracemalloc.start()
    try:
        n = sum(1 for _ in formats.read(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n == 5000
    assert peak < 8 * 2**20  # of 20 MB


def test_text_nested_as_deep_as_no_stack_is_flattened(tmp_path: Path) -> None:
    deep = "<i>" * 100_000 + "IL-2" + "</i>" * 100_000
    (document,) = formats.read(put(tmp_path, ARTICLE % (1, f"<ArticleTitle>{deep}</ArticleTitle>")))
    assert document.text == "IL-2"


# Characters that XML can hold; not U+000D, which XML itself reads as a newline.
CHARACTERS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t  <&>α\U0001f9ec"),
    max_size=20,
)


@st.composite
def mixed(draw: st.DrawFn) -> str:
    """Text with inline markup, comments and CDATA sections in it."""
    parts = draw(st.lists(CHARACTERS.map(escape), max_size=5))
    wrapped = [
        draw(st.sampled_from(["%s", "<i>%s</i>", "<sup><b>%s</b></sup>", "<!-- --> %s"])) % part
        for part in parts
        if "\uffff" not in part and "\ufffe" not in part
    ]
    return "".join(wrapped)


@given(mixed(), st.lists(mixed(), max_size=3))
def test_texts_are_those_that_another_parser_finds(
    tmp_path_factory: pytest.TempPathFactory, title: str, abstracts: list[str]
) -> None:
    etree = pytest.importorskip("lxml.etree")
    parts = "".join(f"<AbstractText>{abstract}</AbstractText>" for abstract in abstracts)
    content = f"<ArticleTitle>{title}</ArticleTitle><Abstract>{parts}</Abstract>"
    path = put(tmp_path_factory.mktemp("a"), ARTICLE % (1, content))
    root = etree.fromstring(path.read_bytes())
    found = ["".join(e.xpath(".//text()")) for e in root.xpath("//ArticleTitle|//AbstractText")]
    layout = str.maketrans("\t\n\r", "   ")
    cleaned = [" ".join(filter(None, text.translate(layout).split(" "))) for text in found]
    (record,) = formats.records(path)
    if not any(cleaned):
        assert isinstance(record, Rejected)
        return
    assert isinstance(record, Document)
    assert [text for _, _, text in passages(record)] == list(filter(None, cleaned))
    assert record.text == "\n".join(filter(None, cleaned))


@pytest.mark.parametrize("content", ["", "<html><p/></html>", "no markup"])
def test_xml_of_another_kind_is_refused_by_its_root(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="expected one of PubmedArticleSet"):
        list(formats.read(path))


def test_the_command_tags_a_packed_file(
    run_cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biospan.tagger.load", lambda path, **options: small_tagger())
    done = run_cli("tag", ODD.with_name("abstracts.xml.gz"), "--format", "jsonl")
    assert (done.code, done.err) == (0, "")
    tagged = [Document.from_dict(json.loads(line)) for line in done.out.splitlines()]
    assert [document.id for document in tagged] == ["2001", "2002"]
    assert [passage.kind for passage in tagged[0].passages] == ["title", "abstract", "abstract"]
    assert any(document.entities for document in tagged)
