"""How far the tensors reach that a model multiplies by weights: what int8 has to know of it."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from biospan.document import Document
from biospan.pieces import plan
from biospan.precision import Range, multiplied
from biospan.runtime import OUTPUT, OnnxRuntime
from biospan.tagger import Tagger


def measure(graph: bytes, tagger: Tagger, documents: Sequence[Document]) -> dict[str, Range]:
    """Least and greatest number of each tensor that the graph multiplies by weights.

    Args:
        graph: As it is shipped.
        tagger: Cuts documents into windows.
        documents: Text like that which the model learned from.
    """
    names = multiplied(graph)
    runtime = OnnxRuntime(_probe(graph, names), tagger.config.inputs)
    stretches = [s for item in tagger.prepare(documents) for s in item.stretches]
    # One window at a time: what stands in padding is never looked at.
    limits = np.concatenate(
        [
            runtime.run(tagger.inputs([window], stretches))
            for index, stretch in enumerate(stretches)
            for window in plan(index, stretch, tagger.config.max_pieces - 2)
        ]
    )
    low, high = limits[:, :, 0].min(axis=0), limits[:, :, 1].max(axis=0)
    return dict(zip(names, zip(low.tolist(), high.tolist(), strict=True), strict=True))


def _probe(graph: bytes, names: Sequence[str]) -> bytes:
    """The graph with the limits of some tensors for emissions. Shape (1, n_tensors, 2)."""
    model = onnx.load_from_string(graph)
    for node in model.graph.node:
        for index, output in enumerate(node.output):
            if output == OUTPUT:
                node.output[index] = f"{OUTPUT}.unused"
    single = numpy_helper.from_array(np.array([1, 1, 1], dtype=np.int64), "probe.single")
    model.graph.initializer.append(single)
    parts = []
    for name in names:
        edges = []
        for op in ("ReduceMin", "ReduceMax"):
            edge = f"{name}.{op}"
            model.graph.node.extend(
                [
                    helper.make_node(op, [name], [f"{edge}.flat"], keepdims=0),
                    helper.make_node("Reshape", [f"{edge}.flat", single.name], [edge]),
                ]
            )
            edges.append(edge)
        parts.append(f"{name}.limits")
        model.graph.node.append(helper.make_node("Concat", edges, parts[-1:], axis=2))
    model.graph.node.append(helper.make_node("Concat", parts, [OUTPUT], axis=1))
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for size in (1, len(names), 2):
        model.graph.output[0].type.tensor_type.shape.dim.add(dim_value=size)
    return bytes(model.SerializeToString())
