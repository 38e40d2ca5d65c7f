// The one place of the player that talks to the shop. It listens at the document for what elements ask for (`cliprequest`,
// `buyrequest`, `checkoutact`, `askrequest`, `beacon`), holds what is known, and hands it down as views. One store a shop.

import { Api, Beacons, openPurchases, parseAnchors, Purchase, visitId } from "./core.js";
import { link, pageLanguage, remember } from "./dom.js";
import { findVoice } from "./words.js";

/** @import { Anchor, Availability, Clip, Keep, Kept, Product, Wish, World } from "./contract.d.ts" */
/** @import { HawkerClip } from "./hawker-clip.js" */
/** @import { HawkerSheet } from "./hawker-sheet.js" */
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

/** @type {World} */
const world = {
  storage: local,
  now: () => Date.now(),
  random: (bytes) => crypto.getRandomValues(/** @type {Uint8Array<ArrayBuffer>} */ (bytes)),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  // Locks exist only on secure pages; elsewhere two taps within the same millisecond may race, and the server decides.
  lock: async (name, work) => (navigator.locks ? navigator.locks.request(name, work) : work()),
};

/** @type {any} */
const { globalPrivacyControl, doNotTrack } = navigator;
const followed = !globalPrivacyControl && doNotTrack !== "1";

const loadSheet = () => import("./hawker-sheet.js");

/** @typedef {{element: HawkerClip, clip: Clip | null, country: string}} Mounted */

