"""Running the application in this process: connections, signals, an orderly end."""

import asyncio
import logging
import math
import socket
import time
from types import FrameType

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from biospan.server.limits import Limits
from biospan.server.problems import Problem
from biospan.server.service import Service

logger = logging.getLogger(__name__)

MAX_HEADERS = 32 * 2**10  # bytes
MAX_CONNECTIONS = 1024


def run(app: ASGIApp, service: Service, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is in flight.

    Raises:
        OSError: If the address cannot be listened on.
        Exception: Why the models could not be loaded, if they could not.
    """
    limits = service.limits
    listener = listen(host, port)
    config = uvicorn.Config(
        app,
        http=_protocol(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEADERS,
        timeout_keep_alive=max(1, round(limits.keep_alive_s)),
        timeout_graceful_shutdown=1,
        backlog=MAX_CONNECTIONS,
    )
    name, real_port = listener.getsockname()[:2]
    logger.info("listening on http://%s:%d", f"[{name}]" if ":" in name else name, real_port)
    _Server(config, service).run([listener])
    if service.error is not None:
        raise service.error


def listen(host: str, port: int) -> socket.socket:
    """Take connections at an address; those that are accepted send at once what is written.

    Raises:
        OSError: If the address cannot be listened on.
    """
    listener = socket.create_server(
        (host, port),
        family=socket.AF_INET6 if ":" in host else socket.AF_INET,
        backlog=MAX_CONNECTIONS,
    )
    # asyncio sees to it only for sockets that name their protocol, which this one does not. A
    # body would wait for the client's delayed acknowledgement of its head: 40 ms a request.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Server(uvicorn.Server):
    """Answers 503 while what is in flight is finished, and only then stops listening."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._end_by: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, stop at the second."""
        if self._end_by is not None or self._service.state != "ready":
            self._end_by = time.monotonic()
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)
        self._service.drain()
        self._end_by = time.monotonic() + self._service.limits.drain_s

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop listening; asked ten times a second."""
        done = await super().on_tick(counter) or self._service.state == "failed"
        if self._end_by is None:
            return done
        left = self._end_by - time.monotonic()
        # What is in flight when listening ends has the rest of the time, and no time anew.
        self.config.timeout_graceful_shutdown = max(1, math.ceil(left))
        return done or self._service.in_flight == 0 or left <= 0


def _protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Connections that are cut off when a client is slow, and that answer in JSON alone."""

    class Connection(H11Protocol):
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._reading = _Reading(transport, limits.idle_s)
            if len(self.connections) > MAX_CONNECTIONS:
                transport.abort()
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            _cancel(self._head_timer)
            self._head_timer = None
            self._reading.end()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE:
                self._await_head()  # some of the headers; no second chance before all are there
            else:
                _cancel(self._head_timer)
                self._head_timer = None

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading.begin()

        def resume_writing(self) -> None:
            self._reading.end()
            super().resume_writing()

        def send_400_response(self, msg: str) -> None:
            """Answer what is not HTTP: in JSON, if nothing of an answer was sent yet."""
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                problem = Problem(400, "bad_request", "the request is not HTTP/1.1")
                answer = problem.response()
                headers = [*answer.raw_headers, (b"connection", b"close")]
                head = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
                for part in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(part) or b"")
            self.transport.close()
            if self.cycle:  # the request whose body this was has had its answer
                self.cycle.disconnected = True
                self.cycle.message_event.set()

        def _await_head(self) -> None:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(limits.idle_s, self.transport.abort)

    return Connection


class _Reading:
    """Cuts a client off that reads nothing for a while, however long all of it takes."""

    def __init__(self, transport: asyncio.Transport, idle_s: float) -> None:
        self._transport = transport
        self._idle_s = idle_s
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """More is written than the client takes at once."""
        left = self._transport.get_write_buffer_size()
        self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._check, left)

    def end(self) -> None:
        """All of it is taken, or the client is gone."""
        _cancel(self._timer)
        self._timer = None

    def _check(self, before: int) -> None:
        if self._transport.get_write_buffer_size() < before:
            self.begin()
        else:
            self._transport.abort()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
