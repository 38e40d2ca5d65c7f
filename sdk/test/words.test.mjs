import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { findVoice } from "../words.js";

const languages = readdirSync(new URL("..", import.meta.url)).flatMap((name) => /^words-(\w+)\.js$/.exec(name)?.[1] ?? []);
const load = async (lang) => (await import(`../words-${lang}.js`)).default;
const gaps = (text) => (text.match(/\{\w\}/g) ?? []).toSorted().join("");

test("every language says everything, with the same gaps", async () => {
  const english = await load("en");
  assert.deepEqual(languages.toSorted(), ["ar", "de", "en"]);
  for (const lang of languages) {
    const words = await load(lang);
    assert.deepEqual(Object.keys(words).toSorted(), Object.keys(english).toSorted(), lang);
    for (const [name, text] of Object.entries(words)) {
      assert.ok(text.trim(), `${lang} ${name}`);
      assert.equal(gaps(text), gaps(english[name]), `${lang} ${name}`);
    }
  }
});

test("the page's language comes first, then the viewer's, then English", async () => {
  for (const [page, viewer, lang, dir] of [["de-CH", ["en-US"], "de", "ltr"], ["fr", ["ar-EG", "en"], "ar", "rtl"], ["", ["pt"], "en", "ltr"]]) {
    const voice = await findVoice(page, viewer);
    assert.deepEqual([voice.lang, voice.dir], [lang, dir]);
  }
});

test("money and days are written as the viewer's region writes them", async () => {
  const german = await findVoice("de", ["de-AT", "en"]);
  assert.equal(german.money({ amount: 4290, currency: "EUR" }).replace(/\u00a0/g, " "), "€ 42,90");
  const english = await findVoice("en", ["de", "en-GB"]);
  assert.equal(english.money({ amount: 4290, currency: "EUR" }), "€42.90");
  assert.equal(english.money({ amount: 1500, currency: "JPY" }), "JP¥1,500");
  assert.equal(english.money({ amount: 1500, currency: "KWD" }).replace(/\u00a0/g, " "), "KWD 1.500");
  assert.match(english.days("2026-11-24", "2026-11-26"), /^24\s*–\s*26 Nov/u);
});
