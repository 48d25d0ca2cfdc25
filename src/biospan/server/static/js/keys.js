/** Shortcuts of the whole page, and the dialog that lists them. */

import { byId } from "./dom.js";

const KEY = "biospan-keys";

/** Whether single keys are shortcuts; the dialog has a switch for it. */
export function singleKeysOn() {
  return byId("single-keys").checked;
}

/**
 * Listen for shortcuts.
 *
 * @param {object} actions undo, redo, mark, next, previous, find
 */
export function listen(actions) {
  prepareSwitch();
  byId("show-help").addEventListener("click", () => byId("help").showModal());
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || isTyping(event.target)) return;
    const action = withControl(event) ?? single(event);
    if (!action) return;
    event.preventDefault();
    if (action === "help") byId("help").showModal();
    else actions[action]();
  });
}

function withControl({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  if (!(ctrlKey || metaKey) || altKey) return undefined;
  if (key.toLowerCase() === "z") return shiftKey ? "redo" : "undo";
  return key.toLowerCase() === "y" && !shiftKey ? "redo" : undefined;
}

function single({ key, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey || !singleKeysOn()) return undefined;
  return { "?": "help", a: "mark", n: "next", p: "previous", "/": "find" }[key];
}

function isTyping(target) {
  return target.matches?.("textarea, select, input:not([type=range], [type=checkbox], [type=radio])");
}

function prepareSwitch() {
  const input = byId("single-keys");
  try {
    input.checked = localStorage.getItem(KEY) !== "off";
  } catch {
    input.checked = true; // storage is switched off
  }
  input.addEventListener("change", () => {
    try {
      localStorage.setItem(KEY, input.checked ? "on" : "off");
    } catch {
      // It holds until the page is left.
    }
  });
}
