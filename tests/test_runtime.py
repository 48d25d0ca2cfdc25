"""Each runtime computes what NumPy does, for any shape and from any thread, or says why not."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from biospan.errors import ConfigError, MissingDependencyError, ModelError
from biospan.runtime import OnnxRuntime, OpenVino, Runtime, choose, open_runtime
from conftest import skip_or_fail

try:
    from onnx import TensorProto, helper, numpy_helper
except ImportError:
    skip_or_fail("train", "the extra `train` is not installed: no onnx", whole_module=True)

INPUTS = ("input_ids", "mask", "token_starts")
N_PIECES, N_TAGS = 50, 5
TABLE = np.random.default_rng(0).normal(size=(N_PIECES, N_TAGS)).astype(np.float32)
Arrays = dict[str, NDArray[np.int64]]


def graph(
    *,
    inputs: Sequence[str] = INPUTS,
    outputs: Sequence[str] = ("emissions",),
    input_type: int = TensorProto.INT64,
    rank: int = 3,
    table: NDArray[np.float32] = TABLE,
    external: str = "",
) -> bytes:
    """Emissions of a piece: its row of a table, nothing where the mask is 0."""
    weights = numpy_helper.from_array(table, "table")
    if external:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=external)
    nodes = [
        helper.make_node("Unsqueeze", ["token_starts", "last"], ["places"]),
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["kept_rows"]),
        helper.make_node("Mul", ["rows", "kept_rows"], ["pieces"]),
        helper.make_node("GatherND", ["pieces", "places"], [outputs[0]], batch_dims=1),
        *(helper.make_node("Identity", [outputs[0]], [name]) for name in outputs[1:]),
    ]
    if rank == 2:
        nodes[-1].output[0] = "all"
        nodes.append(helper.make_node("ReduceMax", ["all"], [outputs[0]], axes=[2], keepdims=0))
    if "chars" in inputs:  # used, as OpenVINO drops inputs that are not
        nodes[0].input[0] = "sum"
        nodes.insert(0, helper.make_node("Add", ["token_starts", "chars"], ["sum"]))
    if "token_starts" not in inputs:
        nodes.insert(0, helper.make_node("Identity", ["mask"], ["token_starts"]))
    axes: list[str | int] = ["windows", "tokens", N_TAGS]
    shape = axes[:rank]
    built = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, input_type, ["windows", name]) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs],
        [weights, numpy_helper.from_array(np.array([-1]), "last")],
    )
    model = helper.make_model(built, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def batch(n_windows: int = 2, n_pieces: int = 7, n_tokens: int = 4, seed: int = 0) -> Arrays:
    random = np.random.default_rng(seed)
    return {
        "input_ids": random.integers(0, N_PIECES, (n_windows, n_pieces)),
        "mask": random.integers(0, 2, (n_windows, n_pieces)),
        "token_starts": random.integers(0, n_pieces, (n_windows, n_tokens)),
    }


def expected(inputs: Arrays) -> NDArray[np.float32]:
    pieces = TABLE[inputs["input_ids"]] * inputs["mask"][:, :, None]
    return np.take_along_axis(pieces, inputs["token_starts"][:, :, None], axis=1).astype(np.float32)


@pytest.fixture(params=["onnxruntime", "openvino"])
def engine(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param, reason=f"needs {request.param}")
    return str(request.param)


@pytest.fixture
def runtime(engine: str) -> Runtime:
    return open_runtime(engine, graph(), INPUTS, threads=1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 3), (8, 37, 20), (3, 512, 512)])
def test_emissions_are_those_of_numpy(runtime: Runtime, shape: tuple[int, int, int]) -> None:
    inputs = batch(*shape)
    emissions = runtime.run(inputs)
    assert emissions.dtype == np.float32
    np.testing.assert_array_equal(emissions, expected(inputs))


def test_a_later_run_leaves_an_earlier_result_alone(runtime: Runtime) -> None:
    first = runtime.run(batch(seed=1))
    runtime.run(batch(seed=2))
    np.testing.assert_array_equal(first, expected(batch(seed=1)))


def test_threads_may_share_a_runtime(runtime: Runtime) -> None:
    batches = [batch(1 + i % 5, 4 + i % 11, 3, seed=i) for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(runtime.run, batches))
    for inputs, emissions in zip(batches, results, strict=True):
        np.testing.assert_array_equal(emissions, expected(inputs))


@pytest.mark.parametrize("threads", [1, 2, None])
def test_the_number_of_threads_changes_nothing(engine: str, threads: int | None) -> None:
    inputs = batch(8, 64, 40)
    emissions = open_runtime(engine, graph(), INPUTS, threads=threads).run(inputs)
    np.testing.assert_array_equal(emissions, expected(inputs))


def test_the_fingerprint_is_that_of_the_runtime_not_of_the_instance(engine: str) -> None:
    first = open_runtime(engine, graph(), INPUTS, threads=1).fingerprint
    assert open_runtime(engine, graph(table=TABLE * 2), INPUTS, threads=2).fingerprint == first
    assert first.split()[0] == engine
    assert "f32" in first.split()


def test_the_fingerprint_tells_precisions_apart() -> None:
    pytest.importorskip("openvino", reason="needs openvino")
    full = OpenVino(graph(), INPUTS, threads=1)
    half = OpenVino(graph(), INPUTS, threads=1, precision="bf16")
    assert full.fingerprint != half.fingerprint
    np.testing.assert_allclose(half.run(batch()), full.run(batch()), rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "model.onnx"),
        (b"\x08\x09", "model.onnx"),
        (b"\x08\x09" + b"\xff" * 100, "model.onnx"),
        (graph()[:-100], "model.onnx"),
        (graph(inputs=("input_ids", "mask")), "got inputs `input_ids`, `mask`; expected"),
        (graph(inputs=(*INPUTS, "chars")), "`chars`"),
        (graph(outputs=("logits",)), "got outputs `logits`; expected `emissions` alone"),
        (graph(outputs=("emissions", "hidden")), "got outputs `emissions`, `hidden`"),
        (graph(rank=2), "of rank 2; expected"),
        (graph(input_type=TensorProto.FLOAT), "model.onnx"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(engine: str, data: bytes, reason: str) -> None:
    with pytest.raises(ModelError) as caught:
        open_runtime(engine, data, INPUTS)
    assert str(caught.value).startswith("model.onnx: ")
    assert reason in str(caught.value)


def test_a_graph_may_not_read_other_files(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").write_bytes(TABLE.tobytes())
    with pytest.raises(ModelError, match="weights in another file"):
        open_runtime(engine, graph(external="weights"), INPUTS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda inputs: inputs.pop("mask"), "given `input_ids`, `token_starts`; expected"),
        (lambda inputs: inputs.update(chars=inputs["mask"]), "`chars`"),
        (lambda inputs: inputs.update(mask=inputs["mask"].astype(np.int32)), "given int32"),
        (lambda inputs: inputs.update(mask=inputs["mask"][:, :-1]), "(2, 6)"),
        (lambda inputs: inputs.update(mask=inputs["mask"][0]), "expected rank 2"),
        (lambda inputs: inputs.update(token_starts=inputs["token_starts"][:1]), "as many windows"),
    ],
)
def test_wrong_inputs_are_refused_and_right_ones_still_work(
    runtime: Runtime, change: Callable[[Arrays], Any], reason: str
) -> None:
    inputs = batch()
    change(inputs)
    with pytest.raises(ModelError) as caught:
        runtime.run(inputs)
    assert reason in str(caught.value)
    np.testing.assert_array_equal(runtime.run(batch()), expected(batch()))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_emissions_that_are_no_numbers_are_refused(engine: str, value: float) -> None:
    table = TABLE.copy()
    table[7] = value
    runtime = open_runtime(engine, graph(table=table), INPUTS)
    inputs = {name: np.ones((1, 3), np.int64) for name in INPUTS}
    assert np.isfinite(runtime.run(inputs)).all()
    inputs["input_ids"][:] = 7
    with pytest.raises(ModelError, match="NaN or infinite"):
        runtime.run(inputs)


def test_an_unknown_runtime_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="`tensorrt`"):
        open_runtime("tensorrt", graph(), INPUTS)


def test_no_threads_is_a_config_error(engine: str) -> None:
    with pytest.raises(ConfigError, match="threads: got 0"):
        open_runtime(engine, graph(), INPUTS, threads=0)


@pytest.mark.parametrize(
    ("module", "build"), [("onnxruntime", OnnxRuntime), ("openvino", OpenVino)]
)
def test_a_runtime_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, build: Callable[..., Runtime]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=module):
        build(graph(), INPUTS)


def run_python(code: str, home: Path) -> str:
    environment = {"HOME": str(home), "PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_nothing_is_rounded_by_default_that_no_export_has_measured() -> None:
    assert choose(has_int8=True).engine == "onnxruntime-int8"
    assert choose(has_int8=False).engine == "onnxruntime"


def test_importing_the_module_loads_no_runtime(tmp_path: Path) -> None:
    code = "import sys, biospan.runtime; print({'onnxruntime', 'openvino'} & set(sys.modules))"
    assert run_python(code, tmp_path).strip() == "set()"


def test_openvino_reports_nothing_and_leaves_nothing_at_home(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="needs openvino")
    (tmp_path / "model.onnx").write_bytes(graph())
    code = f"""
import sys
from pathlib import Path
from biospan.runtime import OpenVino
OpenVino(Path({str(tmp_path / "model.onnx")!r}).read_bytes(), {INPUTS!r})
print("openvino_telemetry" in sys.modules)
"""
    home = tmp_path / "home"
    home.mkdir()
    assert run_python(code, home).strip() == "False"
    assert list(home.iterdir()) == []
