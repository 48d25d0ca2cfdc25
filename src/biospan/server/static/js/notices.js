/** What the page says: a short remark that goes, a problem that stays, progress, and questions. */

import { byId, element } from "./dom.js";

const REMARK_MS = 7000;
let timer;

/** Say something in passing; screen readers say it too. */
export function say(text) {
  const box = byId("status");
  box.textContent = text;
  box.classList.add("is-shown");
  clearTimeout(timer);
  timer = setTimeout(() => box.classList.remove("is-shown"), REMARK_MS);
}

/** Show a problem until it is dealt with; `actions` are buttons, `{name, act}`. */
export function showProblem(message, actions = [], { calm = false } = {}) {
  const buttons = actions.map(({ name, act }) => {
    const button = element("button", { type: "button", class: "small" }, name);
    button.addEventListener("click", () => {
      hideProblem();
      act();
    });
    return button;
  });
  byId("problem-text").textContent = message;
  byId("problem-actions").replaceChildren(...buttons);
  byId("problem").classList.toggle("is-calm", calm);
  byId("problem").hidden = false;
}

export function hideProblem() {
  byId("problem").hidden = true;
}

/** Show how far the work is, 0 to 1, or null for nothing to do. */
export function showProgress(share, text = "") {
  const box = byId("progress");
  box.hidden = share === null;
  if (share === null) return;
  byId("progress-bar").value = share;
  byId("progress-text").textContent = text;
}

/** Ask in a dialog of the page; gives whether it was confirmed. */
export function confirmed(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}

/** Buttons with `data-close` close their dialog and say their value. */
export function prepareDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      const button = event.target.closest("[data-close]");
      if (button) dialog.close(button.dataset.close);
      else if (event.target === dialog) dialog.close(); // outside of its box
    });
  }
}
