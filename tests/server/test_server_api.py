"""The API of a real server, against the tagger, the formats, and a client of others."""

import gzip
import io
import json
import zipfile
from typing import Any

import httpx
import jsonschema
import pytest

from biospan.formats import BINARY_FORMATS, FORMATS, jsonl
from biospan.server import media
from conftest import small_tagger
from server_process import Server

TEXT = "😀 il-2 gene expression of the protein cells.\nAnd e\u0301 \ud800 il\r\n of the gene."
TEXTS = ["", " ", TEXT, "x" * 300, "gene protein of il. " * 40]


@pytest.fixture(scope="module")
def client(shared_server: Server) -> httpx.Client:
    return httpx.Client(base_url=shared_server.url, timeout=60)


def post(client: httpx.Client, path: str, body: Any, **options: Any) -> httpx.Response:
    # ASCII, as lone surrogates cannot be sent otherwise.
    headers = {"Content-Type": "application/json"}
    return client.post(path, content=json.dumps(body).encode(), headers=headers, **options)


def test_documents_are_exactly_those_of_the_tagger(client: httpx.Client) -> None:
    tagger = small_tagger()
    answer = post(client, "/v1/tag", {"texts": TEXTS})
    assert answer.status_code == 200
    expected = [document.to_dict() for document in tagger.tag_many(TEXTS)]
    assert answer.json() == {
        "documents": expected,
        "model": "small",
        "offsets": "code_points",
    }
    assert sum(len(document["entities"]) for document in expected) > 20
    schema = json.loads(jsonl.SCHEMA.read_text())
    for document in answer.json()["documents"]:
        jsonschema.validate(document, schema)


def test_a_single_text_is_a_list_of_one(client: httpx.Client) -> None:
    one = post(client, "/v1/tag", {"text": TEXT}).json()
    assert one == post(client, "/v1/tag", {"texts": [TEXT]}).json()


def test_labels_and_scores_are_filtered(client: httpx.Client) -> None:
    everything = post(client, "/v1/tag", {"text": TEXT}).json()["documents"][0]["entities"]
    some = post(client, "/v1/tag", {"text": TEXT, "labels": ["DNA"], "minimum_score": 0.9}).json()[
        "documents"
    ][0]["entities"]
    expected = [e for e in everything if e["label"] == "DNA" and e["score"] >= 0.9]
    assert some == expected
    assert 0 < len(some) < len(everything)


def test_utf16_offsets_select_what_javascript_would(client: httpx.Client) -> None:
    (document,) = post(client, "/v1/tag", {"text": TEXT, "offsets": "utf-16"}).json()["documents"]
    units = TEXT.encode("utf-16-le", "surrogatepass")
    assert any(e["text"] != TEXT[e["start"] : e["end"]] for e in document["entities"])
    for entity in document["entities"]:
        chosen = units[2 * entity["start"] : 2 * entity["end"]]
        assert chosen.decode("utf-16-le", "surrogatepass") == entity["text"]
    assert document["passages"][0]["end"] == len(units) // 2
    assert document["passages"][0]["sentences"][-1]["end"] <= len(units) // 2


def test_labels_tells_models_limits_and_formats(client: httpx.Client) -> None:
    told = client.get("/v1/labels").json()
    (model,) = told["models"]
    assert model["name"] == "small"
    assert [label["name"] for label in model["labels"]] == ["DNA", "protein"]
    assert all(label["description"] for label in model["labels"])
    assert told["limits"]["text_characters"] == 100_000
    known = {item["name"]: item for item in told["formats"]}
    assert {name for name in known if known[name]["writes"]} == {*FORMATS, *BINARY_FORMATS}


def documents_in_jsonl() -> tuple[bytes, list[Any]]:
    documents = [
        document.with_metadata(source="test")
        for document in small_tagger().tag_many(["il-2 gene expression 😀 il.", "gene of il"])
    ]
    stream = io.StringIO()
    jsonl.write(documents, stream)
    return stream.getvalue().encode(), documents


