/** What goes wrong, said to the person in front of the page. */

/** A message to show; `retry` says that trying again may help. */
export class Problem extends Error {
  constructor(message, { retry = false, status = 0, code = "" } = {}) {
    super(message);
    this.name = "Problem";
    this.retry = retry;
    this.status = status;
    this.code = code;
  }
}

/** The person stopped it. */
export function isCancelled(error) {
  return error?.name === "AbortError";
}

const PLAIN = new Map([
  [400, "The server could not read the request."],
  [401, "This server asks for a key. Reload the page to give it."],
  [403, "The server does not answer pages of another address. Use the address that it printed."],
  [404, "The server does not know this address. Is it an older version? Reload the page."],
  [408, "The request took too long to arrive. Try again."],
  [413, "This is more than the server takes at once. Send less text, or use `biospan annotate`."],
  [415, "The server does not take this kind of file."],
  [421, "The server does not answer under this name. Use the address that it printed."],
  [422, "The server cannot take this text."],
  [429, "The server is busy."],
  [503, "The server is not ready: it is starting or shutting down."],
  [504, "The server did not finish in time. Try again, or send less text."],
]);

/** What an answer other than 200 means, with what the server adds to it. */
export async function fromResponse(response) {
  let said = {};
  try {
    said = await response.json();
  } catch {
    // A proxy's page, or nothing: the status alone has to do.
  }
  const detail = typeof said?.message === "string" ? said.message : "";
  const plain = PLAIN.get(response.status) ?? `The server answered ${response.status}.`;
  const message = detail ? `${plain} It says: ${detail}` : plain;
  const retry = [408, 429, 500, 502, 503, 504].includes(response.status);
  return new Problem(message, { retry, status: response.status, code: said?.code ?? "" });
}

/** No answer at all. */
export function unreachable() {
  return new Problem(
    "The server cannot be reached. Is it still running? Your text and corrections are still here.",
    { retry: true, code: "unreachable" },
  );
}
