/**
 * Looks for a number whose SHA-256 with the challenge begins with so many zero bits, and says now and then how many it tried. The browser hashes; asked
 * for many at once it does them side by side. A page that is not served over https has no hashing: it is said, and the buyer waits instead.
 */
const TOGETHER = 512;
const letters = new TextEncoder();

/** @param {string} text */
const hash = (text) => crypto.subtle.digest("SHA-256", letters.encode(text));

/**
 * @param {string} challenge
 * @param {number} wanted zero bits
 */
async function work(challenge, wanted) {
  for (let nonce = 0; ; nonce += TOGETHER) {
    const hashes = await Promise.all(Array.from({ length: TOGETHER }, (_, at) => hash(`${challenge}:${nonce + at}`)));
    const found = hashes.findIndex((bytes) => Math.clz32(new DataView(bytes).getUint32(0)) >= wanted);
    if (found >= 0) return void self.postMessage({ nonce: String(nonce + found) });
    if (nonce % (TOGETHER * 32) === 0) self.postMessage({ tried: nonce });
  }
}

self.onmessage = ({ data: { challenge, bits } }) => {
  if (self.isSecureContext && crypto.subtle) void work(challenge, bits).catch(() => self.postMessage({ cannot: true }));
  else self.postMessage({ cannot: true });
};
