/**
 * The text with its entities. Every paragraph is an element whose text is, character by character,
 * a stretch of the document, so that places in the page and offsets follow from each other.
 */

import { element, visible } from "./dom.js";
import { blocks } from "./document.js";

const SHORT = 14; // letters of a word that is not broken at a hyphen

const LONG = 40; // paragraphs; of more, only those in sight are laid out

export class Reader {
  #article;
  #store;
  #lookOf;
  #blocks = []; // {start, end, kind, section, node, shown}
  #entities = new WeakMap(); // of a mark's element
  #active = null; // the entity whose mark the Tab key reaches

  constructor(article, store, lookOf) {
    this.#article = article;
    this.#store = store;
    this.#lookOf = lookOf;
    article.addEventListener("focusin", ({ target }) => this.#activate(target));
    article.addEventListener("keydown", (event) => this.#onKey(event));
    // In what can take the focus, Chromium lets no selection begin.
    article.addEventListener("pointerdown", ({ target }) => {
      target.closest(".mark")?.removeAttribute("tabindex");
    });
    globalThis.document.addEventListener("pointerup", () => this.#placeTabStop());
    globalThis.document.addEventListener("pointercancel", () => this.#placeTabStop());
    for (const name of ["documents", "current"]) {
      store.addEventListener(name, () => this.render());
    }
    store.addEventListener("filter", () => this.refresh());
    store.addEventListener("entities", ({ detail }) => {
      if (detail === store.document) this.refresh();
    });
  }

  get blocks() {
    return this.#blocks;
  }

  /** Build the text anew. */
  render() {
    const { document } = this.#store;
    this.#active = null;
    this.#blocks = document ? blocks(document) : [];
    const nodes = this.#blocks.map((block) => {
      block.node = element(block.kind === "title" ? "h2" : "p", {
        class: `block ${block.kind === "title" ? "is-title" : ""}`,
        dir: "auto",
      });
      const heading = block.section && visible(block.section);
      return heading
        ? element("div", { class: "section" }, element("h3", { dir: "auto" }, heading), block.node)
        : block.node;
    });
    this.#article.classList.toggle("is-long", nodes.length > LONG);
    this.#article.replaceChildren(...nodes);
    this.refresh();
  }

  /** Bring marks up to date where they differ. */
  refresh() {
    const { document } = this.#store;
    if (!document) return;
    if (!sameCuts(this.#blocks, blocks(document))) return void this.render();
    const shown = this.#store.visible(document);
    const focused = this.entityOf(globalThis.document.activeElement);
    let next = 0;
    for (const block of this.#blocks) {
      const mine = [];
      while (next < shown.length && shown[next].start < block.end) mine.push(shown[next++]);
      if (!block.shown || !same(block.shown, mine)) this.#fill(block, mine);
    }
    if (!shown.includes(this.#active)) this.#active = shown[0] ?? null;
    this.#placeTabStop();
    if (focused && shown.includes(focused)) this.markOf(focused)?.focus({ preventScroll: true });
  }

  /** The entity of a mark's element, or undefined. */
  entityOf(node) {
    return node ? this.#entities.get(node) : undefined;
  }

  /** The element of a visible entity. */
  markOf(entity) {
    return this.marks().find((mark) => this.#entities.get(mark) === entity);
  }

  /** All marks in order. */
  marks() {
    return [...this.#article.querySelectorAll(".mark")];
  }

  /** Move to an entity's mark. */
  focus(entity) {
    const mark = this.markOf(entity);
    mark?.focus({ preventScroll: true });
    mark?.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
    return mark;
  }

  /** The paragraph at an offset: the one that holds it, else the next, else the last. */
  blockAt(offset) {
    return this.#blocks.find(({ end }) => offset < end) ?? this.#blocks.at(-1);
  }

  /** What is selected in the text: `{start, end, block}`, or null; null also across paragraphs. */
  selected() {
    const selection = globalThis.getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    const touched = this.#blocks.filter(({ node }) => range.intersectsNode(node));
    const spans = touched
      .map((block) => ({ block, ...within(block, range) }))
      .filter(({ start, end }) => start < end);
    return spans.length === 1 ? spans[0] : null;
  }

  /** A DOM range over offsets of one paragraph. */
  range(start, end) {
    const block = this.blockAt(start);
    const range = globalThis.document.createRange();
    range.setStart(...place(block, start));
    range.setEnd(...place(block, end));
    return range;
  }

  #fill(block, entities) {
    const { text } = this.#store.document;
    const parts = [];
    let at = block.start;
    for (const entity of entities) {
      if (entity.start < at) continue; // of those that overlap, the first is shown
      parts.push(visible(text.slice(at, entity.start)), this.#mark(entity));
      at = entity.end;
    }
    parts.push(visible(text.slice(at, block.end)));
    block.node.replaceChildren(...parts.filter((part) => part !== ""));
    block.shown = entities;
  }

  #mark(entity) {
    const look = this.#lookOf(entity.label);
    const text = visible(this.#store.document.text.slice(entity.start, entity.end));
    const isShort = text.length <= SHORT && !/\s/.test(text);
    const said = entity.source ? "marked by hand" : `score ${entity.score?.toFixed(2)}`;
    const attributes = {
      class: `mark slot-${look.slot}${entity.source ? " by-hand" : ""}${isShort ? " is-short" : ""}`,
      role: "button",
      tabindex: "-1",
      dir: "auto",
      "data-letter": look.letter,
      "aria-label": `${text}, ${look.name}, ${said}`,
      "aria-haspopup": "dialog",
    };
    const mark = element("span", attributes, text);
    this.#entities.set(mark, entity);
    return mark;
  }

  #activate(target) {
    const entity = this.entityOf(target);
    if (!entity || entity === this.#active) return;
    this.#active = entity;
    this.#placeTabStop();
  }

  /** One mark is reached by Tab; arrows go to the others. */
  #placeTabStop() {
    for (const mark of this.marks()) {
      mark.tabIndex = this.#entities.get(mark) === this.#active ? 0 : -1;
    }
  }

  #onKey(event) {
    const marks = this.marks();
    const at = marks.indexOf(event.target);
    if (at < 0 || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: marks.length - 1 };
    const to = marks[steps[event.key]];
    if (!(event.key in steps)) return;
    event.preventDefault();
    to?.focus();
  }
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function same(a, b) {
  return a.length === b.length && a.every((item, place) => item === b[place]);
}

function sameCuts(a, b) {
  return (
    a.length === b.length &&
    a.every(({ start, end }, place) => start === b[place].start && end === b[place].end)
  );
}

/** The part of a paragraph, in offsets of the document, that a range covers. */
function within(block, range) {
  const upTo = (container, offset) => {
    const before = globalThis.document.createRange();
    before.selectNodeContents(block.node);
    if (before.comparePoint(container, offset) > 0) return block.end;
    if (before.comparePoint(container, offset) < 0) return block.start;
    before.setEnd(container, offset);
    return block.start + before.toString().length;
  };
  return {
    start: upTo(range.startContainer, range.startOffset),
    end: upTo(range.endContainer, range.endOffset),
  };
}

/** The text node and the place in it of an offset. */
function place(block, offset) {
  const walker = globalThis.document.createTreeWalker(block.node, NodeFilter.SHOW_TEXT);
  let left = offset - block.start;
  let node = walker.nextNode();
  for (let next = node; next; next = walker.nextNode()) {
    node = next;
    if (left <= next.length) break;
    left -= next.length;
  }
  return [node ?? block.node, node ? Math.min(left, node.length) : 0];
}
