"""Examining a file lists every problem, and reads whatever else it holds."""

import json
from pathlib import Path

import pytest

from biospan import formats
from biospan.document import Document, Entity
from biospan.errors import InputError
from biospan.formats import brat, jsonl

SOUND = Document("IL-2 binds.", "7", entities=(Entity(0, 4, "DNA", "IL-2"),))


def test_all_illegal_tags_are_listed_with_their_lines_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.iob2"
    path.write_text("IL-2\tI-DNA\n\n" * 30 + "p53\tB_DNA\ngene\tI-DNA\nbinds\tO\n\n.\tX-\n")
    documents, problems = formats.examine(path)
    assert [int(problem.split(":")[1]) for problem in problems] == [*range(1, 61, 2), 61, 65]
    assert "tag `B_DNA`" in problems[-2]
    assert [document.text for document in documents] == ["IL-2"] * 30 + ["gene binds", ""]
    assert [e.label for document in documents for e in document.entities] == ["DNA"] * 31
    with pytest.raises(InputError, match="and 12 more"):
        formats.read(path)


def test_every_broken_line_and_entity_of_json_lines_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        json.dumps(SOUND.to_dict()),
        "{",
        '{"id": "8", "text": "p53 gene", "entities": [[0, 3, "A"], [4, 99, "A"], [5, 5, "A"]]}',
        '{"id": "9", "text": "p53", "entities": '
        '[{"start": 0, "end": 3, "label": "DNA", "text": "x"}]}',
        '{"id": "10", "text": 5}',
        '{"id": "11", "text": "a", "entities": 5}',
        "[]",
    ]
    path.write_text("\n".join(lines))
    documents, problems = formats.examine(path)
    assert [int(problem.split(":")[1]) for problem in problems] == [2, 3, 3, 4, 5, 6, 7]
    assert [document.id for document in documents] == ["7", "8", "9"]
    assert documents[0] == SOUND
    assert [e.text for e in documents[1].entities] == ["p53"]
    assert "says `x`, the text has `p53`" in problems[3]


def test_every_broken_annotation_of_a_folder_is_listed(tmp_path: Path) -> None:
    brat.write_dir([SOUND], tmp_path)
    with (tmp_path / "7.ann").open("a") as stream:
        stream.writelines(f"T{n}\tDNA 0 4\tIL-3\n" for n in range(2, 32))
    documents, problems = formats.examine(tmp_path)
    assert documents == [SOUND]
    assert len(problems) == 30
    assert "7.ann:2: entity 0-4 says `IL-3`" in problems[0]


def test_sound_files_are_read_as_reading_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SOUND.text)
    (tmp_path / "a.iob2").write_text("IL-2\tB-DNA\n")
    with (tmp_path / "a.jsonl").open("w") as stream:
        jsonl.write([SOUND], stream)
    for name in ("a.txt", "a.iob2", "a.jsonl"):
        assert formats.examine(tmp_path / name) == (list(formats.read(tmp_path / name)), [])
