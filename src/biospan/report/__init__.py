"""Error analysis: what is wrong with predictions, as one HTML page.

`analyse` compares, `to_html` shows. Nothing here reads a file or runs a model, and nothing is
counted otherwise than `biospan.scoring` counts it.
"""

from biospan.report.analysis import Analysis, analyse
from biospan.report.page import to_html

__all__ = ["Analysis", "analyse", "to_html"]
