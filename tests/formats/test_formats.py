import io
from pathlib import Path

import pytest

from biospan import formats
from biospan.document import Document, Entity
from biospan.errors import InputError, MissingInputError
from biospan.formats import brat, jsonl, text

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
