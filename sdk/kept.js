// What this device keeps of the purchases it has begun. The names say whose they are and of what: two tabs that want the same
// thing find the same record.

/** @import { Kept, World } from "./contract.d.ts" */

const PREFIX = "hawker.buy.";
/** The server forgets an open checkout long before this. */
const KEPT_MS_MAX = 24 * 3600_000;
/** For so long after a sale the same tap in another tab shows the receipt instead of buying a second time. */
const DONE_MS_MAX = 120_000;

/** @param {string} key @param {string} lines */
export const nameOf = (key, lines) => `${PREFIX}${key}.${lines}`;

/** @param {World} world @param {string} name @returns {Kept | null} */
export function readKept(world, name) {
  try {
    const kept = JSON.parse(world.storage.getItem(name) ?? "null");
    const old = world.now() - kept.made > KEPT_MS_MAX || (kept.done && world.now() - kept.done > DONE_MS_MAX);
    return old ? null : kept;
  } catch {
    return null;
  }
}

/** Purchases that can be gone on with. @param {World} world @param {string} key @param {string[]} names all names in the storage */
export function openPurchases(world, key, names) {
  return names.filter((name) => name.startsWith(nameOf(key, ""))).flatMap((name) => {
    const kept = readKept(world, name);
    return kept && !kept.done && kept.until && Date.parse(kept.until) > world.now() ? [kept] : [];
  });
}
