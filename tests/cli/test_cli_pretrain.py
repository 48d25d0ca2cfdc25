"""`biospan pretrain`: from a recipe and text to an encoder."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Outcome

RunCli = Callable[..., Outcome]


def write_recipe(recipe: dict[str, Any], path: Path) -> Path:
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in recipe.items()))
    return path


def test_a_recipe_becomes_an_encoder(
    run_cli: RunCli,
    tiny_pretrain_recipe: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)  # which a progress bar takes for a terminal
    elsewhere = {**tiny_pretrain_recipe, "text": "data/text"}
    recipe = write_recipe(elsewhere, tmp_path / "tiny.toml")
    run = tmp_path / "run"
    text = f"text={tiny_pretrain_recipe['text']}"
    command = ["pretrain", recipe, "--output", run, "--set", text]
    done = run_cli(*command)
    assert done.code == 0, done.err
    record = json.loads((run / "record.json").read_text())
    steps, pieces = record["steps"], record["pieces"]
    assert done.out == f"{run}: an encoder after {steps} steps on {pieces} pieces\n"
    lines = re.findall(r"^step (\d+)/(\d+) loss \d+\.\d{4} eta \d+ s$", done.err, re.M)
    assert lines == [(str(step), str(steps)) for step in range(1, steps + 1)]

    assert "step 1/" not in run_cli(*command).err  # it is finished
    other = run_cli(*command, "--set", "seed=8")
    assert other.code == 78
    assert "`seed` is 3 there and 8 here" in other.err
    assert "--restart" in other.err
    assert "step 1/" in run_cli(*command, "--set", "seed=8", "--restart").err


def test_text_that_is_not_there_is_refused(
    run_cli: RunCli,
    tiny_pretrain_recipe: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = write_recipe({**tiny_pretrain_recipe, "text": "data/text"}, tmp_path / "tiny.toml")
    done = run_cli("pretrain", recipe)
    assert done.code == 66
    expected = f"{tmp_path / 'data' / 'text'}: 2 of 2 text files are not there"
    assert f"{expected}: abstracts.txt.gz, book.txt" in done.err


def test_a_bad_recipe_is_refused_whole_before_torch_is_loaded(tmp_path: Path) -> None:
    recipe = write_recipe({"mask_rate": 0.3, "text": 5}, tmp_path / "bad.toml")
    done = without_torch("pretrain", str(recipe), "--set", "words=many")
    assert done.returncode == 78
    for part in (
        "Did you mean `mask_ratio`?",
        "`text` is 5, expected str",
        "`words` is 'many'",
        "key `encoder` is missing",
        "key `files` is missing",
    ):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    recipe = write_recipe({"encoder": "x", "text": "y", "files": []}, tmp_path / "r.toml")
    done = without_torch("pretrain", str(recipe))
    assert done.returncode == 69
    assert "pip install 'biospan[train]'" in done.stderr


def without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.modules['torch'] = None; from biospan.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
