"""Calibrate the scores of a model directory anew, on the documents that its recipe sets aside.

    python recipes/recalibrate.py src/biospan/models/default runs/recalibrated

For a model whose run is not at hand: graph and tokenizer stay byte by byte, so it finds the same
entities; scores, their figures in the card and its plot are made again.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from biospan import reliability
from biospan.model_config import ModelConfig
from biospan.model_dir import CONFIG, GRAPH, TOKENIZER, write_model_dir
from biospan.runtime import open_runtime
from biospan.tagger import Tagger
from biospan.train import calibrate, card, data
from biospan.train.config import from_mapping
from biospan.train.export import development
from biospan.train.record import code_version


def main(source: Path, target: Path) -> None:
    """Write `target`, and print what scores are worth by form of the corpus."""
    values = json.loads((source / CONFIG).read_text(encoding="utf-8"))
    values["calibration"] = None  # another version's may mean something else
    config = ModelConfig.from_json(json.dumps(values).encode(), str(source / CONFIG))
    recipe = from_mapping(config.provenance["recipe"], where=str(source / CONFIG))
    graph, tokenizer = (source / GRAPH).read_bytes(), (source / TOKENIZER).read_text("utf-8")
    engine = "onnxruntime-int8" if config.activations else "onnxruntime"
    model = open_runtime(engine, graph, config.inputs, activations=config.activations)
    documents = data.calibrating(recipe)
    fitted = calibrate.fit(Tagger(model, config, tokenizer), documents)
    config = dataclasses.replace(config, calibration=fitted)
    found = list(development(Tagger(model, config, tokenizer), recipe))
    made = {
        **calibrate.report(fitted, documents, found),
        "sha256": data.checksum(documents),
        "commit": code_version(),
        "runtime": model.fingerprint,
    }
    provenance = {**config.provenance, "calibration": made}
    config = dataclasses.replace(config, provenance=provenance)
    write_model_dir(
        target,
        onnx=graph,
        tokenizer_json=tokenizer,
        config=config,
        card=card.write(config),
        plot=card.plot(config),
    )
    for name, gold, predicted in found:
        result = reliability.evaluate(gold, predicted)
        brier = f"Brier {result.brier:.4f}, of a constant {result.constant_brier:.4f}"
        print(f"{name}: ECE {result.ece:.4f}, AUROC {result.auroc}, {brier}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="model directory")
    parser.add_argument("target", type=Path, help="folder to write")
    arguments = parser.parse_args()
    main(arguments.source, arguments.target)
