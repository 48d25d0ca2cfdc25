"""The tagger, with a model of no weights whose rows depend on the pieces around them alone."""

import itertools
import random
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from biospan import decode, pieces, runtime, schedule, segment, spans, tagger, tags
from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import ConfigError, InputError, MissingInputError, ModelError
from biospan.model_dir import write_model_dir
from biospan.tagger import ERROR_KEY, Tagger
from biospan.tags import Span
from conftest import NearbyRuntime, small_config, small_tagger, small_tokenizer

CONTEXTS = ("sentence", "document")

FRAGMENTS = (
    *("IL-2 gene expression", "NF-kappa B", "the protein of T cells.", "p53.", "Fig. 1", "cells"),
    *(" ", "  ", "\n", "\r\n", "\r", "\t", "\v", "\f", "\u2028", "\u3000", "\u00a0", ". ", "! "),
    *("β-catenin", "TNF-α", "µ", "e\u0301\u0302", "\u0301", "Å", "ﬁ", "ß", "İ", "中文字", "한국어"),
    *("😀", "👩\u200d🔬", "🇩🇪", "שלום", "\u202eabc\u202c", "مرحبا", "\u200b", "\u200d", "\ufeff"),
    *("\x00", "\x01", "\x1b[31m", "\x7f", "\x85", "\ud800", "\udfff", "\ud83d", "\ufffd", "\uffff"),
    *(
        "x" * 99,
        "x" * 101,
        "A" * 700,
        "-" * 60,
        "(" * 9,
        "[1,2]",
        "``",
        "''",
        "##",
        "[SEP]",
        "[UNK]",
    ),
)
TEXTS = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(st.characters(), max_size=8), max_size=12
).map("".join)


