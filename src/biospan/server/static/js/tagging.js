/**
 * From texts to tagged documents: what goes into which request, and the answers put together.
 *
 * Short texts share a request. A long one is cut at blank lines, or failing that at the end of a
 * line or a word, so that there is progress to show and no limit to meet.
 */

import { fromServer, inOrder, toJson } from "./document.js";

const WHOLE = 12_000; // units of a text that goes in one piece
const PART = 6_000; // units of a part of a longer one, and of texts that share a request
const AT_ONCE = 2; // requests
const CUTS = [/(?:\r\n?|\n)[ \t]*(?:\r\n?|\n)\s*/g, /[\r\n]+/g, /[.?!]\s+/g, /\s+/g];

/** Where to cut a text: half-open parts that cover it, none longer than about `size` units. */
export function parts(text, size = PART) {
  const found = [];
  let start = 0;
  while (text.length - start > size * 1.5) {
    const end = cut(text, start, start + size);
    found.push({ start, end });
    start = end;
  }
  found.push({ start, end: text.length });
  return found;
}

/** The best place in the second half of a stretch. */
function cut(text, start, end) {
  const from = start + Math.floor((end - start) / 2);
  for (const pattern of CUTS) {
    const last = Array.from(text.slice(from, end).matchAll(pattern)).at(-1);
    if (last) return from + last.index + last[0].length;
  }
  const splitsPair = /[\ud800-\udbff]/.test(text[end - 1]) && /[\udc00-\udfff]/.test(text[end]);
  return splitsPair ? end - 1 : end;
}

/** Requests for documents, in order: each a list of `{document, start, end}` and its kind. */
export function plan(documents, maxTexts) {
  const requests = [];
  let open = null;
  for (const document of documents) {
    const structured = document.given.length > 0;
    const whole = { document, start: 0, end: document.text.length };
    const pieces =
      structured || document.text.length <= WHOLE
        ? [whole]
        : parts(document.text).map((part) => ({ document, ...part }));
    for (const piece of pieces) {
      const size = piece.end - piece.start;
      const fits =
        open?.structured === structured &&
        open.pieces.length < maxTexts &&
        open.size + size <= PART;
      if (!fits) {
        open = { structured, pieces: [], size: 0 };
        requests.push(open);
      }
      open.pieces.push(piece);
      open.size += size;
    }
  }
  return requests;
}

/**
 * Tag documents; `onPiece(document)` is told whenever one of them has got more entities.
 *
 * @throws What the API throws; what was tagged before stays in the documents.
 */
export async function tagAll(documents, { api, model, maxTexts, signal, onPiece, onProgress }) {
  const waiting = plan(documents, maxTexts);
  const remaining = new Map();
  let total = 0;
  for (const { pieces, size } of waiting) {
    total += size;
    for (const { document } of pieces) {
      remaining.set(document, (remaining.get(document) ?? 0) + 1);
    }
  }
  let done = 0;
  const worker = async () => {
    for (let request = waiting.shift(); request; request = waiting.shift()) {
      const answers = await ask(request, { api, model, signal }).catch((error) => {
        waiting.length = 0; // nothing more is asked for
        throw error;
      });
      request.pieces.forEach((piece, place) => {
        const { document } = piece;
        take(piece, answers[place]);
        remaining.set(document, remaining.get(document) - 1);
        document.pending = remaining.get(document) > 0;
        onPiece(document);
      });
      done += request.size;
      onProgress(total ? done / total : 1);
    }
  };
  const workers = Array.from({ length: AT_ONCE }, worker);
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}

function ask({ structured, pieces }, { api, model, signal }) {
  if (structured) {
    return api.tagDocuments(pieces.map(({ document }) => toJson(document, [])), model, signal);
  }
  const texts = pieces.map(({ document, start, end }) => document.text.slice(start, end));
  return api.tag(texts, model, signal);
}

/** Put the server's answer to a piece into its document. */
function take({ document, start, end }, answer) {
  const { text, offsets } = document;
  const isWhole = start === 0 && end === text.length;
  const shiftPoints = offsets.toPoints(start);
  const moved = {
    // In code points of the whole text first: a part's own table would be a second one.
    passages: answer.passages.map((passage) => shifted(passage, shiftPoints)),
    entities: answer.entities.map((entity) => shifted(entity, shiftPoints)),
  };
  const said = fromServer(moved, offsets);
  document.isTagged = true;
  document.entities = [...document.entities, ...said.entities].sort(inOrder);
  document.predicted = [...document.predicted, ...said.entities];
  if (answer.metadata?.biospan_error) document.error = answer.metadata.biospan_error;
  document.passages = isWhole ? said.passages : joined(document, said.passages);
}

function shifted(item, by) {
  const moved = { ...item, start: item.start + by, end: item.end + by };
  if (item.sentences) moved.sentences = item.sentences.map((sentence) => shifted(sentence, by));
  return moved;
}

/** One passage over all of a text, with the sentences of its parts. */
function joined({ text, passages }, more) {
  const sentences = [...passages, ...more].flatMap((passage) => passage.sentences);
  sentences.sort((a, b) => a.start - b.start);
  return [{ start: 0, end: text.length, kind: "text", sentences }];
}
