"""`biospan evaluate`: it prints what `biospan.evaluate` says, and refuses unclear orders."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from biospan import (
    breakdown,
    card_table,
    corpora,
    exposure,
    formats,
    protocols,
    reliability,
    scoring,
)
from biospan.formats import jsonl
from conftest import Outcome, small_tagger

RunCli = Callable[..., Outcome]

GOLD = (
    "###MEDLINE:7\n\nIL-2\tB-DNA\ngene\tI-DNA\nof\tO\nIL-2\tB-protein\n\ncells\tO\nil\tB-protein\n"
)
PREDICTED = GOLD.replace("gene\tI-DNA", "gene\tO").replace("cells\tO", "cells\tB-DNA")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    gold, predicted = tmp_path / "gold.iob2", tmp_path / "predicted.iob2"
    gold.write_text(GOLD)
    predicted.write_text(PREDICTED)
    return gold, predicted


def test_two_files_are_scored_as_the_library_scores_them(
    run_cli: RunCli, files: tuple[Path, Path]
) -> None:
    report = scoring.evaluate(*map(formats.read, files))
    assert (report.spans.micro.tp, report.spans.micro.fp, report.spans.micro.fn) == (2, 2, 1)
    assert run_cli("evaluate", *files) == Outcome(0, report.to_text() + "\n", "")
    assert json.loads(run_cli("evaluate", *files, "--json").out) == report.to_dict()


def test_a_predicted_file_may_be_of_another_format(
    run_cli: RunCli, files: tuple[Path, Path], tmp_path: Path
) -> None:
    with (tmp_path / "predicted.jsonl").open("w") as stream:
        jsonl.write(formats.read(files[1]), stream)
    as_json = run_cli("evaluate", files[0], tmp_path / "predicted.jsonl", "--json").out
    assert as_json == run_cli("evaluate", *files, "--json").out


def test_sloppy_tags_need_repair(run_cli: RunCli, files: tuple[Path, Path]) -> None:
    files[1].write_text(GOLD.replace("B-protein", "I-protein"))
    refused = run_cli("evaluate", *files)
    assert refused.code == 65
    assert f"{files[1]}:6" in refused.err
    repaired = run_cli("evaluate", *files, "--json", "--repair")
    assert json.loads(repaired.out)["spans"]["micro"]["f1"] == 1.0


def test_protocols_show_both_readings_of_sloppy_tags(
    run_cli: RunCli, files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    files[1].write_text(GOLD.replace("B-protein", "I-protein"))
    strict = formats.read_strict(files[0]), formats.read_strict(files[1])
    lenient = formats.read_repaired(files[0]), formats.read_repaired(files[1])
    result = protocols.evaluate_readings(strict, lenient)
    done = run_cli("evaluate", *files, "--protocols")
    assert (done.code, done.out) == (0, result.to_text() + "\n")
    assert f"{files[1]}: 2 tags belong to no entity and mark nothing" in caplog.text
    data = json.loads(run_cli("evaluate", *files, "--protocols", "--json").out)
    assert data == result.to_dict()
    f1 = {name: data["protocols"][name]["micro"]["f1"] for name in ("typed", "conlleval")}
    assert f1 == {"typed": 0.5, "conlleval": 1.0}


def test_two_files_are_laid_beside_the_reference_card(
    run_cli: RunCli, files: tuple[Path, Path]
) -> None:
    table = card_table.evaluate(*map(formats.read, files))
    assert run_cli("evaluate", *files, "--as-card").out == table.to_text() + "\n"
    assert json.loads(run_cli("evaluate", *files, "--as-card", "--json").out) == table.to_dict()


def test_a_model_is_scored_by_protocols_and_beside_the_card(
    run_cli: RunCli, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = small_tagger()
    monkeypatch.setattr("biospan.tagger.load", lambda *args, **kwargs: tagger)
    documents = list(formats.read(files[0]))
    predicted = list(tagger.tag_many(documents))
    for option, expected in (
        ("--protocols", protocols.evaluate_all(documents, predicted)),
        ("--as-card", card_table.evaluate(documents, predicted)),
    ):
        done = run_cli("evaluate", "--corpus", "jnlpba", "--path", files[0], option)
        assert done.out == expected.to_text() + "\n"


def test_a_model_is_scored_on_a_corpus(
    run_cli: RunCli, files: tuple[Path, Path], tiny_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = small_tagger()
    monkeypatch.setattr("biospan.tagger.load", lambda *args, **kwargs: tagger)
    for arguments, documents in (
        (["jnlpba", "--path", files[0]], list(formats.read(files[0]))),
        (["jnlpba", "--path", tiny_corpus], corpora.read_corpus("jnlpba", "dev", path=tiny_corpus)),
        (
            ["jnlpba-text", "--path", tiny_corpus, "--split", "train"],
            corpora.read_corpus("jnlpba-text", "train", path=tiny_corpus),
        ),
    ):
        expected = scoring.evaluate(documents, tagger.tag_many(documents))
        assert expected.spans.micro.fp > 0
        done = run_cli("evaluate", "--corpus", *arguments, "--json")
        assert json.loads(done.out) == expected.to_dict()


def test_both_sides_of_a_corpus_can_be_saved_and_score_the_same(
    run_cli: RunCli, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = small_tagger()
    monkeypatch.setattr("biospan.tagger.load", lambda *args, **kwargs: tagger)
    saved = tmp_path / "sides"
    options = ["--corpus", "jnlpba", "--path", tiny_corpus, "--json"]
    of_corpus = run_cli("evaluate", *options, "--save", saved)
    files = run_cli("evaluate", saved / "gold.jsonl", saved / "predicted.jsonl", "--json")
    assert json.loads(files.out) == json.loads(of_corpus.out)
    assert json.loads(files.out)["n_documents"] == 12


@pytest.mark.parametrize("given", [True, False], ids=["tokens", "text"])
def test_gold_alone_is_tagged_on_its_tokens_or_its_text(
    run_cli: RunCli,
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: bool,
) -> None:
    tagger, asked = small_tagger(), []

    def load(*arguments: object, **options: object) -> object:
        asked.append((*arguments, *options.values()))
        return tagger

    monkeypatch.setattr("biospan.tagger.load", load)
    documents = list(formats.read(files[0]))
    if not given:
        documents = [document.untokenized() for document in documents]
    gold, saved = tmp_path / "gold.jsonl", tmp_path / "saved"
    with gold.open("w") as stream:
        jsonl.write(documents, stream)
    expected = scoring.evaluate(documents, tagger.tag_many(documents))
    done = run_cli("evaluate", gold, "--model", "folder", "--save", saved, "--json")
    assert json.loads(done.out) == expected.to_dict()
    assert asked == [(Path("folder"), "auto")]
    kept = run_cli("evaluate", saved / "gold.jsonl", saved / "predicted.jsonl", "--json")
    assert kept.out == done.out


def test_scores_are_grouped_by_metadata(run_cli: RunCli, tmp_path: Path) -> None:
    sides = []
    for name, text in (("gold", GOLD), ("predicted", PREDICTED)):
        documents = []
        for number, kind in enumerate(("dash", "caption", "dash")):
            path = tmp_path / f"{name}.iob2"
            path.write_text(text.replace("MEDLINE:7", f"MEDLINE:{number}"))
            documents += [document.with_metadata(kind=kind) for document in formats.read(path)]
        with (tmp_path / f"{name}.jsonl").open("w") as stream:
            jsonl.write(documents, stream)
        sides.append(documents)
    files = [tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"]
    expected = breakdown.break_down(sides[0], sides[1], "kind")
    done = run_cli("evaluate", *files, "--by", "kind")
    assert done == Outcome(0, expected.to_text() + "\n", "")
    assert json.loads(run_cli("evaluate", *files, "--by", "kind", "--json").out) == (
        expected.to_dict()
    )
    assert expected.parts["dash"].n_documents == 2
    unknown = run_cli("evaluate", *files, "--by", "kid")
    assert (unknown.code, unknown.out) == (78, "")
    assert "Did you mean `kind`?" in unknown.err
    both = run_cli("evaluate", *files, "--by", "kind", "--as-card")
    assert both.code == 78


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "GOLD and PREDICTED, or --corpus"),
        (["gold", "--split", "dev"], "--split: not for GOLD, but for --corpus"),
        (["gold", "predicted", "--corpus", "jnlpba"], "GOLD and PREDICTED, or --corpus"),
        (["gold", "--corpus", "jnlpba"], "GOLD and PREDICTED, or --corpus"),
        (["gold", "predicted", "--model", "folder"], "--model: not for GOLD and PREDICTED"),
        (
            ["gold", "predicted", "--path", "x", "--split", "dev", "--engine", "onnxruntime"],
            "--split, --path, --engine: not for GOLD and PREDICTED",
        ),
        (["gold.jsonl", "predicted", "--repair"], "--repair: gold.jsonl, predicted: no IOB2"),
        (["gold", "predicted", "--protocols", "--as-card"], "Leave out --as-card and --repair"),
        (["gold.iob2", "predicted", "--protocols", "--repair"], "Leave out --as-card and --repair"),
        (["--corpus", "jnlpba", "--repair"], "--repair: is for GOLD and PREDICTED"),
    ],
)
def test_orders_that_contradict_themselves_are_refused(
    run_cli: RunCli, arguments: list[str], message: str
) -> None:
    done = run_cli("evaluate", *arguments)
    assert (done.code, done.out) == (78, "")
    assert message in done.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--corpus", "jnlbpa"], 78),
        (["--corpus", "jnlpba", "--split", "tset"], 78),
        (["--corpus", "jnlpba", "--path", "nowhere"], 66),
        (["nowhere.iob2", "nowhere.iob2"], 66),
    ],
)
def test_what_is_not_there_is_refused(run_cli: RunCli, arguments: list[str], code: int) -> None:
    assert run_cli("evaluate", *arguments).code == code


def test_a_model_that_is_missing_or_broken_is_refused(
    run_cli: RunCli, files: tuple[Path, Path], tmp_path: Path
) -> None:
    options = ["--corpus", "jnlpba", "--path", files[0], "--model"]
    assert run_cli("evaluate", *options, tmp_path / "none").code == 66
    assert run_cli("evaluate", *options, tmp_path).code == 69


def test_documents_that_one_side_lacks_are_an_error(
    run_cli: RunCli, files: tuple[Path, Path], tmp_path: Path
) -> None:
    more = tmp_path / "more.iob2"
    shutil.copy(files[0], more)
    with more.open("a") as stream:
        stream.write("\n###MEDLINE:8\n\ncells\tO\n")
    done = run_cli("evaluate", more, files[1])
    assert (done.code, done.out) == (65, "")
    assert "`8`: missing on the predicted side" in done.err


@pytest.mark.parametrize("also", [[], ["--protocols"]])
def test_scores_are_followed_by_what_was_trained_on(
    run_cli: RunCli, files: tuple[Path, Path], tmp_path: Path, also: list[str]
) -> None:
    train = tmp_path / "train.iob2"
    train.write_text(GOLD.replace("MEDLINE:7", "MEDLINE:8"))
    gold, predicted = (list(formats.read(file)) for file in files)
    exposed = exposure.expose(gold, predicted, list(formats.read(train)))
    assert [found.train_id for found in exposed.duplicates] == ["8"]

    alone = run_cli("evaluate", *files, *also)
    done = run_cli("evaluate", *files, "--train", train, *also)
    assert done == Outcome(0, f"{alone.out}\n{exposed.to_text()}\n", "")

    data = json.loads(run_cli("evaluate", *files, "--train", train, *also, "--json").out)
    assert data.pop("training") == exposed.to_dict()
    assert data == json.loads(run_cli("evaluate", *files, *also, "--json").out)


def evaluation_set(tiny_corpus: Path, folder: Path) -> Path:
    """The tiny corpus with an evaluation file: three training abstracts, and three new ones."""
    shutil.copytree(tiny_corpus, folder)
    known = [f"###MEDLINE:{number}\n\nil\tB-protein\nagain\tO\n" for number in (901, 905, 907)]
    new = [
        f"###MEDLINE:{number}\n\n{word}\tO\nil\tB-protein\ngene\tB-DNA\nexpression\tI-DNA\n"
        for number, word in ((800, "rarely"), (801, "often"), (802, "never"))
    ]
    (folder / "Genia4EReval2.iob2").write_text("\n".join([*new[:2], *known, *new[2:]]))
    return folder


def test_a_card_is_printed_with_and_without_documents_that_were_trained_on(
    run_cli: RunCli, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = small_tagger()
    monkeypatch.setattr("biospan.tagger.load", lambda *args, **kwargs: tagger)
    folder = evaluation_set(tiny_corpus, tmp_path / "jnlpba")
    gold = corpora.read_corpus("jnlpba", "test", path=folder)
    new = [document for document in gold if int(document.id) < 900]
    assert (len(gold), len(new)) == (6, 3)
    expected = card_table.evaluate(new, tagger.tag_many(new))
    whole = card_table.evaluate(gold, tagger.tag_many(gold))
    assert expected.rows != whole.rows

    saved = tmp_path / "saved"
    corpus = ["--corpus", "jnlpba", "--path", folder, "--split", "test", "--save", saved]
    train = tmp_path / "train.jsonl"
    with train.open("w") as stream:
        jsonl.write(corpora.read_corpus("jnlpba", "train", path=folder), stream)
    files = [saved / "gold.jsonl", saved / "predicted.jsonl"]
    for arguments in ([*corpus, "--train", "jnlpba"], [*files, "--train", train]):
        done = run_cli("evaluate", *arguments, "--as-card")
        assert (done.code, done.err) == (0, "")
        assert "3 of the 6 documents are among the 28 training documents: 901, 905, 907." in (
            done.out
        )
        for table in (whole, expected):
            assert table.to_text().split("\n\n")[0] in done.out
        data = json.loads(run_cli("evaluate", *arguments, "--as-card", "--json").out)
        assert data["rows"] == whole.to_dict()["rows"]
        assert data["without_duplicates"]["rows"] == expected.to_dict()["rows"]
        assert data["without_duplicates"]["n_documents"] == 3
        assert len(data["training"]["duplicates"]) == 3


def test_training_data_are_a_corpus_that_is_split_or_a_file_that_is_whole(
    run_cli: RunCli, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = small_tagger()
    monkeypatch.setattr("biospan.tagger.load", lambda *args, **kwargs: tagger)
    dev = corpora.read_corpus("jnlpba", "dev", path=tiny_corpus)
    file, other = tmp_path / "own.jsonl", tmp_path / "other.jsonl"
    for path in (file, other):
        with path.open("w") as stream:
            jsonl.write(corpora.read_corpus("jnlpba", "all", path=tiny_corpus), stream)

    def n_duplicates(*arguments: object) -> tuple[int, int]:
        data = json.loads(run_cli("evaluate", *arguments, "--json").out)
        assert len(data["training"]["duplicates"]) <= data["n_documents"]
        return len(data["training"]["duplicates"]), data["training"]["n_train"]

    known = ["--corpus", "jnlpba", "--path", tiny_corpus]
    assert n_duplicates(*known, "--train", "jnlpba") == (0, 40 - len(dev))
    assert n_duplicates(*known, "--train", file) == (len(dev), 40)
    # A file that is the scored corpus itself is split, as the corpus is.
    own_dev = corpora.read_corpus(str(file), "dev")
    assert n_duplicates("--corpus", file, "--train", file) == (0, 40 - len(own_dev))
    assert n_duplicates("--corpus", file, "--train", other) == (len(own_dev), 40)


def test_training_data_that_are_not_there_are_refused(
    run_cli: RunCli, files: tuple[Path, Path]
) -> None:
    done = run_cli("evaluate", *files, "--train", "jnlbpa")
    assert (done.code, done.out) == (78, "")
    assert "Did you mean `jnlpba" in done.err


def test_calibration_is_what_the_library_measures(run_cli: RunCli, tmp_path: Path) -> None:
    tagger = small_tagger()
    gold = list(formats.read(write(tmp_path / "gold.iob2", GOLD)))
    predicted = list(tagger.tag_many(gold))
    with (tmp_path / "predicted.jsonl").open("w") as stream:
        jsonl.write(predicted, stream)
    files = (tmp_path / "gold.iob2", tmp_path / "predicted.jsonl", "--calibration")
    expected = reliability.evaluate(gold, formats.read(tmp_path / "predicted.jsonl"))
    assert len(expected.scores) > 0
    assert run_cli("evaluate", *files) == Outcome(0, expected.to_text() + "\n", "")
    assert json.loads(run_cli("evaluate", *files, "--json").out) == expected.to_dict()


def test_calibration_needs_scores_and_stands_alone(
    run_cli: RunCli, files: tuple[Path, Path]
) -> None:
    refused = run_cli("evaluate", *files, "--calibration")
    assert refused.code == 65
    assert "has no score, expected one on every predicted entity" in refused.err
    for other in ("--protocols", "--as-card", "--by=kind"):
        refused = run_cli("evaluate", *files, "--calibration", other)
        assert (refused.code, refused.out) == (78, "")
        assert "--calibration: has a table of its own" in refused.err


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
