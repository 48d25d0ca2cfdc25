import io
from pathlib import Path

import pytest

from biospan import formats
from biospan.document import Document, Entity
from biospan.errors import ConfigError, InputError, MissingInputError, OutputError
from biospan.formats import brat, jsonl, text
from biospan.formats.record import Rejected

DOCUMENT = Document("IL-2 <gene>", "7", entities=(Entity(0, 4, "DNA", "IL-2"),))


@pytest.mark.parametrize("suffix", [".iob2", ".iob", ".conll", ".tsv", ".bio", ".IOB2"])
def test_column_suffixes_read_columns(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text("IL-2\tB-DNA\n")
    (document,) = formats.read(path)
    assert [e.label for e in document.entities] == ["DNA"]


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".JSONL.GZ"])
def test_json_lines_are_read_by_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with text.open_output(path) as stream:
        jsonl.write([DOCUMENT], stream)
    assert list(formats.read(str(path))) == [DOCUMENT]


def test_folders_are_brat_whatever_their_name(tmp_path: Path) -> None:
    for name in ("folder", "dotted.folder", "folder.iob2"):
        folder = tmp_path / name
        brat.write_dir([DOCUMENT], folder)
        assert list(formats.read(folder)) == [DOCUMENT]
        assert list(formats.read_repaired(folder)) == [DOCUMENT]
        assert list(formats.read(folder / "7.ann")) == [DOCUMENT]
        assert list(formats.read(folder / "7.txt")) == [DOCUMENT.with_entities([])]


@pytest.mark.parametrize("name", ["jsonl", "tsv", "brat", "iob2"])
def test_named_formats_write_to_a_stream(name: str) -> None:
    stream = io.StringIO()
    formats.FORMATS[name]([DOCUMENT], stream)
    assert "IL-2" in stream.getvalue()


def test_paths_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file or folder"):
        formats.read(tmp_path / "none")
    (tmp_path / "a.pdf").write_text("")
    with pytest.raises(InputError, match=r"unknown suffix `\.pdf`, expected one of \.iob2, "):
        formats.read(tmp_path / "a.pdf")


def test_known_suffixes_can_be_asked_for() -> None:
    assert [
        formats.is_known(name) for name in ("a.IOB2", "b/c.jsonl.gz", "a.gz", "a", "a.pdf")
    ] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_only_column_files_are_columns(tmp_path: Path) -> None:
    (tmp_path / "folder.iob2").mkdir()
    names = ("a.IOB2", "a.tsv", "a.jsonl", "a.txt", "a", "folder.iob2")
    assert [formats.is_columns(tmp_path / name) for name in names] == [True] * 2 + [False] * 4


@pytest.mark.parametrize("name", formats.FORMATS)
def test_files_and_streams_of_text_get_the_same(tmp_path: Path, name: str) -> None:
    stream = io.StringIO()
    formats.write_stream([DOCUMENT], stream, name)
    if name == "brat":
        formats.write([DOCUMENT], tmp_path / "folder", name)
        written = (tmp_path / "folder" / "7.ann").read_bytes()
    else:
        formats.write([DOCUMENT], tmp_path / "unknown", name)
        written = (tmp_path / "unknown").read_bytes()
    assert written == stream.getvalue().encode()


@pytest.mark.parametrize("name", formats.BINARY_FORMATS)
def test_files_and_streams_of_bytes_get_the_same(tmp_path: Path, name: str) -> None:
    pytest.importorskip({"parquet": "pyarrow", "spacy": "spacy"}[name])
    stream = io.TextIOWrapper(io.BytesIO())
    formats.write_stream([DOCUMENT], stream, name)
    stream.buffer.seek(0)
    formats.write([DOCUMENT], tmp_path / "unknown", name)
    assert (tmp_path / "unknown").read_bytes() == stream.buffer.read()
    assert list(formats.records(tmp_path / "unknown", name)) == [DOCUMENT]


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jsonl", "jsonl"),
        ("a.NDJSON.gz", "jsonl"),
        ("a.jsonld", "jsonld"),
        ("a.tsv", "tsv"),
        ("a.conll.gz", "iob2"),
        ("a.pubtator.txt", "pubtator"),
        ("a.txt", "txt"),
        ("a.spacy", "spacy"),
    ],
)
def test_a_suffix_says_what_is_written(name: str, format: str) -> None:
    assert formats.format_of(name) == format
    assert formats.format_of(name, "html") == "html"


def test_what_cannot_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"unknown suffix `\.pdf`, expected one of"):
        formats.write([], tmp_path / "a.pdf")
    with pytest.raises(ConfigError, match="Did you mean `html`"):
        formats.write([], tmp_path / "a.html", "htmll")
    assert formats.format_of(tmp_path) == "brat"
    assert list(tmp_path.iterdir()) == []


def test_a_format_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "unknown.gz"
    formats.write([DOCUMENT], path, "jsonl")
    assert list(formats.records(path, "ndjson")) == [DOCUMENT]
    with pytest.raises(ConfigError, match="Did you mean `jsonl`"):
        formats.records(path, "json_l")
    brat.write_dir([DOCUMENT], tmp_path / "folder.jsonl")
    assert list(formats.records(tmp_path / "folder.jsonl", "brat")) == [DOCUMENT]


@pytest.mark.parametrize("name", ["a.iob2.gz", "a.txt.gz", "a.pubtator.gz"])
def test_every_text_format_is_read_packed(tmp_path: Path, name: str) -> None:
    formats.write([DOCUMENT], tmp_path / name)
    (document,) = formats.read(tmp_path / name)
    assert document.text.startswith("IL-2")


DATA = Path(__file__).parents[1] / "data"


def test_a_file_that_cannot_be_read_is_rejected_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\n\xe9")
    (tmp_path / "b.xml").write_text("<html/>")
    places = []
    for name in ("a.txt", "b.xml"):
        (record,) = formats.records(tmp_path / name)
        assert isinstance(record, Rejected)
        assert str(tmp_path) not in record.reason
        places.append(record.where)
    assert places == [f"{tmp_path / 'a.txt'}:2", str(tmp_path / "b.xml")]


@pytest.mark.parametrize(
    ("name", "n_documents", "n_problems"),
    [("pubtator/broken.pubtator", 2, 6), ("pubmed/odd.xml.gz", 5, 4), ("bioc/odd.bioc.xml", 2, 0)],
)
def test_examining_a_file_of_records_goes_on_after_a_bad_one(
    name: str, n_documents: int, n_problems: int
) -> None:
    found, problems = formats.examine(DATA / name)
    assert (len(found), len(problems)) == (n_documents, n_problems)
    assert all(str(DATA / name) in problem for problem in problems)


def test_examining_a_file_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pubtator"
    path.write_text("no document\n")
    with pytest.raises(InputError, match=f"{path}:1"):
        formats.examine(path)
