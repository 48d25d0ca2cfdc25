"""`biospan compare`: it prints what `comparison.compare` says."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from biospan import comparison, formats
from biospan.formats import jsonl
from conftest import Outcome

RunCli = Callable[..., Outcome]

GOLD = "###MEDLINE:7\n\nIL-2\tB-DNA\ngene\tI-DNA\n\n###MEDLINE:8\n\ncells\tO\nil\tB-protein\n"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Gold, A and B; B in another format."""
    paths = [tmp_path / name for name in ("gold.iob2", "a.iob2", "b.jsonl")]
    paths[0].write_text(GOLD)
    paths[1].write_text(GOLD.replace("gene\tI-DNA", "gene\tO"))
    with paths[2].open("w") as stream:
        jsonl.write(formats.read(paths[0]), stream)
    return paths


def test_files_of_any_format_are_compared_as_the_library_compares_them(
    run_cli: RunCli, files: list[Path]
) -> None:
    found = comparison.compare(*map(formats.read, files))
    assert found.micro.b.f1 == 1.0 > found.micro.a.f1 == 0.5
    assert run_cli("compare", *files) == Outcome(0, found.to_text() + "\n", "")
    assert json.loads(run_cli("compare", *files, "--json").out) == json.loads(
        json.dumps(found.to_dict())
    )


def test_a_file_beside_itself_is_no_different(run_cli: RunCli, files: list[Path]) -> None:
    micro = json.loads(run_cli("compare", files[0], files[1], files[1], "--json").out)["micro"]
    assert (micro["f1_difference"], micro["p"], micro["interval"]) == (0, 1, [0, 0])


def test_sloppy_tags_need_repair(run_cli: RunCli, files: list[Path]) -> None:
    files[1].write_text(GOLD.replace("B-protein", "I-protein"))
    refused = run_cli("compare", *files)
    assert refused.code == 65
    assert f"{files[1]}:9" in refused.err
    assert run_cli("compare", *files, "--repair").code == 0
    refused = run_cli("compare", *[files[2]] * 3, "--repair")
    assert refused.code == 78
    assert "no IOB2 columns" in refused.err


def test_what_is_not_there_or_does_not_pair_is_refused(run_cli: RunCli, files: list[Path]) -> None:
    assert run_cli("compare", files[0], files[1], "nowhere.iob2").code == 66
    files[1].write_text(GOLD.split("###MEDLINE:8", maxsplit=1)[0])
    done = run_cli("compare", *files)
    assert (done.code, done.out) == (65, "")
    assert "`8`: missing on the predicted side" in done.err
