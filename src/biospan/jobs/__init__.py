"""Corpora of any size: planned, annotated in shards exactly once, verified, counted.

`annotate` begins a job in a folder, or goes on with it; `verify` checks what it left; `stats`
counts it.
"""

from biospan.jobs.job import Execution, Share, annotate
from biospan.jobs.progress import Progress, Totals
from biospan.jobs.settings import FORMATS, Settings
from biospan.jobs.verify import verify

__all__ = ["FORMATS", "Execution", "Progress", "Settings", "Share", "Totals", "annotate", "verify"]
