"""Published models as plain folders: commits, checksums, and pickles that are converted."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hub_stand_in import COMMIT, NAME, serve

from biospan.errors import ConfigError, MissingInputError, ModelError, OutputError
from conftest import Outcome, save_encoder, small_tokenizer

pytestmark = pytest.mark.usefixtures("needs_train")


def command(*arguments: object, home: Path, endpoint: str = "") -> subprocess.CompletedProcess[str]:
    """Run `biospan` with a cache of its own; without an endpoint there is no hub at all."""
    env = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
    env |= {"HF_ENDPOINT": endpoint or "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    env |= {"HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-m", "biospan", *map(str, arguments)],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def published(tiny_encoder: Path, tmp_path: Path) -> Path:
    """What a repository holds, code and a pickle among it."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for path in tiny_encoder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "modeling_tiny.py").write_text("raise SystemExit('code was run')\n")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    return folder


def test_a_name_at_a_commit_is_fetched_once_and_only_if_asked(
    published: Path, tmp_path: Path
) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    with serve(published) as hub:
        refused = command("hub", NAME, out, "--revision", COMMIT, home=home, endpoint=hub.url)
        assert refused.returncode == 66
        assert "not in the local cache; --download fetches it" in refused.stderr
        assert hub.sent == []
        fetched = command(
            *("hub", NAME, out, "--revision", COMMIT, "--download"), home=home, endpoint=hub.url
        )
        assert fetched.returncode == 0, fetched.stderr
        assert "config.json" in hub.sent
        assert not {"modeling_tiny.py", "pytorch_model.bin"} & set(hub.sent)
    again = command("hub", NAME, tmp_path / "again", "--revision", COMMIT, home=home)
    assert again.returncode == 0, again.stderr
    record = json.loads((out / "source.json").read_text())
    assert record["name"] == NAME
    assert record["revision"] == COMMIT
    for name, digest in record["files"].items():
        assert sha256((published / name).read_bytes()).hexdigest() == digest
        assert (tmp_path / "again" / name).read_bytes() == (published / name).read_bytes()


def test_a_file_that_is_not_what_the_hub_calls_it_is_refused(
    published: Path, tmp_path: Path
) -> None:
    with serve(published, falsify="model.safetensors") as hub:
        done = command(
            *("hub", NAME, tmp_path / "out", "--revision", COMMIT, "--download"),
            home=tmp_path / "home",
            endpoint=hub.url,
        )
    assert done.returncode == 69
    assert "model.safetensors: damaged" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("revision", ["", "main", "0123456", COMMIT.upper()])
def test_a_name_without_a_commit_is_refused(revision: str) -> None:
    from biospan.train import hub

    with pytest.raises(ConfigError, match="40 hexadecimal digits"):
        hub.find(NAME, revision=revision)


def test_what_is_neither_a_folder_nor_a_name_is_missing(tmp_path: Path) -> None:
    from biospan.train import hub

    with pytest.raises(MissingInputError, match="no such folder"):
        hub.find(f"{tmp_path}/nothing", revision=COMMIT)
    with pytest.raises(MissingInputError, match=r"config\.json"):
        hub.find(str(tmp_path))
    with pytest.raises(ConfigError, match="is a folder"):
        hub.find(str(tmp_path), revision=COMMIT)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_model_with_code_of_its_own_is_refused(published: Path, name: str) -> None:
    from biospan.train import hub

    settings = json.loads((published / name).read_text())
    settings["auto_map"] = {"AutoModel": "modeling_tiny.Tiny"}
    (published / name).write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="code that comes with the model"):
        hub.find(str(published))


def pickled_encoder(folder: Path, state: Any = None) -> Any:
    """Save an encoder as old checkpoints are: a pickle, and a vocabulary without settings."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=small_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    model = transformers.BertModel(config)
    save_encoder(model, folder)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict() if state is None else state, folder / "pytorch_model.bin")
    return model


def test_pickled_weights_are_never_loaded_but_converted_when_asked(
    tmp_path: Path, run_cli: Callable[..., Outcome]
) -> None:
    import torch

    from biospan.train.config import from_mapping
    from biospan.train.model import load_encoder

    old, new = tmp_path / "old", tmp_path / "new"
    model = pickled_encoder(old)
    recipe = from_mapping({"encoder": str(old), "max_pieces": 32})
    with pytest.raises(ConfigError, match="--convert-weights"):
        load_encoder(recipe)
    refused = run_cli("hub", old, new)
    assert refused.code == 69
    assert "never loaded" in refused.err
    done = run_cli("hub", old, new, "--convert-weights")
    assert done.code == 0, done.err
    assert not (new / "pytorch_model.bin").exists()
    record = json.loads((new / "source.json").read_text())
    pickled = (old / "pytorch_model.bin").read_bytes()
    assert record["files"]["pytorch_model.bin"] == sha256(pickled).hexdigest()
    converted = (new / "model.safetensors").read_bytes()
    assert record["converted"]["model.safetensors"] == sha256(converted).hexdigest()
    loaded = load_encoder(from_mapping({"encoder": str(new), "max_pieces": 32})).module
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


class Hostile:
    """What a pickle can do when it is opened."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("was-run",)


@pytest.mark.parametrize(
    ("state", "problem"),
    [({"weight": Hostile()}, "Weights only load failed"), ([1, 2], "named tensors")],
    ids=["code", "a list"],
)
def test_a_pickle_of_anything_but_tensors_is_refused_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Any, problem: str
) -> None:
    from biospan.train import hub

    monkeypatch.chdir(tmp_path)
    pickled_encoder(tmp_path / "old", state)
    found = hub.find(str(tmp_path / "old"), pickled=True)
    with pytest.raises(ModelError, match=problem):
        hub.keep(found, tmp_path / "new", convert_weights=True)
    assert not (tmp_path / "was-run").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_file_that_was_changed_since_it_was_kept_is_refused(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    from biospan.train import hub

    kept = hub.keep(hub.find(str(tiny_encoder)), tmp_path / "kept")
    assert hub.find(str(kept)).name == str(tiny_encoder)
    weights = bytearray((kept / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (kept / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelError, match=r"model\.safetensors: its sha256 is not"):
        hub.find(str(kept))
    (kept / "source.json").unlink()
    assert hub.find(str(kept)).name == str(kept)


def test_a_folder_that_is_there_already_is_left_alone(tiny_encoder: Path, tmp_path: Path) -> None:
    from biospan.train import hub

    (tmp_path / "mine").write_text("x")
    with pytest.raises(OutputError, match="expected a new folder"):
        hub.keep(hub.find(str(tiny_encoder)), tmp_path)
