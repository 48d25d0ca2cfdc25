"""PubMed's XML: the yearly and daily files of MEDLINE, and what E-utilities' efetch gives.

A document is the title and the abstract, each part of a structured abstract a passage of its own
whose section is the part's label. Abstracts in other languages or by other people (`OtherAbstract`)
are left out, and counted in one warning together with deletions, which `deletions` gives. A record
that comes again, as in the daily files, comes again here. Format:
https://dtd.nlm.nih.gov/ncbi/pubmed/doc/out/250101/ (National Library of Medicine).
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from biospan.document import Document
from biospan.errors import InputError
from biospan.formats import markup, record
from biospan.formats.markup import Part, find, find_all, flatten
from biospan.formats.record import Record

logger = logging.getLogger(__name__)

ARTICLES = ("PubmedArticle", "PubmedBookArticle")
ROOTS = ("PubmedArticleSet", "PubmedBookArticleSet", *ARTICLES)
_DELETED = "DeleteCitation"
_YEAR = re.compile(r"[12][0-9]{3}")
_NO_SECTION = ("UNASSIGNED", "UNLABELLED")  # what the file calls a part without a label


def read(path: Path | str) -> Iterator[Document]:
    """Read the documents of a file, one record at a time.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If a record has no PMID or no text, is broken, too large, or the file is cut.
    """
    return record.documents(records(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, but give what is no document as `Rejected`, and go on.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file cannot be read any further.
    """
    left_out: Counter[str] = Counter()

    def to_document(element: Element) -> Document | None:
        if element.tag == _DELETED:
            left_out["deleted PMID"] += len(element.findall("PMID"))
            return None
        left_out["OtherAbstract"] += len(find_all(element, "MedlineCitation", "OtherAbstract"))
        return _document(element)

    yield from markup.documents(path, (*ARTICLES, _DELETED), to_document)
    if counts := ", ".join(f"{n:,} x {what}" for what, n in sorted(left_out.items()) if n):
        logger.warning("%s: read without %s", path, counts)


def deletions(path: Path | str) -> Iterator[str]:
    """PMIDs that a file declares deleted, in order.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file is damaged or cut.
    """
    deleted: list[str] = []

    def collect(element: Element) -> None:
        deleted.extend(flatten(pmid) for pmid in element.findall("PMID"))

    for rejected in markup.documents(path, (_DELETED,), collect):
        raise InputError(str(rejected))
    yield from deleted


def pmid(record: Element) -> str:
    """The PMID of an article or a book; empty if it has none."""
    return flatten(find(record, "MedlineCitation", "PMID")) or flatten(
        find(record, "BookDocument", "PMID")
    )


def _document(element: Element) -> Document:
    """The document of an article, or of a book or a chapter of one.

    Raises:
        InputError: If it has no PMID or no text.
    """
    book = element.find("BookDocument")
    citation = element.find("MedlineCitation") if book is None else book
    article = find(element, "MedlineCitation", "Article") if book is None else book
    if citation is None or article is None:
        raise InputError("neither `MedlineCitation` with `Article` nor `BookDocument` is there")
    number = citation.find("PMID")
    if number is None or not flatten(number):
        raise InputError("no PMID")
    version = number.get("Version", "1")
    identifiers = _identifiers(element, article)
    languages = " ".join(map(flatten, article.findall("Language")))
    metadata = {
        "pmid_version": version if version != "1" else "",
        "year": _year(article),
        "journal": _journal(article),
        "doi": identifiers.get("doi", ""),
        "pmcid": identifiers.get("pmc", ""),
        "language": languages if languages != "eng" else "",
    }
    return markup.to_document(_parts(article), flatten(number), metadata)


def _parts(article: Element) -> Iterator[Part]:
    titles = (("ArticleTitle",), ("VernacularTitle",), ("Book", "BookTitle"))
    texts = (flatten(find(article, *path)) for path in titles)
    yield Part("title", next(filter(None, texts), ""))
    for element in find_all(article, "Abstract", "AbstractText"):
        section = markup.tidy(element.get("Label") or element.get("NlmCategory") or "")
        yield Part("abstract", flatten(element), "" if section in _NO_SECTION else section)


def _identifiers(record: Element, article: Element) -> dict[str, str]:
    """The article's own identifiers by type; those of its references stand deeper."""
    found: dict[str, str] = {}
    for element in article.findall("ELocationID"):
        if element.get("ValidYN") != "N":
            found.setdefault(element.get("EIdType", ""), flatten(element))
    for parent in ("PubmedData", "PubmedBookData", "BookDocument"):
        for element in find_all(record, parent, "ArticleIdList", "ArticleId"):
            found[element.get("IdType", "")] = flatten(element)
    return found


def _year(article: Element) -> str:
    """The year of publication; the first of those that a `MedlineDate` spans."""
    for path in (
        ("Journal", "JournalIssue", "PubDate"),
        ("Book", "PubDate"),
        ("ContributionDate",),
    ):
        for name in ("Year", "MedlineDate"):
            if match := _YEAR.search(flatten(find(article, *path, name))):
                return match[0]
    return ""


def _journal(article: Element) -> str:
    abbreviation = flatten(find(article, "Journal", "ISOAbbreviation"))
    return abbreviation or flatten(find(article, "Journal", "Title"))
