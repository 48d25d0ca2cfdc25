"""Fetching from a stand-in for E-utilities on this machine: whole, in pace, and never to others."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from biospan import fetch, formats
from biospan.document import Document
from biospan.errors import ConfigError, DownloadError, InputError

HEAD = (
    '<?xml version="1.0" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n'
)
KEY = "s3cr3tk3y"
Answer = Callable[[BaseHTTPRequestHandler, dict[str, str]], None]


def article(pmid: str) -> str:
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article><ArticleTitle>'
        f"Gene {pmid} of β cells.</ArticleTitle></Article></MedlineCitation></PubmedArticle>\n"
    )


def full_text(number: str) -> str:
    return (
        '<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>'
        f'<article-id pub-id-type="pmcid">PMC{number}</article-id></article-meta></front>'
        f'<body><p>Text {number} <ext-link xlink:href="x">here</ext-link>.</p></body></article>'
    )


@dataclass
class StandIn:
    """Answers the requests in turn as it was told to, and then as E-utilities does."""

    url: str
    unknown: set[str] = field(default_factory=set)
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def usual(self, handler: BaseHTTPRequestHandler, fields: dict[str, str]) -> None:
        known = [number for number in fields["id"].split(",") if number not in self.unknown]
        if fields["db"] == "pmc":
            send(handler, f"<pmc-articleset>{''.join(map(full_text, known))}</pmc-articleset>")
        elif known:
            records = "".join(map(article, known))
            send(handler, f"{HEAD}<PubmedArticleSet>\n{records}</PubmedArticleSet>\n")
        else:
            error = "<eFetchResult><ERROR>ID list is empty! Possibly it has no correct IDs.</ERROR>"
            send(handler, f"{error}</eFetchResult>", code=400)

    def server(self, **options: str) -> fetch.Server:
        return fetch.Server(self.url, **options)


def send(handler: BaseHTTPRequestHandler, body: str, *, code: int = 200, **headers: str) -> None:
    data = body.encode()
    handler.send_response(code)
    for name, value in ({"Content_Length": str(len(data))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def error(code: int, **headers: str) -> Answer:
    return lambda handler, fields: send(handler, "busy", code=code, **headers)


def body(text: str, **headers: str) -> Answer:
    return lambda handler, fields: send(handler, text, code=200, **headers)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            fields = dict(parse_qsl(data.decode()))
            found.asked.append(fields)
            found.paths.append(self.path)
            found.times.append(time.monotonic())
            (found.answers.pop(0) if found.answers else found.usual)(self, fields)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        found = StandIn(f"http://127.0.0.1:{listening.server_port}/entrez/eutils")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        listening.shutdown()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited, in seconds; nothing is."""
    waited: list[float] = []
    monkeypatch.setattr(fetch, "_wait", waited.append)
    return waited


def read(tmp_path: Path, data: bytes) -> list[Document]:
    path = tmp_path / "fetched.xml"
    path.write_bytes(data)
    return list(formats.read(path))


def test_several_answers_are_one_file_of_all_records(
    standin: StandIn, waits: list[float], tmp_path: Path
) -> None:
    ids = [str(number) for number in range(1000, 1450)]
    stream, progress = BytesIO(), list[tuple[int, int]]()
    missing = fetch.fetch(
        ids,
        stream,
        server=standin.server(email="me@example.org"),
        on_progress=lambda done, total: progress.append((done, total)),
    )
    assert missing == []
    assert [document.id for document in read(tmp_path, stream.getvalue())] == ids
    expected = f"{HEAD}<PubmedArticleSet>\n{''.join(map(article, ids))}</PubmedArticleSet>\n"
    assert stream.getvalue().decode().replace("\n\n", "\n") == expected
    assert [len(fields["id"].split(",")) for fields in standin.asked] == [200, 200, 50]
    assert progress == [(200, 450), (400, 450), (450, 450)]
    first = standin.asked[0]
    del first["id"]
    assert first == {
        "db": "pubmed",
        "retmode": "xml",
        "tool": "biospan",
        "email": "me@example.org",
    }
    assert set(standin.paths) == {"/entrez/eutils/efetch.fcgi"}


