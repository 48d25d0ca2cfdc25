"""`biospan check`: what is found is printed, and the exit code says whether data are unusable."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from biospan import formats
from biospan.check import check
from conftest import Outcome

RunCli = Callable[..., Outcome]


def test_warnings_alone_are_no_error(run_cli: RunCli, tmp_path: Path) -> None:
    path = tmp_path / "a.iob2"
    path.write_text("p53\tB-DNA\nbinds\tO\n\np53\tB-protein\nbinds\tO\n")
    done = run_cli("check", path)
    assert done == Outcome(0, check(formats.read(path)).to_text(limit=20) + "\n", "")
    assert "`p53`: DNA 1, protein 1" in done.out


def test_problems_are_printed_in_full_and_end_with_65(run_cli: RunCli, tmp_path: Path) -> None:
    path = tmp_path / "a.iob2"
    path.write_text("IL-2\tI-DNA\n\n" * 30)
    done = run_cli("check", path, "--limit", "1")
    assert done.code == 65
    assert f"{path}:59: " in done.out
    assert "30 problems" in done.err
    as_json = run_cli("check", path, "--json")
    assert as_json.code == 65
    assert len(json.loads(as_json.out)["problems"]["unreadable"]) == 30


def test_a_known_corpus_is_checked_and_compared_with_another_split(
    run_cli: RunCli, tiny_corpus: Path
) -> None:
    done = run_cli("check", "jnlpba-text", "--split", "dev", "--path", tiny_corpus, "--json")
    assert json.loads(done.out)["n_documents"] == 12
    both = run_cli(
        "check", "jnlpba", "--split", "dev", "--path", tiny_corpus, "--against", "all", "--json"
    )
    assert len(json.loads(both.out)["warnings"]["shared"]) == 12


def test_a_file_is_compared_with_another_file(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "1", "text": "The same."}\n')
    (tmp_path / "b.jsonl").write_text('{"id": "2", "text": "the same"}\n')
    done = run_cli("check", tmp_path / "a.jsonl", "--against", tmp_path / "b.jsonl")
    assert done.code == 0
    assert "`1`: there `2`" in done.out


def test_what_a_file_is_compared_with_has_to_be_sound(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "1", "text": "The same."}\n')
    (tmp_path / "b.jsonl").write_text("{\n")
    done = run_cli("check", tmp_path / "a.jsonl", "--against", tmp_path / "b.jsonl")
    assert (done.code, done.out) == (65, "")
    assert "b.jsonl:1: not JSON" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.iob2"], 66, "no such file"),
        (["jnlbpa", "--split", "dev"], 78, "Did you mean `jnlpba`?"),
        (["jnlbpa", "--path", "x"], 78, "--path: `jnlbpa` is no known corpus"),
        (["jnlpba", "--split", "tset"], 78, "Did you mean `test`?"),
    ],
)
def test_what_is_not_there_is_refused(
    run_cli: RunCli, arguments: list[str], code: int, message: str
) -> None:
    done = run_cli("check", *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
