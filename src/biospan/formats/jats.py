"""JATS full text, as PubMed Central gives it: an article, or a set of them.

A document is the title, the abstracts, the body and what floats beside it, in the order of the
file. Read as text: paragraphs, titles of sections, lists, quotations, boxes, and titles and
paragraphs of captions; the text of citations in them stays. Left out: cells and footnotes of
tables, labels (`Figure 1`), footnotes, TeX sources of formulas (their MathML signs stay),
references and all other back matter, abstracts in other languages, and articles inside the article
(`sub-article`, `response`). Format: https://jats.nlm.nih.gov/archiving/ (ANSI/NISO Z39.96).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from biospan.document import Document
from biospan.errors import InputError
from biospan.formats import markup, record
from biospan.formats.markup import Part, flatten, local_name
from biospan.formats.record import Record

ROOTS = ("article", "pmc-articleset")
_LEFT_OUT = markup.FORMULA_SOURCES | {
    *("table", "array", "table-wrap-foot", "fn", "fn-group", "ref-list"),
    *("label", "alt-text", "long-desc", "object-id", "permissions", "attrib", "sec-meta"),
    *("index-term", "related-article", "related-object", "processing-meta"),
}
# Where one of these begins or ends, a passage ends; all other elements are markup inside of one.
_BLOCKS = {
    *("p", "title", "subtitle", "sec", "caption", "abstract", "list", "list-item", "def-list"),
    *("def-item", "term", "def", "disp-quote", "boxed-text", "statement", "speech", "speaker"),
    *("verse-group", "verse-line", "preformat", "code", "fig", "fig-group", "table-wrap"),
    *("table-wrap-group", "supplementary-material", "media", "disp-formula-group"),
}
_APART = {"break", "disp-formula", "x"}  # no passage of their own, and no part of a word either
_PMCID = re.compile(r"(?:PMC)?([0-9]+)")
_YEAR = re.compile(r"[12][0-9]{3}")
_OTHER_DATES = ("pmc-release", "nihms-submitted")  # of a copy, not of the article


def read(path: Path | str) -> Iterator[Document]:
    """Read the documents of a file, one article at a time.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If an article has no identifier or no text, is broken, too large, or cut off.
    """
    return record.documents(records(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, but give what is no document as `Rejected`, and go on.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file cannot be read any further.
    """
    return markup.documents(path, ("article",), _document)


def identifiers(article: Element) -> dict[str, str]:
    """An article's own identifiers, those there are of `pmcid` (`PMC1`), `pmid` and `doi`."""
    found: dict[str, str] = {}
    for element in article.iterfind("{*}front/{*}article-meta/{*}article-id"):
        kind, value = element.get("pub-id-type", ""), flatten(element)
        if kind in ("pmid", "doi"):
            found[kind] = value
        elif kind in ("pmc", "pmcid") and (match := _PMCID.match(value)):
            found["pmcid"] = f"PMC{match[1]}"
    return found


def pmcid(article: Element) -> str:
    """The PMC id of an article, `PMC1`; empty if it has none."""
    return identifiers(article).get("pmcid", "")


def _document(article: Element) -> Document:
    front = article.find("{*}front")
    meta = article.find("{*}front/{*}article-meta")
    if front is None or meta is None:
        raise InputError("no `article-meta` in `front`")
    said = identifiers(article)
    named = said.get("pmcid") or said.get("pmid") or said.get("doi", "")
    metadata = {**said, "year": _year(meta), "journal": _journal(front)}
    return markup.to_document(_parts(article, meta), named, metadata)


def _parts(article: Element, meta: Element) -> Iterator[Part]:
    for name in ("article-title", "subtitle"):
        for title in meta.iterfind(f"{{*}}title-group/{{*}}{name}"):
            markup.blank(title, _LEFT_OUT)
            yield Part("title", flatten(title))
    for abstract in meta.iterfind("{*}abstract"):
        yield from _Passages("abstract").of(abstract)
    for name in ("body", "floats-group"):
        for element in article.iterfind(f"{{*}}{name}"):
            yield from _Passages("paragraph").of(element)


class _Passages:
    """Cuts mixed content into passages, element by element.

    Titles of sections in an abstract name the section only, as labels do in PubMed's abstracts; in
    the body they are passages too.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._names: list[str] = []  # of the elements around
        # Titles of the sections around, outermost first; an abstract may have one itself.
        self._sections = [""] if kind == "abstract" else []
        self._captions = 0  # around
        self._text: list[str] = []

    def of(self, root: Element) -> Iterator[Part]:
        """The passages of an element, which is emptied of what is left out."""
        markup.blank(root, _LEFT_OUT)
        self._names.append(local_name(root))
        self._text.append(root.text or "")
        for begins, element in markup.walk(root):
            name = local_name(element)
            if name in _BLOCKS:
                yield from self._end(name if not begins else "")
            elif name in _APART:
                self._text.append(" ")
            if begins:
                self._open(name)
            else:
                self._close(name)
            self._text.append((element.text if begins else element.tail) or "")
        yield from self._end("")

    def _open(self, name: str) -> None:
        self._names.append(name)
        self._captions += name == "caption"
        if name == "sec":
            self._sections.append("")

    def _close(self, name: str) -> None:
        self._names.pop()
        self._captions -= name == "caption"
        if name == "sec":
            self._sections.pop()

    def _end(self, closing: str) -> Iterator[Part]:
        """The passage that ends here, if there is any text in it."""
        text = markup.tidy("".join(self._text))
        self._text.clear()
        kind = "caption" if self._captions else self._kind
        if closing == "title" and not self._captions:
            kind = "section_title"
            if self._sections and self._names[-2] in ("sec", "abstract"):
                self._sections[-1] = text
                if self._kind == "abstract":
                    return
        if text:
            yield Part(kind, text, self._section())

    def _section(self) -> str:
        """The section of the passage: in an abstract the innermost, in a body the outermost."""
        if self._kind == "abstract":
            return next(filter(None, reversed(self._sections)), "")
        return self._sections[0] if self._sections else ""


def _year(meta: Element) -> str:
    """The first year of publication, printed or electronic."""
    years = []
    for date in meta.iterfind("{*}pub-date"):
        if date.get("pub-type", date.get("date-type", "")) not in _OTHER_DATES:
            years += _YEAR.findall(flatten(date.find("{*}year")))
    return min(years, default="")


def _journal(front: Element) -> str:
    by_kind = {e.get("journal-id-type"): flatten(e) for e in front.iterfind(".//{*}journal-id")}
    title = flatten(front.find("{*}journal-meta//{*}journal-title"))
    return by_kind.get("iso-abbrev") or by_kind.get("nlm-ta") or title
