"""An adaptation learns, goes on after any death bit by bit, and leaves an encoder for `train`."""

import gzip
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biospan import corpora
from biospan.errors import ConfigError, InputError, LockedError, MissingInputError, StoppedError
from biospan.train.pretrain.config import from_mapping

pytestmark = pytest.mark.usefixtures("needs_train")

Recipe = dict[str, Any]
VOCABULARY = {"vocabulary": 120, "dropout": 0.1, "passes": 1.0, "checkpoint_minutes": 0.0}


class DiedError(Exception):
    """Stands for a death at a chosen step."""


def pretrain(recipe: Recipe, folder: Path, **options: Any) -> Any:
    from biospan.train.pretrain import loop

    return loop.pretrain(from_mapping(recipe), folder, **options)


def die_at(step: int) -> Any:
    def on_step(progress: Any) -> None:
        if progress.step == step:
            raise DiedError

    return on_step


def losses(folder: Path) -> list[float]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def outcome(folder: Path) -> tuple[str, list[float], Recipe]:
    record = json.loads((folder / "record.json").read_text())
    kept = {key: value for key, value in record.items() if key not in ("seconds", "resumed")}
    return sha256((folder / "model.safetensors").read_bytes()).hexdigest(), losses(folder), kept


@pytest.fixture(scope="module")
def recipe(tiny_pretrain_recipe: Recipe) -> Recipe:
    return {**tiny_pretrain_recipe, **VOCABULARY}


