/**
 * XML to elements. Whether it is well formed is looked at first, because browsers answer broken
 * XML with a page of their own whose style the content-security policy has to refuse.
 */

const TAG = new RegExp(
  [
    "<!--[^]*?-->",
    "<!\\[CDATA\\[[^]*?\\]\\]>",
    "<\\?[^]*?\\?>",
    "<!DOCTYPE[^>[]*>",
    `<(/?)([^\\s<>/"'=]+)((?:\\s+[^\\s<>/"'=]+\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`,
  ].join("|"),
  "g",
);
const FORBIDDEN = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
const BARE = /<|&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-fA-F]+);)/;

const NAMED = /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|&([A-Za-z][A-Za-z0-9]{0,31});/g;
const OWN = new Set(["amp", "lt", "gt", "quot", "apos"]);

/** The root element, or null of what is no XML; entities are those of XML and of HTML. */
export function parse(source) {
  const xml = source.replace(NAMED, (all, name) => (name && !OWN.has(name) ? numbered(all) : all));
  if (!isWellFormed(xml)) return null;
  const found = new DOMParser().parseFromString(xml, "text/xml");
  return found.querySelector("parsererror") ? null : found.documentElement;
}

/** The characters of a name such as `&alpha;` by their numbers; what is no name as it is. */
function numbered(entity) {
  const said = new DOMParser().parseFromString(entity, "text/html").body.textContent;
  if (/[<>&'";]/.test(said)) return entity; // of `&notone;` HTML would read `&not`
  return Array.from(said, (character) => `&#${character.codePointAt(0)};`).join("");
}

/** Whether every tag is closed where it should be, and every entity one that XML has. */
export function isWellFormed(xml) {
  const open = [];
  let roots = 0;
  let end = 0;
  for (const { 0: tag, 1: closes, 2: name, 3: attributes, 4: isEmpty, index } of xml.matchAll(TAG)) {
    const between = xml.slice(end, index);
    if (BARE.test(between) || (!open.length && between.trim())) return false;
    end = index + tag.length;
    if (name === undefined) continue;
    if (BARE.test(attributes)) return false;
    if (closes) {
      if (open.pop() !== name || attributes || isEmpty) return false;
    } else {
      if (!open.length && ++roots > 1) return false;
      if (!isEmpty) open.push(name);
    }
  }
  return roots === 1 && !open.length && !xml.slice(end).trim() && !FORBIDDEN.test(xml);
}
