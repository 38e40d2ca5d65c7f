// A device for tests: a clock that moves only when somebody waits, storage, and a network that does the work and then, if told
// to, loses the answer.

import { Api, Purchase } from "../core.js";
import { makeShop } from "./shop.mjs";

export function device({ shop, storage = new Map(), clock = { now: Date.UTC(2026, 10, 21, 12) }, seed = 1 } = {}) {
  const my = { clock, storage, calls: [], faults: [], waits: [] };
  my.shop = shop ?? makeShop({ now: () => clock.now });
  let state = seed;
  my.world = {
    storage: { getItem: (name) => storage.get(name) ?? null, setItem: (name, value) => storage.set(name, value), removeItem: (name) => storage.delete(name) },
    now: () => clock.now,
    random: (bytes) => bytes.map(() => (state = (state * 1103515245 + 12345) % 2147483648) >> 16),
    sleep: async (ms) => {
      my.waits.push(ms);
      clock.now += ms;
      await new Promise(setImmediate);
    },
    lock: async (name, work) => work(),
  };
  // Each fault is used up by the next call it fits: "lost" does the work and drops the answer, "down" never arrives, a number
  // is a status of something in between, a function sees the call first.
  my.fetch = async (url, { method = "GET", headers = {}, body } = {}) => {
    const { pathname, search } = new URL(url);
    const call = `${method} ${pathname.replace(/_[0-9a-z]{26}/, "")}`;
    my.calls.push({ call, path: pathname, body: body && JSON.parse(body), headers });
    const at = my.faults.findIndex(({ on }) => call.endsWith(on));
    const fault = at < 0 ? null : my.faults.splice(at, 1)[0];
    if (fault?.does === "down") throw new TypeError("network");
    if (typeof fault?.does === "number") return new Response("{}", { status: fault.does, headers: fault.after ? { "retry-after": String(fault.after) } : {} });
    if (typeof fault?.does === "function") fault.does();
    const answer = my.shop.handle(method, pathname + search, { body: body && JSON.parse(body), secret: headers["hawker-checkout-secret"] });
    if (fault?.does === "lost") throw new TypeError("network");
    return new Response(answer.status === 204 ? null : JSON.stringify(answer.body), { status: answer.status });
  };
  my.api = new Api("https://shop.test", "pk_test", my.fetch, my.world.now);
  my.told = [];
  my.steps = [];
  my.buy = (wish) => {
    const purchase = new Purchase(my.world, (...call) => my.api.ask(...call), "pk_test", { country: "DE", ...wish }, (one, what) => {
      if (what !== "changed") my.told.push(what);
      else if (my.steps.at(-1) !== one.state.step) my.steps.push(one.state.step);
    });
    return purchase;
  };
  my.kept = () => [...storage.values()].map((text) => JSON.parse(text));
  return my;
}

/** Waits until something in the background has come true. */
export async function until(come) {
  for (let n = 0; n < 1000 && !come(); n++) await new Promise(setImmediate);
  if (!come()) throw new Error("it never came true");
}
