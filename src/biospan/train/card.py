"""The model card, written from the record of the run; nothing in it is typed by hand."""

from biospan.model_dir import ModelConfig


def write(config: ModelConfig) -> str:
    """Markdown for `MODEL_CARD.md`."""
    return "# Model card\n"
