import gzip
import io

import pytest

from biospan import formats
from biospan.document import Document, Entity
from biospan.errors import InputError, MissingInputError, OutputError

DOCUMENT = Document("IL-2 <gene>", "7", entities=(Entity(0, 4, "DNA", "IL-2"),))


@pytest.mark.parametrize("suffix", [".iob2", ".iob", ".conll", ".tsv", ".bio", ".IOB2"])
def test_column_suffixes_read_columns(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("IL-2\tB-DNA\n")
    (document,) = formats.read(path)
    assert [e.label for e in document.entities] == ["DNA"]


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"])
def test_json_lines_are_written_and_read_by_suffix(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    formats.write([DOCUMENT], path)
    assert list(formats.read(str(path))) == [DOCUMENT]
    if suffix.endswith(".gz"):
        assert gzip.decompress(path.read_bytes()).startswith(b"{")


def test_the_same_documents_give_the_same_gzip_bytes(tmp_path):
    paths = [tmp_path / folder / "a.jsonl.gz" for folder in ("x", "y")]
    for path in paths:
        path.parent.mkdir()
        formats.write([DOCUMENT], path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", ["folder", "dotted.folder"])
def test_folders_are_brat(tmp_path, name):
    folder = tmp_path / name
    if "." in name:
        folder.mkdir()
    formats.write([DOCUMENT], folder)
    assert list(formats.read(folder)) == [DOCUMENT]
    assert list(formats.read(folder / "7.ann")) == [DOCUMENT]
    assert list(formats.read(folder / "7.txt")) == [DOCUMENT.with_entities([])]


def test_tables_columns_and_pages_are_written_by_suffix(tmp_path):
    for suffix in ("tsv", "iob2", "html"):
        formats.write([DOCUMENT], tmp_path / f"a.{suffix}")
    assert (tmp_path / "a.tsv").read_text().splitlines()[1] == "7\t0\t4\tDNA\tIL-2\t"
    assert "IL-2\tB-DNA\n" in (tmp_path / "a.iob2").read_text()
    page = (tmp_path / "a.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "&lt;gene&gt;" in page
    assert "<gene>" not in page


@pytest.mark.parametrize("name", ["jsonl", "tsv", "brat", "iob2"])
def test_named_formats_write_to_a_stream(name):
    stream = io.StringIO()
    formats.FORMATS[name]([DOCUMENT], stream)
    assert "IL-2" in stream.getvalue()


def test_paths_that_cannot_be_read_say_why(tmp_path):
    with pytest.raises(MissingInputError, match="no such file or folder"):
        formats.read(tmp_path / "none")
    (tmp_path / "a.pdf").write_text("")
    with pytest.raises(InputError, match=r"unknown suffix `\.pdf`, expected one of \.iob2, "):
        formats.read(tmp_path / "a.pdf")


def test_paths_that_cannot_be_written_say_why(tmp_path):
    with pytest.raises(OutputError, match=r"unknown suffix `\.pdf`"):
        formats.write([DOCUMENT], tmp_path / "a.pdf")
    with pytest.raises(OutputError, match="cannot be written"):
        formats.write([DOCUMENT], tmp_path / "none" / "a.jsonl")


def test_known_suffixes_can_be_asked_for():
    assert [
        formats.is_known(name) for name in ("a.IOB2", "b/c.jsonl.gz", "a.gz", "a", "a.pdf")
    ] == [
        True,
        True,
        False,
        False,
        False,
    ]
