"""The model card, written from the record of the run: no figure in it is typed by hand."""

from collections.abc import Iterator, Mapping
from typing import Any

from biospan.corpora import CORPORA, find_corpus
from biospan.model_config import ModelConfig
from biospan.model_dir import PLOT
from biospan.reliability import Bin, bar
from biospan.train import card_sources, diagram
from biospan.train.markdown import code, table

# Of the known corpora, by label: what it marks, and examples.
_LABELS = {
    "protein": (
        "proteins, their families, complexes, subunits and domains",
        "NF-kappa B, interleukin-2, glucocorticoid receptor",
    ),
    "DNA": (
        "genes and other stretches of DNA: promoters, enhancers, binding sites",
        "IL-2 promoter, c-fos gene, kappa B site",
    ),
    "RNA": ("RNA molecules and transcripts", "c-myc mRNA, 5S rRNA, beta-globin transcripts"),
    "cell_type": ("kinds of cells as they occur in a body", "T lymphocytes, monocytes, B cells"),
    "cell_line": ("cells kept in culture: lines and clones", "Jurkat cells, HL-60, U937 cell line"),
}
_FORMS = {"jnlpba": "on its given tokens", "jnlpba-text": "raw text"}
_KINDS = {
    "seen": "seen: the text is an entity with this label in the training documents",
    "unseen": "unseen: it is not",
    "ambiguous": "ambiguous: it has several labels there; these are seen or unseen too",
}
_MEASURES = (
    "ECE is the mean gap between score and share right, in bins of equal mass; AUROC is how often "
    "a right entity is scored above a wrong one; Brier is the mean squared gap between score and "
    "outcome, beside that of one constant score for all. `biospan tag --min-score` takes the "
    "threshold."
)


def write(config: ModelConfig) -> str:
    """Markdown for `MODEL_CARD.md`."""
    record = config.provenance
    return "\n".join(
        [
            "# Biospan model",
            "",
            f"Marks {', '.join(config.labels)} in {_texts(record)}: the exact characters of each "
            "entity, its label, and a score from 0 to 1.",
            "",
            *_use(record),
            *_labels(config),
            *card_sources.data(record),
            *card_sources.training(record),
            *_results(record),
            *_scores(record),
            *_limits(record),
        ]
    )


def plot(config: ModelConfig) -> str:
    """The SVG that the card shows beside its figures of calibration; empty if it has none."""
    forms = {
        f"{name} ({_form(name)})": found["bins"]
        for name, found in _calibrated(config.provenance).items()
    }
    return diagram.draw(forms) if forms else ""


def _is_known(record: Mapping[str, Any]) -> bool:
    """Whether the corpus is a known one, of which more can be said than what is in the record."""
    return record["recipe"]["corpus"] in CORPORA


def _texts(record: Mapping[str, Any]) -> str:
    return "English biomedical text" if _is_known(record) else "text like that it was trained on"


def _form(name: str) -> str:
    return _FORMS.get(name, "as its files are")


def _use(record: Mapping[str, Any]) -> list[str]:
    recall = ", ".join(
        f"{report['spans']['micro']['recall']:.4f} ({_form(name)})"
        for name, report in record["development"].items()
    )
    return [
        "## Use",
        "",
        "- For reading and mining the literature, for curation with a human in the loop, and for "
        "research.",
        "- Not a medical device: do not base decisions about patients on it.",
        "- Not by itself for screening that must miss nothing, as in systematic reviews or drug "
        f"safety: its recall on the development split is {recall}.",
        f"- For {_texts(record)}; elsewhere it was not measured.",
        "- It marks mentions. Which gene or cell in a database is meant it does not say.",
        "",
    ]


def _labels(config: ModelConfig) -> list[str]:
    if not _is_known(config.provenance):
        return ["## Labels", "", *(f"- {label}" for label in config.labels), ""]
    rows = [(label, *_LABELS.get(label, ("", ""))) for label in config.labels]
    return ["## Labels", "", *table(("label", "what it marks", "examples"), rows)]


def _results(record: Mapping[str, Any]) -> list[str]:
    lines = ["## Results on the development split", ""]
    for name, report in record["development"].items():
        lines += [f"Corpus {code(name)} ({_form(name)}), exact span and label:", ""]
        header = ("", "precision", "recall", "F1", "F1, 95 % interval", "support")
        lines += table(header, _score_rows(report))
        notes = [*report["notes"], *_how_drawn(report["f1_intervals"])]
        lines += [*(f"- {note}" for note in notes), ""]
    return [*lines, *_mentions(record), *_gates(record)]


def _score_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    spans, intervals = report["spans"], report["f1_intervals"]
    bounds = {**intervals["labels"], "micro": intervals["micro"]}
    averages = {row: spans[row] for row in ("micro", "macro", "weighted")}
    for row, scores in {**spans["rows"], **averages}.items():
        between = bounds.get(row)
        shown = "{:.4f} to {:.4f}".format(*between) if between else ""
        yield (row, *_figures(scores), shown, str(scores.get("support", "")))


