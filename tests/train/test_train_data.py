"""Documents, windows, gold tags and their order, on small corpora."""

import dataclasses
import itertools
import json
import logging
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from biospan import corpora, pieces
from biospan.document import Document, Entity
from biospan.errors import ConfigError, InputError
from biospan.model_config import REQUIRED_INPUTS
from biospan.tagger import Tagger
from biospan.train.config import from_mapping
from conftest import N_TINY_DEV, small_tagger

pytestmark = pytest.mark.usefixtures("needs_train")

Recipe = dict[str, Any]
IGNORED = -100


def train(recipe: Recipe, folder: Path, **changes: object) -> Any:
    from biospan.train.loop import fit

    return fit(from_mapping({**recipe, **changes}), folder)


def test_excluded_documents_are_left_out(tiny_recipe: Recipe, tmp_path: Path) -> None:
    run = train(tiny_recipe, tmp_path, exclude=["900", "905"], epochs=1)
    ids = {document.id for document in run.train}
    assert len(ids) == 40 - N_TINY_DEV - 2
    assert not ids & {"900", "905"}
    assert run.record["train"]["documents"] == len(ids)


@pytest.mark.parametrize("unknown", ["nothing", "939"])  # the second is in the other split
def test_an_unknown_document_cannot_be_excluded(
    tiny_recipe: Recipe, tmp_path: Path, unknown: str
) -> None:
    with pytest.raises(ConfigError, match=f"`exclude`: not in the training split: {unknown}"):
        train(tiny_recipe, tmp_path, exclude=["900", unknown])