def hostile_texts(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    texts = ["".join(rng.choices(FRAGMENTS, k=rng.randrange(14))) for _ in range(count)]
    return [text if rng.random() < 0.9 else f" \t{text}\n" for text in texts]


def prose(n_sentences: int, seed: int = 0, *, max_words: int = 60) -> str:
    """Sentences of letters; words of at most 15 pieces, as every capacity keeps them whole."""
    rng = random.Random(seed)
    words = ["gene", "protein", "cells", "expression", "of", "the", "and", "il", "x" * 101, "β"]
    letters = "abcdefghijklmnopqrstuvwxyz"
    sentences = []
    for _ in range(n_sentences):
        picked = [
            rng.choice(words)
            if rng.random() < 0.5
            else "".join(rng.choices(letters, k=rng.randint(1, 15)))
            for _ in range(rng.randint(1, max_words))
        ]
        sentences.append(f"The {' '.join(picked)} cells.")
    return " ".join(sentences)


def tokenized(sentences: Sequence[str], *, n_passages: int = 1) -> Document:
    """A document with one given token per word, sentences spread over passages."""
    text, built = "", []
    for sentence in sentences:
        start, tokens = len(text), []
        for word in sentence.split():
            tokens.append(Token(len(text), len(text) + len(word), word))
            text += f"{word} "
        built.append(Sentence(start, len(text), tuple(tokens)))
    step = -(-len(built) // n_passages)
    groups = [tuple(built[i : i + step]) for i in range(0, len(built), step)]
    passages = tuple(Passage(group[0].start, group[-1].end, "text", group) for group in groups)
    return Document(text, passages=passages)


def assert_well_formed(document: Document, text: str) -> None:
    assert document.text == text
    places = [(entity.start, entity.end) for entity in document.entities]
    # In order and apart; `Document` itself would accept overlaps.
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(places))
    for entity in document.entities:
        assert entity.start < entity.end
        assert text[entity.start : entity.end] == entity.text
        assert entity.score is not None
        assert 0.0 <= entity.score <= 1.0
        assert entity.label in ("DNA", "protein")
        assert entity.source is None
    assert ERROR_KEY not in document.metadata


def runtime_of(subject: Tagger) -> NearbyRuntime:
    assert isinstance(subject._model, NearbyRuntime)
    return subject._model


def n_windows(subject: Tagger) -> int:
    return sum(rows for rows, _ in runtime_of(subject).shapes)


def stacked(found: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([*found, np.empty((0, 5), dtype=np.float32)])


@pytest.mark.parametrize("context", CONTEXTS)
def test_hostile_texts_come_back_in_order_with_exact_offsets(context: str) -> None:
    texts = hostile_texts(3000)
    found = list(small_tagger(context=context).tag_many(texts))
    assert len(found) == len(texts)
    for document, text in zip(found, texts, strict=True):
        assert_well_formed(document, text)
    assert sum(len(document.entities) for document in found) > len(texts)


@given(TEXTS)
def test_any_text_is_tagged_with_exact_offsets(text: str) -> None:
    for context in CONTEXTS:
        assert_well_formed(small_tagger(context=context).tag(text), text)


@given(TEXTS)
def test_every_unit_of_a_text_has_one_row(text: str) -> None:
    for context in CONTEXTS:
        (found,) = small_tagger(context=context, max_pieces=16).emissions([Document(text)])
        sentences = segment.sentence_spans(text)
        expected = [len(segment.token_spans(text, start, end)) for start, end in sentences]
        assert [len(rows) for rows in found] == expected
        assert sum(expected) == len(segment.token_spans(text))


@pytest.mark.parametrize("text", ["", " ", "\n\t \r\n", "\u3000\u2028"])
@pytest.mark.parametrize("context", CONTEXTS)
def test_texts_of_nothing_have_no_entities(text: str, context: str) -> None:
    document = small_tagger(context=context).tag(text)
    assert (document.text, document.entities) == (text, ())


@pytest.mark.parametrize("context", CONTEXTS)
def test_documents_of_empty_parts_have_no_entities(context: str) -> None:
    blank = Passage(0, 2, "title")
    hollow = Passage(2, 4, "text", (Sentence(2, 3), Sentence(3, 3)))
    for passages in ((), (blank,), (hollow,), (blank, hollow), (Passage(0, 0),)):
        document = small_tagger(context=context).tag(Document("    ", passages=passages))
        assert document.entities == ()


@pytest.mark.parametrize("context", CONTEXTS)
def test_company_order_and_batch_sizes_change_nothing(
    context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*hostile_texts(60, seed=1), *(prose(n, seed=n) for n in range(8))]
    subject = small_tagger(context=context, max_pieces=132)
    alone = {text: subject.tag(text) for text in texts}
    rng = random.Random(0)
    for look_ahead, batch_pieces, batch_tokens in (
        (1, 1, 1),
        (400, 300, 64),
        (10**9, 10**4, 10**6),
    ):
        monkeypatch.setattr(schedule, "LOOK_AHEAD", look_ahead)
        monkeypatch.setattr(schedule, "BATCH_PIECES", batch_pieces)
        monkeypatch.setattr(spans, "BATCH_TOKENS", batch_tokens)
        rng.shuffle(texts)
        for text, document in zip(texts, subject.tag_many(texts), strict=True):
            expected = alone[text]
            assert document == expected  # scores to the last bit


def test_batches_are_as_large_as_allowed_and_of_like_windows() -> None:
    subject = small_tagger()
    list(subject.tag_many(prose(1, seed=n) for n in range(100)))
    shapes = runtime_of(subject).shapes
    assert all(rows * width <= schedule.BATCH_PIECES for rows, width in shapes)
    n_pieces = sum(rows * width for rows, width in shapes)
    assert len(shapes) <= 2 * n_pieces / schedule.BATCH_PIECES + 1


def test_decoding_batches_hold_no_more_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    pad = decode.pad

    def watched(arrays: Sequence[NDArray[np.float32]]) -> Any:
        padded, lengths = pad(arrays)
        sizes.append(padded.shape[0] * padded.shape[1])
        return padded, lengths

    monkeypatch.setattr(decode, "pad", watched)
    monkeypatch.setattr(spans, "BATCH_TOKENS", 100)
    list(small_tagger().tag_many(prose(6, seed=n, max_words=40) for n in range(20)))
    assert max(sizes) <= 100


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("seed", range(4))
def test_windows_do_not_show_in_the_emissions(context: str, seed: int) -> None:
    documents = [
        Document(prose(25, seed, max_words=12)),
        Document(prose(4, seed, max_words=90)),
        Document(prose(1, seed, max_words=3) + " " + prose(1, seed + 50, max_words=400)),
        tokenized(prose(12, seed + 90).split(". "), n_passages=3),
    ]
    cut = small_tagger(context=context, max_pieces=132)
    whole = small_tagger(context=context, max_pieces=8192)
    for found, expected in zip(cut.emissions(documents), whole.emissions(documents), strict=True):
        assert [len(rows) for rows in found] == [len(rows) for rows in expected]
        np.testing.assert_array_equal(stacked(found), stacked(expected))
    assert n_windows(cut) > n_windows(whole)


def test_sentences_see_each_other_in_document_context_only() -> None:
    sentences = ["gene of cells .", "protein and il ."]
    together, apart = tokenized(sentences), [tokenized([sentence]) for sentence in sentences]
    for context, independent in (("sentence", True), ("document", False)):
        subject = small_tagger(context=context)
        (found,) = subject.emissions([together])
        expected = [rows for rows_of in subject.emissions(apart) for rows in rows_of]
        assert np.array_equal(stacked(found), stacked(expected)) == independent


@pytest.mark.parametrize("context", CONTEXTS)
def test_passages_never_see_each_other(context: str) -> None:
    sentences = prose(9, seed=5).split(". ")
    document = tokenized(sentences, n_passages=3)
    subject = small_tagger(context=context)
    (found,) = subject.emissions([document])
    alone = subject.emissions([tokenized(sentences[i : i + 3]) for i in (0, 3, 6)])
    np.testing.assert_array_equal(
        stacked(found), stacked([rows for rows_of in alone for rows in rows_of])
    )


def parts(sentence: Sentence) -> list[tuple[int, int]]:
    """What units are looked for in: given tokens, or the sentence."""
    return [(token.start, token.end) for token in sentence.tokens] or [
        (sentence.start, sentence.end)
    ]


@given(st.lists(st.lists(st.text("abI-2β. ", min_size=1, max_size=9), max_size=8), max_size=4))
def test_given_tokens_are_kept_and_hold_the_edges(words: list[list[str]]) -> None:
    document = tokenized([" ".join(sentence) or "." for sentence in words] or ["x"])
    for context in CONTEXTS:
        subject = small_tagger(context=context)
        (rows,) = subject.emissions([document])
        assert [len(part) for part in rows] == [
            sum(len(segment.token_spans(document.text, *edges)) for edges in parts(s))
            for s in document.sentences()
        ]
        tagged = subject.tag(document)
        assert tagged.passages == document.passages
        starts = {token.start for token in document.tokens()}
        ends = {token.end for token in document.tokens()}
        assert {entity.start for entity in tagged.entities} <= starts
        assert {entity.end for entity in tagged.entities} <= ends


@pytest.mark.parametrize("context", CONTEXTS)
def test_given_sentences_without_tokens_are_kept(context: str) -> None:
    text = "gene protein cells il of the gene protein"
    cuts = [0, 7, 9, 27, len(text)]  # inside words too: what is given is respected
    sentences = tuple(Sentence(a, b) for a, b in itertools.pairwise(cuts))
    document = Document(text, passages=(Passage(0, len(text), "text", sentences),))
    subject = small_tagger(context=context)
    (rows,) = subject.emissions([document])
    assert [len(part) for part in rows] == [2, 1, 5, 3]
    tagged = subject.tag(document)
    assert tagged.passages == document.passages
    assert tagged.entities
    for entity in tagged.entities:
        assert any(s.start <= entity.start and entity.end <= s.end for s in sentences)


def test_passages_with_and_without_sentences_go_together() -> None:
    text = "gene of il  \n\nprotein cells. The gene of cells."
    given_sentence = Sentence(0, 10, (Token(0, 4, "gene"), Token(5, 10, "of il")))
    passages = (
        Passage(0, 11, "title", (given_sentence,)),
        Passage(11, 14, "text"),
        Passage(14, len(text), "abstract"),
    )
    tagged = small_tagger().tag(Document(text, passages=passages))
    assert [(p.start, p.end, p.kind) for p in tagged.passages] == [
        (p.start, p.end, p.kind) for p in passages
    ]
    assert tagged.passages[0] == passages[0]
    assert tagged.passages[1].sentences == ()
    assert [text[s.start : s.end] for s in tagged.passages[2].sentences] == [
        "protein cells.",
        "The gene of cells.",
    ]


def test_entities_of_the_input_are_replaced_and_the_rest_stays() -> None:
    text = "The gene of IL-2 cells."
    old = Entity(0, 3, "species", "The", source="someone")
    document = Document(text, id="7", entities=(old,), metadata={"year": "1999"})
    tagged = small_tagger().tag(document)
    assert tagged.entities == small_tagger().tag(text).entities
    assert (tagged.id, dict(tagged.metadata)) == ("7", {"year": "1999"})
    assert document.entities == (old,)


def test_tagging_again_gives_the_same() -> None:
    subject = small_tagger()
    once = subject.tag(prose(3))
    assert once.entities
    assert subject.tag(once) == once


@pytest.mark.parametrize("scheme", ["IOB2", "IOBES"])
@pytest.mark.parametrize("text", ["IL gene protein.", "β cells", "the"])
def test_scores_are_the_share_of_all_sequences_that_hold_the_entity(scheme: str, text: str) -> None:
    subject = small_tagger(scheme=scheme, labels=("DNA",))
    ((rows,),) = subject.emissions([Document(text)])
    offsets = segment.token_spans(text)
    names = subject.config.tag_set.names
    total, weights = 0.0, dict[Span, float]()
    for path in itertools.product(range(len(names)), repeat=len(rows)):
        sequence = [names[tag] for tag in path]
        if tags.problems(sequence, subject.config.scheme):
            continue
        weight = float(np.exp(rows.astype(np.float64)[np.arange(len(path)), path].sum()))
        total += weight
        for span in tags.to_spans(sequence, subject.config.scheme):
            weights[span] = weights.get(span, 0.0) + weight
    shares = {
        (offsets[span.start][0], offsets[span.end - 1][1], span.label): weight / total
        for span, weight in weights.items()
    }
    entities = subject.tag(text).entities
    assert entities
    for entity in entities:
        assert entity.score == pytest.approx(shares[entity.start, entity.end, entity.label])


def test_a_crf_decodes_with_its_transitions() -> None:
    zeros = (0.0, 0.0, 0.0)
    # `B` is followed by `I` wherever it may be, and nothing else is worth as much.
    transitions = (zeros, (0.0, 0.0, 50.0), (0.0, 0.0, 50.0))
    changes: dict[str, Any] = {
        "labels": ("DNA",),
        "transitions": transitions,
        "start_transitions": (0.0, 50.0, 0.0),
        "end_transitions": zeros,
    }
    text = "gene of il cells"
    (entity,) = small_tagger(**changes).tag(text).entities
    assert (entity.text, entity.label) == (text, "DNA")


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokenizer fails on texts that hold the word `poison`."""
    encode = pieces.encode

    def failing(tokenizer: Any, stretches: Any, *rest: Any) -> list[pieces.Stretch]:
        texts = [token.text for s in stretches for sentence in s for token in sentence]
        if "poison" in texts:
            raise InputError("the tokenizer failed on this text: poison")
        return encode(tokenizer, stretches, *rest)

    monkeypatch.setattr(pieces, "encode", failing)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("look_ahead", [1, 60, 10**6])
def test_a_document_that_fails_carries_the_reason_and_harms_no_other(
    look_ahead: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(schedule, "LOOK_AHEAD", look_ahead)
    old = (Entity(0, 3, "species", "The"),)
    bad = Document("The poison.", id="bad", entities=old, metadata={"a": "b"})
    good = [f"The gene of cells {word}." for word in ("il", "and", "x")]
    subject = small_tagger()
    found = list(subject.tag_many([good[0], bad, good[1], bad, bad, good[2]]))
    assert [found[i] for i in (0, 2, 5)] == [subject.tag(text) for text in good]
    for index in (1, 3, 4):
        reason = {ERROR_KEY: "the tokenizer failed on this text: poison"}
        assert found[index] == bad.with_entities(()).with_metadata(**reason)
        assert dict(found[index].metadata) == {"a": "b", **reason}
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("3 documents could not be tagged")


@pytest.mark.usefixtures("poisoned")
def test_tagging_one_document_that_fails_raises() -> None:
    with pytest.raises(InputError, match="failed on this text: poison"):
        small_tagger().tag("The poison.")


def test_the_reason_of_an_earlier_failure_does_not_stay() -> None:
    document = Document("The gene.", metadata={ERROR_KEY: "the disk was full", "a": "b"})
    tagged = small_tagger().tag(document)
    assert dict(tagged.metadata) == {"a": "b"}
    assert tagged.entities == small_tagger().tag("The gene.").entities


class Panic(BaseException):
    """What a panic of the Rust library looks like from here."""


class BrokenTokenizer:
    """Raises on texts that hold `poison`."""

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self._sound = small_tokenizer()

    def encode_batch(self, batch: list[list[str]], **options: Any) -> Any:
        if any("poison" in tokens for tokens in batch):
            raise self._error
        return self._sound.encode_batch(batch, **options)


def test_a_panic_of_the_tokenizer_stays_with_its_document() -> None:
    subject = small_tagger()
    broken: Any = BrokenTokenizer(Panic("byte index 3 is not a char boundary"))
    subject._preparation = replace(subject._preparation, tokenizer=broken)
    found = list(subject.tag_many(["The gene.", "A poison.", "The cells."]))
    assert [ERROR_KEY in document.metadata for document in found] == [False, True, False]
    assert "char boundary" in found[1].metadata[ERROR_KEY]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_wish_to_stop_stops(error: type[BaseException]) -> None:
    subject = small_tagger()
    broken: Any = BrokenTokenizer(error())
    subject._preparation = replace(subject._preparation, tokenizer=broken)
    with pytest.raises(error):
        list(subject.tag_many(["The gene.", "A poison.", "The cells."]))


@pytest.mark.parametrize("item", [None, b"gene", 7, ["gene"], Path("gene")])
def test_what_is_no_text_is_a_type_error_that_says_where(item: Any) -> None:
    with pytest.raises(TypeError, match=rf"text 2: got {type(item).__name__}"):
        list(small_tagger().tag_many(["gene", item]))
    with pytest.raises(TypeError, match="expected str or Document"):
        small_tagger().tag(item)


@pytest.mark.parametrize(
    ("text", "most"), [("The gene of cells. " * 10, 6), ("", 1001), ("x" * 5000, 2)]
)
def test_an_endless_stream_is_read_only_a_little_ahead(
    text: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "LOOK_AHEAD", 1000)
    n_pulled = 0

    def endless() -> Iterator[str]:
        nonlocal n_pulled
        for n_pulled in range(1, 50_000):  # noqa: B007 - as good as endless
            yield text

    found = small_tagger().tag_many(endless())
    assert n_pulled == 0
    for n_yielded in range(1, 20):
        next(found)
        assert n_yielded <= n_pulled < n_yielded + most


class Watched(str):
    """A string that can be referred to weakly."""

    __slots__ = ("__weakref__",)


def test_documents_that_were_yielded_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "LOOK_AHEAD", 200)
    watchers: list[weakref.ref[Watched]] = []

    def stream() -> Iterator[str]:
        for number in range(200):
            text = Watched(f"The gene of cell number {number}. The protein.")
            watchers.append(weakref.ref(text))
            yield text

    most = 0
    for _ in small_tagger().tag_many(stream()):
        most = max(most, sum(watcher() is not None for watcher in watchers))
    assert len(watchers) == 200
    assert most <= 12  # two groups of five, and the ends


def test_threads_may_share_a_tagger() -> None:
    subject = small_tagger(context="document")
    parts = [
        [*hostile_texts(40, seed), *(prose(2, seed + n) for n in range(10))] for seed in range(4)
    ]
    expected = [list(subject.tag_many(part)) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda part: list(subject.tag_many(part)), parts)) == expected


def test_the_labels_are_the_config_s() -> None:
    assert small_tagger().labels == ("DNA", "protein")


def test_the_fingerprint_names_weights_and_runtime() -> None:
    built = small_tagger()
    assert built.fingerprint == "nearby"
    named = Tagger(built._model, built.config, small_tokenizer().to_str(), fingerprint="abc")
    assert named.fingerprint == "abc nearby"


def test_truncation_and_padding_of_the_tokenizer_are_off() -> None:
    tokenizer = small_tokenizer()
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=50)
    sound = small_tagger()
    odd = Tagger(sound._model, sound.config, tokenizer.to_str())
    text = prose(3)
    assert odd.tag(text) == sound.tag(text)


def test_loading_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no-model"):
        tagger.load(tmp_path / "no-model")
    with pytest.raises(MissingInputError, match="no-model"):
        tagger.load(str(tmp_path / "no-model"))


def test_loading_for_an_unknown_engine_says_which_there_are(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    graph = b"\x08\x09" + bytes(range(256)) * 20
    tokenizer_json = small_tokenizer().to_str()
    write_model_dir(
        folder, onnx=graph, tokenizer_json=tokenizer_json, config=small_config(), card="# None\n"
    )
    with pytest.raises(ConfigError, match=r"`abacus`.*onnxruntime"):
        tagger.load(folder, engine="abacus")


def test_a_graph_that_does_not_fit_its_config_is_refused_when_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    graph = b"\x08\x09" + bytes(range(256)) * 20
    tokenizer_json = small_tokenizer().to_str()
    write_model_dir(
        folder, onnx=graph, tokenizer_json=tokenizer_json, config=small_config(), card="# None\n"
    )
    fitting = NearbyRuntime(5)
    monkeypatch.setattr(runtime, "open_runtime", lambda *args, **options: fitting)
    assert tagger.load(folder).tag("The gene.").text == "The gene."
    assert fitting.shapes[0] == (1, small_config().max_pieces)
    for n_tags in (1, 4, 9):
        other = NearbyRuntime(n_tags)
        monkeypatch.setattr(runtime, "open_runtime", lambda *a, other=other, **o: other)
        with pytest.raises(ModelError, match=r"emissions of shape .* expected \(1, 2, 5\)"):
            tagger.load(folder)


def test_text_outside_of_given_sentences_is_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    text = "The gene. The protein."
    part = Document(text, passages=(Passage(0, 9),))
    found = list(small_tagger().tag_many([part, part, Document(text)]))
    assert all(entity.end <= 9 for entity in found[0].entities)
    (message,) = [record.getMessage() for record in caplog.records]
    assert "0 documents could not be tagged; 2 were not tagged where" in message


def test_one_string_is_not_taken_for_many_texts() -> None:
    with pytest.raises(TypeError, match="use `tag` for one text"):
        next(small_tagger().tag_many("gene"))


def test_the_model_gets_the_arrays_that_its_config_names() -> None:
    subject = small_tagger(inputs=("input_ids", "mask"))
    prepared = subject.prepare([Document("The gene.")])[0]
    arrays = subject.inputs([pieces.Window(0, 0, 3, 0, 3)], prepared.stretches)
    assert list(arrays) == ["input_ids", "mask"]
