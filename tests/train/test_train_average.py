"""The mean of several runs: its weights, its record and card, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from biospan.errors import ConfigError, MissingInputError

pytestmark = pytest.mark.usefixtures("needs_train")


@pytest.fixture(scope="module")
def runs(
    tiny_run: Path, tiny_recipe: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    from biospan.train.config import from_mapping
    from biospan.train.loop import fit

    other = tmp_path_factory.mktemp("other")
    fit(from_mapping({**tiny_recipe, "seed": 4, "epochs": 4}), other)
    return [tiny_run, other]


def changed(run: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a run's record with something else in it."""
    record = json.loads((run / "record.json").read_text())
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps({**record, **changes}))
    return folder


def test_each_weight_is_the_mean_of_those_of_the_runs(runs: list[Path], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    from biospan.scoring import evaluate
    from biospan.train.average import average
    from biospan.train.run import restore

    run = average(runs, tmp_path / "mean")
    one, two = (load_file(folder / "best.safetensors") for folder in runs)
    mean = load_file(tmp_path / "mean" / "best.safetensors")
    assert mean.keys() == one.keys()
    assert any(not torch.equal(one[name], two[name]) for name in one)
    for name, weight in mean.items():
        assert torch.allclose(weight, (one[name] + two[name]) / 2)
    again = restore(tmp_path / "mean")
    assert again.record == run.record
    found = evaluate(again.dev, again.tagger().tag_many(again.dev)).to_dict()
    assert found == run.record["best"]["report"]


def test_its_model_directory_says_what_was_averaged(
    runs: list[Path], run_cli: Any, tmp_path: Path
) -> None:
    from biospan.model_dir import load_model_dir
    from biospan.train.sources import made_by

    done = run_cli("average", *runs, "--output", tmp_path / "mean")
    assert done.code == 0, done.err
    record = load_model_dir(tmp_path / "mean" / "model").config.provenance
    for one in record["averaged"]:
        assert f"{one['folder']}: development micro F1 {one['micro_f1']:.4f}\n" in done.out
    stages = [stage for stage in record["sources"]["stages"] if stage["kind"] == "train"]
    assert [stage["folder"] for stage in stages] == [str(run) for run in runs]
    assert [stage["sha256"] for stage in stages] == [made_by(run, "train") for run in runs]
    assert [stage["recipe"]["seed"] for stage in stages] == [3, 4]
    card = " ".join((tmp_path / "mean" / "model" / "MODEL_CARD.md").read_text().split())
    assert "the mean of those of 2 runs" in card
    assert f"(`{runs[0]}`), " in card
    assert "Epoch" not in card.split("## Training record")[1].split("```")[0]


@pytest.mark.parametrize("n_runs", [0, 1])
def test_fewer_than_two_runs_are_refused(n_runs: int, runs: list[Path], tmp_path: Path) -> None:
    from biospan.train.average import average

    with pytest.raises(ConfigError, match=f"got {n_runs} runs"):
        average(runs[:n_runs], tmp_path / "mean")


def test_a_mean_is_written_over_and_a_run_is_not(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.train.average import average

    monkeypatch.chdir(runs[1].parent)  # the same folder by another name
    before = (runs[1] / "best.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="another folder"):
        average(runs, Path(runs[1].name))
    assert (runs[1] / "best.safetensors").read_bytes() == before
    first = average(runs, tmp_path / "mean").record["best"]
    assert average(runs, tmp_path / "mean").record["best"] == first


def test_runs_of_other_recipes_or_documents_are_refused(runs: list[Path], tmp_path: Path) -> None:
    from biospan.train.average import average

    record = json.loads((runs[1] / "record.json").read_text())
    recipe = changed(runs[1], tmp_path / "a", recipe={**record["recipe"], "batch_size": 9})
    with pytest.raises(ConfigError, match="`batch_size` is 8 there and 9 here"):
        average([runs[0], recipe], tmp_path / "mean")
    documents = changed(runs[1], tmp_path / "b", train={"documents": 1, "sha256": "77"})
    with pytest.raises(ConfigError, match="`train documents` is"):
        average([runs[0], documents], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_a_run_that_is_not_finished_or_not_there_is_refused(
    runs: list[Path], tmp_path: Path
) -> None:
    from biospan.train.average import average

    unfinished = changed(runs[1], tmp_path / "a", finished=False)
    with pytest.raises(ConfigError, match="not finished"):
        average([runs[0], unfinished], tmp_path / "mean")
    with pytest.raises(MissingInputError, match=r"record\.json: not found"):
        average([runs[0], tmp_path / "nothing"], tmp_path / "mean")
