"""A model directory that is calibrated anew: same entities, the scores of an export."""

import dataclasses
import json
import sys
from pathlib import Path
from subprocess import run

import pytest

from biospan import load
from biospan.model_dir import load_model_dir

pytestmark = pytest.mark.usefixtures("needs_train")

SCRIPT = Path(__file__).parents[2] / "recipes" / "recalibrate.py"


def test_a_model_calibrated_anew_is_the_one_that_was_exported_but_for_what_says_so(
    tiny_run: Path, tmp_path: Path
) -> None:
    from biospan.train import export
    from biospan.train.run import restore

    trained = restore(tiny_run)
    recipe = dataclasses.replace(trained.config, calibration_documents=5)
    record = {**trained.record, "recipe": recipe.to_dict()}
    export.export(dataclasses.replace(trained, config=recipe, record=record), tmp_path / "model")
    # What another version made of the same documents.
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["calibration"] = {"weights": {"other": 1.0}}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    command = [sys.executable, str(SCRIPT), str(tmp_path / "model"), str(tmp_path / "again")]
    done = run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["jnlpba", "jnlpba-text"]

    again = load_model_dir(tmp_path / "again")
    made = dict(again.config.provenance["calibration"])
    assert made.pop("runtime").startswith("onnxruntime")
    assert "commit" in made
    before = config["provenance"]["calibration"]
    assert {key: made[key] for key in before if key != "commit"} == before
    assert again.config.calibration is not None
    assert again.config.calibration.to_dict() == made["fitted"]
    assert again.onnx == (tmp_path / "model" / "model.onnx").read_bytes()
    card = " ".join((tmp_path / "again" / "MODEL_CARD.md").read_text().split())
    assert "after the model was exported. On the development split" in card
    assert load(tmp_path / "again").tag("IL-2 gene").entities
