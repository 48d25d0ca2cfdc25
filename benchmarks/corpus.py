"""Corpus jobs: abstracts per second of workers and threads, what files cost, memory.

Inputs are files as PubMed has them (`.xml.gz`, 30,000 records each), made of JNLPBA's development
abstracts; output is Parquet, or what `--format` says.

    python benchmarks/corpus.py

compares 1 worker x 1 thread, 2 x 1 and 1 x 2, in turn, several times, and tells the share of
reading and writing: the same job with a stand-in for the tagger that marks the same spans in every
text, and so costs nothing but the files.

    python benchmarks/corpus.py --memory 10000
    python benchmarks/corpus.py --memory 1000000 --stand-in

prints the memory of all processes while that many abstracts are annotated, with the bundled model
or the stand-in.

    python benchmarks/corpus.py --resume 1000

prints how long a job with that many shards takes, all but a few of them done, until it goes on.
"""

import argparse
import gzip
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from itertools import cycle, islice
from pathlib import Path

import psutil

from biospan import jobs
from biospan.corpora import read_corpus
from biospan.document import Document, Entity
from biospan.errors import StoppedError
from biospan.jobs import Execution, Progress, Settings
from biospan.jobs.settings import Annotator
from machine import commit, processor

ROUNDS = 3
SETTINGS = ((1, 1), (2, 1), (1, 2))  # workers, threads of each
FILE_SIZE = 30_000
ABSTRACTS_OF_PUBMED = 37_000_000


