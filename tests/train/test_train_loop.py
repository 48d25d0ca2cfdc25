"""Training on a corpus that can be learned in seconds."""

import json
import logging
import math
import random
from collections import Counter
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from biospan import corpora, pieces, scoring
from biospan.document import Document, Entity
from biospan.errors import ConfigError, InputError, MissingInputError
from biospan.tagger import Tagger
from biospan.train.config import TrainConfig, from_mapping
from conftest import N_TINY_DEV, small_tagger

pytestmark = pytest.mark.usefixtures("needs_train")

Recipe = dict[str, Any]
IGNORED = -100


def train(recipe: Recipe, folder: Path, **changes: object) -> Any:
    from biospan.train.loop import fit

    return fit(from_mapping({**recipe, **changes}), folder)


def weights(folder: Path) -> str:
    return sha256((folder / "best.safetensors").read_bytes()).hexdigest()


def record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return content


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"corpus": "jnlpba", "tokens": "given"},
        {"context": "document", "epochs": 8},
        {"scheme": "IOBES"},
    ],
    ids=str,
)
def test_a_run_learns(tiny_recipe: Recipe, tmp_path: Path, changes: Recipe) -> None:
    run = train(tiny_recipe, tmp_path, **changes)
    assert run.record["best"]["report"]["spans"]["micro"]["f1"] > 0.9
    tagged = list(run.tagger().tag_many(run.dev))
    assert scoring.evaluate(run.dev, tagged).to_dict() == run.record["best"]["report"]


def test_the_same_seed_gives_the_same_weights_and_record(
    tiny_recipe: Recipe, tiny_run: Path, tmp_path: Path
) -> None:
    train(tiny_recipe, tmp_path)
    assert weights(tmp_path) == weights(tiny_run)
    again, first = record(tmp_path), record(tiny_run)
    assert again.pop("seconds") > 0
    assert first.pop("seconds") > 0
    assert again == first


def test_another_seed_gives_other_weights(
    tiny_recipe: Recipe, tiny_run: Path, tmp_path: Path
) -> None:
    train(tiny_recipe, tmp_path, seed=tiny_recipe["seed"] + 1)
    assert weights(tmp_path) != weights(tiny_run)


def test_the_record_says_what_was_done_with_what(tiny_recipe: Recipe, tiny_run: Path) -> None:
    found = record(tiny_run)
    assert from_mapping(found["recipe"]) == from_mapping(tiny_recipe)
    assert found["train"]["documents"] == 40 - N_TINY_DEV
    assert found["dev"]["documents"] == N_TINY_DEV
    assert found["train"]["sha256"] != found["dev"]["sha256"]
    assert {"biospan", "torch", "transformers", "tokenizers", "numpy"} <= found["packages"].keys()
    assert [epoch["epoch"] for epoch in found["epochs"]] == [1, 2, 3, 4]
    scores = [epoch["micro_f1"] for epoch in found["epochs"]]
    assert found["best"]["epoch"] == scores.index(max(scores)) + 1
    assert found["best"]["report"]["n_documents"] == N_TINY_DEV
    assert isinstance(found["commit"], str)


