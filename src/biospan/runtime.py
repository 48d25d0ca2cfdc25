"""Running a model's graph: named integer arrays in, one array of emissions out.

The seam between this project and whatever multiplies the matrices: one class per runtime, each
imported only when it is built. What the arrays mean is the business of `biospan.pieces`; whether
the bytes are to be trusted, of `biospan.model_dir`.
"""

import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from biospan import precision as precisions
from biospan.errors import ConfigError, MissingDependencyError, ModelError
from biospan.onnx_graph import GRAPH, refuse_external_data
from biospan.processors import n_cores

Precision = Literal["f32", "bf16", "int8"]

AUTO = "auto"
# Runtime and precision of each engine.
_ENGINES: dict[str, tuple[str, Precision]] = {
    "onnxruntime": ("onnxruntime", "f32"),
    "onnxruntime-int8": ("onnxruntime", "int8"),
    "openvino": ("openvino", "f32"),
    "openvino-bf16": ("openvino", "bf16"),
    "openvino-int8": ("openvino", "int8"),
}
ENGINES = (AUTO, *_ENGINES)

OUTPUT = "emissions"
# Of ONNX Runtime 1.32: joined into one step these take a fourth of the model's time longer than
# one after the other (`benchmarks/anatomy.py`).
SLOW_FUSIONS = ("SkipLayerNormFusion", "BiasGeluFusion")
TOKEN_STARTS = "token_starts"  # noqa: S105 - the one input with a column for each token
# What decides which kernels a runtime picks, and so the last bits of its sums.
_CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16")


class Choice(NamedTuple):
    """An engine, and why that one."""

    engine: str
    reason: str


