"""Models that others published: a folder, or a name on the Hugging Face hub at a pinned revision.

The network is reached only when the caller asks for it; otherwise a hub name means what lies in
the local cache. A revision is a commit, 40 hexadecimal digits, because a branch or a name may point
elsewhere tomorrow. Only files that hold data are taken: no code, and pickled weights only for
`weights`, which converts them.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

from biospan.errors import (
    ConfigError,
    DownloadError,
    MissingDependencyError,
    MissingInputError,
    ModelError,
    OutputError,
)

SOURCE_FILE = "source.json"
PICKLED_WEIGHTS = "pytorch_model.bin"
WEIGHTS = "model.safetensors"
_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "spm.model", "sentencepiece.bpe.model"),
)
_DATA = ("config.json", *_TOKENIZER_FILES, WEIGHTS, f"{WEIGHTS}.index.json", "model-*.safetensors")
_NAME = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+", re.ASCII)
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Source:
    """A published model, here on this machine.

    Attributes:
        folder: Where its files are.
        name: What the caller called it, or the hub name that it came from.
        revision: Commit on the hub; empty if it is not known to come from there.
        files: The sha256 of each file that is used.
    """

    folder: Path
    name: str
    revision: str
    files: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, without the folder."""
        return {"name": self.name, "revision": self.revision, "files": dict(self.files)}


def find(name: str, *, revision: str = "", download: bool = False, pickled: bool = False) -> Source:
    """A folder, or a hub name's files from the cache, or with `download` from the hub.

    Args:
        name: Folder, or `owner/model`.
        revision: Commit on the hub.
        download: Whether what is missing may be fetched.
        pickled: Whether pickled weights are wanted too.

    Raises:
        ConfigError: If the revision is not a commit, or is given for a folder.
        MissingInputError: If there is no such folder, and nothing in the cache.
        DownloadError: If it cannot be fetched.
        ModelError: If it asks for code of its own, or a file is not what the hub has.
    """
    patterns = (*_DATA, PICKLED_WEIGHTS) if pickled else _DATA
    if Path(name).is_dir():
        if revision:
            raise ConfigError(f"`{name}` is a folder; a revision is for a name on the hub")
        folder = Path(name)
        origin = _origin(folder)
        name, revision = origin.get("name", name), origin.get("revision", "")
    else:
        origin = {}
        folder = _snapshot(name, revision, download, patterns)
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    files = {path.name: _checksum(path) for path in paths}
    if "config.json" not in files:
        raise MissingInputError(f"{folder}: no `config.json`; expected a model of transformers")
    _check_kept(folder, origin, files)
    _refuse_code(folder)
    return Source(folder, name, revision, files)


def keep(source: Source, output: str | Path, *, convert_weights: bool = False) -> Path:
    """Copy a published model to a plain folder, whole or not at all, for `import` and recipes.

    Args:
        source: As `find` gives it.
        output: A new folder.
        convert_weights: Whether pickled weights are turned into safetensors; the pickle is left.

    Raises:
        OutputError: If there is something at `output`.
        ModelError: If it has no weights that can be loaded, or they cannot be converted.
    """
    from biospan.train import weights

    output = Path(output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputError(f"{output}: is there already; expected a new folder")
    has_safe = any(name.endswith(".safetensors") for name in source.files)
    if not has_safe and not (convert_weights and PICKLED_WEIGHTS in source.files):
        raise ModelError(
            f"{source.name}: {_weights_problem(source)}. Weights that are pickled are converted "
            "with --convert-weights, and are never loaded"
        )
    record = source.to_dict()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as drafts:
        draft = Path(drafts) / output.name
        draft.mkdir()
        for name in source.files:
            if name != PICKLED_WEIGHTS:
                shutil.copyfile(source.folder / name, draft / name)
        if not has_safe:
            weights.convert(source.folder / PICKLED_WEIGHTS, draft / WEIGHTS)
            record["converted"] = {WEIGHTS: _checksum(draft / WEIGHTS)}
        (draft / SOURCE_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="ascii")
        draft.replace(output)
    return output


def _weights_problem(source: Source) -> str:
    if PICKLED_WEIGHTS in source.files or (source.folder / PICKLED_WEIGHTS).is_file():
        return f"its weights are pickled (`{PICKLED_WEIGHTS}`)"
    return f"no `{WEIGHTS}`"


def _snapshot(name: str, revision: str, download: bool, patterns: tuple[str, ...]) -> Path:
    if not _NAME.fullmatch(name):
        raise MissingInputError(f"{name}: no such folder, and no name that the hub could have")
    if not _COMMIT.fullmatch(revision):
        raise ConfigError(
            f"`{name}` is no folder here, so it is taken for a name on the hub: got revision "
            f"`{revision}`, expected --revision with the 40 hexadecimal digits of a commit"
        )
    try:
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingDependencyError("huggingface_hub", "hub") from error
    try:
        folder = huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=list(patterns), local_files_only=not download
        )
    except LocalEntryNotFoundError as error:
        if download:
            raise DownloadError(f"{name} at {revision}: cannot be fetched: {error}") from error
        raise MissingInputError(
            f"{name} at {revision}: not in the local cache; --download fetches it"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise DownloadError(f"{name} at {revision}: cannot be fetched: {error}") from error
    for path in Path(folder).iterdir():
        _check_blob(path)
    return Path(folder)


def _check_blob(path: Path) -> None:
    """Compare a cached file with what the hub calls it: by its sha256, or git's checksum of it."""
    known = path.resolve().name
    if path.is_symlink() and len(known) == 64 and _checksum(path) != known:
        raise ModelError(f"{path}: damaged: its sha256 is not {known}. Remove it and fetch again")
    if path.is_symlink() and len(known) == 40:
        data = path.read_bytes()
        if sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() != known:
            raise ModelError(f"{path}: damaged: it is not git's {known}. Remove it and fetch again")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _origin(folder: Path) -> dict[str, Any]:
    """What `keep` wrote of a folder."""
    try:
        found = json.loads((folder / SOURCE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    if not all(isinstance(found.get(part, {}), dict) for part in ("files", "converted")):
        raise ModelError(f"{folder / SOURCE_FILE}: expected objects as `files` and `converted`")
    return found


def _check_kept(folder: Path, origin: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Compare files with what `keep` wrote of them, so that the name is theirs."""
    known = {**origin.get("files", {}), **origin.get("converted", {})}
    for name, digest in files.items():
        if known.get(name, digest) != digest:
            raise ModelError(
                f"{folder / name}: its sha256 is not the {known[name]} of `{SOURCE_FILE}`. Fetch "
                f"it again; or, if it was changed on purpose, remove `{SOURCE_FILE}`"
            )


def _refuse_code(folder: Path) -> None:
    for name in ("config.json", "tokenizer_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"{path}: not JSON: {error}") from error
        if not isinstance(settings, dict):
            raise ModelError(f"{path}: expected an object")
        if "auto_map" in settings:
            raise ModelError(
                f"{path}: `auto_map` asks for code that comes with the model, which is never run"
            )
