"""From a finished run to a folder that transformers loads: encoder, linear head, tokenizer, card.

The tokenizer is given our units as its first step, so that it makes of a running sentence the very
pieces that the model was trained on. What transformers cannot express is refused by name; that a
CRF is dropped costs something, which is measured. What was written is loaded again and compared.
"""

import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

from biospan import segment
from biospan.document import Document, Entity
from biospan.errors import ModelError, OutputError
from biospan.scoring import evaluate
from biospan.tagger import Tagger
from biospan.tags import columns, repair, to_spans
from biospan.train import hf_card, parity
from biospan.train.model import TorchRuntime
from biospan.train.parity import Parity, Published
from biospan.train.run import Run

_COMPARED = 300  # sentences of the development split, spread over it
_HEADS = {"classifier", "dropout", "drop"}  # modules beside an encoder that we have weights for


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and what it is worth on the development split.

    Attributes:
        parity: Of the folder with the run, on running text.
        f1: Micro F1 of the run as it is.
        plain_f1: Of the best tag of each decision by itself, as transformers takes it.
        has_crf: Whether a CRF was dropped.
    """

    parity: Parity
    f1: float
    plain_f1: float
    has_crf: bool


def export(run: Run, folder: str | Path, *, licence: str = "") -> Written:
    """Write a run's best epoch as a model of transformers.

    Args:
        run: A finished run.
        folder: A new folder.
        licence: The hub's name of the licence; empty: not stated.

    Raises:
        ModelError: If transformers cannot express the model, or what was written says otherwise.
        OutputError: If there is something at `folder`.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: is there already; expected a new folder")
    _refuse_inexpressible(run)
    new = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.new")
    try:
        _model(run).save_pretrained(new)
        _tokenizer(run).save_pretrained(new)
        found = _measure(run, new)
        (new / "README.md").write_text(hf_card.write(run, found, licence=licence), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return found


def _refuse_inexpressible(run: Run) -> None:
    if "shapes" in run.model.inputs:
        raise ModelError(
            "cannot be expressed in transformers: the encoder reads each piece's `shapes` "
            "(capitals and blanks) as token types, which no tokenizer of transformers makes; "
            "with zeros instead it would be another model"
        )
    kind = json.loads(run.tokenizer.to_str())["model"]["type"]
    if run.config.decisions == "words" and kind != "WordPiece":
        raise ModelError(
            f"cannot be expressed in transformers: `decisions` is `words`, and the tokenizer "
            f"{kind} makes other pieces of a running text than of its words"
        )


def _model(run: Run) -> Any:
    encoder: Any = run.model.encoder
    names = run.model.tag_set.names
    settings = type(encoder.config).from_dict(encoder.config.to_dict())
    settings.id2label = dict(enumerate(names))
    settings.label2id = {name: number for number, name in enumerate(names)}
    model: Any = AutoModelForTokenClassification.from_config(settings)  # type: ignore[no-untyped-call]
    base = model.base_model_prefix
    if others := sorted({name for name, _ in model.named_children()} - {base, *_HEADS}):
        raise ModelError(
            f"cannot be expressed in transformers: {type(model).__name__} has `{others[0]}` "
            "between encoder and classifier; ours is linear"
        )
    weights = encoder.state_dict()
    report = getattr(model, base).load_state_dict(weights, strict=False)
    strangers = [name for name in report.unexpected_keys if not name.startswith("pooler.")]
    if report.missing_keys or strangers:
        raise ModelError(f"weights do not fit: {[*report.missing_keys, *strangers][:5]}")
    model.classifier.load_state_dict(run.model.head.state_dict())
    return model.to("cpu").eval()


def _tokenizer(run: Run) -> Any:
    """The run's tokenizer, told to part units first and to add the special pieces."""
    parts = json.loads(run.tokenizer.to_str())
    own = parts["pre_tokenizer"]
    if run.config.decisions == "units":
        units = {
            "type": "Split",
            "pattern": {"Regex": segment.UNIT_PATTERN},
            "behavior": "Removed",
            "invert": True,
        }
        parts["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [units, *_steps(own)]}
    backend = Tokenizer.from_str(json.dumps(parts))
    config = run.base_config
    numbers = {"cls": config.cls_id, "sep": config.sep_id, "pad": config.pad_id}
    numbers["unk"] = config.unk_id
    names = {kind: backend.id_to_token(number) for kind, number in numbers.items()}
    cls, sep = names["cls"], names["sep"]
    backend.post_processor = TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B {sep}",
        special_tokens=[(cls, config.cls_id), (sep, config.sep_id)],
    )
    make: Any = PreTrainedTokenizerFast
    return make(
        tokenizer_object=backend,
        model_max_length=config.max_pieces,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **{f"{kind}_token": name for kind, name in names.items()},
    )


def _steps(pre_tokenizer: Any) -> list[Any]:
    if pre_tokenizer is None:
        return []
    if pre_tokenizer["type"] == "Sequence":
        return list(pre_tokenizer["pretokenizers"])
    return [pre_tokenizer]


def _measure(run: Run, folder: Path) -> Written:
    """Load what was written as anyone would, and compare it with the run."""
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    model = AutoModelForTokenClassification.from_pretrained(folder, **local).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, **local)
    names = [model.config.id2label[number] for number in range(model.config.num_labels)]
    published = Published(model, tokenizer, columns(names))
    config = replace(run.base_config, calibration=None)
    greedy = Tagger(TorchRuntime(run.model), config, run.tokenizer.to_str())
    texts = _sentences(run.dev)
    found = parity.measure(published, greedy, greedy, texts, reading="text")
    marked = [_marked(document, greedy) for document in run.dev]
    return Written(
        parity=found,
        f1=evaluate(run.dev, run.tagger().tag_many(run.dev)).spans.micro.f1,
        plain_f1=evaluate(run.dev, marked).spans.micro.f1,
        has_crf=run.model.crf is not None,
    )


def _sentences(documents: list[Document]) -> list[str]:
    """Sentences of running text, evenly out of all."""
    found = [
        document.text[start:end]
        for document in documents
        for start, end in segment.sentence_spans(document.text)
    ]
    return found[:: max(1, len(found) // _COMPARED)][:_COMPARED]


def _marked(document: Document, tagger: Tagger) -> Document:
    """A document with the entities of each decision's best tag, stray ones read leniently."""
    (item,) = tagger.prepare([document])
    (sentences,) = tagger.emissions([document])
    entities = [
        Entity(start, end, label, document.text[start:end])
        for offsets, rows in zip(item.offsets, sentences, strict=True)
        for start, end, label in _placed(offsets, rows, tagger.config.tag_set.names)
    ]
    return document.with_entities(entities)


def _placed(
    offsets: list[tuple[int, int]], rows: parity.Rows, names: Sequence[str]
) -> Iterator[tuple[int, int, str]]:
    # As the pipeline of transformers: an entity begins or goes on, whatever IOBES says of its end.
    simple = columns(names, by_piece=True)
    tag_of = {
        column: simple.tag_set.names[tag]
        for tag, own in enumerate(simple.sources)
        for column in own
    }
    tags = [tag_of[number] for number in rows.argmax(axis=1).tolist()]
    for span in to_spans(repair(tags)):
        yield offsets[span.start][0], offsets[span.end - 1][1], span.label
