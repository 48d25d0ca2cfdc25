"""The reference card's recipe, from weights as the hub has them to a model directory and back.

The encoder is of SciBERT's architecture and size of vocabulary, with fewer and narrower layers, and
its files are those of the real one: `vocab.txt`, no settings, and a pickle.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import biospan
from biospan.errors import ModelError
from conftest import Outcome

pytestmark = pytest.mark.usefixtures("needs_train")

RECIPES = Path(__file__).parents[2] / "recipes"
N_PIECES = 31_090


def small_changes(encoder: Path, corpus: Path) -> list[str]:
    """What makes minutes of hours: all else is as the recipe says."""
    changes = {"encoder": encoder, "corpus_path": corpus, "exclude": "[]", "epochs": 3}
    changes |= {"batch_size": 8, "learning_rate": 1e-2, "threads": 1}
    return [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def published(needs_train: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as allenai/scibert_scivocab_cased is, but for the size of its layers."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("hub") / "scibert"
    folder.mkdir()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = ["il", "IL", "gene", "Gene", "expression", "of", "the", "The", "and", "cells"]
    letters = [chr(number) for number in range(33, 127)]
    pieces = dict.fromkeys([*special, *words, *letters, *(f"##{letter}" for letter in letters)])
    fill = (f"Word{number}" for number in range(N_PIECES - len(pieces)))
    (folder / "vocab.txt").write_text("\n".join([*pieces, *fill]) + "\n")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=N_PIECES,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    config.save_pretrained(folder)
    torch.save(transformers.BertModel(config).state_dict(), folder / "pytorch_model.bin")
    return folder


def test_the_whole_path_of_the_card(
    published: Path, tiny_corpus: Path, tmp_path: Path, run_cli: Callable[..., Outcome]
) -> None:
    encoder, run = tmp_path / "encoder", tmp_path / "run"
    done = run_cli("hub", published, encoder, "--convert-weights")
    assert done.code == 0, done.err
    recipe = RECIPES / "scibert-jnlpba-card.toml"
    done = run_cli(*("train", recipe, "--output", run), *small_changes(encoder, tiny_corpus))
    assert done.code == 0, done.err
    tagger = biospan.load(run / "model")
    assert tagger.config.lowercase
    assert tagger.config.loses_case
    assert tagger.config.decisions == "words"
    record = json.loads((run / "record.json").read_text())
    assert record["best"]["report"]["spans"]["micro"]["f1"] > 0.9
    assert record["recipe"]["dropout"] == record["recipe"]["attention_dropout"] == 0.3
    tagged = tagger.tag("The gene expression of IL.")
    assert [(e.text, e.label) for e in tagged.entities] == [
        ("gene expression", "DNA"),
        ("IL", "protein"),
    ]
    out = run_cli("export", "--to", "huggingface", run / "model", tmp_path / "hf")
    assert out.code == 0, out.err
    assert "emissions within" in out.out


@pytest.mark.parametrize(
    ("changes", "lowercase"), [(["--set", 'casing="keep"'], False), ([], True)]
)
def test_capitals_are_kept_or_dropped_as_the_recipe_says(
    published: Path, tiny_corpus: Path, tmp_path: Path, changes: list[str], lowercase: bool
) -> None:
    from biospan.train import hub
    from biospan.train.config import load_config
    from biospan.train.parallel import join
    from biospan.train.run import start

    found = hub.find(str(published), pickled=True)
    encoder = hub.keep(found, tmp_path / "encoder", convert_weights=True)
    overrides = [text for text in small_changes(encoder, tiny_corpus) if text != "--set"]
    recipe = RECIPES / "scibert-jnlpba-card.toml"
    run = start(load_config(recipe, [*overrides, *changes[1:]]), join())
    assert run.base_config.lowercase is lowercase
    assert run.base_config.loses_case is lowercase
    assert (run.tokenizer.encode("IL").tokens == ["[CLS]", "il", "[SEP]"]) is lowercase
    with pytest.raises(ModelError, match="cased vocabulary"):
        start(load_config(recipe, [*overrides, 'casing="tokenizer"']), join())


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*-jnlpba-*.toml")), ids=lambda p: p.stem)
def test_variants_differ_from_the_card_in_what_they_say(path: Path) -> None:
    from biospan.train.config import load_config

    if not path.stem.startswith("scibert"):
        pytest.skip("not of this family")
    card = load_config(RECIPES / "scibert-jnlpba-card.toml").to_dict()
    own = load_config(path).to_dict()
    differs = {key for key in card if card[key] != own[key]}
    assert (
        differs
        == {
            "scibert-jnlpba-card": set(),
            "scibert-jnlpba-windows": {"overlong"},
            "scibert-jnlpba-crf": {"head"},
            "scibert-jnlpba-cased": {"casing"},
            "scibert-jnlpba-uncased": {"casing", "encoder"},
        }[path.stem]
    )


def test_without_decay_the_optimiser_is_adam() -> None:
    """The script's `torch.optim.Adam`: with a decay of 0 the two make the same steps."""
    import torch

    def steps(make: Any) -> torch.Tensor:
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(7, 5))
        optimizer = make([weight])
        for _ in range(20):
            (weight.sin() * torch.arange(5)).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
        return weight.detach()

    ours = steps(lambda weights: torch.optim.AdamW(weights, lr=1e-2, weight_decay=0.0, fused=True))
    adam = steps(lambda weights: torch.optim.Adam(weights, lr=1e-2, fused=True))
    assert torch.equal(ours, adam)
