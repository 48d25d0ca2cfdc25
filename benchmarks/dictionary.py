"""How long a large dictionary takes to read, how much memory, and how fast text goes through it.

    python benchmarks/dictionary.py [--terms 1000000]

Terms are made up: one to five words out of syllables, a third with a number, each with an
identifier. One text has the words of terms at random, one is the same word over and over with which
the longest terms begin.
"""

import argparse
import random
import resource
import tempfile
import time
from pathlib import Path

from biospan import Document
from biospan.refine import Dictionary

SYLLABLES = (
    *("al", "be", "cor", "di", "ens", "fu", "gly", "hem", "in", "kin", "lo", "mu", "nor", "ox"),
    *("pro", "ra", "sta", "tri", "ul", "vin"),
)
N_WORDS = 200_000  # of a text


def words(count: int, rng: random.Random) -> list[str]:
    """Made-up words."""
    return ["".join(rng.choices(SYLLABLES, k=rng.randint(2, 5))) for _ in range(count)]


def memory() -> float:
    """The most memory that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--terms", type=int, default=1_000_000)
    arguments = parser.parse_args()
    rng = random.Random(0)
    known = words(50_000, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "terms.tsv"
        with path.open("w") as file:
            for number in range(arguments.terms):
                mention = " ".join(rng.choices(known, k=rng.randint(1, 5)))
                ending = f"-{rng.randint(1, 99)}" if number % 3 == 0 else ""
                file.write(f"{mention}{ending}\tprotein\tX:{number}\n")
        before, start = memory(), time.process_time()
        dictionary = Dictionary.read(path)
        seconds = time.process_time() - start
        print(f"{len(dictionary):,} mentions read in {seconds:.1f} s, {memory() - before:.0f} MB")
    for name, text in (
        ("words of terms", " ".join(rng.choices(known, k=N_WORDS))),
        ("one word", " ".join([known[0]] * N_WORDS)),
    ):
        for size in (len(text) // 2, len(text)):
            document = Document(text[:size].rsplit(" ", 1)[0])
            start = time.process_time()
            found = dictionary.mark(document).entities
            seconds = time.process_time() - start
            print(
                f"{name}: {size:,} characters, {len(found):,} found, "
                f"{size / seconds / 1e6:.2f} million characters a second of one core"
            )


if __name__ == "__main__":
    main()
