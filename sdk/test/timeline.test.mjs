import assert from "node:assert/strict";
import { test } from "node:test";
import { activeAt, parseAnchors, pickCopy } from "../core.js";

const anchors = [
  { id: "a", kind: "mark", start_ms: 0, end_ms: 1000, copy: {} },
  { id: "b", kind: "product_card", start_ms: 500, end_ms: 5230, copy: {} },
  { id: "c", kind: "ask", start_ms: 5230, end_ms: 6000, copy: {} },
];
const at = (ms) => activeAt(anchors, ms).map(({ id }) => id).join("");

test("an anchor is there from its first millisecond to the one before its end", () => {
  for (const [ms, ids] of [[0, "a"], [499, "a"], [500, "ab"], [999, "ab"], [1000, "b"], [5229, "b"], [5230, "c"], [5999, "c"], [6000, ""]]) {
    assert.equal(at(ms), ids, `at ${ms}`);
  }
});

test("seeking backwards shows what was there", () => {
  assert.deepEqual([5500, 600, 100, 5300].map(at), ["c", "ab", "a", "c"]);
});

test("anchors are read from metadata cues", () => {
  const text = `\uFEFFWEBVTT - anchors\r\n\r\nNOTE made by hand --> not a cue\r\n\r\nSTYLE\r\n::cue{}\r\n\r\nfirst\r\n00:02.000 --> 00:05.230 align:start\r\n{"id":"anc_1","kind":"product_card","start_ms":9,"end_ms":10,"copy":{"en":{"title":"Mug"}}}\r\n\r\n01:00:00.001 --> 01:00:02.000\r\n{"kind":"mark"}\r\n\r\n00:07.000 --> 00:08.000\r\nplain words\r\n\r\n00:09.000 --> 00:08.000\r\n{"kind":"mark"}\r\n\r\n00:01.500 --> 00:02.000\r\n{"id":"early","kind":"proof","copy":{}}\r\n`;
  assert.deepEqual(parseAnchors(text), [
    { id: "early", kind: "proof", start_ms: 1500, end_ms: 2000, copy: {} },
    { id: "anc_1", kind: "product_card", start_ms: 2000, end_ms: 5230, copy: { en: { title: "Mug" } } },
    { id: "", kind: "mark", start_ms: 3_600_001, end_ms: 3_602_000, copy: {} },
  ]);
});

test("what is not WebVTT has no anchors", () => {
  for (const text of ["", "WEBVTTX\n\n00:01.000 --> 00:02.000\n{\"kind\":\"mark\"}", "<html>", "1\n00:00:01,000 --> 00:00:02,000\nsubrip"]) {
    assert.deepEqual(parseAnchors(text), []);
  }
});

test("copy is in the first wanted language there is", () => {
  const copy = { en: { title: "Mug" }, de: { title: "Becher" } };
  assert.equal(pickCopy(copy, ["de-AT", "en"]).title, "Becher");
  assert.equal(pickCopy(copy, ["fr", "en-GB"]).title, "Mug");
  assert.equal(pickCopy(copy, ["fr"]).title, "Mug");
  assert.deepEqual(pickCopy({}, ["fr"]), {});
});
