// The part of the store that sells: it turns taps into purchases, shows them in the sheet and hears what the buyer does there.
// Fetched when somebody is about to buy, so that watching costs no more than watching.

import { Purchase } from "./core.js";
import { link, remember } from "./dom.js";
import { HawkerSheet } from "./hawker-sheet.js";

/** @import { Anchor, Keep, Next, Product, StoredMethod, Wish, World } from "./contract.d.ts" */
/** @import { Mounted, Shop } from "./shop-store.js" */
/** @typedef {{purchase: Purchase, product: Product, method: StoredMethod}} More one more thing, priced with the card that has just paid */
/** @typedef {{purchase: Purchase | null, product: string | null, anchor: Anchor | null, at_ms: number, mounted: Mounted, method?: StoredMethod | null, more?: More | null}} Open what the sheet is about */

/** The shop says with it that this browser holds a secret; the secret itself no script can see. */
const KEPT = "__Host-hawker-kept=1";

export class Buying {
  /** @type {Map<string, Purchase>} */
  purchases = new Map();
  /** @type {Open | null} */
  open = null;
  /** Given in this page only; names and addresses are never kept. */
  contact = "";
  /** @type {Record<string, string>} */
  address = {};
  /** A finished step the buyer has gone back to. @type {"contact" | "address" | null} */
  editing = null;
  /** The bank's window. @type {Window | null} */
  bank = null;
  /** Cards this browser had kept. @type {StoredMethod[]} */
  methods = [];
  sheet = document.body.appendChild(new HawkerSheet());

  /** @param {Shop} shop @param {World} world @param {Keep} session */
  constructor(shop, world, session) {
    this.shop = shop;
    this.world = world;
    this.session = session;
    this.sheet.addEventListener("checkoutact", (event) => void this.act(/** @type {CustomEvent} */ (event).detail));
    // The network is back, or the buyer is: no need to wait for the next try.
    const nudge = () => this.purchases.forEach((purchase) => purchase.nudge());
    addEventListener("online", nudge);
    addEventListener("focus", nudge);
    this.loaded = this.load();
    addEventListener("storage", ({ key, newValue }) => this.purchases.forEach((purchase) => key === purchase.name && newValue && void purchase.refresh()));
  }

  /** Asks which cards were kept, where there may be any. */
  async load() {
    this.methods = document.cookie.includes(KEPT) ? (await this.shop.read("/v1/stored-methods"))?.data ?? [] : [];
  }

  /** @param {Open} open @param {string | null | undefined} variant */
  async begin(open, variant) {
    // Which cards were kept is worth a moment, and no more: without an answer the buyer types.
    await Promise.race([this.loaded, this.world.sleep(1500)]);
    this.open = open;
    if (variant) this.buy(variant);
    this.draw();
    this.sheet.show(open.mounted.element.getBoundingClientRect());
  }

  /** @param {string} variant */
  buy(variant) {
    const { open, shop } = this;
    if (!open) return;
    const { mounted, product, anchor, at_ms } = open;
    const lines = `${variant}:1`;
    const purchase = this.purchase({ lines, anchor: anchor?.id, at_ms, product: product ?? undefined, variant }, mounted);
    // A card that was kept pays for parcels to its own address, and for what does not travel.
    const travels = shop.products.get(product ?? "")?.kind !== "digital";
    const method = shop.resume.has(variant) ? null : this.methods.find(({ address }) => address || !travels);
    open.purchase = purchase;
    this.session.setItem("hawker.open", lines);
    this.with(open, method);
    void (method ? purchase.price() : purchase.start());
  }

  /** @param {Partial<Wish> & {lines: string}} wish @param {Mounted} mounted */
  purchase(wish, mounted) {
    const { shop } = this;
    const { clip, country } = mounted;
    const whole = { country, clip: clip?.id, version: clip?.version, ...wish };
    const purchase = this.purchases.get(wish.lines) ?? new Purchase(this.world, (...call) => shop.api.ask(...call), shop.key, whole, (one, what) => {
      if (what === "changed") this.changed(one);
      else shop.tell(mounted, { kind: what, anchor: one.wish.anchor, at_ms: one.wish.at_ms });
    });
    purchase.wish = whole;
    this.purchases.set(wish.lines, purchase);
    return purchase;
  }

  /** What a kept card says is what the buyer would type. @param {Open} open @param {StoredMethod | null | undefined} method */
  with(open, method) {
    open.method = method ?? null;
    if (!method || !open.purchase) return;
    this.contact = method.contact.email ?? method.contact.phone ?? "";
    if (method.address) this.address = method.address;
    open.purchase.wish = { ...open.purchase.wish, country: method.address?.country ?? open.purchase.wish.country };
  }

  /** Prices what the clip shows next, for the card that has just paid. @param {Open} open @param {Next} next */
  async next(open, { product: id, variant, stored }) {
    open.more = null;
    await (this.loaded = this.load());
    const product = this.shop.products.get(id);
    const method = this.methods.find((one) => one.id === stored);
    if (!product || !method) return;
    const country = method.address?.country ?? open.mounted.country;
    const purchase = this.purchase({ lines: `${variant}:1`, product: id, variant, country }, open.mounted);
    await purchase.price();
    if (purchase.state.step === "one_tap") open.more = { purchase, product, method };
    this.draw();
  }

