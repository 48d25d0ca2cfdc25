"""Every benchmark still runs, and prints a table; what it says is not looked at."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SMALL = {
    "anatomy": "--abstracts 2",
    "corpus": "--documents 8 --rounds 1 --shard-size 4",
    "growth": "--documents 2 4 --characters 10 100 --workers 1 --seconds 1",
    "precision": "--documents 3 --rounds 1 --abstracts 2",
    "roofline": "drawing.svg --seconds 0.05",
    "server": "--rounds 1 --seconds 1",
}


@pytest.mark.full
@pytest.mark.parametrize("name", SMALL)
def test_it_runs_on_little(
    name: str, jnlpba_dir: Path, needs_train: None, needs_serve: None, tmp_path: Path
) -> None:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *SMALL[name].split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "\n|---" in done.stdout


def test_none_hides_a_module_of_the_standard_library() -> None:
    # A script's folder comes first where Python looks: cProfile, which torch imports, would get it.
    names = {path.stem for path in BENCHMARKS.glob("*.py")}
    assert names
    assert not names & sys.stdlib_module_names