class Runtime(Protocol):
    """A loaded graph. Any number of threads may call `run` at the same time."""

    @property
    def fingerprint(self) -> str:
        """Runtime, version, precision, instruction set: equal means equal results, bit for bit."""

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Emissions of a batch.

        Args:
            inputs: The arrays that the model's config names, such as `input_ids`.
                Shape (n_windows, n_pieces), and (n_windows, n_tokens) for `token_starts`.

        Returns:
            Finite log-domain scores. Shape (n_windows, n_tokens, n_tags).

        Raises:
            ModelError: If an array is missing or too many, or the graph fails on them.
        """


class OnnxRuntime:
    """Microsoft's ONNX Runtime on the CPU.

    Args:
        onnx: A serialised graph, with no data outside of it.
        inputs: Names of its inputs, exactly.
        threads: Threads of one `run`; None: one per core that this process may use.
        precision: What the graph multiplies in, which it says itself: `f32` or `int8`.

    Raises:
        ModelError: If the graph does not load, or has other inputs or outputs.
        MissingDependencyError: If `onnxruntime` is not installed.
    """

    def __init__(
        self,
        onnx: bytes,
        inputs: Sequence[str],
        *,
        threads: int | None = None,
        precision: Precision = "f32",
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependencyError("onnxruntime") from error
        refuse_external_data(onnx)
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _thread_count(threads)
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # A memory pattern is kept for every shape that was ever run, and no two batches have the
        # same. The arena stays: without it the peak is a third higher, with it memory is flat.
        options.enable_mem_pattern = False
        options.enable_cpu_mem_arena = True
        options.log_severity_level = 4  # none: errors are raised, and logged they would show twice
        # Waiting threads would burn a core each for nothing when processes share a machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Its errors share no base class but Exception.
        try:
            self._session = onnxruntime.InferenceSession(
                onnx,
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=SLOW_FUSIONS,
            )
        except Exception as error:
            raise ModelError(f"{GRAPH}: ONNX Runtime cannot load it: {_brief(error)}") from error
        self._inputs = tuple(inputs)
        _check_graph(
            self._inputs,
            {node.name: (node.type, len(node.shape)) for node in self._session.get_inputs()},
            {node.name: (node.type, len(node.shape)) for node in self._session.get_outputs()},
            types=("tensor(int64)", "tensor(float)"),
        )
        self.fingerprint = f"onnxruntime {onnxruntime.__version__} {precision} {_instruction_set()}"

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """See `Runtime.run`."""
        _check_inputs(self._inputs, inputs)
        try:
            emissions: NDArray[np.float32] = self._session.run([OUTPUT], dict(inputs))[0]
        except Exception as error:
            raise ModelError(f"{GRAPH}: ONNX Runtime cannot run it: {_brief(error)}") from error
        return _checked(emissions)


class OpenVino:
    """Intel's OpenVINO on the CPU.

    Args:
        onnx: A serialised graph, with no data outside of it.
        inputs: Names of its inputs, exactly.
        threads: Threads of one `run`; None: one per core that this process may use.
        precision: What it multiplies in. `bf16` is faster on CPUs that have it, and rounds; for
            `int8` the graph has to say so.

    Raises:
        ModelError: If the graph does not load, or has other inputs or outputs.
        MissingDependencyError: If `openvino` is not installed.
    """

    def __init__(
        self,
        onnx: bytes,
        inputs: Sequence[str],
        *,
        threads: int | None = None,
        precision: Precision = "f32",
    ) -> None:
        refuse_external_data(onnx)
        openvino = _import_openvino()
        core = openvino.Core()
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": _thread_count(threads),
            "PERFORMANCE_HINT": "LATENCY",
            # Pinned, several processes would fight over the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        # Its errors share no base class but Exception.
        try:
            model = core.read_model(onnx)
            # Packed weights are expanded here: left to itself, OpenVINO 2026.4 multiplies them
            # packed, which is wrong by 0.8 (fp32) or ends the process (bf16) for few tokens.
            # Of a graph in int8 the weights are to stay as they are.
            if precision != "int8":
                folding = openvino.passes.Manager()
                folding.register_pass(openvino.passes.ConstantFolding())
                folding.run_passes(model)
            self._compiled = core.compile_model(model, "CPU", options)
        except Exception as error:
            raise ModelError(f"{GRAPH}: OpenVINO cannot load it: {_brief(error)}") from error
        self._inputs = tuple(inputs)
        _check_graph(
            self._inputs,
            {port.any_name: _port_type(port) for port in model.inputs},
            {port.any_name: _port_type(port) for port in model.outputs},
            types=("i64", "f32"),
        )
        # A request serves one thread at a time; list.pop and list.append are atomic.
        self._idle: list[Any] = []
        self.fingerprint = f"openvino {openvino.__version__} {precision} {_instruction_set()}"

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """See `Runtime.run`."""
        _check_inputs(self._inputs, inputs)
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            request.infer(dict(inputs))
            # A copy: the request's own memory is written again by its next user.
            emissions = np.array(request.get_output_tensor(0).data)
        except Exception as error:
            raise ModelError(f"{GRAPH}: OpenVINO cannot run it: {_brief(error)}") from error
        self._idle.append(request)
        return _checked(emissions)


def open_runtime(
    engine: str,
    onnx: bytes,
    inputs: Sequence[str],
    *,
    threads: int | None = None,
    activations: Mapping[str, tuple[float, float]] | None = None,
) -> Runtime:
    """Load a graph into an engine.

    Args:
        engine: One of `ENGINES`; `auto`: what `choose` chooses.
        onnx: A serialised graph, as `export` writes it.
        inputs: Names of its inputs, exactly.
        threads: Threads of one `run`; None: one per core that this process may use.
        activations: Ranges of what is multiplied by weights, which int8 needs.

    Raises:
        ConfigError: If there is no such engine, or it is one for int8 and there are no ranges.
        ModelError: If the graph does not load, or has other inputs or outputs.
        MissingDependencyError: If the engine's runtime is not installed.
    """
    if engine == AUTO:
        engine = choose(has_int8=bool(activations)).engine
    if engine not in _ENGINES:
        raise ConfigError(f"engine: got `{engine}`; expected one of {', '.join(ENGINES)}")
    runtime, precision = _ENGINES[engine]
    if precision == "int8":
        if not activations:
            raise ConfigError(
                f"engine: got `{engine}`, but the model was exported without `activations`, the "
                "ranges that int8 needs. Export it again, or choose another engine"
            )
        onnx = precisions.int8(onnx, activations)
    if runtime == "openvino":
        return OpenVino(onnx, inputs, threads=threads, precision=precision)
    if precision == "f32":
        onnx = precisions.compact(onnx)
    return OnnxRuntime(onnx, inputs, threads=threads, precision=precision)


def available(*, has_int8: bool) -> list[str]:
    """The engines that are installed and can run a model.

    Args:
        has_int8: Whether the model can be run in int8.
    """
    return [
        engine
        for engine, (runtime, precision) in _ENGINES.items()
        if find_spec(runtime) is not None and (has_int8 or precision != "int8")
    ]


def choose(*, has_int8: bool) -> Choice:
    """The fastest engine among those whose cost in accuracy is known to be next to nothing.

    That is int8 where an export measured what it costs, and else float32. It is ONNX Runtime's
    int8: in OpenVINO's, which is faster on some processors, an entity depends on what else is in
    its batch. The figures are in `docs/performance.md`.

    Args:
        has_int8: Whether the model can be run in int8.
    """
    if has_int8:
        return Choice("onnxruntime-int8", "fast, and its cost was measured at the export")
    return Choice("onnxruntime", "the model has no ranges for int8, or lost too much by them")


def _import_openvino() -> Any:
    """OpenVINO without its telemetry.

    `import openvino` by itself writes a client id into the home directory and reports the import
    to Google Analytics, with no variable to prevent it. Where `openvino_telemetry` cannot be
    imported it uses a stub instead, so for that moment it cannot.
    """
    try:
        with _unimportable("openvino_telemetry"):
            import openvino
            import openvino.passes
    except ImportError as error:
        raise MissingDependencyError("openvino", "openvino") from error
    return openvino


@contextmanager
def _unimportable(module: str) -> Iterator[None]:
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def _check_graph(
    expected: Sequence[str],
    inputs: Mapping[str, tuple[str, int]],
    outputs: Mapping[str, tuple[str, int]],
    *,
    types: tuple[str, str],
) -> None:
    """Refuse a graph whose ports (name: element type, rank) are not the model's."""
    if sorted(inputs) != sorted(expected):
        raise ModelError(
            f"{GRAPH}: got inputs {_names(inputs)}; expected {_names(expected)}, "
            "as config.json says"
        )
    for name, (element_type, _) in inputs.items():
        if element_type != types[0]:
            raise ModelError(f"{GRAPH}: input `{name}`: got {element_type}; expected {types[0]}")
    if list(outputs) != [OUTPUT]:
        raise ModelError(f"{GRAPH}: got outputs {_names(outputs)}; expected `{OUTPUT}` alone")
    element_type, rank = outputs[OUTPUT]
    if (element_type, rank) != (types[1], 3):
        raise ModelError(
            f"{GRAPH}: output `{OUTPUT}`: got {element_type} of rank {rank}; "
            f"expected {types[1]} of rank 3"
        )


