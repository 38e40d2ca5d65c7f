// The only file that talks to the server. One call, one stream, one beacon; `fetch` is handed in.

/** @import { Answer, Availability, Call } from "./contract.d.ts" */

/** A slow card takes three seconds; a call that takes this long has lost its answer. */
const CALL_MS_MAX = 20_000;

export class Api {
  /** How far the server's clock is ahead of ours; countdowns go by the server's. */
  ahead = 0;

  /**
   * @param {string} base
   * @param {string} key
   * @param {typeof globalThis.fetch} fetch
   * @param {() => number} now
   */
  constructor(base, key, fetch, now) {
    this.base = base;
    this.key = key;
    this.fetch = fetch;
    this.now = now;
  }

  /**
   * Rejects only when no answer came.
   * @param {string} method
   * @param {string} path
   * @param {Call} [call]
   * @returns {Promise<Answer>}
   */
  async ask(method, path, { body, secret, once } = {}) {
    /** @type {Record<string, string>} */
    const headers = { authorization: `Bearer ${this.key}` };
    if (body) headers["content-type"] = "application/json";
    if (secret) headers["hawker-checkout-secret"] = secret;
    if (once) headers["idempotency-key"] = once;
    const answer = await this.fetch(this.base + path, {
      // The shop's own cookie, on its own pages: the one that says which cards this browser had kept.
      method, headers, body: body ? JSON.stringify(body) : undefined, credentials: "same-origin", signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    const date = Date.parse(answer.headers.get("date") ?? "");
    // The header has whole seconds; a difference that small says nothing.
    if (date) this.ahead = Math.abs(date - this.now()) < 2000 ? 0 : date - this.now();
    const text = await answer.text();
    const after = answer.headers.get("retry-after");
    return { status: answer.status, body: parse(text), wait: after ? Number(after) * 1000 || 1000 : null };
  }

  /**
   * Follows the stock of variants until the signal ends it. A lost stream is picked up where it was; without one the player
   * shows what it was first told and the reservation still decides.
   * @param {string} variants a list with commas
   * @param {(stock: {variant: string} & Availability) => void} heard
   * @param {AbortSignal} signal
   * @param {(ms: number) => Promise<unknown>} sleep
   */
  live(variants, heard, signal, sleep) {
    return this.follow(`/v1/live?variants=${variants}`, "stock", heard, signal, sleep);
  }

  /**
   * Follows a stream of one kind of event until the signal ends it; a lost one is picked up where it was.
   * @param {string} path
   * @param {string} kind
   * @param {(data: any) => void} heard
   * @param {AbortSignal} signal
   * @param {(ms: number) => Promise<unknown>} sleep
   */
  async follow(path, kind, heard, signal, sleep) {
    /** @type {Record<string, string>} */
    const headers = { authorization: `Bearer ${this.key}` };
    for (let tries = 0; !signal.aborted; tries++) {
      let wait = 0;
      try {
        const answer = await this.fetch(this.base + path, { headers, credentials: "omit", signal });
        if (answer.status < 500 && answer.status !== 429 && !answer.ok) return;
        wait = Number(answer.headers.get("retry-after")) * 1000;
        // What a refusal says is no event; what has no body counts as lost.
        for await (const { event, id = "", data = "" } of events(/** @type {ReadableStream<Uint8Array>} */ (answer.body))) {
          tries = 0;
          if (event === kind) heard(JSON.parse(data));
          headers["last-event-id"] = id;
        }
      } catch {
        // Lost; wait and ask again.
      }
      await sleep(wait || Math.min(1000 * 2 ** tries, 30_000));
    }
  }

  /**
   * `leave` is navigator.sendBeacon, for the moment when nobody can wait for an answer. It cannot carry a header, so the
   * key travels in the body.
   * @param {unknown} batch
   * @param {((url: string, body: string) => boolean) | null} leave
   */
  async beacon(batch, leave) {
    const url = `${this.base}/v1/beacons`;
    const body = JSON.stringify(batch);
    if (leave) return leave(url, body);
    const answer = await this.fetch(url, { method: "POST", body, keepalive: true, credentials: "omit" });
    // A batch that is refused will be refused again.
    return answer.status < 500 && answer.status !== 429;
  }
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/**
 * Server-sent events, by hand because EventSource cannot send the key.
 * @param {ReadableStream<Uint8Array>} stream
 */
async function* events(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true }).replace(/\r/g, "");
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      /** @type {Record<string, string>} */
      const fields = {};
      for (const line of block.split("\n")) {
        const [, name, rest = ""] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (name) fields[name] = name in fields ? `${fields[name]}\n${rest}` : rest;
      }
      if (fields.data) yield fields;
    }
  }
}
