"""What a server refuses, how it says so, and what it keeps to itself."""

import base64
import io
import json
import random
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from server_process import Server

SECRET = "zqxsecret"
DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def client(shared_server: Server) -> httpx.Client:
    return httpx.Client(base_url=shared_server.url, timeout=60)


def send(client: httpx.Client, body: bytes | str, **headers: str) -> httpx.Response:
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(
        "/v1/tag", content=data, headers={"Content-Type": "application/json", **named}
    )


def nested(depth: int) -> str:
    return '{"text":"il","labels":' + "[" * depth + "]" * depth + "}"


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ("", 422, "invalid", ""),
        ("{", 422, "not_json", None),
        ("[]", 422, "invalid", ""),
        ("null", 422, "invalid", ""),
        ('{"text": 7}', 422, "invalid", "/text"),
        ('{"texts": ["il", {"a": 1}]}', 422, "invalid", "/texts/1"),
        ("{}", 422, "invalid", ""),
        ('{"text": "il", "texts": []}', 422, "invalid", ""),
        ('{"text": "il", "zqxsecret~/": 1}', 422, "invalid", "/zqxsecret~0~1"),
        ('{"text": "il", "minimum_score": 1.5}', 422, "invalid", "/minimum_score"),
        ('{"text": "il", "minimum_score": "0.5"}', 422, "invalid", "/minimum_score"),
        ('{"text": "il", "minimum_score": NaN}', 422, "not_finite", None),
        ('{"text": "il", "minimum_score": -Infinity}', 422, "not_finite", None),
        ('{"text": "il", "minimum_score": 1e999}', 422, "not_finite", None),
        ('{"text": "il", "minimum_score": 1' + "0" * 9999 + "}", 422, "not_finite", None),
        ('{"text": "il", "offsets": "bytes"}', 422, "invalid", "/offsets"),
        ('{"text": "il", "labels": ["DNA", "virus"]}', 422, "unknown_label", "/labels/1"),
        ('{"text": "il", "model": "other"}', 422, "unknown_model", "/model"),
        ('{"text": "il", "text": "gene"}', 422, "duplicate_key", None),
        ('{"text": "il"} x', 422, "not_json", None),
        ('{"text": "zqxsecret \\q"}', 422, "not_json", None),
        (nested(31), 422, "invalid", "/labels/0"),
        (nested(32), 422, "too_deep", None),
        (nested(100_000), 422, "too_deep", None),
        ('{"text": "' + "[{" * 3_000 + '"}', 200, None, None),
        ('{"text": "il", "texts": "\\ud800' + SECRET + '"}', 422, "invalid", "/texts"),
        (b'{"text": "\xff"}', 400, "bad_encoding", None),
        ('{"text": "il"}'.encode("utf-16"), 400, "bad_encoding", None),
        (b'\xef\xbb\xbf{"text": "il"}', 422, "not_json", None),
    ],
)
def test_json_is_read_strictly(
    client: httpx.Client, body: bytes | str, status: int, code: str | None, pointer: str | None
) -> None:
    answer = send(client, body)
    assert answer.status_code == status, answer.text
    if code is not None:
        told = answer.json()
        assert told["code"] == code
        assert told["message"]
        assert told.get("pointer") == pointer
        assert len(answer.content) < 400
    if pointer is None or SECRET not in pointer:
        assert SECRET not in answer.text


def test_each_limit_holds_at_its_edge(client: httpx.Client) -> None:
    def status(body: Any) -> int:
        return send(client, json.dumps(body)).status_code

    assert status({"text": "Il gene. " * 11_111}) == 200
    long = send(client, json.dumps({"texts": ["", "x" * 100_001]}))
    assert (long.status_code, long.json()["pointer"]) == (422, "/texts/1")
    assert long.json()["limit"] == 100_000
    assert status({"texts": [""] * 32}) == 200
    many = send(client, json.dumps({"texts": [""] * 33}))
    assert (many.status_code, many.json()["limit"]) == (422, 32)
    frame = len('{"text": ""}')
    assert send(client, '{"text": "' + " " * (2_000_000 - frame) + '"}').status_code == 422
    large = send(client, '{"text": "' + " " * (2_000_001 - frame) + '"}')
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