def _figures(scores: Mapping[str, float]) -> list[str]:
    return [f"{scores[key]:.4f}" for key in ("precision", "recall", "f1")]


def _how_drawn(intervals: Mapping[str, Any]) -> list[str]:
    if intervals["micro"] is None:
        return []
    return [
        f"An interval says what F1 might be on other documents of the kind: "
        f"{intervals['confidence']:.0%} of {intervals['resamples']} resamplings of the documents"
    ]


def _mentions(record: Mapping[str, Any]) -> list[str]:
    """Scores by whether the text of an entity was learned from."""
    rows = [
        (code(name), _form(name), kind, *_figures(level["micro"]), level["micro"]["support"])
        for name, kinds in record["mentions"].items()
        for kind, level in kinds.items()
    ]
    header = ("corpus", "form", "entities", "precision", "recall", "F1", "support")
    return [
        "Entities by what their text, its case and spacing aside, was in training, all labels:",
        "",
        *table(header, rows),
        *(f"- {meaning}" for meaning in _KINDS.values()),
        "",
    ]


def _gates(record: Mapping[str, Any]) -> list[str]:
    gates = record["gates"]
    return [
        f"Weights are stored as {record['recipe']['pack']} and expanded to fp32 when loaded: "
        f"{gates['size'] / 1e6:.1f} MB. Storing them so makes {gates['changed']} "
        f"differences in the development split's entities, and changes micro F1 from "
        f"{gates['unpacked_f1']:.4f} to {gates['packed_f1']:.4f}. Before it the graph's "
        f"emissions were within {gates['max_difference']:.1g} of torch's. A model that loses more "
        "than the gates allow is not written.",
        "",
    ]


def _calibrated(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Figures of calibration by form of the corpus, of those where anything was predicted."""
    forms = record.get("calibration", {}).get("development", {})
    return {name: found for name, found in forms.items() if found["bins"]}


def _scores(record: Mapping[str, Any]) -> list[str]:
    """What a score means, and how far that holds on documents that nothing was fitted to."""
    if "calibration" not in record:
        return [
            "## Scores",
            "",
            "A score is the model's own probability that exactly this span has this label. It is "
            "not calibrated.",
            "",
        ]
    forms = _calibrated(record)
    lines = [
        "## Scores",
        "",
        "A score is the probability that exactly this span has this label, calibrated on "
        f"{record['calibration']['documents']:,} training documents that entities were not learned "
        f"from{_again(record['calibration'])}. On the development split, which it was not fitted "
        "to:",
        "",
        *table(
            ("corpus", "form", "entities", "ECE", "AUROC", "Brier", "of a constant", "lower by"),
            [(code(name), _form(name), *_measures(found)) for name, found in forms.items()],
        ),
        *table(
            ("corpus", "precision wanted", "scores from", "precision", "recall", "entities left"),
            [row for name, found in forms.items() for row in _thresholds(name, found)],
        ),
    ]
    if forms:
        lines += [_MEASURES, ""]
        lines += [f"![Share of right entities by their score]({PLOT})", ""]
    for name, found in forms.items():
        drawn = [bar(Bin(*item)) for item in found["bins"]]
        lines += [
            f"{code(name)}: bins of equal mass; a bar is the share that is right, `|` the mean "
            "score:",
            "",
            *("```", "    n   score   right", *drawn, "```", ""),
        ]
    return lines


def _again(calibration: Mapping[str, Any]) -> str:
    """What made a calibration that was not made with its model."""
    if "runtime" not in calibration:
        return ""
    made = f"{code(calibration['commit'] or 'unknown')} and {calibration['runtime']}"
    return f", with code {made}, after the model was exported"


def _measures(found: Mapping[str, Any]) -> list[str]:
    constant = found["constant_brier"]
    lower = f"{1 - found['brier'] / constant:.1%}" if constant else "-"
    auroc = "-" if found["auroc"] is None else f"{found['auroc']:.4f}"
    brier = (f"{value:.4f}" for value in (found["brier"], constant))
    return [str(found["n"]), f"{found['ece']:.4f}", auroc, *brier, lower]


def _thresholds(name: str, found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for wanted, at in found["thresholds"].items():
        reached = ["not reached", "-", "-", "-"]
        if at is not None:
            reached = [f"{at[key]:.4f}" for key in ("threshold", "precision", "recall")]
            reached.append(f"{at['coverage']:.1%}")
        yield (code(name), wanted, *reached)


def _limits(record: Mapping[str, Any]) -> list[str]:
    remarks = list(find_corpus(record["recipe"]["corpus"]).remarks)
    if _is_known(record):
        remarks.append(
            "Of the model that comes with Biospan, `docs/model.md` in the repository tells how it "
            "does on full text and on recent vocabulary, by a challenge set."
        )
    return [
        "## Limits",
        "",
        *(f"- {remark}" for remark in remarks),
        "- Entities do not overlap or nest, and none crosses a sentence's end.",
        "- Calibrated or not, scores hold for texts like those of the development split.",
        "",
    ]
