"""From a run to a model directory: the graph, its packed weights, and the two gates."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import biospan
from biospan.document import Document
from biospan.errors import MissingInputError, ModelError
from conftest import small_tokenizer

pytestmark = pytest.mark.usefixtures("needs_train")


@dataclasses.dataclass
class Exported:
    """A run, its model directory, and what its gates measured."""

    run: Any
    folder: Path
    gates: Any
    graph: bytes  # before packing


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """Exported once: the exporter of torch takes its time."""
    from biospan.train import export
    from biospan.train.run import restore

    run = restore(tiny_run)
    folder = tmp_path_factory.mktemp("exported") / "model"
    with pytest.MonkeyPatch.context() as patch:
        graph = export.to_onnx(run.model, run.model.inputs)
        patch.setattr(export, "to_onnx", lambda model, inputs: graph)
        patch.setattr(export, "MIN_PACKED_SIZE", 512)  # everything in this model is small
        yield Exported(run, folder, export.export(run, folder), graph)


def inputs(seed: int, n_windows: int, n_pieces: int, n_tokens: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, n_pieces + 1, n_windows)
    return {
        "input_ids": rng.integers(0, small_tokenizer().get_vocab_size(), (n_windows, n_pieces)),
        "mask": (np.arange(n_pieces) < lengths[:, None]).astype(np.int64),
        "token_starts": rng.integers(0, 2, (n_windows, n_tokens)),
    }


SHAPES = [(1, 2, 1), (1, 64, 60), (2, 7, 3), (5, 33, 31), (16, 9, 12), (3, 2, 9)]


def runtime(graph: bytes) -> Any:
    from biospan.model_config import REQUIRED_INPUTS
    from biospan.runtime import OnnxRuntime

    return OnnxRuntime(graph, REQUIRED_INPUTS, threads=1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_graph_says_what_torch_says(exported: Exported, shape: tuple[int, int, int]) -> None:
    from biospan.train.model import TorchRuntime

    arrays = inputs(0, *shape)
    expected = TorchRuntime(exported.run.model).run(arrays)
    got = runtime(exported.graph).run(arrays)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < 1e-4


def test_the_graph_names_no_file_of_the_machine_that_made_it(exported: Exported) -> None:
    for graph in (exported.graph, (exported.folder / "model.onnx").read_bytes()):
        assert b"site-packages" not in graph
        assert b".py" not in graph
        assert str(Path(biospan.__file__).parent).encode() not in graph


@pytest.mark.parametrize(
    ("precision", "saved_bytes", "bound"), [("fp16", 2, 2e-3), ("int8", 3, 0.1)]
)
def test_packed_weights_are_smaller_and_close(
    exported: Exported, precision: str, saved_bytes: int, bound: float
) -> None:
    import onnx
    from onnx import numpy_helper

    from biospan.train.export import MIN_PACKED_SIZE, pack

    weights = onnx.load_from_string(exported.graph).graph.initializer
    sizes = [
        numpy_helper.to_array(w).size for w in weights if w.data_type == onnx.TensorProto.FLOAT
    ]
    numbers = sum(size for size in sizes if size >= MIN_PACKED_SIZE)
    assert numbers > 0
    packed = pack(exported.graph, precision)
    assert len(exported.graph) - len(packed) > 0.7 * saved_bytes * numbers
    for shape in SHAPES:
        arrays = inputs(1, *shape)
        before, after = (runtime(graph).run(arrays) for graph in (exported.graph, packed))
        difference = float(np.abs(before - after).max())
        assert 0 < difference < bound * float(np.abs(before).max())


def test_fp32_is_not_packed(exported: Exported) -> None:
    from biospan.train.export import pack

    assert pack(exported.graph, "fp32") is exported.graph


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_weights_that_are_stored_otherwise_run_in_int8_as_well(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    from biospan.train import export

    monkeypatch.setattr(export, "MAX_F1_LOSS", 1.0)
    run = exported.run
    config = dataclasses.replace(run.config, pack=precision)
    gates = export.export(dataclasses.replace(run, config=config), tmp_path / "model")
    assert gates.packed_f1 == pytest.approx(gates.unpacked_f1, abs=1e-3)
    tagger = biospan.load(tmp_path / "model")
    others = biospan.load(exported.folder).config.activations
    assert set(tagger.config.activations or ()) == set(others or ()) != set()
    assert " int8 " in tagger.fingerprint


@pytest.mark.parametrize("shape", [(64, 8), (3, 128), (5, 384), (1, 100)])
def test_int8_is_within_half_a_step_of_every_weight(shape: tuple[int, int]) -> None:
    """Rounding to 255 levels of the block's largest value, by the definition of it."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from biospan.train.export import _packed

    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values[0] = 0.0  # a block of zeros has no scale of its own
    stored, nodes = _packed("w", values, "int8")
    graph = helper.make_graph(
        [*nodes, helper.make_node("Identity", ["w"], ["out"])],
        "expand",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)],
        initializer=stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    evaluator: Any = onnx.reference.ReferenceEvaluator(model)
    (expanded,) = evaluator.run(None, {})
    block = 128 if shape[1] % 128 == 0 else shape[1]
    largest = np.abs(values.reshape(-1, block)).max(axis=1)
    error = np.abs(values - expanded).reshape(-1, block).max(axis=1)
    assert (error <= largest / 127 / 2 + 1e-6).all()
    assert (expanded[0] == 0).all()
    assert numpy_helper.to_array(stored[0]).dtype == np.int8


