/** Corrections by hand, each one step that can be undone, and each said in words. */

import { CURATOR } from "./document.js";
import { plural, visible } from "./dom.js";
import { move, tokens } from "./tokens.js";

export class Corrections {
  #store;
  #reader;
  #lookOf;
  #say;

  constructor({ store, reader, lookOf, say }) {
    this.#store = store;
    this.#reader = reader;
    this.#lookOf = lookOf;
    this.#say = say;
  }

  /** Whether the text may be corrected now; says so if not. */
  get isOpen() {
    const open = this.#store.document && !this.#store.document.pending;
    if (!open) this.#say("This text can be corrected once all of it is tagged.");
    return open;
  }

  /** Mark a span; other marks that it touches make way. Gives the new entity. */
  add(start, end, label) {
    const name = this.#lookOf(label).name;
    return this.#put({ start, end, label }, [], (text) => `Marked “${text}” as ${name}.`);
  }

  relabel(entity, label) {
    if (label === entity.label) return entity;
    const name = this.#lookOf(label).name;
    const { start, end } = entity;
    return this.#put({ start, end, label }, [entity], (text) => `“${text}” is ${name} now.`);
  }

  /** Give an entity other boundaries; other marks that it touches make way. */
  rebound(entity, start, end) {
    if (start === entity.start && end === entity.end) return entity;
    const label = entity.label;
    return this.#put({ start, end, label }, [entity], (text) => `The mark is “${text}” now.`);
  }

  /** Move one side by a token; stays inside the paragraph and off other visible marks. */
  nudge(entity, side, direction) {
    const block = this.#reader.blockAt(entity.start);
    const { text } = this.#store.document;
    const moved = move(tokens(text, block.start, block.end), entity, side, direction);
    if (!moved) {
      this.#say("There is no further word in that direction.");
      return entity;
    }
    const inWay = this.#store
      .visible(this.#store.document)
      .find((other) => other !== entity && overlap(other, moved));
    if (inWay) {
      this.#say("Another mark is in the way.");
      return entity;
    }
    return this.rebound(entity, moved.start, moved.end);
  }

  remove(entity) {
    const { document } = this.#store;
    const what = `Deleted the mark “${short(document.text.slice(entity.start, entity.end))}”.`;
    this.#store.commit(document, document.entities.filter((other) => other !== entity), what);
    this.#say(what);
  }

  undo() {
    const step = this.#store.undo();
    this.#say(step ? `Undone: ${step.what}` : "Nothing to undo.");
  }

  redo() {
    const step = this.#store.redo();
    this.#say(step ? `Done again: ${step.what}` : "Nothing to do again.");
  }

  #put({ start, end, label }, replaced, describe) {
    const { document } = this.#store;
    const made = Object.freeze({ start, end, label, source: CURATOR });
    const others = document.entities.filter((other) => !replaced.includes(other));
    const kept = others.filter((other) => !overlap(other, made));
    let what = describe(short(document.text.slice(start, end)));
    if (kept.length < others.length) {
      what += ` ${plural(others.length - kept.length, "other mark")} made way.`;
    }
    this.#store.hidden.delete(label); // or the new mark could not be seen
    this.#store.commit(document, [...kept, made], what);
    this.#say(what);
    return made;
  }
}

function overlap(a, b) {
  return a.start < b.end && b.start < a.end;
}

/** A mention for a message. */
export function short(text) {
  const shown = visible(text).replace(/\s+/g, " ");
  const letters = Array.from(shown);
  return letters.length > 48 ? `${letters.slice(0, 46).join("")}…` : shown;
}
