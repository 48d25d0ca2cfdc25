"""An encoder taken out of a model directory says what the model said."""

import json
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest

from biospan import load

pytestmark = pytest.mark.usefixtures("needs_train")

SCRIPT = Path(__file__).parents[2] / "recipes" / "unpack_encoder.py"


def test_an_encoder_taken_out_of_a_model_directory_gives_the_emissions_of_the_model(
    tiny_run: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModel

    from biospan.train import export
    from biospan.train.run import restore

    trained = restore(tiny_run)
    export.export(trained, tmp_path / "model")
    command = [sys.executable, str(SCRIPT), str(tmp_path / "model"), str(tmp_path / "encoder")]
    run([*command, "--heads", "2"], check=True, capture_output=True)
    encoder = AutoModel.from_pretrained(tmp_path / "encoder", attn_implementation="eager").eval()
    ids = torch.arange(1, 13).reshape(2, 6)
    with torch.inference_mode():
        states = encoder(input_ids=ids).last_hidden_state
        got = trained.model.head(states).numpy()
    arrays = {
        "input_ids": ids.numpy(),
        "mask": np.ones((2, 6), dtype=np.int64),
        "token_starts": np.tile(np.arange(6), (2, 1)),
    }
    expected = load(tmp_path / "model", engine="onnxruntime").model.run(arrays)
    np.testing.assert_allclose(got, expected, atol=5e-3)  # the head was rounded to 8 bits too
    record = json.loads((tmp_path / "encoder" / "record.json").read_text())
    assert record["recipe"]["encoder"] == trained.record["recipe"]["encoder"]
