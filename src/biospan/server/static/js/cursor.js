/**
 * Marking without a mouse: the arrows go from word to word, with Shift they take more words in.
 * What is taken is the page's own selection, so it looks and reads as selections do.
 */

import { tokens } from "./tokens.js";

export class Cursor {
  #reader;
  #say;
  #text = "";
  #all = []; // tokens of the whole text, each with its block
  #anchor = 0;
  #at = 0;
  isOn = false;

  constructor(reader, say) {
    this.#reader = reader;
    this.#say = say;
  }

  /** Begin at the first word at or after an offset. */
  start(text, offset) {
    this.#text = text;
    this.#all = this.#reader.blocks.flatMap((block) =>
      tokens(text, block.start, block.end).map((token) => ({ ...token, block })),
    );
    if (!this.#all.length) return false;
    const found = this.#all.findIndex((token) => token.end > offset);
    this.#at = this.#anchor = found < 0 ? this.#all.length - 1 : found;
    this.isOn = true;
    this.#show();
    return true;
  }

  stop() {
    this.isOn = false;
    globalThis.getSelection().removeAllRanges();
  }

  /** Whether the key was one of the cursor's. */
  key(event) {
    const to = this.#target(event);
    if (to === null) return false;
    const next = Math.max(0, Math.min(to, this.#all.length - 1));
    if (event.shiftKey && this.#all[next].block !== this.#all[this.#anchor].block) {
      this.#say("A mark stays inside its paragraph.");
      return true;
    }
    this.#at = next;
    if (!event.shiftKey) this.#anchor = next;
    this.#show();
    return true;
  }

  #target({ key }) {
    if (key === "ArrowRight") return this.#at + 1;
    if (key === "ArrowLeft") return this.#at - 1;
    if (key === "ArrowDown" || key === "ArrowUp") return this.#line(key === "ArrowDown" ? 1 : -1);
    if (key === "Home") return this.#all.findIndex(({ block }) => block === this.#block);
    if (key === "End") return this.#all.findLastIndex(({ block }) => block === this.#block);
    return null;
  }

  get #block() {
    return this.#all[this.#at].block;
  }

  /** The word in the next line whose middle is nearest. */
  #line(direction) {
    const box = (place) => {
      const { start, end } = this.#all[place];
      return this.#reader.range(start, end).getBoundingClientRect();
    };
    const middle = ({ left, right }) => (left + right) / 2;
    const here = box(this.#at);
    let best = this.#at;
    let line = null;
    for (let place = this.#at + direction; this.#all[place]; place += direction) {
      const there = box(place);
      const isOther = direction > 0 ? there.top >= here.bottom - 2 : there.bottom <= here.top + 2;
      if (!isOther) continue;
      line ??= there;
      if (Math.abs(there.top - line.top) > line.height / 2) break;
      const distance = (rectangle) => Math.abs(middle(rectangle) - middle(here));
      if (best === this.#at || distance(there) < distance(box(best))) best = place;
    }
    return best;
  }

  #show() {
    const [first, last] = [this.#anchor, this.#at].sort((a, b) => a - b);
    const { start } = this.#all[first];
    const { end } = this.#all[last];
    const range = this.#reader.range(start, end);
    const selection = globalThis.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    const { top, bottom } = range.getBoundingClientRect();
    if (top < 120 || bottom > innerHeight - 80) {
      scrollBy({ top: top - innerHeight / 2, behavior: "auto" });
    }
    this.#say(this.#text.slice(start, end));
  }
}
