"""Which lines are learned from: none that is held out, repeated or short; the like ones first."""

import gzip
import math
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from biospan.document import Document
from biospan.errors import InputError, MissingInputError
from biospan.train.pretrain import text

WORDS = [f"w{number}" for number in range(40)]


def line(start: int, count: int = 14) -> str:
    return " ".join(WORDS[(start + 7 * nth) % len(WORDS)] for nth in range(count))


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def choose(*paths: Path, like: str = "x", held_out: str = "", n_words: int = 0) -> text.Lines:
    return text.choose(paths, [Document(like)], [Document(held_out)], n_words=n_words)


def test_lines_that_repeat_or_are_short_are_left_out_and_counted(tmp_path: Path) -> None:
    first = write(tmp_path / "a.txt", line(0), "", line(0).upper() + "!", line(1, 11), line(2))
    second = write(tmp_path / "b.txt", line(3), line(2))
    found = choose(first, second)
    assert found.lines == [line(0), line(2), line(3)]
    assert found.dropped == {"short": 1, "repeated": 2, "less like": 0}
    assert found.n_words == 3 * 14
    assert [file["lines"] for file in found.files] == [2, 1]
    assert found.files[1]["sha256"] == sha256(second.read_bytes()).hexdigest()


@pytest.mark.parametrize(("shared", "kept"), [(9, True), (10, False), (14, False)])
def test_a_line_with_three_runs_of_eight_words_of_a_held_out_text_is_left_out(
    tmp_path: Path, shared: int, kept: bool
) -> None:
    """Eight words are one run, ten words three."""
    words = line(0).split()
    held_out = "before, " + " ".join(words[:shared]).title() + " after"
    found = choose(write(tmp_path / "a.txt", line(0), line(1)), held_out=held_out)
    assert (line(0) in found.lines) == kept
    assert found.dropped.get("held out", 0) == (not kept)


def test_the_lines_most_like_the_documents_are_taken_in_reading_order(tmp_path: Path) -> None:
    """Against the definition: mean log-odds of a line's words, smoothed by one."""
    lines = [line(start, 12 + start % 5) for start in range(0, 40, 2)]
    like = " ".join(WORDS[:13] * 3)
    found = choose(write(tmp_path / "a.txt", *lines), like=like, n_words=60)

    text_counts = Counter(re.findall(r"\w+", " ".join(lines)))
    like_counts = Counter(like.split())
    size = len(text_counts | like_counts)

    def odds(word: str) -> float:
        here = (like_counts[word] + 1) / (like_counts.total() + size)
        return math.log(here / ((text_counts[word] + 1) / (text_counts.total() + size)))

    def likeness(one: str) -> float:
        return sum(map(odds, one.split())) / len(one.split())

    expected: list[str] = []
    for one in sorted(lines, key=likeness, reverse=True):
        if sum(len(taken.split()) for taken in expected) < 60:
            expected.append(one)
    assert set(found.lines) == set(expected)
    assert 0 < len(expected) < len(lines)
    assert found.lines == [one for one in lines if one in expected]
    assert found.dropped == {"less like": len(lines) - len(expected)}


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress((line(0) + "\nκ" + line(1)).encode()))
    assert choose(tmp_path / "a.txt.gz").lines == [line(0), "κ" + line(1)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"\xff\xfe"),
        ("a.txt.gz", b"not packed"),
        ("a.txt.gz", gzip.compress(b"word " * 5000, mtime=0)[:-20]),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: cannot be read"):
        choose(tmp_path / name)


def test_all_files_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "here.txt", line(0))
    assert text.locate("~", ["here.txt"]) == [tmp_path / "here.txt"]
    with pytest.raises(MissingInputError, match=r"2 of 3 .* not there: a.txt, b.txt\. `--set text"):
        text.locate("~", ["a.txt", "here.txt", "b.txt"])
