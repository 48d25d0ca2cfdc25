"""Power lost at every operation of a job: whatever the disk kept, the job ends with the same bytes.

A model of a disk stands between the job and the file system. It knows what has been brought to the
disk (`fsync` of a file: its bytes; of a folder: its names), and makes the folder that a machine
would find after the power came back. Three disks: one that kept everything, one that kept what it
was told to keep and nothing else, and one that kept names but not the bytes it was not told of.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in import StandIn, here, tree, write_corpus

from biospan.errors import InputError
from biospan.jobs import Settings, commit, finish, journal
from biospan.jobs.journal import Journal, Part
from biospan.jobs.shard import digest

SETTINGS = Settings(load=StandIn(), shard_size=9)


class Disk:
    """Stands in for `os` in `commit`; what it does not model goes through to the real one.

    Args:
        folder: The job's.
        on_point: Called with the disk before and after each operation.
    """

    def __init__(self, folder: Path, on_point: Callable[["Disk"], None]) -> None:
        self.folder = folder
        self._on_point = on_point
        self._data: dict[int, bytes] = {}  # by inode: what an fsync brought to the disk
        self._names: dict[str, int] = {}  # what an fsync of the folder brought there
        self._held: list[int] = []  # so that no inode is used twice

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        file = os.open(path, flags, mode)
        self._held.append(os.dup(file))
        return file

    def fsync(self, file: int) -> None:
        self._on_point(self)
        path = Path(os.readlink(f"/proc/self/fd/{file}"))
        if path == self.folder:
            self._names = {entry.name: entry.inode() for entry in os.scandir(path)}
        else:
            self._data[os.fstat(file).st_ino] = path.read_bytes()
        self._on_point(self)

    def rename(self, source: Path, target: Path) -> None:
        self._on_point(self)
        os.rename(source, target)
        self._on_point(self)

    def write(self, file: int, data: bytes) -> int:
        half = os.write(file, data[: (len(data) + 1) // 2])  # so that there are torn lines
        self._on_point(self)
        return half

    def close_all(self) -> None:
        for file in self._held:
            os.close(file)

    def after_power_loss(self, folder: Path, kept: str) -> None:
        """Make a folder as it would be found."""
        folder.mkdir()
        now = {entry.name: entry.inode() for entry in os.scandir(self.folder)}
        for name, inode in (self._names if kept == "synced" else now).items():
            whole = (self.folder / name).read_bytes() if kept == "all" else b""
            (folder / name).write_bytes(whole or self._data.get(inode, b""))


def lose_power_everywhere(corpus: Path, tmp_path: Path, expected: dict[str, str]) -> int:
    """Run a job; from what each disk holds at each operation go on, and compare the end."""
    n_points = 0

    def on_point(disk: Disk) -> None:
        nonlocal n_points
        for kept in ("all", "synced", "names"):
            folder = tmp_path / f"{n_points}-{kept}"
            disk.after_power_loss(folder, kept)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(commit, "os", Quick())
                check_promises(folder)
                here(corpus, folder, SETTINGS)
            assert tree(folder) == expected, (n_points, kept)
            shutil.rmtree(folder)
        n_points += 1

    out = tmp_path / "out"
    out.mkdir()
    disk = Disk(out, on_point)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(commit, "os", disk)
            here(corpus, out, SETTINGS)
    finally:
        disk.close_all()
    assert tree(out) == expected
    return n_points


class Quick:
    """`os`, but nothing waits for the disk: for going on from what the model made."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, file: int) -> None:
        pass


def check_promises(folder: Path) -> None:
    """What the journal or `job.json` says is there is there, byte by byte."""
    assert finish.damaged(folder, journal.read(folder).values()) == []
    if done := finish.read(folder):
        for file in done.files:
            assert digest(folder / file.name) == file.sha256


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("loss") / "corpus", sizes=(10, 21, 3))


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("expected") / "out"
    here(corpus, folder, SETTINGS)
    return tree(folder)


def test_power_lost_at_any_operation_changes_nothing_in_the_end(
    corpus: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    assert lose_power_everywhere(corpus, tmp_path, expected) > 50


def _nothing(*_: object) -> None:
    pass


def _rename_without_the_file_on_disk(draft: Path, path: Path) -> None:
    commit.check_place(path)
    commit.os.rename(draft, path)  # type: ignore[attr-defined]
    commit._sync(path.parent)


def _rename_without_the_folder_on_disk(draft: Path, path: Path) -> None:
    commit._sync(draft)
    commit.os.rename(draft, path)  # type: ignore[attr-defined]


def _file_to_disk_after_its_name(draft: Path, path: Path) -> None:
    commit.os.rename(draft, path)  # type: ignore[attr-defined]
    commit._sync(path)
    commit._sync(path.parent)


def _journal_first(patch: pytest.MonkeyPatch) -> None:
    add, put = Journal.add, commit.put
    waiting: list[tuple[Path, Path]] = []

    def late_put(draft: Path, path: Path) -> None:
        if path.name.startswith("part-"):
            waiting.append((draft, path))
        else:
            put(draft, path)

    def early_add(self: Journal, part: Part) -> None:
        add(self, part)
        put(*waiting.pop())

    patch.setattr(commit, "put", late_put)
    patch.setattr(Journal, "add", early_add)


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "no fsync at all": lambda patch: patch.setattr(commit, "_sync", _nothing),
    "no fsync of files": lambda patch: patch.setattr(
        commit, "put", _rename_without_the_file_on_disk
    ),
    "no fsync of the folder": lambda patch: patch.setattr(
        commit, "put", _rename_without_the_folder_on_disk
    ),
    "rename before fsync": lambda patch: patch.setattr(commit, "put", _file_to_disk_after_its_name),
    "journal before rename": _journal_first,
    "journal lines unchecked": lambda patch: patch.setattr(journal, "_parts", _unchecked_parts),
}


def _unchecked_parts(path: Path) -> Iterator[Part]:
    for line in path.read_bytes().split(b"\n")[:-1]:
        yield Part(**json.loads(line.partition(b" ")[2]))
    rest = path.read_bytes().rpartition(b"\n")[2]
    if rest:
        yield Part(**json.loads(rest.partition(b" ")[2]))


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_test_notices_each_step_that_is_left_out(
    corpus: Path, tmp_path: Path, expected: dict[str, str], mutant: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        MUTANTS[mutant](patch)
        with pytest.raises((AssertionError, InputError, OSError, ValueError)):
            lose_power_everywhere(corpus, tmp_path, expected)


def test_a_part_is_in_the_journal_on_disk_before_it_counts_as_done(
    corpus: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    out = tmp_path / "out"
    out.mkdir()
    disk = Disk(out, _nothing)
    seen = []

    def on_progress(progress: Any) -> None:
        if progress.planned:
            disk.after_power_loss(kept, "synced")
            seen.append(sum(part.n_records for part in journal.read(kept).values()))
            assert seen[-1] == progress.n_done
            shutil.rmtree(kept)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(commit, "os", disk)
            here(corpus, out, SETTINGS, on_progress=on_progress)
    finally:
        disk.close_all()
    assert seen[-1] == 34
