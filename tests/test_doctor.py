"""The doctor: what it tells of a sound installation, and of each thing that can be wrong."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import biospan
from biospan import doctor
from biospan.document import Document
from biospan.errors import InputError, MissingDependencyError, ModelError
from conftest import Outcome

RunCli = Callable[..., Outcome]
MODEL = Path(biospan.__file__).parent / "models" / "default"


def test_a_sound_installation_is_told_in_full(run_cli: RunCli) -> None:
    done = run_cli("doctor", "--engine", "onnxruntime")
    assert (done.code, done.err) == (0, "")
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert {"biospan", "python", "system", "packages", "optional", "xml", "model"} < lines.keys()
    assert "numpy " in lines["packages"]
    assert "whole, sha256" in lines["model"]
    assert "glucocorticoid receptor (protein)" in lines["onnxruntime"]
    assert "32-bit floating point" in lines["onnxruntime"]


def test_a_damaged_model_is_told_and_not_run(run_cli: RunCli, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    (folder / "config.json").write_bytes(b"{}")
    done = run_cli("doctor", "--model", folder)
    assert done.code == 69
    assert "incomplete or was changed" in done.err
    assert "onnxruntime   " not in done.out
    assert run_cli("doctor", "--model", tmp_path / "none").code == 66


def test_an_engine_that_there_is_not_is_told(run_cli: RunCli) -> None:
    done = run_cli("doctor", "--engine", "abacus")
    assert done.code == 78
    assert "abacus" in done.err


def test_other_entities_than_expected_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ("sha onnxruntime 1 f32 x86_64 avx2", 0.1, 0.1, Document(doctor.SENTENCE))
    monkeypatch.setattr(doctor, "run_apart", lambda *arguments: answer)
    *_, finding = doctor.examine(None, ["onnxruntime"])
    assert isinstance(finding.error, ModelError)
    assert "marks nothing; expected glucocorticoid receptor (protein)" in str(finding.error)
    *_, other = doctor.examine(MODEL, ["onnxruntime"])  # of another model nothing is expected
    assert other.error is None


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(7)


def fail() -> None:
    raise MissingDependencyError("openvino", "openvino")


def sleep() -> None:
    time.sleep(60)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (crash, ModelError, "died: SIGSEGV"),
        (leave, ModelError, "died: exit code 7"),
        (fail, MissingDependencyError, r"biospan\[openvino\]"),
        (sleep, ModelError, "no answer after 3 s"),
    ],
)
def test_what_goes_wrong_in_a_process_of_its_own_is_told(
    function: Callable[[], None], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        doctor.run_apart(function, patience=3.0 if function is sleep else 60.0)


@pytest.mark.parametrize(
    ("fingerprint", "told"),
    [
        ("sha onnxruntime 1.32 f32 x86_64 avx2", "onnxruntime 1.32 in 32-bit floating point"),
        ("sha openvino 2026.4 bf16 x86_64 amx_bf16", "fast by amx_bf16; x86_64 amx_bf16"),
        ("sha openvino 2026.4 bf16 arm64", "though this processor has none; arm64"),
    ],
)
def test_precision_is_told_with_its_reason(fingerprint: str, told: str) -> None:
    assert told in doctor.precision(fingerprint)


def test_text_is_tagged_and_scored_where_there_are_no_posix_locks(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows: importing it fails
    for name in [name for name in sys.modules if name.startswith("biospan.lock")]:
        monkeypatch.delitem(sys.modules, name)
    tagged = tmp_path / "tagged.jsonl"
    assert run_cli("tag", doctor.SENTENCE, "--format", "jsonl", "--output", tagged).code == 0
    assert "1.0000" in run_cli("evaluate", tagged, tagged).out
    job = run_cli("annotate", tagged, "--output", tmp_path / "job")
    assert job.code == 75
    assert "POSIX file locks" in job.err


def test_errors_of_the_library_come_back_as_they_are() -> None:
    with pytest.raises(InputError, match="no digit"):
        doctor.run_apart(_refuse, "no digit")


def _refuse(message: str) -> None:
    raise InputError(message)