def test_a_run_is_restored_with_its_predictions(tiny_recipe: Recipe, tmp_path: Path) -> None:
    from biospan.train.run import restore

    run = train(tiny_recipe, tmp_path)
    again = restore(tmp_path)
    assert (again.config, again.model_config) == (run.config, run.model_config)
    assert again.record == run.record
    emissions = (one.tagger().emissions(run.dev) for one in (run, again))
    for before, after in zip(*emissions, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


def test_there_is_nothing_to_restore_where_no_run_was(tiny_run: Path, tmp_path: Path) -> None:
    from biospan.train.run import restore

    with pytest.raises(MissingInputError, match=r"record\.json: not found"):
        restore(tmp_path)
    (tmp_path / "record.json").write_bytes((tiny_run / "record.json").read_bytes())
    with pytest.raises(MissingInputError, match=r"best\.safetensors: not found"):
        restore(tmp_path)


def test_the_best_epoch_is_kept_and_not_the_last(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    from biospan.train import loop

    scores = iter([0.3, 0.5, 0.5, 0.4])
    kept: list[dict[str, Any]] = []

    def score(gold: object, predicted: object) -> Any:
        micro = SimpleNamespace(f1=next(scores))
        return SimpleNamespace(spans=SimpleNamespace(micro=micro), to_dict=lambda: {"f1": micro.f1})

    models: list[Any] = []
    start = loop._start
    monkeypatch.setattr(loop, "evaluate", score)

    def remember_model(*args: Any) -> Any:
        models.append(start(*args))
        return models[0]

    def remember_weights(epoch: int, report: object) -> None:
        kept.append({name: w.clone() for name, w in models[0].model.state_dict().items()})

    monkeypatch.setattr(loop, "_start", remember_model)

    run = loop.fit(from_mapping(tiny_recipe), tmp_path, on_epoch=remember_weights)
    assert run.record["best"] == {"epoch": 2, "report": {"f1": 0.5}}
    assert record(tmp_path) == run.record
    on_disk = load_file(tmp_path / "best.safetensors")
    for name, weight in run.model.state_dict().items():
        assert torch.equal(weight, kept[1][name])
        assert torch.equal(weight, on_disk[name])
    assert not torch.equal(kept[1]["head.weight"], kept[3]["head.weight"])


def test_a_loss_that_is_no_number_stops_the_run(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from biospan.train import loop

    monkeypatch.setattr(loop, "_loss", lambda *args, **kwargs: torch.tensor(math.nan))
    with pytest.raises(ConfigError, match=r"epoch 1, step 0: loss is nan.*lower `learning_rate`"):
        loop.fit(from_mapping(tiny_recipe), tmp_path)


def test_progress_is_told_after_every_step_and_epoch(tiny_recipe: Recipe, tmp_path: Path) -> None:
    from biospan.train.loop import Progress, fit

    steps: list[Progress] = []
    epochs: list[int] = []
    run = fit(
        from_mapping({**tiny_recipe, "epochs": 2}),
        tmp_path,
        on_step=steps.append,
        on_epoch=lambda epoch, report: epochs.append(epoch),
    )
    assert epochs == [1, 2]
    n_steps = 2 * math.ceil(len(examples_of(run.tagger(), run.train)) / 8)
    assert [step.step for step in steps] == list(range(1, n_steps + 1))
    assert {step.n_steps for step in steps} == {n_steps}
    assert {step.epoch for step in steps[: n_steps // 2]} == {1}
    assert steps[-1].learning_rate == 0.0
    assert steps[-1].loss < steps[0].loss


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
    from biospan.train import loop

    empty = {"train": [Document("a", "1")], "dev": [Document("b", "2")]}
    monkeypatch.setattr(loop, "read_corpus", lambda name, split, path: empty[split])
    with pytest.raises(InputError, match="no entity in split `train`"):
        train(tiny_recipe, tmp_path)


def test_given_tokens_are_dropped_for_units(tiny_recipe: Recipe, tmp_path: Path) -> None:
    units = train(tiny_recipe, tmp_path, corpus="jnlpba", tokens="units", epochs=1)
    given = train(tiny_recipe, tmp_path, corpus="jnlpba", tokens="given", epochs=1)
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


def test_the_loss_is_the_mean_over_tokens_whatever_the_windows(tiny_recipe: Recipe) -> None:
    """With emissions that do not depend on the window, cutting must change nothing."""
    import torch

    from biospan.train.loop import _loss

    class ByPiece(torch.nn.Module):
        def forward(self, input_ids: Any, mask: Any, token_starts: Any) -> Any:
            ids = input_ids.gather(1, token_starts)
            return torch.stack([torch.sin(ids * (tag + 1.0)) for tag in range(5)], dim=-1)

    text = "il gene expression of the cells and il protein " * 12
    spots = [i for i in range(len(text)) if text.startswith("il ", i)]
    gold = Document(text, "1").with_entities(Entity(i, i + 2, "protein", "il") for i in spots)
    whole, cut = small_tagger(max_pieces=256), small_tagger(max_pieces=32)
    losses = []
    for tagger in (whole, cut):
        batch = examples_of(tagger, [gold])
        losses.append(_loss(ByPiece(), batch, tagger, precision="fp32").item())  # type: ignore[arg-type]
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
    from biospan.train.loop import _epoch

    documents = corpora.read_corpus("jnlpba-text", "all", path=tiny_corpus)
    examples = examples_of(small_tagger(), documents)
    order = np.random.default_rng(0)
    first, second = (list(_epoch(examples, batch_size, order)) for _ in range(2))
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


def test_biases_and_norms_do_not_decay(tiny_recipe: Recipe) -> None:
    from biospan.train.loop import _optimizer
    from biospan.train.model import EncoderTagger, load_encoder

    config = from_mapping({**tiny_recipe, "weight_decay": 0.25})
    model = EncoderTagger(load_encoder(config)[0], n_tags=5, dropout=0.0)
    optimizer, _ = _optimizer(config, model, n_steps=10)
    decay = {
        id(weight): group["weight_decay"]
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    names = dict(model.named_parameters())
    assert len(decay) == len(names)
    for name, weight in names.items():
        plain = name.endswith("bias") or "LayerNorm" in name
        assert decay[id(weight)] == (0.0 if plain else 0.25), name


@pytest.mark.parametrize(("n_steps", "ratio", "n_warmup"), [(20, 0.25, 5), (10, 0.0, 1)])
def test_the_rate_rises_and_then_falls_in_a_straight_line_to_zero(
    n_steps: int, ratio: float, n_warmup: int
) -> None:
    import torch

    from biospan.train.loop import _optimizer

    config = TrainConfig(encoder="x", learning_rate=0.5, warmup_ratio=ratio)
    optimizer, schedule = _optimizer(config, torch.nn.Linear(2, 2), n_steps)  # type: ignore[arg-type]
    rates = []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    rising = [0.5 * (step + 1) / n_warmup for step in range(n_warmup)]
    n_falling = n_steps - n_warmup
    falling = [0.5 * (n_falling - step) / n_falling for step in range(n_falling)]
    assert rates == pytest.approx(rising + falling)
    assert optimizer.param_groups[0]["lr"] == 0.0


def test_given_tokens_are_not_asked_of_a_corpus_that_has_none(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match="`tokens` is `given`, but corpus `jnlpba-text` gives none"
    ):
        train(tiny_recipe, tmp_path, corpus="jnlpba-text", tokens="given", epochs=1)
