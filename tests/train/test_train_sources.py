"""What a model was made of: folders are followed to their records, as far as there are any."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("needs_train")


def digest(*contents: bytes) -> str:
    return hashlib.sha256(b"".join(contents)).hexdigest()


def run(folder: Path, recipe: dict[str, Any], files: dict[str, bytes], **record: Any) -> str:
    """What an earlier run leaves in a folder."""
    folder.mkdir()
    made = {"commit": "5eed", "packages": {"torch": "1"}, "machine": "any", "epochs": [1, 2]}
    (folder / "record.json").write_text(json.dumps({"recipe": recipe, **made, **record}))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder)


@pytest.fixture
def chain(tmp_path: Path) -> dict[str, Any]:
    """Weights, an encoder adapted from them, two teachers that began with it, what they said."""
    first = tmp_path / "first"
    first.mkdir()
    (first / "model.safetensors").write_bytes(b"first")
    text = {"files": [{"name": "a.txt", "sha256": "aa", "lines": 3}], "words": 40}
    adapted = run(
        tmp_path / "adapted",
        {"encoder": str(first)},
        {"model.safetensors": b"adapted"},
        text=text,
        seconds=2.0,
    )
    teachers = [
        run(
            tmp_path / name,
            {"encoder": adapted, "seed": seed},
            {"best.safetensors": name.encode()},
            train={"documents": 7, "sha256": "77"},
        )
        for seed, name in enumerate(("one", "two"))
    ]
    parts = {"part-00001.safetensors": b"second", "part-00000.safetensors": b"first"}
    said = run(
        tmp_path / "said",
        {"teachers": teachers},
        {"documents.jsonl": b"texts", **parts},
        text=text,
        teachers=[digest(b"one"), digest(b"two")],
    )
    return {"first": str(first), "adapted": adapted, "teachers": teachers, "said": said}


def gather(chain: dict[str, Any], **changes: Any) -> dict[str, Any]:
    from biospan.train.sources import gather

    return gather({"encoder": chain["adapted"], "taught": chain["said"], **changes})


def test_every_run_of_the_chain_is_there_once_after_what_it_builds_on(
    chain: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    found = gather(chain)
    one, two = chain["teachers"]
    assert [(s["folder"], s["kind"], s["sha256"]) for s in found["stages"]] == [
        (chain["adapted"], "pretrain", digest(b"adapted")),
        (one, "train", digest(b"one")),
        (two, "train", digest(b"two")),
        (chain["said"], "teach", digest(b"texts", b"first", b"second")),
    ]
    assert found["encoders"] == [{"name": chain["first"], "sha256": digest(b"first")}]
    assert json.loads(json.dumps(found)) == found
    assert caplog.messages == []


def test_what_a_run_was_made_with_is_kept_and_its_curves_are_not(chain: dict[str, Any]) -> None:
    adapted, one, *_ = gather(chain)["stages"]
    assert adapted["text"]["files"] == [{"name": "a.txt", "sha256": "aa", "lines": 3}]
    assert (adapted["seconds"], adapted["commit"]) == (2.0, "5eed")
    assert one["recipe"] == {"encoder": chain["adapted"], "seed": 0}
    assert one["train"] == {"documents": 7, "sha256": "77"}
    assert "epochs" not in one


def test_a_teacher_whose_folder_is_gone_is_unknown_but_for_its_checksum(
    chain: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    (Path(chain["teachers"][1]) / "record.json").unlink()
    stages = gather(chain)["stages"]
    lost = {"folder": chain["teachers"][1], "kind": "unknown", "sha256": digest(b"two")}
    assert stages[2] == lost
    assert len(stages) == 4
    (message,) = caplog.messages
    assert "is not known in full" in message
    assert str(Path("two") / "record.json") in message


def test_a_folder_that_holds_other_weights_than_those_that_taught_is_unknown(
    chain: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    (Path(chain["teachers"][0]) / "best.safetensors").write_bytes(b"trained anew")
    stages = gather(chain)["stages"]
    lost = {"folder": chain["teachers"][0], "kind": "unknown", "sha256": digest(b"one")}
    assert stages[1] == lost
    assert "other weights" in caplog.text


def test_a_teachers_checksum_stands_for_weights_that_were_removed(chain: dict[str, Any]) -> None:
    (Path(chain["teachers"][0]) / "best.safetensors").unlink()
    one = gather(chain)["stages"][1]
    assert (one["kind"], one["sha256"]) == ("train", digest(b"one"))


def test_a_model_directory_brings_along_what_led_to_it(
    chain: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from dataclasses import replace

    from biospan.model_dir import write_model_dir
    from biospan.train.sources import gather
    from conftest import small_config, small_tokenizer

    led = gather({"encoder": chain["adapted"], "taught": chain["said"]})
    made = {"recipe": {"encoder": chain["adapted"]}, "commit": "5eed", "sources": led}
    config = replace(small_config(), provenance=made)
    folder = tmp_path / "model"
    write_model_dir(
        folder,
        onnx=b"\x08\x09graph",
        config=config,
        tokenizer_json=small_tokenizer().to_str(),
        card="#",
    )
    found = gather({"encoder": chain["adapted"], "teachers": [str(folder)]})
    assert found["stages"][:-1] == led["stages"]
    last = found["stages"][-1]
    assert (last["folder"], last["sha256"]) == (str(folder), digest(b"\x08\x09graph"))
    assert found["encoders"] == led["encoders"]
    assert caplog.messages == []


def test_a_run_that_names_itself_ends(tmp_path: Path) -> None:
    from biospan.train.sources import gather

    folder = tmp_path / "circle"
    run(folder, {"encoder": str(folder)}, {"model.safetensors": b"x"}, text={"files": []})
    found = gather({"encoder": str(folder)})
    assert [stage["folder"] for stage in found["stages"]] == [str(folder)]
    assert found["encoders"] == []


@pytest.mark.parametrize("name", ["org/model", "package:not_installed_here/model"])
def test_weights_that_are_no_local_file_have_no_checksum(name: str) -> None:
    from biospan.train.sources import gather

    assert gather({"encoder": name}) == {
        "stages": [],
        "encoders": [{"name": name, "sha256": ""}],
    }
