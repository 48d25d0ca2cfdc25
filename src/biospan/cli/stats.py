"""`biospan stats`: what is in the documents of a job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biospan import highlight

if TYPE_CHECKING:
    from biospan.jobs.stats import Stats


def stats(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `biospan annotate` wrote.")],
    top: Annotated[int, typer.Option("--top", min=1, help="Frequent mentions of each label.")] = 10,
    png: Annotated[
        Path | None, typer.Option("--png", help="Also draw a picture; needs the extra `plots`.")
    ] = None,
) -> None:
    """Count entities, frequent mentions, and documents of each year."""
    from biospan.jobs import stats as job_stats

    counts = job_stats.stats(folder)
    for line in _lines(counts, top):
        print(highlight.to_terminal(line, []))
    if png:
        from biospan.jobs.plot import draw

        draw(counts, png)


def _lines(counts: "Stats", top: int) -> list[str]:
    width = max(map(len, ("label", *counts.entities)))
    lines = [
        f"{counts.documents:,} documents, {counts.entities.total():,} entities",
        "",
        f"{'label':<{width}} {'entities':>12} {'documents':>12} {'mentions':>12}",
    ]
    for label, n in counts.entities.most_common():
        distinct = len(counts.mentions[label])
        lines.append(f"{label:<{width}} {n:>12,} {counts.holders[label]:>12,} {distinct:>12,}")
    for label, _ in counts.entities.most_common():
        lines += ["", f"frequent as {label}:"]
        ranked = sorted(counts.mentions[label].items(), key=lambda item: (-item[1], item[0]))
        lines += [f"{n:>12,}  {mention}" for mention, n in ranked[:top]]
    lines += ["", f"{'year':<9} {'documents':>12}"]
    lines += [f"{year or 'unknown':<9} {n:>12,}" for year, n in sorted(counts.years.items())]
    return lines
