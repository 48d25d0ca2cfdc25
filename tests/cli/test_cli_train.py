"""`biospan train` and `biospan export`: from a recipe to a model directory that tags."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import biospan
from conftest import Outcome

RunCli = Callable[..., Outcome]


def write_recipe(recipe: dict[str, Any], path: Path) -> Path:
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in recipe.items()))
    return path


def test_a_recipe_becomes_a_model_and_the_same_model_again(
    run_cli: RunCli, tiny_recipe: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)  # which a progress bar takes for a terminal
    recipe = write_recipe(tiny_recipe, tmp_path / "tiny.toml")
    run = tmp_path / "run"
    done = run_cli("train", recipe, "--output", run, "--set", "epochs=3", "--set", "seed=3")
    assert done.code == 0
    left = {"best.safetensors", "record.json", "log.jsonl", "curves.png", "run.lock", "model"}
    assert {file.name for file in run.iterdir()} == left
    record = json.loads((run / "record.json").read_text())
    assert record["recipe"]["epochs"] == 3

    # No terminal here: lines, not a bar that is drawn over and over.
    steps = re.findall(r"^step (\d+)/(\d+) loss \d+\.\d{4} eta \d+ s$", done.err, re.M)
    assert steps == [(str(step), steps[0][1]) for step in range(1, int(steps[0][1]) + 1)]
    scores = re.findall(r"^epoch (\d): development micro F1 (0\.\d{4}|1\.0000)$", done.err, re.M)
    assert scores == [(str(e["epoch"]), f"{e['micro_f1']:.4f}") for e in record["epochs"]]
    assert "\x1b" not in done.err

    assert f"{run / 'model'}: " in done.out
    best = max(epoch["micro_f1"] for epoch in record["epochs"])
    assert best > 0.9
    assert f"{best:.4f} before packing" in done.out
    found = biospan.load(run / "model").tag("of il and the gene expression").entities
    assert [(e.text, e.label) for e in found] == [("il", "protein"), ("gene expression", "DNA")]

    again = tmp_path / "again"
    assert run_cli("export", run, "--output", again).code == 0
    for name in ("model.onnx", "tokenizer.json", "config.json", "MODEL_CARD.md", "manifest.json"):
        assert (again / name).read_bytes() == (run / "model" / name).read_bytes()


def test_the_run_is_named_after_the_recipe_unless_told_otherwise(
    run_cli: RunCli,
    needs_train: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from biospan.errors import ConfigError

    def fit(config: object, folder: Path, **callbacks: object) -> None:
        raise ConfigError(f"would train in {folder}")

    monkeypatch.setattr("biospan.train.loop.fit", fit)
    recipe = write_recipe({"encoder": "x"}, tmp_path / "small.toml")
    done = run_cli("train", recipe)
    assert done.code == 78
    assert f"would train in {Path('runs') / 'small'}" in done.err


def test_a_bad_recipe_is_refused_whole_before_torch_is_loaded(tmp_path: Path) -> None:
    recipe = write_recipe({"epoch": 3, "dev_split": "test"}, tmp_path / "bad.toml")
    done = without_torch("train", str(recipe), "--set", "batch_size=none")
    assert done.returncode == 78
    for part in ("Did you mean `epochs`?", "refused", "`batch_size` is 'none'", "`encoder` is"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.modules['torch'] = None; from biospan.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["train", "export"])
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, command: str) -> None:
    recipe = write_recipe({"encoder": "x"}, tmp_path / "r.toml")
    done = without_torch(command, str(recipe if command == "train" else tmp_path))
    assert done.returncode == 69
    assert "pip install 'biospan[train]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_not_there_is_refused(run_cli: RunCli, needs_train: None, tmp_path: Path) -> None:
    missing = run_cli("train", tmp_path / "none.toml")
    assert missing.code == 66
    assert "none.toml: no such recipe" in missing.err
    no_run = run_cli("export", tmp_path)
    assert no_run.code == 66
    assert "record.json: not found, expected what `train` leaves" in no_run.err


def test_an_unknown_encoder_is_refused(
    run_cli: RunCli, tiny_recipe: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    recipe = write_recipe(tiny_recipe | {"encoder": "nobody/nothing"}, tmp_path / "r.toml")
    done = run_cli("train", recipe, "-o", tmp_path / "run")
    assert done.code == 78
    assert "encoder `nobody/nothing` cannot be loaded" in done.err
