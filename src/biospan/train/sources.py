"""What led to a run: the runs it began with, and the weights at the start of it all.

A recipe names an encoder, perhaps what an ensemble said of plain text (`taught`), and a recipe of
`teach` its teachers. Each may be the folder of an earlier run, whose record has a recipe of its
own, or a model directory, which carries what led to it. All are followed, and what their records
say is kept; which licences that means is not known here (see `licences`).
"""

import logging
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from biospan.errors import BiospanError, ConfigError
from biospan.model_dir import GRAPH, MANIFEST, load_model_dir
from biospan.train import record as records
from biospan.train import taught
from biospan.train.model import locate
from biospan.train.run import WEIGHTS_FILE

logger = logging.getLogger(__name__)

ENCODER_WEIGHTS = "model.safetensors"
# Of an earlier run's record; its scores and curves stay where they are.
_KEPT = (
    *("recipe", "commit", "packages", "python", "machine", "seconds", "resumed", "finished"),
    *("train", "dev", "text", "documents", "pieces", "vocabulary", "steps", "averaged"),
)


def gather(recipe: Mapping[str, Any], averaged: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Follow all folders that a recipe builds on, and those of runs that were averaged.

    A folder whose record cannot be read, or that holds other weights by now than those that
    taught, is kept as of kind `unknown`, and a warning is logged.

    Returns:
        JSON-ready. `stages`: each earlier run once, after those that it builds on: `folder`,
        `kind` (`train`, `pretrain`, `teach`, `unknown`), `sha256` of what it made, and most of its
        record. `encoders`: `name` and `sha256` of the weights that no such run made; the checksum
        is empty where they are no local file.
    """
    found = _Found()
    found.follow(recipe, averaged=averaged)
    return {"stages": found.stages, "encoders": list(found.encoders.values())}


def made_by(folder: Path, kind: str) -> str:
    """The sha256 of what a run made; empty if it is not there.

    Of `teach` it is that of `documents.jsonl` and the parts, one after the other.
    """
    trained = [folder / name for name in (WEIGHTS_FILE, GRAPH, ENCODER_WEIGHTS)]
    paths = {
        "train": [path for path in trained if path.is_file()][:1] or trained[:1],
        "pretrain": [folder / ENCODER_WEIGHTS],
        "teach": [folder / taught.DOCUMENTS_FILE, *sorted(folder.glob("part-*.safetensors"))],
    }[kind]
    if not paths[0].is_file():
        return ""
    digest = sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Found:
    """What has been found so far."""

    def __init__(self) -> None:
        self.stages: list[dict[str, Any]] = []
        self.encoders: dict[str, dict[str, str]] = {}
        self._seen: set[Path] = set()

    def follow(
        self,
        recipe: Mapping[str, Any],
        teachers: Mapping[str, str] | None = None,
        averaged: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Take in what a recipe builds on; `teachers` are checksums by folder."""
        if encoder := recipe.get("encoder"):
            self._encoder(encoder)
        if labelled := recipe.get("taught"):
            self._visit(labelled, Path(labelled))
        for name in recipe.get("teachers", ()):
            self._visit(name, Path(name), (teachers or {}).get(name, ""))
        for run in averaged:
            self._visit(run["folder"], Path(run["folder"]), run["sha256"])

    def _encoder(self, name: str) -> None:
        try:
            folder = Path(locate(name))
        except ConfigError:  # an earlier run's package need not be here any more
            folder = Path(name)
        if (folder / records.RECORD_FILE).is_file() or (folder / MANIFEST).is_file():
            self._visit(name, folder)
        else:
            self.encoders[name] = {"name": name, "sha256": made_by(folder, "pretrain")}

    def _visit(self, name: str, folder: Path, expected: str = "") -> None:
        if folder.resolve() in self._seen:
            return
        self._seen.add(folder.resolve())
        try:
            record = _record(folder)
        except BiospanError as error:
            self._unknown(name, expected, str(error))
            return
        kind = record.get("kind", "train")
        if "text" in record:
            kind = "teach" if "teachers" in record else "pretrain"
        made = made_by(folder, "train" if kind == "average" else kind)
        if made and expected not in ("", made):
            self._unknown(name, expected, f"{folder}: holds other weights than those that taught")
            return
        teachers = dict(
            zip(record["recipe"].get("teachers", ()), record.get("teachers", ()), strict=False)
        )
        if "sources" in record:  # of a model directory, which went away from its runs
            self._adopt(record["sources"])
        else:
            self.follow(record["recipe"], teachers, record.get("averaged", ()))
        kept = {key: record[key] for key in _KEPT if key in record}
        self.stages.append({"folder": name, "kind": kind, "sha256": made or expected, **kept})

    def _adopt(self, sources: Mapping[str, Any]) -> None:
        """Take in what another model's `gather` found."""
        self.stages += [stage for stage in sources["stages"] if stage not in self.stages]
        self.encoders.update({encoder["name"]: encoder for encoder in sources["encoders"]})

    def _unknown(self, name: str, expected: str, why: str) -> None:
        logger.warning("what the model was made of is not known in full: %s", why)
        self.stages.append({"folder": name, "kind": "unknown", "sha256": expected})


def _record(folder: Path) -> dict[str, Any]:
    """The record of a run, or the one that a model directory carries.

    Raises:
        BiospanError: If there is neither, or it cannot be read.
    """
    if (folder / MANIFEST).is_file():
        return dict(load_model_dir(folder).config.provenance)
    return records.read(folder)
