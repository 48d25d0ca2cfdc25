"""Requests per second and waiting times of `biospan serve`, beside a server that shares no calls.

    python benchmarks/server.py

The other server is the same program with the same threads, except that each request runs the model
by itself. For sentences and for abstracts of JNLPBA's development split it prints

- capacity: what 16 clients that ask again at once get answered, in requests a second, and the
  processor time that the server spent on each, which other work on the machine changes less;
- at 70 % of the smaller capacity, requests that begin when they are due, whether or not earlier
  ones were answered (open loop): the median and the 99th percentile from due time to answer;
- the median of a single client that asks again at once.

The two take turns, and ratios are medians over the rounds, so that what else the machine does
touches both. Everything stays on this machine.
"""

import argparse
import asyncio
import itertools
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

ROUNDS = 3
CLIENTS = 16
LOAD = 0.7
SIDES = ("shared", "alone")
FIGURES = ("capacity", "cpu", "p50", "p99", "single")


def main() -> None:
    """Measure both servers in turn and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--threads", type=int, default=None, help="of the model; all by default")
    parser.add_argument("--serve", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.threads)
        return
    texts = {"sentences": sentences(), "abstracts": abstracts()}
    with server("shared", arguments.threads) as shared, server("alone", arguments.threads) as alone:
        sides = {"shared": shared, "alone": alone}
        for kind, some in texts.items():
            measured = asyncio.run(measure(sides, some, arguments))
            print_rows(kind, measured)


def serve(side: str, threads: int | None) -> None:
    """Be one of the servers; the other one's model runs what each request asks by itself."""
    from biospan.server import models
    from biospan.server.access import Access
    from biospan.server.app import build
    from biospan.server.limits import Limits
    from biospan.server.run import run
    from biospan.server.service import Service
    from biospan.server.sharing import Client, SharedRuntime
    from biospan.tagger import load

    class Alone(SharedRuntime):
        """Shares nothing."""

        def run_for(
            self, client: Client, inputs: Mapping[str, NDArray[np.int64]]
        ) -> NDArray[np.float32]:
            return self._runtime.run(inputs)

    if side == "alone":
        vars(models)["SharedRuntime"] = Alone
    service = Service(lambda: {"default": load(threads=threads)}, Limits())
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("biospan.server.run").setLevel(logging.INFO)
    run(build(service, Access()), service, host="127.0.0.1", port=0)


@contextmanager
def server(side: str, threads: int | None) -> Iterator[tuple[int, psutil.Process]]:
    """A server as a process; gives its port, and itself, when it is ready."""
    command = [sys.executable, __file__, "--serve", side]
    command += ["--threads", str(threads)] if threads else []
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        found = next(filter(None, (re.search(r":(\d+)$", line.strip()) for line in process.stderr)))
        port = int(found[1])
        asyncio.run(until_ready(port))
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def abstracts() -> list[str]:
    """The development abstracts as running text."""
    from biospan import read_corpus

    return [document.text for document in read_corpus("jnlpba-text", "dev")]


def sentences() -> list[str]:
    """Their sentences."""
    from biospan import segment

    return [text[i:j] for text in abstracts() for i, j in segment.sentence_spans(text)]


class Client:
    """A connection that asks one thing at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, text: str) -> int:
        """Have a text tagged; returns the status."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        body = json.dumps({"text": text}).encode()
        writer.write(
            b"POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()


async def until_ready(port: int) -> None:
    """Ask until a text is tagged."""
    while True:
        client = Client(port)
        try:
            if await client.ask("IL-2 gene") == 200:
                return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            client.close()
        await asyncio.sleep(0.2)


async def closed_loop(port: int, texts: list[str], clients: int, seconds: float) -> list[float]:
    """Seconds that each answer took, of clients that ask again at once."""
    queue = itertools.cycle(texts)
    end = time.perf_counter() + seconds
    took: list[float] = []

    async def ask_on() -> None:
        client = Client(port)
        while (begun := time.perf_counter()) < end:
            if await client.ask(next(queue)) == 200:
                took.append(time.perf_counter() - begun)
        client.close()

    await asyncio.gather(*(ask_on() for _ in range(clients)))
    return took


async def open_loop(port: int, texts: list[str], rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer; Poisson arrivals."""
    rng = random.Random(0)
    queue = itertools.cycle(texts)
    idle: list[Client] = []
    took: list[float] = []

    async def ask(due: float) -> None:
        client = idle.pop() if idle else Client(port)
        if await client.ask(next(queue)) == 200:
            took.append(time.perf_counter() - due)
        idle.append(client)

    begun = time.perf_counter()
    due, tasks = begun, []
    while due < begun + seconds:
        due += rng.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.ensure_future(ask(due)))
    await asyncio.gather(*tasks)
    for client in idle:
        client.close()
    return took


async def measure(
    servers: Mapping[str, tuple[int, psutil.Process]], texts: list[str], arguments: Any
) -> dict[str, dict[str, list[float]]]:
    """For each server and figure, its value in each round."""
    random.Random(0).shuffle(texts)
    found: dict[str, dict[str, list[float]]] = {
        side: {"capacity": [], "cpu": [], "single": [], "p50": [], "p99": []} for side in SIDES
    }
    ports = {side: port for side, (port, _) in servers.items()}
    for port in ports.values():
        await closed_loop(port, texts, CLIENTS, 2.0)
    for _ in range(arguments.rounds):
        for side, port in ports.items():
            before = sum(servers[side][1].cpu_times()[:2])
            took = await closed_loop(port, texts, CLIENTS, arguments.seconds)
            spent = sum(servers[side][1].cpu_times()[:2]) - before
            found[side]["cpu"].append(spent / max(1, len(took)))
            found[side]["capacity"].append(len(took) / arguments.seconds)
        for side, port in ports.items():
            took = await closed_loop(port, texts, 1, arguments.seconds)
            found[side]["single"].append(statistics.median(took))
        rate = LOAD * min(found[side]["capacity"][-1] for side in SIDES)
        for side, port in ports.items():
            took = await open_loop(port, texts, rate, arguments.seconds)
            found[side]["p50"].append(float(np.percentile(took, 50)))
            found[side]["p99"].append(float(np.percentile(took, 99)))
    return found


def print_rows(kind: str, found: dict[str, dict[str, list[float]]]) -> None:
    """One row of a Markdown table for each server, and the ratios."""
    print(
        f"\n| {kind} | requests/s | CPU for each | p50 at 70 % | p99 at 70 % | p50 of one client |"
    )
    print("|---|---|---|---|---|---|")
    for side in SIDES:
        capacity, cpu, p50, p99, single = (statistics.median(found[side][name]) for name in FIGURES)
        print(
            f"| {side} | {capacity:.1f} | {1000 * cpu:.1f} ms "
            f"| {1000 * p50:.0f} ms | {1000 * p99:.0f} ms | {1000 * single:.1f} ms |"
        )
    ratios = [
        statistics.median(
            mine / other
            for mine, other in zip(found["shared"][name], found["alone"][name], strict=True)
        )
        for name in FIGURES
    ]
    print("| shared / alone | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")


if __name__ == "__main__":
    main()