def test_a_body_of_unknown_length_is_cut_off_while_it_streams(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        for _ in range(4000):
            sent += 65_536
            yield b" " * 65_536

    # Refused at 2 MB, and cut off soon after, whatever is still to come; a client that reads while
    # it sends sees the answer.
    headers = {"Content-Type": "application/json"}
    with suppress(httpx.TransportError):
        assert client.post("/v1/tag", content=endless(), headers=headers).status_code == 413
    assert sent < 100_000_000


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json; charset=UTF-8"}, 200),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "br, gzip"}, 415),
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example:80"}, 421),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "evil.example", "X-Forwarded-Host": "localhost"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_headers_decide_who_is_served(
    client: httpx.Client, headers: dict[str, str], status: int
) -> None:
    answer = send(client, '{"text": "il"}', **headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    if status != 200:
        assert answer.json()["code"]


def test_the_page_may_ask_its_own_server(client: httpx.Client, shared_server: Server) -> None:
    assert send(client, '{"text": "il"}', Origin=shared_server.url).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/none", "/../etc/passwd", "/v1/%00", "/%ff", "/" + "x" * 5000]
)
def test_unknown_paths_are_not_found(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused_in_json(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/v1/tag")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"


def test_a_key_guards_every_route_but_the_probes(small_server: Any) -> None:
    key = "a-key-of-the-test"
    server = small_server(keys=(key, "another-key-of-it"))
    with httpx.Client(base_url=server.url, timeout=60) as client:
        paths = client.get("/openapi.json", headers={"Authorization": f"Bearer {key}"}).json()
        routes = [(path, method) for path, item in paths["paths"].items() for method in item]
        assert len(routes) >= 8
        for path, method in [*routes, ("/", "get"), ("/openapi.json", "get")]:
            answer = client.request(method, path)
            is_probe = path in ("/livez", "/readyz")
            assert answer.status_code == (200 if is_probe else 401), path
            if not is_probe:
                assert answer.headers["www-authenticate"].startswith("Basic")
        basic = base64.b64encode(b"anyone:another-key-of-it").decode()
        for good in (f"Bearer {key}", f"bearer {key}", f"Basic {basic}"):
            assert client.get("/", headers={"Authorization": good}).status_code == 200
        for bad in (
            "Bearer",
            f"Bearer {key}x",
            key,
            "Basic !",
            "Basic /w==",
            "Basic \xe9",
            "Bearer \xe9",
        ):
            answer = client.get("/", headers={b"Authorization": bad.encode("latin-1")})
            assert answer.status_code == 401


def test_pages_of_named_origins_may_ask(small_server: Any) -> None:
    origin = "https://lab.example"
    server = small_server(origins=(origin,))
    with httpx.Client(base_url=server.url, timeout=60) as client:
        question = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = client.options("/v1/tag", headers=question)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == origin
        answer = send(client, '{"text": "il"}', Origin=origin)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
        other = client.options("/v1/tag", headers={**question, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


BROKEN = {
    "jsonl": '{"text": "zqxsecret", "entities": [[0, 99, "zqxsecret"]]}\n{"zqxsecret": 1}\n'
    "zqxsecret\n"
    '{"text": "a", "metadata": {"zqxsecret": ["zqxsecret"]}}\n"zqxsecret"\n[["zqxsecret"]]',
    "bioc-json": '{"documents": [{"id": "zqxsecret", "passages": [{"offset": "zqxsecret"}]}]}',
    "bioc-xml": "<collection><document><id>zqxsecret</id><passage><offset>zqxsecret</offset>"
    "<text>zqxsecret</text></passage></document></collection>",
    "pubmed": "<zqxsecret><PubmedArticle></PubmedArticle></zqxsecret>",
    "jats": "<article><zqxsecret></article>",
    "pubtator": "1|t|zqxsecret\n1|a|zqxsecret\n1\t0\t99\tzqxsecret\tzqxsecret\tzqxsecret\n",
    "iob2": "zqxsecret\tI-zqxsecret\n",
    "iobes": "zqxsecret zqxsecret zqxsecret\tQ-zqxsecret\n",
    "brat": "zqxsecret",
    "parquet": "zqxsecret",
    "spacy": "zqxsecret",
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_files_are_told_by_place_and_never_repeated(client: httpx.Client, name: str) -> None:
    answer = client.post(f"/v1/convert?from={name}", content=BROKEN[name].encode())
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "unreadable"
    assert SECRET not in answer.text
    assert "/tmp" not in answer.text


def test_mutated_files_give_no_error_of_the_servers_own(client: httpx.Client) -> None:
    rng = random.Random(0)
    samples = [
        ("bioc-xml", next((DATA / "bioc").glob("*.xml"))),
        ("bioc-json", DATA / "bioc" / "list.json"),
        *(("pubmed", path) for path in sorted((DATA / "pubmed").glob("*.xml"))[:2]),
        *(("pubtator", path) for path in sorted((DATA / "pubtator").glob("*"))[:2]),
        *(("jsonl", path) for path in sorted((DATA / "jsonl").glob("*.jsonl"))[:2]),
    ]
    statuses = set()
    for name, path in samples:
        original = path.read_bytes()[:20_000]
        for _ in range(12):
            data = bytearray(original)
            for _ in range(rng.randint(1, 4)):
                place = rng.randrange(len(data) or 1)
                data[place : place + rng.randint(0, 3)] = rng.choice(
                    [b"", b"\x00", b"\xff", b"zqxsecret", b"<", b'"', b"\t", b"999999999999999999"]
                )
            to = rng.choice(
                ["jsonl", "bioc-xml", "pubtator", "html", "tsv", "brat", "jsonld", "iob2"]
            )
            answer = client.post(f"/v1/convert?from={name}&to={to}", content=bytes(data))
            statuses.add(answer.status_code)
            if answer.status_code != 200:
                assert SECRET not in answer.text
    assert statuses <= {200, 422}
    assert statuses == {200, 422}


def test_an_archive_that_unpacks_to_much_is_refused(client: httpx.Client) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", " " * 100_000_000)
    answer = client.post("/v1/convert?from=brat", content=packed.getvalue())
    assert answer.status_code == 413
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../evil.txt", "il")
    answer = client.post("/v1/convert?from=brat", content=packed.getvalue())
    assert answer.status_code == 422


def test_the_name_of_a_file_in_an_archive_is_never_repeated(client: httpx.Client) -> None:
    for name, content in (("zqxsecret.ann", "T1\tDNA 0 9\tx\n"), ("x" * 300 + ".txt", "il")):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(name, content)
        answer = client.post("/v1/convert?from=brat", content=packed.getvalue())
        assert (answer.status_code, answer.json()["code"]) == (422, "unreadable")
        assert SECRET not in answer.text
        assert "xxx" not in answer.text


def test_a_content_type_that_cannot_be_read_is_refused(client: httpx.Client) -> None:
    header = f"text/plain; charset*{'1' * 5000}=x"
    answer = client.post("/v1/convert", content=b"il", headers={"Content-Type": header})
    assert answer.status_code == 415


@pytest.mark.parametrize("parameter", ["label", "model"])
def test_what_is_wrong_in_an_address_is_told_by_its_parameter(
    client: httpx.Client, parameter: str
) -> None:
    answer = client.post(f"/v1/documents?from=txt&{parameter}=zqxsecret", content=b"il")
    assert answer.status_code == 422
    assert answer.json()["parameter"] == parameter
    assert "pointer" not in answer.json()


def test_a_long_document_of_a_file_is_told_by_its_number(client: httpx.Client) -> None:
    lines = [json.dumps({"text": "il"}), json.dumps({"text": "i" * 100_001})]
    answer = client.post("/v1/documents?from=jsonl", content="\n".join(lines).encode())
    assert (answer.status_code, answer.json()["code"]) == (422, "too_long")
    assert answer.json()["message"].startswith("text 2 ")
    assert "pointer" not in answer.json()


def test_more_documents_than_the_limit_are_refused(client: httpx.Client) -> None:
    line = b'{"text": "il"}\n'
    assert client.post("/v1/convert?from=jsonl", content=line * 1000).status_code == 200
    answer = client.post("/v1/convert?from=jsonl", content=line * 1001)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many")


def test_what_a_format_cannot_hold_is_refused(client: httpx.Client) -> None:
    body = b'{"text": "zqxsecret", "entities": [[0, 9, "zqx secret"]]}'
    answer = client.post("/v1/convert?from=jsonl&to=brat", content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "unwritable")
    assert "zqx" not in answer.text
    answer = client.post("/v1/convert?from=jsonl&to=txt", content=body + b"\n" + body)
    assert answer.status_code == 422
