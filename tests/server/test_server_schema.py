"""The description of the API, held against a server by cases that schemathesis makes from it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from server_process import Server

POSTS = ("/", "/v1/convert", "/v1/documents", "/v1/tag")
CONFIG = Path(__file__).with_name("schemathesis.toml")


def answers(server: Server) -> dict[str, int]:
    """How many requests each route has answered."""
    counts: dict[str, int] = {}
    page = httpx.get(f"{server.url}/metrics").text
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "biospan_requests_total":
                assert not sample.labels["status"].startswith("5"), sample
                route = sample.labels["route"]
                counts[route] = counts.get(route, 0) + int(sample.value)
    return counts


def run(server: Server, folder: Path, cases: int) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis"))]
    command += ["--config-file", str(CONFIG), "run", f"{server.url}/openapi.json"]
    command += ["--max-examples", str(cases)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CONFIG.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"Tested: 8", done.stdout), done.stdout[-2000:]
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_cases_made_from_the_description_find_nothing(
    shared_server: Server, tmp_path: Path
) -> None:
    run(shared_server, tmp_path, 12)
    counts = answers(shared_server)
    assert all(counts[path] >= 12 for path in POSTS)


@pytest.mark.full
def test_hundreds_of_cases_for_each_operation_find_nothing(
    shared_server: Server, tmp_path: Path
) -> None:
    before = answers(shared_server)
    run(shared_server, tmp_path, 300)
    counts = answers(shared_server)
    for path in POSTS:
        assert counts[path] - before.get(path, 0) >= 300


def test_every_example_of_the_description_is_served(shared_server: Server) -> None:
    described = httpx.get(f"{shared_server.url}/openapi.json").json()
    served = 0
    for path in POSTS:
        content = described["paths"][path]["post"]["requestBody"]["content"]
        for media_type, item in content.items():
            name = item["schema"].get("$ref", "").rpartition("/")[2]
            schema = described["components"]["schemas"].get(name, {})
            examples = schema.get("examples", [])
            if "example" in item:
                examples = [*examples, item["example"]]
            for example in examples:
                body = {"content": example} if isinstance(example, str) else {"json": example}
                answer = httpx.post(
                    f"{shared_server.url}{path}", headers={"Content-Type": media_type}, **body
                )
                assert answer.status_code == 200, (path, media_type, answer.text)
                served += 1
    assert served >= 8


def test_the_description_says_the_operators_limits(shared_server: Server) -> None:
    known = httpx.get(f"{shared_server.url}/openapi.json").json()["components"]["schemas"]
    assert known["TagRequest"]["properties"]["texts"]["anyOf"][0]["maxItems"] == 32
    assert known["TagRequest"]["properties"]["text"]["anyOf"][0]["maxLength"] == 100_000
    assert "code points" in known["Document"]["description"]
