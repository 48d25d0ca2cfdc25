import gzip
import io
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.errors import InputError, MissingInputError
from biospan.formats import xml

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- <doc>not one</doc> -->\n'
TEXT = st.text(st.sampled_from("ab <&>]é🧬\n")).map(
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
)
ASIDE = st.sampled_from(
    [
        "<!-- <doc>a</doc> -->",
        "<!--</doc>-->",
        "<?doc <doc> ?>",
        "<!---->",
        "<docs>x</docs>",
        "<docs/>",
        "<p:x/>",
    ]
)
CDATA = st.sampled_from(["<![CDATA[<doc>]]>", "<![CDATA[</doc>]]]]>", "<![CDATA[]]>"])


@st.composite
def records(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(["doc", "other"]))
    space = draw(st.sampled_from(["", " ", "\n"]))
    inside = "".join(draw(st.lists(TEXT | ASIDE | CDATA, max_size=6)))
    return f'<{name}{space} id="{draw(st.integers(0, 99))}">{inside}</{name}{space}>'


def pieces(data: bytes, first: int, sizes: list[int]) -> Iterator[bytes]:
    """The data in pieces of the given sizes, the last again and again."""
    stream = io.BytesIO(data)
    yield stream.read(first)
    for size in chain(sizes, repeat(7)):
        if not (piece := stream.read(size)):
            return
        yield piece


def cut(data: bytes, *names: str, max_bytes: int = xml.MAX_RECORD) -> list[xml.Cut]:
    return list(xml.cut(io.BytesIO(data), names or ("doc",), max_bytes=max_bytes))


def texts(data: bytes) -> list[str]:
    return ["".join(xml.parse(c.content).itertext()) if c.content else "-" for c in cut(data)]


def plain(element: ElementTree.Element) -> tuple[object, ...]:
    """What an element holds, without what follows it."""
    parts = [(child.tail, plain(child)) for child in element]
    return element.tag, element.attrib, element.text, parts


@given(
    st.lists(records() | ASIDE | TEXT, max_size=8),
    st.lists(st.integers(1, 40), max_size=60),
    st.integers(0, 30),
)
def test_what_is_cut_is_what_a_parser_finds_in_the_whole_file(
    parts: list[str], sizes: list[int], more: int
) -> None:
    head = HEADER + '<docset xmlns:p="urn:p">'
    data = (head + "\n".join(parts) + "</docset>\n").encode()
    expected = [e for e in ElementTree.fromstring(data) if e.tag in ("doc", "other")]
    with pytest.MonkeyPatch.context() as patch:
        chunks = pieces(data, len(head.encode()) + more, sizes)
        patch.setattr(xml, "_utf8_chunks", lambda stream: chunks)
        found = list(xml.cut(io.BytesIO(), ["doc", "other"]))
    assert [record.number for record in found] == list(range(1, len(expected) + 1))
    assert [record.name for record in found] == [element.tag for element in expected]
    parsed = [xml.parse(record.content) for record in found if record.content is not None]
    assert [plain(element) for element in parsed] == [plain(element) for element in expected]


def test_what_looks_like_a_record_and_is_none_is_passed_over() -> None:
    data = b"<r><!-- <doc>a</doc> --><?x <doc> ?><doc>b<![CDATA[</doc>]]></doc><document/></r>"
    assert texts(data) == ["b</doc>"]


def test_namespaces_of_the_root_hold_in_its_records_and_those_in_comments_do_not() -> None:
    data = (
        b'<!-- <r xmlns:a="urn:x"> <doc> -->'
        b"""<r xmlns="urn:d" xmlns:a='urn:a' xmlns:b="urn:100%"><doc><a:i b:c="1"/></doc></r>"""
    )
    (record,) = cut(data)
    assert record.content is not None
    (child,) = xml.parse(record.content)
    assert child.tag == "{urn:a}i"
    assert child.attrib == {"{urn:100%}c": "1"}


def test_a_broken_record_is_broken_alone() -> None:
    first, broken, last = cut(b"<r><doc>a</doc><doc>b<i></doc><doc>c</doc></r>")
    assert first.content is not None
    assert broken.content is not None
    assert last.content is not None
    assert xml.parse(first.content).text == "a"
    with pytest.raises(InputError, match="not well-formed XML: mismatched tag"):
        xml.parse(broken.content)
    assert xml.parse(last.content).text == "c"


@pytest.mark.parametrize("length", [100, 5000])
def test_a_record_that_is_too_large_is_left_out_and_the_next_is_read(length: int) -> None:
    data = b"<r><doc>%s</doc><doc>b</doc></r>" % (b"a" * length)
    assert [c.content is None for c in cut(data, max_bytes=50)] == [True, False]


