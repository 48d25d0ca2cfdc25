"""The model card: whatever it says of a run, it has from the run's record."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from biospan.document import Document, Entity
from biospan.scoring import evaluate
from biospan.train import card
from biospan.train.config import TrainConfig
from conftest import small_config


def record() -> dict[str, Any]:
    """What a run and its export leave, with numbers that occur nowhere else."""
    texts = [Document("il gene cells", id_) for id_ in "123"]
    spans = [(0, 2, "protein"), (3, 7, "DNA"), (8, 13, "protein")]
    entities = [Entity(start, end, label, texts[0].text[start:end]) for start, end, label in spans]
    gold, predicted = (
        [text.with_entities(found) for text in texts] for found in (entities, entities[:2])
    )
    report = evaluate(gold, predicted).to_dict()
    return {
        "recipe": TrainConfig(encoder="org/encoder", exclude=("77", "78"), epochs=9).to_dict(),
        "commit": "c0ffee",
        "packages": {"torch": "9.8.7"},
        "machine": "a machine, 3 threads",
        "train": {"documents": 1717, "sha256": "ab12"},
        "dev": {"documents": 1919, "sha256": "cd34"},
        "epochs": [{"epoch": 1, "micro_f1": 0.6161}, {"epoch": 2, "micro_f1": 0.6262}],
        "best": {"epoch": 2, "report": report},
        "seconds": 3960.0,
        "exported": {
            "commit": "fee1600d",
            "runtime": "a runtime 4.3.2",
            "encoder_sha256": "ef56",
        },
        "gates": {
            "max_difference": 3e-6,
            "unpacked_f1": 0.6363,
            "packed_f1": 0.6464,
            "changed": 4141,
            "size": 51_500_000,
        },
        "development": {"jnlpba-text": report, "jnlpba": copy.deepcopy(report)},
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
    r"|development/.*/(words|f1_intervals/labels)/|development/[^/]*/spans/micro/support$"
)


SAID = [path for path in paths(record()) if not UNSAID.search("/".join(map(str, path)))]


@pytest.mark.parametrize("path", SAID, ids=lambda path: "/".join(map(str, path)))
def test_what_the_record_says_the_card_says(path: tuple[str | int, ...]) -> None:
    assert written(changed(record(), path)) != written(record())


def test_the_figures_are_the_records_own() -> None:
    text = written(record())
    for figure in (
        *("1717 documents", "1919 to choose", "Epoch 2 of 9", "0.6161, 0.6262", "77, 78"),
        *(
            "66 minutes",
            "51.5 MB",
            "makes 4141 differences",
            "0.6363 to 0.6464",
            "3e-06",
            "`c0ffee`",
        ),
        *("`ab12`", "`cd34`", "torch 9.8.7", "a machine, 3 threads", "`org/encoder`", "int8"),
    ):
        assert figure in text


def test_each_label_and_average_has_its_row_of_scores() -> None:
    report = record()["development"]["jnlpba-text"]["spans"]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in written(record()).splitlines()
        if line.count("|") == 6
    ]
    scores = {row[0]: [float(cell) for cell in row[1:4]] for row in rows if "." in row[1]}
    assert scores.keys() == {"DNA", "protein", "micro", "macro", "weighted"}
    for name, found in scores.items():
        expected = report["rows"].get(name) or report[name]
        keys = ("precision", "recall", "f1")
        assert found == [pytest.approx(expected[key], abs=5e-5) for key in keys]
    assert scores["protein"] == [1.0, 0.5, 0.6667]


def test_every_setting_of_the_recipe_is_there() -> None:
    text = written(record())
    for key, value in record()["recipe"].items():
        assert f"\n{key} = {value!r}\n" in text


def test_the_card_names_corpus_licence_and_limits_and_has_no_placeholder() -> None:
    text = written(record())
    assert "Kim, Ohta, Tsuruoka, Tateisi and Collier (2004)" in text
    assert "CC BY 3.0" in text
    assert "Not a medical device" in text
    assert "## Limits" in text
    assert not re.search(r"TODO|TBD|XXX|FIXME|\{|\}|None|nan|\?\?|<[a-z]+>", text)


def test_a_run_outside_a_checkout_says_so() -> None:
    assert "with code `unknown`" in written(record() | {"commit": ""})


def test_without_exclusions_it_says_none() -> None:
    provenance = record()
    provenance["recipe"]["exclude"] = []
    assert "Left out of training: none." in written(provenance)


def test_of_a_corpus_of_ones_own_nothing_is_said_that_is_true_of_jnlpba(tmp_path: Path) -> None:
    provenance = record()
    provenance["recipe"]["corpus"] = str(tmp_path)
    provenance["development"] = {str(tmp_path): provenance["development"]["jnlpba"]}
    text = written(provenance)
    assert f"Corpus: `{tmp_path}`. Read from this path. Licence: not stated." in text
    assert f"Corpus `{tmp_path}` (as its files are), exact span and label:" in text
    assert "## Labels\n\n- DNA\n- protein\n" in text
    assert "| protein | 1.0000 | 0.5000 | 0.6667 | 6 |" in text
    assert not re.search(r"GENIA|JNLPBA|jnlpba|PubMed|abstracts|promoter|English|None", text)
