"""The two sides that `evaluate` and `report` score: two files, or a model's output on one."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from biospan.cli import engines
from biospan.document import Document
from biospan.errors import ConfigError

Read = Callable[[Path], Iterable[Document]]

Gold = Annotated[Path | None, typer.Argument(help="File with the gold entities.")]
Predicted = Annotated[
    Path | None,
    typer.Argument(help="File with the predicted ones; without it a model tags GOLD's text."),
]
Corpus = Annotated[
    str | None, typer.Option("--corpus", help="Tag this corpus instead of reading files.")
]
Split = Annotated[str | None, typer.Option("--split", help="Split of the corpus; dev by default.")]
CorpusPath = Annotated[Path | None, typer.Option("--path", help="Where the known corpus lies.")]
Model = Annotated[
    Path | None, typer.Option("--model", help="A model directory; the bundled one by default.")
]
Engine = Annotated[str | None, typer.Option("--engine", help=engines.HELP)]
Repair = Annotated[
    bool, typer.Option("--repair", help="Read an I- that nothing opened as B-, in IOB2 files.")
]


class Request(NamedTuple):
    """What the options ask for."""

    gold: Path | None
    predicted: Path | None
    corpus: str | None
    split: str | None
    path: Path | None
    model: Path | None
    engine: str | None
    repair: bool

    def read(self, read_file: Read | None = None) -> tuple[list[Document], list[Document]]:
        """Gold and predicted documents.

        Args:
            read_file: How files are read, unless tags are to be repaired.

        Raises:
            ConfigError: If the options contradict each other.
        """
        from biospan import formats

        of_corpus = {"--split": self.split, "--path": self.path}
        of_model = {"--model": self.model, "--engine": self.engine}
        if self.corpus is not None and self.gold is None:
            return self._tag_corpus(self.corpus)
        if self.gold is None or self.corpus is not None:
            raise ConfigError(
                f"give either GOLD and PREDICTED, or --corpus (and {', '.join(of_corpus)}) or GOLD "
                f"alone (and {', '.join(of_model)})"
            )
        files = [self.gold] if self.predicted is None else [self.gold, self.predicted]
        unfit = of_corpus if self.predicted is None else of_corpus | of_model
        if given := [option for option, value in unfit.items() if value is not None]:
            names = " and ".join(("GOLD", "PREDICTED")[: len(files)])
            raise ConfigError(f"{', '.join(given)}: not for {names}, but for --corpus")
        if self.repair and not any(map(formats.is_columns, files)):
            shown = ", ".join(map(str, files))
            raise ConfigError(f"--repair: {shown}: no IOB2 columns. Leave it out.")
        read = formats.read_repaired if self.repair else read_file or formats.read
        gold, *predicted = [list(read(file)) for file in files]
        return (gold, predicted[0]) if predicted else self._tag(gold)

    def names(self) -> tuple[str, str]:
        """What the two sides are called."""
        name = f"{self.corpus}, split {self.split or 'dev'}"
        if self.gold is not None:
            name = self.gold.name
        if self.predicted is not None:
            return name, self.predicted.name
        return name, str(self.model or "the bundled model")

    def read_training(self, train: str) -> list[Document]:
        """The split `train` of a corpus; a file whole, unless it is the corpus that is scored."""
        from biospan import formats
        from biospan.corpora import read_corpus

        scored = self.corpus is not None and _is_same(train, self.corpus)
        if not scored and Path(train).is_file():
            return list(formats.read(train))
        return read_corpus(train, "train", path=self.path if scored else None)

    def _tag_corpus(self, corpus: str) -> tuple[list[Document], list[Document]]:
        from biospan.corpora import read_corpus

        if self.repair:
            raise ConfigError("--repair: is for GOLD and PREDICTED, not for --corpus")
        return self._tag(read_corpus(corpus, self.split or "dev", path=self.path))

    def _tag(self, gold: list[Document]) -> tuple[list[Document], list[Document]]:
        """Gold documents, and what the model finds in their tokens, or text if they have none."""
        from biospan.tagger import load

        tagger = load(self.model, engine=self.engine or "auto")
        return gold, list(tagger.tag_many(gold))


def _is_same(one: str, other: str) -> bool:
    """Whether two names of corpora, or two paths, are one."""
    paths = Path(one), Path(other)
    return one == other or (all(path.exists() for path in paths) and paths[0].samefile(paths[1]))
