"""`biospan search`: what it prints, and what it refuses before torch is loaded."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Outcome

RunCli = Callable[..., Outcome]


def write(path: Path, recipe: dict[str, Any], search: str) -> Path:
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in recipe.items())
    path.write_text(lines + search)
    return path


def without_torch(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.modules['torch'] = None; from biospan.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_search_prints_its_trials_best_first_and_leaves_a_recipe(
    run_cli: RunCli, needs_search: None, tiny_recipe: dict[str, Any], tmp_path: Path
) -> None:
    search = "[search]\n[search.space]\nlearning_rate = [1e-9, 1e-2]\n"
    recipe = write(tmp_path / "s.toml", tiny_recipe, search)
    out = tmp_path / "out"
    done = run_cli("search", recipe, "--output", out, "--set", "epochs=2")
    assert done.code == 0
    header, _, *rows = [line.strip("| ").split(" | ") for line in done.out.splitlines()]
    assert header[:4] == ["trial", "learning_rate", "micro F1", "epoch"]
    assert [row[:2] for row in rows] == [["1", "0.01"], ["0", "1e-09"]]
    assert done.out == (out / "trials.md").read_text()
    assert "trial 1, epoch 2: development micro F1 " in done.err
    assert f"best: trial 1; `biospan train {out / 'best.toml'}` makes it again" in done.err
    trained = run_cli("train", out / "best.toml", "-o", tmp_path / "run")
    assert trained.code == 0
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert f"{max(epoch['micro_f1'] for epoch in record['epochs']):.4f}" == rows[0][2]


def test_a_bad_search_is_refused_whole_before_torch_is_loaded(tmp_path: Path) -> None:
    search = '[search]\nmethod = "grib"\n[search.space]\nbatch_sizes = [1]\nepochs = [0]\n'
    recipe = write(tmp_path / "s.toml", {"encoder": "x", "dev_split": "test"}, search)
    done = without_torch("search", recipe, "--set", "search.seed=x")
    assert done.returncode == 78
    for part in ("'grib'", "Did you mean `batch_size`?", "`epochs` is 0", "refused", "`seed` is"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_train_names_search_for_a_search_recipe(run_cli: RunCli, tmp_path: Path) -> None:
    recipe = write(tmp_path / "s.toml", {"encoder": "x"}, "[search.space]\nseed = [1, 2]\n")
    done = run_cli("train", recipe)
    assert done.code == 78
    assert "start it with `biospan search`" in done.err


@pytest.mark.parametrize("command", ["search", "rate-test"])
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, command: str) -> None:
    search = "[search.space]\nseed = [1, 2]\n" if command == "search" else ""
    done = without_torch(command, write(tmp_path / "s.toml", {"encoder": "x"}, search))
    assert done.returncode == 69
    extra = "search" if command == "search" else "train"
    assert f"pip install 'biospan[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_published_search_recipe_is_a_grid_of_twelve() -> None:
    from biospan.train.space import load_search

    recipe = Path(__file__).parents[2] / "recipes" / "search-minilm-200.toml"
    assert load_search(recipe).trials == 12
