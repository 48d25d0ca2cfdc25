"""Reading and rewriting a serialised ONNX graph, as far as this project has to.

A graph comes as bytes and goes as bytes; the runtime half has no `onnx` package (33 MB) to lean on.
Only the fields named here are read (onnx.proto, IR 3 to 13); all others are kept as they are. What
is done to a graph, and why, is said in `biospan.precision`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biospan.errors import ModelError

GRAPH = "model.onnx"  # where the errors of this module are

FLOAT = 1  # the number of a type, which `Cast` takes

# Which fields of which message hold messages that may hold a tensor.
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA = 13  # the field of a tensor that names a file

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_WEIGHT, _GRAPH_OUTPUT = 1, 5, 12
_VALUE_NAME = 1
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INTEGER, _ATTRIBUTE_TYPE = 1, 3, 20
_INTEGER = 2  # the number of an attribute's type
_TENSOR_DIMENSION, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_BYTES = 1, 2, 8, 9
_TYPES = {FLOAT: "<f4", 2: "u1", 3: "i1", 7: "<i8", 10: "<f2"}
_NUMBERS = {np.dtype(code): number for number, code in _TYPES.items()}


Message = memoryview


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes:
        integers: Its attributes that are one integer.
        message: As it was read; None for a node that is new.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integers: Mapping[str, int] = field(default_factory=dict)
    message: Message | None = None


@dataclass(slots=True)
class Graph:
    """The main graph of a model: nodes in their order, weights by name.

    Attributes:
        weights: Arrays; of a type or form that this module does not read, None.
        outputs: Names.
    """

    nodes: list[Node]
    weights: dict[str, NDArray[Any] | None]
    outputs: list[str]
    _tensors: dict[str, Message]
    _graph_rest: list[Message]
    _model_rest: list[Message]

    @classmethod
    def from_bytes(cls, onnx: bytes) -> "Graph":
        """Read a model. Arrays share its memory.

        Raises:
            ModelError: If the bytes are no ONNX model.
        """
        graph = cls([], {}, [], {}, [], [])
        for number, value, whole in _fields(memoryview(onnx)):
            if number != _MODEL_GRAPH:
                graph._model_rest.append(whole)
                continue
            for part, content, everything in _fields(_message(value)):
                if part == _GRAPH_NODE:
                    graph.nodes.append(_read_node(_message(content)))
                elif part == _GRAPH_WEIGHT:
                    name, array = _read_tensor(_message(content))
                    graph.weights[name], graph._tensors[name] = array, everything
                else:
                    graph._graph_rest.append(everything)
                if part == _GRAPH_OUTPUT:
                    names = (name for n, name, _ in _fields(_message(content)) if n == _VALUE_NAME)
                    graph.outputs += map(_text, names)
        return graph

    def to_bytes(self) -> bytes:
        """The model, without weights that no node takes."""
        parts: list[bytes | Message] = []
        for node in self.nodes:
            parts += _framed(_GRAPH_NODE, [node.message or _node_message(node)])
        for name in dict.fromkeys(name for node in self.nodes for name in node.inputs):
            if name in self._tensors:
                parts.append(self._tensors[name])
            elif (array := self.weights.get(name)) is not None:
                parts += _framed(_GRAPH_WEIGHT, _tensor_message(name, array))
        graph = [*parts, *self._graph_rest]
        return b"".join([*self._model_rest, *_framed(_MODEL_GRAPH, graph)])

    def drop_unused(self) -> None:
        """Leave out the nodes that no output depends on."""
        needed = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        self.nodes = kept[::-1]


def refuse_external_data(onnx: bytes) -> None:
    """Refuse a graph that names files to read its weights from.

    For a graph that comes as bytes, runtimes look for them in the working directory.

    Raises:
        ModelError: If it does, or if the bytes are no ONNX model.
    """
    waiting = [("model", memoryview(onnx))]
    while waiting:
        kind, message = waiting.pop()
        for number, value, _ in _fields(message):
            if kind == "tensor" and number == _EXTERNAL_DATA:
                raise ModelError(f"{GRAPH}: got weights in another file; expected all inside")
            if number in _CHILDREN[kind]:
                waiting.append((_CHILDREN[kind][number], _message(value)))


def _fields(message: Message) -> Iterator[tuple[int, int | Message, Message]]:
    """The fields of a protobuf message: number, content (a number or bytes), and all of it."""
    position = 0
    while position < len(message):
        begin = position
        key, position = _read_varint(message, position)
        wire = key & 7
        value: int | Message
        if wire == 0:
            value, position = _read_varint(message, position)
        else:
            length = {1: 8, 5: 4}.get(wire, 0)
            if wire == 2:
                length, position = _read_varint(message, position)
            elif wire not in (1, 5):
                raise ModelError(f"{GRAPH}: not a serialised ONNX model")
            if position + length > len(message):
                raise ModelError(f"{GRAPH}: is cut short, or not a serialised ONNX model")
            value = message[position : position + length]
            position += length
        yield key >> 3, value, message[begin:position]


def _read_varint(message: Message, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, low ones first, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ModelError(f"{GRAPH}: is cut short, or not a serialised ONNX model")


def _message(value: int | Message) -> Message:
    """The content of a field that is to hold bytes."""
    if isinstance(value, int):
        raise ModelError(f"{GRAPH}: not a serialised ONNX model")
    return value


def _text(value: int | Message) -> str:
    return bytes(_message(value)).decode("utf-8", errors="replace")


def _read_node(message: Message) -> Node:
    inputs, outputs, op, integers = [], [], "", {}
    for number, value, _ in _fields(message):
        if number == _NODE_INPUT:
            inputs.append(_text(value))
        elif number == _NODE_OUTPUT:
            outputs.append(_text(value))
        elif number == _NODE_OP:
            op = _text(value)
        elif number == _NODE_ATTRIBUTE:
            content = {part: inner for part, inner, _ in _fields(_message(value))}
            integer = content.get(_ATTRIBUTE_INTEGER)
            if isinstance(integer, int) and _ATTRIBUTE_NAME in content:
                integers[_text(content[_ATTRIBUTE_NAME])] = integer
    return Node(op, tuple(inputs), tuple(outputs), integers, message)


def _read_tensor(message: Message) -> tuple[str, NDArray[Any] | None]:
    """Name and array; None if its numbers are not in one run of bytes of a type known here."""
    shape, name, code, data = [], "", None, None
    for number, value, _ in _fields(message):
        if number == _TENSOR_DIMENSION and isinstance(value, int):
            shape.append(value)
        elif number == _TENSOR_NAME:
            name = _text(value)
        elif number == _TENSOR_TYPE and isinstance(value, int):
            code = _TYPES.get(value)
        elif number == _TENSOR_BYTES:
            data = _message(value)
    if code is None or data is None:
        return name, None
    fits = len(data) == math.prod(shape) * np.dtype(code).itemsize
    return name, np.frombuffer(data, dtype=code).reshape(shape) if fits else None


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _framed(number: int, parts: Sequence[bytes | Message]) -> list[bytes | Message]:
    """A field that holds bytes, which come in parts."""
    return [_varint(number << 3 | 2), _varint(sum(map(len, parts))), *parts]


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _node_message(node: Node) -> bytes:
    parts: list[bytes | Message] = []
    for number, names in ((_NODE_INPUT, node.inputs), (_NODE_OUTPUT, node.outputs)):
        for name in names:
            parts += _framed(number, [name.encode()])
    parts += _framed(_NODE_OP, [node.op.encode()])
    for name, value in node.integers.items():
        attribute = _framed(_ATTRIBUTE_NAME, [name.encode()])
        attribute += [_number(_ATTRIBUTE_INTEGER, value), _number(_ATTRIBUTE_TYPE, _INTEGER)]
        parts += _framed(_NODE_ATTRIBUTE, attribute)
    return b"".join(parts)


def _tensor_message(name: str, array: NDArray[Any]) -> list[bytes | Message]:
    parts: list[bytes | Message] = [_number(_TENSOR_DIMENSION, size) for size in array.shape]
    parts.append(_number(_TENSOR_TYPE, _NUMBERS[array.dtype]))
    parts += _framed(_TENSOR_NAME, [name.encode()])
    return [*parts, *_framed(_TENSOR_BYTES, [array.tobytes()])]