def main() -> None:
    """Make the corpus, run the jobs, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=1000, help="abstracts of each job")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--shard-size", type=int, default=100)
    parser.add_argument("--format", choices=jobs.FORMATS, default="parquet")
    parser.add_argument("--memory", type=int, default=0, help="abstracts to watch the memory for")
    parser.add_argument("--stand-in", action="store_true", help="a stand-in, with --memory")
    parser.add_argument(
        "--resume", type=int, default=0, help="shards of a job that is gone on with"
    )
    arguments = parser.parse_args()
    print(f"{processor()}, commit {commit()}\n")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.memory:
            watch_memory(arguments, Path(folder))
        elif arguments.resume:
            time_resume(arguments, Path(folder))
        else:
            compare_speed(arguments, Path(folder))


def compare_speed(arguments: argparse.Namespace, folder: Path) -> None:
    """Print abstracts per second of each setting, and what files cost."""
    write_pubmed(folder / "corpus", arguments.documents)
    rates: dict[tuple[int, int], list[float]] = {setting: [] for setting in SETTINGS}
    costs: list[float] = []
    for number in range(arguments.rounds):
        for workers, threads in SETTINGS:
            out = folder / f"{number}-{workers}-{threads}"
            seconds = run(arguments, folder, out, load, workers, threads)
            rates[workers, threads].append(arguments.documents / seconds)
            print(json.dumps({"workers": workers, "threads": threads, "seconds": seconds}))
        costs.append(run(arguments, folder, folder / f"{number}-files", FixedOutput, 1, 1))
    medians = {setting: statistics.median(found) for setting, found in rates.items()}
    one = medians[1, 1]
    print("\n| workers | threads of each | abstracts/s | against 1 x 1 |\n|---|---|---|---|")
    for (workers, threads), rate in medians.items():
        print(f"| {workers} | {threads} | {rate:.1f} | {rate / one:.2f} |")
    share = statistics.median(costs) * one / arguments.documents
    days = ABSTRACTS_OF_PUBMED / medians[2, 1] / 86_400
    print(f"\nreading and writing: {share:.1%} of 1 x 1")
    print(f"all of PubMed ({ABSTRACTS_OF_PUBMED:,} abstracts) on 2 cores: {days:.1f} days")


def watch_memory(arguments: argparse.Namespace, folder: Path) -> None:
    """Print resident memory of all processes at each tenth of a job."""
    write_pubmed(folder / "corpus", arguments.memory)
    process = psutil.Process()
    print("| records | process that commits, MB | workers, MB |\n|---|---|---|")
    told = 0

    def tell(progress: Progress) -> None:
        nonlocal told
        tenth = 10 * progress.n_done // progress.n_read if progress.planned else 0
        if tenth > told:
            told = tenth
            own = process.memory_info().rss / 1e6
            others = [child.memory_info().rss / 1e6 for child in process.children()]
            workers = ", ".join(f"{size:.0f}" for size in sorted(others) if size > 50)
            print(f"| {progress.n_done:,} | {own:.0f} | {workers} |", flush=True)

    model = FixedOutput if arguments.stand_in else load
    settings = Settings(load=model, format=arguments.format, shard_size=1000)
    jobs.annotate([folder / "corpus"], folder / "out", settings, Execution(on_progress=tell))


def time_resume(arguments: argparse.Namespace, folder: Path) -> None:
    """Stop a job near its end, and print the seconds until the same call has new shards done."""
    write_pubmed(folder / "corpus", 10 * arguments.resume)
    settings = Settings(load=FixedOutput, format=arguments.format, shard_size=10)
    done: list[int] = []

    def note(progress: Progress) -> None:
        if progress.planned:
            done.append(progress.n_done)

    def is_near_the_end() -> bool:
        return bool(done) and done[-1] > 9.9 * arguments.resume

    execution = Execution(on_progress=note, should_stop=is_near_the_end)
    with suppress(StoppedError):
        jobs.annotate([folder / "corpus"], folder / "out", settings, execution)
    done.clear()
    times: list[float] = []
    began = time.perf_counter()

    def clock(progress: Progress) -> None:
        note(progress)
        times.append(time.perf_counter() - began)

    jobs.annotate([folder / "corpus"], folder / "out", settings, Execution(on_progress=clock))
    print(f"{done[0]:,} of {10 * arguments.resume:,} records were done; it went on after")
    print(f"{times[0]:.2f} s, and had the next shard after {times[1]:.2f} s")


def run(
    arguments: argparse.Namespace,
    folder: Path,
    out: Path,
    model: Callable[[int], Annotator],
    workers: int,
    threads: int,
) -> float:
    """Seconds that a job takes after its plan is made, the start of its workers included."""
    begun: list[float] = []

    def note(progress: Progress) -> None:
        if progress.planned and not begun:
            begun.append(time.perf_counter())

    settings = Settings(
        load=model, threads=threads, format=arguments.format, shard_size=arguments.shard_size
    )
    jobs.annotate(
        [folder / "corpus"], out, settings, Execution(n_workers=workers, on_progress=note)
    )
    return time.perf_counter() - begun[0]


def load(threads: int) -> Annotator:
    """The bundled model."""
    from biospan.tagger import load as load_tagger

    return load_tagger(threads=threads)


@dataclass(frozen=True, slots=True)
class FixedOutput:
    """A stand-in for the tagger, no model: a protein at every hundredth character of a text."""

    threads: int
    fingerprint: str = "fixed output"
    labels: tuple[str, ...] = ("protein",)

    def tag_many(self, texts: Iterable[str | Document]) -> Iterator[Document]:
        """Mark documents, in order."""
        for document in texts:
            assert isinstance(document, Document)
            spans = [(start, start + 5) for start in range(0, len(document.text) - 5, 100)]
            yield document.with_entities(
                Entity(start, end, "protein", document.text[start:end], 0.5) for start, end in spans
            )


def write_pubmed(folder: Path, n_documents: int) -> None:
    """Write abstracts as files of PubMed."""
    folder.mkdir()
    texts = [document.text for document in read_corpus("jnlpba-text", "dev")]
    endless = zip(range(1, n_documents + 1), cycle(texts), strict=False)
    for number in range(-(-n_documents // FILE_SIZE)):
        path = folder / f"made{number:04}.xml.gz"
        with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as stream:
            stream.write('<?xml version="1.0" encoding="utf-8"?>\n<PubmedArticleSet>\n')
            stream.writelines(article(*item) for item in islice(endless, FILE_SIZE))
            stream.write("</PubmedArticleSet>\n")


def article(pmid: int, text: str) -> str:
    """A record of PubMed."""
    title, _, abstract = text.partition("\n")
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article>'
        f"<Journal><JournalIssue><PubDate><Year>{1990 + pmid % 30}</Year></PubDate></JournalIssue>"
        f"<Title>Made</Title></Journal><ArticleTitle>{escape(title)}</ArticleTitle>"
        f"<Abstract><AbstractText>{escape(abstract or title)}</AbstractText></Abstract></Article>"
        "</MedlineCitation></PubmedArticle>\n"
    )


if __name__ == "__main__":
    main()
