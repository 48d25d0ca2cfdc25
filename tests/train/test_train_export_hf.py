"""Runs as folders that transformers loads: what it says of them, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biospan import tags
from biospan.document import Document, Passage, Sentence
from biospan.errors import ModelError, OutputError
from conftest import Outcome, save_encoder, small_tokenizer

pytestmark = pytest.mark.usefixtures("needs_train")

TEXTS = (
    "IL of gene expression, and the il-2 protein (cells).",
    "Gene expression of il; il and IL: gene cells ...",
)


def fit(recipe: dict[str, Any], folder: Path, **changes: Any) -> Path:
    from biospan.train.config import from_mapping
    from biospan.train.loop import fit as train

    train(from_mapping({**recipe, **changes}), folder)
    return folder


@pytest.fixture(scope="module")
def written(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run as transformers has it."""
    from biospan.train.export_hf import export
    from biospan.train.run import restore

    folder = tmp_path_factory.mktemp("hf") / "model"
    export(restore(tiny_run), folder, licence="apache-2.0")
    return folder


def one_sentence(text: str) -> Document:
    sentence = Sentence(0, len(text))
    return Document(text).with_passages([Passage(0, len(text), sentences=(sentence,))])


def load(folder: Path) -> tuple[Any, Any]:
    import transformers

    model = transformers.AutoModelForTokenClassification.from_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder), model


def test_a_plain_loop_says_at_each_units_first_piece_what_the_run_says(
    tiny_run: Path, written: Path
) -> None:
    import torch

    from biospan.train.run import restore

    tagger = restore(tiny_run).tagger()
    tokenizer, model = load(written)
    assert [model.config.id2label[i] for i in range(5)] == list(tagger.config.tag_set.names)
    for text in TEXTS:
        encoding = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            logits = model(**encoding).logits[0].numpy()
        (item,) = tagger.prepare([one_sentence(text)])
        pieces = item.stretches[0].ids.tolist()
        assert encoding["input_ids"][0].tolist()[1:-1] == pieces
        firsts = [encoding.char_to_token(0, start) for start, _ in item.offsets[0]]
        rows = tagger.emissions([one_sentence(text)])[0][0]
        assert np.abs(logits[firsts] - rows).max() < 1e-4


def test_the_output_has_the_two_forms_of_the_card(written: Path) -> None:
    """A dict for each piece that is no `O`, and `piece -> tag` for every piece."""
    import torch
    import transformers

    tokenizer, model = load(written)
    pipe: Any = transformers.pipeline(  # type: ignore[call-overload]
        "ner", model=str(written)
    )
    for text in TEXTS:
        encoding = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            likely = model(**encoding).logits[0].softmax(dim=-1)
        best = likely.argmax(dim=-1).tolist()
        pieces = tokenizer.convert_ids_to_tokens(encoding["input_ids"][0])
        lines = [
            f"{piece} -> {model.config.id2label[tag]}"
            for piece, tag in list(zip(pieces, best, strict=True))[1:-1]
        ]
        assert any(line.endswith("B-protein") for line in lines)
        expected = [
            {"word": piece, "entity": model.config.id2label[tag], "score": float(row[tag])}
            for piece, tag, row in list(zip(pieces, best, likely, strict=True))[1:-1]
            if model.config.id2label[tag] != "O"
        ]
        found = pipe(text)
        assert [(item["word"], item["entity"]) for item in found] == [
            (item["word"], item["entity"]) for item in expected
        ]
        assert [item["score"] for item in found] == pytest.approx(
            [item["score"] for item in expected], abs=1e-5
        )


