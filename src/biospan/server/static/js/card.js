/**
 * The card at a mark or a selection: what it is, and the ways to correct it. It draws what it is
 * given and calls back; what a correction does is not its business.
 */

import { element, icon, visible } from "./dom.js";
import { short } from "./corrections.js";

const GAP = 10; // pixels between mark and card
const NARROW = "(max-width: 40rem)"; // there the card is a sheet at the bottom, by style

export class Card {
  #box;
  #labels;
  #lookOf;
  #actions;
  #returnTo = null;

  /** `actions`: relabel, nudge, remove, add, rebound, close, each told what was chosen. */
  constructor(box, { labels, lookOf, actions }) {
    this.#box = box;
    this.#labels = labels;
    this.#lookOf = lookOf;
    this.#actions = actions;
    box.addEventListener("keydown", (event) => this.#onKey(event));
    globalThis.document.addEventListener("pointerdown", ({ target }) => {
      if (this.isOpen && !box.contains(target)) this.close({ refocus: false });
    });
  }

  get isOpen() {
    return this.#box.matches(":popover-open");
  }

  /** Show an entity; the focus stays on the control that was used, if the card was open. */
  showEntity(entity, text, anchor) {
    const look = this.#lookOf(entity.label);
    const control = this.isOpen ? globalThis.document.activeElement?.dataset.control : "";
    this.#box.replaceChildren(
      this.#head(text),
      this.#origin(entity, look),
      this.#choices("Label", entity.label, (label) => this.#actions.relabel(label)),
      this.#boundaries(),
      element(
        "div",
        { class: "card-foot" },
        button("remove", [icon("trash"), "Delete mark"], () => this.#actions.remove(), "quiet"),
        element("span", { class: "hint" }, element("kbd", {}, "Del")),
      ),
    );
    this.#open(anchor, control || `label-${entity.label}`);
  }

  /** Show a selection that may become a mark, or the boundaries of one that it touches. */
  showSelection(text, touched, anchor) {
    const move = touched.map((entity) =>
      button(
        "rebound",
        [`Move “${short(entity.text)}” to the selection`],
        () => this.#actions.rebound(entity.entity),
        "wide",
      ),
    );
    this.#box.replaceChildren(
      this.#head(text),
      this.#choices("Mark as", null, (label) => this.#actions.add(label)),
      ...move,
    );
    this.#open(anchor, `label-${this.#labels()[0]}`);
  }

  close({ refocus = true } = {}) {
    if (!this.isOpen) return;
    this.#box.hidePopover();
    this.#actions.close(refocus);
  }

  #head(text) {
    const title = element("p", { class: "card-title", id: "card-title", dir: "auto" }, visible(text));
    const close = button("close", [icon("close")], () => this.close(), "icon-only");
    close.setAttribute("aria-label", "Close");
    return element("div", { class: "card-head" }, title, close);
  }

  #origin({ source, score }, look) {
    const chip = element("span", { class: `chip slot-${look.slot}` }, look.letter);
    const name = element("span", {}, look.name);
    if (source) return element("p", { class: "origin" }, chip, name, " · marked by hand");
    const meter = element("meter", { min: "0", max: "1", value: String(score), "aria-hidden": "true" });
    const said = element("span", { class: "number" }, `score ${score?.toFixed(3)}`);
    return element("p", { class: "origin" }, chip, name, meter, said);
  }

  #choices(title, chosen, choose) {
    const buttons = this.#labels().map((label) => {
      const look = this.#lookOf(label);
      const chip = element("span", { class: `chip slot-${look.slot}`, "aria-hidden": "true" }, look.letter);
      const key = look.digit && element("kbd", { "aria-hidden": "true" }, look.digit);
      const made = button(`label-${label}`, [chip, look.name, key], () => choose(label), "choice");
      if (chosen !== null) made.setAttribute("aria-pressed", String(label === chosen));
      if (look.digit) made.setAttribute("aria-keyshortcuts", look.digit);
      return made;
    });
    return group(title, "choices", buttons);
  }

  #boundaries() {
    const arrows = [
      ["start", -1, "left", "Start one word earlier"],
      ["start", 1, "right", "Start one word later"],
      ["end", -1, "left", "End one word earlier"],
      ["end", 1, "right", "End one word later"],
    ];
    const buttons = arrows.map(([side, direction, picture, label]) => {
      const made = button(
        `${side}${direction}`,
        [icon(picture)],
        () => this.#actions.nudge(side, direction),
        "icon-only",
      );
      made.setAttribute("aria-label", label);
      made.title = label;
      return made;
    });
    const pair = (name, both) =>
      element("span", { class: "pair" }, element("span", { "aria-hidden": "true" }, name), ...both);
    return group("Boundaries", "boundaries", [
      pair("Start", buttons.slice(0, 2)),
      pair("End", buttons.slice(2)),
    ]);
  }

  #open(anchor, control) {
    const wasOpen = this.isOpen;
    if (!wasOpen) this.#box.showPopover();
    this.#place(anchor);
    const find = (name) => this.#box.querySelector(`[data-control="${CSS.escape(name)}"]`);
    (find(control) ?? find("close")).focus({ preventScroll: true });
  }

  /** Below the anchor, or above where there is no room. */
  #place(anchor) {
    const { style } = this.#box;
    style.left = style.top = "";
    const { clientWidth, clientHeight } = globalThis.document.documentElement;
    const width = this.#box.offsetWidth;
    const height = this.#box.offsetHeight;
    if (matchMedia(NARROW).matches) {
      const hidden = anchor.bottom + GAP - (clientHeight - height);
      if (hidden > 0) scrollBy({ top: hidden });
      return;
    }
    const left = Math.max(GAP, Math.min(anchor.left, clientWidth - width - GAP));
    const below = anchor.bottom + GAP;
    const fits = below + height <= clientHeight || anchor.top - GAP - height < 0;
    style.left = `${left + scrollX}px`;
    style.top = `${(fits ? below : anchor.top - GAP - height) + scrollY}px`;
  }

  #onKey(event) {
    if (event.key === "Escape") this.close();
    else if (/^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const label = this.#labels().find((name) => this.#lookOf(name).digit === event.key);
      if (!label) return;
      this.#box.querySelector(`[data-control="${CSS.escape(`label-${label}`)}"]`).click();
    } else if (event.key === "Delete") {
      this.#box.querySelector('[data-control="remove"]')?.click();
    } else if (event.key === "Tab") {
      this.#keepInside(event);
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Tab goes round in the card: it stands at the end of the page, far from its mark. */
  #keepInside(event) {
    const controls = [...this.#box.querySelectorAll("button")];
    const at = controls.indexOf(globalThis.document.activeElement);
    const next = controls.at((at + (event.shiftKey ? -1 : 1)) % controls.length);
    event.preventDefault();
    next?.focus();
  }
}

function button(control, content, act, look = "") {
  const made = element("button", { type: "button", class: look, "data-control": control });
  made.append(...content.filter(Boolean));
  made.addEventListener("click", act);
  return made;
}

function group(title, name, content) {
  const heading = element("span", { class: "group-title", id: `card-${name}` }, title);
  const box = element("div", { class: name, role: "group", "aria-labelledby": `card-${name}` });
  box.append(...content);
  return element("div", { class: "card-group" }, heading, box);
}
