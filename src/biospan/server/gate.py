"""What every request passes before a route sees it, and every answer on its way out.

Plain ASGI. In this order: Host, key, Origin, whether the server takes requests, encoding and size
of the body (while it streams in), the deadline, and whether the client is still there.
"""

import asyncio
import base64
import binascii
import hmac
import ipaddress
import logging
import secrets
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from biospan.server.problems import Problem, wait
from biospan.server.service import Service

logger = logging.getLogger(__name__)

OPEN_PATHS = ("/livez", "/readyz")  # no key, no Host
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


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        keys: Any of these opens every route; without one every client may ask.
        hosts: Names a request may call the server by, besides `localhost` and addresses.
        origins: Pages of these origins may ask too (CORS).
    """

    keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


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
        answer = _Answer(send, self._access, _header(scope, b"origin"))
        begun = time.perf_counter()
        self._service.in_flight += 1
        try:
            await self._guarded(scope, receive, answer)
        finally:
            self._service.in_flight -= 1
            self._count(scope, answer.status, time.perf_counter() - begun)

    async def _guarded(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._serve(scope, receive, answer)
        except _GoneError:
            return
        except Problem as problem:
            if answer.status:
                raise  # too late to say so: the connection is closed
            await problem.response()(scope, receive, answer)
        except Exception as error:
            name = secrets.token_hex(4)
            # Where, not what: a message may quote a text.
            frames = "".join(traceback.format_tb(error.__traceback__))
            logger.error("error %s: %s\n%s", name, type(error).__name__, frames)
            if answer.status:
                raise
            own = Problem(500, "internal", f"an error of the server's own, number {name}")
            await own.response()(scope, receive, answer)

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        limits = self._service.limits
        if scope["path"] not in OPEN_PATHS:
            _check_host(_header(scope, b"host"), self._access.hosts)
            if _is_preflight(scope, self._access.origins):
                await _Preflight()(scope, receive, answer)
                return
            _check_key(_header(scope, b"authorization"), self._access.keys)
            _check_origin(scope, self._access.origins)
            if self._service.in_flight > limits.open_requests:
                raise wait(429, "busy", f"over {limits.open_requests} requests at one time")
        if scope["method"] == "POST":
            self._service.check_ready()
        body = await _read_body(scope, receive, self._service)
        await _until_gone(self._app, scope, receive, answer, (body, limits.deadline_s))

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


class _Preflight:
    """The answer to a browser that asks whether a page of another origin may ask."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type, accept"),
            (b"access-control-max-age", b"600"),
        ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _header(scope: Scope, name: bytes) -> str | None:
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if found else None


def _check_host(header: str | None, names: Iterable[str]) -> None:
    """Refuse names that are not ours: a page may have its own name lead to this address."""
    host = urlsplit(f"//{header}").hostname if header else None
    if host and (host == "localhost" or host in names or "*" in names or _is_address(host)):
        return
    raise Problem(
        421, "unknown_host", "the server is not called so; its operator can pass --allow-host NAME"
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_key(header: str | None, keys: tuple[str, ...]) -> None:
    if not keys:
        return
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() == "basic":  # a browser's own dialogue: any name, the key as password
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    elif scheme.lower() != "bearer":
        value = ""
    given = value.strip().encode("utf-8", "replace")
    # Every key is compared, in the same time whatever differs.
    matches = [hmac.compare_digest(given, key.encode()) for key in keys]
    if not any(matches):
        raise Problem(
            401,
            "no_key",
            "expected `Authorization: Bearer KEY`",
            headers={"WWW-Authenticate": 'Basic realm="biospan", charset="UTF-8"'},
        )


def _is_preflight(scope: Scope, origins: tuple[str, ...]) -> bool:
    return (
        scope["method"] == "OPTIONS"
        and _header(scope, b"access-control-request-method") is not None
        and _header(scope, b"origin") in origins
    )


def _check_origin(scope: Scope, origins: tuple[str, ...]) -> None:
    """Refuse what a page of another origin sends; browsers send it and only hide the answer."""
    origin = _header(scope, b"origin")
    if scope["method"] in ("GET", "HEAD") or origin is None or origin in origins:
        return
    if urlsplit(origin).netloc != _header(scope, b"host"):
        raise Problem(403, "other_origin", "pages of other origins may not ask; see --allow-origin")


async def _read_body(scope: Scope, receive: Receive, service: Service) -> bytes:
    """The whole body, refused as soon as it is too large or too slow."""
    limits = service.limits
    encoding = (_header(scope, b"content-encoding") or "identity").lower()
    if encoding != "identity":
        raise Problem(415, "encoded", "`Content-Encoding`: expected none")
    length = _header(scope, b"content-length")
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
        raise Problem(
            408, "slow", "the body did not come in time", headers={"Connection": "close"}
        ) from None


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too_large",
        f"the body has more than {limit} bytes",
        headers={"Connection": "close"},
        limit=limit,
    )


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
