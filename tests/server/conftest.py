"""Servers to talk to: in this process, and as processes of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

RUN_SMALL = Path(__file__).with_name("run_small.py")
START_S = 60.0


@dataclass
class Server:
    """A server process.

    Attributes:
        url: Without a slash at its end.
        log: What it wrote to standard error.
    """

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(60)


def started(command: list[str], log: Path, *, ready: bool = True, **environment: str) -> Server:
    """A server process that listens, and is ready unless told otherwise."""
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            command, stderr=stream, stdout=stream, env={**os.environ, **environment}
        )
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        listening = [line for line in log.read_text().splitlines() if "listening on " in line]
        if listening:
            server = Server(process, listening[0].partition("listening on ")[2], log)
            if not ready or _is_ready(server):
                return server
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"no server: {log.read_text()}")


def _is_ready(server: Server) -> bool:
    try:
        return httpx.get(f"{server.url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def small_server(
    needs_serve: None, tmp_path: Path
) -> Iterator[Callable[..., Server]]:
    """Start servers with a model of no weights; options are those of `run_small.py`."""
    servers: list[Server] = []

    def start(**options: Any) -> Server:
        command = [sys.executable, str(RUN_SMALL)]
        command += [f"{name}={value!r}" for name, value in options.items()]
        servers.append(started(command, tmp_path / f"{len(servers)}.log"))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def shared_server(needs_serve: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with a model of no weights for all tests of a module."""
    log = tmp_path_factory.mktemp("server") / "log"
    server = started([sys.executable, str(RUN_SMALL)], log)
    yield server
    server.stop(signal.SIGKILL)


def asking(app: Any, *, base_url: str = "http://localhost") -> Callable[..., httpx.Response]:
    """Requests to an application in this process, its models loaded."""

    def ask(method: str, path: str, **options: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
                return await client.request(method, path, **options)

        return asyncio.run(once())

    return ask
