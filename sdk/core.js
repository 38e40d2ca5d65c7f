// The player's core: everything that needs no screen. It knows no DOM and no global; storage, network, clock and chance are
// handed in, so the same files run in a browser, in React Native and under `node --test`.

export { typeId, uuid7, uuidText } from "./ids.js";
export { activeAt, parseAnchors, pickCopy } from "./timeline.js";
export { Beacons, Impressions, Watch, visitId } from "./beacons.js";
export { openPurchases } from "./kept.js";
export { Purchase } from "./purchase.js";
export { Api } from "./api.js";
