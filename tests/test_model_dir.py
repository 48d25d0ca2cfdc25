"""A model directory comes back as it was written; every damaged or hostile one is refused."""

import dataclasses
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.errors import MissingInputError, ModelError, OutputError
from biospan.model_config import ModelConfig
from biospan.model_dir import load_model_dir, write_model_dir

NAMES = ["MODEL_CARD.md", "config.json", "manifest.json", "model.onnx", "tokenizer.json"]
GRAPH = b"\x08\x09" + bytes(range(256)) * 20
CARD = "# A model\n\nTrained on nothing; it marks τ.\n"
CONFIG = ModelConfig(
    labels=("DNA", "cell_type", "protein"),
    scheme="IOB2",
    inputs=("input_ids", "mask", "token_starts"),
    max_pieces=512,
    context="sentence",
    lowercase=True,
    cls_id=2,
    sep_id=3,
    pad_id=0,
    unk_id=1,
    provenance={"seed": 1, "scores": {"f1": 0.5}, "recipe": ["a", None]},
)
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "il", "-", "2", "gene", "##s"]
TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [{"id": i, "content": PIECES[i], "special": True} for i in range(4)],
    "normalizer": {"type": "BertNormalizer", "lowercase": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": None,
    "decoder": {"type": "WordPiece"},
    "model": {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "vocab": {piece: number for number, piece in enumerate(PIECES)},
    },
}


def write(folder: Path, **changes: Any) -> Path:
    parts: dict[str, Any] = {
        "onnx": GRAPH,
        "tokenizer_json": json.dumps(TOKENIZER),
        "config": CONFIG,
        "card": CARD,
    }
    write_model_dir(folder, **(parts | changes))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "model")