READABLE = sorted(name for name in media.MEDIA if media.writes(name) and media.MEDIA[name].reads)


@pytest.mark.parametrize("name", [name for name in READABLE if name != "txt"])
def test_every_format_that_is_read_and_written_comes_back(client: httpx.Client, name: str) -> None:
    if not media.is_there(name):
        pytest.skip(f"no {media.MEDIA[name].package}")
    body, documents = documents_in_jsonl()
    there = client.post(f"/v1/convert?from=jsonl&to={name}", content=body)
    assert there.status_code == 200
    assert there.headers["content-type"].split(";")[0] == media.MEDIA[name].media_type
    back = client.post(f"/v1/convert?from={name}", content=there.content)
    assert back.status_code == 200, back.text
    found = [json.loads(line) for line in back.text.splitlines()]
    assert [[e["label"] for e in d["entities"]] for d in found] == [
        [e.label for e in d.entities] for d in documents
    ]
    if name not in ("iob2", "iobes"):
        assert [d["text"] for d in found] == [d.text for d in documents]


@pytest.mark.parametrize("name", sorted({*FORMATS, *BINARY_FORMATS} - {"txt"}))
def test_the_answer_is_what_the_format_writes(client: httpx.Client, name: str) -> None:
    if not media.is_there(name):
        pytest.skip(f"no {media.MEDIA[name].package}")
    body, documents = documents_in_jsonl()
    headers = {"Content-Type": "application/jsonl", "Accept": media.MEDIA[name].media_type}
    answer = client.post("/v1/convert", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    if name == "brat":
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert names == ["1.ann", "1.txt", "2.ann", "2.txt"]
    elif name in FORMATS:
        stream = io.StringIO(newline="")
        FORMATS[name](documents, stream)
        assert answer.content == stream.getvalue().encode()
    if name == "tsv":
        assert answer.headers["biospan-not-kept"] == ("2 texts, 2 sentences, 2 metadata")
    if name == "jsonl":
        assert "biospan-not-kept" not in answer.headers


def test_documents_are_tagged_anew_and_filtered(client: httpx.Client) -> None:
    text = "il-2 gene expression 😀 il."
    body = json.dumps({"id": "7", "text": text, "entities": [[0, 4, "virus"]]}).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    answer = client.post("/v1/documents", content=body, headers=headers)
    (document,) = map(json.loads, answer.text.splitlines())
    expected = small_tagger().tag(text).to_dict()
    assert document == {**expected, "id": "7"}
    label = expected["entities"][0]["label"]
    answer = client.post(
        f"/v1/documents?label={label}&minimum_score=0.5", content=body, headers=headers
    )
    assert json.loads(answer.text)["entities"] == [
        e for e in expected["entities"] if e["label"] == label and e["score"] >= 0.5
    ]


def test_plain_text_is_a_document_without_a_name(client: httpx.Client) -> None:
    headers = {"Content-Type": "text/plain; charset=utf-8", "Accept": "text/plain"}
    answer = client.post("/v1/convert", content="\ufeffil β\r\n".encode(), headers=headers)
    assert answer.content.decode() == "il β\r\n"
    answer = client.post("/v1/documents", content=b"il", headers={"Content-Type": "text/plain"})
    assert json.loads(answer.text)["id"] == ""


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/jsonl"),
        ("text/html;q=0.5, text/x-pubtator", "text/x-pubtator"),
        ("nothing/known, application/json;q=0.1", "application/json"),
        ("text/x-iob2;q=0, */*;q=0.1", "application/jsonl"),
    ],
)
def test_the_best_that_is_accepted_is_written(
    client: httpx.Client, accept: str, media_type: str
) -> None:
    headers = {"Content-Type": "text/plain", "Accept": accept}
    answer = client.post("/v1/convert", content=b"il", headers=headers)
    assert answer.headers["content-type"].split(";")[0] == media_type


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/convert", {"Content-Type": "image/png"}, 415),
        ("/v1/convert", {"Content-Type": "text/csv"}, 415),
        ("/v1/convert?from=html", {}, 415),
        ("/v1/convert", {}, 415),
        ("/v1/convert", {"Content-Type": "text/plain; charset=latin-1"}, 415),
        ("/v1/convert?from=txt&to=pubmed", {}, 406),
        ("/v1/convert?from=txt", {"Accept": "image/png"}, 406),
        ("/v1/convert?from=txt&to=nothing", {}, 406),
        ("/v1/documents?from=txt&minimum_score=nan", {}, 422),
        ("/v1/documents?from=txt&minimum_score=2", {}, 422),
        ("/v1/documents?from=txt&label=virus", {}, 422),
        ("/v1/documents?from=txt&model=other", {}, 422),
    ],
)
def test_unknown_formats_and_options_are_refused(
    client: httpx.Client, path: str, headers: dict[str, str], status: int
) -> None:
    answer = client.post(path, content=b"il gene", headers=headers)
    assert answer.status_code == status
    assert answer.json().keys() >= {"code", "message"}


