/**
 * Looks for a number whose SHA-256 with the challenge begins with so many zero bits, and says now and then how many it tried. What is hashed fits
 * one block, so a few lines do it, faster than asking the browser for each: and also where a page is not served over https.
 */
/** @type {number[]} */
const primes = [];
for (let number = 2; primes.length < 64; number += 1) if (primes.every((prime) => number % prime)) primes.push(number);
/** The first 32 bits behind the point. @param {number} root */
const bits = (root) => ((root - Math.floor(root)) * 2 ** 32) | 0;
const START = Int32Array.from(primes.slice(0, 8), (prime) => bits(Math.sqrt(prime)));
const ROUNDS = Int32Array.from(primes, (prime) => bits(Math.cbrt(prime)));
const words = new Int32Array(64);

/** @param {number} word @param {number} by */
const turn = (word, by) => (word >>> by) | (word << (32 - by));

/** The first word of the hash of a text of at most 55 letters of ASCII. @param {string} text */
function head(text) {
  words.fill(0, 0, 16);
  const put = (/** @type {number} */ at, /** @type {number} */ byte) => (words[at >> 2] = (words[at >> 2] ?? 0) | (byte << (24 - 8 * (at & 3))));
  for (let at = 0; at < text.length; at += 1) put(at, text.charCodeAt(at));
  put(text.length, 0x80);
  words[15] = text.length * 8;
  for (let at = 16; at < 64; at += 1) {
    const early = words[at - 15] ?? 0;
    const late = words[at - 2] ?? 0;
    const low = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const high = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    words[at] = ((words[at - 16] ?? 0) + low + (words[at - 7] ?? 0) + high) | 0;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = START;
  for (let at = 0; at < 64; at += 1) {
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + (ROUNDS[at] ?? 0) + (words[at] ?? 0)) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  return (a + (START[0] ?? 0)) | 0;
}

self.onmessage = ({ data: { challenge, bits: wanted } }) => {
  for (let nonce = 0; ; nonce += 1) {
    if (Math.clz32(head(`${challenge}:${nonce}`)) >= wanted) return void self.postMessage({ nonce: String(nonce) });
    if (nonce % 20_000 === 0) self.postMessage({ tried: nonce });
  }
};
