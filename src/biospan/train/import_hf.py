"""From a token-classification model of transformers to a model directory, through a gate.

The model's own graph is exported, with its own head; its columns are put in our order inside of
the graph. What it says is then compared with what transformers says of the same sentences. No code
that comes with a model is run, and no pickle is read.
"""

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification, AutoTokenizer

from biospan.errors import ConfigError, ModelError
from biospan.model_config import (
    MAX_TRANSITION,
    REQUIRED_INPUTS,
    Decisions,
    ModelConfig,
    Reading,
    is_label,
)
from biospan.model_dir import write_model_dir
from biospan.runtime import OnnxRuntime
from biospan.tagger import Tagger
from biospan.tags import Columns, columns
from biospan.tokenizer_check import check_tokenizer, loses_case
from biospan.train import import_card, parity
from biospan.train.casing import with_casing
from biospan.train.config import Casing
from biospan.train.export import pack, to_onnx
from biospan.train.hub import Source
from biospan.train.model import longest_window, special_ids
from biospan.train.parity import Parity, Published
from biospan.train.record import code_version

logger = logging.getLogger(__name__)

MAX_WINDOW = 512  # pieces, where the model could take more
_NEVER = -1e4  # emission of a tag that the model has no column for
_NO_NAMES = "LABEL_"  # what transformers calls columns that nobody named


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is to be read.

    Attributes:
        labels: Other names for its columns, by the name that its config has.
        decisions: What gets a tag: `units`, or `words` of a model that learned from the first piece
            of each word alone.
        reading: Whether its tokenizer gets the running `text`, or each of `units` by itself.
        casing: What becomes of capitals.
        max_pieces: Of a window; 0 for what the model takes, at most 512.
        pack: Precision of the stored weights.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    decisions: Decisions = "units"
    reading: Reading = "text"
    casing: Casing = "tokenizer"
    max_pieces: int = 0
    pack: str = "fp32"


class OwnHead(nn.Module):
    """A published model that says its emissions in our order, a row for each token.

    Args:
        model: A token-classification model of transformers.
        found: What its columns mean.
    """

    def __init__(self, model: nn.Module, found: Columns) -> None:
        super().__init__()
        self.model = model
        self._sources = found.sources

    def forward(self, input_ids: Tensor, mask: Tensor, token_starts: Tensor) -> Tensor:
        """Emissions of every token; see `model.EncoderTagger.forward`."""
        logits = self.model(input_ids=input_ids, attention_mask=mask).logits
        places = token_starts.unsqueeze(-1).expand(-1, -1, logits.shape[-1])
        rows = logits.gather(1, places)
        return torch.stack([in_tag(rows, sources) for sources in self._sources], dim=-1)


def in_tag(rows: Tensor, sources: tuple[int, ...]) -> Tensor:
    """Logit of a tag, of the columns that mean it. Shape (..., n_columns) to (...)."""
    if not sources:
        return torch.full_like(rows[..., 0], _NEVER)
    if len(sources) == 1:
        return rows[..., sources[0]]
    return rows[..., list(sources)].logsumexp(dim=-1)


