"""What a long run shows, and how SIGTERM is told to it."""

import os
import signal
from types import SimpleNamespace

import pytest

from biospan.cli.progress import display, until_terminated
from biospan.errors import StoppedError


def test_sigterm_ends_a_run_that_has_not_asked_and_is_told_to_one_that_has() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StoppedError, match="before a step was made"), until_terminated():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    with until_terminated() as should_stop:
        assert not should_stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert should_stop()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_log_file_gets_a_hundred_lines_and_other_processes_say_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for speaks in (True, False):
        with display(lambda step: f"nr {step.step}", speaks=speaks) as shown:
            for number in range(301, 501):  # a run that goes on in its middle
                shown.on_step(SimpleNamespace(step=number, n_steps=500, loss=0.5))
            shown.say("told")
        out, err = capsys.readouterr()
        assert out == ""
        lines = [line for line in err.splitlines() if line.startswith("step ")]
        assert len(lines) == (40 if speaks else 0)
        assert ("told" in err) == speaks
