"""Journals that were cut or damaged anywhere."""

from pathlib import Path

from biospan.jobs import journal
from biospan.jobs.journal import Journal, Part

PARTS = [
    Part(0, "part-00000.jsonl", 10, "ab", 3, 1, ({"file": "a", "reason": "é"},)),
    Part(1, "part-00001.jsonl", 0, "cd", 0, 0),
    Part(7, "part-00007.jsonl", 12345, "ef", 5, 0),
]


def write(path: Path) -> bytes:
    log = Journal(path)
    for part in PARTS:
        log.add(part)
    log.close()
    return path.read_bytes()


def by_shard(parts: list[Part]) -> dict[int, tuple[str, int]]:
    return {part.shard: (part.sha256, part.n_records) for part in parts}


def test_a_journal_cut_at_any_byte_holds_its_whole_lines_and_can_be_added_to(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    content = write(path)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        n_whole = content[:size].count(b"\n")
        found = journal.read(tmp_path)
        assert by_shard(list(found.values())) == by_shard(PARTS[:n_whole])
        log = Journal(path)
        log.add(PARTS[2])
        log.close()
        expected = by_shard([*PARTS[:n_whole], PARTS[2]])
        assert by_shard(list(journal.read(tmp_path).values())) == expected


def test_a_damaged_line_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = write(path)
    first = content.index(b"\n")
    for position in range(first + 1):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert 0 not in journal.read(tmp_path)
        assert 7 in journal.read(tmp_path)


def test_the_last_word_on_a_shard_counts_whoever_said_it(tmp_path: Path) -> None:
    write(tmp_path / "journal")
    other = Journal(tmp_path / "journal-2-of-3")
    other.add(Part(1, "part-00001.jsonl", 9, "xx", 1, 0))
    other.close()
    assert journal.read(tmp_path)[1].sha256 == "xx"
    assert len(journal.read(tmp_path)) == 3
