/** Distinct mentions with their counts; a click goes to the next place of one. */

import { byId, count, element, icon, plural, visible } from "./dom.js";

const FIRST = 8; // rows, until all are asked for

export class Mentions {
  #store;
  #lookOf;
  #goTo;
  #order = { key: "count", descending: true };
  #all = false;
  #last = new Map(); // key of a mention -> the place that was shown last
  #scheduled = false;

  /** `goTo(document, entity, "2 of 5")` shows a place. */
  constructor({ store, lookOf, goTo }) {
    this.#store = store;
    this.#lookOf = lookOf;
    this.#goTo = goTo;
    for (const button of byId("mentions").querySelectorAll("thead button")) {
      button.append(icon("sort"));
      button.addEventListener("click", () => this.#sortBy(button.dataset.key));
    }
    byId("mentions-all").addEventListener("click", () => {
      this.#all = true;
      this.#draw();
    });
    byId("mentions-find").addEventListener("input", () => this.#schedule());
    store.addEventListener("documents", () => {
      this.#all = false;
      this.#last.clear();
      byId("mentions-find").value = "";
    });
    for (const name of ["documents", "current", "filter", "entities"]) {
      store.addEventListener(name, () => this.#schedule());
    }
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  #sortBy(key) {
    const same = this.#order.key === key;
    const numeric = key === "count" || key === "score";
    this.#order = { key, descending: same ? !this.#order.descending : numeric };
    this.#draw();
  }

  #draw() {
    const rows = sorted(mentions(this.#store), this.#order);
    const wanted = byId("mentions-find").value.trim().toLowerCase();
    const found = wanted ? rows.filter(({ text }) => text.toLowerCase().includes(wanted)) : rows;
    const drawn = this.#all ? found : found.slice(0, FIRST);
    byId("mentions").tBodies[0].replaceChildren(...drawn.map((mention) => this.#row(mention)));
    byId("mentions").hidden = !found.length;
    byId("mentions-none").hidden = found.length > 0;
    byId("mentions-none").textContent = rows.length ? "No mention contains this." : "Nothing is shown.";
    byId("mentions-all").hidden = drawn.length === found.length;
    byId("mentions-all").textContent = `Show all ${count(found.length)}`;
    byId("mentions-total").textContent = count(found.length);
    for (const button of byId("mentions").querySelectorAll("thead button")) {
      const chosen = button.dataset.key === this.#order.key;
      const order = this.#order.descending ? "descending" : "ascending";
      button.closest("th").setAttribute("aria-sort", chosen ? order : "none");
    }
  }

  #row(mention) {
    const look = this.#lookOf(mention.label);
    const go = element("button", { type: "button", class: "mention", dir: "auto" }, visible(mention.text));
    go.setAttribute(
      "aria-label",
      `${visible(mention.text)}, ${look.name}, ${plural(mention.places.length, "place")}: go to the next`,
    );
    go.addEventListener("click", () => this.#next(mention));
    return element(
      "tr",
      {},
      element("td", {}, go),
      element("td", {}, element("span", { class: `chip slot-${look.slot}`, title: look.name }, look.letter)),
      element("td", { class: "number" }, count(mention.places.length)),
      element("td", { class: "number" }, mention.score === null ? "–" : mention.score.toFixed(2)),
    );
  }

  /** Go to the place after the last one, round and round. */
  #next(mention) {
    const { places } = mention;
    const here = places.findIndex(({ document }) => document === this.#store.document);
    const last = this.#last.get(mention.key);
    const at = last === undefined ? Math.max(0, here) : (last + 1) % places.length;
    this.#last.set(mention.key, at);
    this.#goTo(places[at].document, places[at].entity, `${at + 1} of ${places.length}`);
  }
}

/** Mentions of what is shown: the same letters under the same label, wherever they stand. */
export function mentions(store) {
  const found = new Map();
  for (const document of store.scope) {
    for (const entity of store.visible(document)) {
      const text = document.text.slice(entity.start, entity.end).replace(/\s+/g, " ");
      const key = `${entity.label}\n${text}`;
      if (!found.has(key)) found.set(key, { key, text, label: entity.label, places: [] });
      found.get(key).places.push({ document, entity });
    }
  }
  return [...found.values()].map((mention) => ({ ...mention, score: best(mention.places) }));
}

/** The highest score, or null if people marked all of them. */
function best(places) {
  const scores = places.map(({ entity }) => entity.score).filter((score) => score !== undefined);
  return scores.length ? Math.max(...scores) : null;
}

function sorted(rows, { key, descending }) {
  const value = {
    text: ({ text }) => text.toLowerCase(),
    label: ({ label }) => label.toLowerCase(),
    count: ({ places }) => places.length,
    score: ({ score }) => score ?? 2,
  }[key];
  const compare = (a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0);
  return rows.sort((a, b) => (descending ? compare(b, a) : compare(a, b)));
}
