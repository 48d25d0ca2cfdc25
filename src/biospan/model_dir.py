"""The model directory: what training hands over and everything else loads.

Five files and no others: the graph, the tokenizer, the config, the model card, and a manifest with
size and sha256 of the other four. The writer and the loader make the same checks. The manifest
tells damage, not forgery: who can change the files can change it too, so that what the files
say is checked as well. Nothing in here is ever unpickled, and no graph is run.
"""

import hashlib
import json
import math
import os
import re
import reprlib
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NoReturn

from biospan.errors import InputError, MissingInputError, ModelError, OutputError
from biospan.tags import Scheme, TagSet

FORMAT_VERSION = 1
INPUT_NAMES = ("input_ids", "mask", "token_starts")

GRAPH, TOKENIZER, CONFIG, CARD = "model.onnx", "tokenizer.json", "config.json", "MODEL_CARD.md"
MANIFEST = "manifest.json"
# With the most bytes that each may have: 2 GiB is where protobuf ends.
_LIMITS = {GRAPH: 2**31 - 1, TOKENIZER: 2**26, CONFIG: 2**25, CARD: 2**22, MANIFEST: 2**16}

_MAX_LABELS = 256
_MAX_ADDED_TOKENS = 1000
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 80

# Labels reach HTML, spreadsheets, JavaScript objects and file names. That the first character is
# a letter or a digit keeps out `__proto__`, `..`, and what a spreadsheet takes for a formula.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+\-]{0,63}")

_PICKLE_SUFFIXES = (
    *(".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"),
    *(".h5", ".npy", ".npz"),
)
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
_PICKLE_WARNING = "pickled files can execute code and are never loaded"
_LFS_START = b"version https://git-lfs.github.com/spec/"

# Parts of a tokenizer that take no pattern from the file: a hostile one costs exponential time.
_TOKENIZER_PARTS = {
    "model": {"WordPiece", "BPE", "Unigram", "WordLevel"},
    "normalizer": {
        *("Sequence", "BertNormalizer", "Lowercase", "StripAccents", "Strip"),
        *("NFC", "NFD", "NFKC", "NFKD"),
    },
    "pre_tokenizer": {
        *("Sequence", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation"),
        *("Digits", "ByteLevel", "Metaspace", "UnicodeScripts"),
    },
    "post_processor": {
        *("Sequence", "BertProcessing", "RobertaProcessing", "TemplateProcessing", "ByteLevel"),
    },
    "decoder": {"Sequence", "WordPiece", "BPEDecoder", "ByteLevel", "Metaspace", "Fuse"},
}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the runtime half must know of a model.

    Attributes:
        labels: Sorted; with `scheme` they number the tags, see `tags.TagSet`.
        inputs: Names of the graph's inputs.
        max_pieces: Pieces of a window, special pieces included. 16 to 8192.
        context: What a window is packed from.
        lowercase: Whether the tokenizer lower-cases.
        transitions: Of a CRF, log domain, from row to column; None: a softmax head.
            Shape (n_tags, n_tags).
        start_transitions: Likewise into the first token. Shape (n_tags,).
        end_transitions: Likewise out of the last token. Shape (n_tags,).
        provenance: Any JSON: recipe, seeds, scores, code version.

    Raises:
        ModelError: If a value has the wrong type or range; all of them in one message.
    """

    labels: tuple[str, ...]
    scheme: Scheme
    inputs: tuple[str, ...]
    max_pieces: int
    context: Literal["sentence", "document"]
    lowercase: bool
    cls_id: int
    sep_id: int
    pad_id: int
    unk_id: int
    transitions: tuple[tuple[float, ...], ...] | None = None
    start_transitions: tuple[float, ...] | None = None
    end_transitions: tuple[float, ...] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict, hash=False)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        _refuse_any(CONFIG, _config_problems(self._values()))

    @property
    def tag_set(self) -> TagSet:
        """The tags, numbered."""
        return TagSet(self.labels, self.scheme)

    @classmethod
    def from_json(cls, data: bytes, where: str = CONFIG) -> "ModelConfig":
        """Read `config.json`.

        Raises:
            ModelError: If it is not what `to_json` writes; all that is wrong in one message.
        """
        values = _json_object(data, where)
        known = {f.name for f in fields(cls)}
        found = [f"unknown key {_shown(key)}" for key in sorted(values.keys() - known)]
        found += [f"key `{key}` is missing" for key in sorted(known - values.keys())]
        values = {key: _frozen(value) for key, value in values.items() if key in known}
        _refuse_any(where, found + _config_problems(values))
        return cls(**values)

    def to_json(self) -> bytes:
        """The content of `config.json`; equal configs give equal bytes.

        Raises:
            ModelError: If `provenance` is not JSON.
        """
        return _json_bytes(self._values() | {"provenance": dict(self.provenance)}, CONFIG)

    def _values(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


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


def load_model_dir(folder: str | os.PathLike[str]) -> ModelFiles:
    """Read a model directory and check all of it.

    Raises:
        MissingInputError: If there is nothing at `folder`.
        ModelError: If anything in it is missing, too much, damaged or not to be trusted.
    """
    folder = Path(folder)
    if not folder.exists():
        raise MissingInputError(f"{folder}: no such folder; expected a model directory")
    _refuse_any(str(folder), _listing_problems(folder))
    manifest_path = str(folder / MANIFEST)
    manifest = _json_object(_read(folder, MANIFEST), manifest_path)
    _check_manifest(manifest, manifest_path)
    contents = {}
    for name in (GRAPH, TOKENIZER, CONFIG, CARD):
        contents[name] = _read(folder, name)
        entry, actual = manifest["files"][name], _entry(contents[name])
        for key in ("bytes", "sha256"):
            if entry[key] != actual[key]:
                _refuse(
                    folder / name,
                    f"{key}: got {actual[key]}; expected {entry[key]}, as {MANIFEST} says. "
                    "The file is incomplete or was changed: copy it again",
                )
    config = ModelConfig.from_json(contents[CONFIG], str(folder / CONFIG))
    _check_tokenizer(contents[TOKENIZER], config, str(folder / TOKENIZER))
    _check_graph(contents[GRAPH], str(folder / GRAPH))
    return ModelFiles(
        folder=folder,
        config=config,
        onnx=contents[GRAPH],
        tokenizer_json=contents[TOKENIZER].decode("utf-8"),
        fingerprint=hashlib.sha256(_json_bytes(manifest, MANIFEST)).hexdigest(),
    )


def write_model_dir(
    folder: str | os.PathLike[str],
    *,
    onnx: bytes,
    tokenizer_json: str,
    config: ModelConfig,
    card: str,
) -> None:
    """Write a model directory, whole or not at all; one that is there already is replaced.

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
    for name, data in contents.items():
        if len(data) > _LIMITS[name]:
            _refuse(name, f"got {len(data)} bytes; expected at most {_LIMITS[name]}")
    _check_tokenizer(contents[TOKENIZER], config, TOKENIZER)
    _check_graph(onnx, GRAPH)
    entries = {name: _entry(data) for name, data in contents.items()}
    contents[MANIFEST] = _json_bytes({"format_version": FORMAT_VERSION, "files": entries}, MANIFEST)
    _refuse_to_overwrite(folder)
    try:
        _write_folder(folder, contents)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error}") from error