def test_the_gates_measure_the_development_split(exported: Exported) -> None:
    gates, run = exported.gates, exported.run
    assert 0 <= gates.max_difference < 1e-4
    assert gates.unpacked_f1 == pytest.approx(run.record["best"]["report"]["spans"]["micro"]["f1"])
    assert abs(gates.unpacked_f1 - gates.packed_f1) <= 0.002
    assert gates.size == (exported.folder / "model.onnx").stat().st_size
    assert gates.size < len(exported.graph)


def spans(document: Document) -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.label) for e in document.entities]


def test_the_model_directory_loads_and_marks_what_torch_marks(exported: Exported) -> None:
    tagger = biospan.load(exported.folder)
    torch_tagger = exported.run.tagger()
    assert tagger.labels == ("DNA", "protein")
    documents = [*exported.run.train, *exported.run.dev]
    pairs = zip(tagger.tag_many(documents), torch_tagger.tag_many(documents), strict=True)
    found = [(spans(got), spans(expected)) for got, expected in pairs]
    assert all(got == expected for got, expected in found)
    assert sum(len(got) for got, _ in found) > 100
    assert spans(tagger.tag("the il and gene expression")) == [
        (4, 6, "protein"),
        (11, 26, "DNA"),
    ]


def test_a_document_alone_gets_what_it_gets_in_a_batch(exported: Exported) -> None:
    tagger = biospan.load(exported.folder)
    documents = list(exported.run.train)
    for document, in_batch in zip(documents, tagger.tag_many(documents), strict=True):
        alone = tagger.tag(document)
        assert spans(alone) == spans(in_batch)
        scores = zip(alone.entities, in_batch.entities, strict=True)
        assert all(a.score == pytest.approx(b.score, abs=1e-4) for a, b in scores)


