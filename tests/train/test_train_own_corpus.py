"""A corpus of one's own goes through training, export, evaluation and report like a known one."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from biospan.corpora import read_corpus
from biospan.document import Document
from biospan.errors import ConfigError
from biospan.formats import brat, iob2, jsonl
from conftest import N_TINY_DEV, Outcome

RunCli = Callable[..., Outcome]

LABELS = {"DNA": "Gene_or-product", "protein": "Chemical.2+"}


def relabelled(document: Document) -> Document:
    """The document with labels of another corpus, and one entity inside another."""
    entities = [replace(entity, label=LABELS[entity.label]) for entity in document.entities]
    inner = [replace(e, end=e.start + 4, text="gene") for e in entities if e.text[:5] == "gene "]
    return document.with_entities([*entities, *inner[:1]])


def write_split(tiny_corpus: Path, folder: Path) -> str:
    """A folder of IOB2 files for each split."""
    for split in ("train", "dev"):
        documents = read_corpus("jnlpba", split, path=tiny_corpus)
        with (folder / f"{split}.iob2").open("w") as stream:
            iob2.write(map(relabelled, documents), stream)
    return str(folder)


def write_brat(tiny_corpus: Path, folder: Path) -> str:
    """One folder of brat files, with a list of what is for development."""
    documents = read_corpus("jnlpba-text", "all", path=tiny_corpus)
    brat.write_dir(map(relabelled, documents), folder)
    ids = [document.id for document in documents[-N_TINY_DEV:]]
    (folder / "dev.ids").write_text("\n".join(ids))
    return str(folder)


def write_jsonl(tiny_corpus: Path, folder: Path) -> str:
    """One file, split by hash."""
    documents = read_corpus("jnlpba-text", "all", path=tiny_corpus)
    with (folder / "corpus.jsonl").open("w") as stream:
        jsonl.write(map(relabelled, documents), stream)
    return str(folder / "corpus.jsonl")


@pytest.mark.parametrize("write", [write_split, write_brat, write_jsonl])
def test_every_form_is_trained_exported_evaluated_and_reported(
    write: Callable[[Path, Path], str],
    tiny_corpus: Path,
    tiny_recipe: dict[str, Any],
    tmp_path: Path,
    run_cli: RunCli,
) -> None:
    (tmp_path / "own").mkdir()
    corpus = write(tiny_corpus, tmp_path / "own")
    changes = {"corpus": corpus, "corpus_path": "", "epochs": 6}
    recipe = tmp_path / "recipe.toml"
    values = {key: json.dumps(value) for key, value in (tiny_recipe | changes).items()}
    recipe.write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
    trained = run_cli("train", recipe, "--output", tmp_path / "run")
    assert trained.code == 0, trained.err
    model = tmp_path / "run" / "model"
    config = json.loads((model / "config.json").read_text())
    assert config["labels"] == sorted(LABELS.values())
    assert config["provenance"]["development"].keys() == {corpus}
    card = (model / "MODEL_CARD.md").read_text()
    assert f"Corpus: `{corpus}`." in card
    assert "GENIA" not in card
    arguments = ["--corpus", corpus, "--split", "dev", "--model", model]
    scores = json.loads(run_cli("evaluate", *arguments, "--json").out)
    # Of what overlaps, one is learned; all of it counts.
    assert scores["spans"]["micro"]["f1"] > 0.8
    assert scores["spans"] == config["provenance"]["development"][corpus]["spans"]
    page = tmp_path / "report.html"
    assert run_cli("report", *arguments, "--output", page).code == 0
    assert "Gene_or-product" in page.read_text()


def test_a_path_beside_a_path_is_refused_before_training(
    tiny_corpus: Path, tiny_recipe: dict[str, Any], tmp_path: Path
) -> None:
    from biospan.train.config import from_mapping
    from biospan.train.loop import fit

    corpus = write_split(tiny_corpus, tmp_path)
    with pytest.raises(ConfigError, match="is a path itself"):
        fit(from_mapping(tiny_recipe | {"corpus": corpus}), tmp_path / "run")
