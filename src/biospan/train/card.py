"""The model card, written from the record of the run: no figure in it is typed by hand."""

from collections.abc import Mapping
from typing import Any

from biospan.corpora import CORPORA, find_corpus
from biospan.model_config import ModelConfig

# Weights that are known by their checksum.
_ENCODERS = {
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db": (
        "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0 by its own card"
    ),
}
_EXAMPLES = {
    "protein": "NF-kappa B, interleukin-2, glucocorticoid receptor",
    "DNA": "IL-2 promoter, c-fos gene, kappa B site",
    "RNA": "c-myc mRNA, 5S rRNA, beta-globin transcripts",
    "cell_type": "T lymphocytes, monocytes, B cells",
    "cell_line": "Jurkat cells, HL-60, U937 cell line",
}


def write(config: ModelConfig) -> str:
    """Markdown for `MODEL_CARD.md`."""
    record = config.provenance
    return "\n".join(
        [
            "# Biospan model",
            "",
            f"Marks entities in {_texts(record)}. For reading and mining the literature, "
            "for curation with a human in the loop, and for research. Not a medical device: "
            "do not base decisions about patients on it.",
            "",
            *_labels(config),
            *_training(record),
            *_results(record),
            *_limits(record),
        ]
    )


def _is_known(record: Mapping[str, Any]) -> bool:
    """Whether the corpus is a known one, of which more can be said than what is in the record."""
    return record["recipe"]["corpus"] in CORPORA


def _texts(record: Mapping[str, Any]) -> str:
    return "English biomedical text" if _is_known(record) else "text like that it was trained on"


def _labels(config: ModelConfig) -> list[str]:
    if not _is_known(config.provenance):
        return ["## Labels", "", *(f"- {label}" for label in config.labels), ""]
    rows = [f"| {label} | {_EXAMPLES.get(label, '')} |" for label in config.labels]
    return ["## Labels", "", "| label | examples |", "|---|---|", *rows, ""]


def _training(record: Mapping[str, Any]) -> list[str]:
    recipe = record["recipe"]
    corpus = find_corpus(recipe["corpus"])
    best = record["best"]
    settings = "\n".join(f"{key} = {value!r}" for key, value in recipe.items())
    packages = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    left_out = ", ".join(recipe["exclude"]) or "none"
    epochs = ", ".join(f"{epoch['micro_f1']:.4f}" for epoch in record["epochs"])
    return [
        "## Training",
        "",
        f"Corpus: `{recipe['corpus']}`. {corpus.source} Licence: {corpus.licence}.",
        f"{record['train']['documents']} documents to learn from (sha256 of their content "
        f"`{record['train']['sha256']}`), {record['dev']['documents']} to choose the epoch by "
        f"(`{record['dev']['sha256']}`). Left out of training: {left_out}.",
        "",
        f"Encoder: `{recipe['encoder']}`{_encoder(record)}. "
        f"Epoch {best['epoch']} of {recipe['epochs']} was the best on the "
        f"development split; micro F1 by epoch: {epochs}. Nothing was chosen on evaluation data.",
        "",
        f"Trained with code `{record['commit'] or 'unknown'}`, exported with "
        f"`{record['exported']['commit'] or 'unknown'}` and {record['exported']['runtime']}; "
        f"{packages}; {record['machine']}; "
        f"{record['seconds'] / 60:.0f} minutes. Another processor or another version of torch "
        "gives other last bits, and so a slightly different model.",
        "",
        "```",
        settings,
        "```",
        "",
    ]


def _encoder(record: Mapping[str, Any]) -> str:
    checksum = record["exported"]["encoder_sha256"]
    if not checksum:
        return ""
    known = f", that is {_ENCODERS[checksum]}" if checksum in _ENCODERS else ""
    return f"{known} (model.safetensors, sha256 `{checksum}`)"


def _results(record: Mapping[str, Any]) -> list[str]:
    gates = record["gates"]
    lines = ["## Results on the development split", ""]
    for name, report in record["development"].items():
        form = _FORMS.get(name, "as its files are")
        spans = report["spans"]
        lines += [f"Corpus `{name}` ({form}), exact span and label:", ""]
        lines += ["| | precision | recall | F1 | support |", "|---|---|---|---|---|"]
        averages = {row: spans[row] for row in ("micro", "macro", "weighted")}
        for row, scores in {**spans["rows"], **averages}.items():
            figures = " | ".join(f"{scores[key]:.4f}" for key in ("precision", "recall", "f1"))
            lines.append(f"| {row} | {figures} | {scores.get('support', '')} |")
        notes = [*report["notes"], *_interval(report["f1_intervals"])]
        lines += ["", *(f"- {note}" for note in notes), ""]
    return [
        *lines,
        f"Weights are stored as {record['recipe']['pack']} and expanded to fp32 when loaded: "
        f"{gates['size'] / 1e6:.1f} MB. Storing them so makes {gates['changed']} "
        f"differences in the development split's entities, and changes micro F1 from "
        f"{gates['unpacked_f1']:.4f} to {gates['packed_f1']:.4f}. Before it the graph's "
        f"emissions were within {gates['max_difference']:.1g} of torch's.",
        "",
    ]


def _interval(intervals: Mapping[str, Any]) -> list[str]:
    if intervals["micro"] is None:
        return []
    low, high = intervals["micro"]
    return [
        f"Micro F1 on other documents of the kind: {low:.4f} to {high:.4f} "
        f"({intervals['confidence']:.0%} interval, {intervals['resamples']} resamplings of the "
        "documents)"
    ]


_FORMS = {"jnlpba": "on its given tokens", "jnlpba-text": "raw text"}


def _limits(record: Mapping[str, Any]) -> list[str]:
    return [
        "## Limits",
        "",
        *(f"- {remark}" for remark in find_corpus(record["recipe"]["corpus"]).remarks),
        "- Entities do not overlap or nest, and none crosses a sentence's end.",
        "- A score is the model's own probability that exactly this span has this label. It is "
        "not calibrated yet.",
        "",
    ]
