"""`biospan verify`: whether a job's files are still what it wrote."""

from pathlib import Path
from typing import Annotated

import typer


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `biospan annotate` wrote.")],
) -> None:
    """Read every file of a job and compare it with what the job says of it."""
    from biospan import jobs

    totals = jobs.verify(folder)
    print(
        f"sound: {totals.read:,} records = {totals.annotated:,} annotated + {totals.rejected:,} "
        f"rejected + {totals.duplicates:,} duplicates"
    )