  /** @param {Purchase} purchase */
  changed(purchase) {
    const { step, left, busy } = purchase.state;
    // A refusal knows better than what the page was told before; what comes free after it is news.
    if (step === "sold_out" && busy) this.shop.stock(purchase.wish.variant ?? "", { left });
    if (step !== "bank") this.bank?.close();
    const { open } = this;
    if (purchase !== open?.purchase) return;
    const next = purchase.state.checkout?.order?.next;
    if (step === "receipt" && next && open.more === undefined) void this.next(open, next);
    this.draw();
  }

  draw() {
    const { open, shop, editing } = this;
    if (!open || !shop.voice) return;
    const now = open.purchase?.state ?? null;
    const variant = open.purchase?.wish.variant ?? null;
    const product = shop.products.get(open.product ?? "") ?? null;
    const { clip, country } = open.mounted;
    const anchors = clip?.anchors ?? [];
    const asks = anchors.filter(({ kind }) => kind === "ask");
    const others = new Set(anchors.flatMap((anchor) => shop.products.get(anchor.product ?? "") ?? []));
    this.sheet.view = {
      voice: shop.voice, base: shop.base, state: now && editing ? { ...now, step: editing } : now, product, variant,
      contact: this.contact, address: this.address, method: open.method ?? null, more: open.more ?? null, country, language: clip?.language ?? "en", ahead: shop.api.ahead,
      stock: product?.variants.find(({ id }) => id === variant)?.availability ?? null,
      ask: asks.find(({ start_ms }) => start_ms >= (open.anchor?.start_ms ?? 0)) ?? asks[0] ?? null, asked: asks.some(({ id }) => shop.asked.has(id)),
      others: [...others].filter((other) => other !== product && other.variants.some(({ availability }) => availability.left !== 0)),
    };
  }

  /** What the buyer does in the sheet. @param {any} detail */
  act({ act, details, payment, variant, country, product, anchor, opened, step }) {
    const { open, shop } = this;
    const purchase = open?.purchase;
    if (!open) return;
    switch (act) {
      case "choose": return this.buy(variant);
      case "edit": return this.edit(step);
      case "details":
        if (details.contact) this.contact = details.contact.email ?? details.contact.phone;
        if (details.address) {
          this.address = details.address;
          remember("country", details.address.country);
        }
        // What the server complains about is shown where it was typed.
        return purchase?.details(details).then(() => purchase.state.errors.length || this.edit(null));
      // The bank sends back to the clip's own page: the shop refuses any address that is not its own.
      case "pay": return purchase?.pay({ ...payment, return_url: link(open.mounted.clip?.page_url, shop.base) });
      case "take": return this.take(open, {});
      case "more": {
        const { more, purchase: first } = open;
        const after = first?.state.checkout?.id;
        if (!more) return;
        // The receipt was read: what comes now is a purchase of its own.
        first?.forget();
        Object.assign(open, { purchase: more.purchase, product: more.product.id, method: more.method, more: undefined, anchor: null });
        return this.take(open, { after });
      }
      case "type":
        open.method = null;
        return purchase?.start();
      case "forget":
        return void this.forget(open);
      case "accept": return purchase?.accept();
      case "refuse": return purchase?.refuse();
      case "refresh": return purchase?.refresh();
      case "again": return purchase && this.buy(purchase.wish.variant ?? "");
      case "country":
        open.mounted.country = country;
        remember("country", country);
        return purchase && this.buy(purchase.wish.variant ?? "");
      case "ask": return shop.ask(open.mounted, anchor);
      case "other": {
        this.open = { ...open, product, anchor: open.mounted.clip?.anchors?.find((one) => one.product === product) ?? null, purchase: null };
        const variants = shop.products.get(product)?.variants ?? [];
        if (variants.length === 1) this.buy(variants[0].id);
        return this.draw();
      }
      case "bank": return void (this.bank = opened);
      case "done": return this.sheet.hide();
      case "close": return this.closed(open);
    }
  }

  /** One tap with the kept card. @param {Open} open @param {{after?: string}} more */
  take({ purchase, method, mounted }, more) {
    if (!purchase || !method) return;
    return purchase.take({ payment: { method: "card", stored: method.id }, return_url: link(mounted.clip?.page_url, this.shop.base), ...more });
  }

  /** @param {Open} open */
  async forget(open) {
    const { method, purchase } = open;
    if (!method) return;
    await this.shop.api.ask("DELETE", `/v1/stored-methods/${method.id}`).catch(() => null);
    await (this.loaded = this.load());
    this.contact = "";
    this.address = {};
    if (!this.methods.some(({ id }) => id === method.id)) {
      open.method = null;
      void purchase?.start();
    }
  }

  /** @param {"contact" | "address" | null} step */
  edit(step) {
    this.editing = step;
    this.draw();
  }

  /** The reservation stays until it runs out; only a receipt that was read is over. @param {Open} open */
  closed({ mounted, purchase }) {
    this.open = this.editing = null;
    this.session.removeItem("hawker.open");
    if (purchase?.state.step === "receipt") purchase.forget();
    mounted.element.toggleAttribute("quiet", false);
    // The dialog gives the focus back to the card; if that is gone, its clip is the nearest thing.
    if (document.activeElement !== mounted.element) mounted.element.focus({ preventScroll: true });
    this.shop.paint();
  }
}
