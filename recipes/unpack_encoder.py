"""Take the encoder out of a model directory, for a recipe to begin with.

    python recipes/unpack_encoder.py src/biospan/models/default runs/bundled-encoder

What was stored in 8 bits comes back rounded; a BERT encoder is expected. What led to the model goes
along as `record.json`.
"""

import argparse
import json
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast


def weights(graph: onnx.GraphProto) -> dict[str, torch.Tensor]:
    """Every weight of the encoder by the name that transformers gives it, expanded to fp32."""
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for name in [name[:-5] for name in stored if name.endswith(".int8")]:
        blocks = stored[f"{name}.int8"].astype("float32") * stored[f"{name}.scale"]
        stored[name] = blocks.reshape(stored[f"{name}.shape"])
    made_by = {node.output[0]: node for node in graph.node}
    found = {name: array for name, array in stored.items() if name.startswith("encoder.")}
    for node in graph.node:
        # A linear layer is a product with an unnamed matrix, then the sum with its named bias.
        for bias in (name for name in node.input if name.endswith(".bias")):
            for other in (made_by[name] for name in node.input if name in made_by):
                if node.op_type == "Add" and other.op_type == "MatMul":
                    found[bias.removesuffix("bias") + "weight"] = stored[other.input[1]].T
    return {
        name.removeprefix("encoder."): torch.tensor(array)
        for name, array in found.items()
        if name.endswith((".weight", ".bias")) and name.startswith("encoder.")
    }


def main(source: Path, target: Path, heads: int) -> None:
    """Write `target` as `AutoModel` and `AutoTokenizer` load it."""
    tensors = weights(onnx.load(source / "model.onnx").graph)
    table = tensors["embeddings.word_embeddings.weight"]
    config = BertConfig(
        vocab_size=table.shape[0],
        hidden_size=table.shape[1],
        num_hidden_layers=len([name for name in tensors if name.endswith("query.weight")]),
        num_attention_heads=heads,
        intermediate_size=tensors["encoder.layer.0.intermediate.dense.bias"].shape[0],
        max_position_embeddings=tensors["embeddings.position_embeddings.weight"].shape[0],
        type_vocab_size=tensors["embeddings.token_type_embeddings.weight"].shape[0],
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(tensors)
    model.save_pretrained(target)
    special = {
        f"{kind}_token": f"[{kind.upper()}]" for kind in ("cls", "sep", "pad", "unk", "mask")
    }
    PreTrainedTokenizerFast(
        tokenizer_file=str(source / "tokenizer.json"), **special
    ).save_pretrained(target)
    made = json.loads((source / "config.json").read_text(encoding="utf-8"))["provenance"]
    (target / "record.json").write_text(json.dumps(made), encoding="utf-8")
    print(f"{len(tensors)} tensors, {sum(one.numel() for one in tensors.values()):,} weights")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="model directory")
    parser.add_argument("target", type=Path, help="folder to write")
    parser.add_argument("--heads", type=int, default=12, help="of attention; MiniLM has 12")
    arguments = parser.parse_args()
    main(arguments.source, arguments.target, arguments.heads)