def import_model(source: Source, folder: str | Path, options: Options) -> Parity:
    """Write the model directory of a published model.

    Raises:
        ConfigError: If its columns have no names that can be understood.
        ModelError: If it is no token-classification model, its tokenizer is not to be trusted, or
            what is written would not say what transformers says; nothing is written then.
    """
    published = load(source, options)
    backend: Tokenizer = Tokenizer.from_str(published.tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()
    backend.no_padding()
    config = _config(published, backend, options)
    check_tokenizer(backend.to_str().encode(), config, source.name)
    exported = to_onnx(OwnHead(published.model, published.columns).eval(), REQUIRED_INPUTS)
    stored = pack(exported, options.pack)
    taggers = [
        Tagger(OnnxRuntime(graph, inputs=REQUIRED_INPUTS), config, backend.to_str())
        for graph in ((exported, stored) if options.pack != "fp32" else (exported,))
    ]
    found = parity.measure(published, taggers[0], taggers[-1])
    config = dataclasses.replace(config, provenance=_provenance(source, options, found))
    write_model_dir(
        folder,
        onnx=stored,
        tokenizer_json=backend.to_str(),
        config=config,
        card=import_card.write(config),
    )
    if not found.entities:
        logger.warning("%s marks nothing in %d sentences", source.name, found.sentences)
    return found


def hide_progress() -> None:
    """Have transformers draw no bars while it loads weights."""
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def load(source: Source, options: Options) -> Published:
    """The model, its tokenizer and its columns; from its folder, and nowhere else.

    Raises:
        ConfigError: If its columns have no names that can be understood.
        ModelError: If it is no token-classification model of transformers.
    """
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        # Each word by itself is as training scripts give it: with a blank before.
        prefix = {"add_prefix_space": True} if options.reading == "units" else {}
        tokenizer = AutoTokenizer.from_pretrained(source.folder, **prefix, **local)
        model, report = AutoModelForTokenClassification.from_pretrained(
            source.folder,
            use_safetensors=True,
            attn_implementation="eager",
            dtype=torch.float32,
            output_loading_info=True,
            **local,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{source.name}: cannot be loaded: {str(error)[:500]}") from error
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{source.name}: has no weights for {', '.join(missing[:5])}; expected a model that "
            "was trained for token classification, not an encoder alone"
        )
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise ModelError(f"{source.name}: has no fast tokenizer, expected one")
    if options.casing != "tokenizer":
        tokenizer._tokenizer = with_casing(tokenizer.backend_tokenizer, options.casing)
    return Published(model.eval(), tokenizer, _columns(model.config, options, source.name))


def _columns(settings: Any, options: Options, name: str) -> Columns:
    renamed = options.labels
    own = [str(settings.id2label[number]) for number in range(settings.num_labels)]
    hint = "--labels gives names, as `NAME=TAG` with commas between"
    if unknown := sorted(set(renamed) - set(own)):
        raise ConfigError(
            f"{name}: has no column {', '.join(unknown)}; its own are {', '.join(own)}"
        )
    names = [renamed.get(column, column) for column in own]
    if any(column.startswith(_NO_NAMES) for column in names):
        raise ConfigError(f"{name}: its columns have no names: {', '.join(names)}; {hint}")
    try:
        found = columns(names, by_piece=options.reading == "text")
    except ValueError as error:
        raise ConfigError(f"{name}: {error} {hint}") from error
    if unfit := [label for label in found.tag_set.labels if not is_label(label)]:
        raise ConfigError(f"{name}: labels no model may have: {', '.join(unfit)}; {hint}")
    return found


def _config(published: Published, backend: Tokenizer, options: Options) -> ModelConfig:
    longest = longest_window(published.model.base_model) or MAX_WINDOW
    if options.max_pieces > longest:
        raise ConfigError(f"--max-pieces is {options.max_pieces}; the model takes {longest}")
    found, special = published.columns, special_ids(published.tokenizer, "the model")
    lowercase = backend.normalizer is not None and backend.normalizer.normalize_str("A") == "a"
    n_tags = len(found.tag_set.names)
    row = (0.0,) * n_tags
    # Of an IO model a neighbour of the same label goes on with it.
    kept = tuple(
        tuple(-MAX_TRANSITION if parts else 0.0 for parts in parts_row)
        for parts_row in found.parts.tolist()
    )
    return ModelConfig(
        labels=found.tag_set.labels,
        scheme=found.tag_set.scheme,
        inputs=REQUIRED_INPUTS,
        max_pieces=options.max_pieces or min(longest, MAX_WINDOW),
        context="sentence",
        lowercase=lowercase,
        cls_id=special["cls_id"],
        sep_id=special["sep_id"],
        pad_id=special["pad_id"],
        unk_id=special["unk_id"],
        transitions=kept if found.merging else None,
        start_transitions=row if found.merging else None,
        end_transitions=row if found.merging else None,
        decisions=options.decisions,
        reading=options.reading,
        loses_case=options.casing == "lower" and loses_case(backend.to_str().encode()),
    )


def _provenance(source: Source, options: Options, found: Parity) -> dict[str, Any]:
    packages = ("biospan", "torch", "transformers", "tokenizers", "onnxruntime")
    return {
        "imported": {
            **source.to_dict(),
            "options": {**dataclasses.asdict(options), "labels": dict(options.labels)},
            "parity": dataclasses.asdict(found),
            "commit": code_version(),
            "packages": {name: version(name) for name in packages},
        }
    }
