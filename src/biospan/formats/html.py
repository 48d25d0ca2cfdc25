"""A page of documents with their entities in colour, for reading and never for reading back."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TextIO

from biospan import highlight
from biospan.document import Document


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write one self-contained page, each document under its id."""
    deque(passing(documents, stream), maxlen=0)


def passing(documents: Iterable[Document], stream: TextIO) -> Iterator[Document]:
    """Pass documents on, and write a page of them while they go by."""
    stream.write(highlight.page_start("Biospan"))
    for document in documents:
        spans = document.highlights()
        stream.write(highlight.fragment(document.text, spans, name=document.id) + "\n")
        yield document
    stream.write(highlight.PAGE_END)
