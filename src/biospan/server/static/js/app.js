/** The page: its parts, and what happens from one to the next. */

import { Api } from "./api.js";
import { Corrections } from "./corrections.js";
import { isCorrected, untagged } from "./document.js";
import { byId, plural } from "./dom.js";
import { Downloads } from "./downloads.js";
import { Editor } from "./editor.js";
import { Filters } from "./filters.js";
import * as keys from "./keys.js";
import { looks } from "./labels.js";
import { Mentions } from "./mentions.js";
import { prepareNavigation } from "./navigation.js";
import * as notices from "./notices.js";
import { Problem, isCancelled } from "./problems.js";
import { Reader } from "./reader.js";
import { Start } from "./start.js";
import { Store } from "./store.js";
import { tagAll } from "./tagging.js";
import { showTips } from "./tip.js";

const store = new Store();
const api = new Api({ onWait: waiting });
let connecting = null; // the promise of what follows
let about = null; // models, limits and formats of the server
let labels = [];
let known = looks(labels);
let running = null; // the AbortController of the tagging that goes on
let progress = 0;

const lookOf = (label) => {
  if (!known.has(label)) known = looks([...known.keys(), label]);
  return known.get(label);
};
const article = byId("article");
const reader = new Reader(article, store, lookOf);
const corrections = new Corrections({ store, reader, lookOf, say: notices.say });
const start = new Start({ store, onDocuments: tag, onError: (error) => problem(error) });
let editor = null;

async function connect() {
  about = await api.about();
  useModel(about.models[0].name);
  prepareModels();
  byId("version").textContent = `Biospan ${about.version}`;
  editor = new Editor({
    article,
    box: byId("card"),
    store,
    reader,
    corrections,
    labels: () => labels,
    lookOf,
    say: notices.say,
    keysOn: keys.singleKeysOn,
  });
  new Mentions({ store, lookOf, goTo });
  new Downloads({ store, api, formats: about.formats, say: notices.say, onProblem: problem });
  const isQuiet = () => byId("card").matches(":popover-open");
  showTips({ article, reader, lookOf, isQuiet });
}

let filters = null;
function useModel(name) {
  const model = about.models.find((item) => item.name === name);
  known = looks(model.labels.map((label) => label.name));
  labels = [...known.keys()];
  start.showLabels(labels, lookOf);
  filters ??= new Filters({ store, labels: () => labels, lookOf });
  filters.drawSwitches();
}

function prepareModels() {
  const list = byId("model");
  list.replaceChildren(...about.models.map(({ name }) => new Option(name, name)));
  byId("model-field").hidden = about.models.length < 2;
  list.addEventListener("change", () => useModel(list.value));
}

/** Tag documents that were read, and show them while they come. */
async function tag(read, skipped) {
  notices.hideProblem();
  if (!(await connected(() => tag(read, skipped)))) return;
  const documents = read.map(untagged);
  store.open(documents);
  view("work");
  if (skipped) {
    const verb = skipped === 1 ? "is" : "are";
    const what = `${plural(skipped, "record")} ${verb} left out: broken, or without a text.`;
    notices.showProblem(what, [], { calm: true });
  }
  await go(documents);
}

async function go(documents) {
  running?.abort();
  const mine = (running = new AbortController());
  const isMine = () => running === mine;
  setProgress(0);
  try {
    await tagAll(documents, {
      api,
      model: byId("model").value,
      maxTexts: about.limits.texts,
      signal: mine.signal,
      onPiece: (document) => isMine() && store.received(document),
      onProgress: (share) => isMine() && setProgress(share),
    });
    if (isMine()) finished(documents);
  } catch (error) {
    if (isMine()) interrupted(documents, error);
  } finally {
    if (isMine()) {
      running = null;
      notices.showProgress(null);
    }
  }
}

function finished(documents) {
  const broken = documents.filter(({ error }) => error);
  const marks = documents.reduce((sum, document) => sum + document.entities.length, 0);
  notices.say(`Found ${plural(marks, "mark")} in ${plural(documents.length, "document")}.`);
  if (broken.length) {
    const [{ id, error }] = broken;
    const which = id ? ` (${id})` : "";
    notices.showProblem(`${plural(broken.length, "document")} could not be tagged${which}: ${error}`);
  }
}

