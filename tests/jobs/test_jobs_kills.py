"""Jobs that are killed, again and again, and always end with the same bytes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from run_job import SHARD_SIZE
from stand_in import StandIn, here, line, tree, write_corpus

from biospan import formats
from biospan.errors import BiospanError, StoppedError
from biospan.jobs import Execution, Settings, Totals, annotate, deaths, finish, journal

RUN = Path(__file__).with_name("run_job.py")
SIZES = (130, 7, 260)
SECONDS = 0.01  # of a document, so that a shard takes a while
N_WORKERS = 2
N_SHARDS = -(-sum(SIZES) // SHARD_SIZE)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("kills") / "corpus", sizes=SIZES)


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("expected") / "out"
    here(corpus, folder, Settings(load=StandIn(), shard_size=SHARD_SIZE))
    return tree(folder)


@contextmanager
def running(corpus: Path, out: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A job in a process group of its own."""
    options = [f"seconds={SECONDS}", f"workers={N_WORKERS}", f"log={log}"]
    process = subprocess.Popen(
        [sys.executable, str(RUN), str(corpus), str(out), *options],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(RUN.parent)},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def committed(out: Path) -> int:
    """Parts that the journal tells of; all of them when the job is finished."""
    if (out / finish.JOB_FILE).is_file():
        return N_SHARDS
    return len(journal.read(out)) if out.is_dir() else 0


def wait_for(process: subprocess.Popen[bytes], out: Path, count: int, extra: float) -> None:
    """Wait until so many parts are committed, and a moment more, or the job has ended."""
    while process.poll() is None and committed(out) < count:
        time.sleep(0.005)
    time.sleep(extra)


def kill_until_done(
    corpus: Path, folder: Path, n_kills: int, seed: int, numbers: tuple[int, ...]
) -> list[int]:
    """Kill a job's process group at random times, then let it finish.

    Returns:
        How many parts were committed at each kill.
    """
    rng = random.Random(seed)
    out, log = folder / "out", folder / "log"
    at_kills = []
    for kill in range(n_kills):
        with running(corpus, out, log) as process:
            # Some at any time, planning and starting included; most after new commits.
            count = committed(out) + rng.randint(1, 3) if kill % 8 else 0
            wait_for(process, out, count, rng.uniform(0, 2 * SHARD_SIZE * SECONDS))
            os.killpg(process.pid, rng.choice(numbers))
            process.wait(10)
        at_kills.append(committed(out))
        assert at_kills == sorted(at_kills)
    with running(corpus, out, log) as process:
        assert process.wait(120) == 0, process.stderr
    return at_kills


def check_kills(corpus: Path, folder: Path, expected: dict[str, str], at_kills: list[int]) -> None:
    assert tree(folder / "out") == expected
    inside = sum(0 < count < N_SHARDS for count in at_kills)
    assert inside >= 0.8 * len(at_kills), at_kills
    done = len((folder / "log").read_text())  # two bytes for each document
    assert done / 2 <= sum(SIZES) + len(at_kills) * N_WORKERS * SHARD_SIZE


@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_times_change_nothing(
    corpus: Path, expected: dict[str, str], tmp_path: Path, seed: int
) -> None:
    at_kills = kill_until_done(corpus, tmp_path, 5, seed, (signal.SIGKILL,))
    check_kills(corpus, tmp_path, expected, at_kills)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(10, 16))
def test_many_kills_change_nothing(
    corpus: Path, expected: dict[str, str], tmp_path: Path, seed: int
) -> None:
    at_kills = kill_until_done(corpus, tmp_path, 12, seed, (signal.SIGKILL,))
    check_kills(corpus, tmp_path, expected, at_kills)