def _port_type(port: Any) -> tuple[str, int]:
    rank = port.get_partial_shape().rank
    return port.get_element_type().get_type_name(), rank.get_length() if rank.is_static else 0


def _check_inputs(expected: Sequence[str], inputs: Mapping[str, NDArray[np.int64]]) -> None:
    """Refuse arrays that do not fit; of shapes, OpenVINO takes any and answers nonsense."""
    if sorted(inputs) != sorted(expected):
        raise ModelError(f"{GRAPH}: given {_names(inputs)}; expected {_names(expected)}")
    shapes = {name: array.shape for name, array in inputs.items()}
    per_piece = {shape for name, shape in shapes.items() if name != TOKEN_STARTS}
    if {len(shape) for shape in shapes.values()} != {2} or len(per_piece) > 1:
        raise ModelError(f"{GRAPH}: given shapes {shapes}; expected rank 2, equal for pieces")
    if len({shape[0] for shape in shapes.values()}) > 1:
        raise ModelError(f"{GRAPH}: given shapes {shapes}; expected as many windows in each")
    for name, array in inputs.items():
        if array.dtype != np.int64:
            raise ModelError(f"{GRAPH}: `{name}`: given {array.dtype}; expected int64")


def _checked(emissions: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(emissions).all():
        raise ModelError(f"{GRAPH}: got NaN or infinite emissions; expected finite numbers")
    return emissions


def _names(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(f"`{name:.80}`" for name in sorted(names)) or "none"


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _thread_count(threads: int | None) -> int:
    if threads is None:
        return n_cores()
    if threads < 1:
        raise ConfigError(f"threads: got {threads}; expected 1 or more")
    return threads


def _instruction_set() -> str:
    return " ".join([platform.machine(), *_flags()])


def _flags() -> list[str]:
    """Which of `_CPU_FLAGS` this processor has; none where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return [flag for flag in _CPU_FLAGS if flag in flags]
