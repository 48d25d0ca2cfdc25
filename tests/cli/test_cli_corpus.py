"""`biospan corpus`: the counts of a corpus beside the published ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from biospan.corpora import CORPORA, Corpus
from conftest import Outcome

RunCli = Callable[..., Outcome]


def test_the_official_training_set_is_as_published(run_cli: RunCli, jnlpba_dir: Path) -> None:
    done = run_cli("corpus", "jnlpba", "--path", jnlpba_dir)
    assert (done.code, done.err) == (0, "")
    published = CORPORA["jnlpba"].published["all"]
    _, header, table = done.out.partition(f"{'here':>24}{'published':>12}\n")
    assert header
    rows = {name: counts for name, *counts in map(str.split, table.splitlines())}
    expected = {
        "documents": published.documents,
        "sentences": published.sentences,
        "tokens": published.tokens,
        **published.tags,
    }
    assert rows == {name: [f"{count:,}"] * 2 for name, count in expected.items()}
    assert "CC BY 3.0" in done.out


def test_a_truncated_copy_fails_and_says_what_differs(
    run_cli: RunCli, jnlpba_dir: Path, tmp_path: Path
) -> None:
    content = (jnlpba_dir / "Genia4ERtask2.iob2").read_text(encoding="utf-8")
    cut = content[: content.rindex("###MEDLINE:")]
    (tmp_path / "Genia4ERtask2.iob2").write_text(cut, encoding="utf-8")
    done = run_cli("corpus", "jnlpba", "--path", tmp_path)
    assert done.code == 65
    assert "not as published: documents, sentences, tokens, O" in done.err
    assert "differs" in done.out
    (row,) = [row for row in done.out.splitlines() if row.startswith("documents")]
    assert row.split() == ["documents", "1,999", "2,000", "differs"]


@pytest.mark.parametrize("name", ["jnlpba", "jnlpba-text"])
def test_a_split_without_published_counts_is_only_counted(
    run_cli: RunCli, tiny_corpus: Path, name: str
) -> None:
    done = run_cli("corpus", name, "--split", "dev", "--path", tiny_corpus)
    assert done.code == 0
    rows = dict(row.split() for row in done.out.splitlines() if len(row.split()) == 2)
    assert rows["documents"] == "12"
    assert {"B-protein", "I-DNA"} <= rows.keys() if name == "jnlpba" else "DNA" in rows


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["genia"], 78), (["jnlpba", "--split", "tset"], 78), (["jnlpba", "--path", "none"], 66)],
)
def test_what_is_not_known_or_there_is_refused(
    run_cli: RunCli, arguments: list[str], code: int
) -> None:
    done = run_cli("corpus", *arguments)
    assert (done.code, done.out) == (code, "")


def test_the_folder_comes_from_the_environment(
    run_cli: RunCli, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: Corpus = CORPORA["jnlpba"]
    (tmp_path / known.folder).symlink_to(tiny_corpus)
    monkeypatch.setenv("BIOSPAN_DATA", str(tmp_path))
    assert run_cli("corpus", "jnlpba", "--split", "train").code == 0
