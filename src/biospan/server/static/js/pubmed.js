/**
 * PubMed's XML, read in the browser: each record's title and abstract, as `biospan.formats.pubmed`
 * reads them. Nothing is fetched: browsers load no DTD, and a document type that declares
 * entities of its own is refused before it is parsed.
 */

import { Problem } from "./problems.js";
import { parse } from "./xml.js";

const FORMULA_SOURCES = "annotation, annotation-xml, tex-math";
const NO_SECTION = ["UNASSIGNED", "UNLABELLED"];
const RECORDS = "PubmedArticle, PubmedBookArticle";
const RECORD_START = /<(Pubmed(?:Book)?Article)[\s>]/g;
const INTERNAL_SUBSET = /<!DOCTYPE[^>[]*\[/i;

/** Whether a text looks like XML rather than prose. */
export function isXml(text) {
  return /^\ufeff?\s*<(?:\?xml|!DOCTYPE|Pubmed)/.test(text);
}

/**
 * The documents of a file, and how many records were none.
 *
 * @throws {Problem} If it is not PubMed's XML, or no record of it can be read.
 */
export function read(xml) {
  if (INTERNAL_SUBSET.test(xml)) {
    throw new Problem("This XML declares entities of its own, so it is not read.");
  }
  const root = parse(xml.trimStart());
  // One broken record costs itself and not the file.
  const records = root ? [...root.querySelectorAll(RECORDS)] : cut(xml).map(parse);
  if (!records.some(Boolean)) {
    const what = root ? "holds no PubMed records (`PubmedArticle`)" : "is broken or cut off";
    throw new Problem(`This XML ${what}, so it is not read.`);
  }
  const documents = records.map((record) => record && toDocument(record)).filter(Boolean);
  return { documents, skipped: records.length - documents.length };
}

/** The source of each record of a file that is broken somewhere; to its end if one has none. */
function cut(xml) {
  return Array.from(xml.matchAll(RECORD_START), ({ index, 1: name }) => {
    const end = xml.indexOf(`</${name}>`, index);
    return xml.slice(index, end < 0 ? undefined : end + name.length + 3);
  });
}

function toDocument(record) {
  const book = child(record, "BookDocument");
  const citation = book ?? child(record, "MedlineCitation");
  const article = book ?? child(citation, "Article");
  const id = flatten(child(citation, "PMID"));
  const parts = article ? textParts(article).filter((part) => part.text) : [];
  if (!id || !parts.length) return null;
  let start = 0;
  const passages = parts.map(({ kind, text, section }) => {
    const passage = { start, end: start + text.length, kind, ...(section && { section }) };
    start += text.length + 1;
    return passage;
  });
  const text = parts.map((part) => part.text).join("\n");
  return { id, text, passages, metadata: metadata(record, citation, article) };
}

function textParts(article) {
  const titles = [
    child(article, "ArticleTitle"),
    child(article, "VernacularTitle"),
    child(child(article, "Book"), "BookTitle"),
  ];
  const abstract = children(child(article, "Abstract"), "AbstractText").map((element) => {
    const name = element.getAttribute("Label") || element.getAttribute("NlmCategory") || "";
    const section = tidy(name);
    return {
      kind: "abstract",
      text: flatten(element),
      section: NO_SECTION.includes(section) ? "" : section,
    };
  });
  return [{ kind: "title", text: titles.map(flatten).find(Boolean) ?? "" }, ...abstract];
}

function metadata(record, citation, article) {
  const languages = children(article, "Language").map(flatten).join(" ");
  const ids = identifiers(record, article);
  const journal = child(article, "Journal");
  const version = child(citation, "PMID").getAttribute("Version") ?? "1";
  const said = {
    pmid_version: version === "1" ? "" : version,
    year: year(article),
    journal: flatten(child(journal, "ISOAbbreviation")) || flatten(child(journal, "Title")),
    doi: ids.get("doi") ?? "",
    pmcid: ids.get("pmc") ?? "",
    language: languages === "eng" ? "" : languages,
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value));
}

/** The article's own identifiers by kind; those of its references stand deeper. */
function identifiers(record, article) {
  const found = new Map();
  for (const element of children(article, "ELocationID")) {
    const kind = element.getAttribute("EIdType") ?? "";
    if (element.getAttribute("ValidYN") !== "N" && !found.has(kind)) {
      found.set(kind, flatten(element));
    }
  }
  for (const name of ["PubmedData", "PubmedBookData", "BookDocument"]) {
    for (const element of children(child(child(record, name), "ArticleIdList"), "ArticleId")) {
      found.set(element.getAttribute("IdType") ?? "", flatten(element));
    }
  }
  return found;
}

function year(article) {
  const issue = child(child(article, "Journal"), "JournalIssue");
  const dates = [
    child(issue, "PubDate"),
    child(child(article, "Book"), "PubDate"),
    child(article, "ContributionDate"),
  ];
  for (const date of dates) {
    for (const name of ["Year", "MedlineDate"]) {
      const match = /[12][0-9]{3}/.exec(flatten(child(date, name)));
      if (match) return match[0];
    }
  }
  return "";
}

function children(element, name) {
  return element ? [...element.children].filter((item) => item.localName === name) : [];
}

function child(element, name) {
  return children(element, name)[0];
}

/** The text in an element without markup, and without the TeX beside a formula's signs. */
function flatten(element) {
  if (!element) return "";
  const copy = element.cloneNode(true);
  for (const source of copy.querySelectorAll(FORMULA_SOURCES)) source.textContent = "";
  return tidy(copy.textContent);
}

function tidy(text) {
  return text.replace(/[ \n\t\r]+/g, " ").replace(/^ | $/g, "");
}
