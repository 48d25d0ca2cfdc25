"""JSON from anyone: UTF-8 only, bounded in depth, no key twice, finite numbers of sane length.

Python's reader takes UTF-16, NaN, and the last of several equal keys; each of these is something
that another reader of the same bytes would see otherwise.
"""

import json
import math
import re
from typing import Any, NoReturn

from biospan.server.problems import Problem

_STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{\]}]', re.DOTALL)
_MAX_DIGITS = 30


def loads(data: bytes, *, depth: int) -> Any:
    """The value of a JSON text.

    Raises:
        Problem: 400 if the bytes are not UTF-8, 422 if they are not JSON or too deep.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "bad_encoding", f"the body is not UTF-8 at byte {error.start}") from None
    _check_depth(text, depth)
    try:
        return json.loads(
            text,
            object_pairs_hook=_no_twins,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_short,
        )
    except json.JSONDecodeError as error:
        raise Problem(
            422,
            "not_json",
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
        ) from None


def _check_depth(text: str, limit: int) -> None:
    if text.count("[") + text.count("{") <= limit:
        return
    depth = 0
    for match in _STRUCTURE.finditer(text):
        sign = match[0]
        if sign in "[{":
            depth += 1
            if depth > limit:
                raise Problem(
                    422, "too_deep", f"more than {limit} levels of arrays and objects", limit=limit
                )
        elif sign in "]}":
            depth -= 1


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise Problem(422, "duplicate_key", "an object of the body has a key twice")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise Problem(422, "not_finite", f"`{name}` is not JSON; numbers are finite")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Problem(422, "not_finite", "a number of the body is too large")
    return value


def _short(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise Problem(422, "not_finite", f"an integer of the body has over {_MAX_DIGITS} digits")
    return int(digits)
