/**
 * What the page knows, and who is told when it changes. Corrections go through `commit`, so that
 * all of them can be undone.
 *
 * Events: `documents` (other ones), `current` (another one is shown), `entities` (of `detail`),
 * `filter` (what is shown of them), `history`.
 */

import { corrections, inOrder } from "./document.js";

export class Store extends EventTarget {
  documents = [];
  current = 0;
  minimum = 0;
  hidden = new Set(); // labels
  everywhere = false; // panels tell of all documents, or of the one that is shown
  #past = [];
  #future = [];
  #saved = null; // the last correction that was downloaded, or null for none

  get document() {
    return this.documents[this.current];
  }

  /** The documents that panels and downloads tell of. */
  get scope() {
    return this.everywhere ? this.documents : this.documents.slice(this.current, this.current + 1);
  }

  get canUndo() {
    return this.#past.at(-1);
  }

  get canRedo() {
    return this.#future.at(-1);
  }

  /** Whether there are corrections that no download has. */
  get isUnsaved() {
    return (this.#past.at(-1) ?? null) !== this.#saved;
  }

  open(documents) {
    this.documents = documents;
    this.current = 0;
    this.everywhere = documents.length > 1;
    this.#past = [];
    this.#future = [];
    this.#saved = null;
    this.#tell("documents");
    this.#tell("history");
  }

  show(index) {
    if (index === this.current || !this.documents[index]) return;
    this.current = index;
    this.#tell("current");
  }

  setMinimum(minimum) {
    this.minimum = minimum;
    this.#tell("filter");
  }

  toggle(label) {
    if (!this.hidden.delete(label)) this.hidden.add(label);
    this.#tell("filter");
  }

  setEverywhere(everywhere) {
    this.everywhere = everywhere;
    this.#tell("filter");
  }

  isVisible({ label, score }) {
    return !this.hidden.has(label) && (score === undefined || score >= this.minimum);
  }

  visible(document) {
    return document.entities.filter((entity) => this.isVisible(entity));
  }

  /** The server has said more of a document. */
  received(document) {
    this.#tell("entities", document);
  }

  /** Replace a document's entities by hand; `what` says it in words. */
  commit(document, entities, what) {
    const after = [...entities].sort(inOrder);
    this.#past.push({ document, before: document.entities, after, what });
    this.#future = [];
    this.#set(document, after);
  }

  /** Take back the last correction; gives it, or undefined. */
  undo() {
    const step = this.#past.pop();
    if (step) {
      this.#future.push(step);
      this.#goTo(step.document, step.before);
    }
    return step;
  }

  redo() {
    const step = this.#future.pop();
    if (step) {
      this.#past.push(step);
      this.#goTo(step.document, step.after);
    }
    return step;
  }

  /** All corrections up to now are in a file. */
  saved() {
    this.#saved = this.#past.at(-1) ?? null;
    this.#tell("history");
  }

  /** How many corrections there are in all documents. */
  countCorrections() {
    return this.documents
      .map((document) => Object.values(corrections(document)))
      .reduce((sum, counts) => sum + counts.reduce((a, b) => a + b, 0), 0);
  }

  #goTo(document, entities) {
    this.show(this.documents.indexOf(document));
    this.#set(document, entities);
  }

  #set(document, entities) {
    document.entities = entities;
    this.#tell("entities", document);
    this.#tell("history");
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
