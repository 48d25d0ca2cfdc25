"""Articles by their identifiers, from NCBI's E-utilities: all that were asked for, or which not.

Keeps to NCBI's usage policy (https://www.ncbi.nlm.nih.gov/books/NBK25497/): identifiers by POST, in
batches of 200 at most; 3 requests in a second at most, 10 with an API key; a tool's name and an
address in each; waiting as long as the server says. The key travels in the body of requests only
and is in no URL and no message; no redirect is followed.
"""

import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener
from xml.etree.ElementTree import Element

from biospan.errors import ConfigError, DownloadError, InputError
from biospan.formats import jats, pubmed, xml

URL = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
MAX_ANSWER = 256 * 2**20  # bytes

_ATTEMPTS = 5
_TIMEOUT = 60  # seconds without a byte
_LONGEST_WAIT = 300  # seconds that a server may ask for
_PMID = re.compile(r"(?:PMID:?)?0*([1-9][0-9]{0,9})", re.IGNORECASE)
_PMCID = re.compile(r"PMC0*([1-9][0-9]{0,9})", re.IGNORECASE)
_NONE_FOUND = re.compile(rb"<ERROR>[^<]*ID list is empty", re.IGNORECASE)

OnProgress = Callable[[int, int], None]  # identifiers asked for so far, and in all


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to ask, and who asks.

    Attributes:
        url: Of the folder in which `efetch.fcgi` is; https, or http on this machine.
        email: Where NCBI can reach who runs this; empty if not said.
        api_key: Of an NCBI account; allows 10 requests in a second instead of 3.
    """

    url: str = URL
    email: str = ""
    api_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            secure = parts.scheme == "https" or (parts.scheme == "http" and self.is_here())
        except ValueError as error:
            raise ConfigError(f"`{self.url}`: not a URL: {error}") from error
        if not secure or not parts.hostname:
            raise ConfigError(f"`{self.url}`: expected a URL that begins https://")
        if self.email and not re.fullmatch(r"[^\s@]+@[^\s@]+", self.email):
            raise ConfigError(f"`{self.email}`: not an e-mail address")

    def is_here(self) -> bool:
        """Whether the server is on this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


class _Database(NamedTuple):
    name: str
    root: str
    records: Sequence[str]
    batch: int  # identifiers in a request
    identifier: Callable[[Element], str]


_PUBMED = _Database("pubmed", "PubmedArticleSet", pubmed.ARTICLES, 200, pubmed.pmid)
# Full text is a thousand times as long.
_PMC = _Database("pmc", "pmc-articleset", ("article",), 20, jats.pmcid)


def is_id(word: str) -> bool:
    """Whether a word is a PMID or a PMC id."""
    return bool(_PMID.fullmatch(word) or _PMCID.fullmatch(word))


def checked_ids(words: Iterable[str]) -> list[str]:
    """Identifiers in one spelling, each once: PMIDs (`12345`) or PMC ids (`PMC123`), not both.

    Raises:
        InputError: If a word is neither, both are there, or there is none.
    """
    wanted: dict[str, None] = {}
    problems = []
    for word in words:
        if match := _PMID.fullmatch(word):
            wanted[match[1]] = None
        elif match := _PMCID.fullmatch(word):
            wanted[f"PMC{match[1]}"] = None
        else:
            problems.append(f"`{word:.40}`: expected a PMID such as 12345, or PMC123")
    if problems:
        raise InputError.from_problems(problems)
    if not wanted:
        raise InputError("no identifier, expected a PMID such as 12345, or PMC123")
    if len({identifier.startswith("PMC") for identifier in wanted}) > 1:
        raise InputError(
            "PMIDs and PMC ids: abstracts and full text are files of two kinds. Fetch each apart."
        )
    return list(wanted)


def fetch(
    words: Iterable[str],
    stream: BinaryIO,
    *,
    server: Server,
    on_progress: OnProgress = lambda done, total: None,
) -> list[str]:
    """Write the records of identifiers, as the server sends them, to one XML file.

    Args:
        words: PMIDs, or PMC ids for full text, as `checked_ids` takes them.
        stream: Gets the file; records of several answers stand in one root element.
        server: Whom to ask.
        on_progress: Called after each answer.

    Returns:
        The identifiers that no record came for.

    Raises:
        InputError: If the words are no identifiers, or an answer is too large.
        DownloadError: If the server cannot be reached or refuses, or its answers are broken.
    """
    wanted = checked_ids(words)
    database = _PMC if wanted[0].startswith("PMC") else _PUBMED
    client = _Client(server)
    missing: list[str] = []
    for start in range(0, len(wanted), database.batch):
        batch = wanted[start : start + database.batch]
        answer = client.ask(database, batch)
        stream.write(answer.records if start else answer.head + answer.records)
        missing += [identifier for identifier in batch if identifier not in answer.found]
        on_progress(min(start + database.batch, len(wanted)), len(wanted))
    stream.write(b"</%s>\n" % database.root.encode())
    return missing


