"""What every request passes before a route sees it, and every answer on its way out.

Plain ASGI. In this order: Host, key, Origin, whether the server takes requests, encoding and size
of the body (while it streams in), the deadline, and whether the client is still there.
"""

import asyncio
import logging
import secrets
import time
import traceback
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from biospan.server.access import Access, header, preflight
from biospan.server.limits import Limits
from biospan.server.problems import Problem, wait
from biospan.server.service import Service

logger = logging.getLogger(__name__)

OPEN_PATHS = ("/livez", "/readyz")  # no key, no Host
ERROR_NAME = "biospan.error"  # in a request's scope
# For a client that is still sending to see that it was refused.
LINGER_S = 2.0
LINGER_BYTES = 16 * 2**20
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]


class _GoneError(Exception):
    """The client went away."""


class Gate:
    """The application behind its checks.

    Args:
        app: What answers.
        service: For limits, state and counters.
        access: Who may ask.
    """

    def __init__(self, app: ASGIApp, service: Service, access: Access) -> None:
        self._app = app
        self._service = service
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._access, header(scope, b"origin"))
        begun = time.perf_counter()
        self._service.in_flight += 1
        try:
            await self._guarded(scope, receive, answer)
        finally:
            self._service.in_flight -= 1
            self._count(scope, answer.status, time.perf_counter() - begun)

    async def _guarded(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        body = _Body(receive)
        try:
            await self._serve(scope, body, answer)
        except _GoneError:
            return
        except Problem as problem:
            await _refuse(problem, scope, body, answer)
        except Exception as error:
            name = scope.get(ERROR_NAME) or new_error_name()
            # Where, not what: a message may quote a text.
            frames = "".join(traceback.format_tb(error.__traceback__))
            logger.error("error %s: %s\n%s", name, type(error).__name__, frames)
            if not answer.status:
                await _refuse(internal(name), scope, body, answer)
            elif not answer.complete:
                raise RuntimeError(f"error {name}: the answer is cut off") from None

    async def _serve(self, scope: Scope, body: "_Body", answer: "_Answer") -> None:
        limits = self._service.limits
        if not scope["path"].isprintable():
            raise Problem(404, "not_found", "Not Found")
        if scope["path"] not in OPEN_PATHS:
            if self._access.check(scope):
                await _read_body(scope, body, limits)
                await preflight(answer)
                return
            if self._service.in_flight > limits.open_requests:
                raise wait(429, "busy", f"over {limits.open_requests} requests at one time")
        if scope["method"] == "POST":
            self._service.check_ready()
        data = await _read_body(scope, body, limits)
        await _until_gone(self._app, scope, body, answer, (data, limits.deadline_s))

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._service.metrics.requests.labels(route, str(status)).inc()
        self._service.metrics.seconds.labels(route).observe(seconds)
        logger.info("%s %s %d %.0f ms", scope["method"], route, status, seconds * 1000)


class _Answer:
    """`send`, with the headers that every answer has; remembers the status."""

    def __init__(self, send: Send, access: Access, origin: str | None) -> None:
        self._send = send
        self._origin = origin if origin is not None and origin in access.origins else None
        self.status = 0
        self.complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", []))
            names = {name for name, _ in headers}
            headers += [(name, value) for name, value in _HEADERS if name not in names]
            if b"cache-control" not in names:
                headers.append((b"cache-control", b"no-store"))
            if self._origin is not None:
                headers.append((b"access-control-allow-origin", self._origin.encode("latin-1")))
                headers.append((b"vary", b"Origin"))
            message = {**message, "headers": headers}
        await self._send(message)
        self.complete = message["type"] == "http.response.body" and not message.get("more_body")


class _Body:
    """`receive`, which counts the body and knows whether all of it is here."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.complete = False
        self.size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self.size += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        return message


async def _refuse(problem: Problem, scope: Scope, body: _Body, answer: _Answer) -> None:
    """Answer with a problem; whoever is still sending gets the time to see it.

    If the connection were closed on unread data, the client's system would throw the answer away.
    """
    if answer.status:
        raise RuntimeError("the answer is cut off") from problem
    response = problem.response()
    sending = not body.complete and (
        header(scope, b"transfer-encoding") or header(scope, b"content-length") not in (None, "0")
    )
    if not sending:
        await response(scope, body, answer)
        return
    headers = [*response.raw_headers, (b"connection", b"close")]
    await answer({"type": "http.response.start", "status": problem.status_code, "headers": headers})
    await answer({"type": "http.response.body", "body": response.body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            end = body.size + LINGER_BYTES
            while not body.complete and body.size < end:
                await body()
    await answer({"type": "http.response.body", "body": b""})


def new_error_name() -> str:
    """What an error of the server's own is called, in its answer and in the log."""
    return secrets.token_hex(4)


def internal(name: str) -> Problem:
    """The answer to an error of the server's own."""
    return Problem(500, "internal", f"an error of the server's own, number {name}")


async def _read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """The whole body, refused as soon as it is too large or too slow."""
    encoding = (header(scope, b"content-encoding") or "identity").lower()
    if encoding != "identity":
        raise Problem(415, "encoded", "`Content-Encoding`: expected none")
    length = header(scope, b"content-length")
    if length is not None and length.isdigit() and int(length[:20]) > limits.body_bytes:
        raise _too_large(limits.body_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_s):
            while True:
                message = await asyncio.wait_for(receive(), limits.idle_s)
                if message["type"] == "http.disconnect":
                    raise _GoneError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limits.body_bytes:
                    raise _too_large(limits.body_bytes)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Problem(408, "slow", "the body did not come in time") from None


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"the body has more than {limit} bytes", limit=limit)


async def _until_gone(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, terms: tuple[bytes, float]
) -> None:
    """Run the application, and end it when the client is gone or the deadline has passed."""
    body, deadline_s = terms
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    gone = asyncio.ensure_future(receive())

    async def replay() -> Message:
        return messages.pop() if messages else await asyncio.shield(gone)

    answering = asyncio.ensure_future(app(scope, replay, send))
    try:
        done, _ = await asyncio.wait(
            (answering, gone), timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED
        )
        if answering in done:
            await answering
        elif gone in done:
            raise _GoneError
        else:
            raise Problem(504, "late", f"not done in {deadline_s:g} seconds; send less at a time")
    finally:
        for task in (answering, gone):
            if not task.done():
                task.cancel()
        await asyncio.gather(answering, gone, return_exceptions=True)
