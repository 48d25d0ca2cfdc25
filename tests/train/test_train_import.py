"""Published models as model directories, against transformers on models that were trained here."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published import ENTITIES, KINDS, Kind, build

import biospan
from biospan.document import Document, Passage, Sentence
from biospan.errors import ConfigError, ModelError
from biospan.train.sentences import SENTENCES
from conftest import Outcome

pytestmark = pytest.mark.usefixtures("needs_train")

# Not in the sentences that models know by heart, nor in those that the gate compares.
TEXTS = (
    "In Jurkat cells, TNF-α and c-Jun bind the promoter of the IL-2 gene; CD25 does not.",
    "Glucocorticoid receptor mRNA (2±0.1) rose in normal CS lymphocytes, NF-kappa B fell.",
    "Lamb from New York: il-3/il-4, x_y, “IκBα” (THP‑1 cells)...",
)
FAST = {"bert", "roberta"}


@pytest.fixture(autouse=True, scope="module")
def one_thread(needs_train: None) -> None:
    """Small steps on several threads wait for each other."""
    import torch

    torch.set_num_threads(1)


def options(kind: Kind, **changes: Any) -> Any:
    from biospan.train.import_hf import Options

    reads = {"decisions": "words", "reading": "units"} if kind.convention == "words" else {}
    return Options(**{**reads, **changes})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Published models by the names of their kinds, each trained once."""
    made: dict[str, Path] = {}

    def model(name: str) -> Path:
        if name not in made:
            made[name] = build(KINDS[name], tmp_path_factory.mktemp("published") / name)
        return made[name]

    return model


def one_sentence(text: str) -> Document:
    sentence = Sentence(0, len(text))
    return Document(text).with_passages([Passage(0, len(text), sentences=(sentence,))])


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.full, id=name) for name in KINDS],
)
def test_an_imported_model_says_what_transformers_says(
    models: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    import torch
    import transformers

    from biospan.train import hub, import_hf

    kind, folder = KINDS[name], models(name)
    found = import_hf.import_model(hub.find(str(folder)), tmp_path / "model", options(kind))
    assert found.sentences == 12
    assert found.max_difference <= 1e-4
    assert found.entities >= 12, "the model was to be trained until it marks something"
    assert found.illegal <= 3
    tagger = biospan.load(tmp_path / "model")
    assert tagger.labels == ("DNA", "cell", "protein")
    for match in ENTITIES.finditer(TEXTS[0]):
        assert match.lastgroup in tagger.labels

    model = transformers.AutoModelForTokenClassification.from_pretrained(folder)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
        folder, **({"add_prefix_space": True} if kind.convention == "words" else {})
    )
    names = model.config.id2label
    marked = 0
    for text in TEXTS:
        (item,) = tagger.prepare([one_sentence(text)])
        offsets = item.offsets[0]
        if kind.convention == "words":
            words = [text[start:end] for start, end in offsets]
            encoding = tokenizer(words, is_split_into_words=True, return_tensors="pt")
            firsts = [encoding.word_ids(0).index(number) for number in range(len(words))]
        else:
            encoding = tokenizer(text, return_tensors="pt")
            firsts = [first_piece(encoding, text, *edges) for edges in offsets]
        with torch.no_grad():
            rows = model(**encoding).logits[0].softmax(dim=-1).numpy()
        ours = tagger.emissions([one_sentence(text)])[0][0]
        likely = np.exp(ours - np.logaddexp.reduce(ours, axis=1, keepdims=True))
        for row, first in zip(likely, firsts, strict=True):
            assert by_label(tagger.config.tag_set.names, row, kind) == pytest.approx(
                by_label([names[number] for number in range(len(names))], rows[first], kind),
                abs=1e-4,
            )
        marked += len(tagger.tag(one_sentence(text)).entities)
    assert marked


def first_piece(encoding: Any, text: str, start: int, end: int) -> int:
    """The first piece with a character of its own in a stretch, or the blank piece before it."""
    assert text[start:end].strip() == text[start:end]
    first = next(
        piece
        for place in range(start, end)
        if (piece := encoding.char_to_token(0, place)) is not None
    )
    before = encoding.token_to_chars(0, first - 1) if first > 1 else None
    if before is not None and before.end == start and text[before.start : before.end].isspace():
        return int(first) - 1
    return int(first)


def by_label(names: Any, row: Any, kind: Kind) -> dict[str, float]:
    """Probability of each label, however its tags are told apart."""
    found: dict[str, float] = {}
    for name, value in zip(names, row, strict=True):
        label = str(name).partition("-")[2] or str(name)
        if kind.scheme == "IO" and str(name).startswith("B-"):
            continue  # a second name of the same column
        found[label] = found.get(label, 0.0) + float(value)
    total = sum(found.values())
    return {label: value / total for label, value in found.items()}


def test_entities_are_those_of_the_pipeline(models: Callable[[str], Path], tmp_path: Path) -> None:
    import transformers

    from biospan.train import hub, import_hf

    folder = models("roberta")
    import_hf.import_model(hub.find(str(folder)), tmp_path / "m", options(KINDS["roberta"]))
    tagger = biospan.load(tmp_path / "m")
    pipe: Any = transformers.pipeline(  # type: ignore[call-overload]
        "ner", model=str(folder), aggregation_strategy="simple"
    )
    same = total = 0
    for text in SENTENCES:
        expected = {
            (group["start"] + (text[group["start"]] == " "), group["end"], group["entity_group"])
            for group in pipe(text)
        }
        marked = {(e.start, e.end, e.label) for e in tagger.tag(one_sentence(text)).entities}
        same, total = same + len(expected & marked), total + len(expected | marked)
    # Its words are not ours, and it has no rule for `I` after `O`.
    assert 3 * same >= 2 * total > 20


