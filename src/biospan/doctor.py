"""Whether an installation works: versions, the model's files, and each runtime on one sentence.

A runtime is native code that may end its process on a processor or a model that it cannot bear. So
each is tried in a process of its own, and what it did there is told, also if it died. Nothing is
changed, sent or fetched.
"""

import importlib.metadata
import importlib.resources
import multiprocessing
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from biospan.document import Document
from biospan.errors import BiospanError, ModelError
from biospan.model_dir import ModelFiles, load_model_dir
from biospan.processors import n_cores
from biospan.runtime import available, choose
from biospan.tagger import load

SENTENCE = (
    "Mouse thymus was used as a source of glucocorticoid receptor from normal CS lymphocytes."
)
# What the bundled model marks in it, on every processor and runtime.
EXPECTED = (("glucocorticoid receptor", "protein"), ("normal CS lymphocytes", "cell_type"))

_NEEDED = ("numpy", "onnxruntime", "tokenizers", "typer")
_OPTIONAL = ("openvino", "torch", "transformers", "pyarrow", "spacy", "ray", "optuna", "fastapi")
_OLDEST_EXPAT = (2, 6)  # older ones can be made to work for very long by a small XML file
_PATIENCE = 300.0  # seconds for one sentence, on however slow a machine
_PRECISIONS = {
    "f32": "32-bit floating point",
    "bf16": "16-bit floating point (bfloat16)",
    "int8": "8-bit integers",
}
_HAVE_BF16 = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        detail: What was found, in a line.
        error: What is wrong with it; None if nothing is.
    """

    name: str
    detail: str
    error: BiospanError | None = None


def examine(model: Path | None = None, engines: Sequence[str] = ()) -> Iterator[Finding]:
    """Look at everything, one after the other.

    Args:
        model: A model directory; None for the bundled model.
        engines: See `biospan.load`; all that are installed if there are none.
    """
    yield Finding("biospan", importlib.metadata.version("biospan"))
    yield Finding("python", f"{platform.python_version()} {sys.executable}")
    yield Finding("system", f"{platform.platform()}, {n_cores()} cores for this process")
    yield Finding("packages", ", ".join(map(_version, _NEEDED)))
    yield Finding("optional", ", ".join(map(_version, _OPTIONAL)))
    yield _expat()
    try:
        files = _files(model)
    except BiospanError as error:
        yield Finding("model", str(model or "the bundled one"), error)
        return
    labels = ", ".join(files.config.labels)
    detail = f"{files.folder}: whole, sha256 {files.fingerprint[:16]}, marks {labels}"
    yield Finding("model", detail)
    has_int8 = bool(files.config.activations)
    choice = choose(has_int8=has_int8)
    yield Finding("auto", f"{choice.engine}: {choice.reason}")
    for engine in engines or available(has_int8=has_int8):
        yield _engine(engine, model)


def run_apart(function: Callable[..., Any], *arguments: Any, patience: float = _PATIENCE) -> Any:
    """What a function returns in a process of its own.

    Raises:
        BiospanError: That it raised.
        ModelError: If its process died or did not end.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(patience):
            raise ModelError(f"no answer after {patience:.0f} s")
        answer = ours.recv()
    except EOFError:
        process.join()
        raise ModelError(f"its process died: {_ending(process.exitcode)}") from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if isinstance(answer, BiospanError):
        raise answer
    return answer


def _serve(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        pipe.send(function(*arguments))
    except BiospanError as error:
        pipe.send(error)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} not installed"


def _expat() -> Finding:
    import pyexpat

    found = pyexpat.version_info
    note = "" if found >= _OLDEST_EXPAT else "; older than 2.6: read XML from anyone elsewhere"
    return Finding("xml", pyexpat.EXPAT_VERSION.replace("_", " ") + note)


def _files(model: Path | None) -> ModelFiles:
    if model is not None:
        return load_model_dir(model)
    bundled = importlib.resources.files("biospan") / "models" / "default"
    with importlib.resources.as_file(bundled) as folder:
        return load_model_dir(folder)


def _engine(engine: str, model: Path | None) -> Finding:
    try:
        fingerprint, loading, tagging, document = run_apart(tag_sentence, engine, model)
    except BiospanError as error:
        return Finding(engine, "failed", error)
    found = tuple((entity.text, entity.label) for entity in document.entities)
    shown = ", ".join(f"{text} ({label})" for text, label in found) or "nothing"
    if model is None and found != EXPECTED:
        expected = ", ".join(f"{text} ({label})" for text, label in EXPECTED)
        message = f"{engine}: of one sentence it marks {shown}; expected {expected}"
        return Finding(engine, "failed", ModelError(message))
    detail = f"{precision(fingerprint)}; loaded in {loading:.2f} s, a sentence in {tagging:.3f} s"
    return Finding(engine, f"{detail}; marks {shown}")


def tag_sentence(engine: str, model: Path | None) -> tuple[str, float, float, Document]:
    """Tag `SENTENCE`: the tagger's fingerprint, seconds to load and to tag, and what came out.

    Raises:
        BiospanError: That loading or tagging raises.
    """
    start = time.perf_counter()
    tagger = load(model, engine=engine)
    loaded = time.perf_counter()
    document = tagger.tag(SENTENCE)
    return tagger.fingerprint, loaded - start, time.perf_counter() - loaded, document


def precision(fingerprint: str) -> str:
    """In what a runtime computes, and why, from a tagger's fingerprint."""
    _, name, version, kind, machine, *flags = fingerprint.split()
    reason = "what the engine stands for"
    if kind == "bf16":
        fast = [flag for flag in _HAVE_BF16 if flag in flags]
        reason += f", fast by {', '.join(fast)}" if fast else ", though this processor has none"
    instructions = " ".join([machine, *flags])
    return f"{name} {version} in {_PRECISIONS.get(kind, kind)}, {reason}; {instructions}"
