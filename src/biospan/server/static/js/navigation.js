/** Which of several documents is shown. */

import { byId, count, element, visible } from "./dom.js";
import { short } from "./corrections.js";

/** Keep the bar over the text in step with the store. */
export function prepareNavigation(store) {
  const list = byId("document-list");
  list.addEventListener("change", () => store.show(Number(list.value)));
  byId("previous").addEventListener("click", () => store.show(store.current - 1));
  byId("next").addEventListener("click", () => store.show(store.current + 1));
  store.addEventListener("documents", () => {
    list.replaceChildren(
      ...store.documents.map((item, place) =>
        element("option", { value: String(place) }, `${place + 1}. ${title(item)}`),
      ),
    );
    update(store);
  });
  store.addEventListener("current", () => {
    update(store);
    scrollTo({ top: 0 });
  });
}

function update(store) {
  const { documents, current } = store;
  byId("navigation").hidden = documents.length < 2;
  byId("document-list").value = String(current);
  byId("previous").disabled = current === 0;
  byId("next").disabled = current >= documents.length - 1;
  byId("document-count").textContent = `of ${count(documents.length)}`;
  const { id = "", metadata = {} } = store.document ?? {};
  const said = [id, metadata.journal, metadata.year].filter(Boolean).join(" · ");
  byId("document-id").textContent = visible(said);
}

function title({ id, text }) {
  const first = short(text.trimStart().slice(0, 80));
  return id ? `${visible(id)} · ${first}` : first;
}
