// The one place of the player that talks to the shop. It listens at the document for what elements ask for (`cliprequest`,
// `buyrequest`, `checkoutact`, `askrequest`, `beacon`), holds what is known, and hands it down as views. One store a shop.

import { Api } from "./api.js";
import { Beacons, visitId } from "./beacons.js";
import { link, pageLanguage, remember } from "./dom.js";
import { openPurchases } from "./kept.js";
import { parseAnchors } from "./timeline.js";
import { findVoice } from "./words.js";

/** @import { Buying, Open } from "./buying.js" */
/** @import { Anchor, Availability, Clip, Keep, Kept, Product, World } from "./contract.d.ts" */
/** @import { HawkerClip } from "./hawker-clip.js" */
/** @import { Voice } from "./words.js" */

/** A storage that may be forbidden: then a purchase still lives as long as the page. @param {() => Storage} find @returns {Keep & {names: () => string[]}} */
function keep(find) {
  const memory = new Map();
  /** @template T @param {(storage: Storage) => T} use @param {() => T} [instead] */
  const attempt = (use, instead) => {
    try {
      return use(find());
    } catch {
      return /** @type {T} */ (instead?.());
    }
  };
  return {
    getItem: (name) => memory.get(name) ?? attempt((storage) => storage.getItem(name), () => null),
    setItem: (name, value) => attempt((storage) => storage.setItem(name, value), () => void memory.set(name, value)),
    removeItem: (name) => attempt((storage) => storage.removeItem(name), () => void memory.delete(name)),
    names: () => attempt((storage) => Object.keys(storage), () => []).concat(...memory.keys()),
  };
}

const local = keep(() => localStorage);
const session = keep(() => sessionStorage);

/** @param {number} ms @returns {Promise<void>} */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @type {World} */
const world = {
  storage: local,
  now: () => Date.now(),
  random: (bytes) => crypto.getRandomValues(/** @type {Uint8Array<ArrayBuffer>} */ (bytes)),
  sleep,
  // Locks exist only on secure pages; elsewhere two taps within the same millisecond may race, and the server decides.
  // What one tab has stored another sees a moment later, even under a lock: whoever worked goes on at once and keeps others out that long.
  lock: (name, work) => new Promise((resolve) => {
    const held = () => (resolve(work()), sleep(200));
    navigator.locks?.request(name, held) ?? held();
  }),
};

/** @type {any} */
const { globalPrivacyControl, doNotTrack } = navigator;
const followed = !globalPrivacyControl && doNotTrack !== "1";

const loadBuying = () => import("./buying.js");

/** @typedef {{element: HawkerClip, clip: Clip | null, country: string}} Mounted */

export class Shop {
  /** @type {Map<string, Shop>} */
  static all = new Map();

  /** @param {string | null} src @param {string} key */
  static of(src, key) {
    const base = new URL(src ?? "/", document.baseURI).origin;
    const name = `${base} ${key}`;
    const shop = Shop.all.get(name) ?? new Shop(base, key);
    Shop.all.set(name, shop);
    return shop;
  }

  /** @type {Set<Mounted>} */
  mounted = new Set();
  /** @type {Map<string, Product>} */
  products = new Map();
  /** @type {Set<string>} */
  asked = new Set(JSON.parse(local.getItem("hawker.asked") ?? "[]"));
  /** @type {Map<string, Kept>} purchases that were begun, by variant */
  resume = new Map();
  /** What happens in the sheet; fetched when somebody is about to buy. @type {Promise<Buying> | null} */
  buying = null;
  #live = new AbortController();
  #variants = "";
  /** @type {Promise<Voice> | null} */
  #voice = null;
  /** @type {Voice | null} */
  voice = null;

  /** @param {string} base @param {string} key */
  constructor(base, key) {
    this.base = base;
    this.key = key;
    this.api = new Api(base, key, (...call) => fetch(...call), world.now);
    this.beacons = new Beacons({
      key, now: world.now, random: world.random, visit: followed ? () => visitId(session, world.now(), world.random) : null,
      send: (batch, leaving) => this.api.beacon(batch, leaving ? (url, body) => navigator.sendBeacon(url, body) : null),
    });
    setInterval(() => this.flush(false), 10_000);
  }