class _Answer(NamedTuple):
    """What a server sent, cut where records begin and end."""

    head: bytes
    records: bytes
    found: set[str]


class _TryAgainError(Exception):
    """An answer that may be better next time."""

    def __init__(self, reason: object, wait: float = 0) -> None:
        super().__init__(str(reason))
        self.wait = wait  # seconds that the server asks for


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Do not follow: identifiers, address and key are for the server that was named."""


class _Client:
    """Asks one server, no more often than it allows."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._url = f"{server.url.rstrip('/')}/efetch.fcgi"
        self._interval = 1 / 10 if server.api_key else 1 / 3
        self._next = 0.0  # when the next request may be made
        handlers = [ProxyHandler({})] if server.is_here() else []
        self._opener = build_opener(_NoRedirect, *handlers)

    def ask(self, database: _Database, identifiers: Sequence[str]) -> _Answer:
        """The server's answer, asked for again while it is broken or the server is busy."""
        fields = {
            "db": database.name,
            "id": ",".join(identifier.removeprefix("PMC") for identifier in identifiers),
            "retmode": "xml",
            "tool": "biospan",
            "email": self._server.email,
            "api_key": self._server.api_key,
        }
        body = urlencode({name: value for name, value in fields.items() if value}).encode()
        for attempt in range(_ATTEMPTS):
            self._keep_pace()
            try:
                return _answer(self._post(body), database)
            except _TryAgainError as error:
                problem = error
            if problem.wait > _LONGEST_WAIT:
                raise DownloadError(
                    f"{self._url}: {problem}, asks to wait {problem.wait:.0f} s. Try again then."
                )
            if attempt < _ATTEMPTS - 1:
                _wait(problem.wait or 2**attempt)
        raise DownloadError(f"{self._url}: {problem}, {_ATTEMPTS} times. Try again later.")

    def _keep_pace(self) -> None:
        now = time.monotonic()
        if self._next > now:
            _wait(self._next - now)
        self._next = max(now, self._next) + self._interval

    def _post(self, body: bytes) -> bytes:
        request = Request(self._url, body)  # noqa: S310 - https, or http on this machine: see `Server`
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as response:
                data: bytes = response.read(MAX_ANSWER + 1)
                length = response.headers.get("Content-Length")
        except HTTPError as error:
            return self._refused(error)
        except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", None) or repr(error)
            raise _TryAgainError(f"cannot be reached: {reason}") from error
        if len(data) > MAX_ANSWER:
            raise InputError(f"{self._url}: an answer of more than {MAX_ANSWER:,} bytes: refused")
        if length and length.isdecimal() and int(length) != len(data):
            raise _TryAgainError(f"the connection broke after {len(data)} of {length} bytes")
        return data

    def _refused(self, error: HTTPError) -> bytes:
        """An answer that came with an error; none of the identifiers being known is one."""
        with error:
            said = f"the server answers {error.code} {error.reason}"
            if error.code == 429 or error.code >= 500:
                raise _TryAgainError(said, _seconds(error.headers.get("Retry-After", "")))
            if 300 <= error.code < 400:
                place = error.headers.get("Location", "")
                raise DownloadError(
                    f"{self._url}: redirects to `{place:.200}`: refused. Name the right URL."
                )
            data: bytes = error.read(2**16)
        if _NONE_FOUND.search(data):
            return data
        text = " ".join(data.decode(errors="replace").split())
        if self._server.api_key:  # a server may repeat what it was sent
            text = text.replace(self._server.api_key, "***")
        raise DownloadError(f"{self._url}: {said}: {text:.300}")


def _answer(data: bytes, database: _Database) -> _Answer:
    """Cut an answer, and see that it is whole.

    Raises:
        _TryAgainError: If it is broken, or no set of records.
    """
    root = database.root.encode()
    if _NONE_FOUND.search(data):
        return _Answer(b'<?xml version="1.0" ?>\n<%s>' % root, b"", set())
    opening = re.search(rb"<%s(\s[^<>]*?)?(/?)>" % root, data)
    if opening is None:
        excerpt = " ".join(data[:1000].decode(errors="replace").split())
        raise _TryAgainError(f"expected `{database.root}`, got `{excerpt:.100}`")
    head = data[: opening.start()] + b"<%s%s>" % (root, opening[1] or b"")
    if opening[2]:
        return _Answer(head, b"", set())
    found = set()
    try:
        for record in xml.cut(BytesIO(data), database.records):
            if record.content is None:
                raise InputError("a record without end")
            found.add(database.identifier(xml.parse(record.content)))
    except InputError as error:
        raise _TryAgainError(f"a broken answer: {error}") from error
    return _Answer(head, data[opening.end() : data.rindex(b"</%s" % root)], found)


def _seconds(said: str) -> float:
    """What `Retry-After` asks for: seconds, or a date; 0 if it is neither."""
    if said.strip().isdecimal():
        return float(said)
    try:
        date = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _wait(seconds: float) -> None:
    time.sleep(seconds)
