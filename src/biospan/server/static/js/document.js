/**
 * Documents as the page holds them: the server's JSON with every offset in UTF-16 units.
 *
 * Entities are frozen and lists of them are replaced, never changed, so that undo is a matter of
 * keeping the old list. Entities marked by hand carry a `source` and no score.
 */

import { Offsets } from "./offsets.js";

/** Order of entities: by start, then the longer, then label. */
export function inOrder(a, b) {
  return a.start - b.start || b.end - a.end || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0);
}

/** A document that is not tagged yet. */
export function untagged({ id = "", text, passages = [], metadata = {} }) {
  return {
    id,
    text,
    offsets: new Offsets(text),
    given: passages, // known before it was tagged
    passages,
    metadata,
    error: "",
    entities: [],
    predicted: [], // what the model said, whatever was corrected since
    isTagged: false, // at least in part
    pending: true,
  };
}

/** What the server said of a text, moved by the units that stand before it. */
export function fromServer(data, offsets, shift = 0) {
  const span = (item) => ({
    ...item,
    start: shift + offsets.toUnits(item.start),
    end: shift + offsets.toUnits(item.end),
  });
  return {
    passages: (data.passages ?? []).map((passage) => ({
      ...span(passage),
      sentences: (passage.sentences ?? []).map((sentence) => ({ ...span(sentence), tokens: [] })),
    })),
    entities: (data.entities ?? []).map((entity) => Object.freeze(span(entity))),
  };
}

/** The source of entities marked by hand, unless the curator gives a name. */
export const CURATOR = "curator";

/** A document as the server and the formats know it, with these of its entities. */
export function toJson(document, entities = document.entities, curator = CURATOR) {
  const { text, offsets } = document;
  const span = (item) => ({
    ...item,
    start: offsets.toPoints(item.start),
    end: offsets.toPoints(item.end),
  });
  return {
    id: document.id,
    text,
    passages: document.passages.map((passage) => ({
      ...span(passage),
      sentences: (passage.sentences ?? []).map(span),
    })),
    entities: entities.map((entity) => ({
      ...span(entity),
      ...(entity.source && { source: curator }),
      text: text.slice(entity.start, entity.end),
    })),
    metadata: { ...document.metadata, ...correctionNote(document) },
  };
}

/** How the entities differ from what the model said: `{added, changed, deleted}`, each a number. */
export function corrections({ entities, predicted }) {
  const kept = new Set(entities);
  const said = new Set(predicted);
  const hand = entities.filter((entity) => !said.has(entity));
  if (!hand.length && kept.size === predicted.length) return { added: 0, changed: 0, deleted: 0 };
  const gone = predicted.filter((entity) => !kept.has(entity));
  const overlaps = (a, b) => a.start < b.end && b.start < a.end;
  const changed = hand.filter((entity) => gone.some((other) => overlaps(entity, other)));
  const replaced = gone.filter((entity) => hand.some((other) => overlaps(entity, other)));
  return {
    added: hand.length - changed.length,
    changed: changed.length,
    deleted: gone.length - replaced.length,
  };
}

/** Whether a person has changed anything. */
export function isCorrected(document) {
  return Object.values(corrections(document)).some((count) => count > 0);
}

function correctionNote(document) {
  const counts = corrections(document);
  const said = Object.entries(counts).filter(([, count]) => count);
  return said.length ? { corrections: said.map(([what, n]) => `${n} ${what}`).join(", ") } : {};
}

/** Stretches to show as paragraphs: passages, cut at blank lines unless an entity lies across. */
export function blocks({ text, passages, entities }) {
  const whole = passages.length ? passages : [{ start: 0, end: text.length, kind: "text" }];
  const found = [];
  let next = 0; // the first entity that may reach past the cut at hand
  for (const passage of whole) {
    let start = passage.start;
    const add = (end) => {
      if (end > start) {
        found.push({ start, end, kind: passage.kind ?? "text", section: passage.section ?? "" });
      }
    };
    const passageText = text.slice(passage.start, passage.end);
    for (const gap of passageText.matchAll(/(?:\r\n?|\n)[ \t]*(?:\r\n?|\n)\s*|^\s*\n|\s+$/g)) {
      const from = passage.start + gap.index;
      const to = from + gap[0].length;
      while (next < entities.length && entities[next].end <= from) next += 1;
      if (next < entities.length && entities[next].start < from) continue;
      add(from);
      start = to;
    }
    add(passage.end);
  }
  return found;
}