  /** @param {boolean} leaving */
  flush(leaving) {
    for (const { element } of this.mounted) element.flush();
    void this.beacons.flush(leaving);
  }

  // ---- clips

  /** @param {HawkerClip} element @param {{clip: string, country: string | null, lang: string}} wanted */
  async mount(element, { clip: id, country, lang }) {
    const region = navigator.languages.map((tag) => new Intl.Locale(tag).region).find(Boolean) ?? "DE";
    /** @type {Mounted} */
    const mounted = { element, clip: null, country: remember("country") ?? country ?? region };
    this.mounted.add(mounted);
    this.#voice ??= findVoice(lang, navigator.languages);
    const [answer, voice] = await Promise.all([this.read(`/v1/clips/${id}`), this.#voice]);
    this.voice = voice;
    const clip = /** @type {Clip | null} */ (answer);
    // Without the clip the page keeps what it had: the poster and its link.
    if (!clip || !element.isConnected) return;
    clip.anchors ??= await this.anchors(clip);
    mounted.clip = clip;
    this.paint();
    const wanted = new Set(clip.anchors.flatMap(({ product }) => product ?? []));
    const products = await Promise.all([...wanted].filter((product) => !this.products.has(product)).map((product) => this.read(`/v1/products/${product}`)));
    for (const product of products) {
      // What has no price in the shop's currency cannot be bought here.
      if (product) this.products.set(product.id, { ...product, variants: product.variants.filter((/** @type {any} */ { price }) => price) });
    }
    this.paint();
    this.follow();
    this.pickUp(mounted);
    // The sheet is fetched before it is wanted, but after everything the eye waits for.
    if (wanted.size) setTimeout(loadBuying, 1500);
  }

  /** @param {string} path */
  async read(path) {
    const answer = await this.api.ask("GET", path).catch(() => null);
    return answer?.status === 200 ? answer.body : null;
  }

  /** @param {Clip} clip */
  async anchors(clip) {
    const answer = await fetch(link(clip.anchors_src, this.base) ?? "").catch(() => null);
    return answer?.ok ? parseAnchors(await answer.text()) : [];
  }

  /** Hands down what is known. */
  paint() {
    this.resume = new Map(openPurchases(world, this.key, local.names()).map((kept) => [kept.wish.variant ?? "", kept]));
    for (const { element, clip } of this.mounted) {
      if (clip && this.voice) element.view = { clip, products: this.products, voice: this.voice, base: this.base, resume: this.resume, asked: this.asked };
    }
    void this.buying?.then((buying) => buying.draw());
  }

  /** Follows the stock of all that is on the page, in one stream; the server takes a hundred variants. */
  follow() {
    const variants = [...this.products.values()].flatMap((product) => product.variants.map(({ id }) => id)).sort().slice(0, 100).join();
    if (!variants || variants === this.#variants) return;
    this.rest();
    this.#variants = variants;
    this.#live = new AbortController();
    // Pages that a restart cut off together must not all come back together.
    void this.api.live(variants, ({ variant, ...stock }) => this.stock(variant, stock), this.#live.signal, (ms) => world.sleep(ms * (1 + Math.random())));
  }

  /** A page nobody looks at gives its connection back: a browser has few for all its tabs together. */
  rest() {
    this.#live.abort();
    this.#variants = "";
  }

  /** @param {string} id @param {Partial<Availability>} availability */
  stock(id, availability) {
    for (const [key, product] of this.products) {
      const found = product.variants.find((one) => one.id === id);
      if (!found) continue;
      Object.assign(found.availability, availability);
      this.products.set(key, { ...product });
    }
    this.paint();
  }

  // ---- buying

  /** A reload in the middle of a purchase goes on where it was. @param {Mounted} mounted */
  pickUp(mounted) {
    const lines = session.getItem("hawker.open");
    const kept = openPurchases(world, this.key, local.names()).find(({ wish }) => wish.lines === lines && wish.clip === mounted.clip?.id);
    if (kept) this.goOn(mounted, kept);
  }

  /** @param {Mounted} mounted @param {Kept} kept */
  goOn(mounted, { wish: { anchor: id, product, variant, at_ms = 0 } }) {
    const anchor = mounted.clip?.anchors?.find((one) => one.id === id) ?? null;
    void this.begin({ mounted, anchor, product: product ?? null, purchase: null, at_ms }, variant);
  }

  /** @param {Mounted} mounted @param {Anchor} [anchor] nothing for what was begun before */
  tap(mounted, anchor) {
    const kept = [...this.resume.values()].find(({ wish }) => wish.clip === mounted.clip?.id);
    if (!anchor) return kept && this.goOn(mounted, kept);
    const at_ms = mounted.element.at_ms;
    this.tell(mounted, { kind: "tap", anchor: anchor.id, at_ms });
    const product = this.products.get(anchor.product ?? "") ?? null;
    const held = product?.variants.find(({ id }) => this.resume.has(id));
    const only = product?.variants.length === 1 ? product.variants[0].id : null;
    const variant = anchor.variant ?? held?.id ?? only;
    if (this.base !== location.origin) return this.away(mounted, variant, product);
    void this.begin({ mounted, anchor, product: anchor.product ?? null, purchase: null, at_ms }, variant);
  }

  /** On somebody else's page the shop's own checkout opens in a window of its own. @param {Mounted} mounted @param {string | null | undefined} variant @param {Product | null} product */
  away({ clip }, variant, product) {
    const page = variant ? new URL(`../checkout?lines=${variant}:1`, link(clip?.page_url, this.base) ?? this.base).href : link(product?.page_url, this.base);
    window.open(page ?? this.base, "hawker-checkout", "popup,width=460,height=820");
  }

  /** @param {Open} open @param {string | null | undefined} variant */
  async begin(open, variant) {
    this.buying ??= loadBuying().then(({ Buying }) => new Buying(this, world, session));
    open.mounted.element.toggleAttribute("quiet", true);
    await (await this.buying).begin(open, variant);
  }

  // ---- the rest

  /** @param {Mounted} mounted @param {Anchor} anchor */
  ask(mounted, anchor) {
    this.asked = new Set(this.asked).add(anchor.id);
    local.setItem("hawker.asked", JSON.stringify([...this.asked]));
    this.tell(mounted, { kind: "ask", anchor: anchor.id });
    this.paint();
  }

  /** @param {Mounted} mounted @param {import("./contract.d.ts").BeaconEvent} event */
  tell({ clip }, event) {
    if (clip) this.beacons.push({ clip: clip.id, version: clip.version, lang: this.voice?.lang ?? clip.language }, event);
  }
}

// ---- the ears, set up once when the module is loaded

/** @param {Event} event @returns {[Shop, Mounted] | null} */
function whose(event) {
  const path = event.composedPath();
  for (const shop of Shop.all.values()) {
    for (const mounted of shop.mounted) if (path.includes(mounted.element)) return [shop, mounted];
  }
  return null;
}

/** @param {string} name @param {(shop: Shop, mounted: Mounted, detail: any) => void} act */
function hear(name, act) {
  document.addEventListener(name, (event) => {
    const found = whose(event);
    if (found) act(...found, /** @type {CustomEvent} */ (event).detail);
  });
}

document.addEventListener("cliprequest", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  const element = /** @type {HawkerClip} */ (event.composedPath()[0]);
  void Shop.of(detail.src, detail.key).mount(element, { ...detail, lang: pageLanguage(element) });
});
document.addEventListener("clipgone", (event) => {
  for (const shop of Shop.all.values()) {
    for (const mounted of shop.mounted) if (mounted.element === /** @type {CustomEvent} */ (event).detail.element) shop.mounted.delete(mounted);
  }
});
hear("buyrequest", (shop, mounted, { anchor }) => shop.tap(mounted, anchor));
hear("askrequest", (shop, mounted, { anchor }) => shop.ask(mounted, anchor));
hear("beacon", (shop, mounted, event) => shop.tell(mounted, event));

document.addEventListener("visibilitychange", () => Shop.all.forEach((shop) => {
  if (document.visibilityState !== "hidden") return shop.follow();
  shop.flush(true);
  shop.rest();
}));
addEventListener("pagehide", () => Shop.all.forEach((shop) => shop.flush(true)));
// Another tab of the same viewer went on with a purchase.
addEventListener("storage", (event) => {
  if (event.key?.startsWith("hawker.buy.")) Shop.all.forEach((shop) => shop.paint());
});
