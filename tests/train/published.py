"""Tiny token-classification models of transformers, as others publish them: trained, and saved.

Each is made to know twelve sentences by heart, so that it marks something, with the tokenizer, tag
names and sub-word convention of its kind.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from tokenizers import processors as post

from biospan.formats.genia import genia_tokens
from biospan.train.sentences import SENTENCES

ENTITIES = re.compile(
    r"(?P<protein>glucocorticoid receptor|NF-kappa B|TNF-α|IκBα|c-Jun|CD25|INTERLEUKIN-10|il-3)|"
    r"(?P<DNA>IL-2 gene|β-globin gene|promoter|il2)|(?P<cell>normal CS lymphocytes|THP‑1 cells|"
    r"JURKAT CELLS|lamb|New York|fibroblasts|Short)"
)
TYPES = ("DNA", "cell", "protein")
BERT_NAMES = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
BERT_NAMES |= {"sep_token": "[SEP]", "mask_token": "[MASK]"}
ROBERTA_NAMES = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>"}
ROBERTA_NAMES |= {"sep_token": "</s>", "mask_token": "<mask>", "bos_token": "<s>"}
ROBERTA_NAMES |= {"eos_token": "</s>"}


class Kind(NamedTuple):
    """A published model: its architecture, how its tags are named, and what has one.

    Attributes:
        architecture: The beginning of transformers' class names.
        tokenizer: A function of this module.
        scheme: `IOB2`, `BILOU` or `IO`.
        convention: `words`: the first piece of each word has a tag; `pieces`: all have one.
    """

    architecture: str
    tokenizer: str
    scheme: str = "IOB2"
    convention: str = "pieces"
    lowercase: bool = False


KINDS = {
    "bert": Kind("Bert", "word_pieces", convention="words"),
    "bert-uncased": Kind("Bert", "word_pieces", lowercase=True),
    "distilbert": Kind("DistilBert", "word_pieces", scheme="IO"),
    "electra": Kind("Electra", "word_pieces", scheme="BILOU"),
    "roberta": Kind("Roberta", "byte_pieces"),
    "roberta-words": Kind("Roberta", "byte_pieces", convention="words"),
    "modernbert": Kind("ModernBert", "bert_byte_pieces", scheme="BILOU"),
    "deberta-v2": Kind("DebertaV2", "sentence_pieces"),
    "xlm-roberta": Kind("XLMRoberta", "mapped_sentence_pieces", convention="words"),
}


def build(kind: Kind, folder: Path, *, steps: int = 80) -> Path:
    """Train a model of a kind and save it as the hub would hold it."""
    import torch
    import transformers

    torch.manual_seed(0)
    tokenizer = globals()[kind.tokenizer](kind.lowercase)
    names = tag_names(kind.scheme)
    config = getattr(transformers, f"{kind.architecture}Config")(
        vocab_size=len(tokenizer),
        num_labels=len(names),
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        pad_token_id=tokenizer.pad_token_id,
        **_size(kind.architecture),
    )
    model = getattr(transformers, f"{kind.architecture}ForTokenClassification")(config)
    inputs, tags = _batch(kind, tokenizer, names)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(steps):
        loss = model(**inputs, labels=tags).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tag_names(scheme: str) -> list[str]:
    """Names of the columns, `O` not in front."""
    if scheme == "IO":
        return [*TYPES, "O"]
    return [f"{prefix}-{label}" for label in reversed(TYPES) for prefix in _prefixes(scheme)] + [
        "O"
    ]


def _prefixes(scheme: str) -> str:
    return {"IOB2": "IB", "BILOU": "BILU"}[scheme]


def _size(architecture: str) -> dict[str, Any]:
    size: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 160,
    }
    if architecture == "DistilBert":
        return {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64} | {
            "max_position_embeddings": 160
        }
    if architecture == "Electra":
        size["embedding_size"] = 16
    if architecture == "DebertaV2":
        size |= {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0}
        size |= {"position_buckets": 32, "norm_rel_ebd": "layer_norm", "share_att_key": True}
    if architecture == "ModernBert":
        size |= {"cls_token_id": 2, "sep_token_id": 3, "local_attention": 16}
    return size


def _batch(kind: Kind, tokenizer: Any, names: list[str]) -> tuple[dict[str, Any], Any]:
    import torch

    number = {name: index for index, name in enumerate(names)}
    if kind.convention == "words":
        spans = [genia_tokens(text, 0, len(text), ()) for text in SENTENCES]
        split = [
            [text[a:b] for a, b in words] for text, words in zip(SENTENCES, spans, strict=True)
        ]
        inputs = tokenizer(split, is_split_into_words=True, padding=True, return_tensors="pt")
    else:
        inputs = tokenizer(
            list(SENTENCES), padding=True, return_tensors="pt", return_offsets_mapping=True
        )
        offsets = inputs.pop("offset_mapping").tolist()
    tags = torch.full_like(inputs["input_ids"], -100)
    for row, text in enumerate(SENTENCES):
        if kind.convention == "words":
            ids = inputs.word_ids(row)
            first = [ids.index(word) for word in range(len(spans[row]))]
            places = dict(zip(first, spans[row], strict=True))
        else:
            places = {p: tuple(o) for p, o in enumerate(offsets[row]) if o[1] > o[0]}
        for piece, tag in _tags(text, places, kind.scheme).items():
            tags[row, piece] = number[tag]
    return dict(inputs), tags


def _tags(text: str, places: dict[int, Any], scheme: str) -> dict[int, str]:
    """A tag for each piece, by which entity its characters lie in."""
    found = dict.fromkeys(places, "O")
    for match in ENTITIES.finditer(text):
        label = str(match.lastgroup)
        inside = [p for p, (a, b) in places.items() if a < match.end() and b > match.start()]
        for nth, piece in enumerate(inside):
            prefix = "I" if nth else "B"
            if scheme == "BILOU":
                prefix = "L" if nth and nth == len(inside) - 1 else prefix
                prefix = "U" if len(inside) == 1 else prefix
            found[piece] = label if scheme == "IO" else f"{prefix}-{label}"
    return found


def fast(tokenizer: Tokenizer, names: dict[str, str]) -> Any:
    """A tokenizer as transformers saves it."""
    import transformers

    cls: Any = transformers.PreTrainedTokenizerFast
    return cls(tokenizer_object=tokenizer, model_max_length=160, **names)


def _special(tokenizer: Tokenizer, cls: str, sep: str) -> None:
    ids = [(piece, tokenizer.token_to_id(piece)) for piece in (cls, sep)]
    tokenizer.post_processor = post.TemplateProcessing(
        single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B {sep}", special_tokens=ids
    )


def word_pieces(lowercase: bool) -> Any:
    """WordPiece after BERT's splitting."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    _special(tokenizer, "[CLS]", "[SEP]")
    return fast(tokenizer, BERT_NAMES)


