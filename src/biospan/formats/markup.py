"""Text in XML markup: records of a file one by one, inline markup flattened, passages joined.

White space in markup is the file's layout: each run of blanks, tabs and newlines is one blank, and
there is none at the ends of a passage. Other spaces (no-break, thin) stay, they were typed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from biospan.document import Document, Passage
from biospan.errors import InputError
from biospan.formats import xml
from biospan.formats.record import Record, Rejected
from biospan.formats.text import open_unpacked

# A formula's source stands beside its signs in some files; it is no text.
FORMULA_SOURCES = frozenset({"annotation", "annotation-xml", "tex-math"})


class Part(NamedTuple):
    """A passage before its place in the text is known."""

    kind: str
    text: str
    section: str = ""


def documents(
    path: Path | str,
    names: tuple[str, ...],
    to_document: Callable[[Element], Document | None],
) -> Iterator[Record]:
    """The records of a file, in order, each as a document or rejected.

    Args:
        path: Of an XML file, packed or not.
        names: Of the elements that are records.
        to_document: Makes a document of a record's element, or None of one to be passed over, and
            raises InputError if it is neither.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file cannot be read any further.
    """
    with open_unpacked(path) as stream:
        try:
            for number, name, content in xml.cut(stream, names):
                try:
                    if content is None:
                        raise InputError(
                            f"`{name}`: cut off by the end of the file, or larger than "
                            f"{xml.MAX_RECORD >> 20} MiB"
                        )
                    document = to_document(xml.parse(content))
                except InputError as error:
                    yield Rejected(f"{path}, record {number}", str(error))
                    continue
                if document is not None:
                    yield document
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def to_document(parts: Iterable[Part], document_id: str, metadata: Mapping[str, str]) -> Document:
    r"""A document of passages joined by one `\n`; parts and metadata without text are left out.

    Raises:
        InputError: If nothing is left, or there is no id.
    """
    if not document_id:
        raise InputError("no identifier")
    passages: list[Passage] = []
    texts: list[str] = []
    start = 0
    for kind, text, section in parts:
        if text:
            passages.append(Passage(start, start + len(text), kind, section=section))
            texts.append(text)
            start += len(text) + 1
    if not texts:
        raise InputError(f"`{document_id}`: no text")
    said = {key: value for key, value in metadata.items() if value}
    return Document("\n".join(texts), document_id, tuple(passages), metadata=said)


def find(element: Element, *path: str) -> Element | None:
    """The first child of a name, its first child of the next name, and so on."""
    # Several times as quick as `element.find` with a path, which the standard library interprets.
    found: Element | None = element
    for name in path:
        if found is None:
            break
        found = found.find(name)
    return found


def find_all(element: Element, *path: str) -> list[Element]:
    """All children of the last name, of what `find` gives for the names before it."""
    parent = find(element, *path[:-1])
    return [] if parent is None else parent.findall(path[-1])


def flatten(element: Element | None) -> str:
    """The text in an element, without markup; empty for None."""
    if element is None:
        return ""
    if not len(element):
        return tidy(element.text or "")
    blank(element, FORMULA_SOURCES)
    return tidy("".join(element.itertext()))


def tidy(text: str) -> str:
    """A text without the white space of a file's layout."""
    # Many times as quick as a regular expression; a run of blanks is half as long each time.
    text = text.replace("\n", " ").replace("\t", " ").replace("\r", " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text.strip(" ")


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def blank(root: Element, names: frozenset[str]) -> None:
    """Empty the elements of these names below a root; what follows them stays."""
    for element in list(root.iter()):
        if local_name(element) in names:
            tail = element.tail
            element.clear()
            element.tail = tail


def walk(root: Element) -> Iterator[tuple[bool, Element]]:
    """Each element below a root as it begins (True) and as it ends (False), however deep."""
    open_elements = [(root, iter(root))]
    while True:
        element, children = open_elements[-1]
        child = next(children, None)
        if child is not None:
            yield True, child
            open_elements.append((child, iter(child)))
            continue
        open_elements.pop()
        if not open_elements:
            return
        yield False, element
