"""What each lever is worth: a recipe with settings changed, judged on three sets of documents.

    python benchmarks/ablation.py --output runs/levers                       # all of levers.toml
    python benchmarks/ablation.py --output runs/levers --only base,crf --workers 1
    python benchmarks/ablation.py --output runs/levers --set precision=fp32  # a CPU without bf16

Every lever is trained with several seeds, on the training documents without those that the recipe
sets aside (`judged_documents`), and scored on the development split and on two folds of the
documents set aside, on raw text and on given tokens. The first lever is the one that others are
compared with. Differences pair the documents, with the counts of both sides' common seeds added
up, and resample them. Runs that are there are not trained again; a run that was stopped goes on.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LEVERS = Path(__file__).with_name("levers.toml")
FORMS = {"raw": "jnlpba-text", "given": "jnlpba"}
N_FOLDS = 2
COUNTS_FILE = "judged.json"

Counts = NDArray[np.int64]  # shape (n_documents, n_labels, 3)


def main() -> None:
    """Train and score what is missing, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--levers", type=Path, default=LEVERS, help="TOML file")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--only", default="", help="names of levers, with commas")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="for all")
    parser.add_argument("--workers", type=int, default=2, help="runs at the same time")
    parser.add_argument("--run", nargs=2, metavar=("NAME", "SEED"), help="this run alone")
    arguments = parser.parse_args()
    levers = tomllib.loads(arguments.levers.read_text(encoding="utf-8"))
    if arguments.run:
        name, seed = arguments.run
        changes = [*levers["levers"][name]["set"], *arguments.set]
        train(levers["recipe"], changes, int(seed), arguments.output / name)
        return
    wanted = arguments.only.split(",") if arguments.only else list(levers["levers"])
    runs = [(name, seed) for name in wanted for seed in levers["levers"][name]["seeds"]]
    options = ["--levers", str(arguments.levers), "--output", str(arguments.output)]
    options += [f"--set={change}" for change in arguments.set]

    def start(run: tuple[str, int]) -> None:
        command = [sys.executable, __file__, *options, "--run", run[0], str(run[1])]
        subprocess.run(command, check=True)

    with ThreadPoolExecutor(arguments.workers) as pool:
        list(pool.map(start, runs))
    found: dict[str, dict[int, dict[str, Counts]]] = {name: {} for name in wanted}
    for name, seed in runs:
        found[name][seed] = counts_of(folder_of(arguments.output / name, seed))
    print("\n".join(table(found)))


def folder_of(prefix: Path, seed: int) -> Path:
    """Folder of a run."""
    return prefix.with_name(f"{prefix.name}-{seed}")


def train(recipe: str, changes: Sequence[str], seed: int, prefix: Path) -> None:
    """Train a run, unless it is there, and score it."""
    from biospan.train.config import load_config
    from biospan.train.loop import fit

    folder = folder_of(prefix, seed)
    fit(
        load_config(recipe, [*changes, f"seed={seed}"]),
        folder,
        on_epoch=lambda epoch, report: print(
            f"{folder.name}: epoch {epoch}, development micro F1 {report.spans.micro.f1:.4f}",
            file=sys.stderr,
            flush=True,
        ),
    )
    counts_of(folder)


def counts_of(run: Path) -> dict[str, Counts]:
    """Counts of each set of documents, from the run's folder if they are there."""
    weights = sha256((run / "best.safetensors").read_bytes()).hexdigest()
    path = run / COUNTS_FILE
    kept = json.loads(path.read_text()) if path.is_file() else {}
    if kept.get("weights") != weights:
        print(f"{run}: scoring", file=sys.stderr)
        sets = {name: counts.tolist() for name, counts in score(run)}
        kept = {"weights": weights, "sets": sets}
        path.write_text(json.dumps(kept))
    return {name: np.array(counts) for name, counts in kept["sets"].items()}


def score(run: Path) -> Iterator[tuple[str, Counts]]:
    """Tag all sets of documents with a run's best epoch."""
    from biospan import scoring
    from biospan.corpora import read_corpus
    from biospan.train import data
    from biospan.train.run import restore

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


def table(levers: dict[str, dict[int, dict[str, Counts]]]) -> Iterator[str]:
    """The rows: micro F1 by set, its mean over the seeds, and the difference to the first lever."""
    first = next(iter(levers.values()))
    sets = list(next(iter(first.values())))
    yield f"| | seeds | {' | '.join(sets)} | " + " | ".join(f"{form}, all" for form in FORMS) + " |"
    yield "|---" * (2 + len(sets) + len(FORMS)) + "|"
    for name, runs in levers.items():
        cells = [f"{np.mean([f1(run[part]) for run in runs.values()]):.4f}" for part in sets]
        shared = sorted(runs.keys() & first.keys())
        for form in FORMS:
            base, other = (pooled([side[seed] for seed in shared], form) for side in (first, runs))
            cells.append(difference(base, other, same=runs is first))
        yield f"| {name} | {len(runs)} | {' | '.join(cells)} |"


def pooled(runs: Sequence[dict[str, Counts]], form: str) -> Counts:
    """All documents of a form, the counts of the seeds added up."""
    total: Counts = np.sum(
        [np.concatenate([run[part] for part in run if part.startswith(form)]) for run in runs],
        axis=0,
    )
    return total


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
    true, false, missed = (int(number) for number in counts.sum(axis=(0, 1)))
    return 2 * true / max(1, 2 * true + false + missed)


if __name__ == "__main__":
    main()
