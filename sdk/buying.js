// The part of the store that sells: it turns taps into purchases, shows them in the sheet and hears what the buyer does there.
// Fetched when somebody is about to buy, so that watching costs no more than watching.

import { Purchase } from "./core.js";
import { link, remember } from "./dom.js";
import { HawkerSheet } from "./hawker-sheet.js";

/** @import { Anchor, Keep, World } from "./contract.d.ts" */
/** @import { Mounted, Shop } from "./shop-store.js" */
/** @typedef {{purchase: Purchase | null, product: string | null, anchor: Anchor | null, at_ms: number, mounted: Mounted}} Open what the sheet is about */

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
    addEventListener("storage", ({ key, newValue }) => this.purchases.forEach((purchase) => key === purchase.name && newValue && void purchase.refresh()));
  }

  /** @param {Open} open @param {string | null | undefined} variant */
  begin(open, variant) {
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
    const { clip, country } = mounted;
    const lines = `${variant}:1`;
    const wish = { lines, country, clip: clip?.id, version: clip?.version, anchor: anchor?.id, at_ms, product: product ?? undefined, variant };
    const purchase = this.purchases.get(lines) ?? new Purchase(this.world, (...call) => shop.api.ask(...call), shop.key, wish, (one, what) => {
      if (what === "changed") this.changed(one);
      else shop.tell(mounted, { kind: what, anchor: one.wish.anchor, at_ms: one.wish.at_ms });
    });
    purchase.wish = wish;
    open.purchase = purchase;
    this.purchases.set(lines, purchase);
    this.session.setItem("hawker.open", lines);
    void purchase.start();
  }

  /** @param {Purchase} purchase */
  changed(purchase) {
    const { step, left, busy } = purchase.state;
    // A refusal knows better than what the page was told before; what comes free after it is news.
    if (step === "sold_out" && busy) this.shop.stock(purchase.wish.variant ?? "", { left });
    if (step !== "bank") this.bank?.close();
    if (purchase === this.open?.purchase) this.draw();
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
      contact: this.contact, address: this.address, country, language: clip?.language ?? "en", ahead: shop.api.ahead,
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
