"""Who may ask: by the server's name, a key, and the origin of the page that asks.

A server on one's own machine is within reach of every page that is open in a browser there. So
names that are not the server's are refused, which is how a page makes its own name lead here, and
so are requests from pages of other origins.
"""

import base64
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from starlette.types import Scope, Send

from biospan.server.problems import Problem

_NOWHERE = urlsplit("")


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

    def check(self, scope: Scope) -> bool:
        """Refuse a request that may not be made here.

        Returns:
            Whether it is a browser's question if a page of another origin may ask, and it may.

        Raises:
            Problem: 401, 403 or 421.
        """
        _check_host(header(scope, b"host"), self.hosts)
        if _is_preflight(scope, self.origins):
            return True
        _check_key(header(scope, b"authorization"), self.keys)
        _check_origin(scope, self.origins)
        return False


def header(scope: Scope, name: bytes) -> str | None:
    """The first value of a header, by its name in lower case."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if found else None


async def preflight(send: Send) -> None:
    """Tell a browser that pages of another origin may ask."""
    headers = [
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", b"authorization, content-type, accept"),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _check_host(header: str | None, names: Iterable[str]) -> None:
    """Refuse names that are not ours: a page may have its own name lead to this address."""
    host = (_split(f"//{header}") or _NOWHERE).hostname
    if host and (host == "localhost" or host in names or "*" in names or _is_address(host)):
        return
    raise Problem(
        421, "unknown_host", "the server is not called so; its operator can pass --allow-host NAME"
    )


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # a bracket without its other half, say
        return None


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
        except ValueError:
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
        and header(scope, b"access-control-request-method") is not None
        and header(scope, b"origin") in origins
    )


def _check_origin(scope: Scope, origins: tuple[str, ...]) -> None:
    """Refuse what a page of another origin sends; browsers send it and only hide the answer."""
    origin = header(scope, b"origin")
    if scope["method"] in ("GET", "HEAD") or origin is None or origin in origins:
        return
    if (_split(origin) or _NOWHERE).netloc != header(scope, b"host"):
        raise Problem(403, "other_origin", "pages of other origins may not ask; see --allow-origin")