def seal(folder: Path) -> None:
    """Make the manifest agree with the files again, as who made them on purpose would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


Mutation = Callable[[Path], None]


def remove(name: str) -> Mutation:
    return lambda folder: (folder / name).unlink()


def cut(name: str, percent: int) -> Mutation:
    def mutate(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) * percent // 100])

    return mutate


def put(name: str, data: bytes, *, sealed: bool = False) -> Mutation:
    def mutate(folder: Path) -> None:
        (folder / name).write_bytes(data)
        if sealed:
            seal(folder)

    return mutate


def flip(name: str) -> Mutation:
    def mutate(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return mutate


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Mutation:
    def mutate(folder: Path) -> None:
        values = json.loads((folder / name).read_text())
        change(values)
        (folder / name).write_text(json.dumps(values))
        if name != "manifest.json":
            seal(folder)

    return mutate


def config(**values: Any) -> Mutation:
    return edit("config.json", lambda found: found.update(values))


def tokenizer(**values: Any) -> Mutation:
    return edit("tokenizer.json", lambda found: found.update(values))


def link_out(folder: Path) -> None:
    shutil.move(folder / "model.onnx", folder.parent / "elsewhere.onnx")
    (folder / "model.onnx").symlink_to("../elsewhere.onnx")


def fifo(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    os.mkfifo(folder / "model.onnx")


def directory(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()


def link_to_itself(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to("model.onnx")


def sparse(folder: Path) -> None:
    os.truncate(folder / "model.onnx", 2**31)


REGEX = {"Regex": "(a+)+$"}
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
DEEP = b'{"labels":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
LABELS = "`labels`"
CASED = {piece: number for number, piece in enumerate([*PIECES, "IL", "NF", "DNA"])}

# What was done: (how, the file that the message must name, and what it must say of it).
MUTANTS: dict[str, tuple[Mutation, str, str]] = {
    **{f"{name} missing": (remove(name), name, "is missing") for name in NAMES},
    **{
        f"{name} cut to {percent} %": (
            cut(name, percent),
            name,
            "not JSON" if name == "manifest.json" else "bytes: got",
        )
        for name in NAMES
        for percent in (0, 1, 50, 99)
    },
    **{
        f"{name} with a flipped bit": (flip(name), name, "sha256: got")
        for name in NAMES
        if name != "manifest.json"
    },
    **{f"{name} a Git LFS pointer": (put(name, LFS), name, "git lfs pull") for name in NAMES},
    "manifest with a wrong sha256": (
        edit("manifest.json", lambda m: m["files"]["model.onnx"].update(sha256="0" * 64)),
        "model.onnx",
        "expected 000000",
    ),
    "manifest of another file": (
        edit("manifest.json", lambda m: m["files"].update({"../x": {}})),
        "manifest.json",
        "../x",
    ),
    "manifest without sha256": (
        edit("manifest.json", lambda m: m["files"].update({"model.onnx": {"bytes": 1}})),
        "manifest.json",
        "expected `bytes` and `sha256`",
    ),
    "manifest from the future": (
        edit("manifest.json", lambda m: m.update(format_version=2)),
        "manifest.json",
        "update biospan",
    ),
    "manifest with version true": (
        edit("manifest.json", lambda m: m.update(format_version=True)),
        "manifest.json",
        "got True; expected 1",
    ),
    "manifest with more": (
        edit("manifest.json", lambda m: m.update(auto_map=1)),
        "manifest.json",
        "auto_map",
    ),
    "manifest a list": (put("manifest.json", b"[]"), "manifest.json", "expected an object"),
    "labels in another order": (config(labels=["protein", "DNA"]), "config.json", LABELS),
    "labels none": (config(labels=[]), "config.json", LABELS),
    "labels twice": (config(labels=["DNA", "DNA"]), "config.json", LABELS),
    "labels too many": (config(labels=[f"l{i:04}" for i in range(257)]), "config.json", LABELS),
    "labels a string": (config(labels="DNA"), "config.json", LABELS),
    "label HTML": (config(labels=["<img onerror=alert(1)>"]), "config.json", LABELS),
    "label of JavaScript": (config(labels=["__proto__"]), "config.json", LABELS),
    "label a formula": (config(labels=["+1"]), "config.json", LABELS),
    "label of 1 MB": (config(labels=["x" * 1_000_000]), "config.json", LABELS),
    "label with a newline": (config(labels=["DNA\n"]), "config.json", LABELS),
    "label empty": (config(labels=[""]), "config.json", LABELS),
    "label a number": (config(labels=[1]), "config.json", LABELS),
    "labels too few for the transitions": (
        config(transitions=[[0.0] * 3] * 3, start_transitions=[0.0] * 3, end_transitions=[0.0] * 3),
        "config.json",
        "7 numbers for the 7 tags",
    ),
    "transitions without start": (
        config(transitions=[[0.0] * 7] * 7),
        "config.json",
        "expected all of them",
    ),
    "transitions of text": (config(transitions=["abc"]), "config.json", "`transitions`"),
    "config with an unknown key": (config(auto_map={}), "config.json", "unknown key 'auto_map'"),
    "config without a key": (
        edit("config.json", lambda c: c.pop("cls_id")),
        "config.json",
        "`cls_id` is missing",
    ),
    "config from the future": (config(format_version=2), "config.json", "update biospan"),
    "config with a huge integer": (config(max_pieces=10**4000), "config.json", "`max_pieces`"),
    "config with a huger integer": (
        put("config.json", b'{"max_pieces": ' + b"9" * 100_000 + b"}", sealed=True),
        "config.json",
        "not JSON that can be read",
    ),
    "max_pieces 0": (config(max_pieces=0), "config.json", "`max_pieces`: got 0"),
    "max_pieces a boolean": (config(max_pieces=True), "config.json", "`max_pieces`: got True"),
    "max_pieces a float": (config(max_pieces=512.0), "config.json", "`max_pieces`: got 512.0"),
    "scheme unknown": (config(scheme="BILOU"), "config.json", "`scheme`: got 'BILOU'"),
    "scheme a list": (config(scheme=["IOB2"]), "config.json", "`scheme`"),
    "inputs unknown": (config(inputs=["input_ids", "chars"]), "config.json", "`inputs`"),
    "inputs nested": (config(inputs=[["input_ids"]]), "config.json", "`inputs`"),
    "inputs twice": (config(inputs=["mask", "mask"]), "config.json", "`inputs`"),
    "context unknown": (config(context="passage"), "config.json", "`context`"),
    "lowercase a number": (config(lowercase=1), "config.json", "`lowercase`: got 1"),
    "cls_id negative": (config(cls_id=-1), "config.json", "`cls_id`: got -1"),
    "provenance a list": (config(provenance=[]), "config.json", "`provenance`"),
    "config not JSON": (put("config.json", b"{", sealed=True), "config.json", "not JSON"),
    "config a list": (put("config.json", b"[]", sealed=True), "config.json", "expected an object"),
    "config with a BOM": (put("config.json", b"\xef\xbb\xbf{}", sealed=True), "config.json", "BOM"),
    "config not UTF-8": (put("config.json", b"\xff{}", sealed=True), "config.json", "utf-8"),
    "config with NaN": (
        put("config.json", b'{"start_transitions": [NaN]}', sealed=True),
        "config.json",
        "`NaN` is not JSON",
    ),
    "config with a key twice": (
        put("config.json", b'{"labels": [], "labels": []}', sealed=True),
        "config.json",
        "'labels' is there twice",
    ),
    "config nested deeply": (put("config.json", DEEP, sealed=True), "config.json", "not JSON"),
    "config too large": (
        put("config.json", b" " * (2**25 + 1), sealed=True),
        "config.json",
        "expected at most",
    ),
    "graph too large": (sparse, "model.onnx", "expected at most"),
    "graph a pickle": (put("model.onnx", b"\x80\x04.", sealed=True), "model.onnx", "execute code"),
    "graph a zip": (put("model.onnx", b"PK\x03\x04..", sealed=True), "model.onnx", "execute code"),
    "graph text": (put("model.onnx", b"<html>", sealed=True), "model.onnx", "ONNX"),
    "graph empty": (put("model.onnx", b"", sealed=True), "model.onnx", "ONNX"),
    "graph a link out of the folder": (link_out, "model.onnx", "link out of the folder"),
    "graph a link to itself": (link_to_itself, "model.onnx", "regular file"),
    "graph a named pipe": (fifo, "model.onnx", "regular file"),
    "graph a folder": (directory, "model.onnx", "regular file"),
    **{
        f"a file {name} beside": (put(name, b"\x80\x04."), name, "execute code")
        for name in (
            *("pytorch_model.bin", "a.pt", "a.pth", "a.pkl", "a.pickle", "a.CKPT", "a.joblib"),
            *("a.h5", "a.npy", "a.npz"),
        )
    },
    "a script beside": (put("modeling.py", b""), "modeling.py", "does not belong"),
    "a hidden file beside": (put(".x\x1b[31m", b""), r".x\x1b[31m", "does not belong"),
    "tokenizer not JSON": (put("tokenizer.json", b"x", sealed=True), "tokenizer.json", "not JSON"),
    "tokenizer of another model": (
        tokenizer(model={"type": "Custom"}),
        "tokenizer.json",
        "model: got 'Custom'",
    ),
    "tokenizer without a model": (tokenizer(model=None), "tokenizer.json", "model: got 'None'"),
    "tokenizer model a list": (tokenizer(model=[]), "tokenizer.json", "model: got '[]'"),
    "tokenizer that replaces": (
        tokenizer(normalizer={"type": "Replace", "pattern": REGEX, "content": ""}),
        "tokenizer.json",
        "normalizer: got '(a+)+$'",
    ),
    "tokenizer that splits": (
        tokenizer(
            pre_tokenizer={
                "type": "Sequence",
                "pretokenizers": [{"type": "Split", "pattern": REGEX}],
            }
        ),
        "tokenizer.json",
        "pre_tokenizer: got '(a+)+$'",
    ),
    "tokenizer with an untyped pattern": (
        tokenizer(normalizer={"type": "Sequence", "normalizers": [{"pattern": REGEX}]}),
        "tokenizer.json",
        "(a+)+$",
    ),
    "tokenizer whose decoder replaces": (
        tokenizer(decoder={"type": "Replace", "pattern": REGEX, "content": ""}),
        "tokenizer.json",
        "decoder: got 'Replace'",
    ),
    "tokenizer that truncates": (
        tokenizer(truncation={"max_length": 128}),
        "tokenizer.json",
        "truncation: got",
    ),
    "tokenizer that pads": (tokenizer(padding={"strategy": 1}), "tokenizer.json", "padding: got"),
    "tokenizer with 100,000 added tokens": (
        tokenizer(added_tokens=[{"id": i, "content": str(i)} for i in range(100_000)]),
        "tokenizer.json",
        "100000 added tokens",
    ),
    "tokenizer with added tokens of no number": (
        tokenizer(added_tokens=[{"content": "x"}]),
        "tokenizer.json",
        "vocabulary: cannot be read",
    ),
    "tokenizer without vocabulary": (
        tokenizer(model={"type": "WordPiece"}),
        "tokenizer.json",
        "vocabulary: cannot be read",
    ),
    "tokenizer with one number for two pieces": (
        tokenizer(model={"type": "WordPiece", "vocab": {"a": 0, "b": 0}}),
        "tokenizer.json",
        "a number of its own",
    ),
    "tokenizer with text for a number": (
        tokenizer(model={"type": "WordPiece", "vocab": {"a": "0"}}),
        "tokenizer.json",
        "a number of its own",
    ),
    "tokenizer with a piece twice": (
        tokenizer(model={"type": "Unigram", "vocab": [["a", 0.0], ["a", 0.0]]}),
        "tokenizer.json",
        "each piece once",
    ),
    "tokenizer without the special piece": (
        config(sep_id=99),
        "tokenizer.json",
        "no piece 99, which is `sep_id`",
    ),
    "casing not that of the tokenizer": (
        config(lowercase=False),
        "tokenizer.json",
        "normalizer: lower-cases",
    ),
    "lower-casing that is not asked for": (
        tokenizer(normalizer=None),
        "tokenizer.json",
        "normalizer: keeps capitals",
    ),
    "cased vocabulary, lower-cased text": (
        edit("tokenizer.json", lambda t: t["model"].update(vocab=CASED)),
        "tokenizer.json",
        "cased vocabulary",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_refused_with_file_and_reason(model: Path, name: str) -> None:
    mutate, file, reason = MUTANTS[name]
    mutate(model)
    with pytest.raises(ModelError) as caught:
        load_model_dir(model)
    message = str(caught.value)
    assert file in message
    assert reason in message
    assert str(model) in message
    assert len(message) < 1000
    assert "\x1b" not in message


def test_the_sealed_original_is_accepted(model: Path) -> None:
    """The mutants are refused for what was changed, not for having been sealed again."""
    edit("config.json", lambda _: None)(model)
    assert load_model_dir(model).config == CONFIG


def test_what_was_written_comes_back(model: Path) -> None:
    files = load_model_dir(model)
    assert files.config == CONFIG
    assert files.onnx == GRAPH
    assert json.loads(files.tokenizer_json) == TOKENIZER
    assert (model / "MODEL_CARD.md").read_bytes() == CARD.encode()
    assert sorted(os.listdir(model)) == NAMES


@given(
    labels=st.sets(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.+\-]{0,63}", fullmatch=True), min_size=1),
    scheme=st.sampled_from(["IOB2", "IOBES"]),
    number=st.floats(-50, 50),
    max_pieces=st.integers(16, 8192),
)
def test_any_config_comes_back(
    labels: set[str], scheme: Any, number: float, max_pieces: int
) -> None:
    config = dataclasses.replace(
        CONFIG, labels=tuple(sorted(labels)), scheme=scheme, max_pieces=max_pieces
    )
    n_tags = 1 + len(labels) * {"IOB2": 2, "IOBES": 4}[scheme]
    row = (number,) * n_tags
    config = dataclasses.replace(
        config, transitions=(row,) * n_tags, start_transitions=row, end_transitions=row
    )
    assert ModelConfig.from_json(config.to_json()) == config
    assert len(config.tag_set.names) == n_tags


def test_all_that_is_wrong_with_a_config_is_said_at_once() -> None:
    data = json.dumps({"labels": [], "max_pieces": 0, "colour": 1}).encode()
    with pytest.raises(ModelError) as caught:
        ModelConfig.from_json(data)
    for part in ("unknown key 'colour'", "`scheme` is missing", "`labels`", "`max_pieces`"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ["DNA"]},
        {"max_pieces": 8},
        {"start_transitions": (0.0,) * 7},
        {
            "transitions": ((math.inf,) * 7,) * 7,
            "start_transitions": (0.0,) * 7,
            "end_transitions": (0.0,) * 7,
        },
    ],
)
def test_a_wrong_config_cannot_be_built(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="config"):
        dataclasses.replace(CONFIG, **changes)


def test_equal_models_are_equal_bytes_and_fingerprints(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    assert [(first / name).read_bytes() for name in NAMES] == [
        (second / name).read_bytes() for name in NAMES
    ]
    assert load_model_dir(first).fingerprint == load_model_dir(second).fingerprint


def test_the_fingerprint_tells_models_apart_but_not_layouts_of_the_manifest(
    model: Path, tmp_path: Path
) -> None:
    fingerprint = load_model_dir(model).fingerprint
    other = write(tmp_path / "other", onnx=GRAPH + b"\x00")
    assert load_model_dir(other).fingerprint != fingerprint
    seal(model)
    assert load_model_dir(model).fingerprint == fingerprint


def test_an_existing_model_is_replaced_and_nothing_is_left_beside(model: Path) -> None:
    write(model, card="new")
    assert (model / "MODEL_CARD.md").read_text() == "new"
    assert os.listdir(model.parent) == [model.name]


PLOT = '<svg xmlns="http://www.w3.org/2000/svg"><title>a &lt; b</title><rect x="0"/></svg>\n'


def test_a_drawing_may_be_there_and_is_sealed_like_the_rest(model: Path) -> None:
    plain = load_model_dir(model).fingerprint
    write(model, plot=PLOT)
    assert sorted(os.listdir(model)) == sorted([*NAMES, "reliability.svg"])
    assert (model / "reliability.svg").read_text() == PLOT
    assert load_model_dir(model).fingerprint != plain
    (model / "reliability.svg").write_text(PLOT.replace('x="0"', 'x="1"'))
    with pytest.raises(ModelError, match=r"reliability\.svg: sha256"):
        load_model_dir(model)
    (model / "reliability.svg").unlink()
    with pytest.raises(ModelError, match=r"manifest\.json: files"):
        load_model_dir(model)
    write(model)
    assert load_model_dir(model).fingerprint == plain
    (model / "reliability.svg").write_text(PLOT)
    with pytest.raises(ModelError, match=r"manifest\.json: files"):
        load_model_dir(model)


@pytest.mark.parametrize(
    "plot",
    [
        PLOT.replace("<rect", "<script>alert(1)</script><rect"),
        PLOT.replace("<rect", "<rect onload='alert(1)'"),
        PLOT.replace("<rect", '<rect onload="alert"'),
        PLOT.replace('x="0"', 'fill="url(http://example.org/x)"'),
        PLOT.replace("<rect", '<a href="javascript:x"/><rect'),
        PLOT.replace("<rect", '<image href="http://example.org/x"/><rect'),
        PLOT.replace("<title>", "<scr<text>ipt>"),
        f'<!DOCTYPE svg [<!ENTITY a "b">]>{PLOT}',
        f'<?xml-stylesheet href="http://example.org/x"?>{PLOT}',
        "no drawing",
        PLOT + " " * 2**16,
    ],
)
def test_a_drawing_that_does_anything_is_neither_written_nor_loaded(model: Path, plot: str) -> None:
    with pytest.raises(ModelError, match=r"reliability\.svg"):
        write(model, plot=plot)
    write(model, plot=PLOT)
    (model / "reliability.svg").write_text(plot)
    seal(model)
    with pytest.raises(ModelError, match=r"reliability\.svg"):
        load_model_dir(model)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert load_model_dir(write(tmp_path / "empty")).config == CONFIG


@pytest.mark.parametrize("names", [["notes.txt"], ["config.json"], [*NAMES, "notes.txt"]])
def test_a_folder_that_is_no_model_is_not_overwritten(tmp_path: Path, names: list[str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("mine")
    with pytest.raises(OutputError, match="not a model directory"):
        write(folder)
    assert {name: (folder / name).read_text() for name in os.listdir(folder)} == dict.fromkeys(
        names, "mine"
    )


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="file"):
        write(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_missing_parent_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "no" / "model")


@pytest.mark.parametrize("call", range(8))
def test_a_failed_write_leaves_the_old_model(
    model: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Five files, their folder, and the two renames: each fails once."""
    calls = iter(range(100))

    def failing(function: Callable[..., Any]) -> Callable[..., Any]:
        def maybe(*arguments: Any) -> Any:
            if next(calls) == call:
                raise OSError(28, "No space left on device")
            return function(*arguments)

        return maybe

    monkeypatch.setattr(os, "fsync", failing(os.fsync))
    monkeypatch.setattr(Path, "rename", failing(Path.rename))
    with pytest.raises(OutputError, match="No space left"):
        write(model, card="new")
    monkeypatch.undo()
    assert load_model_dir(model).config == CONFIG
    assert (model / "MODEL_CARD.md").read_text() == CARD
    assert os.listdir(model.parent) == [model.name]


