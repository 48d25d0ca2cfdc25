"""What each step after the model is worth, on development documents.

    python benchmarks/refine.py [--model DIR] [--path data/jnlpba]

The model tags the development split on given tokens and as raw text, each step is done on its
output, and what comes out is scored. `new` are the entities that a step added or changed, `right`
how many of them are gold, `score` the mean of the scores that they carry. The interval is of the
difference in F1 to the model alone, over drawn documents (`biospan compare`).
"""

import argparse
from collections.abc import Callable
from functools import reduce
from pathlib import Path

from biospan import Document, load, read_corpus
from biospan.comparison import compare
from biospan.refine import mark_repeats, propagate_abbreviations, unify_labels

Step = Callable[[Document], Document]

ROWS: dict[str, tuple[Step, ...]] = {
    "abbreviations": (propagate_abbreviations,),
    "repeats": (mark_repeats,),
    "labels": (unify_labels,),
    "all three": (propagate_abbreviations, mark_repeats, unify_labels),
}
HEADER = ("form", "steps", "F1", "difference", "95 %", "p", "new", "right", "score")


def measure(gold: list[Document], plain: list[Document], steps: tuple[Step, ...]) -> list[str]:
    """Score what some steps make of a model's output."""
    refined = [reduce(lambda done, step: step(done), steps, document) for document in plain]
    found = compare(gold, plain, refined).micro
    new, right = [], 0
    for known, before, after in zip(gold, plain, refined, strict=True):
        spans = {(e.start, e.end, e.label) for e in known.entities}
        changed = set(after.entities) - set(before.entities)
        new += [entity.score or 0.0 for entity in changed]
        right += sum((e.start, e.end, e.label) in spans for e in changed)
    low, high = found.interval or (0.0, 0.0)
    return [
        f"{found.b.f1:.4f}",
        f"{found.f1:+.4f}",
        f"{low:+.4f} to {high:+.4f}",
        f"{found.p:.3f}",
        str(len(new)),
        f"{right} ({right / max(1, len(new)):.2f})",
        f"{sum(new) / max(1, len(new)):.2f}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--path", type=Path, default=None, help="the folder of the corpus")
    arguments = parser.parse_args()
    tagger = load(arguments.model, engine="onnxruntime")  # the same numbers on every machine
    print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER))
    for form in ("jnlpba", "jnlpba-text"):
        gold = read_corpus(form, "dev", path=arguments.path)
        plain = list(tagger.tag_many(gold))
        for name, steps in ROWS.items():
            print("| " + " | ".join([form, name, *measure(gold, plain, steps)]) + " |", flush=True)


if __name__ == "__main__":
    main()
