"""Training on a corpus that can be learned in seconds."""

import json
import math
import shutil
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from biospan import scoring
from biospan.errors import ConfigError, MissingInputError
from biospan.train.config import from_mapping
from conftest import N_TINY_DEV

pytestmark = pytest.mark.usefixtures("needs_train")

Recipe = dict[str, Any]
IGNORED = -100


def train(recipe: Recipe, folder: Path, **changes: object) -> Any:
    from biospan.train.loop import fit

    return fit(from_mapping({**recipe, **changes}), folder)


def weights(folder: Path) -> str:
    return sha256((folder / "best.safetensors").read_bytes()).hexdigest()


def record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return content


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"corpus": "jnlpba", "tokens": "given"},
        {"context": "document", "epochs": 8},
        {"scheme": "IOBES"},
        {"head": "crf"},
        {"head": "crf", "scheme": "IOBES", "context": "document", "epochs": 8, "max_pieces": 32},
        {"precision": "bf16"},
    ],
    ids=str,
)
def test_a_run_learns(tiny_recipe: Recipe, tmp_path: Path, changes: Recipe) -> None:
    run = train(tiny_recipe, tmp_path, **changes)
    assert run.record["best"]["report"]["spans"]["micro"]["f1"] > 0.9
    tagged = list(run.tagger().tag_many(run.dev))
    assert scoring.evaluate(run.dev, tagged).to_dict() == run.record["best"]["report"]


def test_the_same_seed_gives_the_same_weights_and_record(
    tiny_recipe: Recipe, tiny_run: Path, tmp_path: Path
) -> None:
    train(tiny_recipe, tmp_path)
    assert weights(tmp_path) == weights(tiny_run)
    again, first = record(tmp_path), record(tiny_run)
    assert again.pop("seconds") > 0
    assert first.pop("seconds") > 0
    assert again == first


def test_another_seed_gives_other_weights(
    tiny_recipe: Recipe, tiny_run: Path, tmp_path: Path
) -> None:
    train(tiny_recipe, tmp_path, seed=tiny_recipe["seed"] + 1)
    assert weights(tmp_path) != weights(tiny_run)


def test_the_record_says_what_was_done_with_what(tiny_recipe: Recipe, tiny_run: Path) -> None:
    found = record(tiny_run)
    assert from_mapping(found["recipe"]) == from_mapping(tiny_recipe)
    assert found["train"]["documents"] == 40 - N_TINY_DEV
    assert found["dev"]["documents"] == N_TINY_DEV
    assert found["train"]["sha256"] != found["dev"]["sha256"]
    assert {"biospan", "torch", "transformers", "tokenizers", "numpy"} <= found["packages"].keys()
    assert [epoch["epoch"] for epoch in found["epochs"]] == [1, 2, 3, 4]
    scores = [epoch["micro_f1"] for epoch in found["epochs"]]
    assert found["best"]["epoch"] == scores.index(max(scores)) + 1
    assert found["best"]["report"]["n_documents"] == N_TINY_DEV
    assert isinstance(found["commit"], str)


def test_a_run_is_restored_with_its_predictions(tiny_recipe: Recipe, tmp_path: Path) -> None:
    from biospan.train.run import restore

    run = train(tiny_recipe, tmp_path)
    again = restore(tmp_path)
    assert (again.config, again.model_config) == (run.config, run.model_config)
    assert again.record == run.record
    emissions = (one.tagger().emissions(run.dev) for one in (run, again))
    for before, after in zip(*emissions, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


def test_a_run_of_a_version_with_fewer_keys_is_restored(tiny_run: Path, tmp_path: Path) -> None:
    from biospan.train.run import restore

    shutil.copytree(tiny_run, tmp_path / "old")
    old = record(tmp_path / "old")
    for key in ("head", "crf_learning_rate", "train_documents", "compile", "checkpoint_minutes"):
        del old["recipe"][key]
    del old["finished"]
    (tmp_path / "old" / "record.json").write_text(json.dumps(old))
    assert restore(tmp_path / "old").config == restore(tiny_run).config


def test_there_is_nothing_to_restore_where_no_run_was(tiny_run: Path, tmp_path: Path) -> None:
    from biospan.train.run import restore

    with pytest.raises(MissingInputError, match=r"record\.json: not found"):
        restore(tmp_path)
    (tmp_path / "record.json").write_bytes((tiny_run / "record.json").read_bytes())
    with pytest.raises(MissingInputError, match=r"best\.safetensors: not found"):
        restore(tmp_path)


def test_the_best_epoch_is_kept_and_not_the_last(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    from biospan.train import loop

    scores = iter([0.3, 0.5, 0.5, 0.4])
    kept: list[dict[str, Any]] = []

    def score(gold: object, predicted: object) -> Any:
        micro = SimpleNamespace(f1=next(scores))
        level = SimpleNamespace(micro=micro, items=list)
        as_dict = {"spans": {"micro": {"f1": micro.f1}}}
        return SimpleNamespace(spans=level, to_dict=lambda: as_dict)

    models: list[Any] = []
    from biospan.train.run import start

    monkeypatch.setattr(loop, "evaluate", score)

    def remember_model(*args: Any) -> Any:
        models.append(start(*args))
        return models[0]

    def remember_weights(epoch: int, report: object) -> None:
        kept.append({name: w.clone() for name, w in models[0].model.state_dict().items()})

    monkeypatch.setattr(loop, "start", remember_model)

    run = loop.fit(from_mapping(tiny_recipe), tmp_path, on_epoch=remember_weights)
    assert run.record["best"] == {"epoch": 2, "report": {"spans": {"micro": {"f1": 0.5}}}}
    assert record(tmp_path) == run.record
    on_disk = load_file(tmp_path / "best.safetensors")
    for name, weight in run.model.state_dict().items():
        assert torch.equal(weight, kept[1][name])
        assert torch.equal(weight, on_disk[name])
    assert not torch.equal(kept[1]["head.weight"], kept[3]["head.weight"])


def test_a_loss_that_is_no_number_stops_the_run(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from biospan.train import loop

    nan = torch.tensor(math.nan, requires_grad=True)
    monkeypatch.setattr(loop, "batch_loss", lambda *args: nan * 1.0)
    with pytest.raises(ConfigError, match=r"epoch 1, step 0: loss is nan.*lower `learning_rate`"):
        loop.fit(from_mapping(tiny_recipe), tmp_path)


def test_progress_is_told_after_every_step_and_epoch(tiny_recipe: Recipe, tmp_path: Path) -> None:
    from biospan.train.data import examples
    from biospan.train.loop import Progress, fit

    steps: list[Progress] = []
    epochs: list[int] = []
    run = fit(
        from_mapping({**tiny_recipe, "epochs": 2}),
        tmp_path,
        on_step=steps.append,
        on_epoch=lambda epoch, report: epochs.append(epoch),
    )
    assert epochs == [1, 2]
    n_steps = 2 * math.ceil(len(examples(run.tagger(), run.train)) / 8)
    assert [step.step for step in steps] == list(range(1, n_steps + 1))
    assert {step.n_steps for step in steps} == {n_steps}
    assert {step.epoch for step in steps[: n_steps // 2]} == {1}
    assert 0.0 < steps[-1].learning_rate < min(step.learning_rate for step in steps[:-1])
    assert steps[-1].loss < steps[0].loss
