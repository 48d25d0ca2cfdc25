"""Plans: every record in one shard, the same shards for the same inputs, sound files only."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import line

from biospan.errors import InputError, StoppedError
from biospan.jobs import plan
from biospan.jobs.inputs import Input
from biospan.jobs.plan import Places, Plan

PUBMED = """<?xml version="1.0"?>
<PubmedArticleSet>{}</PubmedArticleSet>
"""
ARTICLE = (
    "<PubmedArticle><MedlineCitation><PMID Version='1'>{0}</PMID><Article>"
    "<ArticleTitle>title {1}</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
)


def make(*paths: Path, shard_size: int = 10, stop: Callable[[], bool] = lambda: False) -> Plan:
    read: list[int] = []
    made = plan.make(paths, {"model": "m"}, shard_size, on_record=read.append, should_stop=stop)
    assert read == list(range(1, made.n_records + 1))
    return made


def write_lines(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


def test_shards_cover_all_records_and_small_files_share_them(tmp_path: Path) -> None:
    paths = [
        write_lines(tmp_path / f"{n}.jsonl", *(line(100 * n + i) for i in range(n)))
        for n in (3, 0, 4, 25)
    ]
    made = make(*paths)
    assert [(shard.first, shard.count) for shard in made.shards] == [
        (0, 10),
        (10, 10),
        (20, 10),
        (30, 2),
    ]
    assert [item.records for item in made.inputs] == [3, 0, 4, 25]


def test_long_texts_make_short_shards(tmp_path: Path) -> None:
    half = "x" * (plan.MAX_CHARACTERS // 2)
    texts = [line(n, text=half) for n in range(5)]
    made = make(write_lines(tmp_path / "a.jsonl", *texts))
    assert [shard.count for shard in made.shards] == [2, 2, 1]


def test_nothing_is_planned_for_nothing(tmp_path: Path) -> None:
    assert make(write_lines(tmp_path / "a.jsonl")).shards == ()


def test_a_damaged_packed_file_is_one_record_that_is_rejected(tmp_path: Path) -> None:
    broken = tmp_path / "a.jsonl.gz"
    broken.write_bytes(b"\x1f\x8b nonsense")
    made = make(broken, write_lines(tmp_path / "b.jsonl", line(1)))
    assert [item.records for item in made.inputs] == [1, 1]
    assert "damaged" in made.inputs[0].damage
    assert [shard.broken for shard in made.shards] == [1]


def test_later_files_replace_and_delete_what_earlier_ones_hold(tmp_path: Path) -> None:
    first = write_lines(
        tmp_path / "1.xml", PUBMED.format("".join(ARTICLE.format(n, "old") for n in range(1, 6)))
    )
    update = (
        ARTICLE.format(2, "new") + "<DeleteCitation><PMID>3</PMID><PMID>9</PMID></DeleteCitation>"
    )
    second = write_lines(tmp_path / "2.xml", PUBMED.format(update))
    third = write_lines(tmp_path / "3.xml", PUBMED.format(ARTICLE.format(3, "back")))
    made = make(first, second)
    assert [shard.skip for shard in made.shards] == [(1, 2)]
    assert made.n_deleted == 1
    assert make(first, second, third).n_records == 7


def test_numbers_and_names_of_files_are_no_ids_of_other_files(tmp_path: Path) -> None:
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths += [
            write_lines(tmp_path / folder / "notes.txt", folder),
            write_lines(tmp_path / folder / "x.iob2", "IL-2\tO\n\np53\tO\n"),
            write_lines(tmp_path / folder / "x.jsonl", line(1)),
        ]
    made = make(*paths)
    assert (made.n_records, made.n_skipped) == (8, 1)
    assert made.shards[0].skip == (3,)  # the line of JSON has an id of its own
    marked = "###MEDLINE:7\n\nIL-2\tO\n\n###MEDLINE:7\n\nIL-2\tO\n"
    assert make(write_lines(tmp_path / "y.iob2", marked)).n_skipped == 1


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    lines = [line(n, identifier=str(n % 20)) for n in range(35)]
    made = make(write_lines(tmp_path / "a.jsonl", *lines), write_lines(tmp_path / "b.jsonl"))
    plan.write(made, tmp_path)
    assert plan.read(tmp_path) == made
    rows = [json.loads(row) for row in (tmp_path / "plan.jsonl").read_text().splitlines()]
    assert rows[3] == {
        "shard": 0,
        "file": str(tmp_path / "a.jsonl"),
        "first": 1,
        "count": 10,
        "skip": list(range(10)),
        "broken": 0,
    }


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b.replace(b"10", b"11", 1)])
def test_a_damaged_plan_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    assert plan.read(tmp_path) is None
    plan.write(make(write_lines(tmp_path / "a.jsonl", *map(line, range(20)))), tmp_path)
    path = tmp_path / plan.PLAN_FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="damaged"):
        plan.read(tmp_path)


def test_planning_stops_when_told(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", *map(line, range(20)))
    answers = iter([False, False, True])
    with pytest.raises(StoppedError):
        make(path, stop=lambda: next(answers))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8).filter(any))
def test_every_record_has_its_place(sizes: list[int]) -> None:
    places = Places([Input(str(n), 0, 0, "", records=n) for n in sizes])
    expected = [(file, number) for file, n in enumerate(sizes) for number in range(n)]
    assert [places.of(ordinal) for ordinal in range(sum(sizes))] == expected
