"""From a finished run to a model directory, through two gates.

Export gate: the ONNX graph says what torch says. Pack gate: weights stored at lower precision
cost next to nothing. Whether the model may also be run in int8 is judged likewise; if it may not,
it is shipped without the ranges that this needs, and runs in float32 everywhere.
"""

import dataclasses
import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from biospan.calibration import Calibration
from biospan.corpora import CORPORA, read_corpus
from biospan.document import Document, Entity
from biospan.errors import MissingInputError, ModelError
from biospan.exposure import mentions
from biospan.model_config import REQUIRED_INPUTS
from biospan.model_dir import write_model_dir
from biospan.precision import Range
from biospan.runtime import open_runtime
from biospan.scoring import evaluate
from biospan.tagger import Tagger
from biospan.train import activations, calibrate, card, data, sources
from biospan.train.config import TrainConfig
from biospan.train.record import code_version
from biospan.train.run import Run

logger = logging.getLogger(__name__)

MAX_DIFFERENCE = 1e-4  # between emissions of torch and of the exported graph
SAFE_MARGIN = 1e-3  # between a token's two best tags: above it the best may not change
MAX_F1_LOSS = 0.002  # by packing, on the development split
MEASURED = 100  # training documents from which the ranges of int8 are taken
MIN_PACKED_SIZE = 4096  # numbers; smaller weights stay as they are

_OPSET = 20  # the first with Gelu as one node, which runtimes then join with its bias
_BLOCK = 128  # int8: numbers along a row that share a scale


@dataclass(frozen=True, slots=True)
class Gates:
    """What was measured on the development split on the way to the model directory.

    Attributes:
        max_difference: Largest difference of an emission, torch to ONNX.
        unpacked_f1: Micro F1 of the fp32 graph.
        packed_f1: Micro F1 of what is shipped.
        changed: Differences that packing makes, as `document: - or + span`; an entity whose edge
            or label changed is one of each.
        size: Bytes of the graph that is shipped.
        int8_f1: Micro F1 of what is shipped, run in int8.
    """

    max_difference: float
    unpacked_f1: float
    packed_f1: float
    changed: tuple[str, ...]
    size: int
    int8_f1: float