@pytest.mark.parametrize(
    "changes",
    [
        {"onnx": b"PK\x03\x04"},
        {"onnx": b""},
        {"tokenizer_json": "{}"},
        {"tokenizer_json": "\ud800"},
        {"card": "\ud800"},
        {"card": "x" * (2**22 + 1)},
        {"tokenizer_json": json.dumps(TOKENIZER | {"truncation": {"max_length": 9}})},
        {"config": dataclasses.replace(CONFIG, provenance={"score": math.nan})},
        {"config": dataclasses.replace(CONFIG, provenance={"path": Path("x")})},
    ],
)
def test_what_could_not_be_loaded_is_not_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        write(tmp_path / "model", **changes)
    assert os.listdir(tmp_path) == []


def test_nothing_there_is_a_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        load_model_dir(tmp_path / "model")


def test_a_file_for_a_folder_is_refused(model: Path) -> None:
    with pytest.raises(ModelError, match="is not a folder"):
        load_model_dir(model / "model.onnx")


def test_the_folder_itself_may_be_a_link(model: Path) -> None:
    link = model.parent / "current"
    link.symlink_to(model)
    assert load_model_dir(link).config == CONFIG
    write(link, card="new")
    assert link.is_symlink()
    assert (model / "MODEL_CARD.md").read_text() == "new"