def test_hugging_faces_client_gets_its_own_types(
    shared_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    client = huggingface_hub.InferenceClient(model=shared_server.url)
    text = "il-2 gene expression of the protein cells."
    found = client.token_classification(text)
    assert found
    for item in found:
        assert isinstance(item, huggingface_hub.TokenClassificationOutputElement)
        assert item.entity is not None
        assert item.entity_group is None
    for strategy in ("simple", "first", "average", "max"):
        groups = client.token_classification(text, aggregation_strategy=strategy)
        assert groups
        for group in groups:
            assert group.entity_group in ("DNA", "protein")
            assert group.entity is None
    kept = client.token_classification(text, aggregation_strategy="simple", ignore_labels=["DNA"])
    assert {group.entity_group for group in kept} == {"protein", "O"}
    with pytest.raises(HfHubHTTPError, match="more than 100000 characters"):
        client.token_classification("x" * 100_001)


def test_several_inputs_give_a_list_for_each(client: httpx.Client) -> None:
    answer = post(client, "/", {"inputs": ["il gene", "", "il"], "options": {"use_cache": True}})
    assert [len(items) > 0 for items in answer.json()] == [True, False, True]
    assert post(client, "/", {"inputs": "il", "parameters": None}).json() == answer.json()[2]


def test_large_answers_are_packed_for_who_takes_that(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
    body = json.dumps({"text": "gene " * 500})
    with client.stream("POST", "/v1/tag", content=body, headers=headers) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join(answer.iter_raw())
    assert json.loads(gzip.decompress(raw))["documents"][0]["text"] == "gene " * 500


def test_the_page_and_every_answer_carry_the_headers_that_protect(client: httpx.Client) -> None:
    for path in ("/", "/v1/labels", "/livez", "/openapi.json", "/nothing", "/docs/"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
    assert client.get("/").headers["content-type"].startswith("text/html")


def test_metrics_count_and_name_nothing_a_client_sent(client: httpx.Client) -> None:
    secret = "zqxsecret"
    post(client, "/v1/tag", {"text": f"il gene {secret}"})
    client.get(f"/{secret}?{secret}")
    client.post("/v1/convert?from=txt", content=secret.encode())
    page = client.get("/metrics").text
    assert 'biospan_requests_total{route="/v1/tag",status="200"}' in page
    assert 'biospan_entities_total{label="protein"}' in page
    assert "biospan_waiting_characters 0.0" in page
    assert secret not in page


def test_no_text_is_in_the_log(client: httpx.Client, shared_server: Server) -> None:
    secret = "zqxsecret"
    for path in ("/v1/tag", "/", "/v1/documents?from=jsonl", f"/{secret}", "/v1/convert?from=jats"):
        for key in ("text", "inputs", "entities"):
            post(client, path, {key: secret, "id": secret})
    log = shared_server.log.read_text()
    assert "POST /v1/tag 200" in log
    assert secret not in log