def test_aggregated_entities_are_those_of_the_run(tiny_run: Path, written: Path) -> None:
    import transformers

    from biospan.train.run import restore

    tagger = restore(tiny_run).tagger()
    pipe: Any = transformers.pipeline(  # type: ignore[call-overload]
        "ner", model=str(written), aggregation_strategy="first"
    )
    names, compared = tagger.config.tag_set.names, 0
    for document in [*map(one_sentence, TEXTS), *restore(tiny_run).dev[:4]]:
        for sentence in tagger.prepare([document])[0].document.sentences():
            text = document.text[sentence.start : sentence.end]
            best = tagger.emissions([one_sentence(text)])[0][0].argmax(axis=1)
            if tags.problems([names[number] for number in best]):
                continue  # the pipeline has no rule for them, and we decide as a whole
            groups = {(g["start"], g["end"], g["entity_group"]) for g in pipe(text)}
            entities = tagger.tag(one_sentence(text)).entities
            assert groups == {(e.start, e.end, e.label) for e in entities}
            compared += bool(groups)
    assert compared >= 5


def test_the_card_has_front_matter_that_the_hub_reads(written: Path) -> None:
    from huggingface_hub import ModelCard

    data = ModelCard.load(written / "README.md").data.to_dict()
    assert data["license"] == "apache-2.0"
    assert data["pipeline_tag"] == "token-classification"
    assert data["library_name"] == "transformers"
    assert data["datasets"] == ["jnlpba"]
    assert data["metrics"] == ["precision", "recall", "f1"]
    assert all(example["text"] for example in data["widget"])
    (result,) = data["model-index"][0]["results"]
    assert 0 < result["metrics"][0]["value"] <= 1
    names = {path.name for path in written.iterdir()}
    assert names == {
        *("README.md", "config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json"),
    }


def test_what_goes_out_comes_in_again(tiny_run: Path, written: Path, tmp_path: Path) -> None:
    import biospan
    from biospan.train import hub, import_hf
    from biospan.train.run import restore

    options = import_hf.Options()
    source = hub.find(str(written))
    parts = json.loads((written / "tokenizer.json").read_text())
    assert parts["pre_tokenizer"]["pretokenizers"][0]["type"] == "Split"
    import_hf.import_model(source, tmp_path / "back", options)
    back, run = biospan.load(tmp_path / "back"), restore(tiny_run).tagger()
    for text in TEXTS:
        ours, theirs = (tagger.tag(one_sentence(text)) for tagger in (run, back))
        assert [(e.start, e.end, e.label) for e in ours.entities] == [
            (e.start, e.end, e.label) for e in theirs.entities
        ]


def test_dropping_a_crf_is_said_with_its_price(
    tiny_recipe: dict[str, Any], tmp_path: Path, run_cli: Callable[..., Outcome]
) -> None:
    run = fit(tiny_recipe, tmp_path / "run", head="crf", scheme="IOBES", epochs=1)
    done = run_cli("export", "--to", "huggingface", run, tmp_path / "out")
    assert done.code == 0, done.err
    assert "the CRF is dropped, and transformers takes the best tag of each piece" in done.out
    assert "without the CRF" in (tmp_path / "out" / "README.md").read_text()
    again = run_cli("export", "--to", "huggingface", run, tmp_path / "out")
    assert again.code == 73
    nowhere = run_cli("export", "--to", "huggingface", run)
    assert nowhere.code == 78


def test_what_transformers_cannot_express_is_refused_by_name(
    tiny_recipe: dict[str, Any], tmp_path: Path
) -> None:
    import torch
    import transformers

    from biospan.train.export_hf import export
    from biospan.train.run import restore

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=small_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        type_vocab_size=8,
    )
    save_encoder(transformers.BertModel(config), tmp_path / "encoder")
    run = fit(tiny_recipe, tmp_path / "run", encoder=str(tmp_path / "encoder"), epochs=1)
    with pytest.raises(ModelError, match="`shapes`"):
        export(restore(run), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_directory_without_its_run_is_refused(
    run_cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    import importlib.resources

    bundled = importlib.resources.files("biospan") / "models" / "default"
    refused = run_cli("export", "--to", "huggingface", bundled, tmp_path / "out")
    assert refused.code == 69
    assert "no weights that torch could load" in refused.err


def test_nothing_is_overwritten(tiny_run: Path, tmp_path: Path) -> None:
    from biospan.train.export_hf import export
    from biospan.train.run import restore

    (tmp_path / "mine").write_text("x")
    with pytest.raises(OutputError, match="there already"):
        export(restore(tiny_run), tmp_path)