def _refuse(where: str | Path, problem: str) -> NoReturn:
    raise ModelError(f"{where}: {problem}")


def _shown(value: object) -> str:
    """A value for a message: short, shallow, and without control characters."""
    return _BRIEF.repr(value)


def _refuse_any(where: str, problems: Sequence[str]) -> None:
    if problems:
        # The joining (the first 20 in full) is the same for inputs and for models.
        raise ModelError(str(InputError.from_problems([f"{where}: {text}" for text in problems])))


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
            found.append(f"file {_shown(name)}: {_PICKLE_WARNING}; expected `{GRAPH}`")
        elif name not in _LIMITS:
            found.append(f"file {_shown(name)} does not belong in a model directory: move it away")
    return found + [f"file `{name}` is missing" for name in _LIMITS if name not in names]


def _read(folder: Path, name: str) -> bytes:
    """All bytes of a regular file that is in the folder and no stand-in for another."""
    path = folder / name
    try:
        # Of the resolved path: a link may lead from one file of the folder to another, not out.
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(os.path.realpath(folder)):
            _refuse(
                path, f"got a link out of the folder, to {_shown(str(target))}; expected a file"
            )
        if not path.is_file():
            _refuse(path, "expected a regular file")
        size = path.stat().st_size
        if size > _LIMITS[name]:
            _refuse(path, f"got {size} bytes; expected at most {_LIMITS[name]}")
        data = path.read_bytes()
    except OSError as error:
        _refuse(path, f"cannot be read: {error}")
    if data.startswith(_LFS_START):
        _refuse(path, "got a Git LFS pointer; expected the file it stands for: run `git lfs pull`")
    if data.startswith(_PICKLE_STARTS):
        _refuse(path, f"got a pickle or zip archive: {_PICKLE_WARNING}")
    return data


