/** The server's API, as `docs/serving.md` describes it. Addresses are relative to the page. */

import { Problem, fromResponse, unreachable } from "./problems.js";

const PATIENCE = 6; // tries of one request while the server says to wait
const LONGEST_WAIT_S = 30;

/** Asks one server; what it says about itself is in `about`. */
export class Api {
  #key = "";

  /**
   * @param {object} options
   * @param {() => Promise<string>} options.askKey For the key, where the server wants one; rejects
   *   with an AbortError if there is none.
   * @param {(seconds: number) => void} options.onWait Told when the server asks to wait.
   */
  constructor({ askKey, onWait }) {
    this.askKey = askKey;
    this.onWait = onWait;
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
    return (await response.json()).documents;
  }

  /** Documents whose passages are known, tagged. */
  async tagDocuments(documents, model, signal) {
    const query = model ? `?model=${encodeURIComponent(model)}` : "";
    const headers = { "Content-Type": "application/jsonl", Accept: "application/jsonl" };
    const body = toLines(documents);
    const options = { method: "POST", body, headers, signal };
    const response = await this.#send(`v1/documents${query}`, options);
    return fromLines(await response.text());
  }

  /** Documents as a file of a format: a Blob. */
  async convert(documents, format, signal) {
    const headers = { "Content-Type": "application/jsonl" };
    const path = `v1/convert?to=${encodeURIComponent(format)}`;
    const body = toLines(documents);
    return (await this.#send(path, { method: "POST", body, headers, signal })).blob();
  }

  /** Send a request; wait and try again as long as the server says when. */
  async #send(path, options) {
    for (let tried = 1; ; tried += 1) {
      const response = await this.#fetch(path, options);
      if (response.ok) return response;
      const seconds = waitingTime(response);
      if (response.status === 401) {
        this.#key = await this.askKey();
      } else if (seconds !== null && tried < PATIENCE) {
        this.onWait(seconds);
        await sleep(seconds * 1000, options.signal);
      } else {
        throw await fromResponse(response);
      }
    }
  }

  async #fetch(path, { headers = {}, ...options }) {
    if (this.#key) headers = { ...headers, Authorization: `Bearer ${this.#key}` };
    try {
      return await fetch(path, { ...options, headers, cache: "no-store", redirect: "error" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw unreachable();
    }
  }
}

/** Documents as JSON lines. */
export function toLines(documents) {
  return documents.map((document) => `${JSON.stringify(document)}\n`).join("");
}

function fromLines(text) {
  try {
    return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  } catch {
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
