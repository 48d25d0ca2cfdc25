"""Checkpoints: what a run needs to go on after any death as if it had not been stopped.

A checkpoint is a safetensors file and, written after it, a note with its sha256. Both appear
under their names only when they are whole, so a run that is killed while it writes one has the
one before. Nothing here executes code when it is read, as a pickle would.
"""

import json
import logging
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

logger = logging.getLogger(__name__)

KEPT = 2  # the newest, and one in case that it is damaged
_NOTE = re.compile(r"step-(\d{8})\.json")


class Checkpoint(NamedTuple):
    """Arrays, and any JSON, as they were after a step."""

    step: int
    tensors: dict[str, Tensor]
    notes: dict[str, Any]


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint and remove those that are no longer needed."""
    folder.mkdir(parents=True, exist_ok=True)
    data = save({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()})
    notes = {"sha256": sha256(data).hexdigest(), "notes": checkpoint.notes}
    weights = _weights(folder, checkpoint.step)
    write_whole(weights, data)
    write_whole(weights.with_suffix(".json"), json.dumps(notes).encode())
    for step in _steps(folder)[KEPT:]:
        _weights(folder, step).with_suffix(".json").unlink(missing_ok=True)
    kept = {_weights(folder, step).stem for step in _steps(folder)}
    for path in folder.iterdir():
        if path.stem not in kept:  # of an older step, or left by a process that was killed
            path.unlink(missing_ok=True)


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; a warning names each one that is not."""
    for step in _steps(folder):
        weights = _weights(folder, step)
        try:
            note = json.loads(weights.with_suffix(".json").read_bytes())
            data = weights.read_bytes()
            if sha256(data).hexdigest() != note["sha256"]:
                raise ValueError("its sha256 is not the noted one")
            return Checkpoint(step, load(data), note["notes"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            logger.warning("%s: damaged, an older one is looked for: %s", weights, error)
    return None


def remove(folder: Path) -> None:
    """Remove all checkpoints of a run that has ended."""
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file so that it is there whole or, after any death, as it was before."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with draft.open("wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    if os.name == "posix":
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def as_text(record: Mapping[str, Any]) -> str:
    """JSON as a person can read it."""
    return json.dumps(record, indent=2) + "\n"


def _steps(folder: Path) -> list[int]:
    """Steps of the checkpoints that have a note, the newest first."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted((int(m[1]) for name in names if (m := _NOTE.fullmatch(name))), reverse=True)


def _weights(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}.safetensors"
