"""Formats of files as HTTP names them: from `Content-Type` and `Accept` to a format's name.

The names are those of `biospan.formats`. As with suffixes, `application/json` is BioC's JSON, and
what XML is, its root element says.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from email.message import Message
from types import MappingProxyType
from typing import NamedTuple

from biospan.formats import BINARY_FORMATS, FORMATS
from biospan.server.problems import Problem

ZIP = "application/zip"  # brat is a folder of files


class Format(NamedTuple):
    """A format that a body may have.

    Attributes:
        media_type: What is written, and the first that is understood.
        suffix: For a file of it.
        aliases: Other media types that mean it.
        reads: Whether it can be read.
        package: What it needs.
    """

    media_type: str
    suffix: str
    aliases: tuple[str, ...] = ()
    reads: bool = True
    package: str | None = None


MEDIA: Mapping[str, Format] = MappingProxyType(
    {
        "jsonl": Format(
            "application/jsonl", "jsonl", ("application/x-ndjson", "application/x-jsonlines")
        ),
        "bioc-json": Format("application/json", "json"),
        "bioc-xml": Format("application/xml", "xml", ("text/xml",)),
        "pubmed": Format("application/xml", "xml"),
        "jats": Format("application/xml", "nxml"),
        "pubtator": Format("text/x-pubtator", "pubtator"),
        "brat": Format(ZIP, "zip"),
        "iob2": Format("text/x-iob2", "iob2"),
        "iobes": Format("text/x-iobes", "iobes"),
        "txt": Format("text/plain", "txt"),
        "tsv": Format("text/tab-separated-values", "tsv", reads=False),
        "csv": Format("text/csv", "csv", reads=False),
        "html": Format("text/html", "html", reads=False),
        "jsonld": Format("application/ld+json", "jsonld", reads=False),
        "parquet": Format("application/vnd.apache.parquet", "parquet", package="pyarrow"),
        "spacy": Format("application/x-spacy-docbin", "spacy", package="spacy"),
    }
)


def is_there(name: str) -> bool:
    """Whether the package that a format needs is installed."""
    package = MEDIA[name].package
    return package is None or importlib.util.find_spec(package) is not None


def writes(name: str) -> bool:
    """Whether a format can be written."""
    return name in FORMATS or name in BINARY_FORMATS


def source(named: str | None, content_type: str | None) -> str:
    """The format of a request's body.

    Args:
        named: What `from` says; it goes before the header.
        content_type: The header.

    Raises:
        Problem: 415 if neither names a format that can be read here.
    """
    if named is not None:
        if named in MEDIA and MEDIA[named].reads and is_there(named):
            return named
        raise Problem(415, "unknown_format", f"`from`: expected one of {_names(reading=True)}")
    media_type = content(content_type)
    for name in MEDIA:
        if MEDIA[name].reads and is_there(name) and _means(name, media_type):
            return name
    raise Problem(
        415,
        "unknown_format",
        f"`Content-Type`: expected one of {', '.join(_types(reading=True))}; or say `?from=` and "
        f"one of {_names(reading=True)}",
    )


def target(named: str | None, accept: str | None) -> str:
    """The format of an answer; JSON lines for who takes anything.

    Raises:
        Problem: 406 if neither `to` nor `Accept` names a format that can be written here.
    """
    if named is not None:
        if named in MEDIA and writes(named) and is_there(named):
            return named
        raise Problem(406, "unknown_format", f"`to`: expected one of {_names(reading=False)}")
    wanted = list(_accepted(accept or "*/*"))
    for media_type in wanted:
        if media_type == "*/*":
            return "jsonl"
        for name in MEDIA:
            if writes(name) and is_there(name) and _means(name, media_type):
                return name
    raise Problem(
        406,
        "unknown_format",
        f"`Accept`: expected one of {', '.join(_types(reading=False))}; or say `?to=` and one of "
        f"{_names(reading=False)}",
    )


def content(header: str | None) -> str:
    """The media type of a `Content-Type`, in lower case; the empty string if there is none.

    Raises:
        Problem: 415 if it cannot be read, or names an encoding of characters other than UTF-8.
    """
    message = Message()
    message["Content-Type"] = header or ""
    try:
        charset = message.get_content_charset("utf-8")
    except ValueError as error:
        raise Problem(415, "bad_type", "`Content-Type`: not in the form of one") from error
    if charset not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise Problem(415, "bad_encoding", "`Content-Type`: expected UTF-8")
    return message.get_content_type() if header else ""


def _accepted(header: str) -> Iterator[str]:
    """Media types of an `Accept`, the best first; ties in their order."""
    weighed = []
    for place, item in enumerate(header.split(",")):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weight = float(quality)
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighed.append((-weight, place, media_type))
    yield from (media_type for _, _, media_type in sorted(weighed))


def _means(name: str, media_type: str) -> bool:
    return media_type == MEDIA[name].media_type or media_type in MEDIA[name].aliases


def _names(*, reading: bool) -> str:
    return ", ".join(name for name in MEDIA if usable(name, reading=reading))


def _types(*, reading: bool) -> list[str]:
    types = [MEDIA[name].media_type for name in MEDIA if usable(name, reading=reading)]
    return list(dict.fromkeys(types))


def usable(name: str, *, reading: bool) -> bool:
    """Whether a format can be read, or else written, with what is installed."""
    return is_there(name) and (MEDIA[name].reads if reading else writes(name))
