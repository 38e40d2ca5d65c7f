import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const SDK = new URL("../", import.meta.url);
const files = readdirSync(SDK).filter((name) => name.endsWith(".js"));

/** What `build.rs` leaves of a script: no JSDoc, no lines of comment. */
const served = (name) => readFileSync(new URL(name, SDK), "utf8")
  .replace(/\/\*\*.*?\*\//gs, (comment) => comment.replace(/[^\n]/g, "")).replace(/^[ \t]*\/\/.*$/gm, "").replace(/[ \t]+$/gm, "");
const weight = (names) => names.reduce((sum, name) => sum + gzipSync(served(name), { level: 9 }).length, 0);

/** What a page loads for a module: it, and all that it and they import at once. Languages are loaded one at a time. */
function loaded(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, other] of served(name).matchAll(/^(?:import|export) (?:[^;]*? from )?"\.\/([^"]+)";/gm)) loaded(other, found);
  return found;
}

test("watching a clip costs less than 20 kB, buying included less than 35", () => {
  const watching = loaded("hawker-clip.js");
  const buying = [...loaded("buying.js")].filter((name) => !watching.has(name));
  for (const lang of ["en", "de", "ar"]) {
    const player = weight([...watching, `words-${lang}.js`]);
    const all = player + weight(buying);
    assert.ok(player < 20_000, `${lang}: the player has ${player} bytes`);
    assert.ok(all < 35_000, `${lang}: the player with all it needs to sell has ${all} bytes`);
  }
});

test("no file is left out of the sum", () => {
  const summed = new Set([...loaded("hawker-clip.js"), ...loaded("buying.js"), "words-en.js", "words-de.js", "words-ar.js"]);
  assert.deepEqual(files.filter((name) => !summed.has(name)), []);
});

test("what is served is still the program", () => {
  const folder = mkdtempSync(join(tmpdir(), "hawker-served-"));
  for (const name of files) {
    const path = join(folder, name.replace(".js", ".mjs"));
    writeFileSync(path, served(name));
    execFileSync(process.execPath, ["--check", path]);
    assert.equal(served(name).split("\n").length, readFileSync(new URL(name, SDK), "utf8").split("\n").length, `${name} keeps its line numbers`);
    assert.doesNotMatch(served(name), /\/\*\*|^\s*\/\//m, name);
  }
  rmSync(folder, { recursive: true });
});

test("nothing in the player makes markup or script out of text", () => {
  for (const name of files) assert.doesNotMatch(served(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("style"/, name);
});