/** Stopped or failed on the way: what is done stays, and the rest can be done later. */
function interrupted(documents, error) {
  const left = documents.filter(({ pending }) => pending);
  const goOn = { name: isCancelled(error) ? "Go on" : "Try again", act: () => again(left) };
  const nothingYet = !documents.some(({ isTagged }) => isTagged);
  if (nothingYet) view("start");
  const done = documents.length - left.length;
  let what = isCancelled(error) ? "Stopped." : error.message;
  if (!nothingYet) {
    what +=
      documents.length > 1
        ? ` ${done} of ${plural(documents.length, "document")} are tagged, the others not or not to their end.`
        : " The text is not tagged to its end.";
  }
  for (const document of left) document.pending = false;
  const canGoOn = isCancelled(error) || error.retry;
  notices.showProblem(what, canGoOn ? [goOn] : [], { calm: isCancelled(error) });
}

/** Tag anew what was left; what was corrected in the meantime stays as it is. */
function again(documents) {
  const open = documents.filter((document) => !isCorrected(document));
  for (const document of open) {
    Object.assign(document, untagged({ ...document, passages: document.given }));
    store.received(document);
  }
  if (open.length < documents.length) {
    notices.say(`${plural(documents.length - open.length, "corrected document")} left as it was.`);
  }
  view("work");
  go(open);
}

/** Whether the server has told about itself; shows why not, and how to try again. */
async function connected(act) {
  try {
    connecting ??= connect();
    await connecting;
    return true;
  } catch (error) {
    connecting = null;
    problem(error, [{ name: "Try again", act }]);
    return false;
  }
}

function connectNow() {
  connected(connectNow);
}

function problem(error, actions = []) {
  if (isCancelled(error)) return;
  const isOurs = error instanceof Problem || error.constructor === Error;
  notices.showProblem(isOurs ? error.message : `Something went wrong in the page: ${error.message}`, actions);
  if (!isOurs) throw error;
}

function view(name) {
  byId("start").hidden = name !== "start";
  byId("work").hidden = name !== "work";
  byId("back").hidden = !store.documents.some(({ isTagged }) => isTagged);
  document.body.dataset.view = name;
  scrollTo({ top: 0 });
  (name === "start" ? byId("text") : article).focus({ preventScroll: true });
}

function setProgress(share) {
  progress = share;
  const text = share ? `Tagging, ${Math.floor(share * 100)} %` : "Tagging";
  notices.showProgress(share, text);
}

function waiting(seconds, status) {
  const state = status === 503 ? "not ready yet" : "busy";
  const text = `The server is ${state}; trying again in ${plural(seconds, "second")}.`;
  if (running) notices.showProgress(progress, text);
  notices.say(text);
}

function goTo(document, entity, which) {
  store.show(store.documents.indexOf(document));
  reader.focus(entity);
  notices.say(which);
}

function step(by) {
  store.show(store.current + by);
}

notices.prepareDialogs();
prepareNavigation(store);
keys.listen({
  undo: () => editor?.undo(),
  redo: () => editor?.redo(),
  mark: () => store.document && editor?.startCursor(),
  next: () => step(1),
  previous: () => step(-1),
  find: () => byId("mentions-find").focus(),
});
byId("undo").addEventListener("click", () => editor.undo());
byId("redo").addEventListener("click", () => editor.redo());
byId("mark").addEventListener("click", () => editor.startCursor());
byId("new").addEventListener("click", () => view("start"));
byId("back").addEventListener("click", () => view("work"));
byId("stop").addEventListener("click", () => running?.abort());
byId("problem-close").addEventListener("click", notices.hideProblem);
store.addEventListener("history", () => {
  byId("undo").disabled = !store.canUndo;
  byId("redo").disabled = !store.canRedo;
  byId("undo").title = store.canUndo ? `Undo: ${store.canUndo.what}` : "Nothing to undo";
});
addEventListener("beforeunload", (event) => {
  if (store.isUnsaved) event.preventDefault();
});
connectNow();
