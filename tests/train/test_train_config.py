"""Recipes: everything that is wrong with one is told at once."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from biospan.errors import ConfigError, MissingInputError
from biospan.train.config import TrainConfig, from_mapping, load_config
from biospan.train.pretrain.config import load_config as load_pretrain
from biospan.train.space import load_search
from biospan.train.teach_config import load_config as load_teach

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


def problems(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_mapping(values)
    return str(caught.value).split("\n")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_of_the_project_is_valid(path: Path) -> None:
    kind = path.name.partition("-")[0]
    if kind == "pretrain":
        assert load_pretrain(path).files
    elif kind == "teach":
        assert load_teach(path).teachers
    else:
        config = load_search(path).train_config({}) if kind == "search" else load_config(path)
        assert config.dev_split == "dev"
        assert from_mapping(config.to_dict()) == config


def test_there_are_recipes() -> None:
    assert RECIPES


def test_defaults_are_valid_themselves() -> None:
    config = from_mapping({"encoder": "x"})
    assert config == TrainConfig(encoder="x")
    assert from_mapping(config.to_dict()) == config


def test_everything_wrong_is_reported_together_with_the_nearest_names(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'learning_rat = 1e-3\nepochs = "5"\nscheme = "IOB"\ndropout = 1.5\nzzzzzz = 1\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_config(recipe, ["batch_size=0", "novalue"])
    told = str(caught.value).split("\n")
    assert told == [
        "--set novalue: expected `key=value`",
        f"{recipe}: unknown key `learning_rat`. Did you mean `learning_rate`?",
        f"{recipe}: `epochs` is '5', expected int",
        f"{recipe}: `scheme` is 'IOB', expected one of IOB2, IOBES",
        f"{recipe}: `dropout` is 1.5, expected 0.0 to 0.9",
        f"{recipe}: unknown key `zzzzzz`. Known: "
        + ", ".join(field.name for field in dataclasses.fields(TrainConfig))
        + ".",
        f"{recipe}: `batch_size` is 0, expected 1 to 65536",
        f"{recipe}: key `encoder` is missing",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", True),
        ("epochs", 2.0),
        ("epochs", "2"),
        ("learning_rate", False),
        ("learning_rate", "3e-4"),
        ("encoder", 5),
        ("corpus_path", []),
        ("exclude", "98230439"),
        ("exclude", [98230439]),
        ("precision", True),
        ("tokens", ["units"]),
    ],
)
def test_wrong_types_are_refused(key: str, value: object) -> None:
    (told,) = problems({"encoder": "x", key: value})
    assert f"`{key}` is {value!r}, expected" in told


@pytest.mark.parametrize(
    ("key", "lowest", "highest"),
    [
        ("max_pieces", 16, 8192),
        ("epochs", 1, 1000),
        ("batch_size", 1, 65536),
        ("learning_rate", 1e-9, 1.0),
        ("warmup_ratio", 0.0, 1.0),
        ("weight_decay", 0.0, 1.0),
        ("dropout", 0.0, 0.9),
        ("attention_dropout", 0.0, 0.9),
        ("seed", 0, 2**32 - 1),
        ("threads", 0, 4096),
    ],
)
def test_ranges_include_their_ends(key: str, lowest: float, highest: float) -> None:
    step = 1 if isinstance(lowest, int) else 0.5
    for value in (lowest, highest):
        assert getattr(from_mapping({"encoder": "x", key: value}), key) == value
    for value in (lowest - step, highest + step):
        (told,) = problems({"encoder": "x", key: value})
        assert f"`{key}` is {value}, expected {lowest} to {highest}" in told


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_rate_that_is_no_number_is_refused(value: float) -> None:
    assert problems({"encoder": "x", "learning_rate": value})


def test_a_whole_number_will_do_for_a_float() -> None:
    rate = from_mapping({"encoder": "x", "learning_rate": 1}).learning_rate
    assert (type(rate), rate) == (float, 1.0)


@pytest.mark.parametrize("key", ["train_split", "dev_split"])
@pytest.mark.parametrize("value", ["test", "Test", "TEST", " test "])
def test_no_split_may_be_the_evaluation_data(key: str, value: str) -> None:
    assert "choosing on the evaluation data is refused" in "".join(
        problems({"encoder": "x", key: value})
    )


def test_nothing_is_chosen_on_what_was_learned() -> None:
    (told,) = problems({"encoder": "x", "dev_split": "train"})
    assert "`train_split` and `dev_split` are both `train`" in told


@pytest.mark.parametrize("split", ["test", "Test", " TEST "])
def test_choosing_on_evaluation_data_is_refused_without_a_recipe_too(split: str) -> None:
    with pytest.raises(ConfigError, match="evaluation data"):
        TrainConfig(encoder="x", dev_split=split)


def test_overrides_have_the_last_word_and_their_own_types(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('encoder = "x"\nseed = 1\nepochs = 2\n')
    overrides = [
        *("seed=7", "learning_rate=3e-5", "encoder=org/name", "context = document"),
        *('exclude=["1", "2"]', "corpus_path=a=b", "seed=8"),
    ]
    config = load_config(recipe, overrides)
    assert (config.seed, config.learning_rate, config.epochs) == (8, 3e-5, 2)
    assert (config.encoder, config.context) == ("org/name", "document")
    assert (config.exclude, config.corpus_path) == (("1", "2"), "a=b")


@pytest.mark.parametrize("content", [b"encoder = ", b"\xff", b"a = 1\na = 2\n"])
def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_bytes(content)
    with pytest.raises(ConfigError, match=r"r\.toml: not TOML"):
        load_config(recipe)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"r\.toml: no such recipe"):
        load_config(tmp_path / "r.toml")


def test_recipes_are_checked_without_torch() -> None:
    code = "import sys, biospan.train.config; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