def test_full_text_comes_by_pmc_ids(standin: StandIn, waits: list[float], tmp_path: Path) -> None:
    ids = [f"PMC{number}" for number in range(1, 46)]
    standin.unknown = {"7"}
    stream = BytesIO()
    assert fetch.fetch(ids, stream, server=standin.server()) == ["PMC7"]
    ids.remove("PMC7")
    documents = read(tmp_path, stream.getvalue())
    assert [document.id for document in documents] == ids
    assert documents[0].text == "Text 1 here."
    assert [fields["db"] for fields in standin.asked] == ["pmc"] * 3


def test_identifiers_that_do_not_come_are_told(
    standin: StandIn, waits: list[float], tmp_path: Path
) -> None:
    standin.unknown = {"2", "4"}
    stream = BytesIO()
    assert fetch.fetch(["1", "2", "3", "4"], stream, server=standin.server()) == ["2", "4"]
    assert [document.id for document in read(tmp_path, stream.getvalue())] == ["1", "3"]


def test_none_of_a_batch_being_known_does_not_lose_the_others(
    standin: StandIn, waits: list[float], tmp_path: Path
) -> None:
    ids = [str(number) for number in range(1, 402)]
    standin.unknown = set(ids[:200]) | {"401"}
    stream = BytesIO()
    assert fetch.fetch(ids, stream, server=standin.server()) == [*ids[:200], "401"]
    assert [document.id for document in read(tmp_path, stream.getvalue())] == ids[200:400]
    assert len(standin.asked) == 3


def test_an_empty_set_is_an_answer(standin: StandIn, waits: list[float], tmp_path: Path) -> None:
    standin.answers = [body(f"{HEAD}<PubmedArticleSet/>")]
    stream = BytesIO()
    assert fetch.fetch(["5"], stream, server=standin.server()) == ["5"]
    assert read(tmp_path, stream.getvalue()) == []


@pytest.mark.parametrize(("key", "pace"), [("", 3), (KEY, 10)])
def test_requests_keep_to_the_pace_that_is_allowed(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, key: str, pace: int
) -> None:
    monkeypatch.setattr(fetch, "_PUBMED", fetch._PUBMED._replace(batch=1))
    fetch.fetch(["1", "2", "3", "4"], BytesIO(), server=standin.server(api_key=key))
    assert standin.times[-1] - standin.times[0] > 3 / pace - 0.05
    assert {fields.get("api_key", "") for fields in standin.asked} == {key}


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again_later_and_later(
    standin: StandIn, waits: list[float], tmp_path: Path, code: int
) -> None:
    standin.answers = [error(code), error(code), error(code)]
    stream = BytesIO()
    assert fetch.fetch(["1"], stream, server=standin.server()) == []
    assert [wait for wait in waits if wait >= 1] == [1, 2, 4]
    assert [document.id for document in read(tmp_path, stream.getvalue())] == ["1"]


