import assert from "node:assert/strict";
import { test } from "node:test";
import { Api } from "../core.js";

const api = (fetch, now = () => 0) => new Api("https://shop.test", "pk_1", fetch, now);

test("a call carries the key, the secret and the attempt, and cookies on the shop's own pages only", async () => {
  let seen;
  await api(async (url, init) => ((seen = { url, ...init }), new Response("{}"))).ask("POST", "/v1/checkouts/chk_1/payment", { body: { method: "card" }, secret: "cs_1", once: "u1" });
  assert.equal(seen.url, "https://shop.test/v1/checkouts/chk_1/payment");
  assert.deepEqual(seen.headers, { authorization: "Bearer pk_1", "content-type": "application/json", "hawker-checkout-secret": "cs_1", "idempotency-key": "u1" });
  assert.deepEqual([seen.method, seen.body, seen.credentials], ["POST", '{"method":"card"}', "same-origin"]);
});

test("an answer that is no JSON is an answer without a body", async () => {
  const answer = await api(async () => new Response("<h1>Bad gateway</h1>", { status: 502 })).ask("GET", "/");
  assert.deepEqual(answer, { status: 502, body: {}, wait: null });
});

test("Retry-After is read as seconds; a date falls back to one second", async () => {
  const wait = async (after) => (await api(async () => new Response("", { status: 503, headers: { "retry-after": after } })).ask("GET", "/")).wait;
  assert.deepEqual([await wait("3"), await wait("Wed, 21 Oct 2026 07:28:00 GMT")], [3000, 1000]);
});

test("a device whose clock is wrong counts down by the server's", async () => {
  const server = Date.UTC(2026, 10, 21, 12);
  const ahead = async (device) => {
    const one = api(async () => new Response("", { headers: { date: new Date(server).toUTCString() } }), () => device);
    await one.ask("GET", "/");
    return one.ahead;
  };
  assert.equal(await ahead(server - 3600_000), 3600_000);
  // The header has whole seconds: a difference that small says nothing.
  assert.equal(await ahead(server + 900), 0);
});

/** A stream that hands out these pieces of text. */
const streaming = (pieces) => new Response(new ReadableStream({
  start(out) {
    pieces.forEach((piece) => out.enqueue(typeof piece === "string" ? new TextEncoder().encode(piece) : piece));
    out.close();
  },
}));

test("stock is heard wherever the network cuts the stream, and a lost stream is picked up", async () => {
  const end = new AbortController();
  const event = (left) => `event: stock\r\nid: var_1:${left}\r\ndata: {"variant":"var_1","left":${left},\r\ndata: "in_checkouts":0}\r\n\r\n`;
  const answers = [
    () => streaming([event(3).slice(0, 9), event(3).slice(9, 50), `${event(3).slice(50)}: still here\n\n${event(2)}`]),
    () => { throw new TypeError("network"); },
    () => new Response("", { status: 503 }),
    () => streaming([event(1)]),
  ];
  const heard = [];
  const waits = [];
  await api(async () => answers.shift()()).live("var_1", ({ left }) => {
    heard.push(left);
    if (left === 1) end.abort();
  }, end.signal, async (ms) => void waits.push(ms));
  assert.deepEqual(heard, [3, 2, 1]);
  assert.equal(waits.length, 4);
  assert.ok(waits[2] > waits[1]);
});

test("a stream that comes back says what it heard last, and waits as long as it is told", async () => {
  const end = new AbortController();
  const answers = [
    () => streaming(["id: a.1\nevent: stock\ndata: {}\n\n", "id: a.2\nevent: stock\ndata: {}\n\n: still here\n\n"]),
    () => new Response("", { status: 503, headers: { "retry-after": "30" } }),
    () => (end.abort(), streaming([])),
  ];
  const said = [];
  const waits = [];
  await api(async (url, { headers }) => (said.push(headers["last-event-id"]), answers.shift()())).live("var_1", () => {}, end.signal, async (ms) => void waits.push(ms));
  assert.deepEqual(said, [undefined, "a.2", "a.2"]);
  assert.deepEqual(waits.slice(0, 2), [1000, 30_000]);
});

test("a stream that is refused is not asked for again", async () => {
  let asked = 0;
  await api(async () => (asked++, new Response("", { status: 404 }))).live("var_1", () => {}, new AbortController().signal, async () => {});
  assert.equal(asked, 1);
});

test("a refused batch of beacons is dropped, a server in trouble gets it again", async () => {
  const taken = (status) => api(async () => new Response(null, { status })).beacon({}, null);
  assert.deepEqual(await Promise.all([202, 422, 429, 503].map(taken)), [true, true, false, false]);
  assert.equal(await api(null).beacon({}, () => false), false);
});
