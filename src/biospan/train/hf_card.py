"""The hub's card of a model that was exported to transformers: front matter, use, figures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biospan.corpora import CORPORA, find_corpus
from biospan.train import sources
from biospan.train.hub import SOURCE_FILE
from biospan.train.markdown import table
from biospan.train.run import Run

if TYPE_CHECKING:
    from biospan.train.export_hf import Written

EXAMPLES = (
    "Mouse thymus was used as a source of glucocorticoid receptor from normal CS lymphocytes.",
    "IL-2 gene expression and NF-kappa B activation through CD28 require reactive oxygen.",
)


def write(run: Run, written: "Written", *, licence: str = "") -> str:
    """Markdown for `README.md`, with YAML in front as the hub reads it."""
    from huggingface_hub import EvalResult, ModelCardData

    recipe, name = run.config, _corpus_name(run)
    labels = ", ".join(run.model.tag_set.labels)
    front = ModelCardData(
        language="en",
        license=licence or "other",
        license_name=None if licence else "not-stated",
        library_name="transformers",
        pipeline_tag="token-classification",
        tags=["biospan", "named-entity-recognition", "biology"],
        datasets=[name] if recipe.corpus in CORPORA else None,
        base_model=_base_model(recipe.encoder),
        metrics=["precision", "recall", "f1"],
        widget=[{"text": text} for text in EXAMPLES],
        model_name=f"Biospan on {name}",
        eval_results=[
            EvalResult(
                task_type="token-classification",
                dataset_type=name,
                dataset_name=name,
                dataset_split=recipe.dev_split,
                metric_type="f1",
                metric_name="micro F1, best tag of each word, exact span and label",
                metric_value=round(written.plain_f1, 4),
            )
        ],
    )
    return "\n".join(
        [
            "---",
            front.to_yaml().strip(),
            "---",
            "",
            f"# Token classification: {labels}",
            "",
            f"Marks {labels}. Trained with Biospan and exported to transformers: encoder and "
            "linear head.",
            "",
            *_use(run),
            *_figures(run, written),
            *_limits(run),
            *_made(run, licence),
        ]
    )


def _use(run: Run) -> list[str]:
    return [
        "## Use",
        "",
        'A dict for each piece that is no `O`; with `aggregation_strategy="first"` one for each '
        "entity:",
        "",
        "```python",
        "from transformers import pipeline",
        "",
        'ner = pipeline("ner", model="THIS_FOLDER_OR_NAME")',
        f'ner("{EXAMPLES[0]}")',
        "```",
        "",
        "A line for each piece:",
        "",
        "```python",
        "import torch",
        "from transformers import AutoModelForTokenClassification, AutoTokenizer",
        "",
        'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER_OR_NAME")',
        'model = AutoModelForTokenClassification.from_pretrained("THIS_FOLDER_OR_NAME")',
        f'inputs = tokenizer("{EXAMPLES[0]}", return_tensors="pt")',
        "with torch.no_grad():",
        "    best = model(**inputs).logits[0].argmax(dim=-1)[1:-1].tolist()",
        "for piece, tag in zip(tokenizer.convert_ids_to_tokens(inputs.input_ids[0])[1:-1], best):",
        '    print(piece, "->", model.config.id2label[tag])',
        "```",
        "",
        f"Give it a {'sentence' if run.config.context == 'sentence' else 'passage'} at a time, of "
        f"at most {run.config.max_pieces} pieces: that is what it was trained on.",
        "",
    ]


def _figures(run: Run, written: "Written") -> list[str]:
    report = run.record["best"]["report"]["spans"]
    rows = [
        (name, *(f"{scores[key]:.4f}" for key in ("precision", "recall", "f1")))
        for name, scores in {**report["rows"], "micro": report["micro"]}.items()
    ]
    crf = " and without the CRF" if written.has_crf else ""
    return [
        "## Results on the development split",
        "",
        f"Corpus `{run.config.corpus}`, {len(run.dev)} documents, which chose the epoch. Exact "
        "span and label, as Biospan decides, on the sentence as a whole:",
        "",
        *table(("", "precision", "recall", "F1"), rows),
        f"Taking the best tag of each {run.config.decisions[:-1]} by itself, as transformers does"
        f"{crf}, micro F1 is {written.plain_f1:.4f} instead of {written.f1:.4f}.",
        "",
    ]


def _limits(run: Run) -> list[str]:
    lines = [
        "- Not a medical device: do not base decisions about patients on it.",
        f"- Only the first piece of a {run.config.decisions[:-1]} was trained to have a tag; what "
        "is printed for its other pieces means nothing.",
        "- A score is the softmax of a piece, not the probability of an entity, and is not "
        "calibrated.",
        "- Text beyond the longest window is cut by transformers; Biospan reads it in further "
        "windows.",
    ]
    if run.config.decisions == "units":
        lines.append(
            "- The tokenizer parts words and marks as it was trained; keep its `tokenizer.json`."
        )
    return ["## Limits", "", *lines, ""]


def _made(run: Run, licence: str) -> list[str]:
    corpus, record = find_corpus(run.config.corpus), run.record
    encoders = sources.gather(run.config.to_dict(), record.get("averaged", ()))["encoders"]
    began = [f"`{e['name']}` (sha256 `{e['sha256'] or 'not recorded'}`)" for e in encoders]
    settings = "\n".join(f"{key} = {value!r}" for key, value in record["recipe"].items())
    return [
        "## Training",
        "",
        f"Corpus: {corpus.source} Licence of the corpus: {corpus.licence}. Encoder: "
        f"{', '.join(began) or 'see the recipe'}. "
        + ("" if licence else "The licence of these weights was not stated by who exported them. ")
        + f"Code `{record['commit'] or 'unknown'}`, {_chosen(record)}.",
        "",
        "```",
        settings,
        "```",
        "",
    ]


def _chosen(record: dict[str, Any]) -> str:
    if runs := record.get("averaged"):
        return f"mean of the weights of {len(runs)} runs"
    return f"best epoch {record['best']['epoch']}"


def _corpus_name(run: Run) -> str:
    known = CORPORA.get(run.config.corpus)
    return known.folder if known else Path(run.config.corpus).name


def _base_model(encoder: str) -> str | None:
    """The hub name of the encoder, if it is known to come from there."""
    try:
        found: Mapping[str, Any] = json.loads((Path(encoder) / SOURCE_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return str(found["name"]) if found.get("revision") else None
