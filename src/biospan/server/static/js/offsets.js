/**
 * Offsets: the server counts code points, JavaScript counts UTF-16 units. They are converted here
 * and nowhere else; everything in the page counts units, everything sent or saved code points.
 */

const PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

/** Between code points and UTF-16 units of one text, by a table of its surrogate pairs. */
export class Offsets {
  #pairs; // unit at which each pair begins, in order

  constructor(text) {
    this.#pairs = Array.from(text.matchAll(PAIR), (match) => match.index);
    this.length = text.length - this.#pairs.length; // in code points
  }

  /** The UTF-16 index of a code point. */
  toUnits(point) {
    // The pair at place `i` is the code point `pairs[i] - i`.
    return point + this.#count((i) => this.#pairs[i] - i < point);
  }

  /** The code point at a UTF-16 index; inside a pair, the pair's. */
  toPoints(unit) {
    return unit - this.#count((i) => this.#pairs[i] < unit);
  }

  /** How many pairs, from the first on, a condition holds for. */
  #count(holds) {
    let low = 0;
    let high = this.#pairs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