def _entry(data: bytes) -> dict[str, int | str]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _check_manifest(manifest: Mapping[str, Any], where: str) -> None:
    version = manifest.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        _refuse(where, _version_problem(version))
    files = manifest.get("files")
    expected = _LIMITS.keys() - {MANIFEST}
    if manifest.keys() != {"format_version", "files"} or not isinstance(files, dict):
        _refuse(where, f"got keys {_shown(sorted(manifest))}; expected `files`, `format_version`")
    if files.keys() != expected:
        _refuse(where, f"files: got {_shown(sorted(files))}; expected {sorted(expected)}")
    for name, entry in files.items():
        if not isinstance(entry, dict) or entry.keys() != {"bytes", "sha256"}:
            _refuse(where, f"files: `{name}`: got {_shown(entry)}; expected `bytes` and `sha256`")


def _version_problem(version: object) -> str:
    newer = type(version) is int and version > FORMAT_VERSION
    return (
        f"`format_version`: got {_shown(version)}; expected {FORMAT_VERSION}"
        f"{'. A newer version wrote it: update biospan' if newer else ''}"
    )


def _json_object(data: bytes, where: str) -> dict[str, Any]:
    def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            twin = max(Counter(key for key, _ in pairs).items(), key=lambda item: item[1])[0]
            raise ValueError(f"key {_shown(twin)} is there twice")
        return values

    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"number `{name}` is not JSON")

    try:
        # `ValueError`: not UTF-8, not JSON, or an integer of thousands of digits.
        values = json.loads(
            data.decode("utf-8"), object_pairs_hook=no_twins, parse_constant=no_constant
        )
    except (ValueError, RecursionError) as error:
        _refuse(where, f"not JSON that can be read: {error}")
    if not isinstance(values, dict):
        _refuse(where, f"got a JSON {type(values).__name__}; expected an object")
    return values


