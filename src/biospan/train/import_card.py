"""The card of a model directory that was imported, from what is recorded of the import."""

from biospan.model_config import ModelConfig
from biospan.train.markdown import code, table

_DECISIONS = {
    "units": "each word and each other character is decided on, at its first piece",
    "words": "each word is decided on as a whole, at its first piece",
}
_READING = {
    "text": "the tokenizer gets the running text of a sentence",
    "units": "the tokenizer gets what is decided on piece by piece, as training scripts give it",
}


def write(config: ModelConfig) -> str:
    """Markdown for `MODEL_CARD.md`."""
    record = config.provenance["imported"]
    parity, options = record["parity"], record["options"]
    renamed = [f"{code(old)} to {code(new)}" for old, new in options["labels"].items()]
    versions = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    return "\n".join(
        [
            "# Imported model",
            "",
            f"Marks {', '.join(config.labels)}. Made of {code(record['name'])}"
            + (f", revision {code(record['revision'])}" if record["revision"] else "")
            + ". What it was trained on, its licence and how good it is stand with its publisher: "
            "nothing of that was measured here. A score is the model's own probability that "
            "exactly this span has this label. It is not calibrated.",
            "",
            *table(("file", "sha256"), [(code(n), code(d)) for n, d in record["files"].items()]),
            "## How it is read",
            "",
            f"- {_DECISIONS[config.decisions].capitalize()}; {_READING[config.reading]}.",
            f"- Windows of {config.max_pieces} pieces, one sentence each; longer ones are read in "
            "several that overlap.",
            f"- {'Lower-cased' if config.lowercase else 'Capitals are kept'}"
            + (", although its vocabulary has capitals." if config.loses_case else "."),
            f"- Columns renamed: {', '.join(renamed) or 'none'}.",
            "",
            "## Parity with transformers",
            "",
            f"On {parity['sentences']} sentences ({parity['decisions']} decisions, "
            f"{parity['entities']} entities) emissions are within {parity['max_difference']:.1g}, "
            "and the entities are the same wherever transformers' best columns are a legal "
            f"sequence ({parity['illegal']} sentences where not). Weights are stored as "
            f"{options['pack']}, which changes {parity['changed']} entities.",
            "",
            f"Made with {versions}, code {code(record['commit'] or 'unknown')}.",
            "",
        ]
    )
