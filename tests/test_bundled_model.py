"""The model in the package: it is whole, it works, and it does so without torch or a network.

How good it is stands in its card; these tests hold for any model of its shape.
"""

import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import biospan
from biospan.corpora import find_corpus, read_corpus
from biospan.document import Document
from biospan.tagger import ERROR_KEY, Tagger

FOLDER = Path(biospan.__file__).parent / "models" / "default"
EXAMPLE = Path(__file__).parents[1] / "docs" / "example.txt"
SENTENCE = (
    "Mouse thymus was used as a source of glucocorticoid receptor from normal CS lymphocytes."
)
LABELS = ("DNA", "RNA", "cell_line", "cell_type", "protein")


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return biospan.load()


def spans(document: Document) -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.label) for e in document.entities]


def test_it_marks_the_sentence_of_its_first_page(tagger: Tagger) -> None:
    assert [(e.text, e.label) for e in tagger.tag(SENTENCE).entities] == [
        ("glucocorticoid receptor", "protein"),
        ("normal CS lymphocytes", "cell_type"),
    ]


def test_it_marks_something_of_every_kind_that_the_example_holds(tagger: Tagger) -> None:
    document = tagger.tag(EXAMPLE.read_text(encoding="utf-8"))
    assert {"protein", "DNA", "cell_type", "cell_line"} <= {e.label for e in document.entities}
    assert all(0.0 < (e.score or 0.0) <= 1.0 for e in document.entities)


def test_it_has_the_five_labels_of_its_corpus(tagger: Tagger) -> None:
    assert tagger.labels == LABELS == find_corpus("jnlpba").labels


def test_it_is_small_enough_to_come_with_the_package() -> None:
    files = {file.name: file.stat().st_size for file in FOLDER.iterdir()}
    assert files.keys() - {"reliability.svg"} == {
        *("model.onnx", "tokenizer.json", "config.json", "MODEL_CARD.md", "manifest.json")
    }
    assert sum(files.values()) <= 30e6


def test_its_card_says_what_it_was_trained_on_and_what_for() -> None:
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Kim, Ohta, Tsuruoka, Tateisi and Collier (2004)" in card
    assert "Not a medical device" in card
    provenance = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))["provenance"]
    assert provenance["train"]["sha256"] in card
    scores = [report["spans"]["micro"]["f1"] for report in provenance["development"].values()]
    assert scores
    assert all(f"{score:.4f}" in card for score in scores)


def test_none_of_its_files_names_a_place_on_the_machine_that_made_it() -> None:
    for file in FOLDER.iterdir():
        content = file.read_bytes()
        assert b"site-packages" not in content, file.name
        assert b"/home/" not in content, file.name
        assert b'File "' not in content, file.name
    assert b".py" not in (FOLDER / "model.onnx").read_bytes()