def test_a_long_sentence_is_read_to_its_end(models: Callable[[str], Path], tmp_path: Path) -> None:
    from biospan.train import hub, import_hf

    import_hf.import_model(
        hub.find(str(models("bert"))), tmp_path / "m", options(KINDS["bert"], max_pieces=128)
    )
    tagger = biospan.load(tmp_path / "m")
    text = "was used as a source of glucocorticoid receptor and " * 60
    marked = [e for e in tagger.tag(one_sentence(text)).entities if e.label == "protein"]
    assert len(marked) > 30
    assert marked[-1].end > len(text) - 200


def relabel(folder: Path, target: Path, change: Mapping[str, str]) -> Path:
    """A copy of a model with other names for its columns."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((target / "config.json").read_text())
    names = {key: change.get(name, name) for key, name in config["id2label"].items()}
    config["id2label"] = names
    config["label2id"] = {name: int(key) for key, name in names.items()}
    (target / "config.json").write_text(json.dumps(config))
    return target


def test_columns_without_names_need_some(
    models: Callable[[str], Path], tmp_path: Path, run_cli: Callable[..., Outcome]
) -> None:
    own = json.loads((models("bert") / "config.json").read_text())["id2label"].values()
    nameless = {name: f"LABEL_{number}" for number, name in enumerate(own)}
    folder = relabel(models("bert"), tmp_path / "nameless", nameless)
    plain = ("import", folder, tmp_path / "m", "--decide", "words", "--read", "units")
    refused = run_cli(*plain)
    assert refused.code == 78
    assert "LABEL_0" in refused.err
    assert "--labels" in refused.err
    assert not (tmp_path / "m").exists()
    named = ",".join(f"{new}={old}" for old, new in nameless.items())
    done = run_cli(*plain, "--labels", named)
    assert done.code == 0, done.err
    assert "as transformers on 12 sentences" in done.out
    tagged = biospan.load(tmp_path / "m").tag(SENTENCES[0])
    assert [entity.label for entity in tagged.entities] == ["protein", "cell"]
    record = biospan.load(tmp_path / "m").config.provenance["imported"]
    assert record["files"].keys() >= {"config.json", "model.safetensors"}
    assert record["options"]["labels"]["LABEL_0"] in own


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"O": "none"}, "no tag `O`"),
        ({"B-DNA": "DNA"}, "with and without a prefix"),
        ({"B-DNA": "I-DNA"}, "IOB1"),
        ({"B-DNA": "B-<b>", "I-DNA": "I-<b>"}, "no model may have"),
    ],
)
def test_names_that_cannot_be_understood_are_refused(
    models: Callable[[str], Path], tmp_path: Path, change: dict[str, str], problem: str
) -> None:
    from biospan.train import hub, import_hf

    folder = relabel(models("bert"), tmp_path / "odd", change)
    with pytest.raises(ConfigError, match=problem):
        import_hf.load(hub.find(str(folder)), options(KINDS["bert"]))


def test_an_encoder_without_a_trained_head_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    from biospan.train import hub, import_hf

    with pytest.raises(ModelError, match="not an encoder alone"):
        import_hf.import_model(hub.find(str(tiny_encoder)), tmp_path / "m", import_hf.Options())


def test_a_cased_vocabulary_that_is_lower_cased_needs_a_word(
    models: Callable[[str], Path], tmp_path: Path
) -> None:
    """The files of old cased models have no settings, and so transformers lower-cases."""
    from biospan.train import hub, import_hf

    folder = relabel(models("bert"), tmp_path / "old", {})
    parts = json.loads((folder / "tokenizer.json").read_text())
    parts["normalizer"]["lowercase"] = True
    (folder / "tokenizer.json").write_text(json.dumps(parts))
    source = hub.find(str(folder))
    with pytest.raises(ModelError, match="cased vocabulary"):
        import_hf.import_model(source, tmp_path / "m", options(KINDS["bert"]))
    import_hf.import_model(source, tmp_path / "keep", options(KINDS["bert"], casing="keep"))
    import_hf.import_model(source, tmp_path / "lower", options(KINDS["bert"], casing="lower"))
    kept, lowered = (biospan.load(tmp_path / name) for name in ("keep", "lower"))
    assert (kept.config.lowercase, kept.config.loses_case) == (False, False)
    assert (lowered.config.lowercase, lowered.config.loses_case) == (True, True)
    pieces = [t.prepare([Document("JURKAT")])[0].stretches[0].ids.tolist() for t in (kept, lowered)]
    assert pieces[0] != pieces[1]


def test_windows_that_no_sentence_fits_into_prove_nothing(
    models: Callable[[str], Path], tmp_path: Path
) -> None:
    from biospan.train import hub, import_hf

    few = options(KINDS["bert"], max_pieces=16)
    with pytest.raises(ModelError, match="nothing could be compared"):
        import_hf.import_model(hub.find(str(models("bert"))), tmp_path / "m", few)
    assert not (tmp_path / "m").exists()


def test_a_model_that_would_say_something_else_is_not_written(
    models: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.train import hub, import_hf

    exact = import_hf.in_tag
    monkeypatch.setattr(import_hf, "in_tag", lambda rows, own: exact(rows, own) * 1.01)
    with pytest.raises(ModelError, match="parity: in .* emission differs"):
        import_hf.import_model(
            hub.find(str(models("bert"))), tmp_path / "m", options(KINDS["bert"])
        )
    assert not (tmp_path / "m").exists()
