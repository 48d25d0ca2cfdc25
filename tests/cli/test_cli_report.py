"""`biospan report`: the page is written where it was asked for, and nothing else is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from biospan import formats, report
from biospan.exposure import expose
from conftest import Outcome, small_tagger

RunCli = Callable[..., Outcome]

GOLD = "###MEDLINE:7\n\nIL-2\tB-DNA\ngene\tI-DNA\nof\tO\nIL-2\tB-protein\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    gold, predicted = tmp_path / "gold.iob2", tmp_path / "predicted.iob2"
    gold.write_text(GOLD)
    predicted.write_text(GOLD.replace("gene\tI-DNA", "gene\tO"))
    return gold, predicted


def test_two_files_give_the_page_of_the_library(
    run_cli: RunCli, files: tuple[Path, Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert run_cli("report", *files, "--output", page) == Outcome(0, "", "")
    analysis = report.analyse(*map(formats.read, files))
    parts = report.to_html(analysis, gold_name="gold.iob2", predicted_name="predicted.iob2")
    assert page.read_text() == "".join(parts)


def test_a_model_on_a_corpus_gives_a_page_with_reliability(
    run_cli: RunCli, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biospan.tagger.load", lambda *args, **kwargs: small_tagger())
    page = tmp_path / "page.html"
    done = run_cli("report", "--corpus", "jnlpba-text", "--path", tiny_corpus, "-o", page)
    assert done == Outcome(0, "", "")
    assert "jnlpba-text, split dev" in page.read_text()
    assert '<svg class="plot"' in page.read_text()


def test_training_data_give_a_section_on_what_was_trained_on(
    run_cli: RunCli, files: tuple[Path, Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert run_cli("report", *files, "-o", page, "--train", files[0]) == Outcome(0, "", "")
    gold, predicted = (list(formats.read(file)) for file in files)
    parts = report.to_html(
        report.analyse(gold, predicted),
        gold_name="gold.iob2",
        predicted_name="predicted.iob2",
        exposure=expose(gold, predicted, gold),
    )
    assert page.read_text() == "".join(parts)
    assert "1 of 1 documents are among the 1 training documents" in page.read_text()
    page.unlink()
    assert run_cli("report", *files, "-o", page, "--train", "nowhere.iob2").code == 78
    assert not page.exists()


def test_sloppy_tags_need_repair(run_cli: RunCli, files: tuple[Path, Path], tmp_path: Path) -> None:
    files[1].write_text(GOLD.replace("B-protein", "I-protein"))
    page = tmp_path / "page.html"
    refused = run_cli("report", *files, "-o", page)
    assert (refused.code, page.exists()) == (65, False)
    assert run_cli("report", *files, "-o", page, "--repair").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "GOLD and PREDICTED, or --corpus"),
        (["gold", "--split", "dev"], "--split: not for GOLD, but for --corpus"),
        (["gold", "predicted", "--corpus", "jnlpba"], "GOLD and PREDICTED, or --corpus"),
        (["gold", "predicted", "--model", "folder"], "--model: not for GOLD and PREDICTED"),
        (["gold.jsonl", "predicted", "--repair"], "no IOB2 columns"),
        (["--corpus", "jnlpba", "--repair"], "--repair: is for GOLD and PREDICTED"),
    ],
)
def test_orders_that_contradict_themselves_are_refused(
    run_cli: RunCli, arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = run_cli("report", *arguments, "-o", tmp_path / "page.html")
    assert done.code == 78
    assert message in done.err
    assert not (tmp_path / "page.html").exists()


def test_an_input_is_never_overwritten(run_cli: RunCli, files: tuple[Path, Path]) -> None:
    done = run_cli("report", *files, "-o", files[0])
    assert done.code == 78
    assert "an input is there" in done.err
    assert files[0].read_text() == GOLD


def test_an_output_that_cannot_be_created_is_said(
    run_cli: RunCli, files: tuple[Path, Path], tmp_path: Path
) -> None:
    assert run_cli("report", *files, "-o", tmp_path / "none" / "page.html").code == 73
