"""Rewritten graphs against the originals, `onnx` and NumPy."""

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from biospan import onnx_graph, precision
from biospan.errors import ConfigError, ModelError
from biospan.runtime import open_runtime
from conftest import skip_or_fail

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError:
    skip_or_fail("train", "the extra `train` is not installed: no onnx", whole_module=True)

INPUTS = ("input_ids", "mask", "token_starts")
N_PIECES, WIDTH, N_TAGS = 40, 256, 5
RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(N_PIECES, WIDTH)).astype(np.float32)
MATRIX = RANDOM.normal(size=(WIDTH, N_TAGS)).astype(np.float32)


def packed(graph: bytes) -> bytes:
    from biospan.train import export

    return export.pack(graph, "int8")


def graph(*, table: NDArray[np.float32] = TABLE, opset: int = 20) -> bytes:
    """Emissions of a token: the row of its first piece in a table, times a matrix."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["kept_rows"]),
        helper.make_node("Mul", ["rows", "kept_rows"], ["pieces"]),
        helper.make_node("Unsqueeze", ["token_starts", "last"], ["places"]),
        helper.make_node("GatherND", ["pieces", "places"], ["tokens"], batch_dims=1),
        helper.make_node("MatMul", ["tokens", "matrix"], ["emissions"]),
    ]
    built = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["windows", name])
            for name in INPUTS
        ],
        [
            helper.make_tensor_value_info(
                "emissions", TensorProto.FLOAT, ["windows", "tokens", N_TAGS]
            )
        ],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.tile(MATRIX, (1, 1)), "matrix"),
            numpy_helper.from_array(np.array([-1]), "last"),
        ],
    )
    model = helper.make_model(built, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return bytes(model.SerializeToString())


def batch(n_windows: int = 3, n_pieces: int = 9, n_tokens: int = 4) -> dict[str, Any]:
    random = np.random.default_rng(1)
    return {
        "input_ids": random.integers(0, N_PIECES, (n_windows, n_pieces)),
        "mask": np.ones((n_windows, n_pieces), dtype=np.int64),
        "token_starts": random.integers(0, n_pieces, (n_windows, n_tokens)),
    }


def run(onnx_bytes: bytes, inputs: dict[str, Any], **options: Any) -> NDArray[np.float32]:
    engine = options.pop("engine", "onnxruntime")
    return open_runtime(engine, onnx_bytes, INPUTS, threads=1, **options).run(inputs)


def test_what_is_read_and_written_is_the_same_model() -> None:
    for data in (graph(), packed(graph())):
        again = onnx_graph.Graph.from_bytes(data).to_bytes()
        first, second = onnx.load_from_string(data), onnx.load_from_string(again)
        assert list(first.graph.node) == list(second.graph.node)
        by_name = {weight.name: weight for weight in first.graph.initializer}
        assert {weight.name: weight for weight in second.graph.initializer} == by_name
        for message in (first.graph, second.graph):
            del message.node[:], message.initializer[:]
        assert first == second


def test_arrays_are_read_as_onnx_reads_them() -> None:
    data = packed(graph())
    read = onnx_graph.Graph.from_bytes(data).weights
    for weight in onnx.load_from_string(data).graph.initializer:
        array = read[weight.name]
        assert array is not None
        np.testing.assert_array_equal(array, numpy_helper.to_array(weight))


def test_a_compact_graph_is_sound_says_the_same_and_holds_no_table_of_floats() -> None:
    data = packed(graph(table=np.tile(TABLE, (1, 3))[:, :WIDTH]))
    compact = precision.compact(data)
    model = onnx.load_from_string(compact)
    onnx.checker.check_model(model)
    gathered = [node.input[0] for node in model.graph.node if node.op_type == "Gather"]
    stored = {w.name: w.data_type for w in model.graph.initializer}
    assert [stored[name] for name in gathered] == [TensorProto.INT8, TensorProto.FLOAT]
    inputs = batch()
    np.testing.assert_array_equal(run(compact, inputs), run(data, inputs))


def test_int8_is_what_rounding_in_numpy_says() -> None:
    data = graph()  # not packed: the table is exact
    inputs = batch()
    low, high = -2.0, 3.0
    got = run(data, inputs, engine="onnxruntime-int8", activations={"tokens": (low, high)})
    rows = np.take_along_axis(
        TABLE[inputs["input_ids"]], inputs["token_starts"][:, :, None], axis=1
    )
    step = np.float32((high - low) / 255)
    zero = round(-low / ((high - low) / 255))
    whole = np.clip(np.rint(rows / step) + zero, 0, 255) - zero
    steps = np.abs(MATRIX).max(axis=0) / 63
    expected = (whole @ np.rint(MATRIX / steps)) * step * steps
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(got - run(data, inputs)).max() > 0.01  # it is not float32 by another name


@pytest.mark.parametrize("engine", ["onnxruntime-int8", "openvino-int8"])
def test_a_window_gets_the_same_in_any_batch(engine: str) -> None:
    if engine.startswith("openvino"):
        pytest.importorskip("openvino", reason="needs openvino")
    data = packed(graph())
    runtime = open_runtime(engine, data, INPUTS, threads=1, activations={"tokens": (-3.0, 3.0)})
    inputs = batch(n_windows=17)
    together = runtime.run(inputs)
    for row in range(17):
        alone = runtime.run({name: array[row : row + 1] for name, array in inputs.items()})
        np.testing.assert_array_equal(alone[0], together[row])


def test_what_is_multiplied_by_weights_is_found_packed_or_not() -> None:
    assert precision.multiplied(graph()) == precision.multiplied(packed(graph())) == ("tokens",)


def test_a_graph_with_graphs_in_it_is_left_alone() -> None:
    model = onnx.load_from_string(packed(graph()))
    branch = helper.make_graph(
        [helper.make_node("Identity", ["tokens"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.insert(
        len(model.graph.node) - 1,
        helper.make_node("If", ["yes"], ["chosen"], then_branch=branch, else_branch=branch),
    )
    data = bytes(model.SerializeToString())
    assert precision.compact(data) == precision.int8(data, {"tokens": (-1.0, 1.0)}) == data


def test_bytes_that_are_no_model_are_refused_and_never_crash() -> None:
    data = bytearray(packed(graph()))
    random = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(data[: random.integers(1, 2000)])
        broken[random.integers(0, len(broken))] ^= int(random.integers(1, 256))
        with suppress(ModelError):
            precision.compact(bytes(broken))


def test_int8_without_ranges_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="Export it again, or choose another engine"):
        open_runtime("onnxruntime-int8", graph(), INPUTS)
