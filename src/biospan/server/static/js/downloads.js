/** Files of what is shown, in every format that the server writes. */

import { CURATOR, toJson } from "./document.js";
import { byId, element, icon, plural } from "./dom.js";
import { toLines } from "./api.js";
import { isCancelled } from "./problems.js";

// The formats that people look for first, in words; others follow by name.
const NAMES = new Map([
  ["jsonl", "JSON Lines"],
  ["bioc-xml", "BioC XML"],
  ["bioc-json", "BioC JSON"],
  ["pubtator", "PubTator"],
  ["brat", "brat"],
  ["tsv", "TSV table"],
  ["csv", "CSV table"],
  ["html", "Web page"],
  ["jsonld", "Web Annotation"],
  ["iob2", "IOB2 columns"],
  ["iobes", "IOBES columns"],
  ["parquet", "Parquet"],
  ["spacy", "spaCy DocBin"],
]);
const USELESS = new Set(["txt"]); // holds no entities

export class Downloads {
  #store;
  #api;
  #say;
  #onProblem;

  constructor({ store, api, formats, say, onProblem }) {
    this.#store = store;
    this.#api = api;
    this.#say = say;
    this.#onProblem = onProblem;
    this.#draw(formats);
    for (const name of ["documents", "current", "filter", "entities", "history"]) {
      store.addEventListener(name, () => this.#summarise());
    }
  }

  #draw(formats) {
    const places = [...NAMES.keys()];
    const place = ({ name }) => (NAMES.has(name) ? places.indexOf(name) : places.length);
    const offered = formats.filter(({ name, writes }) => writes && !USELESS.has(name));
    const items = offered
      .sort((a, b) => place(a) - place(b))
      .map((format) => {
        const button = element(
          "button",
          { type: "button", "data-format": format.name },
          icon("download"),
          element("span", { class: "name" }, NAMES.get(format.name) ?? format.name),
          element("span", { class: "suffix" }, `.${format.suffix}`),
        );
        button.addEventListener("click", () => this.#download(format, button));
        return element("li", {}, button);
      });
    byId("formats").replaceChildren(...items);
  }

  #summarise() {
    const { scope } = this.#store;
    const marks = scope.reduce((sum, document) => sum + this.#store.visible(document).length, 0);
    const hidden = scope.reduce((sum, document) => sum + document.entities.length, 0) - marks;
    const documents = plural(scope.length, "document");
    const leftOut = hidden ? `; ${plural(hidden, "hidden one")} left out` : "";
    byId("download-what").textContent = `${plural(marks, "mark")} in ${documents}${leftOut}.`;
    const changes = this.#store.countCorrections();
    byId("curator-field").hidden = !changes;
    byId("download-changes").textContent = changes
      ? `${plural(changes, "correction")} by hand${this.#store.isUnsaved ? ", not downloaded yet" : ""}.`
      : "";
  }

  async #download(format, button) {
    const { scope } = this.#store;
    if (scope.some(({ pending }) => pending)) {
      this.#say("Wait until all of the text is tagged, or stop it.");
      return;
    }
    button.setAttribute("aria-busy", "true");
    try {
      const blob = await this.#file(format);
      save(blob, `${nameOf(scope)}.${format.suffix}`);
      this.#say(`Saved as ${NAMES.get(format.name) ?? format.name}.`);
    } catch (error) {
      if (!isCancelled(error)) this.#failed(error, format, button);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  async #file(format) {
    const { scope, documents } = this.#store;
    const blob = await this.#api.convert(this.#shown(), format.name);
    if (scope.length === documents.length) this.#store.saved();
    return blob;
  }

  #shown() {
    const curator = byId("curator").value.trim() || CURATOR;
    return this.#store.scope.map((document) =>
      toJson(document, this.#store.visible(document), curator),
    );
  }

  /** Corrections are never lost for want of the server: JSON Lines need no conversion. */
  #failed(error, format, button) {
    const saveLines = () => {
      const blob = new Blob([toLines(this.#shown())], { type: "application/jsonl" });
      save(blob, `${nameOf(this.#store.scope)}.jsonl`);
      if (this.#store.scope.length === this.#store.documents.length) this.#store.saved();
    };
    this.#onProblem(error, [
      { name: "Try again", act: () => this.#download(format, button) },
      { name: "Save as JSON Lines without the server", act: saveLines },
    ]);
  }
}

function nameOf(scope) {
  const id = scope.length === 1 ? scope[0].id.replace(/[^\p{L}\p{N}._-]+/gu, "_") : "";
  return id.replace(/^[._]+/, "").slice(0, 80) || "biospan";
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