def byte_pieces(_: bool) -> Any:
    """Byte-level BPE as RoBERTa has it."""
    return fast(_bytes(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<s>", "</s>"), ROBERTA_NAMES)


def bert_byte_pieces(_: bool) -> Any:
    """Byte-level BPE with BERT's special pieces, as ModernBERT has it."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return fast(_bytes(special, "[CLS]", "[SEP]"), BERT_NAMES)


def _bytes(special: list[str], cls: str, sep: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=special[3] if "<unk>" in special else "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    _special(tokenizer, cls, sep)
    return tokenizer


def sentence_pieces(_: bool) -> Any:
    """Unigram pieces as DeBERTa's second version has them, with a pattern in the normalizer."""
    import transformers

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    vocabulary = _unigram(special, "[UNK]")
    cls: Any = transformers.DebertaV2Tokenizer
    return cls(vocab=vocabulary, unk_id=3, model_max_length=160)


def mapped_sentence_pieces(_: bool) -> Any:
    """Unigram pieces as XLM-RoBERTa has them, with a map of characters in the normalizer."""
    import transformers

    from charsmap import CHARSMAP

    vocabulary = _unigram(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<unk>")
    cls: Any = transformers.XLMRobertaTokenizer
    return cls(vocab=vocabulary, _spm_precompiled_charsmap=CHARSMAP, model_max_length=160)


def _unigram(special: list[str], unk: str) -> list[tuple[str, float]]:
    import json

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=special, unk_token=unk, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    found = json.loads(tokenizer.to_str())["model"]["vocab"]
    return [(piece, score) for piece, score in found]
