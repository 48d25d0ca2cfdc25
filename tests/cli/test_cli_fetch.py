"""`biospan fetch`: identifiers from anywhere, XML out, what did not come told."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from biospan import fetch, formats
from conftest import Outcome
from test_fetch import KEY, StandIn, error, standin, waits

__all__ = ["standin", "waits"]  # fixtures

RunCli = Callable[..., Outcome]


def ids(path: Path) -> list[str]:
    return [document.id for document in formats.read(path)]


@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz"])
def test_a_file_is_written_that_other_commands_read(
    run_cli: RunCli, standin: StandIn, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    done = run_cli("fetch", 12, "PMID:34", "--output", path, "--base-url", standin.url)
    assert done == Outcome(0, "", "")
    assert ids(path) == ["12", "34"]
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == name.endswith(".gz")
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_file_the_xml_is_printed_and_nothing_else(
    run_cli: RunCli, standin: StandIn, tmp_path: Path
) -> None:
    done = run_cli("fetch", "PMC12", "--base-url", standin.url)
    assert (done.code, done.err) == (0, "")
    (tmp_path / "a.nxml").write_text(done.out, encoding="utf-8")
    assert ids(tmp_path / "a.nxml") == ["PMC12"]


def test_identifiers_come_from_files_and_standard_input(
    run_cli: RunCli, standin: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "ids.txt").write_bytes(b"\xef\xbb\xbf1\r\n2\t3\n\n")
    arguments = ("9", tmp_path / "ids.txt", "-", "--base-url", standin.url)
    done = run_cli("fetch", *arguments, "-o", tmp_path / "a.xml", stdin=b"4\n1\n")
    assert done.code == 0
    assert ids(tmp_path / "a.xml") == ["9", "1", "2", "3", "4"]


def test_what_did_not_come_is_told_and_the_rest_is_kept(
    run_cli: RunCli, standin: StandIn, tmp_path: Path
) -> None:
    standin.unknown = {"2", "3"}
    done = run_cli("fetch", 1, 2, 3, "-o", tmp_path / "a.xml", "--base-url", standin.url)
    assert (done.code, done.out) == (3, "")
    assert done.err == "biospan: error: 2 of 3 did not come: 2 3\n"
    assert ids(tmp_path / "a.xml") == ["1"]


def test_a_failure_leaves_the_file_of_before(
    run_cli: RunCli, standin: StandIn, waits: list[float], tmp_path: Path
) -> None:
    path = tmp_path / "a.xml.gz"
    path.write_bytes(gzip.compress(b"before"))
    standin.answers = [standin.usual, *[error(500)] * 5]
    many = [str(number) for number in range(1, 300)]
    done = run_cli("fetch", *many, "-o", path, "--base-url", standin.url)
    assert done.code == 74
    assert "500 Internal Server Error, 5 times" in done.err
    assert gzip.decompress(path.read_bytes()) == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_environment_says_who_asks_whom(
    run_cli: RunCli, standin: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BIOSPAN_EUTILS", standin.url)
    monkeypatch.setenv("NCBI_API_KEY", KEY)
    monkeypatch.setenv("NCBI_EMAIL", "me@example.org")
    assert run_cli("fetch", 1, "-o", tmp_path / "a.xml").code == 0
    (asked,) = standin.asked
    assert (asked["api_key"], asked["email"]) == (KEY, "me@example.org")
    assert KEY not in run_cli("fetch", "--help").out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.txt"], 66, "`none.txt`: no such file, and no PMID"),
        (["1", "PMC1"], 65, "files of two kinds"),
        (["1", "--base-url", "http://example.org"], 78, "begins https://"),
        (["1", "--email", "me"], 78, "not an e-mail address"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_asked(
    run_cli: RunCli,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr(fetch, "_Client", lambda server: pytest.fail("asked"))
    done = run_cli("fetch", *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
