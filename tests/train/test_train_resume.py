"""A run that was killed, stopped or spread over processes ends as one that was not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from biospan.errors import ConfigError, InputError, LockedError, StoppedError
from biospan.train.config import from_mapping

pytestmark = pytest.mark.usefixtures("needs_train")

Recipe = dict[str, Any]

# What a resumed run may say otherwise than one that went through.
INCIDENTAL = {"seconds", "resumed"}


@pytest.fixture(scope="module")
def recipe(tiny_recipe: Recipe) -> Recipe:
    """Eight steps an epoch or so, with dropout, a CRF, and a checkpoint after every step."""
    return {**tiny_recipe, "head": "crf", "dropout": 0.2, "epochs": 3, "checkpoint_minutes": 0.0}


@pytest.fixture(scope="module")
def through(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run that nothing happened to."""
    folder = tmp_path_factory.mktemp("through")
    fit(recipe, folder)
    return folder


def fit(recipe: Recipe, folder: Path, **options: Any) -> Any:
    from biospan.train import loop

    return loop.fit(from_mapping(recipe), folder, **options)


def outcome(folder: Path) -> tuple[str, str, dict[str, Any]]:
    """Weights, log and record, in full."""
    record = json.loads((folder / "record.json").read_text())
    weights = sha256((folder / "best.safetensors").read_bytes()).hexdigest()
    kept = {key: value for key, value in record.items() if key not in INCIDENTAL}
    return weights, (folder / "log.jsonl").read_text(), kept


def n_steps(folder: Path) -> int:
    return len((folder / "log.jsonl").read_text().splitlines())


class DiedError(Exception):
    """Stands for a death at a chosen step."""


def die_at(step: int) -> Any:
    def on_step(progress: Any) -> None:
        if progress.step == step:
            raise DiedError

    return on_step


