"""Biospan in spaCy: `nlp.add_pipe("biospan")` puts entities with scores into a `Doc`.

spaCy finds this module through the entry points of the package; nothing else imports it. The text
of a `Doc` is tagged, whatever its tokens are, and spans are placed on the tokens by their
characters. `UnitTokenizer` makes tokens on which every entity can be placed, in time that is
linear in the text. `docs/spacy.md` shows how to use both.
"""

import importlib.resources
import logging
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import DummyTokenizer, raise_error, registry

from biospan.errors import InputError, ModelError
from biospan.highlight import FIXED_COLOURS, PALETTE
from biospan.model_config import CONFIG, ModelConfig
from biospan.model_dir import load_model_dir
from biospan.segment import token_spans
from biospan.spacy_placing import Alignment, Placed, Placing, place
from biospan.tagger import ERROR_KEY, Tagger, load

logger = logging.getLogger(__name__)

ErrorHandler = Callable[[str, Any, list[Doc], Exception], None]

# What displaCy colours the labels of the bundled model with.
COLOURS = {label: PALETTE[number][0] for label, number in FIXED_COLOURS.items()}


@Language.factory(
    "biospan",
    assigns=["doc.ents", "doc.spans"],
    default_config={
        "model": None,
        "engine": "auto",
        "threads": None,
        "spans_key": None,
        "alignment": "expand",
        "overwrite_ents": False,
        "min_score": 0.0,
    },
)
def create_component(  # noqa: PLR0913 - spaCy gives the config as parameters
    nlp: Language,
    name: str,
    *,
    model: str | None,
    engine: str,
    threads: int | None,
    spans_key: str | None,
    alignment: Alignment,
    overwrite_ents: bool,
    min_score: float,
) -> "BiospanComponent":
    """Make the component; its parameters are the config of `nlp.add_pipe("biospan", config=...)`.

    Args:
        nlp: The pipeline.
        name: Of the component in it.
        model: A model directory; None for the bundled model.
        engine: See `biospan.load`.
        threads: See `biospan.load`; 1 where several processes share a machine.
        spans_key: Fill `doc.spans[spans_key]` instead of `doc.ents`.
        alignment: Where an entity's edge is inside of a token: `expand` to the whole token,
            `contract` to the tokens inside, or `strict`: leave the entity out.
        overwrite_ents: Whether entities that are there already give way where they overlap.
        min_score: Entities with a lower score are left out.

    Raises:
        MissingInputError: If there is no such directory.
        ModelError: If it is incomplete, damaged, or holds what is never loaded.
        ConfigError: If a setting is none of those that there are.
    """
    placing = Placing(
        spans_key=spans_key,
        alignment=alignment,
        overwrite_ents=overwrite_ents,
        min_score=min_score,
    )
    if model is None:
        bundled = importlib.resources.files("biospan") / "models" / "default"
        with importlib.resources.as_file(bundled) as folder:
            contents: dict[str, bytes] | Path = read_contents(folder)
    else:
        # A saved pipeline names the folder that it was made from, and brings the files itself:
        # that the folder is not there is only wrong if they are needed.
        contents = read_contents(Path(model)) if Path(model).exists() else Path(model)
    return BiospanComponent(name, contents, engine=engine, threads=threads, placing=placing)


