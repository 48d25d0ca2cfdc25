"""The model card: whatever it says of a run, it has from the run's record."""

import copy
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from biospan.document import Document, Entity
from biospan.exposure import mentions
from biospan.reliability import measure
from biospan.scoring import evaluate
from biospan.train import card
from biospan.train.config import TrainConfig
from conftest import small_config


def stages() -> list[dict[str, Any]]:
    """An adapted encoder, a teacher that began with it, and what the teacher said of text."""
    made: dict[str, Any] = {
        "commit": "5eed",
        "packages": {"torch": "1.2.3"},
        "machine": "another, 7 threads",
    }
    made["python"] = "3.5.7"
    learned = {"train": {"documents": 1515, "sha256": "7a11"}}
    return [
        {
            **{"folder": "runs/adapted", "kind": "pretrain", "sha256": "ada9", "seconds": 7200.0},
            **{"recipe": {"encoder": "org/first", "corpus": "jnlpba-text", "vocabulary": 99}},
            **{**made, "train": {"documents": 1616, "sha256": "be11"}},
            "text": {
                "files": [
                    {"name": "craft_nxml.txt.gz", "sha256": "f11e", "lines": 1313},
                    {"name": "notes.txt", "sha256": "f22e", "lines": 1414},
                    {"name": "anatem.txt.gz", "sha256": "f33e", "lines": 2323},
                ]
            },
        },
        {
            **{"folder": "runs/teacher", "kind": "train", "sha256": "7eac", "seconds": 9000.0},
            **{"recipe": {"encoder": "runs/adapted", "corpus": "jnlpba-text", "seed": 17}},
            **{**made, **learned, "dev": {"documents": 1919, "sha256": "cd34"}},
        },
        {
            **{"folder": "runs/said", "kind": "teach", "sha256": "5a1d"},
            **{"recipe": {"teachers": ["runs/teacher"], "corpus": "jnlpba-text"}, **made},
            "text": {"files": [{"name": "craft_nxml.txt.gz", "sha256": "f11e", "lines": 1212}]},
        },
    ]


def record() -> dict[str, Any]:
    """What a run and its export leave, with numbers that occur nowhere else."""
    texts = [Document("il gene cells", id_) for id_ in "123"]
    spans = [(0, 2, "protein"), (3, 7, "DNA"), (8, 13, "protein")]
    entities = [Entity(start, end, label, texts[0].text[start:end]) for start, end, label in spans]
    gold, predicted = (
        [text.with_entities(found) for text in texts] for found in (entities, entities[:2])
    )
    report = evaluate(gold, predicted).to_dict()
    seen = mentions(gold, predicted, [texts[0].with_entities(entities[:1])])
    levels = {kind: level.to_dict() for kind, level in seen.levels.items()}
    reliable = measure([0.11, 0.31, 0.52, 0.73, 0.94], [False, True, False, True, True], n_gold=7)
    recipe = TrainConfig(encoder="runs/adapted", taught="runs/said", exclude=("77", "78"), epochs=9)
    return {
        "recipe": recipe.to_dict(),
        "commit": "c0ffee",
        "packages": {"torch": "9.8.7"},
        "machine": "a machine, 3 threads",
        "python": "3.9.9",
        "train": {"documents": 1717, "sha256": "ab12"},
        "dev": {"documents": 1919, "sha256": "cd34"},
        "epochs": [{"epoch": 1, "micro_f1": 0.6161}, {"epoch": 2, "micro_f1": 0.6262}],
        "best": {"epoch": 2, "report": report},
        "seconds": 3960.0,
        "sources": {"stages": stages(), "encoders": [{"name": "org/first", "sha256": "ef56"}]},
        "exported": {"commit": "fee1600d", "runtime": "a runtime 4.3.2"},
        "gates": {
            "max_difference": 3e-6,
            "unpacked_f1": 0.6363,
            "packed_f1": 0.6464,
            "changed": 4141,
            "size": 51_500_000,
        },
        "development": {"jnlpba-text": report, "jnlpba": copy.deepcopy(report)},
        "mentions": {"jnlpba-text": levels, "jnlpba": copy.deepcopy(levels)},
        "calibration": {
            "documents": 101,
            "sha256": "ca11",
            "development": {"jnlpba-text": reliable.to_dict()},
        },
    }