@pytest.mark.parametrize(
    ("normalizer", "pieces", "lowercase"),
    [
        (None, CASED, False),
        ({"type": "BertNormalizer", "lowercase": False}, CASED, False),
        (
            {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
            TOKENIZER["model"]["vocab"],
            True,
        ),
    ],
)
def test_a_tokenizer_whose_casing_fits_is_accepted(
    tmp_path: Path, normalizer: Any, pieces: dict[str, int], lowercase: bool
) -> None:
    parts = TOKENIZER | {"normalizer": normalizer, "model": {"type": "BPE", "vocab": pieces}}
    config = dataclasses.replace(CONFIG, lowercase=lowercase)
    folder = write(tmp_path / "model", tokenizer_json=json.dumps(parts), config=config)
    assert load_model_dir(folder).config.lowercase is lowercase


def test_capitals_kept_that_the_vocabulary_does_not_have_are_refused(tmp_path: Path) -> None:
    parts = TOKENIZER | {"normalizer": None}
    with pytest.raises(ModelError, match="every word with one would be unknown"):
        write(
            tmp_path / "model",
            tokenizer_json=json.dumps(parts),
            config=dataclasses.replace(CONFIG, lowercase=False),
        )


def test_a_vocabulary_may_hold_any_word(tmp_path: Path) -> None:
    pieces = TOKENIZER["model"]["vocab"] | {"type": 9, "pattern": 10, "split": 11}
    parts = TOKENIZER | {"model": {"type": "WordLevel", "vocab": pieces}}
    folder = write(tmp_path / "model", tokenizer_json=json.dumps(parts))
    assert "pattern" in load_model_dir(folder).tokenizer_json
