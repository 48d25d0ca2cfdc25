import errno
import gzip
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from biospan.document import Document
from biospan.errors import DownloadError, InputError, MissingInputError, OutputError
from biospan.formats import text
from biospan.formats.record import Record, Rejected


def put(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "note.1.txt"
    path.write_bytes(data)
    return path


def test_a_file_is_one_document_with_its_newlines_untouched(tmp_path: Path) -> None:
    path = put(tmp_path, b"\xef\xbb\xbfIL-2\r\n\xc3\xa9\r\n\n")
    assert list(text.read(path)) == [Document("IL-2\r\né\r\n\n", "note.1")]


def test_each_line_that_is_not_blank_is_a_document(tmp_path: Path) -> None:
    path = put(tmp_path, "\ufeffa b\r\n\n \t\nc\u2028d\n e".encode())
    assert list(text.read_lines(path)) == [
        Document("a b", "1"),
        Document("c\u2028d", "4"),
        Document(" e", "5"),
    ]


def test_bytes_and_their_lines_are_what_the_file_is(tmp_path: Path) -> None:
    data = "\ufeffa b\r\n\n \t\nc\u2028d\n e".encode()
    path = put(tmp_path, data)
    content = text.decode(data, "standard input")
    assert [Document(content, "note.1")] == list(text.read(path))
    assert list(text.lines(content)) == list(text.read_lines(path))
    with pytest.raises(InputError, match="standard input:1: byte 0xff at byte offset 0"):
        text.decode(b"\xff", "standard input")


def test_what_is_not_utf8_is_named_by_line_and_byte(tmp_path: Path) -> None:
    path = put(tmp_path, b"ab\nc\xff\nd")
    with pytest.raises(InputError, match=r"note\.1\.txt:2: byte 0xff at byte offset 4 "):
        list(text.read(path))
    first, rejected, last = text.read_lines(path)
    assert (first, last) == (Document("ab", "1"), Document("d", "3"))
    assert isinstance(rejected, Rejected)
    assert rejected.where == f"{path}:2"
    assert rejected.reason.startswith("byte 0xff at byte offset 4 ")


@pytest.mark.parametrize("read", [text.read, text.read_lines])
def test_missing_files_and_folders_are_refused(
    tmp_path: Path, read: Callable[[Path], Iterator[Record]]
) -> None:
    with pytest.raises(MissingInputError, match="none"):
        list(read(tmp_path / "none.txt"))
    with pytest.raises(InputError, match="is a folder"):
        list(read(tmp_path))


CONTENT = "a\r\n\u03b1\n"


def write(path: Path) -> None:
    with text.open_output(path) as stream:
        stream.write(CONTENT)


def test_an_output_is_utf8_with_its_newlines_untouched(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_bytes() == CONTENT.encode()


def test_an_output_is_packed_by_its_name_and_always_to_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "a.jsonl.GZ" for folder in ("x", "y")]
    for path in paths:
        path.parent.mkdir()
        write(path)
    assert gzip.decompress(paths[0].read_bytes()) == CONTENT.encode()
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes()[4:8] == bytes(4)  # where gzip has the time


def test_packed_bytes_do_not_depend_on_the_name(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl.gz")
    write(tmp_path / "another.gz")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "another.gz").read_bytes()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_an_output_that_cannot_be_created_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=rf"none/{name}: cannot be written: No such file"):
        text.open_output(tmp_path / "none" / name)


def test_a_file_of_the_field_is_read_as_it_is(tmp_path: Path) -> None:
    path = Path(__file__).parent.parent / "data" / "text" / "windows.txt"
    (found,) = text.read(path)
    assert (found.id, found.text) == (
        "windows",
        "Quorin-α rises.\r\n\r\nZeta\u2028cells \U0001f9ec\x0c.",
    )
    with text.open_output(tmp_path / "a.txt") as stream:
        text.write([found], stream)
    assert (tmp_path / "a.txt").read_bytes() == path.read_bytes().removeprefix(b"\xef\xbb\xbf")


def test_plain_text_holds_one_document() -> None:
    stream = io.StringIO()
    text.write([Document("a\ud800")], stream)
    assert stream.getvalue() == "a\ufffd"
    with pytest.raises(InputError, match="one document, got several"):
        text.write([Document("a"), Document("b")], stream)


def test_a_file_is_replaced_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_text("old")
    path.chmod(0o640)
    with text.replacing(path) as draft:
        assert draft.name.endswith("a.jsonl.gz")
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    stopped = text.replacing(path)
    stopped.__enter__().write_text("half")
    assert not stopped.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_links_stay_links_and_pipes_pipes(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    with text.replacing(tmp_path / "link") as draft:
        draft.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_text() == "new"
    for place in (Path("/dev/null"), tmp_path / "folder"):
        with text.replacing(place) as draft:
            assert draft == place


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"none/a: cannot be written: No such"),
        text.replacing(tmp_path / "none" / "a"),
    ):
        pass


def test_a_full_disk_says_of_which_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    named = re.escape(f"No space left on device: '{path}'")
    with pytest.raises(OSError, match=named), text.replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(DownloadError, match="^refused$"), text.replacing(path):
        raise DownloadError("refused")
    assert not list(tmp_path.iterdir())
