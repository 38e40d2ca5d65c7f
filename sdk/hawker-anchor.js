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
.card{display:grid;grid-template-columns:auto 1fr auto;gap:2px 12px;align-items:center;padding:8px;border-radius:calc(var(--r) + 4px);background:var(--p);box-shadow:var(--s)}
img,.blank{grid-row:1/3;width:60px;height:60px;border-radius:calc(var(--r) - 2px);object-fit:cover;background:var(--l)}
.name{align-self:end;font-weight:600;font-size:15px;line-height:1.25;overflow:hidden;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical}
.facts{grid-column:2;align-self:start;font-size:14px;line-height:1.3;color:var(--i2)}
.facts b{color:var(--i);font-weight:650}
.few{color:var(--w)}
.card .go{grid-area:1/3/3/4;min-width:76px;min-height:48px}
:host([soldout]) .go{background:none;color:var(--i);box-shadow:inset 0 0 0 1.5px var(--l)}
:host([soldout]) img{filter:grayscale(1);opacity:.7}
.pill{width:100%;min-height:52px;border-radius:26px;box-shadow:var(--s);font-size:17px}
.ask{width:auto;background:var(--p);color:var(--i);padding-inline:14px 20px;font-size:16px}
:host([done]) .ask svg{fill:currentColor}
.proof{padding:12px 14px;border-radius:calc(var(--r) + 4px);background:var(--p);box-shadow:var(--s);font-size:15px}
.proof cite{display:block;margin-top:4px;font-style:normal;font-size:14px;color:var(--i2)}
.mark{display:inline-block;padding:6px 12px;border-radius:16px;background:#000a;color:#fff;font-size:14px;font-weight:600}
`);

/** @typedef {{anchor: Anchor, voice: Voice, base: string, language: string, product: Product | null, resume: boolean, done: boolean}} AnchorView */

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
    if (!view) return;
    const stock = offered(view).stock;
    this.setAttribute("kind", view.anchor.kind);
    this.toggleAttribute("soldout", !view.resume && stock?.left === 0);
    this.toggleAttribute("done", view.done);
    // A change of stock while a finger is on its way must not replace the button under it.
    const facts = before && before.anchor === view.anchor && before.resume === view.resume && before.done === view.done
      && before.product?.id === view.product?.id && this.#root.querySelector("[data-facts]");
    if (facts) {
      facts.replaceChildren(...figures(view));
      const button = this.#root.querySelector("[data-buy]");
      if (button) button.textContent = label(view);
    } else this.#root.replaceChildren(...this.#draw(view));
  }

  /** @param {AnchorView} view @returns {Node[]} */
  #draw(view) {
    const { anchor, voice, base, product, done } = view;
    const copy = pickCopy(anchor.copy, [...voice.languages, view.language]);
    const name = copy.title || product?.title || "";
    const buy = () => request(this, "buyrequest", { anchor });
    switch (anchor.kind) {
      case "product_card": {
        const image = link(product?.image, base);
        return [el("div", { class: "card", part: "card" },
          image ? el("img", { src: image, alt: "", width: 60, height: 60 }) : el("span", { class: "blank" }),
          el("span", { class: "name", part: "name" }, name),
          el("span", { class: "facts num", part: "facts", "data-facts": true }, ...figures(view)),
          el("button", { class: "go", part: "button", "data-buy": true, "aria-label": `${label(view)}: ${name}`, onclick: buy }, label(view)))];
      }
      case "buy_button":
        return [el("button", { class: "go pill", part: "button", "data-buy": true, "aria-label": `${label(view)}: ${name}`, onclick: buy }, label(view))];
      case "ask":
        return [el("button", {
          class: "go pill ask", part: "button", "data-ask": anchor.ask, "aria-pressed": String(done), onclick: () => request(this, "askrequest", { anchor }),
        }, icon(ASK_ICONS[anchor.ask ?? "save"]), done ? voice.say("saved") : copy.label || name)];
      case "proof":
        return [el("blockquote", { class: "proof", part: "proof" }, copy.text ?? "", copy.title ? el("cite", {}, copy.title) : null)];
      default:
        return [el("span", { class: "mark", part: "mark" }, name || copy.text || "")];
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

/** @param {AnchorView} view @returns {Node[]} */
function figures(view) {
  const { price, stock } = offered(view);
  const { voice } = view;
  const few = stock?.left != null && stock.left > 0 && stock.left < FEW && voice.say("left", { n: stock.left });
  const taken = stock && stock.in_checkouts > 0 && (few || stock.left === 0) && voice.say("taken", { n: stock.in_checkouts });
  const rest = [few, taken].filter(Boolean).join(", ");
  return [price && el("b", {}, voice.money(price)), rest && ` · ${rest}`].filter((part) => !!part)
    .map((part) => (typeof part === "string" ? document.createTextNode(part) : /** @type {Node} */ (part)));
}

customElements.define("hawker-anchor", HawkerAnchor);
