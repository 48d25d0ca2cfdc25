"""What calibration makes of a model's scores, and what each kind of evidence is worth to it.

    python benchmarks/calibration.py [--model DIR] [--path data/jnlpba]

The development split is parted in two by a hash of the ids. Each half is scored by a calibration
that was fitted to the raw text of the other, and the two are measured together, on raw text and
on given tokens. A row says what the scores are made of.
"""

import argparse
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from biospan import Document, Tagger, load, read_corpus
from biospan.calibration import EVIDENCE, Calibration, Floats
from biospan.reliability import measure
from biospan.train.calibrate import fit_evidence

FORMS = ("jnlpba-text", "jnlpba")  # the first is fitted to


class Found(NamedTuple):
    """What a tagger found in half of the documents."""

    labels: list[str]
    evidence: Floats
    right: list[bool]
    n_gold: int


def halves(documents: list[Document], tagger: Tagger) -> list[Found]:
    """Tag each half of the documents, and compare it with them."""
    found = []
    for half in (0, 1):
        gold = [d for d in documents if sha256(d.id.encode()).digest()[0] % 2 == half]
        weighed = tagger.weigh(gold)
        known = [{(e.start, e.end, e.label) for e in document.entities} for document in gold]
        found.append(
            Found(
                [entity.label for tagged, _ in weighed for entity in tagged.entities],
                np.concatenate([rows for _, rows in weighed]),
                [
                    (e.start, e.end, e.label) in spans
                    for (tagged, _), spans in zip(weighed, known, strict=True)
                    for e in tagged.entities
                ],
                sum(map(len, known)),
            )
        )
    return found


def keep(*names: str) -> Callable[[Floats], Floats]:
    """Evidence in which everything else is constant."""

    def apply(evidence: Floats) -> Floats:
        return np.where([name in names for name in EVIDENCE], evidence, 1.0)

    return apply


def row(
    title: str,
    found: list[Found],
    fits: list[Calibration],
    view: Callable[[Floats], Floats] = lambda evidence: evidence,
) -> str:
    """Measure both halves together, each by the calibration with its number."""
    scores = [
        fitted.apply(half.labels, view(half.evidence))
        for half, fitted in zip(found, fits, strict=True)
    ]
    right = [outcome for half in found for outcome in half.right]
    n_gold = sum(half.n_gold for half in found)
    result = measure(np.concatenate(scores).tolist(), right, n_gold=n_gold)
    lower = 1 - result.brier / result.constant_brier
    at = result.threshold(0.90)
    kept = "" if at is None else f"  {at.threshold:9.4f}  {at.recall:6.4f}"
    return (
        f"{title:24}  {result.ece:.4f}  {result.auroc:.4f}  {result.brier:.4f}  {lower:7.1%}{kept}"
    )


def main() -> None:
    """Print a table for each form of the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--path", type=Path)
    options = parser.parse_args()
    tagger = load(options.model)
    found = {form: halves(read_corpus(form, "dev", path=options.path), tagger) for form in FORMS}
    views = {"probability": keep("probability"), "all": keep(*EVIDENCE)}
    for left_out in EVIDENCE[1:]:
        views[f"without {left_out}"] = keep(*(name for name in EVIDENCE if name != left_out))
    source = found[FORMS[0]]
    fits = {
        title: [
            fit_evidence(
                tagger.labels, other.labels, view(other.evidence), np.array(other.right, float)
            )
            for other in reversed(source)
        ]
        for title, view in views.items()
    }
    own = [Calibration.identity(tagger.labels)] * 2
    for form, sides in found.items():
        n = sum(len(half.right) for half in sides)
        print(f"{form}, {n} entities")
        print(f"{'':24}  ECE     AUROC   Brier   lower by  threshold  recall at precision 0.90")
        print(row("the model's own", sides, own))
        for title, view in views.items():
            print(row(title, sides, fits[title], view))
        print()


if __name__ == "__main__":
    main()
