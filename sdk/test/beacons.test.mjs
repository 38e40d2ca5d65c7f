import assert from "node:assert/strict";
import { test } from "node:test";
import { Beacons, Impressions, visitId, Watch } from "../core.js";

/** Plays from one millisecond to another at 25 frames a second. */
function play(watch, from, to) {
  for (let ms = from; ms <= to; ms += 40) watch.tick(ms);
}
function watching() {
  const told = [];
  return { watch: new Watch((event) => told.push(event)), told, of: (kind) => told.filter((event) => event.kind === kind), ranges: () => told.flatMap(({ seconds }) => (seconds ? [seconds] : [])) };
}

test("a view is two seconds of playback, a hook three", () => {
  const { watch, of } = watching();
  play(watch, 0, 1960);
  assert.equal(of("view").length, 0);
  play(watch, 2000, 2960);
  assert.deepEqual([of("view").length, of("hook").length], [1, 0]);
  play(watch, 3000, 9000);
  assert.deepEqual([of("view").length, of("hook").length], [1, 1]);
});

test("time that was skipped is not playback", () => {
  const { watch, of } = watching();
  play(watch, 0, 400);
  play(watch, 10_000, 10_400);
  play(watch, 20_000, 20_400);
  assert.equal(of("view").length, 0);
});

test("a clip shorter than two seconds is viewed when it was completed", () => {
  const { watch, of } = watching();
  play(watch, 0, 1400);
  watch.end(1400);
  assert.deepEqual([of("view").length, of("hook").length, of("end").length], [1, 0, 1]);
});

test("played seconds are ranges without their end", () => {
  const { watch, ranges } = watching();
  play(watch, 0, 4200);
  watch.stop();
  assert.deepEqual(ranges(), [[0, 5]]);
});

test("watching again counts again, going on after a flush does not", () => {
  const { watch, ranges } = watching();
  play(watch, 0, 2200);
  watch.flush();
  play(watch, 2240, 3400);
  watch.stop();
  play(watch, 1000, 1900);
  watch.stop();
  assert.deepEqual(ranges(), [[0, 3], [3, 4], [1, 2]]);
});

test("a seek while playing begins another range", () => {
  const { watch, ranges } = watching();
  play(watch, 0, 1500);
  play(watch, 8000, 9500);
  play(watch, 3000, 3500);
  watch.stop();
  assert.deepEqual(ranges(), [[0, 2], [8, 10], [3, 4]]);
});

test("a loop ends one range and begins another", () => {
  const { watch, ranges, of } = watching();
  play(watch, 0, 2960);
  watch.end(3000);
  play(watch, 0, 2960);
  watch.end(3000);
  assert.deepEqual(ranges(), [[0, 3], [0, 3]]);
  assert.equal(of("end").length, 1);
});

test("an impression is half the area for a whole second, once", () => {
  const seen = new Impressions();
  seen.see("card", true, 0);
  seen.see("card", true, 500);
  assert.deepEqual(seen.due(999), []);
  seen.see("card", false, 999);
  seen.see("card", true, 2000);
  assert.deepEqual(seen.due(2999), []);
  assert.deepEqual(seen.due(3000), ["card"]);
  seen.see("card", true, 3000);
  assert.deepEqual(seen.due(9000), []);
});

test("half an hour without a sign ends a visit", () => {
  const kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
  const random = (bytes) => crypto.getRandomValues(bytes);
  const first = visitId(storage, 0, random);
  assert.match(first, /^vis_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  assert.equal(visitId(storage, 29 * 60_000, random), first);
  assert.equal(visitId(storage, 58 * 60_000, random), first);
  assert.notEqual(visitId(storage, 88 * 60_000 + 1, random), first);
});

function queue({ visit = () => "vis_1", answers = [] } = {}) {
  let now = 1000;
  const sent = [];
  const beacons = new Beacons({
    key: "pk_1", visit, now: () => now, random: (bytes) => crypto.getRandomValues(bytes),
    send: async (batch, leaving) => {
      sent.push({ ...batch, leaving });
      const answer = answers.shift() ?? true;
      if (answer === "lost") throw new TypeError("network");
      return answer;
    },
  });
  return { beacons, sent, pass: (ms) => (now += ms) };
}
const clip = { clip: "clp_1", version: 3, lang: "en" };

test("events leave in one batch a clip and say how long ago they happened", async () => {
  const { beacons, sent, pass } = queue();
  beacons.push(clip, { kind: "view", at_ms: 2000 });
  pass(700);
  beacons.push(clip, { kind: "tap", anchor: "anc_1", at_ms: 2700 });
  beacons.push({ ...clip, clip: "clp_2" }, { kind: "view", at_ms: 2000 });
  pass(300);
  await beacons.flush();
  assert.deepEqual(sent.map(({ clip, events }) => [clip, ...events.map(({ kind, ago_ms }) => `${kind} ${ago_ms}`)]), [["clp_1", "view 1000", "tap 300"], ["clp_2", "view 300"]]);
  assert.deepEqual(Object.keys(sent[0]), ["key", "visit", "clip", "version", "lang", "events", "leaving"]);
});

test("a batch without an answer is sent again with the same ids", async () => {
  const { beacons, sent } = queue({ answers: ["lost", false, true] });
  beacons.push(clip, { kind: "view" });
  await beacons.flush();
  await beacons.flush();
  await beacons.flush();
  await beacons.flush();
  assert.equal(sent.length, 3);
  assert.equal(new Set(sent.map(({ events }) => events[0].id)).size, 1);
  assert.equal(beacons.waiting, 0);
});

test("a viewer who does not want to be followed has no visit", async () => {
  const { beacons, sent } = queue({ visit: null });
  beacons.push(clip, { kind: "view" });
  await beacons.flush(true);
  assert.equal("visit" in sent[0], false);
  assert.equal(sent[0].leaving, true);
});

test("a page left open without a network does not grow, and a batch stays small", async () => {
  const { beacons, sent } = queue({ answers: Array(1000).fill(false) });
  for (let n = 0; n < 2000; n++) beacons.push(clip, { kind: "tap", at_ms: n });
  await beacons.flush();
  assert.equal(beacons.waiting, 400);
  assert.ok(sent.every(({ events }) => events.length <= 40));
});
