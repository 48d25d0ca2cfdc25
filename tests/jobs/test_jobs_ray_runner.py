"""Jobs on Ray: the same bytes, on one node or two, whatever dies."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from stand_in import StandIn, here, line, tree, write_corpus

from biospan import jobs
from biospan.errors import ConfigError, StoppedError
from biospan.jobs import Execution, Progress, Settings, ray_runner

pytestmark = pytest.mark.full

SETTINGS = Settings(load=StandIn(seconds=0.01), shard_size=20)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes on this machine, the second with a worker's place of its own."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    tests, source = Path(__file__).parent, Path(jobs.__file__).parents[2]
    paths = ":".join(map(str, (tests, tests.parent, source)))
    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    nodes.add_node(num_cpus=1)
    ray.init(
        nodes.address, configure_logging=False, runtime_env={"env_vars": {"PYTHONPATH": paths}}
    )
    yield nodes
    ray.shutdown()
    nodes.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("ray") / "corpus")


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("expected") / "out"
    here(corpus, folder, SETTINGS)
    return tree(folder)


def on_ray(corpus: Path, out: Path, settings: Settings = SETTINGS, **changes: Any) -> jobs.Totals:
    execution = Execution(**{"n_workers": 2, "run": ray_runner.run, **changes})
    totals = jobs.annotate([corpus], out, settings, execution)
    assert totals is not None
    return totals


def test_the_bytes_are_those_of_one_machine(
    cluster: Any, corpus: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    on_ray(corpus, tmp_path / "out")
    assert tree(tmp_path / "out") == expected


def test_paths_are_those_of_who_started_the_job(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text(line(1) + "{broken\n")
    on_ray(Path("a.jsonl"), Path("out"))
    here(Path("a.jsonl"), Path("other"), SETTINGS)
    assert tree(Path("out")) == tree(Path("other"))
    assert json.loads(Path("out/rejects.jsonl").read_text())["where"] == "a.jsonl:2"


def test_workers_that_are_killed_are_replaced(
    cluster: Any, corpus: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    import psutil

    killed: list[int] = []

    def kill(progress: Progress) -> None:
        for process in psutil.process_iter(["cmdline"]):
            is_worker = "ray::_Actor" in " ".join(process.info["cmdline"] or ())
            if is_worker and len(killed) < progress.n_done // 60:
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)

    on_ray(corpus, tmp_path / "out", on_progress=kill)
    assert killed
    assert tree(tmp_path / "out") == expected


def test_a_stopped_job_goes_on_on_one_machine(
    cluster: Any, corpus: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(StoppedError):
        on_ray(corpus, out, should_stop=(out / "part-00004.jsonl").exists)
    assert not (out / "job.json").exists()
    here(corpus, out, SETTINGS)
    assert tree(out) == expected


def test_a_worker_with_another_model_is_told_as_such(cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line(1))
    with pytest.raises(ConfigError, match="this worker has `stand-in other`"):
        on_ray(path, tmp_path / "out", Settings(load=Changing()))


@dataclass(frozen=True)
class Changing(StandIn):
    """A stand-in that is another one in another process."""

    home: int = field(default_factory=os.getpid)

    def __call__(self, threads: int) -> StandIn:
        return StandIn(revision="1" if os.getpid() == self.home else "other")


def test_documents_that_end_every_worker_are_rejected_as_on_one_machine(
    cluster: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    texts = {7: "deadly", 25: "greedy"}
    path.write_text("".join(line(n, text=texts.get(n, "")) for n in range(1, 30)))
    assert on_ray(path, tmp_path / "ray").rejected == 2
    jobs.annotate([path], tmp_path / "local", SETTINGS, Execution(n_workers=1))
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")


def test_a_node_that_dies_loses_nothing(
    cluster: Any, corpus: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    node = cluster.add_node(num_cpus=1)
    out = tmp_path / "out"

    def remove() -> None:
        while not (out / "part-00003.jsonl").exists():
            time.sleep(0.05)
        cluster.remove_node(node, allow_graceful=False)

    thread = threading.Thread(target=remove)
    thread.start()
    on_ray(corpus, out, n_workers=3)
    thread.join()
    assert tree(out) == expected
    said = json.loads((out / "job.json").read_text())["totals"]
    assert said["read"] == 300
