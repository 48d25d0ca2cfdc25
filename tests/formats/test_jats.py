"""JATS full text: what is read and in which order, odd articles one by one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import formats
from biospan.document import Document
from biospan.errors import InputError
from biospan.formats.record import Rejected

DATA = Path(__file__).parent.parent / "data" / "jats"
METHODS = "Materials and Methods"


def passages(document: Document) -> list[tuple[str, str, str]]:
    return [(p.kind, p.section, document.text[p.start : p.end]) for p in document.passages]


def put(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "a.nxml"
    path.write_text(
        '<article><front><article-meta><article-id pub-id-type="pmcid">PMC1</article-id>'
        f"</article-meta></front><body>{body}</body></article>",
        encoding="utf-8",
    )
    return path


def test_an_article_is_read_in_its_order_with_kinds_and_sections() -> None:
    (document,) = formats.read(DATA / "article.nxml")
    assert passages(document) == [
        ("title", "", "GATA-1+ cells of Mus musculus*"),
        ("title", "", "A tale"),
        ("abstract", "Abstract", "Before."),
        ("abstract", "Background", "IL-2 & TNF-α."),
        ("abstract", "Results", "One."),
        ("abstract", "Results", "Two."),
        ("abstract", "Author Summary", "In plain words."),
        ("paragraph", "", "Text before any section."),
        ("section_title", METHODS, METHODS),
        ("paragraph", METHODS, "Cells grew[1] (Figure 1), where x=1 holds, and"),
        ("caption", METHODS, "Growth."),
        ("caption", METHODS, "CD4+ cells."),
        ("paragraph", METHODS, "go on dividing."),
        ("section_title", METHODS, "Deeper"),
        ("paragraph", METHODS, "First item"),
        ("paragraph", METHODS, "Nested item"),
        ("paragraph", METHODS, "Second item"),
        ("caption", METHODS, "Box"),
        ("section_title", METHODS, "In the box"),
        ("paragraph", METHODS, "Boxed words."),
        ("paragraph", METHODS, "NF-κB"),
        ("paragraph", METHODS, "a factor"),
        ("paragraph", METHODS, "Quoted."),
        ("section_title", "Results", "Results"),
        ("caption", "Results", "Counts of cells."),
        ("paragraph", "Results", "Line one line two."),
        ("caption", "", "A floating figure."),
    ]
    assert document.text == "\n".join(text for _, _, text in passages(document))


def test_an_article_has_all_its_identifiers() -> None:
    (document,) = formats.read(DATA / "article.nxml")
    assert document.id == "PMC123"
    assert dict(document.metadata) == {
        "pmid": "3001",
        "pmcid": "PMC123",
        "doi": "10.0/jats",
        "year": "2010",
        "journal": "J Invent Thing",
    }


def test_an_abstract_inside_of_a_body_is_read(tmp_path: Path) -> None:
    path = put(tmp_path, "<abstract><title>Brief</title><p>IL-2.</p></abstract><p>After.</p>")
    (document,) = formats.read(path)
    assert [text for _, _, text in passages(document)][-3:] == ["Brief", "IL-2.", "After."]


def test_articles_of_a_set_are_read_or_rejected_one_by_one() -> None:
    first, broken, unknown, empty, headless, last = formats.records(DATA / "set.xml")
    assert isinstance(first, Document)
    assert (first.id, first.text) == ("PMC5", "Only a title.")
    assert dict(first.metadata) == {"pmcid": "PMC5", "year": "2001", "journal": "Old style"}
    assert isinstance(last, Document)
    assert last.id == "10.0/ns"
    assert passages(last) == [
        ("title", "", "With a namespace."),
        ("abstract", "", "An abstract."),
        ("section_title", "Discussion", "Discussion"),
        ("paragraph", "Discussion", "A body."),
    ]
    for number, record, reason in (
        (2, broken, "not well-formed XML"),
        (3, unknown, "no identifier"),
        (4, empty, "`10.0/empty`: no text"),
        (5, headless, "no `article-meta`"),
    ):
        assert isinstance(record, Rejected)
        assert record.where == f"{DATA / 'set.xml'}, record {number}"
        assert reason in record.reason


def test_an_article_that_is_cut_off_is_rejected_once(tmp_path: Path) -> None:
    data = (DATA / "article.nxml").read_bytes()
    path = tmp_path / "a.nxml"
    start = data.index(b"<article ") + len(b"<article ")
    for length in range(start, len(data.rstrip()), len(data) // 100):
        path.write_bytes(data[:length])
        (record,) = formats.records(path)
        assert isinstance(record, Rejected), length


def test_a_file_of_another_kind_is_refused_whatever_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "a.nxml"
    path.write_text("<html/>", encoding="utf-8")
    with pytest.raises(InputError, match="the root element is `html`"):
        list(formats.read(path))


@pytest.mark.parametrize("name", ["sec", "list", "italic", "p", "boxed-text", "caption"])
def test_nesting_deeper_than_any_stack_is_read(tmp_path: Path, name: str) -> None:
    depth = 50_000
    path = put(tmp_path, f"<{name}>" * depth + "IL-2" + f"</{name}>" * depth + "<p>end</p>")
    (document,) = formats.read(path)
    assert document.text == "IL-2\nend"


BLOCKS = st.sampled_from(["p", "sec", "list", "list-item", "boxed-text", "disp-quote", "title"])
INLINE = st.sampled_from(["italic", "sup", "xref", "named-content"])
WORDS = st.sampled_from(["IL-2", "α", "of cells", ".", " and "])


@st.composite
def content(draw: st.DrawFn, depth: int = 4) -> str:
    """Blocks, inline markup and words, mixed in any way."""
    parts = []
    for kind in draw(st.lists(st.sampled_from(["block", "inline", "word"]), max_size=4)):
        if kind == "word" or depth == 0:
            parts.append(draw(WORDS))
            continue
        name = draw(BLOCKS if kind == "block" else INLINE)
        parts.append(f"<{name}>{draw(content(depth - 1))}</{name}>")
    return "".join(parts)


@given(content())
def test_no_word_of_a_body_is_lost_or_read_twice(
    tmp_path_factory: pytest.TempPathFactory, body: str
) -> None:
    etree = pytest.importorskip("lxml.etree")
    path = put(tmp_path_factory.mktemp("a"), f"{body}<p>end</p>")
    expected = "".join(etree.fromstring(f"<body>{body}</body>").itertext()) + "end"
    (document,) = formats.read(path)
    assert "".join(document.text.split()) == "".join(expected.split())
    assert document.text == "\n".join(document.text[p.start : p.end] for p in document.passages)
