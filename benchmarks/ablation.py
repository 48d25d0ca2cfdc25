"""What a setting is worth: runs of several recipes and seeds, on more than the development split.

    python benchmarks/ablation.py runs/base-1 runs/base-2 runs/crf-1 runs/crf-2

Runs are grouped by their folder's name up to its last hyphen; what follows is the seed. The first
group is the one that the others are compared with. Each run is scored on the development split
and on two folds of the training documents that its recipe set aside (`judged_documents`), on raw
text and on the corpus's given tokens. Differences pair the documents, with the counts of a group's
seeds added up, and resample them. The counts of a run are kept in its folder.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FORMS = {"raw": "jnlpba-text", "given": "jnlpba"}
N_FOLDS = 2
COUNTS_FILE = "judged.json"

Counts = NDArray[np.int64]  # shape (n_documents, n_labels, 3)


def main() -> None:
    """Score the runs and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs, NAME-SEED")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 for all cores")
    arguments = parser.parse_args()
    groups = {
        name: list(runs)
        for name, runs in groupby(arguments.runs, key=lambda run: run.name.rpartition("-")[0])
    }
    found = {
        name: [counts_of(run, arguments.threads) for run in runs] for name, runs in groups.items()
    }
    print("\n".join(table(found)))


def counts_of(run: Path, threads: int) -> dict[str, Counts]:
    """Counts of each set of documents, from the run's folder if they are there."""
    weights = sha256((run / "best.safetensors").read_bytes()).hexdigest()
    path = run / COUNTS_FILE
    kept = json.loads(path.read_text()) if path.is_file() else {}
    if kept.get("weights") != weights:
        print(f"{run}: scoring", file=sys.stderr)
        sets = {name: counts.tolist() for name, counts in score(run, threads)}
        kept = {"weights": weights, "sets": sets}
        path.write_text(json.dumps(kept))
    return {name: np.array(counts) for name, counts in kept["sets"].items()}


def score(run: Path, threads: int) -> Iterator[tuple[str, Counts]]:
    """Tag all sets of documents with a run's best epoch."""
    import torch

    from biospan import scoring
    from biospan.corpora import read_corpus
    from biospan.train import data
    from biospan.train.run import restore

    if threads:
        torch.set_num_threads(threads)
    restored = restore(run)
    config, tagger = restored.config, restored.tagger()
    for form, corpus in FORMS.items():
        judged = data.judged(config, corpus)
        size = len(judged) // N_FOLDS
        folds = {f"fold {n + 1}": judged[n * size : (n + 1) * size] for n in range(N_FOLDS)}
        dev = read_corpus(corpus, config.dev_split, path=config.corpus_path or None)
        for name, gold in {"development": dev, **folds}.items():
            levels = [
                scoring.count_spans(*sides) for sides in scoring.pair(gold, tagger.tag_many(gold))
            ]
            yield f"{form}, {name}", scoring.count_array(levels, tagger.labels)


def table(groups: dict[str, list[dict[str, Counts]]]) -> Iterator[str]:
    """The rows: micro F1 by set, its mean over the seeds, and the difference to the first group."""
    first = next(iter(groups.values()))
    sets = list(first[0])
    yield f"| | seeds | {' | '.join(sets)} | " + " | ".join(f"{form}, all" for form in FORMS) + " |"
    yield "|---" * (2 + len(sets) + len(FORMS)) + "|"
    for name, runs in groups.items():
        cells = [f"{np.mean([f1(run[part]) for run in runs]):.4f}" for part in sets]
        for form in FORMS:
            cells.append(difference(pooled(first, form), pooled(runs, form), same=runs is first))
        yield f"| {name} | {len(runs)} | {' | '.join(cells)} |"


def pooled(runs: Sequence[dict[str, Counts]], form: str) -> Counts:
    """All documents of a form, the counts of the seeds added up."""
    return np.sum(
        [np.concatenate([run[part] for part in run if part.startswith(form)]) for run in runs],
        axis=0,
    )


def difference(base: Counts, other: Counts, *, same: bool) -> str:
    """F1 of all documents, and how much more that is than the first group's."""
    from biospan.resampling import compare_f1

    if same:
        return f"{f1(other):.4f}"
    *_, micro = compare_f1(base, other)
    low, high = micro.interval or (np.nan, np.nan)
    return f"{f1(other):.4f} ({f1(other) - f1(base):+.4f}, {low:+.4f} to {high:+.4f})"


def f1(counts: Counts) -> float:
    """Micro F1."""
    true, false, missed = counts.sum(axis=(0, 1)).tolist()
    return 2 * true / max(1, 2 * true + false + missed)


if __name__ == "__main__":
    main()
