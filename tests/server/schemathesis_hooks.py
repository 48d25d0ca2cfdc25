"""Bodies that are files: schemathesis sends what it makes up as it is."""

from typing import Any

import schemathesis

FILES = (
    "application/jsonl",
    "text/x-pubtator",
    "text/x-iob2",
    "text/x-iobes",
    "application/zip",
    "application/vnd.apache.parquet",
    "application/x-spacy-docbin",
)


def as_bytes(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


for media_type in FILES:
    schemathesis.serializer(media_type)(as_bytes)
