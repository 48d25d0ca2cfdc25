"""The model directory: what training hands over and everything else loads.

Five files: the graph, the tokenizer, the config, the model card, and a manifest with size and
sha256 of the others; perhaps a sixth, the drawing that the card shows; and no more. The writer and
the loader make the same checks. The manifest tells damage, not forgery: who can change the files
can change it too, so that what the files say is checked as well. Nothing in here is ever unpickled,
and no graph is run.
"""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biospan.errors import MissingInputError, OutputError
from biospan.model_config import (
    CONFIG,
    FORMAT_VERSION,
    ModelConfig,
    json_bytes,
    json_object,
    refuse,
    refuse_any,
    shown,
    version_problem,
)
from biospan.tokenizer_check import check_tokenizer

GRAPH, TOKENIZER, CARD = "model.onnx", "tokenizer.json", "MODEL_CARD.md"
PLOT = "reliability.svg"
MANIFEST = "manifest.json"
# With the most bytes that each may have: 2 GiB is where protobuf ends.
_LIMITS = {
    **{GRAPH: 2**31 - 1, TOKENIZER: 2**26, CONFIG: 2**25, CARD: 2**22},
    **{PLOT: 2**16, MANIFEST: 2**16},
}
_OPTIONAL = {PLOT}
# A drawing may come from anyone and be opened in a browser: shapes and words, and nothing that
# runs, links or loads.
_SHAPE = re.compile(
    rb"</?(?:svg|title|rect|line|circle|text)(?: (?:xmlns|viewBox|role|x|y|x1|y1|x2|y2|cx|cy|r"
    rb'|width|height|fill|stroke|font-size|font-family|text-anchor)="[^"<>()&]*")*/?>'
)
_PICKLE_SUFFIXES = (
    *(".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"),
    *(".h5", ".npy", ".npz"),
)
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
_PICKLE_WARNING = "pickled files can execute code and are never loaded"
_LFS_START = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model directory, read and checked.

    Attributes:
        onnx: The graph, as bytes.
        fingerprint: sha256 of what the manifest says: equal for equal models, wherever they are.
    """

    folder: Path
    config: ModelConfig
    onnx: bytes = field(repr=False)
    tokenizer_json: str = field(repr=False)
    fingerprint: str


def write_model_dir(
    folder: str | os.PathLike[str],
    *,
    onnx: bytes,
    tokenizer_json: str,
    config: ModelConfig,
    card: str,
    plot: str = "",
) -> None:
    """Write a model directory, whole or not at all; one that is there already is replaced.

    Args:
        folder: Where.
        onnx: The graph.
        tokenizer_json: The tokenizer.
        config: What else the runtime half must know.
        card: The model card, Markdown.
        plot: A drawing that the card shows, SVG; empty for none.

    Raises:
        ModelError: If `load_model_dir` would refuse it.
        OutputError: If something else is at `folder`, or it cannot be written.
    """
    folder = Path(os.path.realpath(folder))
    contents = {
        GRAPH: onnx,
        TOKENIZER: _encoded(tokenizer_json, TOKENIZER),
        CONFIG: config.to_json(),
        CARD: _encoded(card, CARD),
    }
    if plot:
        contents[PLOT] = _encoded(plot, PLOT)
        _check_plot(contents[PLOT], PLOT)
    for name, data in contents.items():
        if len(data) > _LIMITS[name]:
            refuse(name, f"got {len(data)} bytes; expected at most {_LIMITS[name]}")
    check_tokenizer(contents[TOKENIZER], config, TOKENIZER)
    _check_graph(onnx, GRAPH)
    entries = {name: _entry(data) for name, data in contents.items()}
    contents[MANIFEST] = json_bytes({"format_version": FORMAT_VERSION, "files": entries}, MANIFEST)
    _refuse_to_overwrite(folder)
    try:
        _write_folder(folder, contents)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error}") from error


def load_model_dir(folder: str | os.PathLike[str]) -> ModelFiles:
    """Read a model directory and check all of it.

    Raises:
        MissingInputError: If there is nothing at `folder`.
        ModelError: If anything in it is missing, too much, damaged or not to be trusted.
    """
    folder = Path(folder)
    if not folder.exists():
        raise MissingInputError(f"{folder}: no such folder; expected a model directory")
    refuse_any(str(folder), _listing_problems(folder))
    manifest_path = str(folder / MANIFEST)
    manifest = json_object(_read(folder, MANIFEST), manifest_path)
    # `lexists`: a link that leads nowhere is there, and is refused by what it is.
    absent = {name for name in _OPTIONAL if not os.path.lexists(folder / name)}
    names = [name for name in _LIMITS if name != MANIFEST and name not in absent]
    _check_manifest(manifest, manifest_path, names)
    contents = {}
    for name in names:
        contents[name] = _read(folder, name)
        entry, actual = manifest["files"][name], _entry(contents[name])
        for key in ("bytes", "sha256"):
            if entry[key] != actual[key]:
                refuse(
                    folder / name,
                    f"{key}: got {actual[key]}; expected {entry[key]}, as {MANIFEST} says. "
                    "The file is incomplete or was changed: copy it again",
                )
    config = ModelConfig.from_json(contents[CONFIG], str(folder / CONFIG))
    check_tokenizer(contents[TOKENIZER], config, str(folder / TOKENIZER))
    _check_graph(contents[GRAPH], str(folder / GRAPH))
    if PLOT in contents:
        _check_plot(contents[PLOT], str(folder / PLOT))
    return ModelFiles(
        folder=folder,
        config=config,
        onnx=contents[GRAPH],
        tokenizer_json=contents[TOKENIZER].decode("utf-8"),
        fingerprint=hashlib.sha256(json_bytes(manifest, MANIFEST)).hexdigest(),
    )


def _listing_problems(folder: Path) -> list[str]:
    if not folder.is_dir():
        return ["is not a folder; expected a model directory"]
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        return [f"cannot be listed: {error}"]
    found = []
    for name in names:
        if name.lower().endswith(_PICKLE_SUFFIXES):
            found.append(f"file {shown(name)}: {_PICKLE_WARNING}; expected `{GRAPH}`")
        elif name not in _LIMITS:
            found.append(f"file {shown(name)} does not belong in a model directory: move it away")
    missing = [name for name in _LIMITS if name not in names and name not in _OPTIONAL]
    return found + [f"file `{name}` is missing" for name in missing]


def _read(folder: Path, name: str) -> bytes:
    """All bytes of a regular file that is in the folder and no stand-in for another."""
    path = folder / name
    try:
        # Of the resolved path: a link may lead from one file of the folder to another, not out.
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(os.path.realpath(folder)):
            refuse(path, f"got a link out of the folder, to {shown(str(target))}; expected a file")
        if not path.is_file():
            refuse(path, "expected a regular file")
        size = path.stat().st_size
        if size > _LIMITS[name]:
            refuse(path, f"got {size} bytes; expected at most {_LIMITS[name]}")
        data = path.read_bytes()
    except OSError as error:
        refuse(path, f"cannot be read: {error}")
    if data.startswith(_LFS_START):
        refuse(path, "got a Git LFS pointer; expected the file it stands for: run `git lfs pull`")
    if data.startswith(_PICKLE_STARTS):
        refuse(path, f"got a pickle or zip archive: {_PICKLE_WARNING}")
    return data


def _entry(data: bytes) -> dict[str, int | str]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _check_manifest(manifest: Mapping[str, Any], where: str, expected: Sequence[str]) -> None:
    version = manifest.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        refuse(where, version_problem(version))
    files = manifest.get("files")
    if manifest.keys() != {"format_version", "files"} or not isinstance(files, dict):
        refuse(where, f"got keys {shown(sorted(manifest))}; expected `files`, `format_version`")
    if files.keys() != set(expected):
        refuse(where, f"files: got {shown(sorted(files))}; expected {sorted(expected)}")
    for name, entry in files.items():
        if not isinstance(entry, dict) or entry.keys() != {"bytes", "sha256"}:
            refuse(where, f"files: `{name}`: got {shown(entry)}; expected `bytes` and `sha256`")


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        refuse(where, f"cannot be written as UTF-8: {error}")


def _check_graph(data: bytes, where: str) -> None:
    # Field 1, a varint: the IR version, which every exporter writes first.
    if data[:1] != b"\x08":
        refuse(where, f"starts with {data[:4]!r}; expected a serialised ONNX model")


def _check_plot(data: bytes, where: str) -> None:
    if not data.startswith(b"<svg ") or re.search(rb"[<>]", _SHAPE.sub(b"", data)):
        refuse(where, "expected an SVG of plain shapes and words, without anything that runs")


def _refuse_to_overwrite(folder: Path) -> None:
    if not folder.exists():
        return
    names = os.listdir(folder) if folder.is_dir() else [folder.name]
    foreign = sorted(name for name in names if name not in _LIMITS)
    if foreign or (names and MANIFEST not in names):
        raise OutputError(
            f"{folder}: exists and is not a model directory: got {', '.join(sorted(names))[:200]}; "
            "expected a new name, or a model directory to replace"
        )


def _write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write beside the place, then rename, so that nobody ever reads half a model."""
    mark = secrets.token_hex(4)
    new, old = (folder.with_name(f".{folder.name}.{mark}.{kind}") for kind in ("new", "old"))
    new.mkdir()
    try:
        for name, data in contents.items():
            with (new / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _sync_folder(new)
        # A full folder cannot be renamed onto: the old one steps aside, and back if need be.
        replaces = folder.exists()
        if replaces:
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if replaces:
                old.rename(folder)
            raise
        _sync_folder(folder.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
