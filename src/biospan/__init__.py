"""Biospan marks proteins, DNA, RNA, cell types and cell lines in biomedical text.

    import biospan

    tagger = biospan.load()
    document = tagger.tag("IL-2 gene expression requires NF-kappa B.")

Six names are public here. They load what they need when they are first used, so that importing
the package loads neither a runtime nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biospan.corpora import read_corpus
    from biospan.document import Document, Entity
    from biospan.scoring import evaluate
    from biospan.tagger import Tagger, load

__all__ = ["Document", "Entity", "Tagger", "evaluate", "load", "read_corpus"]

_HOMES = {
    "Document": "biospan.document",
    "Entity": "biospan.document",
    "Tagger": "biospan.tagger",
    "evaluate": "biospan.scoring",
    "load": "biospan.tagger",
    "read_corpus": "biospan.corpora",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `biospan` has no attribute `{name}`")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
