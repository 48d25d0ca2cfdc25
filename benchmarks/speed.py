"""Abstracts per second and memory: Biospan beside a plain transformers pipeline.

Both run the same weights with the same threads on the same abstracts, one after the other in one
process each, several times in turn; the pipeline at its best of batch size 1, 8 and 32.

    python benchmarks/speed.py --run runs/minilm-jnlpba

`--run` is the folder of a training run (the pipeline needs the torch weights).

    python benchmarks/speed.py --beside OTHER/MODEL

measures two model directories instead, each engine in turn.

    python benchmarks/speed.py --stream 20000

prints the memory while that many abstracts stream through the tagger instead.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

ROUNDS = 3


def main() -> None:
    """Run every measurement in a process of its own and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="folder of a training run")
    parser.add_argument("--model", type=Path, help="model directory; the bundled one by default")
    parser.add_argument("--beside", type=Path, help="another model directory to compare with")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--engines", nargs="+", default=["onnxruntime", "openvino", "openvino-bf16"]
    )
    parser.add_argument("--stream", type=int, default=0, help="abstracts to stream")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments, arguments.measure)))
        return
    if arguments.stream:
        print_stream(in_process("stream"))
        return
    if arguments.run is None and arguments.beside is None:
        parser.error("--run is needed, or --beside, or --stream")
    names = [f"biospan:{engine}" for engine in arguments.engines]
    if arguments.beside:
        names += [f"beside:{engine}" for engine in arguments.engines]
    if arguments.run:
        names += [f"pipeline:{size}" for size in (1, 8, 32)]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            results[name].append(in_process(name))
    print_table(results, arguments.threads)
    print_start()


def in_process(name: str) -> dict[str, float]:
    """One measurement in a fresh process, so that memory is its own."""
    command = [sys.executable, *sys.argv, "--measure", name]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def measure(arguments: argparse.Namespace, name: str) -> dict[str, float]:
    """Abstracts per second over the development split, after a warm-up, and peak memory in MB."""
    kind, _, detail = name.partition(":")
    if kind == "stream":
        return measure_stream(arguments)
    texts = development_texts()
    if kind == "pipeline":
        tag = pipeline(arguments, int(detail))
    else:
        model = arguments.model if kind == "biospan" else arguments.beside
        tag = biospan_tagger(model, detail, arguments.threads)
    tag(texts[:20])
    began = time.perf_counter()
    tag(texts)
    seconds = time.perf_counter() - began
    return {"rate": len(texts) / seconds, "memory": peak_memory()}


def development_texts() -> list[str]:
    """The 200 development abstracts as running text."""
    from biospan import read_corpus

    return [document.text for document in read_corpus("jnlpba-text", "dev")]


def biospan_tagger(model: Path | None, engine: str, threads: int) -> Callable[[list[str]], object]:
    """The tagger as a user gets it."""
    import biospan.tagger

    tagger = biospan.tagger.load(model, engine=engine, threads=threads)
    return lambda texts: list(tagger.tag_many(texts))


def pipeline(arguments: argparse.Namespace, batch_size: int) -> Callable[[list[str]], object]:
    """`transformers.pipeline("ner")` on the run's weights.

    It has no sentence splitter and would cut off what its window does not hold, so it gets the
    sentences that Biospan finds, which is also what makes it fastest.
    """
    import torch
    import transformers
    from safetensors.torch import load_file

    from biospan import segment
    from biospan.train.model import locate

    hub: Any = transformers  # only some of it is typed
    torch.set_num_threads(arguments.threads)
    record = json.loads((arguments.run / "record.json").read_text())
    weights = load_file(arguments.run / "best.safetensors")
    config = hub.AutoConfig.from_pretrained(locate(record["recipe"]["encoder"]))
    config.num_labels = len(weights["head.bias"])
    model = hub.AutoModelForTokenClassification.from_config(config)
    homes = {"encoder": model.base_model_prefix, "head": "classifier"}
    renamed = {
        f"{homes[name.partition('.')[0]]}.{name.partition('.')[2]}": weight
        for name, weight in weights.items()
    }
    missing, unexpected = model.load_state_dict(renamed, strict=False)
    if missing or any(".pooler." not in name for name in unexpected):
        raise SystemExit(f"not the same weights: missing {missing}, unexpected {unexpected}")
    tokenizer = hub.PreTrainedTokenizerFast(
        tokenizer_file=str(arguments.run / "model" / "tokenizer.json"),
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
    )
    ner = hub.pipeline("ner", model=model.eval(), tokenizer=tokenizer, aggregation_strategy="first")

    def tag(texts: list[str]) -> object:
        sentences = [text[a:b] for text in texts for a, b in segment.sentence_spans(text)]
        return ner(sentences, batch_size=batch_size)

    return tag


def measure_stream(arguments: argparse.Namespace) -> dict[str, float]:
    """Memory at every tenth of a long stream of abstracts, in MB."""
    import biospan.tagger

    texts = development_texts()
    engine = arguments.engines[0]
    tagger = biospan.tagger.load(arguments.model, engine=engine, threads=arguments.threads)

    def endless() -> Iterator[str]:
        for number in range(arguments.stream):
            yield f"{texts[number % len(texts)]} {number}"

    process = psutil.Process()
    result: dict[str, float] = {}
    began = time.perf_counter()
    for number, _ in enumerate(tagger.tag_many(endless()), 1):
        if number % max(1, arguments.stream // 10) == 0:
            result[str(number)] = process.memory_info().rss / 1e6
            print(f"{number}: {result[str(number)]:.0f} MB", file=sys.stderr, flush=True)
    result["rate"] = arguments.stream / (time.perf_counter() - began)
    return result


def peak_memory() -> float:
    """Peak resident memory of this process in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def print_table(results: dict[str, list[dict[str, float]]], threads: int) -> None:
    """A Markdown table; rates are medians over the rounds.

    Ratios are against the best pipeline, or without one against the other model, engine by engine.
    """
    rates = {name: statistics.median(r["rate"] for r in rows) for name, rows in results.items()}
    pipelines = [rate for name, rate in rates.items() if name.startswith("pipeline")]
    against = "the best pipeline" if pipelines else "the other model"
    print(f"{processor()}, {threads} threads, {ROUNDS} rounds, commit {commit()}\n")
    print(f"| what | abstracts/s | against {against} | peak memory MB |")
    print("|---|---|---|---|")
    for name, rate in rates.items():
        memory = max(row["memory"] for row in results[name])
        base = max(pipelines) if pipelines else rates[f"beside:{name.partition(':')[2]}"]
        print(f"| {name} | {rate:.1f} | {rate / base:.2f} | {memory:.0f} |")


def print_stream(result: dict[str, float]) -> None:
    """Memory along the stream."""
    rate = result.pop("rate")
    steps = ", ".join(f"{int(number):,}: {memory:.0f}" for number, memory in result.items())
    print(f"\nstream at {rate:.1f} abstracts/s; resident MB after N abstracts: {steps}")


def print_start() -> None:
    """Seconds from a cold start to the first entity, and of importing the package."""
    sentence = "IL-2 gene expression requires NF-kappa B."
    first = f"import biospan; assert biospan.load().tag({sentence!r}).entities"
    for what, code in (("import biospan", "import biospan"), ("first entity", first)):
        times = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - began)
        print(f"\n{what}: {statistics.median(times):.2f} s (median of 5 processes)")


def processor() -> str:
    """Name of the processor."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit that is measured."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