def test_a_record_that_never_ends_takes_no_more_memory_than_the_largest_that_is_read() -> None:
    class Endless(io.RawIOBase):
        left = 30

        def read(self, size: int = -1, /) -> bytes:
            self.left -= 1
            start = b"<r><doc>" if self.left == 29 else b""
            return (start + b"a" * size)[:size] if self.left > 0 else b""

    tracemalloc.start()
    try:
        found = list(xml.cut(cast(io.BytesIO, Endless()), ["doc"], max_bytes=2**20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [xml.Cut(1, "doc", None)]
    assert peak < 8 * 2**20


def test_a_file_that_was_cut_anywhere_is_never_read_as_whole() -> None:
    data = b"<docset><doc>a</doc>\n<doc>b</doc>\n</docset>"
    for length in range(len(data.rstrip()) - 1):
        if length < len(b"<docset>"):
            continue  # no root to miss
        whole = xml.cut(io.BytesIO(data[:length]), ["doc"])
        if data.count(b"<doc>", 0, length) > data.count(b"</doc>", 0, length):
            assert list(whole)[-1].content is None
        else:
            with pytest.raises(InputError, match="ends before `</docset>`"):
                list(whole)


def test_named_characters_of_html_are_known_and_nothing_else() -> None:
    record = (
        b"<doc>TNF-&alpha;&nbsp;&lt;i&gt; &amp;beta; &NotEqualTilde;<![CDATA[&mu;]]>&#955;</doc>"
    )
    (found,) = texts(b"<set>" + record + b"</set>")
    assert found == "TNF-α\xa0<i> &beta; \u2242\u0338&mu;λ"
    for name in (b"lol", b"LT2", b"alpha-1"):
        with pytest.raises(InputError, match="not well-formed"):
            texts(b"<set><doc>&alpha; &%s;</doc></set>" % name)


def test_a_record_without_its_end_costs_only_itself() -> None:
    data = b"<set><doc>a</doc><doc>b<x><doc>c</doc><doc>d</set>"
    found = list(xml.cut(io.BytesIO(data), ["doc"]))
    assert [record.number for record in found] == [1, 2, 3, 4]
    contents = [record.content for record in found]
    assert [None if content is None else content[8:-9] for content in contents] == [
        *(b"<doc>a</doc>", b"<doc>b<x>", b"<doc>c</doc>"),
        None,
    ]
    with pytest.raises(InputError, match="not well-formed"):
        xml.parse(contents[1] or b"")


def test_a_root_without_anything_in_it_is_whole() -> None:
    for root in (b"<docset/>", b"<docset a='/' xmlns:b=\"c>\" />", b"<!-- <docset> --><docset/>"):
        assert texts(b'<?xml version="1.0"?>' + root) == []
    with pytest.raises(InputError, match="ends before"):
        texts(b"<docset><other/>")


def test_a_root_that_is_itself_the_record_is_cut() -> None:
    assert texts(b'<?xml version="1.0"?><!DOCTYPE doc SYSTEM "x.dtd"><doc>a</doc>') == ["a"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "iso-8859-1", "windows-1252", "utf-16", "UTF-16", "US-ASCII"]
)
def test_the_usual_encodings_are_read(encoding: str) -> None:
    said = encoding.removesuffix("-sig")
    text = "IL-2 &#945;" if encoding == "US-ASCII" else "café &#945;"
    data = f'<?xml version="1.0" encoding="{said}"?><r><doc>{text}</doc></r>'.encode(encoding)
    assert texts(data) == [text.replace("&#945;", "α")]


@pytest.mark.parametrize("encoding", ["utf-7", "klingon", "zlib_codec", "utf-32"])
def test_other_encodings_are_refused(encoding: str) -> None:
    data = f"<?xml version='1.0' encoding='{encoding}'?><r><doc>a</doc></r>".encode()
    with pytest.raises(InputError, match=f"says it is in `{encoding}`, expected one of ascii, "):
        cut(data)


def test_bytes_that_are_not_in_the_encoding_are_told() -> None:
    data = '<?xml version="1.0" encoding="utf-16"?><r/>'.encode("utf-16")[:-1]
    with pytest.raises(InputError, match="says it is in `utf-16`, and is not: "):
        cut(data)
    (broken,) = cut(b"<r><doc>\xff</doc></r>")
    assert broken.content is not None
    with pytest.raises(InputError, match="not well-formed"):
        xml.parse(broken.content)


@pytest.mark.parametrize(
    "declarations",
    [
        '<!ENTITY a "ha"><!ENTITY x "&a;&a;&a;&a;">',
        '<!ENTITY x SYSTEM "file:///etc/hostname">',
        '<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p; <!ENTITY x "y">',
    ],
)
def test_no_entity_of_a_document_type_is_expanded_or_fetched(declarations: str) -> None:
    data = f"<!DOCTYPE r [{declarations}]><r><doc>a&x;</doc><doc>&amp;&#65;</doc></r>".encode()
    bomb, sound = cut(data)
    assert bomb.content is not None
    assert sound.content is not None
    with pytest.raises(InputError, match="undefined entity"):
        xml.parse(bomb.content)
    assert xml.parse(sound.content).text == "&A"


def test_a_document_type_inside_a_record_is_refused() -> None:
    (record,) = cut(b'<r><doc><!DOCTYPE doc [<!ENTITY x "y">]>&x;</doc></r>')
    assert record.content is not None
    with pytest.raises(InputError, match="not well-formed"):
        xml.parse(record.content)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('<?xml version="1.0"?><!-- <a> --><!DOCTYPE b SYSTEM "b.dtd">\n<b-set x="1"/>', "b-set"),
        ("<x:article>", "x:article"),
        ("no markup", ""),
        ("", ""),
    ],
)
def test_the_root_of_a_file_is_named(tmp_path: Path, content: str, name: str) -> None:
    named = tmp_path / "a.xml.gz"
    named.write_bytes(gzip.compress(content.encode()))
    assert xml.root_name(named) == name
    plain_file = named.with_suffix("")
    plain_file.write_bytes(content.encode("utf-16"))
    assert xml.root_name(plain_file) == name


def test_the_root_of_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        xml.root_name(tmp_path / "none.xml")