class BiospanComponent:
    """A component of a spaCy pipeline that marks entities; see `create_component`.

    It holds the files of its model, so that a saved pipeline is whole, and opens the model when it
    is first needed, in each process anew: a runtime's threads do not survive a fork.

    Args:
        name: In the pipeline.
        contents: The files of a model directory; or where there should be one.
        engine: See `biospan.load`.
        threads: See `biospan.load`.
        placing: How entities are placed in a `Doc`.
    """

    def __init__(
        self,
        name: str,
        contents: dict[str, bytes] | Path,
        *,
        engine: str,
        threads: int | None,
        placing: "Placing",
    ) -> None:
        self.name = name
        self.placing = placing
        self._contents = contents
        self._engine, self._threads = engine, threads
        # By the process that opened it. One that a fork inherits is kept: it waits for ever for its
        # threads if it is freed where they are not.
        self._taggers: dict[int, Tagger] = {}
        self._error_handler: ErrorHandler = raise_error

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model marks, sorted; none while it is still to be loaded."""
        if isinstance(self._contents, Path) and not self._contents.exists():
            return ()  # spaCy asks before `from_disk`, too
        return ModelConfig.from_json(self._files()[CONFIG], CONFIG).labels

    def __call__(self, doc: Doc) -> Doc:
        """Mark the entities of a `Doc`.

        Raises:
            InputError: If its text cannot be tagged.
        """
        self._warn(place(doc, self._open().tag(doc.text).entities, self.placing))
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Mark the entities of many, in order; how many are read ahead is `tag_many`'s to decide.

        One whose text cannot be tagged goes to spaCy's error handler, which raises by default.
        """
        waiting: deque[Doc] = deque()

        def texts() -> Iterator[str]:
            for doc in stream:
                waiting.append(doc)
                yield doc.text

        total = Placed()
        for document in self._open().tag_many(texts()):
            doc = waiting.popleft()
            if reason := document.metadata.get(ERROR_KEY):
                self._error_handler(self.name, self, [doc], InputError(reason))
                continue
            total += place(doc, document.entities, self.placing)
            yield doc
        self._warn(total)

    def set_error_handler(self, error_handler: "ErrorHandler") -> None:
        """Have a function called with what `pipe` cannot tag."""
        self._error_handler = error_handler

    def get_error_handler(self) -> "ErrorHandler":
        """What is called with what `pipe` cannot tag."""
        return self._error_handler

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model directory."""
        Path(path).mkdir(parents=True, exist_ok=True)
        for name, data in self._files().items():
            (Path(path) / name).write_bytes(data)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "BiospanComponent":
        """Take the model that `to_disk` wrote instead of this one.

        Raises:
            ModelError: If it is incomplete, damaged, or holds what is never loaded.
        """
        self._contents, self._taggers = read_contents(Path(path)), {}
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The model directory as bytes."""
        packed: bytes = srsly.msgpack_dumps(self._files())
        return packed

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "BiospanComponent":
        """Take the model that `to_bytes` packed instead of this one.

        Raises:
            ModelError: If it is incomplete, damaged, or holds what is never loaded.
        """
        contents = srsly.msgpack_loads(data)
        with _unpacked(contents) as folder:
            load_model_dir(folder)
        self._contents, self._taggers = contents, {}
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_taggers": {}}

    def _files(self) -> dict[str, bytes]:
        if isinstance(self._contents, Path):
            self._contents = read_contents(self._contents)
        return self._contents

    def _open(self) -> Tagger:
        process = os.getpid()
        if process not in self._taggers:
            with _unpacked(self._files()) as folder:
                self._taggers[process] = load(folder, engine=self._engine, threads=self._threads)
        return self._taggers[process]

    def _warn(self, total: "Placed") -> None:
        if total.misaligned or total.left_out:
            logger.warning(
                "component `%s`: of %d entities, %d have an edge inside of a token; %d are left "
                "out, for that or for what they overlap",
                self.name,
                total.entities,
                total.misaligned,
                total.left_out,
            )


class UnitTokenizer(DummyTokenizer):
    """Tokens on which every entity of Biospan can be placed: words and single other characters.

    Linear in the text, where spaCy's own rules for English take time that grows with the square of
    the length of a run without white space.
    """

    def __init__(self, vocab: Any) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        """Cut a text into tokens; white space that is not one blank after a token is a token."""
        words: list[str] = []
        spaces: list[bool] = []
        position = 0
        for start, end in [*token_spans(text), (len(text), len(text))]:
            gap = text[position:start]
            if words and gap.startswith(" "):
                spaces[-1], gap = True, gap[1:]
            for word in filter(None, (gap, text[start:end])):
                words.append(word)
                spaces.append(False)
            position = end
        return Doc(self.vocab, words=words, spaces=spaces)


@registry.tokenizers("biospan.UnitTokenizer.v1")  # type: ignore[untyped-decorator]
def create_tokenizer() -> Callable[[Language], UnitTokenizer]:
    """Make `UnitTokenizer`, as spaCy's configuration asks for a tokenizer."""
    return _unit_tokenizer


def _unit_tokenizer(nlp: Language) -> UnitTokenizer:
    return UnitTokenizer(nlp.vocab)


def read_contents(folder: Path) -> dict[str, bytes]:
    """The files of a model directory, checked.

    Raises:
        MissingInputError: If there is no such directory.
        ModelError: If it is incomplete, damaged, or holds what is never loaded.
    """
    load_model_dir(folder)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@contextmanager
def _unpacked(contents: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with the files of a model, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in contents.items():
            if Path(name).name != name:
                raise ModelError(f"file `{name:.80}`: expected a name without a folder")
            (Path(folder) / name).write_bytes(data)
        yield Path(folder)
