/**
 * Words and single other characters: the steps in which boundaries move. The same units that the
 * tagger decides on (`biospan.segment`), so that a mark by hand is one a model could have made.
 */

const MARKS =
  "\\u0300-\\u036f\\u0483-\\u0489\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f";
const TOKEN = new RegExp(`[\\p{L}\\p{N}_][\\p{L}\\p{N}_${MARKS}]*|[^\\p{L}\\p{N}_\\s]`, "gu");

/** The tokens of a text between two offsets, as `{start, end}`. */
export function tokens(text, start, end) {
  return Array.from(text.slice(start, end).matchAll(TOKEN), (match) => ({
    start: start + match.index,
    end: start + match.index + match[0].length,
  }));
}

/** The shortest run of whole tokens that covers a span, or null if it holds none. */
export function snap(all, start, end) {
  const inside = all.filter((token) => token.start < end && start < token.end);
  return inside.length ? { start: inside[0].start, end: inside.at(-1).end } : null;
}

/** A span with one of its sides (`"start"` or `"end"`) moved by a token, or null. */
export function move(all, { start, end }, side, direction) {
  const edges = all.map((token) => token[side]);
  const now = side === "start" ? start : end;
  const next =
    direction > 0 ? edges.find((edge) => edge > now) : edges.findLast((edge) => edge < now);
  if (next === undefined) return null;
  const moved = side === "start" ? { start: next, end } : { start, end: next };
  return moved.start < moved.end ? moved : null;
}
