"""Where the time of tagging goes, step by step.

    python benchmarks/anatomy.py

Processor time of one thread: how often others interrupt it makes no difference. The steps run one
after the other here; in use, the model of one group runs beside the other steps of its neighbours.
A second table has the model's own time by kind of operation, as ONNX Runtime's profiler has it.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import biospan
from biospan import (
    calibration,
    decode,
    pieces,
    precision,
    preparation,
    read_corpus,
    schedule,
    segment,
    spans,
)
from biospan import tagger as tagging
from biospan.document import Document
from biospan.model_dir import load_model_dir
from biospan.runtime import SLOW_FUSIONS
from machine import PIECE_FLOP, commit, processor

# Function by step, in the module that calls it; steps inside of others come first.
STEPS: tuple[tuple[str, Any, str], ...] = (
    ("sentences and units", segment, "sentence_spans"),
    ("sentences and units", segment, "token_spans"),
    ("tokenizer", pieces, "encode_batch"),
    ("pieces, shapes, stretches", preparation.Preparation, "apply"),
    ("windows and batches", pieces, "plan"),
    ("padded arrays", pieces, "to_inputs"),
    ("merge", pieces, "merge"),
    ("Viterbi", decode, "viterbi"),
    ("forward-backward", decode, "lattice"),
    ("evidence for scores", calibration, "weigh"),
    ("spans out of tags, batches of sentences", spans, "find"),
    ("scores and documents", tagging, "_with_entities"),
)


class Clock:
    """Processor time by step: that of a step inside of another counts for the inner one alone."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def watch(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time taken."""

        def watched(*arguments: Any, **options: Any) -> Any:
            began = time.thread_time()
            self._inner.append(0.0)
            try:
                return function(*arguments, **options)
            finally:
                whole = time.thread_time() - began
                self.spent[step] += whole - self._inner.pop()
                self._inner[-1] += whole

        return watched


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--abstracts", type=int, default=200)
    arguments = parser.parse_args()
    tagger = tagging.load(engine=arguments.engine, threads=1)
    documents = read_corpus("jnlpba-text", "dev")[: arguments.abstracts]
    texts = [document.text for document in documents]
    list(tagger.tag_many(texts[:5]))
    clock = Clock()
    for step, home, name in STEPS:
        setattr(home, name, clock.watch(step, getattr(home, name)))
    used, run = count_pieces(tagger, clock)
    began = time.process_time()
    for group in schedule.groups(map(Document, texts)):
        tagger.weigh(group)
    whole = time.process_time() - began
    clock.spent["the rest, and the tokenizer's threads"] = whole - sum(clock.spent.values())
    print(f"{processor()}, 1 thread, commit {commit()}, {tagger.fingerprint.split(' ', 1)[1]}\n")
    print("| step | ms an abstract | share |\n|---|---|---|")
    for step, seconds in sorted(clock.spent.items(), key=lambda item: -item[1]):
        print(f"| {step} | {seconds / len(texts) * 1e3:.2f} | {seconds / whole:.1%} |")
    other = whole - clock.spent["model"]
    print(f"| all but the model | {other / len(texts) * 1e3:.2f} | {other / whole:.1%} |")
    n_used, n_run = int(np.sum(used)), int(np.sum(run))
    padding = 1 - n_used / n_run
    print(f"\n{n_used / len(texts):.0f} pieces an abstract; {padding:.1%} of {n_run:,} padding")
    speed = n_run * PIECE_FLOP / clock.spent["model"] / 1e9
    print(f"the model: {speed:.0f} GFLOP (or as many in int8) a processor second")
    if "onnxruntime" in tagger.fingerprint:
        print_operations(is_int8="int8" in tagger.fingerprint)


def print_operations(*, is_int8: bool) -> None:
    """The share of each kind of operation in a batch of 32 windows of 32 pieces."""
    import onnxruntime

    files = load_model_dir(Path(biospan.__file__).parent / "models" / "default")
    ranges = files.config.activations
    onnx = precision.int8(files.onnx, ranges or {}) if is_int8 else precision.compact(files.onnx)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_profiling = True
    shape = (32, 32)
    made = {
        "input_ids": np.random.default_rng(0).integers(1000, 20_000, shape),
        "mask": np.ones(shape, np.int64),
        "token_starts": np.tile(np.arange(shape[1]), (shape[0], 1)),
        "shapes": np.zeros(shape, np.int64),
    }
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        session = onnxruntime.InferenceSession(
            onnx, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW_FUSIONS
        )
        for _ in range(30):
            session.run(None, {name: made[name] for name in files.config.inputs})
        events = json.loads(Path(session.end_profiling()).read_text())
    spent: dict[str, float] = defaultdict(float)
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
    whole = sum(spent.values())
    print("\n| operation | share of the model |\n|---|---|")
    for name, time_spent in sorted(spent.items(), key=lambda item: -item[1])[:10]:
        print(f"| {name} | {time_spent / whole:.1%} |")


def count_pieces(tagger: tagging.Tagger, clock: Clock) -> tuple[list[int], list[int]]:
    """Have the model's time taken, and its pieces counted: those of windows, and with padding."""
    used: list[int] = []
    run: list[int] = []
    model = tagger._model  # no use of a tagger needs it, but this
    inner = clock.watch("model", model.run)

    class Counted:
        fingerprint = model.fingerprint

        def run(self, inputs: Any) -> Any:
            used.append(int(inputs["mask"].sum()))
            run.append(inputs["mask"].size)
            return inner(inputs)

    tagger._model = Counted()
    return used, run


if __name__ == "__main__":
    main()
