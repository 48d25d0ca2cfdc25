"""`teach`: an ensemble's opinion on plain text, for a single model to learn from.

Each teacher gives the probability of every tag at every unit; their mean is written down. A run
that was killed goes on with the first part that is not there.

Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biospan.corpora import read_corpus
from biospan.document import Document
from biospan.errors import ConfigError
from biospan.model_dir import MANIFEST
from biospan.tagger import Tagger, load
from biospan.train import parallel, taught
from biospan.train import record as records
from biospan.train.pretrain import text
from biospan.train.run import restore
from biospan.train.sources import made_by
from biospan.train.teach_config import TeachConfig


def teach(
    config: TeachConfig,
    folder: str | Path,
    *,
    on_part: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Have the teachers of a recipe label text, and write it to `folder`.

    Args:
        config: The recipe.
        folder: Of what is written; see `taught`.
        on_part: Called with the number of documents that are done, and of all.

    Returns:
        The record.

    Raises:
        ConfigError: If the teachers know different tags, or `folder` holds what another recipe,
            text or teacher made.
        InputError: If text, corpus or a teacher cannot be read.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = _lines(config)
    teachers = [_teacher(name, config.precision) for name in config.teachers]
    names = {teacher.config.tag_set.names for teacher in teachers}
    if len(names) != 1:
        raise ConfigError(f"the teachers know different tags: {', '.join(map(str, names))}")
    record = {
        "recipe": config.to_dict(),
        **records.environment(parallel.join()),
        "teachers": [made_by(Path(name), "train") for name in config.teachers],
        "text": {"files": lines.files, "words": lines.n_words, "dropped": lines.dropped},
        "documents": len(lines.lines),
        "tags": list(*names),
        "finished": False,
    }
    if (folder / taught.RECORD_FILE).is_file():
        _check_same(records.read(folder), record, folder)
    records.write(record, folder)
    documents = taught.documents(lines.lines)
    for begin in range(0, len(documents), taught.PART):
        part = documents[begin : begin + taught.PART]
        path = taught.part_path(folder, begin // taught.PART)
        if not path.is_file():
            taught.write_part(path, _opinion(teachers, part))
        on_part(begin + len(part), len(documents))
    taught.finish(folder, lines.lines, record)
    return record


def _lines(config: TeachConfig) -> text.Lines:
    """The text, without anything of the corpus's own documents."""
    train, dev = (
        read_corpus(config.corpus, split, path=config.corpus_path or None)
        for split in ("train", "dev")
    )
    like = [document for document in train if document.id not in config.exclude]
    paths = text.locate(config.text, config.files)
    return text.choose(paths, like, [*train, *dev], n_words=config.words)


def _opinion(
    teachers: Sequence[Tagger], documents: Sequence[Document]
) -> list[list[NDArray[np.float32]]]:
    """The mean of the teachers' marginals, document by document and sentence by sentence."""
    total = teachers[0].marginals(documents)
    for teacher in teachers[1:]:
        for sums, more in zip(total, teacher.marginals(documents), strict=True):
            for rows, others in zip(sums, more, strict=True):
                rows += others
    for sentences in total:
        for rows in sentences:
            rows /= len(teachers)
    return total


def _teacher(folder: str, precision: str) -> Tagger:
    """What a finished run chose, or the model of a model directory as it is."""
    if (Path(folder) / MANIFEST).is_file():
        return load(folder, engine="onnxruntime")  # in float32, as runs are
    return restore(folder).tagger(precision)


def _check_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    different = [key for key in ("recipe", "teachers", "text") if before.get(key) != now[key]]
    if different:
        raise ConfigError(
            f"{folder}: holds what was made with another {', '.join(different)}. Take another "
            "folder"
        )
