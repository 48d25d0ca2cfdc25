"""The processors of the machine."""

import os


def n_cores() -> int:
    """How many this process may use: in containers and under taskset not all that there are."""
    affinity = getattr(os, "sched_getaffinity", None)  # which only Linux has
    return len(affinity(0)) if affinity else os.cpu_count() or 1
