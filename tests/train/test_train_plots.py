"""Pictures: written as PNG with what they were given, and without a mark on matplotlib itself."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from biospan.train import plots

STEPS = [(step, 1 / step, 1e-3 * step) for step in range(1, 31)]


@pytest.mark.parametrize(
    ("steps", "epochs"),
    [(STEPS, [(10, 0.2), (20, 0.7), (30, 0.6)]), (STEPS[:1], []), ([], [])],
    ids=["run", "one step", "nothing yet"],
)
def test_curves_become_a_png(
    tmp_path: Path, steps: list[tuple[int, float, float]], epochs: list[tuple[int, float]]
) -> None:
    plots.curves(steps, epochs, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "trials",
    [[(0, 0.5, "complete"), (1, 0.2, "pruned"), (3, 0.6, "complete")], [(0, 0.2, "pruned")], []],
    ids=["search", "none complete", "none scored"],
)
def test_a_history_becomes_a_png(tmp_path: Path, trials: list[tuple[int, float, str]]) -> None:
    plots.history(trials, tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")


def test_a_smoothed_constant_is_that_constant_from_the_first_value_on() -> None:
    assert list(plots.smoothed([2.0] * 20, keep=0.9)) == pytest.approx([2.0] * 20)


def test_smoothing_weighs_each_earlier_value_less_by_the_same_factor() -> None:
    values = [3.0, -1.0, 4.0, 1.0, 5.0]
    weights = [0.8**age for age in range(len(values))][::-1]
    expected = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
    assert list(plots.smoothed(values, keep=0.8))[-1] == pytest.approx(expected)


def test_drawing_chooses_no_backend_for_everyone(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from biospan.train import plots; import matplotlib;"
        f"plots.curves([(1, 1.0, 0.1)], [(1, 0.5)], pathlib.Path({str(tmp_path / 'c.png')!r}));"
        "assert matplotlib.get_backend(auto_select=False) is None;"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
