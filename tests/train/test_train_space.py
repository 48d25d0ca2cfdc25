"""Search recipes: what they span, and what is refused."""

import itertools
import json
import random
from pathlib import Path

import pytest

from biospan.errors import ConfigError
from biospan.train.config import load_config
from biospan.train.space import Range, SearchConfig, load_search


def write(tmp_path: Path, search: str, space: str, base: str = 'encoder = "x"\n') -> Path:
    path = tmp_path / "search.toml"
    path.write_text(f"{base}[search]\n{search}\n[search.space]\n{space}\n")
    return path


def load(tmp_path: Path, search: str, space: str, *overrides: str) -> SearchConfig:
    return load_search(write(tmp_path, search, space), overrides)


def test_a_grid_has_each_combination_once(tmp_path: Path) -> None:
    rng = random.Random(0)
    rates = [rng.randint(1, 999) / 1e4 for _ in range(3)]
    sizes, heads = [8, 16], ["softmax", "crf"]
    space = f"learning_rate = {rates}\nbatch_size = {sizes}\nhead = {json.dumps(heads)}"
    config = load(tmp_path, "", space)
    points = [tuple(point.values()) for point in config.points]
    assert points == list(itertools.product(rates, sizes, heads))
    assert config.trials == 12
    assert {config.train_config(point).head for point in config.points} == {"softmax", "crf"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("batch_size = { low = 8, high = 32, step = 8 }", [8, 16, 24, 32]),
        ("dropout = { low = 0.1, high = 0.3, step = 0.1 }", [0.1, 0.2, 0.3]),
        ("learning_rate = [1e-4, 3e-4]", [1e-4, 3e-4]),
        ("dropout = [0, 0.5]", [0.0, 0.5]),
    ],
)
def test_a_grid_writes_its_ranges_out(tmp_path: Path, given: str, expected: list[float]) -> None:
    values = [value for point in load(tmp_path, "", given).points for value in point.values()]
    assert values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]


def test_tpe_draws_from_ranges_and_lists(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        'method = "tpe"\ntrials = 7\npruning = "median"',
        'learning_rate = { low = 1e-5, high = 1e-3, log = true }\nhead = ["crf", "softmax"]',
    )
    assert config.trials == 7
    assert config.space == {
        "learning_rate": Range(1e-5, 1e-3, log=True),
        "head": ("crf", "softmax"),
    }


def test_settings_of_recipe_and_search_can_be_overridden(tmp_path: Path) -> None:
    config = load(
        tmp_path, 'method = "tpe"\ntrials = 7', "seed = [1, 2]", "epochs=3", "search.trials=9"
    )
    assert config.trials == 9
    assert config.train_config({"seed": 2}).epochs == 3


def test_the_encoder_may_be_what_is_searched(tmp_path: Path) -> None:
    path = write(tmp_path, "", 'encoder = ["a", "b"]', base="")
    assert load_search(path).points == ({"encoder": "a"}, {"encoder": "b"})


@pytest.mark.parametrize(
    ("search", "space", "message"),
    [
        ("metod = 'tpe'", "seed = [1, 2]", "Did you mean `method`?"),
        ("method = 'random'", "seed = [1, 2]", "expected one of grid, tpe"),
        ("method = 'tpe'", "seed = [1, 2]", "`trials` is missing"),
        ("trials = 3", "seed = [1, 2]", "a grid has as many"),
        ("method = 'tpe'\ntrials = true", "seed = [1, 2]", "`trials` is True"),
        ("seed = -1", "seed = [1, 2]", "`seed` is -1"),
        ("", "", "is missing or empty"),
        ("", "batch_sise = [1, 2]", "Did you mean `batch_size`?"),
        ("", "batch_size = []", "expected a list of choices"),
        ("", "batch_size = 8", "expected a list of choices"),
        ("", "batch_size = [8, 8]", "8 is listed twice"),
        ("", "dropout = [0, 0.0]", "0.0 is listed twice"),
        ("", "batch_size = [8, 0]", "`batch_size` is 0, expected 1 to"),
        ("", "learning_rate = [nan]", "`learning_rate` is nan"),
        ("", "head = { low = 1, high = 2 }", "expected a list of choices"),
        ("", "dropout = { low = 0.1, high = 0.3 }", "a range with a `step`"),
        ("", "dropout = { low = 0.1, high = 0.35, step = 0.1 }", "no whole number of steps"),
        ("", "dropout = { low = 0.1, high = 0.3, step = nan }", "`step` is nan"),
        ("", "dropout = { low = 0.3, high = 0.1, step = 0.1 }", "expected less than `high`"),
        ("", "dropout = { low = 0.3, hi = 0.4 }", "`high` is missing"),
        ("", "batch_size = { low = 1.5, high = 3, step = 1 }", "expected whole numbers"),
        ("", "weight_decay = { low = 0.0, high = 0.1, log = true }", "more than 0 with `log`"),
        ("", "dropout = { low = 0.1, high = 0.2, log = true, step = 0.1 }", "exclude each other"),
        ("", "dropout = { low = 0.1, high = 5, step = 4.9 }", "`dropout` is 5, expected 0.0 to"),
        ("", "dev_split = ['test', 'dev']", "cannot be searched"),
        ("", f"seed = {list(range(101))}\nbatch_size = {list(range(1, 101))}", "10,100 trials"),
    ],
)
def test_what_makes_no_search_is_refused(
    tmp_path: Path, search: str, space: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=r"search\.toml: \[search") as error:
        load(tmp_path, search, space)
    assert message in str(error.value)


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "method = 'x'",
        "batch_size = [0, 'a']\nfoo = [1]",
        base="epoch = 3\ndev_split = 'test'\n",
    )
    with pytest.raises(ConfigError) as error:
        load_search(path, ["nonsense"])
    problems = str(error.value).splitlines()
    parts = ("`method`", "is 0", "is 'a'", "`foo`", "`epochs`?", "`encoder`", "refused", "nonsense")
    assert all(sum(part in problem for problem in problems) == 1 for part in parts)


def test_each_command_names_the_other_for_the_others_recipe(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="start it with `biospan search`"):
        load_config(write(tmp_path, "", "seed = [1, 2]"))
    plain = tmp_path / "plain.toml"
    plain.write_text('encoder = "x"\n')
    with pytest.raises(ConfigError, match="no table `\\[search\\]`: a recipe for `biospan train`"):
        load_search(plain)
