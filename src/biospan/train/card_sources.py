"""The model card's parts on what a model was made of and how: data, licences, training record."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from biospan.corpora import CORPORA, find_corpus
from biospan.train.licences import ENCODERS, FILES, UNKNOWN, Origin
from biospan.train.markdown import code, table

_THIS = "this model"
# What is done with lines of a text file, by the kind of run that reads them.
_LINES = {"pretrain": "lines to adapt the encoder to", "teach": "lines that teachers labelled"}
_NOT_RECORDED = "not recorded"


class _Source(NamedTuple):
    """Something that a model was made of, known by name and checksum."""

    kind: str
    name: str
    sha256: str


def recipe_checksum(recipe: Mapping[str, Any]) -> str:
    """The sha256 of all settings as JSON with sorted keys."""
    return sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def data(record: Mapping[str, Any]) -> list[str]:
    """Corpus, and every source that the model was made of with its licence and checksum."""
    recipe = record["recipe"]
    corpus = find_corpus(recipe["corpus"])
    uses = _uses(record)
    origins = {source: _origin(source) for source in uses}
    rows = [
        (
            code(source.name),
            origins[source].origin,
            origins[source].licence,
            "; ".join(f"{use} ({', '.join(steps)})" for use, steps in found.items()),
            code(source.sha256) if source.sha256 else _NOT_RECORDED,
        )
        for source, found in uses.items()
    ]
    aside = [
        f"{recipe[key]:,} for {purpose}"
        for key, purpose in (
            ("judged_documents", "judging settings"),
            ("calibration_documents", "calibrating scores"),
        )
        if recipe[key]
    ]
    return [
        "## Data and licences",
        "",
        f"Corpus: {code(recipe['corpus'])}. {corpus.source} Licence: {corpus.licence}.",
        f"Left out of training: {', '.join(recipe['exclude']) or 'none'}. "
        f"Set aside by a hash of their ids: {', '.join(aside) or 'none'}.",
        "",
        "The sha256 of a corpus is that of its documents' content, others are those of files. "
        "Origin and licence of a text file are known by its name, those of an encoder by its "
        "weights.",
        "",
        *table(("source", "origin", "licence", "used for", "sha256"), rows),
        *_terms(origins),
        "",
    ]


def training(record: Mapping[str, Any]) -> list[str]:
    """Every run, oldest first: recipe, seed, hours, machine, code; and what can be repeated."""
    recipe = record["recipe"]
    runs = [*_stages(record), (_THIS, record)]
    rows = [
        (
            step,
            run.get("kind", "train"),
            run["recipe"].get("seed", "none"),
            f"{run['seconds'] / 3600:.2f}" if "seconds" in run else _NOT_RECORDED,
            code(recipe_checksum(run["recipe"])),
            code(run["sha256"]) if run.get("sha256") else "see `manifest.json`",
        )
        for step, run in runs
        if "recipe" in run
    ]
    settings = "\n".join(f"{key} = {value!r}" for key, value in recipe.items())
    return [
        "## Training record",
        "",
        *table(("run", "kind", "seed", "hours", "sha256 of recipe", "sha256 of result"), rows),
        "The sha256 of a recipe is that of all its settings as JSON with sorted keys. The settings "
        "of the last one stand below, those of all are in `config.json`, under `provenance`.",
        "",
        *_made_with(runs),
        f"- Exported with code {code(record['exported']['commit'] or 'unknown')} and "
        f"{record['exported']['runtime']}.",
        "",
        f"{_chosen(record)} Nothing was chosen on evaluation data.",
        "",
        *_repeatable([run["recipe"] for _, run in runs if "recipe" in run]),
        "```",
        settings,
        "```",
        "",
    ]


def _chosen(record: Mapping[str, Any]) -> str:
    """What the development split said on the way."""
    if runs := record.get("averaged"):
        each = ", ".join(f"{run['micro_f1']:.4f} ({code(run['folder'])})" for run in runs)
        mean = record["best"]["report"]["spans"]["micro"]["f1"]
        return (
            f"The weights are the mean of those of {len(runs)} runs; micro F1 on the development "
            f"split {mean:.4f}, of the runs {each}."
        )
    epochs = ", ".join(f"{epoch['micro_f1']:.4f}" for epoch in record["epochs"])
    return (
        f"Epoch {record['best']['epoch']} of {record['recipe']['epochs']} was the best on the "
        f"development split; micro F1 by epoch: {epochs}."
    )


def _stages(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(code(stage["folder"]), stage) for stage in record["sources"]["stages"]]


def _uses(record: Mapping[str, Any]) -> dict[_Source, dict[str, list[str]]]:
    """What each source was used for, and in which runs."""
    found: dict[_Source, dict[str, list[str]]] = {}
    kinds = ("corpus", "encoder", "file", "unknown")
    listed = sorted(_used(record), key=lambda item: kinds.index(item[0].kind))
    for source, use, step in listed:
        steps = found.setdefault(source, {}).setdefault(use, [])
        if step not in steps:
            steps.append(step)
    return found


def _used(record: Mapping[str, Any]) -> Iterator[tuple[_Source, str, str]]:
    """Source, use and run, one by one."""
    runs = [(_THIS, record), *_stages(record)]
    for step, run in runs:
        if "recipe" not in run:
            yield _Source("unknown", run["folder"], run["sha256"]), "an earlier run", step
            continue
        kind = run.get("kind", "train")
        corpus = run["recipe"].get("corpus", "")
        if kind == "train":
            second = run["recipe"].get("second_form")
            forms = f", in the forms {code(corpus)} and {code(second)}" if second else ""
            learned = f"{run['train']['documents']:,} documents to learn from{forms}"
            yield _Source("corpus", corpus, run["train"]["sha256"]), learned, step
            chosen = f"{run['dev']['documents']:,} documents to choose the epoch by"
            yield _Source("corpus", corpus, run["dev"]["sha256"]), chosen, step
        elif kind == "pretrain":
            read = f"the text alone of {run['train']['documents']:,} documents"
            yield _Source("corpus", corpus, run["train"]["sha256"]), read, step
        for file in run.get("text", {}).get("files", ()):
            lines = f"{file['lines']:,} {_LINES[kind]}"
            yield _Source("file", file["name"], file["sha256"]), lines, step
        for encoder in record["sources"]["encoders"]:
            if encoder["name"] == run["recipe"].get("encoder"):
                yield _Source("encoder", encoder["name"], encoder["sha256"]), "where it began", step
    if calibration := record.get("calibration"):
        source = _Source("corpus", record["recipe"]["corpus"], calibration["sha256"])
        yield source, f"{calibration['documents']:,} documents to calibrate scores on", _THIS


def _origin(source: _Source) -> Origin:
    if source.kind == "corpus":
        known = CORPORA.get(source.name)
        return Origin("see above", known.licence) if known else Origin("a path", "not stated")
    if source.kind == "file":
        return FILES.get(source.name, UNKNOWN)
    return ENCODERS.get(source.sha256, UNKNOWN)


def _terms(origins: Mapping[_Source, Origin]) -> list[str]:
    """Name sources whose terms are narrow, and those whose terms are not known."""
    narrow = [code(source.name) for source, origin in origins.items() if origin.restricted]
    unknown = [code(source.name) for source, origin in origins.items() if origin == UNKNOWN]
    lines = [
        "Of these, under share-alike, non-commercial or research-only terms as far as is known: "
        f"{', '.join(narrow) or 'none'}."
    ]
    return [*lines, f"Of unknown terms: {', '.join(unknown)}."] if unknown else lines


def _made_with(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """A line for each code, machine and set of packages."""
    found: dict[str, list[str]] = {}
    for step, run in runs:
        if "recipe" not in run:
            continue
        packages = ", ".join(f"{name} {version}" for name, version in run["packages"].items())
        code_version = code(run["commit"] or "unknown")
        made = f"code {code_version}; {run['machine']}; Python {run['python']}, {packages}"
        found.setdefault(made, []).append(step)
    return [f"- {', '.join(steps)}: with {made}." for made, steps in found.items()]


def _repeatable(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is the same when all runs are made again, and what is not, in words."""
    lines = [
        "**Made again**, the recipes give the same documents in the same order, but not the "
        "same weights bit for bit, unless processor, number of threads and "
        "packages are the same: sums of floating-point numbers come out in another order, "
        "their last bits differ, and training makes a slightly other model of that.",
    ]
    if any(recipe.get("precision") == "bf16" for recipe in recipes):
        lines.append(
            "With `bf16`, factors are rounded to 8 significant bits, which lets such differences "
            "grow faster."
        )
    if any(recipe.get("vocabulary") for recipe in recipes):
        lines.append(
            "A vocabulary that is learned again may have other pieces or another order: WordPiece "
            "training breaks ties between equally frequent pairs by chance."
        )
    if any(recipe.get("taught") for recipe in recipes):
        lines.append("Teachers that are made again give slightly other probabilities.")
    return [" ".join(lines), ""]
