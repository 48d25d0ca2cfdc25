"""What the server answers when it does not do what was asked.

Every such answer is one JSON object: `code` for programs, `message` for people, and where it
applies `pointer` (a JSON Pointer to the field), `limit`, `problems`. Nothing a client sent is
repeated in it. The text of an answer is ASCII, so that nothing in it can fail to be encoded.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import HTTPException
from starlette.responses import Response

RETRY_AFTER_S = 1  # where nothing better is known


class Problem(HTTPException):
    """An answer other than 200.

    Args:
        status: Of HTTP.
        code: A name for programs, stable.
        message: What is wrong and what is expected, without anything the client sent.
        headers: To add to the answer.
        more: Further members of the answer, such as `pointer` or `limit`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.body = {"code": code, "message": message, **more}

    def response(self) -> Response:
        """The answer."""
        return json_response(self.body, self.status_code, self.headers)


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON, all ASCII: lone surrogates, which UTF-8 cannot hold, are escaped."""
    data = json.dumps(body, allow_nan=False, separators=(",", ":")).encode("ascii")
    return Response(data, status, headers, media_type="application/json")


def pointer(place: Sequence[str | int]) -> str:
    """The JSON Pointer (RFC 6901) to a place."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)


def place(field: Sequence[str | int], parameter: str = "") -> dict[str, Any]:
    """Where a request is wrong: in a parameter of its address, or else in a field of its body."""
    return {"parameter": parameter} if parameter else {"pointer": pointer(field)}


def wait(status: int, code: str, message: str, seconds: int = RETRY_AFTER_S) -> Problem:
    """A problem that time solves, with `Retry-After`."""
    return Problem(status, code, message, headers={"Retry-After": str(max(1, seconds))})