@pytest.mark.full
def test_all_kinds_of_ends_change_nothing(
    corpus: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    # What is ignored here, as under nohup and in the background of a script, a job ignores too.
    kinds = [
        number
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    ]
    at_kills = kill_until_done(corpus, tmp_path, 12, 99, tuple(kinds))
    check_kills(corpus, tmp_path, expected, at_kills)


def test_told_to_stop_it_stops_soon_and_goes_on_later(
    corpus: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    with running(corpus, out, log) as process:
        wait_for(process, out, 3, 0)
        process.terminate()
        assert process.wait(10) == 143
    assert 3 <= committed(out) < N_SHARDS
    assert not [path for path in out.iterdir() if path.name.endswith(".draft")]
    with running(corpus, out, log) as process:
        assert process.wait(120) == 0
    assert tree(out) == expected


def test_workers_that_are_killed_are_replaced(
    corpus: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    n_killed = 0
    with running(corpus, out, log) as process:
        for count in range(2, 14, 3):
            wait_for(process, out, count, 0.02)
            for child in psutil.Process(process.pid).children():
                if "spawn_main" in " ".join(child.cmdline()) and n_killed < count:
                    child.kill()
                    n_killed += 1
                    break
        assert process.wait(120) == 0
    assert n_killed == 4
    assert tree(out) == expected


def test_workers_end_when_the_process_that_commits_is_killed(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with running(corpus, out, tmp_path / "log") as process:
        wait_for(process, out, 1, 0)
        workers = psutil.Process(process.pid).children()
        assert workers
        process.kill()
        _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


@pytest.mark.parametrize("n_workers", [2, pytest.param(1, marks=pytest.mark.full)])
def test_documents_that_end_every_worker_are_found_and_rejected(
    tmp_path: Path, n_workers: int
) -> None:
    path, out, stopped = (tmp_path / name for name in ("a.jsonl", "out", "stopped"))
    texts = {9: "deadly", 10: "greedy"}
    path.write_text("".join(line(n, text=texts.get(n, "")) for n in range(1, 15)))
    settings = Settings(load=StandIn(), shard_size=10)
    totals = annotate([path], out, settings, Execution(n_workers=n_workers))
    assert totals == Totals(read=14, annotated=12, rejected=2, duplicates=0, deleted=0)
    rejects = [json.loads(row) for row in (out / "rejects.jsonl").read_text().splitlines()]
    assert [(row["id"], row["where"]) for row in rejects] == [
        (str(n), f"{path}, record {n}") for n in texts
    ]
    assert all("ended every worker" in row["reason"] for row in rejects)
    found = [d.id for part in sorted(out.glob("part-*")) for d in formats.read(part)]
    assert found == [str(n) for n in range(1, 15) if n not in texts]
    assert not [name for name in os.listdir(out) if name.endswith(".draft")]
    if n_workers == 1:
        # The second draft is the note of a search.
        searching = Execution(should_stop=lambda: len(list(stopped.glob(".part*.draft"))) > 1)
        with pytest.raises(StoppedError):
            annotate([path], stopped, settings, searching)
        annotate([path], stopped, settings, Execution())
        assert tree(stopped) == tree(out)


@dataclass(frozen=True)
class AtHome(StandIn):
    """A stand-in that ends every process but the one that made it."""

    home: int = field(default_factory=os.getpid)

    def __call__(self, threads: int) -> StandIn:
        if os.getpid() != self.home:
            os.kill(os.getpid(), signal.SIGKILL)
        return self


@pytest.mark.parametrize(("load", "texts"), [(AtHome(), ""), (StandIn(), "deadly")])
def test_what_no_single_document_explains_ends_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: StandIn, texts: str
) -> None:
    monkeypatch.setattr(deaths, "MAX_DEATHS", 1)
    monkeypatch.setattr(deaths, "MAX_DEADLY", 1)
    path = tmp_path / "a.jsonl"
    path.write_text("".join(line(n, text=texts) for n in range(1, 5)))
    settings = Settings(load=load, shard_size=2)
    with pytest.raises(BiospanError, match=r"part 0 \(records 1 to 2 .* go on ending with -9"):
        annotate([path], tmp_path / "out", settings, Execution(n_workers=1))
    assert not [name for name in os.listdir(tmp_path / "out") if name.endswith(".draft")]


def test_a_shard_whose_worker_died_once_is_done_by_another(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line(1) + line(2, text="deadly") + line(3))
    load = StandIn(fatal=tmp_path / "died")
    totals = annotate([path], tmp_path / "out", Settings(load=load, shard_size=1), Execution())
    assert (tmp_path / "died").exists()
    assert totals is not None
    assert totals.annotated == 3