def test_the_server_says_how_long_to_wait(standin: StandIn, waits: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    standin.answers = [
        error(429, Retry_After="17"),
        error(503, Retry_After=later),
        error(429, Retry_After="soon"),
    ]
    fetch.fetch(["1"], BytesIO(), server=standin.server())
    seconds, date, unknown = (wait for wait in waits if wait >= 1)
    assert seconds == 17
    assert 30 < date <= 60
    assert unknown == 4


def test_a_wait_without_end_is_not_waited(standin: StandIn, waits: list[float]) -> None:
    standin.answers = [error(429, Retry_After="86400")]
    with pytest.raises(DownloadError, match="429 Too Many Requests, asks to wait 86400 s"):
        fetch.fetch(["1"], BytesIO(), server=standin.server())
    assert len(standin.asked) == 1


def test_a_server_that_stays_busy_is_given_up(standin: StandIn, waits: list[float]) -> None:
    standin.answers = [error(500)] * 9
    with pytest.raises(DownloadError, match="500 Internal Server Error, 5 times"):
        fetch.fetch(["1"], BytesIO(), server=standin.server())
    assert len(standin.asked) == 5


WHOLE = f"{HEAD}<PubmedArticleSet>{article('1')}</PubmedArticleSet>"


@pytest.mark.parametrize(
    "broken",
    [
        body(WHOLE, Content_Length=str(len(WHOLE.encode()) + 9)),
        body(WHOLE[:-1]),
        body(WHOLE[:-4]),
        body(WHOLE[:-30]),
        body(WHOLE.replace("</Article>", "")),
        body(WHOLE.replace("</PubmedArticle>", "")),
        body("<eFetchResult><ERROR>Cannot process</ERROR></eFetchResult>"),
        body('{"error": "overloaded"}'),
        body(""),
        lambda handler, fields: None,
    ],
)
def test_an_answer_that_is_cut_or_broken_is_asked_for_again(
    standin: StandIn, waits: list[float], tmp_path: Path, broken: Answer
) -> None:
    standin.answers = [broken]
    stream = BytesIO()
    assert fetch.fetch(["1"], stream, server=standin.server()) == []
    assert stream.getvalue() == f"{HEAD}<PubmedArticleSet>\n{article('1')}".encode() + (
        b"</PubmedArticleSet>\n"
    )
    assert len(standin.asked) == 2


@pytest.mark.parametrize("place", ["http://example.org/", "https://example.org/", "file:///etc"])
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_refused(standin: StandIn, waits: list[float], code: int, place: str) -> None:
    standin.answers = [error(code, Location=place)]
    with pytest.raises(DownloadError, match=f"redirects to `{re.escape(place)}`: refused"):
        fetch.fetch(["1"], BytesIO(), server=standin.server(api_key=KEY))
    assert len(standin.asked) == 1


@pytest.mark.parametrize("code", [400, 429, 503])
def test_no_message_tells_the_key(standin: StandIn, waits: list[float], code: int) -> None:
    said = f'{{"error":"API key invalid","api-key":"{KEY}"}}'
    standin.answers = [lambda handler, fields: send(handler, said, code=code)] * 9
    server = standin.server(api_key=KEY)
    with pytest.raises(DownloadError) as told:
        fetch.fetch(["1"], BytesIO(), server=server)
    assert KEY not in str(told.value) + repr(server)
    if code == 400:
        assert 'API key invalid","api-key":"***"' in str(told.value)
        assert len(standin.asked) == 1


def test_an_answer_without_end_is_refused(
    standin: StandIn, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_ANSWER", 100)
    with pytest.raises(InputError, match="more than 100 bytes"):
        fetch.fetch(["1"], BytesIO(), server=standin.server())


def test_a_server_that_is_not_there_is_told(waits: list[float]) -> None:
    server = fetch.Server("http://127.0.0.1:9/eutils")
    with pytest.raises(DownloadError, match="cannot be reached: .*refused.*5 times"):
        fetch.fetch(["1"], BytesIO(), server=server)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/eutils",
        "http://127.0.0.1.example.org",
        "http://localhost@example.org/",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://",
        "https://[::1",
        "eutils",
    ],
)
def test_only_https_or_this_machine_is_asked(url: str) -> None:
    with pytest.raises(ConfigError, match="expected a URL that begins https://|not a URL"):
        fetch.Server(url)


@pytest.mark.parametrize(
    "url", [fetch.URL, "http://localhost:1/x", "http://127.8.0.1", "http://[::1]:80/"]
)
def test_https_and_this_machine_are_allowed(url: str) -> None:
    assert fetch.Server(url).is_here() == (url != fetch.URL)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="`me`: not an e-mail address"):
        fetch.Server(email="me")


def test_identifiers_are_read_in_every_usual_spelling_and_each_once() -> None:
    assert fetch.checked_ids(["12", "PMID:12", "pmid13", "0014"]) == ["12", "13", "14"]
    assert fetch.checked_ids(["PMC7", "pmc07", "PMC8"]) == ["PMC7", "PMC8"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["12", "twelve", "10.1/x"], "`twelve`: expected a PMID.*\n`10.1/x`"),
        (["0"], "`0`: expected"),
        (["1" * 11], "expected a PMID"),
        (["1,2"], "`1,2`"),
        ([], "no identifier"),
        (["1", "PMC1"], "files of two kinds"),
    ],
)
def test_what_is_no_identifier_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fetch.checked_ids(words)
