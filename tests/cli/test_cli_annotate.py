"""`biospan annotate`, `verify` and `stats`, with a tagger without weights."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from biospan import formats, jobs
from biospan.cli import annotate as command
from biospan.tagger import Tagger
from conftest import Outcome, small_tagger

RunCli = Callable[..., Outcome]
TEXTS = ["IL-2 gene expression and the p50 protein.", "NF-kappa B of the nucleus.", "T cells."]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    rows = [
        {"id": str(n), "text": text, "metadata": {"year": "2001"}} for n, text in enumerate(TEXTS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def load(model: Path | None, runtime: str, threads: int) -> Tagger:
    assert (model, runtime, threads) == (None, "auto", 1)
    return small_tagger()


@pytest.fixture(autouse=True)
def tagger(monkeypatch: pytest.MonkeyPatch) -> Tagger:
    """The tagger that workers get; they are processes, and take the function by its name."""
    load.__module__ = "test_cli_annotate"
    monkeypatch.setattr(command, "_load", load)
    return small_tagger()


def test_a_corpus_is_annotated_verified_and_counted(
    run_cli: RunCli, corpus: Path, tagger: Tagger, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run_cli("annotate", corpus, "--output", out, "--workers", 2, "--shard-size", 2)
    assert (done.code, done.out) == (0, "")
    assert "3 records read: 3 annotated, 0 rejected, 0 duplicates" in done.err
    found = [d for path in sorted(out.glob("part-*.jsonl")) for d in formats.read(path)]
    assert found == list(tagger.tag_many(formats.read(corpus)))

    sound = run_cli("verify", out)
    assert (sound.code, sound.out) == (
        0,
        "sound: 3 records = 3 annotated + 0 rejected + 0 duplicates\n",
    )
    counted = run_cli("stats", out, "--top", 1, "--png", tmp_path / "a.png")
    n_entities = sum(len(document.entities) for document in found)
    assert counted.out.startswith(f"3 documents, {n_entities} entities\n")
    assert counted.out.endswith(f"{2001:<9} {3:>12}\n")
    assert (tmp_path / "a.png").exists()


def test_rejected_records_are_told_and_the_rest_is_there(
    run_cli: RunCli, corpus: Path, tmp_path: Path
) -> None:
    with corpus.open("ab") as stream:
        stream.write(b'{"text": \xff}\n')
    out = tmp_path / "out"
    done = run_cli("annotate", corpus, "-o", out, "--workers", 1, "--compress")
    assert done.code == 3
    assert f"4 records read: 3 annotated, 1 rejected, 0 duplicates. {out}" in done.err
    assert len(list(formats.read(out / "part-00000.jsonl.gz"))) == 3
    (row,) = map(json.loads, (out / "rejects.jsonl").read_text().splitlines())
    assert row["where"] == f"{corpus}:4"
    assert "not UTF-8" in row["reason"]
    assert run_cli("annotate", corpus, "-o", out, "--compress").code == 3  # as before


def test_shares_are_done_one_by_one(run_cli: RunCli, corpus: Path, tmp_path: Path) -> None:
    arguments = ("annotate", corpus, "-o", tmp_path / "out", "--workers", 1, "--shard-size", 1)
    for share in ("1/2", "2/2"):
        assert f"share {share[0]} of 2 is done" in run_cli(*arguments, "--shards", share).err
    assert run_cli("verify", tmp_path / "out").code == 65
    assert "3 annotated" in run_cli(*arguments).err
    assert run_cli("verify", tmp_path / "out").code == 0


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--format", "parquet", "--compress"], 78, "--compress: Parquet is packed already"),
        (["--shards", "3"], 78, "--shards `3`: expected I/N"),
        (["--shards", "3/2"], 78, "share 3/2: expected 1/N to N/N"),
        (["--label", "gene"], 78, "label gene: the model knows DNA, protein"),
        (["--workers", "0"], 2, "workers"),
        (["--format", "docx"], 2, "docx"),
    ],
)
def test_wrong_options_are_refused(
    run_cli: RunCli, corpus: Path, tmp_path: Path, options: list[str], code: int, told: str
) -> None:
    done = run_cli("annotate", corpus, "-o", tmp_path / "out", *options)
    assert done.code == code
    assert told in done.err
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_or_no_job_is_told(run_cli: RunCli, corpus: Path, tmp_path: Path) -> None:
    assert run_cli("annotate", tmp_path / "none.xml", "-o", tmp_path / "out").code == 66
    assert run_cli("annotate", corpus, "-o", corpus).code == 73
    assert run_cli("verify", tmp_path).code == 66
    assert run_cli("stats", tmp_path).code == 66
    assert run_cli("annotate", corpus, "-o", tmp_path / "out", "--workers", 1).code == 0
    other = run_cli("annotate", corpus, "-o", tmp_path / "out", "--min-score", 0.5)
    assert other.code == 78
    assert "`min_score` is `0.0` there and `0.5` here" in other.err


@pytest.mark.full
def test_the_bundled_model_annotates_and_a_newcomer_queries(corpus: Path, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "biospan", "annotate", corpus, "-o", out, "-f", "parquet"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    query = f"SELECT unnest(entities).label FROM '{out}/*.parquet'"
    labels = {label for (label,) in duckdb.sql(query).fetchall()}
    assert "protein" in labels
    assert jobs.verify(out).annotated == 3


def test_steps_are_done_and_a_job_with_others_is_another(
    run_cli: RunCli, corpus: Path, tmp_path: Path
) -> None:
    out, terms = tmp_path / "out", tmp_path / "terms.tsv"
    terms.write_text("NF-kappa B of the nucleus\torganelle\tGO:1\n")
    command = ("annotate", corpus, "--output", out, "--workers", 1, "--dictionary", terms)
    assert run_cli(*command, "--label", "organelle").code == 0
    found = [d for path in sorted(out.glob("part-*.jsonl")) for d in formats.read(path)]
    assert [(e.text, e.id) for d in found for e in d.entities] == [
        ("NF-kappa B of the nucleus", "GO:1")
    ]
    other = run_cli(*command, "--label", "organelle", "--refine", "repeats")
    assert other.code == 78
    assert "holds another job: `model`" in other.err
