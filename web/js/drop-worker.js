/** Looks for a number whose hash with the challenge begins with so many zero bits, and says now and then how many it tried. */
const text = new TextEncoder();

/** @param {ArrayBuffer} hash */
function zeros(hash) {
  let count = 0;
  for (const byte of new Uint8Array(hash)) {
    if (byte !== 0) return count + Math.clz32(byte) - 24;
    count += 8;
  }
  return count;
}

self.onmessage = async ({ data: { challenge, bits } }) => {
  for (let from = 0; ; from += 256) {
    const hashes = [];
    for (let nonce = from; nonce < from + 256; nonce += 1) hashes.push(crypto.subtle.digest("SHA-256", text.encode(`${challenge}:${nonce}`)));
    const found = (await Promise.all(hashes)).findIndex((hash) => zeros(hash) >= bits);
    if (found >= 0) return void self.postMessage({ nonce: String(from + found) });
    if (from % 2048 === 0) self.postMessage({ tried: from });
  }
};