def test_a_document_in_both_splits_is_refused(tiny_recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in both splits: 928, 929"):
        train(tiny_recipe, tmp_path, train_split="all")


def test_a_corpus_without_entities_teaches_nothing(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.train import data

    empty = {"train": [Document("a", "1")], "dev": [Document("b", "2")]}
    monkeypatch.setattr(data, "read_corpus", lambda name, split, path: empty[split])
    with pytest.raises(InputError, match="split `train`: no entity to learn"):
        train(tiny_recipe, tmp_path)


def test_a_label_that_no_model_can_have_is_named_before_training(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    gold = Document("il gene", "1").with_entities([Entity(0, 2, "cell type", "il")])
    for split, id_ in (("train", "1"), ("dev", "2")):
        document = dataclasses.replace(gold, id=id_)
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(document.to_dict()))
    recipe = {**tiny_recipe, "corpus": str(tmp_path), "corpus_path": ""}
    with pytest.raises(InputError, match=r"labels that a model cannot have: 'cell type'; expected"):
        train(recipe, tmp_path / "run")


def test_given_tokens_are_dropped_for_units(tiny_recipe: Recipe, tmp_path: Path) -> None:
    units = train(tiny_recipe, tmp_path / "units", corpus="jnlpba", tokens="units", epochs=1)
    given = train(tiny_recipe, tmp_path / "given", corpus="jnlpba", tokens="given", epochs=1)
    assert not any(list(document.tokens()) for document in (*units.train, *units.dev))
    assert all(list(document.tokens()) for document in (*given.train, *given.dev))


def examples_of(tagger: Tagger, documents: list[Document]) -> list[Any]:
    from biospan.train.data import examples

    return examples(tagger, documents)


def tag_of(tagger: Tagger, document: Document, start: int, end: int) -> int:
    """The oracle: a token's tag in IOB2, by asking which characters its entity has."""
    for entity in document.entities:
        if entity.start <= start and end <= entity.end:
            prefix = "B" if entity.start == start else "I"
            return tagger.config.tag_set.ids[f"{prefix}-{entity.label}"]
    return tagger.config.tag_set.ids["O"]


@pytest.mark.parametrize("tokens", ["units", "given"])
@pytest.mark.parametrize("context", ["sentence", "document"])
@pytest.mark.parametrize("max_pieces", [16, 64])
def test_each_token_is_learned_once_with_its_own_tag(
    tiny_corpus: Path, tokens: str, context: str, max_pieces: int
) -> None:
    tagger = small_tagger(context=context, max_pieces=max_pieces)
    documents = corpora.read_corpus("jnlpba", "train", path=tiny_corpus)
    if tokens == "units":
        documents = [document.untokenized() for document in documents]
    seen = set()
    shared = 0
    for document in documents:
        (item,) = tagger.prepare([document])
        offsets = iter(offset for sentence in item.offsets for offset in sentence)
        tokens_of = [[next(offsets) for _ in stretch.token_starts] for stretch in item.stretches]
        expected = Counter(
            (span, tag_of(tagger, document, *span)) for spans in tokens_of for span in spans
        )
        learned: Counter[tuple[tuple[int, int], int]] = Counter()
        for example in examples_of(tagger, [document]):
            spans = tokens_of[example.window.stretch][example.window.first : example.window.last]
            pairs = list(zip(spans, example.tag_ids.tolist(), strict=True))
            learned.update(pair for pair in pairs if pair[1] != IGNORED)
            shared += len(pairs) - sum(tag != IGNORED for _, tag in pairs)
        assert learned == expected
        seen |= {tag for _, tag in learned}
    assert seen == {tagger.config.tag_set.ids[t] for t in ("O", "B-DNA", "I-DNA", "B-protein")}
    assert (shared > 0) == (max_pieces == 16)


def test_the_loss_is_the_sum_over_tokens_whatever_the_windows() -> None:
    """With emissions that do not depend on the window, cutting must change nothing."""
    import torch

    from biospan.train.data import to_batch
    from biospan.train.loop import batch_loss
    from biospan.train.model import EncoderTagger

    class ByPiece(EncoderTagger):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.crf = None
            self.inputs = REQUIRED_INPUTS

        def forward(self, input_ids: Any, mask: Any, token_starts: Any, shapes: Any = None) -> Any:
            ids = input_ids.gather(1, token_starts)
            return torch.stack([torch.sin(ids * (tag + 1.0)) for tag in range(5)], dim=-1)

    text = "il gene expression of the cells and il protein " * 12
    spots = [i for i in range(len(text)) if text.startswith("il ", i)]
    gold = Document(text, "1").with_entities(Entity(i, i + 2, "protein", "il") for i in spots)
    whole, cut = small_tagger(max_pieces=256), small_tagger(max_pieces=32)
    losses = []
    for tagger in (whole, cut):
        batch = examples_of(tagger, [gold])
        model = ByPiece()
        loss = batch_loss(model, model, to_batch(batch, tagger, torch.device("cpu")), "fp32")
        losses.append(loss.item())
    assert len(examples_of(whole, [gold])) == 1
    assert len(examples_of(cut, [gold])) > 3
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_lost_and_widened_entities_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    text = "il gene. The cells"
    spans = [(0, 7, "DNA"), (3, 7, "DNA"), (3, 12, "protein"), (13, 16, "protein")]
    gold = Document(text, "1").with_entities(
        Entity(start, end, label, text[start:end]) for start, end, label in spans
    )
    with caplog.at_level(logging.WARNING):
        examples_of(small_tagger(), [gold, gold])
    (told,) = caplog.messages
    assert told.startswith("4 of 8 entities cannot be placed on tokens and are not learned; 2 are")
    caplog.clear()
    examples_of(small_tagger(), [gold.with_entities(gold.entities[:1])])
    assert caplog.messages == []


@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_an_epoch_has_every_example_once_in_batches_of_like_length(
    tiny_corpus: Path, batch_size: int
) -> None:
    from biospan.train.data import epoch_order

    documents = corpora.read_corpus("jnlpba-text", "all", path=tiny_corpus)
    examples = examples_of(small_tagger(), documents)
    first, second = (
        [
            [examples[i] for i in batch]
            for batch in epoch_order(examples, batch_size=batch_size, seed=0, epoch=epoch)
        ]
        for epoch in (1, 2)
    )
    for batches in (first, second):
        assert len(batches) == math.ceil(len(examples) / batch_size)
        assert Counter(id(e) for batch in batches for e in batch) == Counter(map(id, examples))
    assert [list(map(id, b)) for b in first] != [list(map(id, b)) for b in second]

    def padding(batches: list[list[Any]]) -> int:
        sizes = [[pieces.size(e.window, e.stretch) for e in batch] for batch in batches]
        return sum(max(batch) * len(batch) - sum(batch) for batch in sizes)

    shuffled = random.Random(0).sample(examples, len(examples))
    unsorted = [shuffled[i : i + batch_size] for i in range(0, len(shuffled), batch_size)]
    assert padding(first) < padding(unsorted) / 3 or batch_size == 1
    sizes = [pieces.size(batch[0].window, batch[0].stretch) for batch in first]
    assert sizes != sorted(sizes)  # short ones do not all come first


def test_given_tokens_are_not_asked_of_a_corpus_that_has_none(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match="`tokens` is `given`, but corpus `jnlpba-text` gives none"
    ):
        train(tiny_recipe, tmp_path, corpus="jnlpba-text", tokens="given", epochs=1)


def test_a_subset_is_chosen_by_hash_and_grows_without_changing(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    from biospan.train.data import read_documents

    def ids(size: int) -> list[str]:
        train, _ = read_documents(from_mapping({**tiny_recipe, "train_documents": size}))
        return [document.id for document in train]

    assert [len(ids(size)) for size in (0, 5, 9)] == [40 - N_TINY_DEV, 5, 9]
    assert set(ids(5)) < set(ids(9)) < set(ids(0))
    assert ids(5) != ids(0)[:5]
    with pytest.raises(ConfigError, match="`train_documents` is 29, but the training split has 28"):
        ids(29)


def test_documents_for_calibration_are_never_learned_from(tiny_recipe: Recipe) -> None:
    from biospan.train.data import calibrating, read_documents

    def ids(**changes: Any) -> tuple[set[str], set[str]]:
        config = from_mapping({**tiny_recipe, **changes})
        train, chosen = read_documents(config)[0], calibrating(config)
        assert len(chosen) == config.calibration_documents
        assert not any(next(document.tokens(), None) for document in chosen)
        return {document.id for document in train}, {document.id for document in chosen}

    everything, none = ids()
    assert none == set()
    train, chosen = ids(calibration_documents=6)
    assert len(chosen) == 6
    assert train == everything - chosen
    assert chosen < ids(calibration_documents=9)[1]
    few, same = ids(calibration_documents=6, train_documents=6)
    assert same == chosen
    assert few < train
    assert chosen != ids(train_documents=6)[0]
    some, others = ids(calibration_documents=6, judged_documents=5)
    assert len(some | others) == len(everything) - 5
    left_out = sorted(chosen)[0]
    assert left_out not in set.union(*ids(calibration_documents=6, exclude=[left_out]))
    with pytest.raises(ConfigError, match="28 documents are wanted for calibration"):
        ids(calibration_documents=28)


@pytest.mark.parametrize("max_pieces", [16, 64])
@pytest.mark.parametrize("context", ["sentence", "document"])
def test_a_crf_gets_each_sentence_as_one_sequence_or_in_parts(
    tiny_corpus: Path, context: str, max_pieces: int
) -> None:
    """Joined in order, the sequences are the gold tags of the sentences, each token once."""
    import torch

    from biospan.train.data import to_batch

    tagger = small_tagger(context=context, max_pieces=max_pieces)
    parts = 0
    for document in corpora.read_corpus("jnlpba-text", "train", path=tiny_corpus):
        (item,) = tagger.prepare([document])
        expected = [
            [tag_of(tagger, document, *span) for span in offsets] for offsets in item.offsets
        ]
        batch = to_batch(examples_of(tagger, [document]), tagger, torch.device("cpu"))
        sequences = batch.sequences
        found: list[list[int]] = []
        for row, length in enumerate(sequences.lengths.tolist()):
            own = sequences.tag_ids[row, :length]
            places = sequences.places[row, :length]
            assert torch.equal(batch.tag_ids.flatten()[places], own)
            if sequences.opens[row]:
                found.append([])
            found[-1] += own.tolist()
            assert bool(sequences.closes[row]) == (found[-1] == expected[len(found) - 1])
            parts += 1
        assert found == expected
    n_sentences = sum(
        len(tagger.prepare([document])[0].offsets)
        for document in corpora.read_corpus("jnlpba-text", "train", path=tiny_corpus)
    )
    assert (parts > n_sentences) == (max_pieces == 16)


def test_judged_documents_are_not_learned_from(tiny_recipe: Recipe) -> None:
    from biospan.train import data

    whole, _ = data.read_documents(from_mapping(tiny_recipe))
    config = from_mapping({**tiny_recipe, "judged_documents": 6})
    train_documents, _ = data.read_documents(config)
    judged = data.judged(config, config.corpus)
    assert len(judged) == 6
    assert {d.id for d in train_documents} == {d.id for d in whole} - {d.id for d in judged}
    # The same ones in the other form of the corpus, in the same order.
    assert [d.id for d in data.judged(config, "jnlpba")] == [d.id for d in judged]


def test_no_corpus_is_set_aside_whole(tiny_recipe: Recipe) -> None:
    from biospan.train import data

    size = len(data.read_documents(from_mapping(tiny_recipe))[0])
    with pytest.raises(ConfigError, match=f"{size} documents are wanted for judging"):
        data.read_documents(from_mapping({**tiny_recipe, "judged_documents": size}))


def test_a_second_form_adds_the_same_documents_with_their_tokens(tiny_recipe: Recipe) -> None:
    from biospan.train import data

    recipe = {**tiny_recipe, "train_documents": 5}
    once, dev = data.read_documents(from_mapping(recipe))
    both, same_dev = data.read_documents(from_mapping({**recipe, "second_form": "jnlpba"}))
    assert both[: len(once)] == once
    assert sorted(d.id for d in both[len(once) :]) == sorted(d.id for d in once)
    assert not any(list(d.tokens()) for d in once)
    assert all(list(d.tokens()) for d in both[len(once) :])
    assert same_dev == dev


def test_whole_tokens_are_hidden_and_nothing_else(tiny_recipe: Recipe, tmp_path: Path) -> None:
    import numpy as np
    import torch

    from biospan.train import data

    subject = small_tagger()
    documents = [Document("abcdef gene of il", "1"), Document("gene", "2")]
    examples = data.examples(subject, documents)
    batch = data.to_batch(examples, subject, torch.device("cpu"))
    before = {name: array.clone() for name, array in batch.inputs.items()}
    batch.inputs["shapes"] = torch.full_like(batch.inputs["input_ids"], 7)
    shares = []
    for seed in range(200):
        inputs = {name: array.clone() for name, array in batch.inputs.items()}
        data.hide_tokens(inputs, 0.3, 99, np.random.default_rng(seed))
        hidden = inputs["input_ids"] == 99
        assert (inputs["input_ids"][~hidden] == before["input_ids"][~hidden]).all()
        assert (inputs["shapes"][hidden] == 4).all()
        assert (inputs["shapes"][~hidden] == 7).all()
        for row, example in enumerate(examples):
            stretch = example.stretch
            edges = [*(stretch.token_starts + 1).tolist(), len(stretch.ids) + 1]
            tokens = [hidden[row, a:b] for a, b in itertools.pairwise(edges)]
            assert all(bool(token.all()) or not bool(token.any()) for token in tokens)
            assert not hidden[row, 0]  # what opens the window
            assert not hidden[row, edges[-1] :].any()  # what closes it, and padding
            shares += [bool(token.all()) for token in tokens]
    assert 0.25 < sum(shares) / len(shares) < 0.35


def test_an_encoder_without_a_mask_piece_hides_nothing(tiny_recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`hidden_tokens`: the encoder's tokenizer has no mask"):
        train(tiny_recipe, tmp_path, hidden_tokens=0.1)


def test_gold_and_taught_examples_are_in_batches_of_their_own() -> None:
    import numpy as np

    from biospan.train import data

    subject = small_tagger()
    gold = data.examples(subject, [Document("gene. " * 30, str(n)) for n in range(5)])
    rows = np.zeros((1, len(subject.config.tag_set.names)), dtype=np.float32)
    mixed = [dataclasses.replace(e, marginals=rows) if i % 3 else e for i, e in enumerate(gold)]
    order = data.epoch_order(mixed, batch_size=4, seed=1, epoch=1)
    kinds = [{mixed[i].marginals is None for i in batch} for batch in order]
    assert all(len(kind) == 1 for kind in kinds)
    assert sorted(i for batch in order for i in batch) == list(range(len(mixed)))


def test_behind_the_cut_nothing_is_learned_and_that_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from biospan.train import data

    text = "il gene " * 40 + ". The gene of il."
    tagger = small_tagger(max_pieces=32)
    (whole,) = tagger.prepare([Document(text)])
    n_units = [len(units) for units in whole.offsets]
    windows = data.examples(tagger, [Document(text)])
    cut = data.examples(tagger, [Document(text)], overlong="cut")
    assert len(windows) > len(cut) == len(n_units)
    decided = [int((example.tag_ids != data.IGNORED).sum()) for example in cut]
    fits = [min(n, 30 // 1) for n in n_units]
    assert all(0 < own <= most for own, most in zip(decided, fits, strict=True))
    for example, n in zip(cut, n_units, strict=True):
        window = example.window
        assert (window.first, window.own_first) == (0, 0)
        ends = [*example.stretch.token_starts[1:].tolist(), len(example.stretch.ids)]
        assert ends[window.last - 1] <= 30
        assert window.last == n or ends[window.last] > 30
    lost = sum(n_units) - sum(decided)
    assert lost > 0
    assert f"{lost} units behind the cut" in caplog.text
