"""Whole jobs with a stand-in for the tagger: what comes out, what goes on, what is refused."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from stand_in import StandIn, expected_documents, here, line, tree, write_corpus

from biospan import formats, jobs
from biospan.document import Document
from biospan.errors import (
    ConfigError,
    InputError,
    LockedError,
    MissingDependencyError,
    OutputError,
    StoppedError,
)
from biospan.formats.record import Rejected
from biospan.jobs import Execution, Progress, Settings, Share, Totals, finish, journal
from biospan.jobs.finish import File
from biospan.jobs.plan import Shard
from conftest import small_tagger

SETTINGS = Settings(load=StandIn(), shard_size=20)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("job") / "corpus")


@pytest.fixture(scope="module")
def done(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "out"
    here(corpus, folder, SETTINGS)
    return folder


def documents(folder: Path) -> list[Document]:
    return [d for path in sorted(folder.glob("part-*")) for d in formats.read(path)]


def stop_after(n_parts: int, corpus: Path, folder: Path, settings: Settings = SETTINGS) -> None:
    """Do a job until so many parts are committed."""
    with pytest.raises(StoppedError):
        here(
            corpus,
            folder,
            settings,
            should_stop=lambda: len(list(folder.glob("part-*"))) >= n_parts,
        )
    assert len(journal.read(folder)) == n_parts


def test_every_record_is_annotated_once_or_accounted_for(corpus: Path, done: Path) -> None:
    expected = expected_documents(corpus)
    assert documents(done) == expected
    said = json.loads((done / "job.json").read_text())["totals"]
    rejects = [json.loads(row) for row in (done / "rejects.jsonl").read_text().splitlines()]
    assert said["annotated"] == len(expected)
    assert said["rejected"] == len(rejects) > 5
    assert said["read"] == said["annotated"] + said["rejected"] + said["duplicates"] == 300
    assert said["duplicates"] > 5
    assert rejects[0]["where"] == f"{corpus / '00.jsonl'}:7"
    assert "not JSON" in rejects[0]["reason"]
    assert {
        "file": str(corpus / "00.jsonl"),
        "where": f"{corpus / '00.jsonl'}, record 11",
        "id": "11",
        "reason": "cannot be tagged",
    } in rejects


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_the_number_of_workers_changes_no_byte(
    corpus: Path, done: Path, tmp_path: Path, n_workers: int
) -> None:
    out = tmp_path / "out"
    jobs.annotate([corpus], out, SETTINGS, Execution(n_workers=n_workers))
    assert tree(out) == tree(done)


def test_what_a_job_wrote_can_be_annotated_again(done: Path, tmp_path: Path) -> None:
    totals = here(done, tmp_path / "out", SETTINGS)
    assert totals is not None
    assert (totals.rejected, totals.annotated) == (0, len(documents(done)))
    assert documents(tmp_path / "out") == documents(done)


def test_a_job_that_is_done_stays_as_it_is(corpus: Path, done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(done, out)
    assert here(corpus, out, SETTINGS, run=None) == Totals(
        **json.loads((done / "job.json").read_text())["totals"]
    )
    assert tree(out) == tree(done)


def test_a_model_gives_the_same_whatever_is_in_the_other_shards(tmp_path: Path) -> None:
    # With whole shards in one call, the arithmetic of a document could follow from its neighbours.
    tagger = small_tagger()
    texts = ["IL-2 gene expression in T cells.", "p50", "NF-kappa B and IL-4 proteins " * 9]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(line(n, text=texts[n % 3]) for n in range(23)))
    for size in (4, 23):
        settings = Settings(load=lambda threads: tagger, shard_size=size)
        here(path, tmp_path / str(size), settings)
    found = documents(tmp_path / "4")
    assert found == documents(tmp_path / "23") == list(tagger.tag_many(formats.read(path)))
    assert any(document.entities for document in found)


def test_labels_and_scores_are_filtered(corpus: Path, done: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, labels=("DNA",), min_score=0.75)
    here(corpus, tmp_path / "out", settings)
    expected = [
        d.with_entities(e for e in d.entities if e.label == "DNA" and (e.score or 0) >= 0.75)
        for d in documents(done)
    ]
    assert documents(tmp_path / "out") == expected
    assert any(d.entities for d in expected)
    with pytest.raises(ConfigError, match="label RNA: the model knows DNA, protein"):
        here(corpus, tmp_path / "other", replace(SETTINGS, labels=("RNA",)))


@pytest.mark.parametrize("format", jobs.FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_comes_out_the_same_after_a_stop(
    tmp_path: Path, format: str, packed: bool
) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
        if packed:
            return
    path = tmp_path / "a.jsonl"
    path.write_text("".join(map(line, range(1, 60))))
    settings = replace(SETTINGS, format=format, packed=packed)
    for _ in range(2):
        here(path, tmp_path / "once", settings)
    stop_after(1, path, tmp_path / "twice", settings)
    here(path, tmp_path / "twice", settings)
    assert tree(tmp_path / "twice") == tree(tmp_path / "once")
    found = documents(tmp_path / "twice")
    assert [d.id for d in found] == [str(n) for n in range(1, 60)]
    key = {d.id: [(e.start, e.end, e.label) for e in d.entities] for d in found}
    expected = expected_documents_of(path)
    assert key == expected


def expected_documents_of(path: Path) -> dict[str, list[tuple[int, int, str]]]:
    marked = StandIn().tag_many(formats.read(path))
    return {d.id: [(e.start, e.end, e.label) for e in d.entities] for d in marked}


def test_packed_files_tell_nothing_of_when_and_where(corpus: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, packed=True)
    here(corpus, tmp_path / "out", settings)
    for path in (tmp_path / "out").glob("part-*.gz"):
        content = path.read_bytes()
        assert content[3] == 0  # no name
        assert content[4:8] == bytes(4)  # no time
        gzip.decompress(content)


def test_only_what_is_not_committed_is_done_again(corpus: Path, done: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    stop_after(6, corpus, out)
    here(corpus, out, replace(SETTINGS, load=StandIn(log=log)))
    n_documents = sum(part.documents or 0 for part in jobs_files(done)[6:])
    n_untaggable = (done / "rejects.jsonl").read_text().count("cannot be tagged")
    assert 0 <= len(log.read_text()) // 2 - n_documents <= n_untaggable
    assert tree(out) == tree(done)


def jobs_files(folder: Path) -> tuple[File, ...]:
    found = finish.read(folder)
    assert found is not None
    return found.parts


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [lose, cut, flip])
def test_a_committed_part_that_was_harmed_is_made_again(
    corpus: Path, done: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    out = tmp_path / "out"
    stop_after(3, corpus, out)
    harm(out / "part-00001.jsonl")
    here(corpus, out, SETTINGS)
    assert tree(out) == tree(done)


@pytest.mark.parametrize("place", range(0, 4000, 200))
def test_a_bit_flipped_anywhere_is_noticed(
    corpus: Path, done: Path, tmp_path: Path, place: int
) -> None:
    out = tmp_path / "out"
    stop_after(2, corpus, out)
    path = out / "part-00001.jsonl"
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 4
    path.write_bytes(content)
    here(corpus, out, SETTINGS)
    assert tree(out) == tree(done)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"load": StandIn(revision="2")}, "`model` is `stand-in 1` there and `stand-in 2` here"),
        ({"min_score": 0.5}, "`min_score` is `0.0` there and `0.5` here"),
        ({"shard_size": 7}, "`shard_size` is `20` there and `7` here"),
        ({"format": "pubtator"}, "`format` is `jsonl` there and `pubtator` here"),
        ({"packed": True}, "`packed` is `no` there"),
        ({"labels": ("DNA",)}, "`labels` is `DNA, protein` there and `DNA` here"),
        ({"threads": 2}, "`threads` is `1` there and `2` here"),
    ],
)
def test_another_job_in_the_folder_is_refused_with_what_differs(
    corpus: Path, done: Path, change: dict[str, object], told: str
) -> None:
    before = tree(done)
    with pytest.raises(ConfigError, match=told):
        here(corpus, done, replace(SETTINGS, **change))  # type: ignore[arg-type]
    assert tree(done) == before


def test_a_package_that_the_output_needs_is_named(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = metadata.version

    def version(name: str) -> str:
        if name == "pyarrow":
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(MissingDependencyError, match=r"pip install 'biospan\[parquet\]'"):
        here(corpus, tmp_path / "out", replace(SETTINGS, format="parquet"))
    assert not (tmp_path / "out").exists()


def test_another_version_of_the_program_is_refused(
    corpus: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name} 9")
    with pytest.raises(ConfigError, match=r"`biospan` is `.*` there and `biospan 9` here; `numpy`"):
        here(corpus, done, SETTINGS)


def test_inputs_that_changed_are_refused_before_and_while_they_are_read(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    out = tmp_path / "out"
    stop_after(2, corpus, out)
    path = corpus / "02.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b" ")
    with pytest.raises(ConfigError, match=r"input `.*02\.jsonl` has changed"):
        here(corpus, out, SETTINGS)
    path.write_bytes(content)  # the same bytes at another time are the same input

    def change(progress: jobs.Progress) -> None:
        if progress.n_done > 60:
            with path.open("ab") as stream:
                stream.write(b"\n")

    with pytest.raises(InputError, match=r"02\.jsonl: has changed since the job was planned"):
        here(corpus, out, SETTINGS, on_progress=change)
    path.write_bytes(content)
    here(corpus, out, SETTINGS)
    assert documents(out) == expected_documents(corpus)


def test_two_jobs_in_a_folder_are_one_too_many(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    holder = (
        "import sys, time; from pathlib import Path; from biospan.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(out / ".lock")], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match="another process is at work there"):
            here(corpus, out, SETTINGS)
        with pytest.raises(LockedError):
            here(corpus, out, SETTINGS, share=Share(1, 2))
    finally:
        process.kill()
        process.communicate()
    here(corpus, out, SETTINGS)  # a lock goes with its process


def test_a_folder_of_other_files_is_left_alone(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("all my work")
    with pytest.raises(OutputError, match=r"other files, such as `thesis\.doc`"):
        here(corpus, tmp_path, SETTINGS)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        here(corpus, tmp_path / "file", SETTINGS)


@pytest.mark.parametrize("name", ["part-00005.jsonl", "rejects.jsonl", "job.json", "journal"])
@pytest.mark.parametrize("kind", ["symlink", "hard link", "pipe", "folder"])
def test_no_file_elsewhere_is_written_through_a_link(
    corpus: Path, tmp_path: Path, name: str, kind: str
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    stop_after(2, corpus, out)
    other.write_text("mine")
    (out / name).unlink(missing_ok=True)
    make: dict[str, Callable[[], object]] = {
        "symlink": lambda: (out / name).symlink_to(other),
        "hard link": lambda: (out / name).hardlink_to(other),
        "pipe": lambda: os.mkfifo(out / name),
        "folder": (out / name).mkdir,
    }
    make[kind]()
    with pytest.raises((OutputError, InputError)):
        here(corpus, out, SETTINGS)
    assert other.read_text() == "mine"


def test_shares_of_a_job_are_done_apart_and_finished_together(
    corpus: Path, done: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for number in (3, 1):
        told: list[Progress] = []
        share = {"share": Share(number, 3), "on_progress": told.append}
        assert here(corpus, out, SETTINGS, **share) is None
        # Of the share alone, or the time that is left would be wrong.
        assert {(row.n_read, row.n_before) for row in told if row.planned} == {(100, 0)}
        assert told[-1].n_done == 100
    assert not (out / "job.json").exists()
    assert {path.name for path in journal.journals(out)} == {"journal-1-of-3", "journal-3-of-3"}
    log = tmp_path / "log"
    totals = here(corpus, out, replace(SETTINGS, load=StandIn(log=log)))
    assert totals is not None
    assert len(log.read_text()) // 2 <= 5 * 20  # a third of fifteen shards
    assert tree(out) == tree(done)


def test_a_share_is_one_of_its_number() -> None:
    with pytest.raises(ConfigError, match="1/N to N/N"):
        Share(4, 3)
    shards = [Shard(index, index, 1) for index in range(10)]
    shares = [Share(n, 4).of_shards(shards) for n in range(1, 5)]
    assert [shard for share in shares for shard in share] == shards


def test_ids_are_never_names_of_files(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    names = ["../../x", "/etc/passwd", "..\\x", "CON", "a" * 300, "%2e%2e", "\0", "~", "\u2215x"]
    path.write_text("".join(line(n, identifier=name) for n, name in enumerate(names)))
    here(path, tmp_path / "out", replace(SETTINGS, shard_size=1))
    assert [d.id for d in documents(tmp_path / "out")] == names
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        *(f"part-{n:05}.jsonl" for n in range(len(names))),
        *("plan.jsonl", "job.json", "rejects.jsonl", ".lock", ".lock-plan"),
    }


def test_a_document_that_the_format_cannot_hold_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line(1) + line(2, identifier="a|b") + line(3))
    totals = here(path, tmp_path / "out", replace(SETTINGS, format="pubtator"))
    assert totals == Totals(3, 2, 1, 0, 0)
    assert json.loads((tmp_path / "out" / "rejects.jsonl").read_text())["id"] == "a|b"


def test_an_input_that_cannot_be_read_for_a_moment_rejects_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"  # one record: as many as one error
    path.write_text("actin of a cell")
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        failed = [Rejected(str(path), "cannot be opened: Input/output error")]
        patch.setattr("biospan.jobs.reader.formats.records", lambda path: iter(failed))
        patch.setattr("biospan.jobs.plan._lengths", lambda path: iter([("a", 15, True)]))
        with pytest.raises(OSError, match="read otherwise than when the job was planned"):
            here(path, out, SETTINGS)
    assert here(path, out, SETTINGS) == Totals(1, 1, 0, 0, 0)


def test_an_empty_input_is_a_job_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert here(tmp_path / "a.jsonl", tmp_path / "out", SETTINGS) == Totals(0, 0, 0, 0, 0)


def test_a_damaged_packed_file_is_rejected_as_a_whole(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.jsonl").write_text(line(1))
    content = gzip.compress("".join(map(line, range(2, 90))).encode())
    (corpus / "b.jsonl.gz").write_bytes(content[:-20])
    (corpus / "c.jsonl").write_text(line(100))
    totals = here(corpus, tmp_path / "out", SETTINGS)
    assert totals == Totals(3, 2, 1, 0, 0)
    (row,) = map(json.loads, (tmp_path / "out" / "rejects.jsonl").read_text().splitlines())
    assert row["where"] == str(corpus / "b.jsonl.gz")
    assert "damaged or cut gzip data" in row["reason"]
