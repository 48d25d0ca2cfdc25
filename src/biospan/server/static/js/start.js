/** The first view: a field to paste into, files to open or drop, an example. */

import { byId, element, plural } from "./dom.js";
import { fromFiles, fromText } from "./files.js";
import { confirmed } from "./notices.js";

const EXAMPLE = `Interleukin-2 gene activation in primary human T lymphocytes requires cooperation between NF-kappa B and AP-1.

We studied how stimulation of CD28 enhances transcription of the interleukin-2 (IL-2) gene in peripheral blood T cells and in the Jurkat leukemia cell line. Electrophoretic mobility shift assays showed that nuclear extracts of activated T lymphocytes contain p50/p65 heterodimers that bind the kappa B site of the IL-2 promoter, together with c-Fos and c-Jun. Mutation of the AP-1 binding site reduced promoter activity 10-fold (P < 0.01), whereas overexpression of I kappa B-alpha blocked it completely.

IL-2 mRNA was detectable within 2 h of stimulation and disappeared in the presence of cyclosporin A, an inhibitor of calcineurin. In contrast, U937 cells and freshly isolated monocytes expressed tumor necrosis factor-α (TNF-α) mRNA under the same conditions, but no IL-2 transcripts. We conclude that costimulation through CD28 converges with the T cell receptor on the CD28 response element, and that glucocorticoid receptor signalling antagonises both.`;

export class Start {
  #store;
  #onDocuments;
  #onError;

  /** `onDocuments(documents, skipped)` gets what is to be tagged. */
  constructor({ store, onDocuments, onError }) {
    this.#store = store;
    this.#onDocuments = onDocuments;
    this.#onError = onError;
    const field = byId("text");
    field.addEventListener("input", () => this.#describe());
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#submit();
    });
    byId("submit").addEventListener("click", () => this.#submit());
    byId("example").addEventListener("click", () => {
      field.value = EXAMPLE;
      this.#describe();
      this.#submit();
    });
    byId("open").addEventListener("click", () => byId("file").click());
    byId("file").addEventListener("change", ({ target }) => {
      const files = [...target.files];
      target.value = ""; // so that the same file can be opened again
      this.#take(() => fromFiles(files));
    });
    this.#listenForDrops();
    this.#describe();
  }

  /** Show what the model marks, in a line of examples. */
  showLabels(labels, lookOf) {
    const items = labels.map((label) => {
      const { slot, letter, name, example } = lookOf(label);
      const mark = element("span", { class: `mark slot-${slot}`, "data-letter": letter }, example || name);
      return element("li", {}, element("span", { class: "name" }, name), mark);
    });
    byId("legend").replaceChildren(...items);
  }

  #submit() {
    const { value } = byId("text");
    this.#take(async () => fromText(value));
  }

  async #take(read) {
    try {
      const { documents, skipped } = await read();
      if (!documents.length) {
        const problem = skipped ? "There is no text in it." : "Paste a text first, or open a file.";
        byId("text").focus();
        return void this.#onError(new Error(problem));
      }
      if (this.#store.isUnsaved && !(await confirmed(byId("discard")))) return;
      this.#onDocuments(documents, skipped);
    } catch (error) {
      this.#onError(error);
    }
  }

  #describe() {
    const { value } = byId("text");
    const words = value.trim() ? value.trim().split(/\s+/).length : 0;
    byId("text-size").textContent = words ? plural(words, "word") : "";
  }

  #listenForDrops() {
    const zone = byId("drop");
    let depth = 0; // enter and leave come for every element on the way
    const hasData = ({ dataTransfer }) =>
      [...(dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/plain");
    const isField = ({ target, dataTransfer }) =>
      target.id === "text" && ![...dataTransfer.types].includes("Files");
    addEventListener("dragenter", (event) => {
      if (!hasData(event)) return;
      depth += 1;
      zone.hidden = false;
    });
    addEventListener("dragleave", () => {
      depth = Math.max(0, depth - 1);
      zone.hidden = depth === 0;
    });
    addEventListener("dragover", (event) => {
      if (hasData(event) && !isField(event)) event.preventDefault();
    });
    addEventListener("drop", (event) => {
      depth = 0;
      zone.hidden = true;
      if (!hasData(event) || isField(event)) return;
      event.preventDefault();
      const files = [...event.dataTransfer.files];
      const text = event.dataTransfer.getData("text/plain");
      this.#take(async () => (files.length ? fromFiles(files) : fromText(text)));
    });
  }
}
