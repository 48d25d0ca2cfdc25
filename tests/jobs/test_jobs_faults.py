"""System calls of a job that kill it or fail, one after the other, and disks that are full.

strace makes a chosen call of a process fail, or sends a signal at it. After each, the same command
without it has to end with the same bytes.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from run_job import SHARD_SIZE
from stand_in import StandIn, here, tree, write_corpus

from biospan.jobs import Settings

RUN = Path(__file__).with_name("run_job.py")
CALLS = ("openat", "write", "fsync", "rename", "unlink", "ftruncate")
SETTINGS = Settings(load=StandIn(), shard_size=SHARD_SIZE)
Point = tuple[str, int]  # a call, and which of that name in its process


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("faults") / "corpus", sizes=(9, 12))


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("expected") / "out"
    here(corpus, folder, SETTINGS)
    return tree(folder)


def run(
    corpus: Path, out: Path, *before: str, limit: int = -1
) -> "subprocess.CompletedProcess[str]":
    """Run the job, perhaps under another command, or with a limit on the size of its files."""

    def limited() -> None:
        if limit >= 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [*before, sys.executable, str(RUN), str(corpus), str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(RUN.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limited,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def points(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Point]:
    """The calls with which a job touches its folder."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    folder = tmp_path_factory.mktemp("points")
    out = folder / "out"
    calls = ",".join(CALLS)
    done = run(corpus, out, "strace", "-f", "-y", "-o", str(folder / "log"), "-e", f"trace={calls}")
    assert done.returncode == 0, done.stderr
    seen: Counter[tuple[str, str]] = Counter()
    found: set[Point] = set()
    for row in (folder / "log").read_text(errors="replace").splitlines():
        if match := re.match(r"(\d+)\s+(\w+)\(", row):
            seen[match[1], match[2]] += 1
            if str(out) in row and (match[2] != "openat" or "O_CREAT" in row):
                found.add((match[2], seen[match[1], match[2]]))
    assert {call for call, _ in found} == set(CALLS)
    return sorted(found)


def injected(corpus: Path, out: Path, point: Point, what: str) -> int:
    """Run the job with a fault at a point; its exit code."""
    call, number = point
    log = str(out.with_suffix(".strace"))
    inject = f"inject={call}:{what}:when={number}"
    fault = ("strace", "-f", "-o", log, "-e", f"trace={call}", "-e", inject)
    return run(corpus, out, *fault).returncode


@pytest.mark.full
def test_killed_at_any_call_it_goes_on(
    corpus: Path, expected: dict[str, str], points: list[Point], tmp_path: Path
) -> None:
    n_killed = 0
    for index, point in enumerate(points):
        out = tmp_path / str(index)
        n_killed += injected(corpus, out, point, "signal=SIGKILL") != 0
        here(corpus, out, SETTINGS)
        assert tree(out) == expected, point
    assert n_killed > 30


@pytest.mark.full
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_call_that_fails_stops_the_job_which_goes_on_later(
    corpus: Path, expected: dict[str, str], points: list[Point], tmp_path: Path, error: str
) -> None:
    n_failed = 0
    for index, point in enumerate(points):
        out = tmp_path / str(index)
        code = injected(corpus, out, point, f"error={error}")
        # 0: of a file that is not there any more; 1, 73: before there was a folder to write in
        assert code in (0, 1, 73, 74), point
        n_failed += code == 74
        here(corpus, out, SETTINGS)
        assert tree(out) == expected, point
    assert n_failed > 20


@pytest.mark.parametrize("limit", [100, 1500, 4000])
def test_a_full_disk_stops_the_job_which_goes_on_when_there_is_room(
    corpus: Path, expected: dict[str, str], tmp_path: Path, limit: int
) -> None:
    out = tmp_path / "out"
    full = run(corpus, out, limit=limit)
    assert full.returncode == 74, full.stderr
    assert "File too large" in full.stderr
    assert not (out / "job.json").exists()
    assert run(corpus, out).returncode == 0
    assert tree(out) == expected


@pytest.mark.full
@pytest.mark.parametrize("size", [4, 8, 12, 16, 20, 24])
def test_a_file_system_without_room_stops_the_job(
    corpus: Path, expected: dict[str, str], tmp_path: Path, size: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={size}k", "none", str(disk))
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        full = run(corpus, disk / "out")
        assert full.returncode == 74, full.stderr
        assert "No space left" in full.stderr
        subprocess.run(("mount", "-o", "remount,size=10m", str(disk)), check=True)
        assert run(corpus, disk / "out").returncode == 0
        assert tree(disk / "out") == expected
    finally:
        subprocess.run(("umount", str(disk)), check=True)