def export(run: Run, folder: str | Path) -> Gates:
    """Write the model directory of a run.

    Raises:
        ModelError: If a gate is not passed; nothing is written then.
    """
    graph = to_onnx(run.model, run.model.inputs)
    exported = _tagger(run, graph)
    difference = _export_gate(run.tagger(), exported, run.dev)
    packed_graph = pack(graph, run.config.pack)
    packed = _tagger(run, packed_graph)
    sample = run.train[:: max(1, len(run.train) // MEASURED)]
    ranges = activations.measure(packed_graph, packed, sample)
    in_int8 = _tagger(run, packed_graph, ranges=ranges)
    gates = _pack_gate(exported, packed, run, size=len(packed_graph), difference=difference)
    gates = dataclasses.replace(gates, int8_f1=_int8_f1(in_int8, run))
    if gates.unpacked_f1 - gates.int8_f1 <= MAX_F1_LOSS:
        packed = in_int8
    else:
        logger.warning("int8 lowers development F1 to %.4f: not for this model", gates.int8_f1)
    fitted, calibrating = None, []
    if run.config.calibration_documents:
        calibrating = data.calibrating(run.config)
        fitted = calibrate.fit(packed, calibrating)
        packed = _tagger(run, packed_graph, fitted, ranges=packed.config.activations)
    found = list(development(packed, run.config))
    provenance = {
        **run.record,
        "sources": sources.gather(run.config.to_dict(), run.record.get("averaged", ())),
        "exported": {"commit": code_version(), "runtime": exported.fingerprint},
        "gates": {**dataclasses.asdict(gates), "changed": len(gates.changed)},
        "development": {name: evaluate(*sides).to_dict() for name, *sides in found},
        "mentions": {
            name: _mentions(gold, predicted, run.train) for name, gold, predicted in found
        },
    }
    if fitted is not None:
        provenance["calibration"] = {
            **calibrate.report(fitted, calibrating, found),
            "sha256": data.checksum(calibrating),
        }
    config = dataclasses.replace(packed.config, provenance=provenance)
    write_model_dir(
        Path(folder),
        onnx=packed_graph,
        tokenizer_json=run.tokenizer.to_str(),
        config=config,
        card=card.write(config),
        plot=card.plot(config),
    )
    return gates


def _mentions(
    gold: Sequence[Document], predicted: Sequence[Document], train: Sequence[Document]
) -> dict[str, Any]:
    """Counts by kind of mention and label, JSON-ready."""
    levels = mentions(gold, predicted, train).levels
    return {kind: level.to_dict() for kind, level in levels.items()}


def to_onnx(model: nn.Module, inputs: Sequence[str] = REQUIRED_INPUTS) -> bytes:
    """A model as a single-file fp32 graph with these inputs and one output, `emissions`."""
    model.eval()
    example = {
        "input_ids": torch.ones((2, 7), dtype=torch.int64),
        "mask": torch.ones((2, 7), dtype=torch.int64),
        "token_starts": torch.ones((2, 3), dtype=torch.int64),
        "shapes": torch.ones((2, 7), dtype=torch.int64),
    }
    windows = torch.export.Dim("n_windows", min=1)
    n_pieces = torch.export.Dim("n_pieces", min=2)
    n_tokens = torch.export.Dim("n_tokens", min=1)
    shapes = {
        "input_ids": {0: windows, 1: n_pieces},
        "mask": {0: windows, 1: n_pieces},
        "token_starts": {0: windows, 1: n_tokens},
        "shapes": {0: windows, 1: n_pieces},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about libraries that this graph does not use
        program = torch.onnx.export(
            model,
            kwargs={name: example[name] for name in inputs},
            input_names=list(inputs),
            output_names=["emissions"],
            dynamic_shapes={name: shapes[name] for name in inputs},
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise ModelError("torch.onnx.export returned no graph")
    return bytes(_without_notes(program.model_proto).SerializeToString())


def _without_notes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop the exporter's notes, which name files of the machine it ran on."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    return model


def pack(graph: bytes, precision: str) -> bytes:
    """Store large weights as `fp16`, or as `int8` with a scale per block; arithmetic stays fp32.

    The graph gets the nodes that expand them, which a runtime folds away when it loads it.
    """
    if precision == "fp32":
        return graph
    model = onnx.load_from_string(graph)
    expand = []
    kept = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < MIN_PACKED_SIZE:
            kept.append(weight)
            continue
        stored, nodes = _packed(weight.name, values, precision)
        kept.extend(stored)
        expand.extend(nodes)
    everything = [*expand, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(everything)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _packed(
    name: str, values: NDArray[np.float32], precision: str
) -> tuple[list[TensorProto], list[onnx.NodeProto]]:
    """What is stored of a weight, and the nodes that make the weight `name` of it."""
    if precision == "fp16":
        half = numpy_helper.from_array(values.astype(np.float16), f"{name}.fp16")
        return [half], [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)]
    # Scales along the last axis, in blocks where the axis can be cut evenly.
    width = values.shape[-1]
    block = _BLOCK if width % _BLOCK == 0 else width
    blocks = values.reshape(-1, block)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127.0
    scale = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
    whole = np.clip(np.rint(blocks / scale), -127, 127).astype(np.int8)
    stored = [
        numpy_helper.from_array(whole, f"{name}.int8"),
        numpy_helper.from_array(scale, f"{name}.scale"),
        numpy_helper.from_array(np.array(values.shape, dtype=np.int64), f"{name}.shape"),
    ]
    nodes = [
        helper.make_node("Cast", [f"{name}.int8"], [f"{name}.cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [f"{name}.blocks"]),
        helper.make_node("Reshape", [f"{name}.blocks", f"{name}.shape"], [name]),
    ]
    return stored, nodes


def _tagger(
    run: Run,
    graph: bytes,
    fitted: Calibration | None = None,
    *,
    ranges: Mapping[str, Range] | None = None,
) -> Tagger:
    """A tagger on ONNX Runtime; in int8 if ranges are given."""
    engine = "onnxruntime-int8" if ranges else "onnxruntime"
    model = open_runtime(engine, graph, run.model.inputs, activations=ranges)
    config = dataclasses.replace(run.model_config, calibration=fitted, activations=ranges)
    return Tagger(model, config, run.tokenizer.to_str())


def _export_gate(before: Tagger, after: Tagger, documents: Sequence[Document]) -> float:
    """Compare all emissions of the development split; returns the largest difference."""
    worst = 0.0
    for expected, got in zip(_rows(before, documents), _rows(after, documents), strict=True):
        worst = float(np.maximum(worst, np.abs(expected - got).max()))  # a NaN stays
        best = np.sort(expected, axis=1)
        clear = best[:, -1] - best[:, -2] > SAFE_MARGIN
        changed = int((expected.argmax(axis=1) != got.argmax(axis=1))[clear].sum())
        if not worst <= MAX_DIFFERENCE or changed:
            raise ModelError(
                f"export gate: emissions differ by {worst:.2g} between torch and ONNX, at most "
                f"{MAX_DIFFERENCE} is allowed; {changed} clear tags changed in one sentence"
            )
    return worst


def _pack_gate(
    exported: Tagger, packed: Tagger, run: Run, *, size: int, difference: float
) -> Gates:
    before = list(exported.tag_many(run.dev))
    after = list(packed.tag_many(run.dev))
    gates = Gates(
        max_difference=difference,
        unpacked_f1=evaluate(run.dev, before).spans.micro.f1,
        packed_f1=evaluate(run.dev, after).spans.micro.f1,
        changed=tuple(_changes(before, after)),
        size=size,
        int8_f1=math.nan,
    )
    if gates.unpacked_f1 - gates.packed_f1 > MAX_F1_LOSS:
        raise ModelError(
            f"pack gate: `{run.config.pack}` weights lower development F1 from "
            f"{gates.unpacked_f1:.4f} to {gates.packed_f1:.4f}; at most {MAX_F1_LOSS} is allowed. "
            f"Changed, among others: {'; '.join(gates.changed[:10])}"
        )
    _check_alone(packed, run.dev, after)
    return gates


def _int8_f1(tagger: Tagger, run: Run) -> float:
    predicted = list(tagger.tag_many(run.dev))
    _check_alone(tagger, run.dev, predicted)
    return evaluate(run.dev, predicted).spans.micro.f1


def _check_alone(
    tagger: Tagger, documents: Sequence[Document], in_batches: Sequence[Document]
) -> None:
    for document, expected in zip(documents, in_batches, strict=True):
        if _keys(tagger.tag(document).entities) != _keys(expected.entities):
            raise ModelError(
                f"pack gate: document `{document.id}` gets other entities alone than in a batch"
            )


def development(
    tagger: Tagger, config: TrainConfig
) -> Iterator[tuple[str, list[Document], list[Document]]]:
    """The development split of each form of the corpus that is there: name, gold, predicted."""
    known = CORPORA.get(config.corpus)
    forms = [name for name, corpus in CORPORA.items() if known and corpus.folder == known.folder]
    for name in forms or [config.corpus]:
        try:
            gold = read_corpus(name, config.dev_split, path=config.corpus_path or None)
        except MissingInputError as error:
            logger.warning("no report on `%s`: %s", name, error)
            continue
        yield name, gold, list(tagger.tag_many(gold))


def _rows(tagger: Tagger, documents: Sequence[Document]) -> Iterator[NDArray[np.float32]]:
    for document in tagger.emissions(documents):
        yield from (sentence for sentence in document if len(sentence))


def _changes(before: Sequence[Document], after: Sequence[Document]) -> Iterator[str]:
    for old, new in zip(before, after, strict=True):
        for sign, entities, others in (
            ("-", old.entities, _keys(new.entities)),
            ("+", new.entities, _keys(old.entities)),
        ):
            for e in entities:
                if (e.start, e.end, e.label) not in others:
                    yield f"{old.id}: {sign} {e.start}-{e.end} {e.label} `{e.text}`"


def _keys(entities: Sequence[Entity]) -> set[tuple[int, int, str]]:
    return {(entity.start, entity.end, entity.label) for entity in entities}
