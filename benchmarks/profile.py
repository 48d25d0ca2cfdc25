"""Where the time of tagging goes, step by step.

    python benchmarks/profile.py

Processor time of one thread: how often others interrupt it makes no difference. The steps run one
after the other here; in use, the model of one group runs beside the other steps of its neighbours.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from biospan import calibration, decode, pieces, preparation, read_corpus, schedule, segment, spans
from biospan import tagger as tagging
from biospan.document import Document
from machine import PIECE_FLOP, commit, processor

# Function by step, in the module that calls it; steps inside of others come first.
STEPS: tuple[tuple[str, Any, str], ...] = (
    ("sentences and units", segment, "sentence_spans"),
    ("sentences and units", segment, "token_spans"),
    ("tokenizer", pieces, "_encode_batch"),
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