@pytest.fixture(scope="module")
def begun(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that died at its first step; it has learned its vocabulary, in which ties are luck."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.raises(DiedError):
        pretrain(recipe, folder, on_step=die_at(1))
    return folder


@pytest.fixture(scope="module")
def through(recipe: Recipe, begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, to which nothing else happened."""
    folder = tmp_path_factory.mktemp("through") / "run"
    shutil.copytree(begun, folder)
    pretrain(recipe, folder)
    return folder


def start(recipe: Recipe, folder: Path) -> Any:
    from biospan.train import parallel
    from biospan.train.pretrain import run

    return run.start(from_mapping(recipe), folder, parallel.join(), None)


def test_it_learns_from_context(tiny_pretrain_recipe: Recipe, tmp_path: Path) -> None:
    """A guess from frequencies alone cannot get below the entropy of the pieces."""
    recipe = {**tiny_pretrain_recipe, "passes": 12.0, "warmup_ratio": 0.2}
    record = pretrain(recipe, tmp_path)
    found = losses(tmp_path)
    assert len(found) == record["steps"]
    text = start(recipe, tmp_path).masker.text
    counts = Counter(text.ids[text.units >= 0].tolist())
    entropy = -sum(n / counts.total() * math.log(n / counts.total()) for n in counts.values())
    assert np.mean(found[-10:]) < 0.85 * entropy < entropy < np.mean(found[:3])


def test_the_first_loss_is_the_cross_entropy_of_the_hidden_pieces(
    tiny_pretrain_recipe: Recipe, tmp_path: Path
) -> None:
    """Against NumPy on the states of transformers' own encoder; micro-batches change nothing."""
    import torch
    from transformers import AutoModel

    recipe = {**tiny_pretrain_recipe, "passes": 0.1}
    config = from_mapping(recipe)
    run = start(recipe, tmp_path)
    source = np.random.default_rng([config.seed, 0, 1])
    masked = run.masker.windows(run.order[: config.batch_size], source)
    encoder = AutoModel.from_pretrained(recipe["encoder"]).eval()
    with torch.inference_mode():  # each shape begins as what type 0 was
        states = encoder(input_ids=torch.from_numpy(masked.input_ids)).last_hidden_state
    hidden = states.numpy().astype(np.float64).reshape(-1, states.shape[-1])[masked.places]
    erf = np.vectorize(math.erf)
    hidden = hidden * (1 + erf(hidden / math.sqrt(2))) / 2
    hidden -= hidden.mean(axis=1, keepdims=True)
    hidden /= np.sqrt((hidden**2).mean(axis=1, keepdims=True) + 1e-5)
    scores = hidden @ encoder.get_input_embeddings().weight.detach().numpy().T
    right = scores[np.arange(len(scores)), masked.hidden]
    expected = (np.log(np.exp(scores).sum(axis=1)) - right).mean()
    pretrain(recipe, tmp_path)
    assert losses(tmp_path)[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("deaths", [(2,), (7,), (3, 4, 9)])
def test_whatever_the_step_it_dies_at_it_ends_bit_by_bit_the_same(
    recipe: Recipe, begun: Path, through: Path, tmp_path: Path, deaths: tuple[int, ...]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(begun, folder)
    for step in deaths:
        with pytest.raises(DiedError):
            pretrain(recipe, folder, on_step=die_at(step))
    pretrain(recipe, folder)
    assert outcome(folder) == outcome(through)
    # It died after the step was logged and before its checkpoint was written.
    assert json.loads((folder / "record.json").read_text())["resumed"] == [n - 1 for n in deaths]


def test_a_run_leaves_an_encoder_with_its_record(recipe: Recipe, through: Path) -> None:
    names = {path.name for path in through.iterdir()}
    assert names == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *("record.json", "log.jsonl", "curves.png", "run.lock"),
    }
    record = json.loads((through / "record.json").read_text())
    assert record["finished"] is True
    assert from_mapping(record["recipe"]) == from_mapping(recipe)
    packed = Path(recipe["text"]) / "abstracts.txt.gz"
    assert record["text"]["files"][0] == {
        "name": packed.name,
        "sha256": sha256(packed.read_bytes()).hexdigest(),
        "lines": len(set(gzip.decompress(packed.read_bytes()).splitlines())),
    }
    assert record["train"]["documents"] == record["text"]["own_documents"] == 28


def test_a_model_is_trained_on_what_it_leaves(
    through: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """Its tokenizer passes what no model directory may hold, and its vocabulary is the new one."""
    from biospan.train import config, loop

    values = {**tiny_recipe, "encoder": str(through), "epochs": 1, "max_pieces": 32}
    run = loop.fit(config.from_mapping(values), tmp_path)
    assert run.record["finished"]
    assert run.model_config.lowercase
    assert run.tokenizer.get_vocab_size() < 130
    encoding = run.tokenizer.encode("EXPRESSION of Actin", add_special_tokens=False)
    assert encoding.tokens == ["expression", "of", "actin"]


def test_sigterm_writes_a_checkpoint_and_says_how_to_go_on(
    recipe: Recipe, begun: Path, through: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(begun, folder)
    (folder / "log.jsonl").unlink()
    rare = {**recipe, "checkpoint_minutes": 60.0, "passes": 1.0}
    process = subprocess.Popen(
        [sys.executable, *command(rare, folder)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    log = folder / "log.jsonl"
    while process.poll() is None and not (log.exists() and len(losses(folder)) >= 2):
        time.sleep(0.002)
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert b"the same command goes on from there" in told
    assert b"Traceback" not in told
    assert list((folder / "checkpoints").glob("*.safetensors"))
    pretrain(recipe, folder)  # its checkpoints may be as frequent as one likes
    assert outcome(folder)[:2] == outcome(through)[:2]


def command(recipe: Recipe, folder: Path) -> list[str]:
    path = folder.with_suffix(".toml")
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in recipe.items()))
    return ["-m", "biospan", "pretrain", str(path), "--output", str(folder)]


def test_two_processes_make_the_steps_of_one(tiny_pretrain_recipe: Recipe, tmp_path: Path) -> None:
    """Without dropout the only difference is the order of sums."""
    import torch
    from safetensors.torch import load_file

    recipe = {**tiny_pretrain_recipe, "learning_rate": 1e-3, "micro_batch_size": 3}
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    pretrain(recipe, alone)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [sys.executable, *launcher, *command(recipe, shared)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    expected, found = (load_file(folder / "model.safetensors") for folder in (alone, shared))
    for name, weight in expected.items():
        assert torch.allclose(found[name], weight, atol=2e-3), name
    assert losses(shared) == pytest.approx(losses(alone), rel=1e-3)
    assert json.loads((shared / "record.json").read_text())["machine"].endswith("2 processes")
    assert done.stdout.count("an encoder after") == 1  # one of them speaks


def test_told_to_stop_it_stops_and_a_finished_run_is_left_as_it_is(
    tiny_pretrain_recipe: Recipe, tmp_path: Path
) -> None:
    steps: list[Any] = []
    options = {"on_step": steps.append, "should_stop": lambda: len(steps) == 4}
    with pytest.raises(StoppedError, match="stopped after step 4 of"):
        pretrain(tiny_pretrain_recipe, tmp_path, **options)
    record = pretrain(tiny_pretrain_recipe, tmp_path, on_step=steps.append)
    assert [step.step for step in steps] == list(range(1, record["steps"] + 1))
    before = outcome(tmp_path)
    assert pretrain(tiny_pretrain_recipe, tmp_path, on_step=steps.append)["resumed"] == [4]
    assert len(steps) == record["steps"]
    assert outcome(tmp_path) == before


def test_another_recipe_in_the_same_folder_is_refused_unless_restarted(
    recipe: Recipe, begun: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(begun, folder)
    moved = tmp_path / "moved"
    shutil.copytree(recipe["text"], moved)
    with pytest.raises(DiedError):  # the same files elsewhere are the same text
        pretrain(
            {**recipe, "text": str(moved), "checkpoint_minutes": 5.0}, folder, on_step=die_at(1)
        )
    other = {**recipe, "passes": 0.3, "seed": 9, "vocabulary": 100}
    with pytest.raises(ConfigError, match=r"`passes` is 1.0 there and 0.3 here; `seed` is 3"):
        pretrain(other, folder)
    record = pretrain(other, folder, restart=True)
    assert record["recipe"]["seed"] == 9
    assert "resumed" not in record
    assert record["vocabulary"]["size"] <= 100


def test_changed_text_is_refused_and_named(recipe: Recipe, begun: Path, tmp_path: Path) -> None:
    folder, moved = tmp_path / "run", tmp_path / "moved"
    shutil.copytree(begun, folder)
    shutil.copytree(recipe["text"], moved)
    (moved / "book.txt").write_text((moved / "book.txt").read_text() + "\n")
    with pytest.raises(InputError, match=r"not what .*record.json was made with: book.txt\. Give"):
        pretrain({**recipe, "text": str(moved)}, folder)


def test_a_changed_corpus_is_refused(recipe: Recipe, begun: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(begun, folder)
    record = json.loads((folder / "record.json").read_text())
    record["dev"]["sha256"] = "0"
    (folder / "record.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"corpus `jnlpba-text`: not the documents that"):
        pretrain(recipe, folder)


def test_a_run_without_its_vocabulary_cannot_go_on(
    recipe: Recipe, begun: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(begun, folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(MissingInputError, match="expected the vocabulary that the run"):
        pretrain(recipe, folder)


def test_held_out_text_is_not_learned_from(
    tiny_pretrain_recipe: Recipe, tiny_corpus: Path, tmp_path: Path
) -> None:
    dev = corpora.read_corpus("jnlpba-text", "dev", path=tiny_corpus)
    lines = [" ".join(document.text.split()) for document in dev]
    lines = [line for line in lines if len(line.split()) > 15]
    (tmp_path / "leak.txt").write_text("\n".join(lines))
    changes = {"text": str(tmp_path), "files": ["leak.txt"], "passes": 0.1}
    record = pretrain({**tiny_pretrain_recipe, **changes}, tmp_path / "run")
    assert record["text"]["dropped"] == {"held out": len(lines), "less like": 0}
    assert len(lines) > 3


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"files": ["a.txt", "book.txt", "b.txt"]}, MissingInputError, "2 of 3 .*: a.txt, b.txt"),
        ({"max_pieces": 65}, ConfigError, "`max_pieces` is 65; encoder .* takes 64"),
        ({"encoder": "cut"}, InputError, "pieces in .* lines .*expected at least the 62 of one"),
    ],
    ids=["missing", "positions", "no window"],
)
def test_what_cannot_be_learned_from_is_refused(
    tiny_pretrain_recipe: Recipe,
    tmp_path: Path,
    changes: Recipe,
    error: type[Exception],
    message: str,
) -> None:
    if changes.get("encoder") == "cut":
        corpus = tmp_path / "train.jsonl"
        corpus.write_text('{"id": "1", "text": "il gene"}\n')
        (tmp_path / "dev.jsonl").write_text('{"id": "2", "text": "the"}\n')
        changes = {"files": [], "corpus": str(tmp_path), "corpus_path": "", "max_pieces": 64}
    with pytest.raises(error, match=message):
        pretrain({**tiny_pretrain_recipe, **changes}, tmp_path / "run")


def test_two_runs_in_one_folder_are_one_too_many(recipe: Recipe, tmp_path: Path) -> None:
    holder = (
        "import sys, time; from pathlib import Path; from biospan.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "run.lock")], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match="another process is training there"):
            pretrain(recipe, tmp_path)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
