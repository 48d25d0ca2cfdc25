import pytest

from biospan.document import Document
from biospan.errors import InputError, MissingInputError
from biospan.formats import text


def put(tmp_path, data):
    path = tmp_path / "note.1.txt"
    path.write_bytes(data)
    return path


def test_a_file_is_one_document_with_its_newlines_untouched(tmp_path):
    path = put(tmp_path, b"\xef\xbb\xbfIL-2\r\n\xc3\xa9\r\n\n")
    assert list(text.read(path)) == [Document("IL-2\r\né\r\n\n", "note.1")]


def test_each_line_that_is_not_blank_is_a_document(tmp_path):
    path = put(tmp_path, "\ufeffa b\r\n\n \t\nc\u2028d\n e".encode())
    assert list(text.read_lines(path)) == [
        Document("a b", "1"),
        Document("c\u2028d", "4"),
        Document(" e", "5"),
    ]


def test_bytes_and_their_lines_are_what_the_file_is(tmp_path):
    data = "\ufeffa b\r\n\n \t\nc\u2028d\n e".encode()
    path = put(tmp_path, data)
    content = text.decode(data, "standard input")
    assert [Document(content, "note.1")] == list(text.read(path))
    assert list(text.lines(content)) == list(text.read_lines(path))
    with pytest.raises(InputError, match="standard input:1: byte 0xff at byte offset 0"):
        text.decode(b"\xff", "standard input")


@pytest.mark.parametrize("read", [text.read, text.read_lines])
def test_what_is_not_utf8_is_named_by_line_and_byte(tmp_path, read):
    with pytest.raises(InputError, match=r"note\.1\.txt:2: byte 0xff at byte offset 4 "):
        list(read(put(tmp_path, b"ab\nc\xff\n")))


@pytest.mark.parametrize("read", [text.read, text.read_lines])
def test_missing_files_and_folders_are_refused(tmp_path, read):
    with pytest.raises(MissingInputError, match="none"):
        list(read(tmp_path / "none.txt"))
    with pytest.raises(InputError, match="is a folder"):
        list(read(tmp_path))


def test_only_lone_surrogates_are_replaced_to_encode():
    assert text.encodable("a\ud800é\U0001f9ec\udfff") == "a\ufffdé\U0001f9ec\ufffd"
