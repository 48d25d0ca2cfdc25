"""What every table of a benchmark has to name: processor, commit, and what its cores can do."""

import platform
import subprocess
import time
from pathlib import Path

import numpy as np

PIECE_FLOP = 12 * 384 * 384 * 6 * 2  # multiplications and additions of MiniLM's six layers

# A layer's matrices at the batch that the tagger runs: pieces x width times width x four widths.
_ROWS, _WIDTH = 2048, 384


def processor() -> str:
    """Name of the processor, and which of the instructions that matter it has."""
    path = Path("/proc/cpuinfo")
    name, flags = platform.processor() or platform.machine(), ""
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
            if line.startswith("flags"):
                known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
                flags = " ".join(flag for flag in known if flag in line.split())
    return f"{name} ({flags or 'no vector instructions that matter here'})"


def commit() -> str:
    """The commit that is measured."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def gemm_peak(seconds: float = 3.0) -> float:
    """Float32 multiplications and additions a CPU second, in units of 1e9, of one thread.

    The best of many products of the model's own shape; NumPy's BLAS must be held to one thread.
    """
    rng = np.random.default_rng(0)
    left = rng.normal(size=(_ROWS, _WIDTH)).astype(np.float32)
    right = rng.normal(size=(_WIDTH, 4 * _WIDTH)).astype(np.float32)
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.process_time()
        for _ in range(4):
            left @ right
        best = max(best, 4 * 2 * left.size * 4 * _WIDTH / (time.process_time() - began) / 1e9)
    return best
