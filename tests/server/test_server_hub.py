"""Hugging Face compatible answers, beside `transformers.pipeline` on the very same weights."""

import random
from typing import Any

import pytest

from biospan.model_dir import write_model_dir
from biospan.server import hub
from biospan.server.problems import Problem
from biospan.server.schemas import HubParameters
from biospan.tagger import Tagger, load
from biospan.tags import Scheme, TagSet
from conftest import SPECIAL, small_config, small_tagger, small_tokenizer

MAX_PIECES = 64
STRATEGIES = ("none", "simple", "first", "average", "max")
WORDS: tuple[str, ...] = (
    "IL-2",
    "gene",
    "expression",
    "of",
    "NF-kappa",
    "B",
    "T-cells",
    "protein",
    "p53",
    "x" * 101,
)
WORDS += (
    "β-catenin",
    "😀",
    "(CD28)",
    "mRNA",
    "µ",
    "中文",
    "Å",
    "e\u0301",
    "5±2",
    "foo_bar",
    "a.b,c",
)


def texts(count: int, longest: int) -> list[str]:
    rng = random.Random(0)
    made = [" ".join(rng.choices(WORDS, k=rng.randint(1, longest))) for _ in range(count)]
    return [f"  {text}.\nAnd " if rng.random() < 0.2 else text for text in made]


@pytest.fixture(scope="module", params=["IOB2", "IOBES"])
def both(
    request: pytest.FixtureRequest, needs_train: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tagger, Any]:
    """An exported softmax model, and the pipeline on its weights."""
    import torch
    import transformers

    from biospan.train.export import to_onnx
    from biospan.train.model import EncoderTagger

    scheme: Scheme = request.param
    tag_set = TagSet(("DNA", "protein"), scheme)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    hub_config = transformers.BertConfig(
        vocab_size=small_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_PIECES,
        initializer_range=0.4,
        id2label=dict(enumerate(tag_set.names)),
        label2id={name: number for number, name in enumerate(tag_set.names)},
    )
    classifier: Any = transformers.BertForTokenClassification(hub_config)
    torch.nn.init.normal_(classifier.classifier.weight, std=0.3)
    classifier.eval()
    ours = EncoderTagger(classifier.bert, tag_set, dropout=0.0)
    ours.head = classifier.classifier
    folder = tmp_path_factory.mktemp("exported") / "model"
    config = small_config(scheme=scheme, max_pieces=MAX_PIECES)
    tokenizer_json = small_tokenizer().to_str()
    write_model_dir(
        folder, onnx=to_onnx(ours), tokenizer_json=tokenizer_json, config=config, card="A test."
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIAL, strict=True))
    fast: Any = transformers.PreTrainedTokenizerFast
    tokenizer = fast(tokenizer_object=_with_special_pieces(), model_max_length=MAX_PIECES, **names)
    pipeline: Any = transformers.pipeline
    return load(folder, threads=1), pipeline("ner", model=classifier, tokenizer=tokenizer)


def _with_special_pieces() -> Any:
    from tokenizers.processors import BertProcessing

    tokenizer = small_tokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def assert_same(got: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [{**item, "score": None} for item in got] == [
        {**item, "score": None} for item in expected
    ]
    assert [item["score"] for item in got] == pytest.approx(
        [float(item["score"]) for item in expected], abs=1e-5
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_softmax_model_answers_as_the_pipeline(both: tuple[Tagger, Any], strategy: Any) -> None:
    tagger, pipeline = both
    n_items = 0
    for text in texts(14, 8):
        expected = pipeline(text, aggregation_strategy=strategy)
        if len(tagger.tokenizer.encode(text).ids) <= MAX_PIECES - 2:  # else it cuts the text off
            got = hub.classify(tagger, text, HubParameters(aggregation_strategy=strategy))
            assert_same(got, expected)
            n_items += len(got)
    assert n_items > 14


@pytest.mark.parametrize("ignored", [[], ["protein"], ["B-protein", "DNA", "O"]])
@pytest.mark.parametrize("strategy", ["none", "average"])
def test_labels_are_ignored_as_by_the_pipeline(
    both: tuple[Tagger, Any], strategy: Any, ignored: list[str]
) -> None:
    tagger, pipeline = both
    for text in texts(8, 3):
        parameters = HubParameters(aggregation_strategy=strategy, ignore_labels=ignored)
        expected = pipeline(text, aggregation_strategy=strategy, ignore_labels=ignored)
        assert_same(hub.classify(tagger, text, parameters), expected)


@pytest.mark.parametrize("strategy", ["simple", "first", "max"])
@pytest.mark.parametrize("stride", [0, 7, 20])
def test_a_stride_cuts_long_texts_as_the_pipeline_does(
    both: tuple[Tagger, Any], strategy: Any, stride: int
) -> None:
    tagger, pipeline = both
    for text in texts(2, 60):
        parameters = HubParameters(aggregation_strategy=strategy, stride=stride)
        expected = pipeline(text, aggregation_strategy=strategy, stride=stride)
        assert_same(hub.classify(tagger, text, parameters), expected)


def test_a_stride_that_would_never_get_on_is_refused(both: tuple[Tagger, Any]) -> None:
    tagger, _ = both
    stride = tagger.config.max_pieces - 2
    parameters = HubParameters(aggregation_strategy="simple", stride=stride)
    with pytest.raises(Problem) as refused:
        hub.classify(tagger, "il gene", parameters)
    assert refused.value.status_code == 422


def test_without_a_stride_no_piece_of_a_long_text_is_lost(both: tuple[Tagger, Any]) -> None:
    tagger, _ = both
    text = " ".join(texts(30, 8))
    found = hub.classify(tagger, text, HubParameters(ignore_labels=[]))
    assert [item["index"] for item in found] == list(range(1, len(found) + 1))
    assert len(found) == len(tagger.tokenizer.encode(text).ids)
    assert found[-1]["end"] == len(text.rstrip())


def test_a_crf_gives_its_entities_whatever_the_strategy() -> None:
    tagger = small_tagger(
        transitions=((0.0,) * 5,) * 5, start_transitions=(0.0,) * 5, end_transitions=(0.0,) * 5
    )
    text = "il protein of the gene\u0301 expression 😀 cells and il-2."
    entities = tagger.tag(text).entities
    assert entities
    for strategy in ("simple", "first", "average", "max"):
        found = hub.classify(tagger, text, HubParameters(aggregation_strategy=strategy))
        assert [(i["start"], i["end"], i["entity_group"], i["score"]) for i in found] == [
            (e.start, e.end, e.label, e.score) for e in entities
        ]
        assert [text[i["start"] : i["end"]] for i in found] == [i["word"] for i in found]
    whole = hub.classify(tagger, text, HubParameters())
    for entity in entities:
        mine = [item for item in whole if entity.start <= item["start"] < entity.end]
        assert mine[0]["entity"] == f"B-{entity.label}"
        assert {item["entity"] for item in mine[1:]} <= {f"I-{entity.label}"}
        assert (mine[0]["start"], mine[-1]["end"]) == (entity.start, entity.end)
    lengths = [len(tagger.tokenizer.encode(entity.text).ids) for entity in entities]
    assert len(whole) == sum(lengths)


def test_lone_surrogates_and_empty_texts_are_answered(both: tuple[Tagger, Any]) -> None:
    tagger, _ = both
    for strategy in STRATEGIES:
        parameters = HubParameters(aggregation_strategy=strategy)  # type: ignore[arg-type]
        assert hub.classify(tagger, "", parameters) == []
        for item in hub.classify(tagger, "\ud800 il-2 gene", parameters):
            assert item["end"] <= 14