def test_a_run_leaves_everything_that_is_promised(through: Path) -> None:
    names = {path.name for path in through.iterdir()}
    assert names == {"best.safetensors", "record.json", "log.jsonl", "curves.png", "run.lock"}
    assert (through / "curves.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((through / "record.json").read_text())
    assert record["finished"] is True
    assert record["seconds"] > 0
    lines = [json.loads(line) for line in (through / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    per_epoch = len(lines) // 3
    for epoch in record["epochs"]:
        losses = [line["loss"] for line in lines if line["epoch"] == epoch["epoch"]]
        assert len(losses) == per_epoch
        assert epoch["loss"] == pytest.approx(sum(losses) / per_epoch)
        assert epoch["labels"].keys() == {"DNA", "protein"}


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_whatever_the_step_it_dies_at_it_ends_bit_by_bit_the_same(
    recipe: Recipe, through: Path, tmp_path: Path, seed: int
) -> None:
    recipe = {**recipe, "seed": seed}
    whole = tmp_path / "whole"
    fit(recipe, whole)
    total = n_steps(whole)
    per_epoch = total // 3
    for step in (1, 2, per_epoch, per_epoch + 1, total - 1):
        folder = tmp_path / str(step)
        with pytest.raises(DiedError):
            fit(recipe, folder, on_step=die_at(step))
        fit(recipe, folder)
        assert outcome(folder) == outcome(whole)
        resumed = json.loads((folder / "record.json").read_text()).get("resumed", [])
        # It died after the step was logged and before its checkpoint was written.
        assert resumed == ([step - 1] if step > 1 else [])


def test_several_deaths_of_one_run_add_up(recipe: Recipe, through: Path, tmp_path: Path) -> None:
    for step in (3, 5, 9):
        with pytest.raises(DiedError):
            fit(recipe, tmp_path, on_step=die_at(step))
    fit(recipe, tmp_path)
    assert outcome(tmp_path) == outcome(through)
    assert json.loads((tmp_path / "record.json").read_text())["resumed"] == [2, 4, 8]


def command(recipe: Recipe, folder: Path) -> list[str]:
    path = folder.with_suffix(".toml")
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in recipe.items()))
    return ["-m", "biospan", "train", str(path), "--output", str(folder)]


def wait_for_steps(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    log = folder / "log.jsonl"
    while process.poll() is None and not (log.exists() and n_steps(folder) >= count):
        time.sleep(0.002)


def test_killed_outright_at_any_moment_it_goes_on(
    recipe: Recipe, through: Path, tmp_path: Path
) -> None:
    """With a checkpoint after every step most kills come while one is written."""
    folder = tmp_path / "run"
    rng = random.Random(0)
    for count in (2, 6, 11):
        process = subprocess.Popen(
            [sys.executable, *command(recipe, folder)], stderr=subprocess.DEVNULL
        )
        wait_for_steps(folder, count, process)
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    subprocess.run([sys.executable, *command(recipe, folder)], check=True, capture_output=True)
    assert outcome(folder) == outcome(through)
    assert not (folder / "checkpoints").exists()
    config = json.loads((folder / "model" / "config.json").read_text())
    assert any(any(row) for row in config["transitions"])  # the CRF goes with the graph


@pytest.mark.parametrize("nth_write", [9, 10])  # arrays and note of a checkpoint
@pytest.mark.parametrize("renamed", [False, True])
def test_killed_in_the_middle_of_a_checkpoint_it_goes_on(
    recipe: Recipe,
    through: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nth_write: int,
    renamed: bool,
) -> None:
    from biospan.train import checkpoint

    whole = checkpoint.write_whole
    calls = 0

    def torn(path: Path, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls == nth_write and not renamed:
            path.with_name(f"{path.name}.1.tmp").write_bytes(data[: len(data) // 2])
            raise DiedError
        whole(path, data)
        if calls == nth_write:
            raise DiedError

    with monkeypatch.context() as patch:
        # The record and the best weights are written through other names of the function.
        patch.setattr(checkpoint, "write_whole", torn)
        with pytest.raises(DiedError):
            fit(recipe, tmp_path)
    fit(recipe, tmp_path)
    assert outcome(tmp_path) == outcome(through)
    (resumed,) = json.loads((tmp_path / "record.json").read_text())["resumed"]
    assert resumed == (5 if renamed and nth_write == 10 else 4)


def test_sigterm_writes_a_checkpoint_and_says_how_to_go_on(
    recipe: Recipe, through: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    rare = {**recipe, "checkpoint_minutes": 60.0}
    process = subprocess.Popen(
        [sys.executable, *command(rare, folder)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    wait_for_steps(folder, 3, process)
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert b"the same command goes on from there" in told
    assert b"Traceback" not in told
    assert list((folder / "checkpoints").glob("*.safetensors"))
    fit(rare, folder)
    weights, log, _ = outcome(folder)
    assert (weights, log) == outcome(through)[:2]


def test_told_to_stop_it_stops_after_the_step(recipe: Recipe, tmp_path: Path) -> None:
    steps: list[Any] = []
    with pytest.raises(StoppedError, match="stopped after step 4 of"):
        fit(recipe, tmp_path, on_step=steps.append, should_stop=lambda: len(steps) == 4)
    assert n_steps(tmp_path) == 4


def test_a_finished_run_is_returned_and_not_made_again(recipe: Recipe, through: Path) -> None:
    before = outcome(through)
    steps: list[Any] = []
    run = fit(recipe, through, on_step=steps.append)
    assert steps == []
    assert run.record["finished"]
    assert outcome(through) == before


def test_another_recipe_in_the_same_folder_is_refused_unless_restarted(
    recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(DiedError):
        fit(recipe, tmp_path, on_step=die_at(5))
    other = {**recipe, "epochs": 1, "seed": 9}
    with pytest.raises(ConfigError, match=r"`epochs` is 3 there and 1 here; `seed` is 3 there"):
        fit(other, tmp_path)
    run = fit(other, tmp_path, restart=True)
    assert run.record["recipe"]["epochs"] == 1
    assert "resumed" not in run.record


def test_two_runs_in_one_folder_are_one_too_many(recipe: Recipe, tmp_path: Path) -> None:
    holder = (
        "import sys, time; from pathlib import Path; from biospan.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "run.lock")], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match="another process is training there"):
            fit(recipe, tmp_path)
    finally:
        process.kill()
        process.wait()
    with pytest.raises(DiedError):  # a lock goes with its process
        fit(recipe, tmp_path, on_step=die_at(1))


def test_another_corpus_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(DiedError):
        fit(recipe, tmp_path, on_step=die_at(2))
    path = tmp_path / "record.json"
    path.write_text(path.read_text().replace('"sha256": "', '"sha256": "0'))
    with pytest.raises(InputError, match="`train` documents: not those"):
        fit(recipe, tmp_path)


def test_two_processes_make_the_steps_of_one(recipe: Recipe, tmp_path: Path) -> None:
    """Without dropout the only difference is the order of sums."""
    import torch
    from safetensors.torch import load_file

    recipe = {**recipe, "dropout": 0.0, "batch_size": 5, "learning_rate": 1e-3}
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    fit(recipe, alone)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [sys.executable, *launcher, *command(recipe, shared)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    expected, found = (load_file(folder / "best.safetensors") for folder in (alone, shared))
    for name, weight in expected.items():
        assert torch.allclose(found[name], weight, atol=2e-3), name
    losses = [
        [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (alone, shared)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    record = json.loads((shared / "record.json").read_text())
    assert record["machine"].endswith("2 processes")
    assert (shared / "model" / "manifest.json").is_file()
    assert done.stdout.count("development micro F1") == 1  # one of them speaks
