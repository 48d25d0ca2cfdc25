/** The server's API, as `docs/serving.md` describes it. Addresses are relative to the page. */

import { Problem, fromResponse, unreachable } from "./problems.js";

const PATIENCE_S = 90; // of waiting for one request, while the server says how long
const LONGEST_WAIT_S = 30; // at one time

/** Asks the server that the page is from. */
export class Api {
  #onWait;

  /** `onWait(seconds, status)` is told when the server asks to wait. */
  constructor({ onWait }) {
    this.#onWait = onWait;
  }

  /** Models with their labels, limits and formats. */
  async about(signal) {
    return (await this.#send("v1/labels", { signal })).json();
  }

  /** The documents of plain texts. */
  async tag(texts, model, signal) {
    const body = JSON.stringify({ texts, ...(model && { model }) });
    const headers = { "Content-Type": "application/json" };
    const response = await this.#send("v1/tag", { method: "POST", body, headers, signal });
    return (await whole(response.json())).documents;
  }

  /** Documents whose passages are known, tagged. */
  async tagDocuments(documents, model, signal) {
    const query = model ? `?model=${encodeURIComponent(model)}` : "";
    const headers = { "Content-Type": "application/jsonl", Accept: "application/jsonl" };
    const body = toLines(documents);
    const options = { method: "POST", body, headers, signal };
    const response = await this.#send(`v1/documents${query}`, options);
    return whole(response.text().then(fromLines));
  }

  /** Documents as a file of a format: a Blob. */
  async convert(documents, format, signal) {
    const headers = { "Content-Type": "application/jsonl" };
    const path = `v1/convert?to=${encodeURIComponent(format)}`;
    const body = toLines(documents);
    return whole((await this.#send(path, { method: "POST", body, headers, signal })).blob());
  }

  /** Send a request; wait and try again as long as the server says when. */
  async #send(path, options) {
    for (let waited = 0; ; ) {
      const response = await answer(path, options);
      if (response.ok) return response;
      const seconds = waitingTime(response);
      if (seconds === null || waited + seconds > PATIENCE_S) throw await fromResponse(response);
      this.#onWait(seconds, response.status);
      await sleep(seconds * 1000, options.signal);
      waited += seconds;
    }
  }
}

async function answer(path, options) {
  try {
    return await fetch(path, { ...options, cache: "no-store", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
}

/** Documents as JSON lines. */
export function toLines(documents) {
  return documents.map((document) => `${JSON.stringify(document)}\n`).join("");
}

function fromLines(text) {
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** What is read of an answer, or the problem that it was cut off. */
async function whole(reading) {
  try {
    return await reading;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server's answer was cut off. Try again.", { retry: true });
  }
}

/** Seconds to wait before the next try, or null if waiting is no help. */
function waitingTime(response) {
  if (response.status !== 429 && response.status !== 503) return null;
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return seconds >= 0 && seconds <= LONGEST_WAIT_S ? Math.max(1, seconds) : null;
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("Stopped", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
