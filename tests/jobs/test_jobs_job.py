"""Whole jobs with a stand-in for the tagger: what comes out, and what does not change it."""

import json
from pathlib import Path

import pytest
from stand_in import StandIn, expected_documents, tree, write_corpus

from biospan import formats, jobs
from biospan.jobs import Execution, Settings

SETTINGS = Settings(load=StandIn(), shard_size=20)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("job") / "corpus")


@pytest.fixture(scope="module")
def done(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "out"
    jobs.annotate([corpus], folder, SETTINGS, Execution())
    return folder


def test_every_record_is_annotated_once_or_accounted_for(corpus: Path, done: Path) -> None:
    found = [d for path in sorted(done.glob("part-*")) for d in formats.read(path)]
    expected = expected_documents(corpus)
    assert found == expected
    said = json.loads((done / "job.json").read_text())["totals"]
    rejects = [json.loads(line) for line in (done / "rejects.jsonl").read_text().splitlines()]
    assert said["annotated"] == len(expected)
    assert said["rejected"] == len(rejects) > 5
    assert said["read"] == said["annotated"] + said["rejected"] + said["duplicates"] == 300
    assert said["duplicates"] > 5


@pytest.mark.parametrize("n_workers", [2, 3])
def test_the_number_of_workers_changes_no_byte(
    corpus: Path, done: Path, tmp_path: Path, n_workers: int
) -> None:
    jobs.annotate([corpus], tmp_path / "out", SETTINGS, Execution(n_workers=n_workers))
    assert tree(tmp_path / "out") == tree(done)
