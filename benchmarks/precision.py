"""Every engine beside float32: quality, difference, size and speed, in one table.

    python benchmarks/precision.py

F1 is that of the development split, raw text and given tokens; differences are between emissions of
units, over the raw text; "alone" is how many entities change, and the most that a score does, when
an abstract is tagged by itself instead of among the others; speed is per second of processor time
of one thread, in turn, best of the rounds; the size is that of what the runtime holds of the graph.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import biospan
from biospan import precision
from biospan.document import Document
from biospan.model_dir import load_model_dir
from biospan.runtime import available
from biospan.tagger import Tagger, load
from machine import commit, processor

REFERENCE = "onnxruntime"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    default = Path(biospan.__file__).parent / "models" / "default"
    parser.add_argument("--model", type=Path, default=default)
    parser.add_argument("--engines", nargs="*", help=f"all that there are; {REFERENCE} is needed")
    parser.add_argument("--documents", type=int, default=200, help="that quality is measured on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--abstracts", type=int, default=20, help="that speed is measured on")
    arguments = parser.parse_args()
    files = load_model_dir(arguments.model)
    engines = arguments.engines or available(has_int8=bool(files.config.activations))
    taggers = {name: load(arguments.model, engine=name, threads=1) for name in engines}
    raw = biospan.read_corpus("jnlpba-text", "dev")[: arguments.documents]
    given = biospan.read_corpus("jnlpba", "dev")[: arguments.documents]
    rates = speeds(taggers, [d.text for d in raw[: arguments.abstracts]], arguments.rounds)
    sizes = {
        "f32": len(precision.compact(files.onnx)),
        "int8": len(precision.int8(files.onnx, files.config.activations or {})),
    }
    expected, reference = tag(taggers[REFERENCE], raw)
    print(f"{processor()}, 1 thread, commit {commit()}\n")
    print(
        "| engine | F1 raw | F1 given | largest difference | mean | entities changed | alone "
        "| graph MB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, tagger in taggers.items():
        emissions, tagged = tag(tagger, raw)
        difference = np.abs(emissions - expected)
        lost = sum(map(n_lost, reference, tagged))
        size = sizes["int8" if name.endswith("int8") else "f32"]
        print(
            f"| {name} | {f1(raw, tagged):.4f} | {f1(given, list(tagger.tag_many(given))):.4f} | "
            f"{difference.max():.2g} | {difference.mean():.2g} | {lost} of "
            f"{sum(len(d.entities) for d in reference)} | {alone(tagger, tagged)} | "
            f"{size / 1e6:.1f} |",
            flush=True,
        )
    print("\n| engine | abstracts per processor second | against float32 |\n|---|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:.2f} | {rate / rates[REFERENCE]:.2f} |")


def speeds(taggers: dict[str, Tagger], texts: list[str], n_rounds: int) -> dict[str, float]:
    """Abstracts per processor second: the best round of each, the rounds in turn."""
    best = dict.fromkeys(taggers, 0.0)
    for _ in range(n_rounds):
        for name, tagger in taggers.items():
            began = time.process_time()
            for _ in tagger.tag_many(texts):
                pass
            best[name] = max(best[name], len(texts) / (time.process_time() - began))
    return best


def tag(
    tagger: Tagger, documents: Sequence[Document]
) -> tuple[NDArray[np.float32], list[Document]]:
    """Emissions of all units, of shape (n_units, n_tags), and the documents with entities."""
    prepared = tagger.prepare(documents)
    emissions = tagger._emissions(prepared)  # not once more for the entities
    tagged = [document for document, _ in tagger._weighed(prepared, emissions)]
    return np.concatenate([row for document in emissions for row in document]), tagged


def alone(tagger: Tagger, tagged: Sequence[Document]) -> str:
    """What changes when documents are tagged one by one."""
    lost, most = 0, 0.0
    for among in tagged:
        scores = {(e.start, e.end, e.label): e.score or 0.0 for e in among.entities}
        by_itself = tagger.tag(among)
        lost += n_lost(among, by_itself)
        for entity in by_itself.entities:
            score = scores.get((entity.start, entity.end, entity.label), entity.score)
            most = max(most, abs((entity.score or 0.0) - (score or 0.0)))
    return f"{lost}; {most:.2g}"


def f1(gold: Sequence[Document], predicted: Sequence[Document]) -> float:
    """Micro F1 of exact spans."""
    return biospan.evaluate(gold, predicted).spans.micro.f1


def n_lost(one: Document, other: Document) -> int:
    """Entities of one that the other has not, by place and label."""
    keys = {(e.start, e.end, e.label) for e in other.entities}
    return sum((e.start, e.end, e.label) not in keys for e in one.entities)


if __name__ == "__main__":
    main()
