import assert from "node:assert/strict";
import { test } from "node:test";
import { typeId, uuid7, uuidText } from "../core.js";

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));

test("an id is spelled as the TypeID specification spells it", () => {
  // The first pair is from the specification's own list of valid ids.
  assert.equal(typeId("prefix", bytesOf("0188bac74afa78aa97bf1bdfe0d8ed1e")).slice(7).length, 26);
  for (const [hex, text] of [
    ["00000000000000000000000000000000", "00000000000000000000000000"],
    ["00000000000000000000000000000001", "00000000000000000000000001"],
    ["0000000000000000000000000000000a", "0000000000000000000000000a"],
    ["00000000000000000000000000000010", "0000000000000000000000000g"],
    ["00000000000000000000000000000020", "00000000000000000000000010"],
    ["ffffffffffffffffffffffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"],
    ["0110c8531d0952d8d73e1194e95b5f19", "0123456789abcdefghjkmnpqrs"],
  ]) assert.equal(typeId("chk", bytesOf(hex)), `chk_${text}`);
});

test("a UUIDv7 carries its time, its version and its variant", () => {
  const now = Date.UTC(2026, 10, 21, 12);
  const bytes = uuid7(now, (room) => room.fill(0xff));
  const text = uuidText(bytes);
  assert.match(text, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(parseInt(text.replace("-", "").slice(0, 12), 16), now);
});

test("ids sort by age", () => {
  const at = (now) => typeId("chk", uuid7(now, (room) => crypto.getRandomValues(room)));
  const made = [1, 2, 1_000, 1_700_000_000_000, 1_700_000_000_001].map(at);
  assert.deepEqual(made.toSorted(), made);
});
