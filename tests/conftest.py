"""What several tests need: the corpus, a small tokenizer, a runtime that needs no weights.

Tests that lack data, the training extra or OpenVINO skip and say so, unless BIOSPAN_REQUIRE
(`data`, `train`, `openvino`, `serve`, `browser`, comma-separated) says that they must run.
"""

import gzip
import importlib.util
import io
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from biospan.corpora import read_corpus
from biospan.formats import brat
from biospan.model_config import ModelConfig
from biospan.tagger import Tagger

settings.register_profile("biospan", deadline=None, derandomize=True)
settings.load_profile("biospan")

_EXTRAS = {
    "train": ("torch", "transformers", "safetensors", "onnx", "onnxscript", "matplotlib"),
    "search": ("optuna",),
    "openvino": ("openvino",),
    "serve": ("fastapi", "uvicorn", "prometheus_client"),
}
_REQUIRED = set(filter(None, os.environ.get("BIOSPAN_REQUIRE", "").split(",")))
if unknown := _REQUIRED - {"data", "spacy", "wheel", "browser", *_EXTRAS}:
    raise pytest.UsageError(
        f"BIOSPAN_REQUIRE: got {unknown}, expected data, spacy, wheel, browser, "
        f"{', '.join(_EXTRAS)}"
    )


# Modules that import the server as a whole; without its extra there is nothing to import.
_NO_SERVER = "serve" not in _REQUIRED and importlib.util.find_spec("fastapi") is None
collect_ignore_glob = ["server/test_server_*.py"] if _NO_SERVER else []


def pytest_report_header() -> str:
    """Say what is left out."""
    return "tests of the server: left out, no extra `serve`" if _NO_SERVER else ""


def skip_or_fail(what: str, reason: str, *, whole_module: bool = False) -> NoReturn:
    """Skip the test, or fail it where BIOSPAN_REQUIRE names what is missing."""
    if what in _REQUIRED:
        pytest.fail(f"{reason}, and BIOSPAN_REQUIRE names `{what}`")
    pytest.skip(reason, allow_module_level=whole_module)


@pytest.fixture(scope="session")
def jnlpba_dir() -> Path:
    """The folder of the JNLPBA corpus."""
    folder = (Path(os.environ.get("BIOSPAN_DATA") or "data") / "jnlpba").absolute()
    if not (folder / "Genia4ERtask2.iob2").is_file():
        skip_or_fail("data", f"no JNLPBA corpus at {folder}; BIOSPAN_DATA may say where it is")
    return folder


def _require(extra: str) -> None:
    missing = [name for name in _EXTRAS[extra] if importlib.util.find_spec(name) is None]
    if missing:
        skip_or_fail(extra, f"the extra `{extra}` is not installed: no {', '.join(missing)}")


@pytest.fixture(scope="session")
def needs_train() -> None:
    """Ask for the packages of the extra `train`."""
    _require("train")


@pytest.fixture(scope="session")
def needs_search() -> None:
    """Ask for the packages of the extras `train` and `search`."""
    _require("train")
    _require("search")


@pytest.fixture(scope="session")
def needs_serve() -> None:
    """Ask for the packages of the extra `serve`."""
    _require("serve")


@pytest.fixture(scope="session")
def needs_openvino() -> None:
    """Ask for the packages of the extra `openvino`."""
    _require("openvino")


SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def small_tokenizer() -> Tokenizer:
    """A lower-casing WordPiece tokenizer that cuts ASCII words into letters, a few words whole."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    whole = ("cells", "gene", "protein", "expression", "of", "the", "il", "and")
    pieces = (*SPECIAL, *whole, *letters, *(f"##{letter}" for letter in letters), *"-.,:;()[]/+'\"")
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


class NearbyRuntime:
    """Emissions that depend on the pieces up to `reach` places away, and on nothing else.

    Special pieces and padding count for nothing, so that a window cut with enough context gives
    the very rows that the uncut text gives.
    """

    fingerprint = "nearby"

    def __init__(self, n_tags: int, *, reach: int = 32, sharpness: float = 4.0) -> None:
        self.reach = reach
        self.n_calls = 0
        self.shapes: list[tuple[int, int]] = []
        rng = np.random.default_rng(0)
        self._table = (rng.normal(size=(4096, n_tags)) * sharpness).astype(np.float32)
        self._table[: len(SPECIAL)] = 0.0
        self._weights = rng.normal(size=2 * reach + 1).astype(np.float32)
        self._weights[reach] = 3.0

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        self.n_calls += 1
        self.shapes.append(inputs["input_ids"].shape)
        values = self._table[inputs["input_ids"] * inputs["mask"]]
        padded = np.pad(values, ((0, 0), (self.reach, self.reach), (0, 0)))
        mixed = sum(
            weight * padded[:, offset : offset + values.shape[1]]
            for offset, weight in enumerate(self._weights)
        )
        rows = np.take_along_axis(np.asarray(mixed), inputs["token_starts"][:, :, None], axis=1)
        return np.round(rows, 3).astype(
            np.float32
        )  # sums in another order may differ in the last bits


def small_config(**changes: object) -> ModelConfig:
    """A model configuration for `small_tokenizer`."""
    values: dict[str, object] = {
        "labels": ("DNA", "protein"),
        "scheme": "IOB2",
        "inputs": ("input_ids", "mask", "token_starts"),
        "max_pieces": 128,
        "context": "sentence",
        "lowercase": True,
        "cls_id": 2,
        "sep_id": 3,
        "pad_id": 0,
        "unk_id": 1,
    }
    return ModelConfig(**{**values, **changes})  # type: ignore[arg-type]


def small_tagger(**changes: object) -> Tagger:
    """A tagger with arbitrary but fixed opinions; needs no weights."""
    config = small_config(**changes)
    runtime = NearbyRuntime(len(config.tag_set.names))
    return Tagger(runtime, config, small_tokenizer().to_str())


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run the command `biospan` in this process, as its entry point does."""

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        from biospan.cli import main

        monkeypatch.setattr(sys, "argv", ["biospan", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        code = exit_.value.code
        assert code is None or isinstance(code, int)
        return Outcome(code or 0, *capsys.readouterr())

    return run


N_TINY_DEV = 12


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in both forms of JNLPBA: `il` is a protein, `gene expression` DNA, nothing else."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = random.Random(0)
    entities = ["il\tB-protein", "gene\tB-DNA\nexpression\tI-DNA"]
    others = [f"{word}\tO" for word in ("of", "the", "and", "cells", "protein")]
    blocks = []
    ids = [str(number) for number in range(900, 940)]
    for id_ in ids:
        blocks.append(f"###MEDLINE:{id_}")
        for _ in range(rng.randint(1, 4)):
            words = [rng.choice(rng.choice([entities, others])) for _ in range(rng.randint(2, 12))]
            blocks.append("\n".join([*words, ".\tO"]))
    (folder / "Genia4ERtask2.iob2").write_text("\n\n".join(blocks) + "\n")
    (folder / "dev.ids").write_text("\n".join(ids[-N_TINY_DEV:]) + "\n")
    texts = read_corpus("jnlpba", "all", path=folder)
    brat.write_dir(texts, folder / "standoff" / "train")
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(needs_train: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained BERT of 2 layers on `small_tokenizer`."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    size: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.BertConfig(
        vocab_size=small_tokenizer().get_vocab_size(),
        intermediate_size=64,
        max_position_embeddings=64,
        **size,
    )
    save_encoder(transformers.BertModel(config), folder)
    return folder


def save_encoder(encoder: Any, folder: Path) -> None:
    """Save a transformers model with `small_tokenizer` as the hub would hold it."""
    import transformers

    tokenizer: Any = transformers.PreTrainedTokenizerFast
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIAL, strict=True))
    encoder.save_pretrained(folder)
    tokenizer(tokenizer_object=small_tokenizer(), **names).save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_recipe(tiny_corpus: Path, tiny_encoder: Path) -> dict[str, Any]:
    """A recipe that learns the tiny corpus in seconds."""
    return {
        "encoder": str(tiny_encoder),
        "corpus": "jnlpba-text",
        "corpus_path": str(tiny_corpus),
        "max_pieces": 64,
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 1e-2,
        "seed": 3,
        "threads": 1,
        "precision": "fp32",
    }


@pytest.fixture(scope="session")
def tiny_pretrain_recipe(
    needs_train: None, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """A recipe that adapts an untrained BERT to two small files in seconds."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("adapted")
    rng = random.Random(0)
    for name, count in (("abstracts.txt.gz", 60), ("book.txt", 40)):
        lines = []
        for _ in range(count):
            a, b = rng.sample(["IL-2", "IL-4", "gene", "actin", "Cells"], 2)
            ending = " ".join(rng.choices(["and", "of", "the"], k=rng.randint(0, 9)))
            lines.append(f"The {a} protein and the {b} gene: expression of {a} in {b} {ending}.")
        opener = gzip.open if name.endswith(".gz") else open
        with opener(folder / name, "wt", encoding="utf-8") as file:
            file.write("\n".join(lines))
    tokenizer = small_tokenizer()
    tokenizer.add_special_tokens(["[MASK]"])
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIAL, strict=True))
    fast: Any = transformers.PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, mask_token="[MASK]", **names).save_pretrained(folder / "bert")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(folder / "bert")
    return {
        "encoder": str(folder / "bert"),
        "text": str(folder),
        "files": ["abstracts.txt.gz", "book.txt"],
        "corpus_path": str(tiny_corpus),
        "max_pieces": 32,
        "batch_size": 8,
        "micro_batch_size": 3,
        "learning_rate": 5e-3,
        "seed": 3,
        "threads": 1,
        "precision": "fp32",
    }


@pytest.fixture(scope="session")
def tiny_run(tiny_recipe: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `tiny_recipe` was trained."""
    from biospan.train.config import from_mapping
    from biospan.train.loop import fit

    folder = tmp_path_factory.mktemp("run")
    fit(from_mapping(tiny_recipe), folder)
    return folder


@pytest.fixture
def small_server(needs_serve: None, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start servers with a model of no weights; options are those of `run_small.py`."""
    from server_process import RUN_SMALL, started

    servers: list[Any] = []

    def start(**options: Any) -> Any:
        command = [sys.executable, str(RUN_SMALL)]
        command += [f"{name}={value!r}" for name, value in options.items()]
        servers.append(started(command, tmp_path / f"{len(servers)}.log"))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def shared_server(needs_serve: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One server with a model of no weights for all tests of a module."""
    from server_process import RUN_SMALL, started

    log = tmp_path_factory.mktemp("server") / "log"
    server = started([sys.executable, str(RUN_SMALL)], log)
    yield server
    server.stop(signal.SIGKILL)
