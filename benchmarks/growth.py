"""How time and memory grow with documents and with the length of a text, and what workers add.

    python benchmarks/growth.py

Times are processor time; the slope is that of their logarithm against the size's: 1 is linear.
Memory is what is resident after each size, in one process and in this order. Threads and processes:
how much is done a second by each number of them, against one; on a machine that has other work to
do, that says little.
"""

import argparse
import math
import os
import subprocess
import sys
import time
from itertools import cycle, islice

import numpy as np
import psutil

from biospan import read_corpus
from biospan.tagger import Tagger, load
from machine import commit, processor


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--documents", type=int, nargs="*", default=[100, 1000, 5000, 20_000])
    parser.add_argument(
        "--characters", type=int, nargs="*", default=[10, 100, 1000, 10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each number of workers")
    parser.add_argument("--as-worker", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.as_worker:
        print(work(arguments.as_worker, arguments.seconds))
        return
    print(f"{processor()}, commit {commit()}\n")
    tagger = load(threads=1)
    texts = [document.text for document in read_corpus("jnlpba-text", "dev")]
    list(tagger.tag_many(texts[:20]))
    running = " ".join(texts)
    long = {n: [(running * (n // len(running) + 1))[:n]] for n in arguments.characters}
    grow("documents", tagger, {n: list(islice(cycle(texts), n)) for n in arguments.documents})
    grow("characters of one text", tagger, long)
    if arguments.workers:
        workers(arguments)


def grow(what: str, tagger: Tagger, inputs: dict[int, list[str]]) -> None:
    """A table of time and memory by size, and the slope."""
    print(f"| {what} | processor s | ms each | resident MB |\n|---|---|---|---|")
    sizes, times = [], []
    for size, texts in inputs.items():
        times_to_run = max(1, 20 // size) if what == "documents" else max(1, 2000 // size)
        began = time.process_time()
        for _ in range(times_to_run):
            for _ in tagger.tag_many(texts):
                pass
        spent = (time.process_time() - began) / times_to_run
        memory = psutil.Process().memory_info().rss / 1e6
        print(f"| {size:,} | {spent:.3g} | {spent / size * 1e3:.3g} | {memory:.0f} |", flush=True)
        sizes.append(size)
        times.append(spent)
    whole = [i for i, size in enumerate(sizes) if what == "documents" or size >= 1000]
    if len(whole) > 1:
        slope = np.polyfit(
            [math.log(sizes[i]) for i in whole], [math.log(times[i]) for i in whole], 1
        )[0]
        print(f"\nslope {slope:.3f}, from {sizes[whole[0]]:,} on\n")


def workers(arguments: argparse.Namespace) -> None:
    """Abstracts a second of so many threads of one process, and of so many processes."""
    print("| | abstracts/s | against one | efficiency |\n|---|---|---|---|")
    for kind in ("threads", "processes"):
        first = 0.0
        for number in arguments.workers:
            n_processes, n_threads = (1, number) if kind == "threads" else (number, 1)
            command = [sys.executable, *sys.argv, "--as-worker", str(n_threads)]
            running = [
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                for _ in range(n_processes)
            ]
            rate = sum(float(process.communicate()[0]) for process in running)
            first = first or rate
            share = rate / first
            row = f"| {number} {kind} | {rate:.1f} | {share:.2f} | {share / number:.0%} |"
            print(row, flush=True)
    print(f"\nload of the machine while this ran: {os.getloadavg()[0]:.1f}")


def work(threads: int, seconds: float) -> float:
    """Abstracts a second of this process."""
    tagger = load(threads=threads)
    texts = [document.text for document in read_corpus("jnlpba-text", "dev")]
    list(tagger.tag_many(texts[:20]))
    began, done = time.perf_counter(), 0
    for _ in tagger.tag_many(cycle(texts)):
        done += 1
        if time.perf_counter() - began > seconds:
            break
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
