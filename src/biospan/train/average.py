"""`average`: one model whose weights are the mean of those of several runs.

Runs that begin with the same weights and differ by their seeds end near each other; their mean is
often better than each of them, and costs no more to use than one.

Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time" (2022).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

from biospan.errors import ConfigError
from biospan.scoring import evaluate
from biospan.train import parallel
from biospan.train import record as records
from biospan.train.checkpoint import write_whole
from biospan.train.run import WEIGHTS_FILE, Run, restore
from biospan.train.sources import made_by

KIND = "average"  # in the record, where a run that was trained has none
_MAY_DIFFER = {"seed", "checkpoint_minutes"}


def average(folders: Sequence[Path], output: Path) -> Run:
    """Write the run whose weights are the mean of finished runs of one recipe with other seeds.

    Args:
        folders: Of the runs.
        output: Of the new run; an earlier mean that is there is replaced, no other run.

    Raises:
        ConfigError: If there are fewer than two runs, or their recipes or documents are not the
            same, or one is not finished, or `output` holds a run that was trained.
        MissingInputError: If a folder holds no run.
        InputError: If the corpus is not the one they were trained on.
    """
    if len(folders) < 2:
        raise ConfigError(f"got {len(folders)} runs; expected two or more")
    written = output / records.RECORD_FILE
    if written.is_file() and records.read(output).get("kind") != KIND:
        raise ConfigError(f"{output}: holds a run of its own; expected another folder to write")
    first, *others = found = [records.read(folder) for folder in folders]
    for folder, record in zip(folders, found, strict=True):
        if not record.get("finished"):
            raise ConfigError(f"{folder}: the run is not finished")
    for folder, record in zip(folders[1:], others, strict=True):
        _check_alike(first, record, folders[0], folder)
    run = restore(folders[0])
    states = [load_file(folder / WEIGHTS_FILE) for folder in folders]
    run.model.load_state_dict(
        {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
    )
    report = evaluate(run.dev, run.tagger().tag_many(run.dev))
    run.record.clear()
    run.record.update(
        records.begin(run.config, run.train, run.dev, parallel.join()),
        kind=KIND,
        averaged=[
            {
                "folder": str(folder),
                "sha256": made_by(folder, "train"),
                "micro_f1": record["best"]["report"]["spans"]["micro"]["f1"],
            }
            for folder, record in zip(folders, found, strict=True)
        ],
        best={"report": report.to_dict()},
        finished=True,
    )
    output.mkdir(parents=True, exist_ok=True)
    write_whole(output / WEIGHTS_FILE, save(run.model.state_dict()))
    records.write(run.record, output)
    return run


def _check_alike(
    first: dict[str, Any], other: dict[str, Any], first_folder: Path, folder: Path
) -> None:
    ours, theirs = (
        {
            **records.recipe(record, where).to_dict(),
            **{f"{split} documents": record[split]["sha256"] for split in ("train", "dev")},
        }
        for record, where in ((first, first_folder), (other, folder))
    )
    different = [
        f"`{key}` is {ours[key]!r} there and {theirs[key]!r} here"
        for key in sorted(ours)
        if ours[key] != theirs[key] and key not in _MAY_DIFFER
    ]
    if different:
        raise ConfigError(f"{folder}: not a run like {first_folder}: {'; '.join(different)}")