class Shop {
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
  /** @type {Map<string, Purchase>} */
  purchases = new Map();
  /** @type {Set<string>} */
  asked = new Set(JSON.parse(local.getItem("hawker.asked") ?? "[]"));
  /** @type {Map<string, Kept>} purchases that were begun, by variant */
  resume = new Map();
  /** @type {HawkerSheet | null} */
  sheet = null;
  /** @type {{purchase: Purchase | null, product: Product | null, anchor: Anchor | null, at_ms: number, mounted: Mounted} | null} what the sheet is about */
  open = null;
  /** Given in this page only; names and addresses are never kept. */
  contact = "";
  /** @type {Record<string, string>} */
  address = {};
  /** A finished step the buyer has gone back to. @type {"contact" | "address" | null} */
  editing = null;
  /** @type {Window | null} */
  bank = null;
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
    for (const product of products) if (product) this.products.set(product.id, product);
    this.paint();
    this.follow();
    this.pickUp(mounted);
    // The sheet is fetched before it is wanted, but after everything the eye waits for.
    if (wanted.size) setTimeout(loadSheet, 1500);
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
    this.draw();
  }

  /** Follows the stock of all that is on the page, in one stream. */
  follow() {
    const variants = [...this.products.values()].flatMap((product) => product.variants.map(({ id }) => id)).sort();
    if (!variants.length || variants.join() === this.#variants) return;
    this.#variants = variants.join();
    this.#live.abort();
    this.#live = new AbortController();
    void this.api.live(variants, ({ variant, left, in_checkouts }) => this.stock(variant, { left, in_checkouts }), this.#live.signal, world.sleep);
  }

  /** @param {string} id @param {Availability} availability */
  stock(id, availability) {
    for (const [key, product] of this.products) {
      if (!product.variants.some((variant) => variant.id === id)) continue;
      const variants = product.variants.map((variant) => (variant.id === id ? { ...variant, availability } : variant));
      this.products.set(key, { ...product, variants });
    }
    if (this.open?.product) this.open.product = this.products.get(this.open.product.id) ?? null;
    this.paint();
  }

  // ---- buying

  /** A reload in the middle of a purchase goes on where it was. @param {Mounted} mounted */
  pickUp(mounted) {
    const lines = session.getItem("hawker.open");
    const kept = openPurchases(world, this.key, local.names()).find(({ wish }) => wish.lines === lines && wish.clip === mounted.clip?.id);
    if (!kept || this.open) return;
    this.goOn(mounted, kept);
  }

  /** @param {Mounted} mounted @param {Kept} kept */
  goOn(mounted, { wish: { anchor: id, product, variant, at_ms = 0 } }) {
    const anchor = mounted.clip?.anchors?.find((one) => one.id === id) ?? null;
    void this.begin({ mounted, anchor, product: this.products.get(product ?? "") ?? null, purchase: null, at_ms }, variant);
  }

  /** @param {Mounted} mounted @param {Anchor} [anchor] nothing for what was begun before */
  tap(mounted, anchor) {
    const kept = this.resume.values().next().value;
    if (!anchor) return kept && this.goOn(mounted, kept);
    const at_ms = mounted.element.at_ms;
    this.tell(mounted, { kind: "tap", anchor: anchor.id, at_ms });
    const product = this.products.get(anchor.product ?? "") ?? null;
    const held = product?.variants.find(({ id }) => this.resume.has(id));
    const only = product?.variants.length === 1 ? product.variants[0].id : null;
    const variant = anchor.variant ?? held?.id ?? only;
    if (this.base !== location.origin) return this.away(mounted, variant, product);
    void this.begin({ mounted, anchor, product, purchase: null, at_ms }, variant);
  }

  /** On somebody else's page the shop's own checkout opens in a window of its own. @param {Mounted} mounted @param {string | null | undefined} variant @param {Product | null} product */
  away({ clip }, variant, product) {
    const page = variant ? new URL(`../checkout?lines=${variant}:1`, link(clip?.page_url, this.base) ?? this.base).href : link(product?.page_url, this.base);
    window.open(page ?? this.base, "hawker-checkout", "popup,width=460,height=820");
  }

  /** @param {NonNullable<Shop["open"]>} open @param {string | null | undefined} variant */
  async begin(open, variant) {
    this.open = open;
    open.mounted.element.toggleAttribute("quiet", true);
    if (variant) this.buy(variant);
    this.sheet ??= document.body.appendChild(new (await loadSheet()).HawkerSheet());
    this.draw();
    this.sheet.show(open.mounted.element.getBoundingClientRect());
  }

  /** @param {string} variant */
  buy(variant) {
    const open = this.open;
    if (!open) return;
    const lines = `${variant}:1`;
    const { clip, country } = open.mounted;
    /** @type {Wish} */
    const wish = { lines, country, clip: clip?.id, version: clip?.version, anchor: open.anchor?.id, at_ms: open.at_ms, product: open.product?.id, variant };
    const purchase = this.purchases.get(lines) ?? new Purchase(world, (...call) => this.api.ask(...call), this.key, wish, (one, what) => this.heard(one, what));
    purchase.wish = wish;
    this.purchases.set(lines, purchase);
    open.purchase = purchase;
    session.setItem("hawker.open", lines);
    void purchase.start();
  }

  /** @param {Purchase} purchase @param {"changed" | "add" | "purchase"} what */
  heard(purchase, what) {
    const mounted = this.open?.mounted;
    if (what !== "changed" && mounted) return this.tell(mounted, { kind: what, anchor: purchase.wish.anchor, at_ms: purchase.wish.at_ms });
    if (purchase.state.step !== "bank") {
      this.bank?.close();
      this.bank = null;
    }
    if (purchase === this.open?.purchase) this.draw();
  }

  draw() {
    const { open, sheet, voice } = this;
    if (!open || !sheet || !voice) return;
    const now = open.purchase?.state ?? null;
    const state = now && this.editing ? { ...now, step: this.editing } : now;
    const variant = open.purchase?.wish.variant ?? null;
    const anchors = open.mounted.clip?.anchors ?? [];
    const asks = anchors.filter(({ kind }) => kind === "ask");
    const others = [...new Set(anchors.flatMap(({ product }) => this.products.get(product ?? "") ?? []))];
    sheet.view = {
      voice, base: this.base, state, product: open.product, variant, contact: this.contact, address: this.address, country: open.mounted.country,
      language: open.mounted.clip?.language ?? "en", ahead: this.api.ahead,
      stock: open.product?.variants.find(({ id }) => id === variant)?.availability ?? null,
      ask: asks.find(({ start_ms }) => start_ms >= (open.anchor?.start_ms ?? 0)) ?? asks[0] ?? null,
      asked: asks.some(({ id }) => this.asked.has(id)),
      others: others.filter((one) => one.id !== open.product?.id && one.variants.some(({ availability }) => availability.left !== 0)),
    };
  }

  /** What the buyer does in the sheet. @param {any} detail */
  act({ act, details, payment, variant, country, product, anchor, opened, step }) {
    const { open } = this;
    const purchase = open?.purchase;
    if (!open) return;
    switch (act) {
      case "choose": return this.buy(variant);
      case "edit":
        this.editing = step;
        return this.draw();
      case "details":
        if (details.contact) this.contact = details.contact.email ?? details.contact.phone;
        if (details.address) {
          this.address = details.address;
          remember("country", details.address.country);
        }
        return purchase?.details(details).then(() => {
          // What the server complains about is shown where it was typed.
          if (!purchase.state.errors.length) this.editing = null;
          this.draw();
        });
      case "pay": return purchase?.pay({ ...payment, return_url: location.href });
      case "accept": return purchase?.accept();
      case "refuse": return purchase?.refuse();
      case "refresh": return purchase?.refresh();
      case "cancel": return purchase?.cancel();
      case "again": return purchase && this.buy(purchase.wish.variant ?? "");
      case "country":
        open.mounted.country = country;
        remember("country", country);
        return purchase && this.buy(purchase.wish.variant ?? "");
      case "ask": return this.ask(open.mounted, anchor);
      case "other": {
        const other = this.products.get(product) ?? null;
        const next = open.mounted.clip?.anchors?.find((one) => one.product === product) ?? null;
        this.open = { ...open, product: other, anchor: next, purchase: null };
        if (other?.variants.length === 1) this.buy(other.variants[0].id);
        return this.draw();
      }
      case "bank": return void (this.bank = opened);
      case "done": return this.sheet?.hide();
      case "close": return this.closed();
    }
  }

  closed() {
    const { open } = this;
    if (!open) return;
    open.mounted.element.removeAttribute("quiet");
    if (open.purchase?.state.step === "receipt") {
      open.purchase.forget();
      this.purchases.delete(open.purchase.wish.lines);
    }
    this.open = this.editing = null;
    session.removeItem("hawker.open");
    this.paint();
    open.mounted.element.focus({ preventScroll: true });
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
    if (path.includes(/** @type {EventTarget} */ (shop.sheet)) && shop.open) return [shop, shop.open.mounted];
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
hear("checkoutact", (shop, _, detail) => void shop.act(detail));
hear("beacon", (shop, mounted, event) => shop.tell(mounted, event));

const leave = () => document.visibilityState === "hidden" && Shop.all.forEach((shop) => shop.flush(true));
document.addEventListener("visibilitychange", leave);
addEventListener("pagehide", () => Shop.all.forEach((shop) => shop.flush(true)));
// The network is back, or the buyer is: no need to wait for the next try.
const nudge = () => Shop.all.forEach((shop) => shop.purchases.forEach((purchase) => purchase.nudge()));
addEventListener("online", nudge);
addEventListener("focus", nudge);
// Another tab of the same viewer went on with the same purchase.
addEventListener("storage", (event) => Shop.all.forEach((shop) => {
  shop.purchases.forEach((purchase) => event.key === purchase.name && event.newValue && void purchase.refresh());
  if (event.key?.startsWith("hawker.buy.")) shop.paint();
}));
