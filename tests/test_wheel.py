"""The wheel: what is in it, what it asks for, and that it works away from the checkout."""

import email
import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import skip_or_fail

ROOT = Path(__file__).parents[1]
SENTENCE = "IL-2 gene expression requires NF-kappa B."


def builder() -> list[str]:
    """The command that builds a wheel from what is installed, without a network."""
    if importlib.util.find_spec("hatchling") is None:
        skip_or_fail("wheel", "`hatchling` is not installed, which builds the wheel")
    if importlib.util.find_spec("build") is not None:
        return ["build", "--wheel", "--no-isolation", "--outdir"]
    return ["pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", *builder(), str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_holds_the_package_the_model_and_nothing_else(wheel: Path) -> None:
    source = ROOT / "src"
    expected = {
        str(path.relative_to(source))
        for path in (source / "biospan").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = names(wheel)
    metadata = {name for name in inside if name.split("/")[0].endswith(".dist-info")}
    assert inside - metadata == expected
    assert {"biospan/py.typed", "biospan/__main__.py"} <= inside
    for name in ("model.onnx", "tokenizer.json", "config.json", "MODEL_CARD.md", "manifest.json"):
        assert f"biospan/models/default/{name}" in inside
    assert any(name.endswith("/LICENSE") for name in metadata)


def test_it_is_pure_python_of_at_most_50_mb(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wheel.stat().st_size <= 50 * 10**6


def test_it_asks_for_four_packages_and_names_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        read = {name.rsplit("/", 1)[-1]: name for name in archive.namelist()}
        metadata = email.message_from_bytes(archive.read(read["METADATA"]))
        commands = archive.read(read["entry_points.txt"]).decode()
    wanted = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {re.match(r"[\w-]+", line)[0] for line in wanted} == {  # type: ignore[index]
        *("numpy", "onnxruntime", "tokenizers", "typer")
    }
    assert len(wanted) == 4
    assert {"train", "openvino"} <= set(metadata.get_all("Provides-Extra", []))
    assert metadata["Requires-Python"] == ">=3.11"
    assert "biospan = biospan.cli:main" in commands


def test_it_works_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(target)]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True, capture_output=True)

    def python(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(target)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    where = Path(python("-c", "import biospan.tagger as t; print(t.__file__)").strip())
    assert where.is_relative_to(target)
    rows = python("-m", "biospan", "tag", SENTENCE, "--format", "tsv").splitlines()[1:]
    assert "NF-kappa B" in [row.split("\t")[4] for row in rows]
