"""A search: every point once, whatever kills it and however many work on it."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from biospan.errors import ConfigError, MissingInputError
from biospan.train.space import load_search

pytestmark = pytest.mark.usefixtures("needs_search")

Recipe = dict[str, Any]
GRID = {"learning_rate": [1e-2, 1e-4], "batch_size": [8, 16]}
GRID_POINTS = [(1e-2, 8), (1e-2, 16), (1e-4, 8), (1e-4, 16)]


def write(path: Path, recipe: Recipe, space: dict[str, Any], **settings: Any) -> Path:
    def lines(table: dict[str, Any]) -> str:
        return "".join(f"{key} = {toml(value)}\n" for key, value in table.items())

    path.write_text(f"{lines(recipe)}[search]\n{lines(settings)}[search.space]\n{lines(space)}")
    return path


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.tsv").open(newline="") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def points(folder: Path) -> list[tuple[float, float]]:
    return [(float(row["learning_rate"]), float(row["batch_size"])) for row in rows(folder)]


@pytest.fixture
def in_process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `biospan search` in a process group of its own; what is left is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(recipe: Path, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "biospan", "search", str(recipe), *options]
        process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(process: subprocess.Popen[str], pattern: str) -> None:
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if re.search(pattern, line):
            return
    pytest.fail(f"ended without `{pattern}`: {''.join(seen)}")


def test_a_grid_makes_every_point_and_its_best_recipe_trains_to_the_same_score(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    from biospan.train.config import load_config
    from biospan.train.loop import fit
    from biospan.train.search import search

    config = load_search(write(tmp_path / "s.toml", tiny_recipe | {"epochs": 2}, GRID))
    said: list[str] = []
    out = tmp_path / "out"
    found = search(config, out, say=said.append)
    assert points(out) == GRID_POINTS
    assert {row["state"] for row in rows(out)} == {"complete"}

    best = max(rows(out), key=lambda row: float(row["micro F1"]))
    run = fit(load_config(out / "best.toml"), tmp_path / "again")
    again = max(epoch["micro_f1"] for epoch in run.record["epochs"])
    assert again == found.best.micro_f1
    assert f"{again:.4f}" == best["micro F1"]
    assert run.config.learning_rate == float(best["learning_rate"])

    records = [out / "trials" / f"{number:03}" / "record.json" for number in range(4)]
    assert all(record.is_file() for record in records)
    kept = [path.parent.name for path in out.glob("trials/*/*.safetensors")]
    assert kept == [f"{int(best['trial']):03}"]
    assert not list(out.glob("trials/*/checkpoints"))
    for name in ("history.png", "importance.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert sum("epoch" in line for line in said) == 8
    assert "4 of 4 trials made" in said[-1]

    # Once more there is nothing to do, and the tables are what they were.
    before = (out / "trials.tsv").read_text()
    said.clear()
    search(config, out, say=said.append)
    assert not said
    assert (out / "trials.tsv").read_text() == before


def test_after_kill_9_a_grid_goes_on_and_makes_no_point_twice(
    tiny_recipe: Recipe, tmp_path: Path, in_process: Callable[..., subprocess.Popen[str]]
) -> None:
    recipe = write(tmp_path / "s.toml", tiny_recipe | {"epochs": 3}, GRID)
    out = tmp_path / "out"
    for pattern in (r"trial 1, epoch 2", r"trial 2, epoch 1"):
        process = in_process(recipe, "-o", str(out))
        wait_for(process, pattern)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finished = {n: (out / "trials" / f"{n:03}" / "record.json").stat().st_mtime_ns for n in (0, 1)}

    last = in_process(recipe, "-o", str(out))
    said = last.communicate()[1]
    assert last.returncode == 0
    assert points(out) == GRID_POINTS
    assert {row["state"] for row in rows(out)} == {"complete"}
    assert not re.search(r"trial [01]\b.*epoch", said)
    for number, changed in finished.items():
        record = out / "trials" / f"{number:03}" / "record.json"
        assert record.stat().st_mtime_ns == changed


def test_two_workers_share_the_points_of_a_grid(
    tiny_recipe: Recipe, tmp_path: Path, in_process: Callable[..., subprocess.Popen[str]]
) -> None:
    recipe = write(tmp_path / "s.toml", tiny_recipe | {"epochs": 1}, GRID)
    process = in_process(recipe, "-o", str(tmp_path / "out"), "--workers", "2")
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert points(tmp_path / "out") == GRID_POINTS
    assert sorted(re.findall(r"^trial (\d), epoch 1", said, re.M)) == list("0123")


def test_folders_on_one_storage_share_a_search_and_leave_each_others_trials_alone(
    tiny_recipe: Recipe, tmp_path: Path, in_process: Callable[..., subprocess.Popen[str]]
) -> None:
    from biospan.train.search import search

    url = f"sqlite:///{tmp_path / 'study.db'}"
    recipe = write(tmp_path / "s.toml", tiny_recipe | {"epochs": 10}, {"seed": [1, 2]}, storage=url)
    killed = in_process(recipe, "-o", str(tmp_path / "gone"))
    wait_for(killed, r"trial 0, epoch 2:")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()

    said: list[str] = []
    config = load_search(recipe)
    found = search(config, tmp_path / "here", say=said.append)
    assert [row.state for row in found.rows] == ["under way", "complete"]
    assert "trials 0 are under way in other folders" in said[-1]
    found = search(config, tmp_path / "here", take_over=True)
    assert [row.state for row in found.rows] == ["complete", "complete"]


def test_a_worker_ends_soon_after_the_search_that_started_it_is_killed(
    tiny_recipe: Recipe, tmp_path: Path, in_process: Callable[..., subprocess.Popen[str]]
) -> None:
    import psutil

    from biospan.train import study

    recipe = write(tmp_path / "s.toml", tiny_recipe | {"epochs": 1000}, {"seed": [1, 2]})
    process = in_process(recipe, "-o", str(tmp_path / "out"), "--workers", "2")
    wait_for(process, r"trial \d, epoch 2:")
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert len(workers) >= 2
    assert not alive
    trials = study.join(load_search(recipe), tmp_path / "out").study.get_trials()
    assert [trial.state.name for trial in trials] == ["RUNNING", "RUNNING"]  # to be gone on with


def test_tpe_makes_so_many_trials_within_the_ranges_and_can_be_given_more(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    from biospan.train.search import search

    space = {
        "learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
        "batch_size": {"low": 8, "high": 24, "step": 8},
        "head": ["softmax"],
    }
    recipe = write(
        tmp_path / "s.toml", tiny_recipe | {"epochs": 1}, space, method="tpe", trials=4, seed=7
    )
    search(load_search(recipe), tmp_path / "out")
    first = points(tmp_path / "out")
    assert len(set(first)) == 4
    assert all(1e-5 <= rate <= 1e-2 and size in (8, 16, 24) for rate, size in first)
    search(load_search(recipe, ["search.trials=6"]), tmp_path / "out")
    more = points(tmp_path / "out")
    assert more[:4] == first
    assert len(more) == 6

    # What is drawn follows from the seed and what came before, also across an interruption.
    search(load_search(recipe, ["search.trials=6"]), tmp_path / "once")
    assert points(tmp_path / "once") == more


@pytest.mark.parametrize("pruning", ["median", "halving"])
def test_pruning_ends_a_hopeless_trial_early(
    tiny_recipe: Recipe, tmp_path: Path, pruning: str
) -> None:
    from biospan.train.search import search

    rates = [1e-2, 9e-3, 8e-3, 7e-3, 1e-9]
    config = load_search(
        write(tmp_path / "s.toml", tiny_recipe, {"learning_rate": rates}, pruning=pruning)
    )
    found = search(config, tmp_path / "out")
    last = found.rows[4]
    assert found.best.state == "complete"
    assert last.state == "pruned"
    assert last.epoch is not None
    assert last.epoch < tiny_recipe["epochs"]


def test_a_trial_that_diverges_fails_with_its_reason_and_the_search_goes_on(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.train import loop, run
    from biospan.train.search import search

    fit = loop.fit

    def diverging(config: Any, folder: Path, **options: Any) -> run.Run:
        if config.seed == 1:
            raise ConfigError("epoch 1, step 3: loss is nan,\nlower `learning_rate`")
        return fit(config, folder, **options)

    monkeypatch.setattr(loop, "fit", diverging)
    config = load_search(write(tmp_path / "s.toml", tiny_recipe | {"epochs": 1}, {"seed": [1, 2]}))
    search(config, tmp_path / "out")
    failed, complete = rows(tmp_path / "out")
    assert (failed["state"], complete["state"]) == ("failed", "complete")
    assert failed["reason"] == "epoch 1, step 3: loss is nan, lower `learning_rate`"
    assert "seed = 2" in (tmp_path / "out" / "best.toml").read_text()


def test_when_no_trial_is_finished_the_reasons_are_the_error(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    from biospan.train.search import search

    config = load_search(
        write(tmp_path / "s.toml", tiny_recipe, {"max_pieces": [500, 600]})
    )  # the encoder takes 64
    with pytest.raises(ConfigError, match=r"no trial .* was finished\n.*is 500.*\n.*is 600"):
        search(config, tmp_path / "out")
    assert [row["state"] for row in rows(tmp_path / "out")] == ["failed", "failed"]


def test_a_missing_corpus_ends_the_search_at_once(tiny_recipe: Recipe, tmp_path: Path) -> None:
    from biospan.train.search import search

    recipe = tiny_recipe | {"corpus_path": str(tmp_path / "none")}
    config = load_search(write(tmp_path / "s.toml", recipe, {"seed": [1, 2]}))
    with pytest.raises(MissingInputError, match="none"):
        search(config, tmp_path / "out")


def test_a_folder_of_another_search_is_refused(tiny_recipe: Recipe, tmp_path: Path) -> None:
    from biospan.train.search import search

    recipe = tiny_recipe | {"epochs": 1}
    search(load_search(write(tmp_path / "a.toml", recipe, {"seed": [1]})), tmp_path / "out")
    other = write(tmp_path / "b.toml", recipe | {"epochs": 2}, {"seed": [1, 2]}, seed=5)
    with pytest.raises(ConfigError, match=r"another `recipe`, `space`, `seed`: take another"):
        search(load_search(other), tmp_path / "out")


def test_a_search_in_another_order_is_refused_and_changes_nothing(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    from biospan.train import study
    from biospan.train.search import search

    out = tmp_path / "out"
    recipe = write(tmp_path / "a.toml", tiny_recipe | {"epochs": 1}, {"seed": [1], "head": ["crf"]})
    search(load_search(recipe), out)
    name = study.join(load_search(recipe), out).study.study_name
    journal = (out / "journal.log").read_bytes()
    turned = write(tmp_path / "b.toml", tiny_recipe | {"epochs": 1}, {"head": ["crf"], "seed": [1]})
    with pytest.raises(ConfigError, match=r"another `space`: .* in its order"):
        search(load_search(turned), out)
    assert (out / "journal.log").read_bytes() == journal
    assert study.join(load_search(recipe), out).study.study_name == name


def test_the_name_of_a_study_stays_what_it_was(tmp_path: Path) -> None:
    from biospan.train import study

    recipe = write(tmp_path / "s.toml", {"encoder": "e", "epochs": 2}, {"seed": [1, 2]})
    # Another name would begin all searches anew that were interrupted.
    assert study.join(load_search(recipe), tmp_path).study.study_name == "biospan-f71688d940fd66f2"


def test_fewer_trials_than_there_are_already_are_refused(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    from biospan.train.search import search

    out = tmp_path / "out"
    recipe = write(
        tmp_path / "s.toml",
        tiny_recipe | {"epochs": 1},
        {"learning_rate": [1e-2, 1e-4]},
        method="tpe",
        trials=2,
    )
    search(load_search(recipe), out)
    weights = list(out.glob("trials/*/*.safetensors"))
    with pytest.raises(ConfigError, match="`trials` is 1, but the search has 2 trials already"):
        search(load_search(recipe, ["search.trials=1"]), out)
    assert [path.is_file() for path in weights] == [True]


def test_a_trial_that_another_machine_was_faster_with_is_none(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    import optuna

    from biospan.train import study
    from biospan.train.search import search

    out = tmp_path / "out"
    recipe = write(
        tmp_path / "s.toml",
        tiny_recipe | {"epochs": 1},
        {"learning_rate": [1e-2, 1e-4]},
        method="tpe",
        trials=1,
    )
    search(load_search(recipe), out)
    claimed = study.join(load_search(recipe), out).study
    claimed.tell(claimed.ask(), state=optuna.trial.TrialState.FAIL)  # as `Claims.next` does then
    assert len(search(load_search(recipe), out).rows) == 1
    more = search(load_search(recipe, ["search.trials=3"]), out)
    assert [(row.number, row.state) for row in more.rows] == [
        (0, "complete"),
        (2, "complete"),
        (3, "complete"),
    ]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_trial_whose_folder_cannot_be_used_ends_the_search_with_its_name(
    tiny_recipe: Recipe,
    tmp_path: Path,
    in_process: Callable[..., subprocess.Popen[str]],
    n_workers: int,
) -> None:
    out = tmp_path / "out"
    recipe = write(tmp_path / "s.toml", tiny_recipe | {"epochs": 1}, {"seed": [1]})
    blocked = out / "trials" / "000" / "record.json"
    blocked.mkdir(parents=True)
    process = in_process(recipe, "-o", str(out), "--workers", str(n_workers))
    said = process.communicate()[1]
    assert process.returncode == 74
    assert f"in trial 0, {blocked.parent}: start again to go on with it" in said
    assert "Is a directory" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("url", ["nosuch://user:secret@host/db", "sqlite:////no/such/folder/x.db"])
def test_a_storage_that_cannot_be_used_is_an_error_without_its_password(
    tiny_recipe: Recipe, tmp_path: Path, url: str
) -> None:
    from biospan.train.search import search

    recipe = write(tmp_path / "s.toml", tiny_recipe, {"seed": [1]}, storage=url)
    with pytest.raises(ConfigError, match="`storage` .* cannot be used") as error:
        search(load_search(recipe), tmp_path / "out")
    assert "secret" not in str(error.value)
