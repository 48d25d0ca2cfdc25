"""What docs/serving.md says: options, limits, units and manifests that are what they seem."""

import configparser
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biospan.cli import serve
from biospan.errors import ConfigError
from biospan.server.limits import Limits
from conftest import Outcome

ROOT = Path(__file__).parent.parent.parent
DOCS = (ROOT / "docs" / "serving.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def test_every_option_of_the_docs_is_one_of_the_command(run_cli: Callable[..., Outcome]) -> None:
    shown = run_cli("serve", "--help").out
    known = set(re.findall(r"--[a-z-]+", shown))
    units = DOCS + (ROOT / "Dockerfile").read_text()
    commands = re.findall(r"(?:biospan serve|ENTRYPOINT)(.*)", units)
    used = {option for command in commands for option in re.findall(r"--[a-z-]+", command)}
    used |= set(re.findall(r"`(--[a-z-]+)`", DOCS))
    assert used - known <= {"--model"}
    assert {"--api-key-file", "--allow-host", "--host"} <= used


def test_the_limits_of_the_docs_are_those_of_the_server() -> None:
    limits = Limits()
    told = [row.split("|")[2].strip() for row in DOCS.split("## Limits")[1].split("\n")[4:14]]
    assert told == [
        f"{limits.body_bytes:,}",
        str(limits.texts),
        f"{limits.documents:,}",
        f"{limits.text_characters:,}",
        str(limits.json_depth),
        str(limits.queue_requests),
        f"{limits.queue_characters:,}",
        f"{limits.deadline_s:g}",
        f"{limits.body_s:g}; {limits.idle_s:g}; {limits.idle_s:g}",
        f"{limits.drain_s:g}",
    ]


def test_manifests_are_yaml_and_agree_with_the_image() -> None:
    yaml: Any = pytest.importorskip("yaml")
    (manifest,) = blocks("yaml")
    deployment, service = yaml.safe_load_all(manifest)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    port = container["ports"][0]["containerPort"]
    assert service["spec"]["ports"][0]["targetPort"] == port
    assert f"EXPOSE {port}" in (ROOT / "Dockerfile").read_text()
    security = deployment["spec"]["template"]["spec"]["securityContext"]
    assert f"--uid {security['runAsUser']}" in (ROOT / "Dockerfile").read_text()
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["biospan"]
    assert compose["read_only"]
    assert all(mapping.startswith("127.0.0.1:") for mapping in compose["ports"])


def test_the_unit_can_be_parsed() -> None:
    (unit,) = blocks("ini")
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(unit)
    assert parsed["Service"]["DynamicUser"] == "yes"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_an_address_that_others_reach_needs_a_key(
    run_cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.delenv(serve.KEY_VARIABLE, raising=False)
    done = run_cli("serve", "--host", host)
    assert done.code == 78
    assert "--no-key" in done.err


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--model", "a=nothing/there"], 66, "no such folder"),
        (["--model", "a=.", "--model", "a=src"], 78, "twice"),
        (["--model", "../x=."], 78, "letters and digits"),
        (["--api-key-file", "nothing/there"], 66, "cannot be read"),
        (["--port", "70000"], 2, "--port"),
    ],
)
def test_wrong_options_are_told_before_anything_starts(
    run_cli: Callable[..., Outcome], options: list[str], code: int, told: str
) -> None:
    done = run_cli("serve", *options)
    assert done.code == code
    assert told in done.err


def test_keys_are_read_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text("first-key-of-the-file\n\nsecond-key-of-the-file\n")
    monkeypatch.setenv(serve.KEY_VARIABLE, "a-key-in-the-environment")
    assert serve._keys(file) == (
        "a-key-in-the-environment",
        "first-key-of-the-file",
        "second-key-of-the-file",
    )
    file.write_text("short")
    with pytest.raises(ConfigError, match="16 or more"):
        serve._keys(file)


def test_a_model_that_cannot_be_loaded_ends_the_server(
    run_cli: Callable[..., Outcome], tmp_path: Path, needs_serve: None
) -> None:
    done = run_cli("serve", "--model", f"a={tmp_path}", "--port", "0")
    assert done.code == 69
    assert "manifest.json" in done.err