def _json_bytes(values: Mapping[str, Any], where: str) -> bytes:
    try:
        text = json.dumps(values, indent=1, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        _refuse(where, f"cannot be written as JSON: {error}")
    return text.encode("ascii") + b"\n"


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        _refuse(where, f"cannot be written as UTF-8: {error}")


def _frozen(value: Any) -> Any:
    """Lists, and lists in lists, as tuples; no field has more."""
    if not isinstance(value, list):
        return value
    return tuple(tuple(item) if isinstance(item, list) else item for item in value)


def _config_problems(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with the fields of a config, as far as they are there."""
    found = []
    for name, value in values.items():
        if name == "format_version":
            if not _is_int(value, 1, FORMAT_VERSION):
                found.append(_version_problem(value))
        elif not _CONFIG_RULES[name][0](value):
            found.append(f"`{name}`: got {_shown(value)}; expected {_CONFIG_RULES[name][1]}")
    if found or not {"labels", "scheme", *_CRF} <= values.keys():
        return found
    n_tags = len(TagSet(values["labels"], values["scheme"]).names)
    crf = [values[name] for name in _CRF]
    if all(value is None for value in crf):
        return []
    if any(value is None for value in crf):
        return [f"{', '.join(_CRF)}: got some; expected all of them, or all null"]
    transitions, start, end = crf
    if any(len(row) != n_tags for row in (*transitions, transitions, start, end)):
        return [f"{', '.join(_CRF)}: expected {n_tags} numbers for the {n_tags} tags, in each row"]
    return []


def _is_int(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_row(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        type(number) in (int, float) and math.isfinite(number) for number in value
    )


def _is_labels(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and 1 <= len(value) <= _MAX_LABELS
        and all(isinstance(label, str) and _LABEL.fullmatch(label) for label in value)
        and list(value) == sorted(set(value))
    )


def _is_inputs(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) > 0
        and all(name in INPUT_NAMES for name in value)
        and len(set(value)) == len(value)
    )


def _is_piece_id(value: Any) -> bool:
    return _is_int(value, 0, 2**31 - 1)


_CRF = ("transitions", "start_transitions", "end_transitions")
_CONFIG_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "labels": (
        _is_labels,
        f"1 to {_MAX_LABELS} labels, sorted, each once, like `{_LABEL.pattern}`",
    ),
    "scheme": (lambda value: value in ("IOB2", "IOBES"), "`IOB2` or `IOBES`"),
    "inputs": (_is_inputs, f"names out of {', '.join(INPUT_NAMES)}, each once"),
    "max_pieces": (lambda value: _is_int(value, 16, 8192), "an integer from 16 to 8192"),
    "context": (lambda value: value in ("sentence", "document"), "`sentence` or `document`"),
    "lowercase": (lambda value: isinstance(value, bool), "true or false"),
    **{
        name: (_is_piece_id, "the number of a piece")
        for name in ("cls_id", "sep_id", "pad_id", "unk_id")
    },
    "transitions": (
        lambda value: value is None or (isinstance(value, tuple) and all(map(_is_row, value))),
        "rows of finite numbers, or null",
    ),
    "start_transitions": (lambda value: value is None or _is_row(value), "finite numbers, or null"),
    "end_transitions": (lambda value: value is None or _is_row(value), "finite numbers, or null"),
    "provenance": (lambda value: isinstance(value, Mapping), "an object"),
}


def _check_graph(data: bytes, where: str) -> None:
    # Field 1, a varint: the IR version, which every exporter writes first.
    if data[:1] != b"\x08":
        _refuse(where, f"starts with {data[:4]!r}; expected a serialised ONNX model")


def _check_tokenizer(data: bytes, config: ModelConfig, where: str) -> None:
    tokenizer = _json_object(data, where)
    found = [
        f"{part}: got {_shown(tokenizer[part])}; expected null, as it would cut text or add pieces"
        for part in ("truncation", "padding")
        if tokenizer.get(part) is not None
    ]
    for part, allowed in _TOKENIZER_PARTS.items():
        for kind in _kinds(tokenizer, part):
            if kind not in allowed:
                expected = " or ".join(sorted(allowed))
                found.append(f"{part}: got {_shown(kind)}; expected {expected}")
    _refuse_any(where, found)
    pieces = _vocabulary(tokenizer, where)
    numbers = set(pieces.values())
    for name in ("cls_id", "sep_id", "pad_id", "unk_id"):
        if getattr(config, name) not in numbers:
            _refuse(where, f"no piece {getattr(config, name)}, which is `{name}` in {CONFIG}")
    lowercases = any(
        part.get("type") == "Lowercase" or part.get("lowercase") is True
        for part in _nested(tokenizer.get("normalizer"))
    )
    if lowercases != config.lowercase:
        _refuse(
            where,
            f"normalizer: {'lower-cases' if lowercases else 'keeps capitals'}; "
            f"expected the contrary, as `lowercase` in {CONFIG} is {str(config.lowercase).lower()}",
        )
    _check_casing(lowercases, pieces, where)


def _kinds(tokenizer: Mapping[str, Any], name: str) -> Iterator[str]:
    """The types of a tokenizer's part and of the parts inside it."""
    part = tokenizer.get(name)
    if part is None and name != "model":
        return
    yield str(part.get("type")) if isinstance(part, dict) else _shown(part)
    if name != "model":  # whose vocabulary holds any word
        for inner in _nested(part):
            # A part may leave out its type, to be guessed from its keys.
            yield from (str(inner[key]) for key in ("type", "pattern", "Regex") if key in inner)


def _nested(part: Any) -> Iterator[dict[str, Any]]:
    """All objects in a JSON value; not by recursion, which hostile nesting would exhaust."""
    waiting = [part]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _vocabulary(tokenizer: Mapping[str, Any], where: str) -> dict[str, int]:
    vocabulary, added = tokenizer["model"].get("vocab"), tokenizer.get("added_tokens") or []
    try:
        if isinstance(vocabulary, list):  # of Unigram: [piece, score]
            entries = [(piece, number) for number, (piece, _) in enumerate(vocabulary)]
        else:
            entries = list(dict(vocabulary).items())
        distinct = len(entries) == len(dict(entries)) == len({number for _, number in entries})
        pieces = dict(entries) | {token["content"]: token["id"] for token in added}
    except (KeyError, TypeError, ValueError) as error:
        _refuse(where, f"vocabulary: cannot be read: {_shown(error)}")
    if not distinct or not all(map(_is_piece_id, pieces.values())):
        _refuse(where, "vocabulary: expected each piece once, with a number of its own")
    if len(added) > _MAX_ADDED_TOKENS:
        _refuse(where, f"got {len(added)} added tokens; expected at most {_MAX_ADDED_TOKENS}")
    return pieces


def _check_casing(lowercases: bool, pieces: Mapping[str, int], where: str) -> None:
    # Not special pieces like `[CLS]` or `<s>`; ASCII alone, as byte-level pieces misuse the rest.
    words = [piece for piece in map(str, pieces) if piece[:1] not in ("[", "<")]
    capitalised = sum(re.search("[A-Z]", piece) is not None for piece in words)
    if lowercases and capitalised > 0.01 * len(words):
        _refuse(
            where,
            f"got a lower-casing normalizer with a cased vocabulary: {capitalised} of {len(words)} "
            "pieces have capitals and would never be used; "
            "expected the normalizer that it was made with",
        )
    if not lowercases and not capitalised:
        _refuse(
            where,
            "got a vocabulary without capitals and a normalizer that keeps them: every word with "
            "one would be unknown; expected the normalizer that it was made with",
        )


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
