/** What is shown of the entities: a minimum score over a histogram, and a switch for each label. */

import { byId, count, element } from "./dom.js";

const BINS = 25;

export class Filters {
  #store;
  #labels;
  #lookOf;
  #bars;
  #scheduled = false;

  constructor({ store, labels, lookOf }) {
    this.#store = store;
    this.#labels = labels;
    this.#lookOf = lookOf;
    this.#bars = this.#drawBars();
    byId("minimum").addEventListener("input", ({ target }) => {
      store.setMinimum(Number(target.value));
    });
    for (const input of document.getElementsByName("scope")) {
      input.addEventListener("change", () => store.setEverywhere(input.value === "all"));
    }
    for (const name of ["documents", "current", "filter", "entities"]) {
      store.addEventListener(name, () => this.#schedule());
    }
  }

  /** Once a frame, however many documents have changed in it. */
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#update();
    });
  }

  #update() {
    const store = this.#store;
    const entities = store.scope.flatMap((document) => document.entities);
    const slider = byId("minimum");
    slider.value = String(store.minimum);
    slider.setAttribute("aria-valuetext", `at least ${store.minimum.toFixed(2)}`);
    byId("minimum-said").textContent = store.minimum.toFixed(2);
    this.#updateBars(entities);
    const shown = new Map();
    const all = new Map();
    for (const { label, score } of entities) {
      all.set(label, (all.get(label) ?? 0) + 1);
      if (score === undefined || score >= store.minimum) {
        shown.set(label, (shown.get(label) ?? 0) + 1);
      }
    }
    for (const button of byId("labels").querySelectorAll("button")) {
      const label = this.#labels()[Number(button.dataset.place)];
      const counts = `${count(shown.get(label) ?? 0)} of ${count(all.get(label) ?? 0)} shown`;
      button.setAttribute("aria-pressed", String(!store.hidden.has(label)));
      button.querySelector(".number").textContent = count(shown.get(label) ?? 0);
      button.title = counts;
    }
    byId("scope").hidden = store.documents.length < 2;
    for (const input of document.getElementsByName("scope")) {
      input.checked = (input.value === "all") === store.everywhere;
    }
  }

  /** A switch for each of the labels that there are now. */
  drawSwitches() {
    const switches = this.#labels().map((label, place) => {
      const look = this.#lookOf(label);
      const button = element(
        "button",
        { type: "button", class: "switch", "aria-pressed": "true", "data-place": String(place) },
        element("span", { class: `chip slot-${look.slot}`, "aria-hidden": "true" }, look.letter),
        element("span", { class: "name" }, look.name),
        element("span", { class: "number" }, "0"),
        element("span", { class: "knob", "aria-hidden": "true" }),
      );
      button.addEventListener("click", () => this.#store.toggle(label));
      return element("li", {}, button);
    });
    byId("labels").replaceChildren(...switches);
    this.#schedule();
  }

  #drawBars() {
    const bars = Array.from({ length: BINS }, () => element("span"));
    byId("histogram").replaceChildren(...bars);
    return bars;
  }

  #updateBars(entities) {
    const heights = new Array(BINS).fill(0);
    for (const { score, label } of entities) {
      if (score === undefined || this.#store.hidden.has(label)) continue;
      heights[Math.min(BINS - 1, Math.floor(score * BINS))] += 1;
    }
    const tallest = Math.max(1, ...heights);
    this.#bars.forEach((bar, place) => {
      const height = heights[place] ? Math.max(0.06, heights[place] / tallest) : 0;
      bar.style.transform = `scaleY(${height})`;
      bar.classList.toggle("is-below", (place + 1) / BINS <= this.#store.minimum);
    });
  }
}
