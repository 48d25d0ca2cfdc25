"""Licences: what our own recipes read is known, and nothing in them is under narrow terms."""

import tomllib
from pathlib import Path

import pytest

from biospan.train.licences import FILES

RECIPES = Path(__file__).parents[2] / "recipes"
READ = {
    recipe.name: tomllib.loads(recipe.read_text(encoding="utf-8")).get("files", [])
    for recipe in RECIPES.glob("*.toml")
}


@pytest.mark.parametrize("recipe", [name for name, files in READ.items() if files])
def test_text_that_a_recipe_reads_is_known_and_free_to_use(recipe: str) -> None:
    assert not [name for name in READ[recipe] if name not in FILES]
    assert not [name for name in READ[recipe] if FILES[name].restricted]


def test_share_alike_and_research_terms_are_marked() -> None:
    narrow = {name for name, origin in FILES.items() if origin.restricted}
    assert narrow == {
        "anatem.txt.gz",
        "bc2gm.txt.gz",
        "huner_aitslab.txt.gz",
        "mtl_bioinformatics_2016.txt.gz",
    }
