// What the player tells the shop about watching: impressions, views, the seconds that were played. Events explain, they
// never move money, so losing one is harmless and counting one twice is not: every event has an id, and a batch that may
// have arrived is sent again with the same ids.

import { typeId, uuid7, uuidText } from "./ids.js";

/** @import { BeaconEvent, Keep } from "./contract.d.ts" */

const VIEW_MS = 2000;
const HOOK_MS = 3000;
const IMPRESSION_MS = 1000;
/** A longer step between two ticks is a seek or a sleeping tab, not playback. */
const STEP_MS_MAX = 2000;
const BATCH_MAX = 40;
const QUEUE_MAX = 400;
const VISIT_IDLE_MS = 30 * 60_000;

/** Turns ticks of the playing clip into views, hooks and ranges of played seconds. One of these per clip on the page. */
export class Watch {
  #last = -1;
  #played = 0;
  /** The last second that was counted in this stretch of playback. */
  #second = -1;
  /** @type {[number, number] | null} */
  #range = null;
  /** @type {Set<string>} */
  #told = new Set();

  /** @param {(event: BeaconEvent) => void} tell */
  constructor(tell) {
    this.tell = tell;
  }

  /** The clip is playing and shows this media time. @param {number} at_ms */
  tick(at_ms) {
    const step = at_ms - this.#last;
    const goesOn = this.#last >= 0 && step >= 0 && step < STEP_MS_MAX;
    if (!goesOn) this.stop();
    this.#last = at_ms;
    if (goesOn) this.#played += step;
    this.#count(Math.floor(at_ms / 1000));
    if (this.#played >= VIEW_MS) this.#once("view", at_ms);
    if (this.#played >= HOOK_MS) this.#once("hook", at_ms);
  }

  /** @param {number} second */
  #count(second) {
    if (second === this.#second) return;
    const from = this.#second < 0 ? second : this.#second + 1;
    this.#range = [this.#range ? this.#range[0] : from, second + 1];
    this.#second = second;
  }

  /** Hands out the seconds played so far as [from, to), to excluded; playback may go on. */
  flush() {
    if (this.#range) this.tell({ kind: "second", seconds: this.#range });
    this.#range = null;
  }

  /** Paused, sought, hidden: what follows is another stretch of playback. */
  stop() {
    this.flush();
    this.#second = this.#last = -1;
  }

  /** The clip reached its end. @param {number} at_ms */
  end(at_ms) {
    this.stop();
    this.#once("view", at_ms);
    this.#once("end", at_ms);
  }

  /** @param {"view" | "hook" | "end"} kind @param {number} at_ms */
  #once(kind, at_ms) {
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    this.tell({ kind, at_ms: Math.round(at_ms) });
  }
}

/** Decides when something on screen has been seen: half its area for a second, told once. */
export class Impressions {
  /** @type {Map<string, number>} */
  #since = new Map();
  /** @type {Set<string>} */
  #told = new Set();

  /** @param {string} what @param {boolean} half @param {number} now */
  see(what, half, now) {
    if (!half) this.#since.delete(what);
    else if (!this.#since.has(what) && !this.#told.has(what)) this.#since.set(what, now);
  }

  /** What has become an impression by now. @param {number} now */
  due(now) {
    const due = [...this.#since].filter(([, since]) => now - since >= IMPRESSION_MS).map(([what]) => what);
    for (const what of due) {
      this.#told.add(what);
      this.#since.delete(what);
    }
    return due;
  }
}

/**
 * The visit this device is in, a new one after 30 idle minutes. It lives in the tab's own storage and knows nobody's name.
 * @param {Keep} storage
 * @param {number} now
 * @param {(bytes: Uint8Array) => Uint8Array} random
 */
export function visitId(storage, now, random) {
  const [kept, at] = (storage.getItem("hawker.visit") ?? "").split(" ");
  const id = kept && now - Number(at) < VISIT_IDLE_MS ? kept : typeId("vis", uuid7(now, random));
  storage.setItem("hawker.visit", `${id} ${now}`);
  return id;
}

/** @typedef {{clip: string, version: number, lang: string}} Where */
/** @typedef {{where: Where, id: string, at: number, event: BeaconEvent}} Queued */

/** Collects events and hands them out in batches. */
export class Beacons {
  /** @type {Queued[]} */
  #queue = [];

  /**
   * `visit` is null when the viewer asked not to be followed: then only the sums are counted. `send` answers whether the
   * batch is out of our hands.
   * @param {{key: string, visit: (() => string) | null, now: () => number, random: (bytes: Uint8Array) => Uint8Array,
   *   send: (batch: any, leaving: boolean) => Promise<boolean>}} given
   */
  constructor(given) {
    this.given = given;
  }

  get waiting() {
    return this.#queue.length;
  }

  /** @param {Where} where @param {BeaconEvent} event */
  push(where, event) {
    // A page left open for days with the network gone must not grow without end.
    if (this.#queue.length >= QUEUE_MAX) return;
    const now = this.given.now();
    this.#queue.push({ where, id: uuidText(uuid7(now, this.given.random)), at: now, event });
    if (this.#queue.length % BATCH_MAX === 0) void this.flush();
  }

  /**
   * All batches set off at once: a page that is being left has no time for one after the other.
   * @param {boolean} leaving the page may be gone before an answer
   */
  async flush(leaving = false) {
    const { key, visit, now, send } = this.given;
    const waiting = this.#queue;
    this.#queue = [];
    await Promise.all(batches(waiting).map(async (batch) => {
      const { clip, version, lang } = batch[0].where;
      const events = batch.map(({ id, at, event }) => ({ id, ...event, ago_ms: Math.max(0, Math.round(now() - at)) }));
      const body = { key, ...(visit && { visit: visit() }), clip, version, lang, events };
      const gone = await send(body, leaving).catch(() => false);
      if (!gone) this.#queue = this.#queue.concat(batch).slice(-QUEUE_MAX);
    }));
  }
}

/** @param {Queued[]} events */
function batches(events) {
  /** @type {Map<string, Queued[][]>} */
  const byClip = new Map();
  for (const event of events) {
    const name = `${event.where.clip} ${event.where.version} ${event.where.lang}`;
    const mine = byClip.get(name) ?? [[]];
    if (mine[mine.length - 1].length >= BATCH_MAX) mine.push([]);
    mine[mine.length - 1].push(event);
    byClip.set(name, mine);
  }
  return [...byClip.values()].flat();
}
