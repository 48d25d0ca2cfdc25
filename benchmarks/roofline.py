"""How near each engine comes to what a core can multiply and its memory can deliver, as a picture.

    python benchmarks/roofline.py docs/roofline.svg

One thread, processor time. The roof of an engine is a chain of products of the model's own shape,
run by that engine in its precision; the slope is what the memory delivers to one thread. The points
are the model as the tagger runs it: a sentence alone, and ever more windows at once. Their
intensity is how much is multiplied for each byte of weights and of numbers between the layers.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import biospan
from biospan.model_dir import load_model_dir
from biospan.runtime import OUTPUT, Runtime, available, open_runtime
from machine import PIECE_FLOP, commit, processor

WIDTH, WIDE, LAYERS = 384, 1536, 6
BATCHES = ((1, 12), (1, 32), (4, 32), (16, 32), (32, 64))  # windows, pieces of each
# Bytes of a weight and of a number between two products.
BYTES = {
    "onnxruntime": (4, 4),
    "onnxruntime-int8": (1, 1),
    "openvino": (4, 4),
    "openvino-bf16": (2, 2),
}
# Numbers that the six products of a layer read and write for each piece.
NUMBERS = (WIDTH + 3 * WIDTH) + 2 * WIDTH + 2 * (WIDTH + WIDE)
WEIGHTS = 12 * WIDTH * WIDTH
CHAIN_ROWS, CHAIN = 1024, 12


def main() -> None:
    """Measure, print the table, and draw it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("picture", type=Path, help="where the drawing goes (.svg, .png)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    arguments = parser.parse_args()
    title = f"{processor()}, 1 thread, commit {commit()}"
    print(f"{title}\n")
    bandwidth = memory_rate(arguments.seconds)
    print(f"memory: {bandwidth:.1f} GB a second\n")
    model = load_model_dir(Path(biospan.__file__).parent / "models" / "default")
    engines = [name for name in BYTES if name in available(has_int8=True)]
    print(
        "| engine | roof, GFLOP/s | " + " | ".join(f"{n} x {p} pieces" for n, p in BATCHES) + " |"
    )
    print("|---|---|" + "---|" * len(BATCHES))
    roofs, points = {}, {}
    for engine in engines:
        roofs[engine] = chain_rate(engine, arguments.seconds)
        runtime = open_runtime(
            engine,
            model.onnx,
            model.config.inputs,
            threads=1,
            activations=model.config.activations,
        )
        points[engine] = [
            (
                intensity(engine, n * p),
                model_rate(runtime, model.config.inputs, n, p, arguments.seconds),
            )
            for n, p in BATCHES
        ]
        cells = [f"{rate:.0f} ({rate / roofs[engine]:.0%})" for _, rate in points[engine]]
        print(f"| `{engine}` | {roofs[engine]:.0f} | " + " | ".join(cells) + " |", flush=True)
    draw(arguments.picture, title, bandwidth, roofs, points)


def intensity(engine: str, n_pieces: int) -> float:
    """Multiplications and additions for each byte that the layers' products need."""
    of_weight, of_number = BYTES[engine]
    moved = LAYERS * (WEIGHTS * of_weight + n_pieces * NUMBERS * of_number)
    return n_pieces * PIECE_FLOP / moved


def model_rate(
    runtime: Runtime, names: tuple[str, ...], n_windows: int, n_pieces: int, seconds: float
) -> float:
    """Useful GFLOP a processor second of the whole model, on full windows of random pieces."""
    rng = np.random.default_rng(0)
    shape = (n_windows, n_pieces)
    made: dict[str, NDArray[np.int64]] = {
        "input_ids": rng.integers(1000, 20_000, shape),
        "mask": np.ones(shape, np.int64),
        "token_starts": np.tile(np.arange(n_pieces), (n_windows, 1)),
    }
    inputs = {name: made.get(name, np.zeros(shape, np.int64)) for name in names}
    return n_windows * n_pieces * PIECE_FLOP / 1e9 / best(lambda: runtime.run(inputs), seconds)


def chain_rate(engine: str, seconds: float) -> float:
    """GFLOP a processor second of nothing but products, as wide as the model's widest."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)

    def matrix(n_in: int, n_out: int) -> NDArray[np.float32]:
        return rng.normal(scale=n_in**-0.5, size=(n_in, n_out)).astype(np.float32)

    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["x0"])]
    weights = {"table": rng.normal(size=(CHAIN_ROWS, WIDTH)).astype(np.float32)}
    for i in range(CHAIN):
        weights[f"w{i}"] = matrix(*((WIDTH, WIDE) if i % 2 == 0 else (WIDE, WIDTH)))
        output = OUTPUT if i == CHAIN - 1 else f"x{i + 1}"
        nodes.append(helper.make_node("MatMul", [f"x{i}", f"w{i}"], [output]))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "p"])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", "p", WIDTH])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()
    ranges = {f"x{i}": (-4.0, 4.0) for i in range(CHAIN)}
    runtime = open_runtime(engine, onnx, ("input_ids",), threads=1, activations=ranges)
    inputs = {"input_ids": np.arange(CHAIN_ROWS)[None]}
    flop = 2 * CHAIN * CHAIN_ROWS * WIDTH * WIDE
    return flop / 1e9 / best(lambda: runtime.run(inputs), seconds)


def memory_rate(seconds: float) -> float:
    """GB a second that one thread reads and writes, in arrays that no cache holds."""
    source = np.ones(64 * 2**20)
    target = np.empty_like(source)
    return 2 * source.nbytes / 1e9 / best(lambda: np.copyto(target, source), seconds)


def best(work: Callable[[], object], seconds: float) -> float:
    """Least processor time of one call, in seconds."""
    work()
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.process_time()
        work()
        least = min(least, time.process_time() - began)
    return least


def draw(
    path: Path,
    title: str,
    bandwidth: float,
    roofs: dict[str, float],
    points: dict[str, list[tuple[float, float]]],
) -> None:
    """Roofs as lines, the model as points on them or below, on two logarithmic axes."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "roofline"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    x = np.geomspace(3, 1000, 200)
    for colour, (engine, roof) in zip(("C0", "C1", "C2", "C3"), roofs.items(), strict=False):
        axes.plot(x, np.minimum(roof, bandwidth * x), color=colour, alpha=0.6)
        axes.plot(*zip(*points[engine], strict=True), "o", color=colour, label=engine)
    axes.set(xscale="log", yscale="log", xlim=(3, 1000))
    axes.set_xlabel("multiplications and additions for each byte")
    axes.set_ylabel("GFLOP a processor second")
    axes.set_title(title, fontsize=8)
    axes.set_yticks([50, 100, 200, 400, 800], ["50", "100", "200", "400", "800"], minor=False)
    axes.set_yticks([], minor=True)
    axes.set_xticks([3, 10, 30, 100, 300, 1000], ["3", "10", "30", "100", "300", "1000"])
    axes.grid(alpha=0.2)
    axes.legend(title="points: 12, 32, 128, 512, 2,048 pieces", loc="lower right")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
