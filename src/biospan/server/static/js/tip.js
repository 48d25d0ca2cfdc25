/** What the pointer or the focus is on: label and score, in a small card over the mark. */

import { byId, element } from "./dom.js";

const GAP = 8; // pixels

/** Show tips for the marks of a reader while `isQuiet()` is false. */
export function showTips({ article, reader, lookOf, isQuiet }) {
  const tip = byId("tip");
  let over = false; // the pointer is on the tip itself
  const hide = () => tip.matches(":popover-open") && tip.hidePopover();
  const show = (mark) => {
    const entity = reader.entityOf(mark);
    if (!entity || isQuiet()) return hide();
    fill(tip, entity, lookOf(entity.label));
    if (!tip.matches(":popover-open")) tip.showPopover();
    place(tip, mark);
  };
  const later = () => setTimeout(() => over || hide(), 80);
  article.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType !== "touch") show(target.closest(".mark"));
  });
  article.addEventListener("pointerout", later);
  article.addEventListener("focusin", ({ target }) => target.matches(":focus-visible") && show(target));
  article.addEventListener("focusout", hide);
  article.addEventListener("click", hide);
  tip.addEventListener("pointerenter", () => (over = true));
  tip.addEventListener("pointerleave", () => {
    over = false;
    hide();
  });
  addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
}

function fill(tip, { score, source }, look) {
  const chip = element("span", { class: `chip slot-${look.slot}` }, look.letter);
  const said = source ? "by hand" : score?.toFixed(2);
  tip.replaceChildren(chip, look.name, element("span", { class: "number" }, said));
}

/** Over the first line of the mark, or under it at the top of the window. */
function place(tip, mark) {
  const [line] = mark.getClientRects();
  if (!line) return;
  const { clientWidth } = document.documentElement;
  const middle = line.left + line.width / 2 - tip.offsetWidth / 2;
  const left = Math.max(GAP, Math.min(middle, clientWidth - tip.offsetWidth - GAP));
  const above = line.top - tip.offsetHeight - GAP;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > GAP ? above : line.bottom + GAP}px`;
}
