"""A server as a process of its own."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

RUN_SMALL = Path(__file__).parent / "server" / "run_small.py"
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
