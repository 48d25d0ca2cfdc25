"""The component in real spaCy pipelines, against what the tagger says of the same text."""

import importlib.metadata
import logging
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import biospan
from biospan.document import Document
from biospan.errors import ConfigError, InputError, MissingInputError, ModelError
from biospan.tagger import ERROR_KEY, Tagger
from conftest import skip_or_fail, small_tagger

try:
    import spacy
except ImportError:
    skip_or_fail("spacy", "spaCy is not installed", whole_module=True)
from spacy import displacy
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from biospan import spacy_component as component
from biospan.highlight import FIXED_COLOURS
from biospan.model_config import ModelConfig
from biospan.spacy_placing import Placing, place

TEXT = "IL-2 gene expression requires NF-kappa B-induced p50, and NF-kappa B."
MODEL = Path(biospan.__file__).parent / "models" / "default"
Make = Callable[..., Any]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Build a pipeline whose tagger needs no weights."""
    monkeypatch.setattr(component, "load", lambda *args, **kwargs: small_tagger())

    def build(tokenizer: str | None = None, **config: object) -> Any:
        settings = {"nlp": {"tokenizer": {"@tokenizers": tokenizer}}} if tokenizer else {}
        nlp = spacy.blank("en", config=settings)
        nlp.add_pipe("biospan", config={"threads": 1, **config})
        return nlp

    return build


def ents(doc: Doc) -> list[tuple[int, int, str, float | None]]:
    return [(e.start_char, e.end_char, e.label_, e._.biospan_score) for e in doc.ents]


def told(document: Document) -> list[tuple[int, int, str, float | None]]:
    return [(e.start, e.end, e.label, e.score) for e in document.entities]


def test_on_its_own_tokens_spacy_has_every_entity_as_the_tagger_does(make: Make) -> None:
    doc = make("biospan.UnitTokenizer.v1")(TEXT)
    assert len(doc.ents) > 3
    assert ents(doc) == told(small_tagger().tag(TEXT))
    assert (doc._.biospan_misaligned, doc._.biospan_left_out) == (0, 0)


def test_many_documents_come_back_in_order(make: Make) -> None:
    nlp = make("biospan.UnitTokenizer.v1")
    texts = [f"{n} {TEXT[n:]}" for n in range(20)]
    expected = [told(document) for document in small_tagger().tag_many(texts)]
    assert [ents(doc) for doc in nlp.pipe(texts, batch_size=3)] == expected


@pytest.fixture
def doc() -> Doc:
    """Five tokens; `NF-kB-induced` is one."""
    return Doc(spacy.blank("en").vocab, words=["IL-2", "and", "NF-kB-induced", "p50", "."])


def marked(*spans: tuple[str, float]) -> list[biospan.Entity]:
    text = "IL-2 and NF-kB-induced p50 . "
    return [
        biospan.Entity(text.index(part), text.index(part) + len(part), "protein", part, score)
        for part, score in spans
    ]


@pytest.mark.parametrize(
    ("alignment", "expected", "left_out"),
    [
        ("expand", ["IL-2", "NF-kB-induced"], 0),
        ("contract", ["IL-2"], 1),
        ("strict", ["IL-2"], 1),
    ],
)
def test_edges_inside_of_tokens_are_moved_or_left_out_and_counted(
    doc: Doc, alignment: Any, expected: list[str], left_out: int
) -> None:
    placed = place(doc, marked(("IL-2", 0.9), ("NF-kB", 0.5)), Placing(alignment=alignment))
    assert [ent.text for ent in doc.ents] == expected
    assert placed == (2, 1, left_out) == (2, doc._.biospan_misaligned, doc._.biospan_left_out)


def test_of_two_that_come_to_overlap_the_likelier_stays(doc: Doc) -> None:
    placed = place(doc, marked(("NF-kB", 0.5), ("induced p50", 0.8)), Placing())
    assert [(ent.text, ent._.biospan_score) for ent in doc.ents] == [("NF-kB-induced p50", 0.8)]
    assert placed == (2, 2, 1)


@pytest.mark.parametrize(
    ("overwrite", "expected"),
    [
        (False, [("NF-kB-induced", "OTHER"), (".", "OTHER")]),
        (True, [("NF-kB-induced p50", "protein"), (".", "OTHER")]),
    ],
)
def test_entities_that_are_there_stay_or_give_way(
    doc: Doc, overwrite: bool, expected: list[tuple[str, str]]
) -> None:
    doc.ents = [Span(doc, 2, 3, label="OTHER"), Span(doc, 4, 5, label="OTHER")]
    place(doc, marked(("NF-kB-induced p50", 0.5)), Placing(overwrite_ents=overwrite))
    assert [(ent.text, ent.label_) for ent in doc.ents] == expected


def test_a_group_of_spans_holds_them_with_their_scores(doc: Doc) -> None:
    place(doc, marked(("IL-2", 0.75), ("NF-kB", 0.5)), Placing(spans_key="bio", min_score=0.6))
    assert [(s.text, s.label_, s._.biospan_score) for s in doc.spans["bio"]] == [
        ("IL-2", "protein", 0.75)
    ]
    assert doc.spans["bio"].attrs["scores"].tolist() == [0.75]
    assert not doc.ents
    again = Doc(doc.vocab).from_bytes(doc.to_bytes())
    assert again.spans["bio"][0]._.biospan_score == 0.75


def test_one_warning_counts_what_could_not_be_placed(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    nlp = make(alignment="strict")
    with caplog.at_level(logging.WARNING, "biospan"):
        docs = list(nlp.pipe([TEXT, TEXT]))
    n_misaligned = sum(doc._.biospan_misaligned for doc in docs)
    assert n_misaligned > 0
    assert len(caplog.records) == 1
    assert f"{n_misaligned} have an edge inside of a token" in caplog.text


@pytest.mark.parametrize("setting", [{"alignment": "other"}, {"min_score": 2.0}])
def test_settings_that_there_are_not_are_refused(make: Make, setting: dict[str, object]) -> None:
    with pytest.raises((ConfigError, ValueError), match=next(iter(setting))):
        make(**setting)


def test_what_cannot_be_tagged_goes_to_the_error_handler(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tag_many(self: Tagger, texts: Any) -> Any:
        for text in texts:
            failed = {ERROR_KEY: "no"} if text == "b" else {}
            yield Document(text).with_metadata(**failed)

    def tag(self: Tagger, text: str) -> Document:
        raise InputError("no")

    monkeypatch.setattr(Tagger, "tag_many", tag_many)
    monkeypatch.setattr(Tagger, "tag", tag)
    nlp = make()
    with pytest.raises(InputError, match="no"):
        list(nlp.pipe(["a", "b"]))
    with pytest.raises(InputError, match="no"):
        nlp("b")
    failed: list[str] = []
    nlp.set_error_handler(lambda name, proc, docs, error: failed.extend(d.text for d in docs))
    assert [doc.text for doc in nlp.pipe(["a", "b", "c"])] == ["a", "c"]
    assert failed == ["b"]


def test_displacy_colours_the_labels(doc: Doc) -> None:
    place(doc, marked(("IL-2", 0.9)), Placing())
    assert f"background: {component.COLOURS['protein']}" in displacy.render(doc, style="ent")
    assert component.COLOURS.keys() == FIXED_COLOURS.keys()


@given(st.text(alphabet="aB1é\u0301-. \n\t\r\u00a0(", max_size=40))
def test_the_tokenizer_keeps_every_character(text: str) -> None:
    made = component.UnitTokenizer(Vocab())(text)
    assert made.text == text
    assert "".join(token.text_with_ws for token in made) == text


def test_entry_points_name_what_is_there() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    for group, entries in project["entry-points"].items():
        for name, value in entries.items():
            assert importlib.metadata.EntryPoint(name, value, group).load() is not None


def test_the_labels_are_known_without_a_runtime(make: Make) -> None:
    config = ModelConfig.from_json((MODEL / "config.json").read_bytes(), "config.json")
    assert make().pipe_labels["biospan"] == list(config.labels)


def test_a_folder_that_is_no_model_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        make(model=str(tmp_path))
    with pytest.raises(MissingInputError, match="no such folder"):
        make(model=str(tmp_path / "none"))(TEXT)


def test_a_saved_pipeline_brings_its_model(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "model")
    nlp = spacy.blank("en")
    nlp.add_pipe("biospan", config={"threads": 1, "model": str(tmp_path / "model")})
    nlp.to_disk(tmp_path / "saved")
    packed = nlp.to_bytes()
    expected = ents(nlp(TEXT))
    shutil.rmtree(tmp_path / "model")
    assert ents(spacy.load(tmp_path / "saved")(TEXT)) == expected
    other = spacy.blank("en")
    other.add_pipe("biospan", config={"threads": 1, "model": "nowhere"})
    assert ents(other.from_bytes(packed)(TEXT)) == expected
    damaged = tmp_path / "saved" / "biospan" / "model.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(ModelError, match="incomplete or was changed"):
        spacy.load(tmp_path / "saved")


def test_several_processes_find_what_one_does_even_after_the_model_was_used() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("biospan", config={"threads": 2})
    texts = [TEXT, TEXT.lower(), f"The {TEXT}"] * 2
    expected = [ents(doc) for doc in nlp.pipe(texts)]
    found = [ents(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=1)]
    for one, other in zip(expected, found, strict=True):
        assert [span[:3] for span in one] == [span[:3] for span in other]
        assert [span[3] for span in one] == pytest.approx([span[3] for span in other], abs=1e-5)