_PARTS = (
    *("IL-2", "NF-kappa B", "p53", "T cells", "mRNA", "the", "gene", " ", "  ", "\n", "\r\n", "\t"),
    *("\0", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "\u200b", "\u200d", "\u202e", "\u00ad"),
    *("\ud800", "\udfff", "\U0001f9ec", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0301"),
    *("e\u0301", "\u05d0\u05d1\u05d2", "\u0627\u0644", "\u0e01\u0e33", "\ufdfa", "\u4e2d\u6587"),
    *(
        "\uff21\uff22",
        "\u0130",
        "\ufb01",
        "\u00df",
        "\u01c5",
        "α",
        "β-",
        "``",
        "''",
        "[CLS]",
        "[SEP]",
    ),
    *(
        "[UNK]",
        "[MASK]",
        "##s",
        "<b>",
        "&amp;",
        "'\"",
        "\\",
        "%00",
        "{{}}",
        "A" * 300,
        "(" * 40,
        "." * 30,
    ),
)


def hostile_texts(count: int) -> Iterator[str]:
    rng = random.Random(0)
    for number in range(count):
        if number % 4 == 0:
            length = rng.randrange(12)
            # Any code point at all, the low planes more often than the empty high ones.
            limits = rng.choices([0x80, 0x800, 0x10000, 0x110000], k=length)
            yield "".join(chr(rng.randrange(limit)) for limit in limits)
        else:
            joint = rng.choice(["", " ", " "])
            yield joint.join(rng.choices(_PARTS, k=rng.randrange(15)))


def test_offsets_hold_on_hostile_texts(tagger: Tagger) -> None:
    texts = list(hostile_texts(2000))
    found = 0
    for text, document in zip(texts, tagger.tag_many(texts), strict=True):
        assert document.text == text
        assert ERROR_KEY not in document.metadata
        end = 0
        for entity in document.entities:
            assert text[entity.start : entity.end] == entity.text
            assert entity.start >= end
            assert entity.label in LABELS
            assert entity.text == entity.text.strip()
            end = entity.end
        found += len(document.entities)
    assert found > 500


def test_an_abstract_alone_gets_what_it_gets_in_a_shuffled_batch(
    tagger: Tagger, jnlpba_dir: Path
) -> None:
    texts = [d.text for d in read_corpus("jnlpba-text", "dev", path=jnlpba_dir)[:64]]
    alone = {text: tagger.tag(text) for text in texts}
    shuffled = random.Random(1).sample(texts, len(texts))
    for text, document in zip(shuffled, tagger.tag_many(shuffled), strict=True):
        assert spans(document) == spans(alone[text])
        for one, other in zip(document.entities, alone[text].entities, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_it_loads_and_tags_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        pytest.fail("a connection was opened")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(biospan.load().tag(SENTENCE).entities) == 2


def test_it_loads_and_tags_without_torch_in_a_fresh_process() -> None:
    code = (
        "import sys, biospan\n"
        f"print(len(biospan.load().tag({SENTENCE!r}).entities))\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, loaded = done.stdout.split("\n", 1)
    assert count == "2"
    roots = {name.split(".")[0] for name in loaded.split()}
    assert "onnxruntime" in roots
    assert not roots & {"torch", "transformers", "onnx", "openvino", "typer", "pandas"}


def test_the_same_text_gives_the_same_scores_in_another_tagger(tagger: Tagger) -> None:
    again = biospan.load()
    assert again.fingerprint == tagger.fingerprint
    assert again.tag(SENTENCE) == tagger.tag(SENTENCE)


def test_openvino_marks_what_onnx_runtime_marks(needs_openvino: None) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    expected = biospan.load(engine="onnxruntime").tag(text)
    found = biospan.load(engine="openvino").tag(text)
    assert expected.entities
    assert spans(found) == spans(expected)
    for one, other in zip(found.entities, expected.entities, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-3)


@pytest.mark.parametrize("engine", ["openvino", "openvino-bf16"])
@pytest.mark.parametrize("shape", [(1, 8, 3), (1, 256, 2), (2, 77, 1), (2, 91, 2), (9, 40, 20)])
def test_openvino_says_what_onnx_runtime_says_for_few_tokens_too(
    needs_openvino: None, engine: str, shape: tuple[int, int, int]
) -> None:
    # In a process of its own: what this guards against ended the process.
    code = f"""
import numpy as np
from biospan.model_dir import load_model_dir
from biospan.pieces import N_SHAPES
from biospan.runtime import open_runtime
files = load_model_dir({str(FOLDER)!r})
rng = np.random.default_rng(0)
n_windows, n_pieces, n_tokens = {shape}
arrays = {{
    "input_ids": rng.integers(1000, 20000, (n_windows, n_pieces)),
    "mask": np.ones((n_windows, n_pieces), dtype=np.int64),
    "token_starts": rng.integers(0, n_pieces, (n_windows, n_tokens)),
    "shapes": rng.integers(0, N_SHAPES, (n_windows, n_pieces)),
}}
arrays = {{name: arrays[name] for name in files.config.inputs}}
expected, found = (
    open_runtime(name, files.onnx, files.config.inputs, threads=1).run(arrays)
    for name in ("onnxruntime", {engine!r})
)
print(np.abs(expected - found).max())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < (1e-3 if engine == "openvino" else 0.5)


@pytest.mark.full
def test_memory_stays_flat_along_a_stream(tagger: Tagger, jnlpba_dir: Path) -> None:
    texts = [document.text for document in read_corpus("jnlpba-text", "dev", path=jnlpba_dir)]
    stream = (f"{text} {turn}" for turn in range(8) for text in texts)
    process = psutil.Process()
    memory = [process.memory_info().rss for _ in tagger.tag_many(stream)]
    assert len(memory) == 8 * len(texts)
    assert memory[-1] - memory[2 * len(texts)] < 40e6
