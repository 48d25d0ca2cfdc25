"""Checkpoints that are whole or not there, whatever happens while they are written."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("needs_train")


def checkpoint(step: int) -> Any:
    import torch

    from biospan.train.checkpoint import Checkpoint

    return Checkpoint(step, {"weights": torch.full((3, 2), float(step))}, {"at": step})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_is_read_back_and_two_are_kept(tmp_path: Path) -> None:
    import torch

    from biospan.train.checkpoint import newest, remove, write

    folder = tmp_path / "checkpoints"
    assert newest(folder) is None
    for step in (1, 2, 10):
        write(folder, checkpoint(step))
        found = newest(folder)
        assert found is not None
        assert (found.step, found.notes) == (step, {"at": step})
        assert torch.equal(found.tensors["weights"], torch.full((3, 2), float(step)))
    stems = [f"step-{step:08d}" for step in (2, 10)]
    assert names(folder) == [f"{stem}.{end}" for stem in stems for end in ("json", "safetensors")]
    remove(folder)
    assert not folder.exists()
    remove(folder)


@pytest.mark.parametrize("size", [0, 1, 40, -1])
@pytest.mark.parametrize("end", ["safetensors", "json"])
def test_a_damaged_one_is_named_and_the_one_before_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, end: str, size: int
) -> None:
    from biospan.train.checkpoint import newest, write

    write(tmp_path, checkpoint(1))
    write(tmp_path, checkpoint(2))
    damaged = tmp_path / f"step-00000002.{end}"
    damaged.write_bytes(damaged.read_bytes()[:size])
    with caplog.at_level(logging.WARNING):
        found = newest(tmp_path)
    assert found is not None
    assert found.step == 1
    assert "step-00000002.safetensors: damaged" in caplog.text


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    from biospan.train.checkpoint import newest, write

    write(tmp_path, checkpoint(1))
    path = tmp_path / "step-00000001.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert newest(tmp_path) is None


def test_what_a_killed_process_left_is_not_read_and_is_removed_by_the_next(tmp_path: Path) -> None:
    from biospan.train.checkpoint import newest, write

    write(tmp_path, checkpoint(1))
    (tmp_path / "step-00000002.safetensors.77.tmp").write_bytes(b"half")
    (tmp_path / "step-00000002.safetensors").write_bytes(b"without its note")
    found = newest(tmp_path)
    assert found is not None
    assert found.step == 1
    write(tmp_path, checkpoint(3))
    assert [name for name in names(tmp_path) if "00000002" in name] == []


def test_a_note_that_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    from biospan.train.checkpoint import newest, write

    write(tmp_path, checkpoint(1))
    (tmp_path / "step-00000009.json").write_text(json.dumps([1, 2]))
    found = newest(tmp_path)
    assert found is not None
    assert found.step == 1


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    from biospan.train.checkpoint import write_whole

    path = tmp_path / "record.json"
    write_whole(path, "one")
    write_whole(path, b"two")
    assert path.read_text() == "two"
    assert names(tmp_path) == ["record.json"]
