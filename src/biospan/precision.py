"""A model's graph made ready for a runtime: in which numbers it multiplies, and what it holds.

A model directory stores its large weights as int8 with scales (or float16), next to the nodes that
expand them to float32; run as it is, that is a float32 graph. Here it becomes one that multiplies
in int8: weights are rounded to 7 bits with a scale for each column, and what they are multiplied
with to 8 bits in a range that was measured when the model was exported (static quantisation; Jacob
et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only
inference"). No number depends on the batch. With 7 bits no sum overflows the 16 bits in which
processors without VNNI add pairs, so that all processors get the same integers.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from biospan.onnx_graph import FLOAT, Graph, Node

Range = tuple[float, float]

_WORDS = "input_ids"  # the input that picks rows of the largest table
_NESTED = {"If", "Loop", "Scan"}  # their graphs take tensors that no list of inputs names
_WEIGHT_LEVELS = 63  # on either side of zero: 7 bits
_LEVELS = 255  # of what is multiplied with weights: 8 bits
_LEAST_SCALE = float(np.finfo(np.float32).tiny)


def compact(onnx: bytes) -> bytes:
    """The same graph, to the last bit, that expands only the rows of the word table it reads.

    Raises:
        ModelError: If the bytes are no ONNX model.
    """
    return _rewritten(onnx, {})


def int8(onnx: bytes, activations: Mapping[str, Range]) -> bytes:
    """The graph with multiplications by weights in int8, and as compact as `compact` makes it.

    Args:
        onnx: A graph as `export` writes it.
        activations: For tensors that are multiplied by weights, by name, least and greatest
            number; beyond them, numbers are cut off.

    Raises:
        ModelError: If the bytes are no ONNX model.
    """
    return _rewritten(onnx, activations)


def multiplied(onnx: bytes) -> tuple[str, ...]:
    """Names of the tensors that are multiplied by weights, whose ranges `int8` needs."""
    graph = Graph.from_bytes(onnx)
    names = [n.inputs[0] for n in graph.nodes if n.op == "MatMul" and _weight(graph, n) is not None]
    return tuple(dict.fromkeys(names))


def _rewritten(onnx: bytes, activations: Mapping[str, Range]) -> bytes:
    graph = Graph.from_bytes(onnx)
    if any(node.op in _NESTED for node in graph.nodes):
        return onnx
    nodes: list[Node] = []
    rounded: set[str] = set()
    for node in graph.nodes:
        new = _by_row(graph, node) if node.op == "Gather" else None
        if node.op == "MatMul" and node.inputs[0] in activations:
            weight = _weight(graph, node)
            if weight is not None:
                new = _in_int8(graph, node, weight)
                if node.inputs[0] not in rounded:
                    rounded.add(node.inputs[0])
                    new = _rounding(graph, node.inputs[0], activations[node.inputs[0]]) + new
        nodes += [node] if new is None else new
    graph.nodes = nodes
    graph.drop_unused()
    return graph.to_bytes()


def _rounding(graph: Graph, name: str, limits: Range) -> list[Node]:
    """Nodes that bring a tensor to 8 bits and back; a runtime joins them with what follows."""
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    scale = max((high - low) / _LEVELS, _LEAST_SCALE)
    graph.weights[f"{name}.step"] = np.array(scale, dtype=np.float32)
    graph.weights[f"{name}.zero"] = np.array(round(-low / scale), dtype=np.uint8)
    step = (f"{name}.step", f"{name}.zero")
    return [
        Node("QuantizeLinear", (name, *step), (f"{name}.whole",)),
        Node("DequantizeLinear", (f"{name}.whole", *step), (f"{name}.rounded",)),
    ]


def _in_int8(graph: Graph, node: Node, weight: NDArray[np.float32]) -> list[Node]:
    """A multiplication by a weight that is rounded column by column. Shape (n_in, n_out)."""
    name = f"{node.inputs[1]}.columns"
    steps = np.maximum(np.abs(weight).max(axis=0) / _WEIGHT_LEVELS, _LEAST_SCALE)
    graph.weights[name] = np.rint(weight / steps).astype(np.int8)
    graph.weights[f"{name}.steps"] = steps.astype(np.float32)
    graph.weights[f"{name}.zeros"] = np.zeros(len(steps), dtype=np.int8)
    return [
        Node("DequantizeLinear", (name, f"{name}.steps", f"{name}.zeros"), (f"{name}.rounded",)),
        Node("MatMul", (f"{node.inputs[0]}.rounded", f"{name}.rounded"), node.outputs),
    ]


def _by_row(graph: Graph, node: Node) -> list[Node] | None:
    """Rows of a stored table, expanded after they are picked; None if it is none."""
    stored = _stored(graph, node.inputs[0])
    if stored is None or node.inputs[1] != _WORDS:
        return None
    whole, scales, shape = stored
    if len(shape) != 2 or shape[1] % whole.shape[1]:
        return None
    name = node.inputs[0]
    n_blocks = int(shape[1]) // whole.shape[1]
    graph.weights[f"{name}.rows"] = whole.reshape(-1, n_blocks, whole.shape[1])
    graph.weights[f"{name}.steps"] = scales.reshape(-1, n_blocks, 1)
    graph.weights[f"{name}.width"] = np.array([0, 0, int(shape[1])], dtype=np.int64)
    return [
        Node("Gather", (f"{name}.rows", _WORDS), (f"{name}.picked",)),
        Node("Gather", (f"{name}.steps", _WORDS), (f"{name}.picked_steps",)),
        Node("Cast", (f"{name}.picked",), (f"{name}.floats",), {"to": FLOAT}),
        Node("Mul", (f"{name}.floats", f"{name}.picked_steps"), (f"{name}.blocks_picked",)),
        Node("Reshape", (f"{name}.blocks_picked", f"{name}.width"), node.outputs),
    ]


def _weight(graph: Graph, node: Node) -> NDArray[np.float32] | None:
    """The weight of a multiplication, expanded; None if that is no stored matrix."""
    name = node.inputs[1]
    plain = graph.weights.get(name)
    if plain is None:
        plain = _stored_half(graph, name)
    if plain is not None:
        return plain if plain.ndim == 2 and plain.dtype == np.float32 else None
    stored = _stored(graph, name)
    if stored is None or len(stored[2]) != 2:
        return None
    whole, scales, shape = stored
    return np.asarray((whole.astype(np.float32) * scales).reshape(shape))


def _stored_half(graph: Graph, name: str) -> NDArray[np.float32] | None:
    """A weight in half precision that the graph expands, as `export` stores it; expanded."""
    cast = next((n for n in graph.nodes if n.op == "Cast" and name in n.outputs), None)
    half = None if cast is None else graph.weights.get(cast.inputs[0])
    return None if half is None or half.dtype != np.float16 else half.astype(np.float32)


def _stored(
    graph: Graph, name: str
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int64]] | None:
    """Whole numbers, scales and shape of a weight that the graph expands, as `export` stores it."""
    makers = {output: node for node in graph.nodes for output in node.outputs}
    arrays = []
    for op, n_inputs in (("Reshape", 2), ("Mul", 2), ("Cast", 1)):
        node = makers.get(name)
        if node is None or node.op != op or len(node.inputs) != n_inputs:
            return None
        arrays += [graph.weights.get(other) for other in node.inputs[1:]]
        name = node.inputs[0]
    shape, scales = arrays
    whole = graph.weights.get(name)
    if whole is None or scales is None or shape is None or whole.dtype != np.int8:
        return None
    fits = whole.ndim == 2 and scales.shape == (len(whole), 1) and whole.size == np.prod(shape)
    return (whole, scales, shape) if fits else None
