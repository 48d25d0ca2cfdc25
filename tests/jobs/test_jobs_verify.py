"""Verification: every way in which a finished job can be harmed is told."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from stand_in import StandIn, here, write_corpus

from biospan import jobs
from biospan.errors import InputError, MissingInputError, StoppedError
from biospan.jobs import Settings

SETTINGS = Settings(load=StandIn(), shard_size=20)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    here(write_corpus(folder / "corpus"), folder / "out", SETTINGS)
    return folder / "out"


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "copy"))


def test_a_sound_job_is_sound(copy: Path) -> None:
    assert jobs.verify(copy).read == 300


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])


@pytest.mark.parametrize("name", ["part-00002.jsonl", "rejects.jsonl"])
@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "bytes, expected"),
        (flip, "its bytes are not those that were written"),
    ],
)
def test_every_harm_is_told_with_its_file(
    copy: Path, name: str, harm: Callable[[Path], object], told: str
) -> None:
    harm(copy / name)
    flip(copy / "part-00000.jsonl")
    with pytest.raises(InputError) as caught:
        jobs.verify(copy)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert any(line.startswith(str(copy / name)) and told in line for line in lines)


def test_a_file_of_no_job_is_told(copy: Path) -> None:
    (copy / "part-99999.jsonl").touch()
    with pytest.raises(InputError, match=r"part-99999\.jsonl: is no file of this job"):
        jobs.verify(copy)


@pytest.mark.parametrize("name", ["job.json", "plan.jsonl"])
def test_a_damaged_account_is_told(copy: Path, name: str) -> None:
    path = copy / name
    path.write_text(path.read_text().replace("300", "301", 1))
    with pytest.raises(InputError, match="damaged"):
        jobs.verify(copy)


def test_an_unfinished_job_is_told_with_what_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(StoppedError):
        here(
            write_corpus(tmp_path / "corpus"),
            out,
            SETTINGS,
            should_stop=(out / "part-00003.jsonl").exists,
        )
    (out / "part-00001.jsonl").unlink()
    with pytest.raises(InputError, match=r"(?s)00001\.jsonl: is missing.*4 of 15 parts are there"):
        jobs.verify(out)


def test_a_folder_without_a_job_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no job"):
        jobs.verify(tmp_path)
    with pytest.raises(MissingInputError, match="no job"):
        jobs.verify(tmp_path / "none")
