"""An ensemble's opinion: written in parts, gone on with, read back, and learned from."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biospan.errors import ConfigError, InputError, MissingInputError
from biospan.train.config import from_mapping
from biospan.train.teach_config import TeachConfig, load_config

pytestmark = pytest.mark.usefixtures("needs_train")

Recipe = dict[str, Any]
LINES = [
    f"The gene number {n} of cells was expressed and the il receptor of T cells was not at {n}."
    for n in range(11)
]


@pytest.fixture
def config(tiny_recipe: Recipe, tiny_run: Path, tmp_path: Path) -> TeachConfig:
    """One teacher, twice, on some lines."""
    (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n")
    return TeachConfig(
        teachers=(str(tiny_run), str(tiny_run)),
        text=str(tmp_path),
        files=("lines.txt",),
        words=0,
        corpus_path=tiny_recipe["corpus_path"],
        precision="fp32",
    )


def test_the_opinion_is_the_mean_of_the_teachers(
    config: TeachConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.train import taught, teach
    from biospan.train.run import restore

    monkeypatch.setattr(taught, "PART", 4)
    told: list[tuple[int, int]] = []
    record = teach.teach(config, tmp_path / "out", on_part=lambda *done: told.append(done))
    assert told == [(4, 11), (8, 11), (11, 11)]
    assert record["documents"] == 11
    tagger = restore(config.teachers[0]).tagger()
    found = list(taught.read(tmp_path / "out", tagger.config.tag_set.names))
    assert [item.document.text for item in found] == LINES
    expected = tagger.marginals([item.document for item in found])
    for item, sentences in zip(found, expected, strict=True):
        assert len(item.marginals) == len(sentences)
        for got, rows in zip(item.marginals, sentences, strict=True):
            np.testing.assert_allclose(got, rows, atol=1e-3)
            np.testing.assert_allclose(got.sum(axis=1), 1.0, atol=1e-2)


def test_a_model_directory_teaches_as_the_run_that_it_came_from(
    config: TeachConfig, tiny_run: Path, tmp_path: Path
) -> None:
    from biospan.train import export, taught, teach
    from biospan.train.run import restore

    run = restore(tiny_run)
    export.export(run, tmp_path / "model")
    names = run.tagger().config.tag_set.names
    said = []
    for teacher, folder in ((tiny_run, "one"), (tmp_path / "model", "other")):
        recipe = dataclasses.replace(config, teachers=(str(teacher),))
        teach.teach(recipe, tmp_path / folder)
        read = taught.read(tmp_path / folder, names)
        said.append(np.concatenate([rows for item in read for rows in item.marginals]))
    np.testing.assert_allclose(said[0], said[1], atol=2e-2)  # weights in a directory have 8 bits


def test_two_teachers_count_the_same() -> None:
    from biospan.document import Document
    from biospan.train.teach import _opinion
    from conftest import small_tagger

    documents = [Document("The gene of il cells. It is."), Document("gene")]
    a, b = small_tagger(), small_tagger(scheme="IOB2", context="document")
    mean = _opinion([a, b], documents)
    for rows, left, right in zip(mean, a.marginals(documents), b.marginals(documents), strict=True):
        for got, x, y in zip(rows, left, right, strict=True):
            np.testing.assert_allclose(got, (x + y) / 2, atol=1e-6)


def test_a_run_that_was_stopped_goes_on_with_the_missing_parts(
    config: TeachConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.train import taught, teach

    monkeypatch.setattr(taught, "PART", 4)
    folder = tmp_path / "out"

    class DiedError(Exception):
        pass

    def die(done: int, total: int) -> None:
        if done == 8:
            raise DiedError

    with pytest.raises(DiedError):
        teach.teach(config, folder, on_part=die)
    with pytest.raises(MissingInputError, match="expected what `biospan teach` leaves"):
        next(taught.read(folder, ()))
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}
    assert len(before) == 2
    teach.teach(config, folder)
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}
    assert len(after) == 3
    assert before.items() <= after.items()


def test_another_recipe_is_refused(config: TeachConfig, tmp_path: Path) -> None:
    from biospan.train import teach

    teach.teach(config, tmp_path / "out")
    with pytest.raises(ConfigError, match="another recipe"):
        teach.teach(dataclasses.replace(config, words=5), tmp_path / "out")


def test_other_tags_are_refused(config: TeachConfig, tmp_path: Path) -> None:
    from biospan.train import taught, teach

    teach.teach(config, tmp_path / "out")
    with pytest.raises(InputError, match="expected \\['O', 'X'\\]"):
        next(taught.read(tmp_path / "out", ("O", "X")))


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_a_student_learns_what_its_teacher_says(
    config: TeachConfig, tiny_recipe: Recipe, tmp_path: Path, head: str
) -> None:
    """On text alone, without gold but for the one document a run must have."""
    from biospan.train import taught, teach
    from biospan.train.loop import fit
    from biospan.train.run import restore

    teach.teach(config, tmp_path / "out")
    tagger = restore(config.teachers[0]).tagger()
    documents = [
        item.document for item in taught.read(tmp_path / "out", tagger.config.tag_set.names)
    ]
    wanted = tagger.marginals(documents)

    def distance(epochs: int) -> float:
        recipe = from_mapping(
            {
                **tiny_recipe,
                "head": head,
                "train_documents": 1,
                "taught": str(tmp_path / "out"),
                "epochs": epochs,
                "batch_size": 4,
                "learning_rate": 3e-3,
            }
        )
        run = fit(recipe, tmp_path / f"run-{epochs}")
        got = run.tagger().marginals(documents)
        pairs = zip(
            (rows for document in got for rows in document),
            (rows for document in wanted for rows in document),
            strict=True,
        )
        return float(np.mean([np.abs(a - b).mean() for a, b in pairs]))

    assert distance(8) < distance(1)


def test_a_bad_recipe_is_told_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "teach.toml"
    path.write_text('teachers = "one"\nword = 5\nfiles = ["a"]\n')
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    told = str(caught.value)
    assert "`teachers` is 'one', expected a list of strings" in told
    assert "unknown key `word`" in told
    assert "key `text` is missing" in told


def test_a_recipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "teach.toml"
    path.write_text('teachers = ["a", "b"]\ntext = "t"\nfiles = ["f"]\n')
    found = load_config(path, ["words=7"])
    assert found == TeachConfig(("a", "b"), "t", ("f",), words=7)
    assert json.loads(json.dumps(found.to_dict()))["teachers"] == ["a", "b"]
