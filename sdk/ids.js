// Ids as the server knows them: a prefix and 26 letters of Crockford base32 that spell a UUIDv7. The device makes the id of
// a checkout itself, because an id the server made would be lost together with its first answer.

const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * A UUIDv7: 48 bits of time, so that ids sort by age, then chance.
 * @param {number} now
 * @param {(bytes: Uint8Array) => Uint8Array} random
 */
export function uuid7(now, random) {
  const bytes = random(new Uint8Array(16));
  for (let at = 5, rest = now; at >= 0; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes;
}

/** @param {Uint8Array} bytes */
export function uuidText(bytes) {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * @param {string} prefix
 * @param {Uint8Array} bytes
 */
export function typeId(prefix, bytes) {
  let rest = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  for (let letter = 0; letter < 26; letter++, rest >>= 5n) text = LETTERS[Number(rest & 31n)] + text;
  return `${prefix}_${text}`;
}
