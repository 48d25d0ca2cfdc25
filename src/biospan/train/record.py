"""What a run leaves to be read: its record, the log of its steps, and their curves.

The record says what was done with what, so that a figure can be traced and a run repeated. The
log has a line per step and is cut back to the checkpoint that a run is resumed from.
"""

import json
import os
import platform
import subprocess
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import torch

from biospan.document import Document
from biospan.errors import ConfigError, InputError, MissingInputError
from biospan.scoring import Report
from biospan.train import plots
from biospan.train.checkpoint import as_text, write_whole
from biospan.train.config import TrainConfig, from_mapping
from biospan.train.data import checksum
from biospan.train.parallel import Processes

RECORD_FILE = "record.json"
LOG_FILE = "log.jsonl"
CURVES_FILE = "curves.png"

# What may differ between a run and its resumption.
_INCIDENTAL = frozenset({"checkpoint_minutes"})


def begin(
    config: TrainConfig, train: Sequence[Document], dev: Sequence[Document], processes: Processes
) -> dict[str, Any]:
    """The record of a run before its first step."""
    return {
        "recipe": config.to_dict(),
        **environment(processes),
        "train": {"documents": len(train), "sha256": checksum(train)},
        "dev": {"documents": len(dev), "sha256": checksum(dev)},
        "epochs": [],
        "finished": False,
    }


def environment(processes: Processes) -> dict[str, Any]:
    """What a run is made with: code, packages, machine."""
    packages = ("biospan", "torch", "transformers", "tokenizers", "numpy")
    where = torch.backends.cpu.get_cpu_capability()
    if processes.device.type == "cuda":
        where = torch.cuda.get_device_name(processes.device)
    machine = f"{where}, {torch.get_num_threads()} threads"
    return {
        "commit": code_version(),
        "packages": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "machine": machine + (f", {processes.count} processes" if processes.count > 1 else ""),
    }


def add_epoch(record: dict[str, Any], epoch: int, loss: float, report: Report) -> bool:
    """Note an epoch's scores; returns whether it is the best so far."""
    f1 = report.spans.micro.f1
    labels = {label: counts.f1 for label, counts in report.spans.items()}
    record["epochs"].append({"epoch": epoch, "loss": loss, "micro_f1": f1, "labels": labels})
    best = "best" not in record or f1 > record["best"]["report"]["spans"]["micro"]["f1"]
    if best:
        record["best"] = {"epoch": epoch, "report": report.to_dict()}
    return best


def write(record: Mapping[str, Any], folder: Path) -> None:
    """Write the record to a run's folder."""
    write_whole(folder / RECORD_FILE, as_text(record))


def read(folder: Path) -> dict[str, Any]:
    """The record in a run's folder.

    Raises:
        MissingInputError: If there is none.
        InputError: If it is not one.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        raise MissingInputError(f"{path}: not found, expected what `train` leaves")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("recipe"), dict):
        raise InputError(f"{path}: expected the record of a training run")
    return found


def recipe(record: Mapping[str, Any], folder: Path) -> TrainConfig:
    """The recipe in a record.

    Raises:
        ConfigError: If it does not fit this version.
    """
    return from_mapping(record["recipe"], where=str(folder / RECORD_FILE))


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with a run that was another one.

    Raises:
        ConfigError: If the recipe is another, or does not fit this version.
        InputError: If the documents are others.
    """
    # Keys that an older version did not know are as they were then: at their defaults.
    check_recipe(recipe(before, folder).to_dict(), now["recipe"], folder)
    for split in ("train", "dev"):
        if before[split]["sha256"] != now[split]["sha256"]:
            raise InputError(
                f"corpus `{now['recipe']['corpus']}`, `{split}` documents: not those that "
                f"{folder / RECORD_FILE} was made with"
            )


def check_recipe(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    folder: Path,
    *,
    may_differ: Collection[str] = _INCIDENTAL,
) -> None:
    """Refuse to go on with a run of another recipe.

    Raises:
        ConfigError: With each key that differs and may not.
    """
    different = [
        f"`{key}` is {old[key]!r} there and {new[key]!r} here"
        for key in sorted(new)
        if old[key] != new[key] and key not in may_differ
    ]
    if different:
        raise ConfigError(
            f"{folder}: holds a run of another recipe: {'; '.join(different)}. Take another "
            "folder, or start anew with --restart"
        )


class Log:
    """The log of a run's steps, in its folder.

    Args:
        folder: Of the run.
        n_steps: Steps that have been made; what the log says of later ones is dropped.
    """

    def __init__(self, folder: Path, n_steps: int) -> None:
        path = folder / LOG_FILE
        kept = path.read_text(encoding="ascii").splitlines()[:n_steps] if n_steps else []
        write_whole(path, "".join(f"{line}\n" for line in kept))
        self._file: TextIO = path.open("a", encoding="ascii")

    def add(self, step: int, epoch: int, loss: float, rate: float) -> None:
        """Add a step; on disk at once, as far as this process can see to it."""
        line = {"step": step, "epoch": epoch, "loss": loss, "rate": rate}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Have the steps so far outlast the machine."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """No more steps come."""
        self._file.close()


def draw(folder: Path, record: Mapping[str, Any]) -> None:
    """Draw the curves of a run from its log and record."""
    lines = [json.loads(line) for line in (folder / LOG_FILE).read_text("ascii").splitlines()]
    steps = [(line["step"], line["loss"], line["rate"]) for line in lines]
    ends = {line["epoch"]: line["step"] for line in lines}
    scores = [(ends[epoch["epoch"]], epoch["micro_f1"]) for epoch in record.get("epochs", ())]
    plots.curves(steps, scores, folder / CURVES_FILE)


def code_version() -> str:
    """The commit of the checkout this runs from; empty when it is installed elsewhere."""
    root = Path(__file__).parents[3]
    if not (root / "recipes").is_dir():
        return ""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
