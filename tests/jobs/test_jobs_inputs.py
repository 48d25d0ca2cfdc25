"""What the arguments of a job stand for, and which of their files are whole."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest
from stand_in import line

from biospan.errors import ConfigError, InputError, MissingInputError
from biospan.jobs.inputs import differences, expand, look_at


def test_a_folder_stands_for_its_files_of_known_formats_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("b/2.jsonl", "a/1.jsonl.gz", "a/1.jsonl.gz.md5", "README", ".git/x.jsonl", "c/d.ann")
    for name in (*names, "c/d.txt", "c/e.txt", ".h.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [str(p.relative_to(tmp_path)) for p in expand([tmp_path], tmp_path.parent / "o")]
    assert found == ["a/1.jsonl.gz", "b/2.jsonl", "c/d.ann", "c/e.txt"]
    assert "1 files of no known format are passed over, such as README" in caplog.text


def test_inputs_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    out = tmp_path.parent / "out"
    with pytest.raises(MissingInputError, match="no such file"):
        expand([tmp_path / "none"], out)
    with pytest.raises(InputError, match="none of a known format"):
        expand([tmp_path], out)
    path = tmp_path / "a.jsonl"
    path.touch()
    with pytest.raises(ConfigError, match="lies in the input"):
        expand([tmp_path], tmp_path / "out")
    with pytest.raises(ConfigError, match="twice"):
        expand([tmp_path, path], out)
    path.rename(tmp_path / "a.docx")
    with pytest.raises(InputError, match="unknown suffix"):
        expand([tmp_path / "a.docx"], out)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress("".join(map(line, range(50))).encode()))
    return path


def test_a_packed_file_is_read_to_its_end(packed: Path) -> None:
    assert look_at(packed).damage == ""
    content = packed.read_bytes()
    for size in range(1, len(content), len(content) // 20):
        packed.write_bytes(content[:size])
        assert "damaged or cut" in look_at(packed).damage
    packed.write_bytes(content[:-6] + bytes([content[-6] ^ 1]) + content[-5:])
    assert "damaged or cut" in look_at(packed).damage


def test_a_file_that_was_cut_between_two_members_is_told_by_its_md5(packed: Path) -> None:
    whole = packed.read_bytes() + gzip.compress(line(99).encode())
    side_car = packed.with_name("a.jsonl.gz.md5")
    side_car.write_text(f"MD5(a.jsonl.gz)= {hashlib.md5(whole).hexdigest()}\n")
    assert "a.jsonl.gz.md5 says" in look_at(packed).damage
    packed.write_bytes(whole)
    assert look_at(packed).damage == ""


def test_a_file_is_the_same_by_its_bytes_whatever_its_time(packed: Path) -> None:
    before = look_at(packed)
    os.utime(packed, ns=(1, 1))
    assert before.is_same()
    assert differences([before], [packed]) == []
    with pytest.raises(InputError, match="has changed since"):
        before.check()
    before.touched().check()
    content = packed.read_bytes()
    packed.write_bytes(content[:-1] + b"\1")
    assert not before.is_same()
    assert differences([before], [packed]) == [f"input `{packed}` has changed"]
    packed.unlink()
    with pytest.raises(InputError, match="was there when planned"):
        before.check()


def test_the_text_beside_an_annotation_is_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ann"
    path.touch()
    (tmp_path / "a.txt").write_text("one")
    before = look_at(path)
    assert before.size == 3
    (tmp_path / "a.txt").write_text("two")
    os.utime(tmp_path / "a.txt", ns=(1, 1))
    assert not before.is_same()


def test_what_differs_is_named(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl")]
    for path in paths:
        path.touch()
    before = [look_at(path) for path in paths[:2]]
    assert differences(before, paths[1:]) == [
        f"input `{paths[2]}` was not there",
        f"input `{paths[0]}` is missing",
    ]
    assert differences(before, [paths[1], paths[0]]) == ["the inputs come in another order"]
