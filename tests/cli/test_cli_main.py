"""The command as a process: exit codes, streams, and what it loads."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from conftest import Outcome

COMMAND = [sys.executable, "-m", "biospan"]
SENTENCE = "IL-2 gene expression requires NF-kappa B."


def biospan(
    *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] = MappingProxyType({})
) -> Outcome:
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_help_and_version_load_nothing_heavy() -> None:
    code = (
        "import sys, atexit; from biospan.cli import main\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "main()"
    )
    heavy = {"torch", "transformers", "onnx", "onnxruntime", "openvino", "tokenizers"}
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code, option], capture_output=True, text=True, check=True
        )
        roots = {name.split(".")[0] for name in done.stderr.split()}
        assert "biospan" in roots
        assert not roots & heavy


def test_help_names_every_command() -> None:
    shown = biospan("--help")
    assert shown.code == 0
    for command in ("tag", "evaluate", "corpus", "train", "export"):
        assert f" {command} " in shown.out


def test_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert biospan("--version") == Outcome(0, version("biospan") + "\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["tag"],
        ["nothing"],
        ["tag", "a b", "--min-score", "2"],
        ["tag", "a b", "--min-score", "nan"],
    ],
)
def test_wrong_usage_is_exit_code_2_and_a_message(arguments: list[str]) -> None:
    done = biospan(*arguments)
    assert done.code == 2
    assert "Usage" in done.err
    assert not done.out


def test_data_goes_to_stdout_and_nothing_else_does() -> None:
    done = biospan("tag", "-", "--format", "tsv", stdin=SENTENCE.encode())
    assert done.code == 0
    assert done.out.startswith("document\tstart\tend\tlabel\ttext\tscore\tid\tsource\nstdin\t")
    assert done.err == ""


def test_an_error_is_one_message_on_stderr_and_no_traceback() -> None:
    done = biospan("tag", "missing.txt")
    assert done == Outcome(
        66,
        "",
        "biospan: error: `missing.txt`: no such file, and no white space in it to take it for "
        "a text\n",
    )


def test_an_operating_system_error_is_exit_code_74(tmp_path: Path) -> None:
    done = biospan("tag", SENTENCE, "--html", "/dev/full")
    assert done.code == 74
    assert "No space left" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("n_lines", [1, 400])
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, unbuffered: str, n_lines: int) -> None:
    source = tmp_path / "many.txt"
    source.write_text(f"{SENTENCE}\n" * n_lines)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [*COMMAND, "tag", "--lines", "-f", "jsonl", str(source)],
            stdout=gone,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    assert done.returncode == 0
    assert done.stderr == b""


def test_output_is_utf_8_whatever_the_locale() -> None:
    text = "TNF-α gene \N{DNA DOUBLE HELIX}"
    done = biospan("tag", text, environment={"PYTHONIOENCODING": "ascii"})
    assert done.code == 0
    assert done.out.startswith(text)


def on_terminal(*arguments: str, environment: Mapping[str, str]) -> bytes:
    """What the command writes when its standard output is a terminal."""
    ours, its = pty.openpty()
    # Read while it runs: a terminal holds only a few thousand bytes.
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=its, env={**os.environ, **environment}
    ) as process:
        os.close(its)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert process.returncode == 0
    return shown


def test_colours_are_for_terminals_unless_the_environment_says_otherwise() -> None:
    unset = {"NO_COLOR": "", "FORCE_COLOR": ""}
    never = unset | {"NO_COLOR": "1"}
    always = unset | {"FORCE_COLOR": "1"}
    both = {"NO_COLOR": "1", "FORCE_COLOR": "1"}
    assert b"\x1b[" in on_terminal("tag", SENTENCE, environment=unset)
    assert b"\x1b[" not in on_terminal("tag", SENTENCE, environment=never)
    assert "\x1b[" not in biospan("tag", SENTENCE, environment=unset).out
    assert "\x1b[" in biospan("tag", SENTENCE, environment=always).out
    assert "\x1b[" not in biospan("tag", SENTENCE, environment=both).out


def test_nothing_in_a_text_or_file_steers_the_terminal(tmp_path: Path) -> None:
    hostile = "IL-2 \x1b]0;owned\x07 gene \x1b[2J \x9b31m and \u202e NF-kappa B \r\x08\x08"
    shown = on_terminal("tag", hostile, environment={"NO_COLOR": "1"}).decode()
    assert "owned" in shown
    controls = {char for char in shown if not char.isprintable()} - {"\n", "\r"}
    assert controls == set()
    assert "\r\x08" not in shown

    columns = tmp_path / "x.iob2"
    columns.write_text("word\t\x1b[31mB-x\n")
    refused = biospan("tag", str(columns))
    assert refused.code == 65
    assert "x.iob2:1" in refused.err
    assert "\x1b" not in refused.err


def test_warnings_cannot_steer_the_terminal_either(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2J").mkdir()
    folder = tmp_path / "\x1b[2J"
    (folder / "a.txt").write_text("IL-2 gene")
    (folder / "a.ann").write_text("R1\tx Arg1:T1 Arg2:T2\n")
    done = biospan("tag", str(folder))
    assert done.code == 0
    assert done.err.startswith("biospan: ")
    assert "1 x relation" in done.err
    assert "\x1b" not in done.err
