// What a clip offers at a second: a product card, a buy button, an ask, a proof or a mark. It shows what it is given and sends
// `buyrequest` or `askrequest` up.

import { el, icon, link, request, shadow, styles } from "./dom.js";
import { pickCopy } from "./timeline.js";

/** @import { Anchor, Availability, Product, Variant } from "./contract.d.ts" */
/** @import { Voice } from "./words.js" */

/** Fewer than this are worth saying. */
const FEW = 25;
const ASK_ICONS = {
  save: "M6 4h12v16l-6-4-6 4z", subscribe: "M4 6h16v12H4zM4 7l8 6 8-6", alert: "M6 17V11a6 6 0 0 1 12 0v6l2 1H4zM10 21h4",
  rsvp: "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4M9 15l2 2 4-4",
};

const CSS = styles(`
:host{display:block;min-width:0}
.card{display:grid;grid-template-columns:auto 1fr auto;gap:4px 12px;align-items:center;padding:8px;border-radius:calc(var(--r) + 4px);background:var(--p);box-shadow:var(--s)}
img,.blank{grid-row:1/3;width:72px;height:72px;border-radius:calc(var(--r) - 2px);object-fit:cover;background:var(--l)}
.what{grid-row:1/3;align-self:center;min-width:0}
.name{font-weight:600;font-size:16px;line-height:1.25;overflow:hidden;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical}
.facts{font-size:14px;line-height:1.3;color:var(--i2);margin-top:2px}
.price{text-align:center;font-weight:650;font-size:17px;line-height:1.2}
.go{min-width:84px;box-shadow:inset 0 0 0 1px #fff2}
:host([soldout]) .go{background:none;color:var(--i);box-shadow:inset 0 0 0 1.5px var(--l2)}
:host([soldout]) img{filter:grayscale(1);opacity:.7}
:host([bare]) .card .go{display:none}:host([bare]) .price{grid-row:1/3}
.pill{width:100%;min-height:52px;border-radius:26px;box-shadow:var(--s);font-size:17px}
.ask{width:auto;background:var(--p);color:var(--i);padding-inline:14px 20px;font-size:16px}
:host([done]) .ask svg{fill:currentColor}
.proof{padding:12px 14px;border-radius:calc(var(--r) + 4px);background:var(--p);box-shadow:var(--s)}
.proof cite{display:block;margin-top:4px;font-style:normal;font-size:14px;color:var(--i2)}
.mark{display:inline-block;padding:6px 12px;border-radius:16px;background:#000a;color:#fff;font-size:14px;font-weight:600}
`);

/**
 * @typedef {{anchor: Anchor, voice: Voice, base: string, language: string, product: Product | null, resume: boolean, done: boolean,
 *   bare: boolean}} AnchorView `bare`: a buy button of the same product stands below
 */

const KEYS = /** @type {const} */ (["anchor", "product", "voice", "resume", "done", "bare"]);

export class HawkerAnchor extends HTMLElement {
  /** @type {AnchorView | null} */
  #view = null;
  #root = shadow(this, CSS);

  get view() {
    return this.#view;
  }

  set view(view) {
    const before = this.#view;
    this.#view = view;
    // Set with every frame of the clip; drawn when something is different.
    if (!view || (before && KEYS.every((key) => before[key] === view[key]))) return;
    const stock = offered(view).stock;
    this.setAttribute("kind", view.anchor.kind);
    this.toggleAttribute("soldout", !view.resume && stock?.left === 0);
    this.toggleAttribute("done", view.done);
    this.toggleAttribute("bare", view.bare);
    // A change of stock while a finger is on its way must not replace the button under it.
    const facts = before && before.anchor === view.anchor && before.resume === view.resume && before.done === view.done
      && before.product?.id === view.product?.id && this.#root.querySelector("[data-facts]");
    if (facts) {
      facts.textContent = left(view);
      const button = this.#root.querySelector("[data-buy]");
      if (button) button.textContent = label(view);
    } else this.#root.replaceChildren(...this.#draw(view));
  }

  /** @param {AnchorView} view @returns {Node[]} */
  #draw(view) {
    const { anchor, voice, base, product, done } = view;
    const copy = pickCopy(anchor.copy, [...voice.languages, view.language]);
    const name = copy.title || product?.title || "";
    const offer = offered(view);
    const button = (/** @type {string} */ look) => el("button", {
      class: look, part: "button", "data-buy": true, "aria-label": `${label(view)}: ${name}`, onclick: () => request(this, "buyrequest", { anchor }),
    }, label(view));
    switch (anchor.kind) {
      case "product_card": {
        const image = link(product?.image, base);
        return [el("div", { class: "card", part: "card" },
          image ? el("img", { src: image, alt: "" }) : el("span", { class: "blank" }),
          el("div", { class: "what" }, el("p", { class: "name", part: "name", dir: "auto" }, name), el("p", { class: "facts num", part: "facts", "data-facts": true }, left(view))),
          el("p", { class: "price num", part: "price" }, offer.price && voice.money(offer.price)), button("go"))];
      }
      case "buy_button":
        return [button("go pill")];
      case "ask":
        return [el("button", {
          class: "go pill ask", part: "button", "data-ask": anchor.ask, "aria-pressed": String(done), onclick: () => request(this, "askrequest", { anchor }),
        }, icon(ASK_ICONS[anchor.ask ?? "save"]), done ? voice.say("saved") : copy.label || name)];
      case "proof":
        return [el("blockquote", { class: "proof", part: "proof", dir: "auto" }, copy.text ?? "", copy.title ? el("cite", {}, copy.title) : null)];
      default:
        return [el("span", { class: "mark", part: "mark" }, copy.title || copy.label || copy.text || "")];
    }
  }
}

/** What the anchor sells: one variant, or the product's range. @param {AnchorView} view @returns {{price: Variant["price"] | null, stock: Availability | null}} */
function offered({ anchor, product }) {
  const variants = (product?.variants ?? []).filter((variant) => !anchor.variant || variant.id === anchor.variant);
  if (!variants.length) return { price: null, stock: null };
  const price = variants.map((variant) => variant.price).reduce((low, other) => (other.amount < low.amount ? other : low));
  const endless = variants.some((variant) => variant.availability.left == null);
  const left = endless ? null : variants.reduce((sum, variant) => sum + (variant.availability.left ?? 0), 0);
  return { price, stock: { left, in_checkouts: variants.reduce((sum, variant) => sum + variant.availability.in_checkouts, 0) } };
}

/** @param {AnchorView} view */
function label(view) {
  const { voice, anchor } = view;
  if (view.resume) return voice.say("resume");
  const { price, stock } = offered(view);
  if (stock?.left === 0) return voice.say("soldout");
  const own = pickCopy(anchor.copy, [...voice.languages, view.language]).label || voice.say("buy");
  return anchor.kind === "buy_button" && price ? `${own} · ${voice.money(price)}` : own;
}

/** "3 left, 2 in checkouts", where it is worth saying. @param {AnchorView} view */
function left(view) {
  const { stock } = offered(view);
  if (stock?.left == null || stock.left >= FEW) return "";
  return [stock.left && view.voice.say("left", { n: stock.left }), stock.in_checkouts && view.voice.say("taken", { n: stock.in_checkouts })].filter(Boolean).join(", ");
}

customElements.define("hawker-anchor", HawkerAnchor);
