/** Correcting in the text: clicks, selections and keys become corrections. */

import { snap, tokens } from "./tokens.js";
import { Card } from "./card.js";
import { Cursor } from "./cursor.js";

export class Editor {
  #store;
  #reader;
  #article;
  #corrections;
  #lookOf;
  #labels;
  #say;
  #keysOn;
  #card;
  #cursor;
  #entity = null; // what the card shows
  #selection = null; // or this

  constructor({ article, box, store, reader, corrections, labels, lookOf, say, keysOn }) {
    this.#store = store;
    this.#reader = reader;
    this.#article = article;
    this.#corrections = corrections;
    this.#labels = labels;
    this.#lookOf = lookOf;
    this.#say = say;
    this.#keysOn = keysOn;
    this.#cursor = new Cursor(reader, say);
    this.#card = new Card(box, { labels, lookOf, actions: this.#actions() });
    article.addEventListener("click", (event) => this.#onClick(event));
    article.addEventListener("keydown", (event) => this.#onKey(event));
    article.addEventListener("focusout", () => this.#leaveCursor());
    globalThis.document.addEventListener("pointerup", () => setTimeout(() => this.#onPointerUp()));
    for (const name of ["documents", "current", "filter"]) {
      store.addEventListener(name, () => this.#card.close({ refocus: false }));
    }
  }

  /** Begin to mark by keyboard. */
  startCursor() {
    if (!this.#corrections.isOpen) return;
    const entity = this.#reader.entityOf(globalThis.document.activeElement);
    const from = entity?.end ?? 0;
    this.#article.focus({ preventScroll: true });
    if (!this.#cursor.start(this.#store.document.text, from)) return;
    this.#article.classList.add("is-marking");
    this.#say("Arrows choose a word, Shift and arrows take more in, Enter marks, Escape ends.");
  }

  undo() {
    this.#card.close({ refocus: false });
    this.#corrections.undo();
  }

  redo() {
    this.#card.close({ refocus: false });
    this.#corrections.redo();
  }

  #actions() {
    const reopened = (entity) => {
      if (entity === this.#entity) return;
      this.#openEntity(entity);
    };
    return {
      relabel: (label) => reopened(this.#corrections.relabel(this.#entity, label)),
      nudge: (side, direction) =>
        reopened(this.#corrections.nudge(this.#entity, side, direction)),
      remove: () => this.#remove(this.#entity),
      add: (label) => this.#finish(({ start, end }) => this.#corrections.add(start, end, label)),
      rebound: (entity) =>
        this.#finish(({ start, end }) => this.#corrections.rebound(entity, start, end)),
      close: (refocus) => this.#closed(refocus),
    };
  }

  #openEntity(entity) {
    const mark = this.#reader.markOf(entity);
    if (!mark) return void this.#card.close();
    this.#clearOpen();
    this.#entity = entity;
    this.#selection = null;
    mark.classList.add("is-open");
    const text = this.#store.document.text.slice(entity.start, entity.end);
    this.#card.showEntity(entity, text, mark.getBoundingClientRect());
  }

  #openSelection() {
    const found = this.#reader.selected();
    const { text } = this.#store.document;
    const units = found && tokens(text, found.block.start, found.block.end);
    const span = found && snap(units, found.start, found.end);
    if (!span) {
      this.#say("Select words inside one paragraph to mark them.");
      return;
    }
    this.#entity = null;
    this.#selection = span;
    const touched = this.#store
      .visible(this.#store.document)
      .filter(({ start, end }) => start < span.end && span.start < end)
      .map((entity) => ({ entity, text: text.slice(entity.start, entity.end) }));
    const range = this.#reader.range(span.start, span.end);
    const selection = globalThis.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    this.#card.showSelection(
      text.slice(span.start, span.end),
      touched.slice(0, 3),
      range.getBoundingClientRect(),
    );
  }

  #finish(correct) {
    const made = correct(this.#selection);
    this.#card.close({ refocus: false });
    globalThis.getSelection().removeAllRanges();
    this.#reader.markOf(made)?.focus({ preventScroll: true });
  }

  #remove(entity) {
    const marks = this.#reader.marks();
    const at = marks.findIndex((mark) => this.#reader.entityOf(mark) === entity);
    this.#corrections.remove(entity);
    this.#card.close({ refocus: false });
    const left = this.#reader.marks();
    (left[at] ?? left.at(-1) ?? this.#article).focus({ preventScroll: true });
  }

  #closed(refocus) {
    const entity = this.#entity;
    this.#clearOpen();
    this.#entity = null;
    if (!refocus) return;
    if (entity) this.#reader.markOf(entity)?.focus({ preventScroll: true });
    else this.#article.focus({ preventScroll: true });
  }

  #clearOpen() {
    for (const mark of this.#article.querySelectorAll(".is-open")) mark.classList.remove("is-open");
  }

  #onClick({ target }) {
    if (!globalThis.getSelection().isCollapsed) return;
    const entity = this.#reader.entityOf(target.closest?.(".mark"));
    if (entity && this.#corrections.isOpen) this.#openEntity(entity);
  }

  #onPointerUp() {
    const selection = globalThis.getSelection();
    if (this.#card.isOpen || selection.isCollapsed || !selection.rangeCount) return;
    const range = selection.getRangeAt(0);
    if (!this.#article.contains(range.commonAncestorContainer)) return;
    if (!range.toString().trim() || !this.#corrections.isOpen) return;
    this.#openSelection();
  }

  #onKey(event) {
    if (this.#cursor.isOn) return this.#onCursorKey(event);
    const entity = this.#reader.entityOf(event.target);
    if (entity && this.#onMarkKey(event, entity)) event.preventDefault();
  }

  #onMarkKey(event, entity) {
    const { key } = event;
    const isArrow = key === "ArrowLeft" || key === "ArrowRight";
    if (key === "Enter" || key === " ") {
      if (this.#corrections.isOpen) this.#openEntity(entity);
    } else if (isArrow && event.shiftKey && !event.altKey) {
      const side = event.ctrlKey || event.metaKey ? "start" : "end";
      this.#nudge(entity, side, key === "ArrowRight" ? 1 : -1);
    } else if (key === "Delete" || key === "Backspace") {
      if (this.#corrections.isOpen) this.#remove(entity);
    } else if (this.#keysOn() && /^[1-9]$/.test(key) && !event.ctrlKey && !event.metaKey) {
      const label = this.#labels().find((name) => this.#lookOf(name).digit === key);
      if (!label || !this.#corrections.isOpen) return false;
      this.#reader.markOf(this.#corrections.relabel(entity, label))?.focus();
    } else return false;
    return true;
  }

  #nudge(entity, side, direction) {
    if (!this.#corrections.isOpen) return;
    const moved = this.#corrections.nudge(entity, side, direction);
    this.#reader.markOf(moved)?.focus({ preventScroll: true });
  }

  #onCursorKey(event) {
    if (event.key === "Escape") this.#leaveCursor();
    else if (event.key === "Enter") {
      this.#cursor.isOn = false; // the selection stays
      this.#article.classList.remove("is-marking");
      this.#openSelection();
    } else if (!this.#cursor.key(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  #leaveCursor() {
    if (!this.#cursor.isOn) return;
    this.#cursor.stop();
    this.#article.classList.remove("is-marking");
  }
}
