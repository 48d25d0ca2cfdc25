"""The shape of the code: layers, imports and sizes that `docs/design.md` promises."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "biospan"

# Low to high: a module imports from its own group's members and from lower groups only.
LAYERS = (
    ("errors", "highlight", "lock", "processors"),
    ("document",),
    ("tags",),
    ("segment", "formats", "decode"),
    ("unpack", "download", "fetch", "corpora"),
    ("calibration", "elsewhere"),
    ("model_config",),
    ("tokenizer_check",),
    ("onnx_graph", "precision"),
    ("model_dir", "runtime", "pieces", "reading", "spans"),
    ("preparation", "schedule"),
    (
        "tagger",
        "counts",
        "resampling",
        "scoring",
        "comparison",
        "breakdown",
        "reliability",
        "protocols",
        "card_table",
        "exposure",
        "refine",
        "spacy_placing",
        "spacy_component",
    ),
    ("report", "check", "jobs", "server", "doctor"),
    ("train",),
    ("cli",),
)
RANK = {name: rank for rank, group in enumerate(LAYERS) for name in group}
HEAVY = {"torch", "transformers", "onnx", "onnxscript", "safetensors", "optuna", "matplotlib"}
RUNTIMES = {"onnxruntime", "openvino"}
SERVING = {"fastapi", "pydantic", "starlette", "uvicorn", "prometheus_client"}
ALARM = 400  # lines of a file
FUNCTION_LINES = 60
PARAMETERS = 6  # `self` included

MODULES = sorted(SOURCE.rglob("*.py"))


def top(path: Path) -> str:
    """`corpora` for corpora.py, `formats` for formats/iob2.py."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path, *, anywhere: bool = True) -> Iterator[str]:
    """Absolute names that a module imports; without `anywhere` only when it is loaded itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if anywhere else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_from_its_own_layer_and_below(path: Path) -> None:
    if top(path) in ("__init__", "__main__", "py"):
        return
    assert top(path) in RANK, f"{path} has no layer: give it one in docs/design.md and here"
    for name in imports(path):
        package, _, rest = name.partition(".")
        if package == "biospan" and rest:
            imported = rest.split(".")[0]
            assert RANK[imported] <= RANK[top(path)], f"{path} imports {name} from above"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_torch_stays_in_train_and_runtimes_in_runtime(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    if path == SOURCE / "jobs" / "plot.py":
        roots.discard("matplotlib")
    if top(path) != "train":
        assert not roots & HEAVY
    if top(path) != "runtime":
        assert not roots & RUNTIMES
    if top(path) != "server":
        assert not roots & SERVING
    if top(path) not in ("train", "cli"):
        assert not any(name.startswith("biospan.train") for name in imports(path))


def test_the_cli_imports_train_inside_commands_only() -> None:
    for path in (SOURCE / "cli").glob("*.py"):
        names = list(imports(path, anywhere=False))
        assert not any(name.startswith(("biospan.train", "torch")) for name in names)


def test_only_tags_knows_prefixes() -> None:
    for path in MODULES:
        if path.name == "tags.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        strings = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documented
        ]
        assert not [text for text in strings if text in ("B-", "I-", "E-", "S-", "B", "I")], path


def test_importing_biospan_loads_neither_a_runtime_nor_torch_nor_numpy() -> None:
    code = "import sys, biospan; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    roots = {name.split(".")[0] for name in loaded}
    assert not roots & (HEAVY | RUNTIMES | {"numpy", "tokenizers", "typer"})


def test_every_public_name_can_be_reached() -> None:
    import biospan

    assert len(biospan.__all__) == 6
    for name in biospan.__all__:
        assert getattr(biospan, name) is not None
    with pytest.raises(AttributeError, match="no attribute `nothing`"):
        biospan.nothing  # noqa: B018


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= ALARM
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            command = top(path) == "cli" and len(path.relative_to(SOURCE).parts) > 1
            assert length <= (FUNCTION_LINES * 2 if command else FUNCTION_LINES), node.name
            if not command:  # options of a command are its parameters
                assert len(node.args.args) <= PARAMETERS, node.name


def test_no_module_is_a_drawer_for_everything() -> None:
    assert not {path.stem for path in MODULES} & {"utils", "util", "helpers", "common", "base"}
