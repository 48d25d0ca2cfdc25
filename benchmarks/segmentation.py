"""Print how well and how fast `biospan.segment` cuts the JNLPBA training half.

Only sentence boundaries inside a line count: a line break gives nobody a free point. Abstracts
whose raw text differs from the official sentences are left out and counted. `dev` is for
measuring; the rules were made on the rest, `train`. "Cut" are gold entities that a sentence
boundary goes through, "edges" those that begin and end at token edges.

    python benchmarks/segmentation.py --data DIR

`DIR` holds `Genia4ERtask2.iob2`, `dev.ids` and `standoff/train`.
"""

import argparse
import re
import time
from pathlib import Path

from biospan.scoring import Counts
from biospan.segment import sentence_spans, token_spans

# The corpus writes a double quote as two single ones.
QUOTE = re.compile("``|''")
CHARACTER = re.compile(r"``|''|\S")


def main() -> None:
    """Print one row per split."""
    parser = argparse.ArgumentParser(description="Measure biospan.segment.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpus")
    folder: Path = parser.parse_args().data
    gold = read_gold(folder / "Genia4ERtask2.iob2")
    dev = set((folder / "dev.ids").read_text(encoding="utf-8").split())
    print("split  texts skipped  precision recall F1     entities cut  edges   sentences/s")
    for name, ids in (("train", gold.keys() - dev), ("dev", gold.keys() & dev)):
        print(f"{name:6s} {measure(folder / 'standoff' / 'train', sorted(ids), gold)}")


def measure(folder: Path, ids: list[str], gold: dict[str, list[str]]) -> str:
    """Return one row of the table, without its name."""
    texts = {i: (folder / f"{i}.txt").read_bytes().decode() for i in ids}
    started = time.process_time()
    spans = {i: sentence_spans(text) for i, text in texts.items()}
    speed = sum(map(len, spans.values())) / (time.process_time() - started)

    counts, n_skipped = Counts(), 0
    n_entities = n_cut = n_aligned = 0
    for i, text in texts.items():
        starts = {start for start, _ in spans[i]}
        tokens = token_spans(text)
        edges = {start for start, _ in tokens}, {end for _, end in tokens}
        for start, end in read_entities(folder / f"{i}.ann"):
            n_entities += 1
            n_cut += any(start < cut < end for cut in starts)
            n_aligned += start in edges[0] and end in edges[1]
        expected = gold_starts(text, gold[i])
        if expected is None:
            n_skipped += 1
            continue
        lines = {match.end() - 1 for match in re.finditer(r"^\s*\S", text, re.MULTILINE)}
        found = starts - lines
        expected -= lines
        counts += Counts(len(found & expected), len(found - expected), len(expected - found))
    return (
        f"{len(ids):5d} {n_skipped:7d}  "
        f"{counts.precision:9.4f} {counts.recall:.4f} {counts.f1:.4f} "
        f"{n_entities:8d} {n_cut:3d}  {n_aligned / n_entities:.4%} {speed:11,.0f}"
    )


def read_gold(path: Path) -> dict[str, list[str]]:
    """Read the sentences of each abstract, without white space."""
    gold = {}
    for abstract in path.read_text(encoding="utf-8").split("###MEDLINE:")[1:]:
        document_id, *blocks = abstract.strip().split("\n\n")
        gold[document_id] = [re.sub(r"\t\S+\n?", "", block) for block in blocks]
    return gold


def read_entities(path: Path) -> list[tuple[int, int]]:
    """Read the spans of a brat file."""
    fields = [line.split("\t")[1].split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [(int(start), int(end)) for _, start, end in fields]


def gold_starts(text: str, sentences: list[str]) -> set[int] | None:
    """Return where the gold sentences start in the text, or None if the two differ."""
    characters = list(CHARACTER.finditer(text))
    sentences = [QUOTE.sub('"', sentence) for sentence in sentences]
    if "".join(QUOTE.sub('"', match[0]) for match in characters) != "".join(sentences):
        return None
    starts, position = set(), 0
    for sentence in sentences:
        starts.add(characters[position].start())
        position += len(sentence)
    return starts


if __name__ == "__main__":
    main()
