"""What labels mean, in a sentence, where it is known."""

from collections.abc import Mapping
from types import MappingProxyType

from biospan.tagger import Tagger

# Of JNLPBA: Kim et al., "Introduction to the bio-entity recognition task at JNLPBA" (2004), which
# took them from the GENIA ontology.
_DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "protein": "Proteins, their families, complexes, domains and subunits.",
        "DNA": "Genes, promoters, binding sites and other regions of DNA.",
        "RNA": "Messenger RNA and other molecules of RNA.",
        "cell_type": "Kinds of cells as they are in a body, such as T cells.",
        "cell_line": "Lines of cells in culture, such as Jurkat cells.",
    }
)


def describe(tagger: Tagger) -> list[dict[str, str | None]]:
    """The labels of a model and what they mean."""
    return [{"name": label, "description": _DESCRIPTIONS.get(label)} for label in tagger.labels]