def test_the_directory_says_where_it_comes_from(exported: Exported) -> None:
    provenance = json.loads((exported.folder / "config.json").read_text())["provenance"]
    for key, value in exported.run.record.items():
        assert provenance[key] == json.loads(json.dumps(value))
    gates = dataclasses.asdict(exported.gates)
    assert provenance["gates"] == {**gates, "changed": len(gates["changed"])}
    assert provenance["development"].keys() == {"jnlpba", "jnlpba-text"}
    for report in provenance["development"].values():
        assert report["n_documents"] == len(exported.run.dev)
        assert report["spans"]["micro"]["f1"] > 0.9
    encoder = exported.run.config.encoder
    weights = (Path(encoder) / "model.safetensors").read_bytes()
    checksum = hashlib.sha256(weights).hexdigest()
    assert provenance["sources"] == {
        "stages": [],
        "encoders": [{"name": encoder, "sha256": checksum}],
    }
    card = (exported.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert provenance["train"]["sha256"] in card
    assert checksum in card
    assert not (exported.folder / "reliability.svg").exists()


def test_entities_are_counted_by_what_was_learned_from(exported: Exported) -> None:
    provenance = json.loads((exported.folder / "config.json").read_text())["provenance"]
    learned = {(e.text.lower(), e.label) for d in exported.run.train for e in d.entities}
    gold = [entity for document in exported.run.dev for entity in document.entities]
    seen = sum((entity.text.lower(), entity.label) in learned for entity in gold)
    for levels in provenance["mentions"].values():
        assert levels["seen"]["micro"]["support"] == seen > 0
        assert levels["unseen"]["micro"]["support"] == len(gold) - seen


def test_a_form_of_the_corpus_that_is_not_there_is_left_out_aloud(
    exported: Exported, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from biospan.train import export

    def only_columns(name: str, split: str, *, path: Path | None) -> list[Document]:
        if name != "jnlpba":
            raise MissingInputError("no such folder")
        return biospan.read_corpus(name, split, path=path)

    monkeypatch.setattr(export, "read_corpus", only_columns)
    found = list(export.development(exported.run.tagger(), exported.run.config))
    assert [name for name, _, _ in found] == ["jnlpba"]
    assert caplog.messages == ["no report on `jnlpba-text`: no such folder"]


@contextmanager
def shifted(run: Any, by: float) -> Iterator[None]:
    """Torch says `O` with another number meanwhile than the graph does."""
    import torch

    with torch.no_grad():
        kept = run.model.head.bias.clone()
        run.model.head.bias[0] += by
        try:
            yield
        finally:
            run.model.head.bias.copy_(kept)


def test_the_export_gate_refuses_other_emissions(exported: Exported, tmp_path: Path) -> None:
    from biospan.train import export

    refusal = pytest.raises(ModelError, match=r"export gate: emissions differ by 0\.01")
    with shifted(exported.run, 0.01), refusal:
        export.export(exported.run, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_export_gate_refuses_other_tags_whatever_difference_is_allowed(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.train import export

    monkeypatch.setattr(export, "MAX_DIFFERENCE", 1e9)
    refusal = pytest.raises(ModelError, match=r"export gate: .*; [1-9]\d* clear tags changed")
    with shifted(exported.run, 100.0), refusal:
        export.export(exported.run, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_pack_gate_refuses_a_loss_of_f1(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.train import export

    def ruin(graph: bytes, precision: str) -> bytes:
        import onnx
        from onnx import numpy_helper

        model = onnx.load_from_string(graph)
        for weight in model.graph.initializer:
            values = numpy_helper.to_array(weight)
            if values.dtype == np.float32 and values.ndim == 2:
                weight.CopyFrom(numpy_helper.from_array(np.zeros_like(values), weight.name))
        return bytes(model.SerializeToString())

    monkeypatch.setattr(export, "pack", ruin)
    with pytest.raises(ModelError, match=r"pack gate: `int8` weights lower development F1 from"):
        export.export(exported.run, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_pack_gate_lists_what_packing_changed() -> None:
    from biospan.train import export

    document = Document("il cells", "7")
    old = document.with_entities([biospan.Entity(0, 2, "protein", "il")])
    new = document.with_entities([biospan.Entity(0, 2, "DNA", "il")])
    assert list(export._changes([old, old], [old, new])) == [
        "7: - 0-2 protein `il`",
        "7: + 0-2 DNA `il`",
    ]


def test_the_pack_gate_refuses_what_depends_on_its_batch(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan.tagger import Tagger
    from biospan.train import export

    tag = Tagger.tag
    monkeypatch.setattr(Tagger, "tag", lambda self, text: tag(self, text).with_entities(()))
    with pytest.raises(ModelError, match=r"document `\d+` gets other entities alone"):
        export.export(exported.run, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_with_documents_for_calibration_gives_calibrated_scores(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biospan import reliability
    from biospan.train import calibrate, data, export

    def half_wrong(config: Any) -> list[Document]:
        assert config.calibration_documents == 5
        return [d.with_entities(d.entities[::2]) for d in exported.run.train[:5]]

    monkeypatch.setattr(data, "calibrating", half_wrong)
    recipe = dataclasses.replace(exported.run.config, calibration_documents=5)
    run = dataclasses.replace(exported.run, config=recipe)
    export.export(run, tmp_path / "model")
    before, after = biospan.load(exported.folder), biospan.load(tmp_path / "model")
    assert before.config.calibration is None
    assert "calibration" not in before.config.provenance
    assert after.config.calibration == calibrate.fit(before, half_wrong(recipe))
    told = after.config.provenance["calibration"]
    assert told["documents"] == 5
    assert told["sha256"] == data.checksum(half_wrong(recipe))
    assert (tmp_path / "model" / "reliability.svg").read_text().startswith("<svg ")
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "](reliability.svg)" in card
    assert all(f"{found['ece']:.4f}" in card for found in told["development"].values())
    assert told["fitted"] == after.config.calibration.to_dict()
    assert told["development"].keys() == {"jnlpba", "jnlpba-text"}
    for form, figures in told["development"].items():
        gold = biospan.read_corpus(form, "dev", path=recipe.corpus_path)
        predicted = list(after.tag_many(gold))
        assert figures == reliability.evaluate(gold, predicted).to_dict()
        own = reliability.evaluate(gold, before.tag_many(gold))
        assert own.to_dict() != figures
        assert len(own.scores) == figures["n"] > 10