def own(path: Path) -> dict[str, Any]:
    """The record of a run on a corpus at a path, which began with weights from elsewhere."""
    provenance = record()
    recipe = TrainConfig(encoder="org/first", corpus=str(path), epochs=9)
    report = provenance["development"]["jnlpba"]
    return provenance | {
        "recipe": recipe.to_dict(),
        "sources": {"stages": [], "encoders": [{"name": "org/first", "sha256": ""}]},
        "development": {str(path): report},
        "mentions": {str(path): provenance["mentions"]["jnlpba"]},
        "calibration": {
            **provenance["calibration"],
            "development": {str(path): provenance["calibration"]["development"]["jnlpba-text"]},
        },
    }


def written(provenance: dict[str, Any]) -> str:
    return card.write(small_config(provenance=provenance))


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where the numbers and strings of a record are."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in paths(item, (*path, key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in paths(item, (*path, index))]
    return [path]


def changed(provenance: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    """The record with another value in one place."""
    result = copy.deepcopy(provenance)
    place: Any = result
    for key in path[:-1]:
        place = place[key]
    old = place[path[-1]]
    if isinstance(old, str):
        place[path[-1]] = {"corpus": "jnlpba"}.get(str(path[-1]), f"{old}-other")
    else:
        place[path[-1]] = old * 3 + 1
    return result


# Counts behind the scores of a row, epochs' own numbers, and what other entries repeat.
UNSAID = re.compile(
    r"best/report/|epochs/\d/epoch|development/.*/(tp|fp|fn|n_documents|widened|lost)$"
    r"|development/.*/words/|development/[^/]*/spans/micro/support$"
    r"|mentions/[^/]*/[^/]*/(rows|macro|weighted)/|mentions/.*/(tp|fp|fn)$"
    r"|calibration/.*/(n_right|n_gold)$|stages/\d/kind$"
)


SAID = [path for path in paths(record()) if not UNSAID.search("/".join(map(str, path)))]


@pytest.mark.parametrize("path", SAID, ids=lambda path: "/".join(map(str, path)))
def test_what_the_record_says_the_card_says(path: tuple[str | int, ...]) -> None:
    assert written(changed(record(), path)) != written(record())


def test_the_figures_are_the_records_own() -> None:
    text = written(record())
    for figure in (
        *("1,717 documents", "1,919 documents", "Epoch 2 of 9", "0.6161, 0.6262", "77, 78"),
        *("51.5 MB", "makes 4141 differences", "0.6363 to 0.6464", "3e-06", "`c0ffee`"),
        *("`ab12`", "`cd34`", "torch 9.8.7", "a machine, 3 threads", "`runs/adapted`", "int8"),
    ):
        assert figure in text


@pytest.mark.parametrize("known", [True, False])
def test_every_score_in_the_card_is_a_number_of_the_record(known: bool, tmp_path: Path) -> None:
    provenance = record() if known else own(tmp_path)
    values: list[float] = []
    for path in paths(provenance):
        value: Any = provenance
        for key in path:
            value = value[key]
        if isinstance(value, int | float):
            values.append(value)
    scores = re.findall(r"(?<![\d.])\d\.\d{4}(?!\d)", written(provenance))
    assert len(scores) > 50
    assert set(scores) <= {f"{value:.4f}" for value in values}
    (found,) = provenance["calibration"]["development"].values()
    lower = 1 - found["brier"] / found["constant_brier"]
    coverage = found["thresholds"]["0.90"]["coverage"]
    shares = set(re.findall(r"[\d.]+%", written(provenance)))
    assert shares == {f"{lower:.1%}", f"{coverage:.1%}", "95%"}


def rows_of(text: str, first: str) -> list[list[str]]:
    """Cells of all rows of the tables whose header has this cell."""
    found = []
    for table in tables(text):
        if first in table[0]:
            found += table[2:]
    return found


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table, by the rule that an unescaped bar ends one."""
    blocks: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
            blocks[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


@pytest.mark.parametrize("name", [None, "plain", "a|b`c"])
def test_tables_are_whole(name: str | None, tmp_path: Path) -> None:
    provenance = record()
    if name is not None:
        (tmp_path / name).mkdir()
        provenance = own(tmp_path / name)
    found = tables(written(provenance))
    # Sources, runs, mentions, two of calibration; scores by form; labels of a known corpus.
    assert len(found) == (8 if name is None else 6)
    for block in found:
        assert len({len(row) for row in block}) == 1
        assert set(block[1]) == {"---"}
        assert len(block) > 2


def test_each_label_and_average_has_its_row_of_scores_with_its_interval() -> None:
    report = record()["development"]["jnlpba-text"]
    rows = rows_of(written(record()), "F1, 95 % interval")
    assert [row[0] for row in rows] == 2 * ["DNA", "protein", "micro", "macro", "weighted"]
    for name, *found in rows:
        expected = report["spans"]["rows"].get(name) or report["spans"][name]
        keys = ("precision", "recall", "f1")
        assert found[:3] == [f"{expected[key]:.4f}" for key in keys]
        intervals = report["f1_intervals"]
        bounds = intervals["labels"].get(name) or (name == "micro" and intervals["micro"])
        assert found[3] == ("{:.4f} to {:.4f}".format(*bounds) if bounds else "")
    assert rows[1][1:4] == ["1.0000", "0.5000", "0.6667"]


def test_entities_are_scored_by_what_training_knew() -> None:
    rows = rows_of(written(record()), "entities")
    seen = [row for row in rows if row[2] in ("seen", "unseen", "ambiguous")]
    # Of each document `il` alone was learned; `gene` was found unseen, `cells` was not found.
    figures = [row[2:] for row in seen if row[1] == "raw text"]
    assert figures == [
        ["seen", "1.0000", "1.0000", "1.0000", "3"],
        ["unseen", "1.0000", "0.5000", "0.6667", "6"],
        ["ambiguous", "0.0000", "0.0000", "0.0000", "0"],
    ]
    assert len(seen) == 6


def test_every_source_has_origin_licence_use_and_checksum() -> None:
    rows = {(row[0], row[4]): row[1:4] for row in rows_of(written(record()), "licence")}
    assert {name.strip("`"): checksum.strip("`") for name, checksum in rows} == {
        "jnlpba-text": "ca11",  # the last of several
        "org/first": "ef56",
        "craft_nxml.txt.gz": "f11e",
        "notes.txt": "f22e",
        "anatem.txt.gz": "f33e",
    }
    corpora = {key[1].strip("`"): use[2] for key, use in rows.items() if "jnlpba" in key[0]}
    assert corpora == {
        "ab12": "1,717 documents to learn from (this model)",
        "cd34": "1,919 documents to choose the epoch by (this model, `runs/teacher`)",
        "be11": "the text alone of 1,616 documents (`runs/adapted`)",
        "7a11": "1,515 documents to learn from (`runs/teacher`)",
        "ca11": "101 documents to calibrate scores on (this model)",
    }
    craft = rows["`craft_nxml.txt.gz`", "`f11e`"]
    assert craft[1] == "CC BY"
    assert craft[2] == (
        "1,313 lines to adapt the encoder to (`runs/adapted`); "
        "1,212 lines that teachers labelled (`runs/said`)"
    )
    assert rows["`notes.txt`", "`f22e`"][:2] == ["unknown: not recorded"] * 2
    text = written(record())
    assert "research-only terms as far as is known: `anatem.txt.gz`." in text
    assert "Of unknown terms: `org/first`, `notes.txt`." in text


def test_a_run_whose_record_is_gone_is_named_as_unknown() -> None:
    provenance = record()
    lost = {"folder": "runs/lost", "kind": "unknown", "sha256": "1057"}
    provenance["sources"]["stages"].append(lost)
    text = written(provenance)
    (row,) = [row for row in rows_of(text, "licence") if row[0] == "`runs/lost`"]
    assert row[1:3] == ["unknown: not recorded"] * 2
    assert row[4] == "`1057`"
    assert "`notes.txt`, `runs/lost`." in text


def test_every_run_is_recorded_oldest_first() -> None:
    rows = rows_of(written(record()), "sha256 of recipe")
    assert [row[:4] for row in rows] == [
        ["`runs/adapted`", "pretrain", "none", "2.00"],
        ["`runs/teacher`", "train", "17", "2.50"],
        ["`runs/said`", "teach", "none", "not recorded"],
        ["this model", "train", "1", "1.10"],
    ]
    recipe = json.dumps(record()["recipe"], sort_keys=True).encode()
    assert rows[-1][4] == f"`{hashlib.sha256(recipe).hexdigest()}`"
    text = written(record())
    assert "- `runs/adapted`, `runs/teacher`, `runs/said`: with code `5eed`; another" in text
    assert "- this model: with code `c0ffee`; a machine" in text


def test_what_cannot_be_repeated_is_told_where_it_applies() -> None:
    text = written(record())
    for words in ("With `bf16`", "WordPiece", "Teachers that are"):
        assert words in text
    provenance = record()
    provenance["recipe"] |= {"precision": "fp32", "taught": ""}
    provenance["sources"]["stages"] = []
    text = written(provenance)
    for words in ("With `bf16`", "WordPiece", "Teachers that are"):
        assert words not in text
    assert "sums of floating-point numbers" in text


def test_the_figures_of_calibration_and_its_drawing_are_there() -> None:
    found = record()["calibration"]["development"]["jnlpba-text"]
    text = written(record())
    ((*_, n, ece, auroc, brier, constant, _),) = rows_of(text, "ECE")
    assert (n, constant) == ("5", "0.2400")
    assert (ece, auroc) == (f"{found['ece']:.4f}", f"{found['auroc']:.4f}")
    assert brier == f"{found['brier']:.4f}"
    # From 0.73 on two of two are right, of seven gold ones; with 0.52 it would be two of three.
    (row,) = rows_of(text, "precision wanted")
    assert row == ["`jnlpba-text`", "0.90", "0.7300", "1.0000", "0.2857", "40.0%"]
    assert "](reliability.svg)" in text
    for _, score, right in found["bins"]:
        assert f"    1  {score:.4f}  {right:.4f}" in text
    drawn = card.plot(small_config(provenance=record()))
    assert drawn.count("<circle") == 5


def test_a_threshold_or_auroc_that_does_not_exist_is_told() -> None:
    provenance = record()
    wrong = measure([0.2, 0.3], [False, False], n_gold=2).to_dict()
    provenance["calibration"]["development"] = {"jnlpba-text": wrong}
    text = written(provenance)
    assert rows_of(text, "precision wanted")[0][2:] == ["not reached", "-", "-", "-"]
    assert rows_of(text, "ECE")[0][4] == "-"
    assert "None" not in text


def test_without_calibration_scores_are_the_models_own() -> None:
    provenance = record()
    del provenance["calibration"]
    text = written(provenance)
    assert "A score is the model's own probability that exactly this span has this label." in text
    assert "reliability" not in text
    assert card.plot(small_config(provenance=provenance)) == ""


def test_every_setting_of_the_recipe_is_there() -> None:
    text = written(record())
    for key, value in record()["recipe"].items():
        assert f"\n{key} = {value!r}\n" in text


def test_the_card_names_corpus_licence_and_limits_and_has_no_placeholder() -> None:
    text = written(record())
    assert "Kim, Ohta, Tsuruoka, Tateisi and Collier (2004)" in text
    assert "CC BY 3.0" in text
    assert "Not a medical device" in text
    assert "screening that must miss nothing" in text
    assert "## Limits" in text
    assert not re.search(r"TODO|TBD|XXX|FIXME|\{|\}|None|\bnan\b|\?\?|<[a-z]+>", text)


def test_a_run_outside_a_checkout_says_so() -> None:
    assert "with code `unknown`" in written(record() | {"commit": ""})


def test_without_exclusions_it_says_none() -> None:
    provenance = record()
    provenance["recipe"]["exclude"] = []
    assert "Left out of training: none." in written(provenance)


def test_two_forms_of_the_same_documents_are_named() -> None:
    provenance = record()
    provenance["recipe"]["second_form"] = "jnlpba"
    assert "to learn from, in the forms `jnlpba-text` and `jnlpba` (this" in written(provenance)


def test_of_a_corpus_of_ones_own_nothing_is_said_that_is_true_of_jnlpba(tmp_path: Path) -> None:
    text = written(own(tmp_path))
    assert f"Corpus: `{tmp_path}`. Read from this path. Licence: not stated." in text
    assert f"Corpus `{tmp_path}` (as its files are), exact span and label:" in text
    assert "## Labels\n\n- DNA\n- protein\n" in text
    protein = next(row for row in rows_of(text, "F1, 95 % interval") if row[0] == "protein")
    assert protein[1:4] == ["1.0000", "0.5000", "0.6667"]
    assert protein[5] == "6"
    assert ["`org/first`", "not recorded"] in [[row[0], row[4]] for row in rows_of(text, "licence")]
    said = r"GENIA|JNLPBA|jnlpba|PubMed|abstracts|promoter|English|None|blood|model\.md"
    assert not re.search(said, text)
    drawn = card.plot(small_config(provenance=own(tmp_path)))
    assert "jnlpba" not in drawn
