// The sheet: from the reserved piece to the receipt over the clip that plays on. It is given a view of the purchase and
// draws it; everything the buyer does goes up as one event, `checkoutact`.

import { el, icon, link, request, shadow, still, styles } from "./dom.js";
import { pickCopy } from "./timeline.js";

/** @import { Anchor, Availability, Delivery, Product, PurchaseState, Quote, StoredMethod } from "./contract.d.ts" */
/** @import { More } from "./buying.js" */
/** @import { Voice, Words } from "./words.js" */

const CLOSE = "M6 6l12 12M18 6L6 18";
const VAN = "M2 6h12v10H2zM14 10h4l4 3v3h-8M6 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z";
const BACK = "M9 6L4 11l5 5M4 11h10a6 6 0 0 1 0 9h-3";
const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const TEST_CARDS = /** @type {const} */ (["tok_visa", "tok_declined", "tok_stolen", "tok_3ds", "tok_timeout", "tok_slow"]);
const COUNTRIES = "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK US CA AU NZ JP KR SG AE SA EG MA TR IL IN MX BR".split(" ");
const WITH_REGION = "US CA AU BR IN MX JP IT ES AE".split(" ");

const CSS = styles(`
dialog{position:fixed;inset:auto 0 0;width:100%;max-width:none;max-height:88dvh;margin:0;padding:0;border:0;border-radius:20px 20px 0 0;background:var(--p);color:var(--i);box-shadow:var(--s);overflow:hidden;flex-direction:column}
dialog[open]{display:flex;animation:up .19s cubic-bezier(.2,.8,.2,1)}
dialog::backdrop{background:linear-gradient(#0000 30%,#0007)}
@keyframes up{from{transform:translateY(60%);opacity:.4}}
@media(min-width:760px){dialog{inset:auto var(--end,24px) var(--low,24px) auto;width:420px;max-height:calc(100dvh - 48px);border-radius:20px}dialog::backdrop{background:none}.grip{visibility:hidden}
@keyframes up{from{transform:translateY(24px);opacity:0}}}
header{display:grid;grid-template-columns:auto 1fr auto;gap:0 12px;align-items:center;padding:0 20px 12px;padding-inline-end:8px;touch-action:none}
.grip{grid-column:1/-1;justify-self:center;width:36px;height:4px;margin:8px 0;border-radius:2px;background:var(--l2);opacity:.5}
img,.thumb{display:block;width:48px;height:48px;border-radius:8px;object-fit:cover;background:var(--l)}
h2{font-size:17px;line-height:1.3;font-weight:650}
header p,.quiet,small,.sum span{color:var(--i2);font-size:15px}
.x{display:grid;place-items:center;width:44px;height:44px;border-radius:22px;color:var(--i2)}
.strip{position:relative;display:flex;justify-content:space-between;gap:12px;padding:0 20px;font-size:14px;line-height:32px;background:color-mix(in srgb,var(--i) 6%,transparent)}
.strip.held::after{content:"";position:absolute;inset:auto auto 0 0;height:2px;width:calc(var(--rest,1)*100%);background:var(--a);transition:width 1s linear}
.strip:dir(rtl)::after{inset:auto 0 0 auto}
.test{text-transform:uppercase;letter-spacing:.04em;margin-inline-start:auto;margin-block:5px;padding:0 8px;border-radius:6px;font-size:13px;font-weight:700;line-height:22px;color:#3d2c00;background:#ffcf3f}
.body{overflow:auto;overscroll-behavior:contain;padding:0 20px}
.body>*{margin-block:16px}
h3{font-size:22px;line-height:1.2;font-weight:700;letter-spacing:-.01em}
h3:focus{outline:0}
dl{display:grid;gap:10px}
dl div{display:grid;grid-template-columns:24px 1fr auto;gap:12px;align-items:center;min-height:24px;font-size:15px}
dl svg{width:22px;height:22px;color:var(--i2)}
dd{margin:0}dt a{color:inherit}
dl .sum{grid-template-columns:1fr auto;align-items:baseline;padding-top:12px;border-top:1px solid var(--l)}
.sum dd{font-size:22px;font-weight:700}
dl select{field-sizing:content;max-width:100%;min-height:44px;margin:-10px 0;border:0;background:var(--p);text-decoration:underline;text-underline-offset:3px}
form,fieldset{display:grid;gap:10px;min-width:0;border:0;padding:0}
.field{display:block;position:relative}
.field span:first-child{position:absolute;inset:7px 15px auto;font-size:13px;color:var(--i2);pointer-events:none}
.field :is(input,select){width:100%;height:58px;padding:22px 14px 4px;font-size:17px;border:1.5px solid var(--l2);border-radius:var(--r);background:var(--p)}
.field select{padding-inline:10px}
.field :is(input,select):focus{outline:0;border-color:var(--a);box-shadow:0 0 0 3px color-mix(in srgb,var(--a) 25%,transparent)}
.field [aria-invalid=true]{border-color:var(--w)!important}
.bad{display:block;margin-top:4px;color:var(--w);font-size:14px}.bad:empty{display:none}
.two{display:grid;grid-template-columns:2fr 3fr;gap:10px;align-items:start}
.foot{position:sticky;bottom:0;display:grid;gap:8px;margin:0 -20px!important;padding:14px 20px max(16px,env(safe-area-inset-bottom));background:linear-gradient(transparent,var(--p) 12px)}
.foot .go{min-height:54px;font-size:17px}
@media(max-height:480px){.foot{position:static}}
[aria-disabled=true]{opacity:.75}
[aria-disabled=true]::after,.spin::after{content:"";width:16px;height:16px;border-radius:50%;border:2px solid;border-inline-end-color:transparent;animation:turn .8s linear infinite}
.spin::after{display:block;width:32px;height:32px;margin:8px auto 32px;color:var(--a)}
@keyframes turn{to{transform:rotate(1turn)}}
.second{background:none;color:var(--i);box-shadow:inset 0 0 0 1.5px var(--l2)}
.text{min-height:44px;padding-inline:8px;margin-inline-end:-8px;text-decoration:underline;text-underline-offset:3px;color:var(--i2);font-size:15px}
.row{display:flex;align-items:center;justify-content:space-between;gap:12px;font-size:15px;margin:-2px 0!important}
.row+.row{margin-top:-14px!important}
.row span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.note{padding:12px 14px;border-radius:var(--r);font-size:15px;background:color-mix(in srgb,var(--i) 7%,transparent)}
.alarm{background:color-mix(in srgb,var(--w) 12%,transparent);border-inline-start:4px solid var(--w)}
.note b{display:block}
legend{padding:0;margin-bottom:10px}
.pick{display:grid;grid-template-columns:20px 1fr auto;gap:2px 12px;align-items:center;min-height:50px;padding:8px 14px;font-weight:500;border:1.5px solid var(--l);border-radius:var(--r);cursor:pointer}
.pick:has(:checked){border-color:var(--a);background:color-mix(in srgb,var(--a) 7%,transparent)}
.pick:has(:disabled){opacity:.55}
.pick input{width:20px;height:20px;margin:0;accent-color:var(--a)}
.under{grid-column:2/-1;font-weight:400}
.cards{display:grid;grid-template-columns:1fr 1fr;gap:8px}
.cards .pick{font-size:14px;padding:4px 10px;min-height:46px;line-height:1.2;gap:10px}
.won{display:grid;justify-items:center;text-align:center;gap:6px;padding-top:8px}
.won svg{width:64px;height:64px;padding:14px;margin-bottom:4px;border-radius:32px;background:var(--k);color:var(--p);stroke-width:3;animation:pop .19s ease-out}
.won path{stroke-dasharray:24;animation:draw .19s .1s ease-out backwards}
@keyframes pop{from{transform:scale(.5);opacity:0}}@keyframes draw{from{stroke-dashoffset:24}}
.ghost{height:104px;border-radius:var(--r);background:var(--l);animation:glow 1s infinite alternate}@keyframes glow{to{opacity:.4}}
.tiles{display:grid;gap:8px}
.tile{display:grid;grid-template-columns:48px 1fr auto;gap:12px;align-items:center;padding:6px;padding-inline-end:14px;text-align:start;border:1.5px solid var(--l);border-radius:var(--r)}
`);

/**
 * @typedef {{voice: Voice, base: string, state: PurchaseState | null, product: Product | null, variant: string | null,
 *   stock: Availability | null, ask: Anchor | null, asked: boolean, others: Product[], language: string, contact: string,
 *   address: Record<string, string>, method: StoredMethod | null, more: More | null, country: string, ahead: number}} SheetView
 */

export class HawkerSheet extends HTMLElement {
  /** @type {SheetView | null} */
  #view = null;
  #root = shadow(this, CSS);
  /** The step that is drawn, and of what. The same step is brought up to date, not drawn anew, so that no typing is lost. */
  #step = "";
  #of = "";
  #dialog = el("dialog", { part: "sheet", "aria-labelledby": "title" });
  #body = el("div", { class: "body", part: "body" });
  #title = el("h2", { id: "title", dir: "auto" });
  #under = el("p", { class: "num" });
  #picture = el("span", { class: "thumb" });
  #strip = el("div", { class: "strip" });
  #test = el("span", { class: "test", part: "test-mode", "data-test-mode": true });
  #clock = el("span", { class: "num", part: "clock", role: "timer" });
  #note = el("p", { class: "note", role: "status", "data-note": true, hidden: true });
  #close = el("button", { class: "x", part: "close", "data-close": true, onclick: () => this.hide() }, icon(CLOSE));
  #timer = 0;
  /** @type {PurchaseState["errors"]} */
  #errors = [];
  /** Complaints about no field on this page. */
  #homeless = "";
  #longest = 0;

  connectedCallback() {
    const dialog = this.#dialog;
    const header = el("header", {}, el("span", { class: "grip" }), this.#picture, el("div", {}, this.#title, this.#under), this.#close);
    this.#strip.append(this.#clock, this.#test);
    dialog.append(header, this.#strip, this.#body);
    this.#root.append(dialog);
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      void this.hide();
    });
    dialog.addEventListener("click", (event) => void (event.target === dialog && this.hide()));
    // Keys for the page or the player have no business here.
    this.addEventListener("keydown", (event) => event.stopPropagation());
    this.#drag(header);
  }

  get open() {
    return this.#dialog.open;
  }

  /** On a wide screen the sheet stands beside the clip it belongs to, if there is room. @param {DOMRect} clip */
  show(clip) {
    if (this.open) return;
    const rtl = this.#view?.voice.dir === "rtl";
    const right = rtl ? clip.left - 444 : innerWidth - clip.right - 444;
    const left = rtl ? innerWidth - clip.left + 24 : clip.right + 24;
    this.#dialog.style.setProperty("--end", right > 24 ? `${rtl ? clip.left - 444 : innerWidth - left - 420}px` : rtl ? "auto" : "24px");
    this.#dialog.style.setProperty("--low", `${Math.max(24, innerHeight - clip.bottom)}px`);
    this.#dialog.showModal();
    this.#timer = window.setInterval(() => this.#tick(), 1000);
    this.toggleAttribute("open", true);
    this.#focus();
  }

  async hide() {
    if (!this.open) return;
    window.clearInterval(this.#timer);
    if (!still()) await this.#dialog.animate({ transform: "translateY(100%)" }, { duration: 160, easing: "ease-in" }).finished;
    this.#dialog.style.transform = "";
    this.#dialog.close();
    this.toggleAttribute("open", false);
    act(this, "close");
  }

  /** @param {HTMLElement} handle */
  #drag(handle) {
    let from = -1;
    handle.addEventListener("pointerdown", (event) => {
      if (event.composedPath().includes(this.#close)) return;
      from = event.clientY;
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (from >= 0) this.#dialog.style.transform = `translateY(${Math.max(0, event.clientY - from)}px)`;
    });
    handle.addEventListener("lostpointercapture", (event) => {
      if (event.clientY - from > 110) void this.hide();
      else this.#dialog.style.transform = "";
      from = -1;
    });
  }

  get view() {
    return this.#view;
  }

  set view(view) {
    this.#view = view;
    if (!view) return;
    const { state, voice, product, stock, asked } = view;
    const step = state ? state.step : "choose";
    this.lang = voice.lang;
    this.#dialog.dir = voice.dir;
    this.setAttribute("step", step);
    this.toggleAttribute("busy", !!state?.busy);
    this.#head(view);
    const free = step === "sold_out" && !!stock?.left;
    const of = [state?.quote?.quote, state?.checkout?.quote.total.amount, state?.offer?.quote, free, asked, product?.id, view.more?.product.id].join();
    const another = step !== this.#step;
    if (another || of !== this.#of) {
      this.#step = step;
      this.#of = of;
      // Where only the sums have changed, what was typed stays.
      const typed = another ? [] : this.#fields().filter(({ type }) => type !== "radio").map(({ name, value }) => [name, value]);
      this.#body.replaceChildren(.../** @type {Node[]} */ ((STEPS[step] ?? plain)(view, this).filter(Boolean)), this.#note);
      for (const [name, value] of typed) this.#fields().filter((field) => field.name === name && name !== "delivery").forEach((field) => (field.value = value));
      if (another) {
        this.#body.scrollTop = 0;
        if (this.open) this.#focus();
      }
    }
    if (state) this.#update(state, voice);
    this.#tick();
  }

  #fields() {
    return /** @type {HTMLInputElement[]} */ ([...this.#body.querySelectorAll("input,select")]);
  }

  /** @param {SheetView} view */
  #head({ state, voice, product, variant, base }) {
    const line = state?.quote?.lines[0];
    const option = product?.variants.find((one) => one.id === (line?.variant ?? variant)) ?? product?.variants[0];
    const price = line?.unit ?? option?.price;
    const kind = line?.variant_title || (variant && product && product.variants.length > 1 ? option?.title : "");
    this.#title.textContent = line?.title ?? product?.title ?? "";
    this.#under.textContent = [kind, price && voice.money(price)].filter(Boolean).join(" · ");
    const image = link(line?.image ?? product?.image, base) ?? "";
    if (image !== this.#picture.dataset.src) {
      this.#picture.dataset.src = image;
      this.#picture.replaceChildren(image && el("img", { src: image, alt: "" }));
    }
    this.#close.setAttribute("aria-label", voice.say("close"));
    this.#test.hidden = !(state?.checkout ?? state?.quote)?.test_mode;
    this.#test.textContent = voice.say("test");
    this.#test.title = voice.say("testtext");
  }

  /** What may change while a step stays. @param {PurchaseState} state @param {Voice} voice */
  #update(state, voice) {
    this.#body.querySelector("[data-main]")?.setAttribute("aria-disabled", String(state.busy));
    const box = /** @type {HTMLElement | null} */ (this.#body.querySelector("[data-decline]"));
    if (box) {
      if (box.hidden === !!state.decline) {
        // Said once: what is live about the page must not make it be said again.
        const why = state.decline?.code === "insufficient_funds" ? `${voice.say("insufficient_funds")} ` : "";
        box.replaceChildren(el("b", {}, voice.say("declined")), why + voice.say("declinedtext"));
        box.hidden = !state.decline;
        box.scrollIntoView({ block: "nearest" });
      }
    }
    // A complaint is made once, and taken back by typing.
    if (state.errors !== this.#errors) {
      this.#errors = state.errors;
      this.#homeless = state.errors.filter(({ pointer, detail }) => {
        const field = this.#fields().find(({ name }) => pointer.endsWith(`/${name}`) || (name === "contact" && /email|phone/.test(pointer)));
        if (field) complain(field, detail);
        return !field;
      }).map(({ detail }) => detail).join(" ");
    }
    const note = state.trouble ? voice.say(state.trouble) : (STEPS[state.step] && (this.#homeless || state.detail)) || "";
    this.#note.hidden = !note;
    if (note !== this.#note.textContent) this.#note.textContent = note;
  }

  /** The countdown is shown only while something truly runs out. */
  #tick() {
    const { state, voice, ahead } = this.#view ?? {};
    const held = state?.checkout && ["contact", "address", "payment", "consent"].includes(state.step);
    this.#clock.hidden = !held;
    this.#strip.classList.toggle("held", !!held);
    this.#strip.hidden = !held && this.#test.hidden;
    if (!held || !voice) return;
    const left = Math.max(0, Date.parse(/** @type {any} */ (state.checkout).expires_at) - Date.now() - (ahead ?? 0));
    this.#longest = Math.max(this.#longest, left);
    const seconds = Math.round(left / 1000);
    this.#clock.textContent = voice.say("hold", { t: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` });
    this.#strip.style.setProperty("--rest", String(left / this.#longest));
    if (!left && !state.busy && Math.round(Date.now() / 1000) % 4 === 0) act(this, "refresh");
  }

  /** Where a keyboard goes on; on a touch screen the field waits, so that its keyboard does not cover the promises. */
  #focus() {
    const field = matchMedia("(pointer: fine)").matches && this.#body.querySelector("input:not([type=radio])");
    const place = field || this.#body.querySelector("h3") || this.#close;
    /** @type {HTMLElement} */ (place).focus();
  }
}

// ---- parts the steps are made of

/** @param {HTMLElement} from @param {string} act @param {Record<string, unknown>} [more] */
const act = (from, act, more) => request(from, "checkoutact", { act, ...more });

/** @param {string} text */
const heading = (text) => el("h3", { tabindex: -1 }, text);

/** @param {string} text @param {string} [dir] */
const quiet = (text, dir) => el("p", { class: "quiet", dir }, text);

/** @param {SheetView} view @param {HTMLElement} sheet */
function sums({ state, voice, base }, sheet) {
  const quote = state?.quote;
  if (!quote) return el("div", { class: "ghost" });
  const { delivery, delivery_options: options } = quote;
  const policy = link(quote.shipping_policy_url, base);
  const text = (/** @type {Delivery} */ one) => `${promise(one, voice)} · ${one.name}`;
  const choice = delivery && (options.length > 1 && state.checkout && !state.checkout.order
    ? el("select", { name: "delivery", "aria-label": voice.say("delivery"), onchange: (/** @type {any} */ event) => act(sheet, "details", { details: { delivery: event.target.value } }) },
      ...options.map((one) => el("option", { value: one.id, selected: one.id === delivery.id }, text(one))))
    : policy ? el("a", { href: policy, target: "_blank", rel: "noopener" }, text(delivery)) : text(delivery));
  return el("dl", { part: "sums" },
    delivery && el("div", { "data-delivery": true }, icon(VAN), el("dt", {}, choice), el("dd", { class: "num" }, delivery.price.amount ? voice.money(delivery.price) : voice.say("free"))),
    quote.returns && el("div", { "data-returns": true }, icon(BACK), el("dt", { dir: "auto" }, quote.returns)),
    el("div", { class: "sum", "data-total": true },
      el("dt", {}, `${voice.say("total")} `, quote.tax.amount > 0 && el("span", { class: "num" }, voice.say(quote.tax_inclusive ? "tax" : "plus", { m: voice.money(quote.tax) }))),
      el("dd", { class: "num" }, voice.money(quote.total))));
}

/** @param {Delivery} delivery @param {Voice} voice */
function promise({ eta_min, eta_max, promise }, voice) {
  return eta_min && eta_max ? voice.say("arrives", { d: voice.days(eta_min, eta_max) }) : promise;
}

/** The one button of a step. @param {string} text @param {(() => void) | null} press nothing in a form @param {...(Node | null | false | "")} more */
function main(text, press, ...more) {
  const button = el("button", { class: "go", part: "main", "data-main": true, ...(press && { type: "button", onclick: press }) }, text);
  return el("div", { class: "foot" }, button, ...more);
}

/** @param {string} name @param {string} label @param {Record<string, any>} attributes */
function field(name, label, attributes) {
  const input = el("input", { name, "aria-describedby": `${name}-bad`, oninput: () => complain(input, ""), ...attributes });
  return el("label", { class: "field" }, el("span", {}, label), input, el("span", { class: "bad", id: `${name}-bad`, role: "alert" }));
}

/** @param {Element} input @param {string} text */
function complain(input, text) {
  input.setAttribute("aria-invalid", String(!!text));
  const bad = input.parentElement?.querySelector(".bad");
  if (bad) bad.textContent = text;
}

/** @param {Voice} voice @param {string} chosen @param {(code: string) => void} [changed] */
function countries(voice, chosen, changed) {
  const named = [...new Set([chosen, ...COUNTRIES])].map((code) => [code, voice.country(code)]).sort((a, b) => a[1].localeCompare(b[1], voice.locale));
  return el("label", { class: "field" }, el("span", {}, voice.say("country")),
    el("select", { name: "country", autocomplete: "country", onchange: (/** @type {any} */ event) => changed?.(event.target.value) },
      ...named.map(([code, name]) => el("option", { value: code, selected: code === chosen }, name))), el("span", { class: "bad" }));
}

/** A form whose own checks come before the server's. @param {Voice} voice @param {(values: Record<string, string>, form: HTMLFormElement) => void} send @param {...(Node | null)} kids */
function form(voice, send, ...kids) {
  return el("form", { novalidate: true, onsubmit: (/** @type {any} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const empty = [...form.querySelectorAll("input")].filter((input) => input.required && !input.value.trim());
    for (const input of empty) complain(input, voice.say("needed"));
    empty[0]?.focus();
    if (empty.length || form.querySelector("[aria-disabled=true]")) return;
    const values = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]).filter(([, value]) => value);
    send(Object.fromEntries(values), form);
  } }, ...kids);
}

/** @param {Record<string, string>} address */
const place = (address) => [address.name, address.line1, `${address.postal_code} ${address.city}`].join(", ");

/** @param {StoredMethod} method */
const ending = ({ last_four: four }) => `•••• ${four}`;

/** A step that is done, in one line. @param {SheetView} view @param {string} what @param {HTMLElement} sheet */
function row({ contact, address, voice }, what, sheet) {
  const text = what === "contact" ? contact : place(address);
  return (what === "contact" ? contact : address.name) && el("p", { class: "row" }, el("span", { dir: "auto" }, text),
    el("button", { class: "text", type: "button", "data-change": what, onclick: () => act(sheet, "edit", { step: what }) }, voice.say("change")));
}

/** @param {Voice} voice @param {string} value */
function contactOf(voice, value) {
  const text = value.trim();
  const digits = text.replace(/[\s()/.-]/g, "");
  if (/^\S+@\S+\.\S+$/.test(text)) return { email: text };
  return /^\+?\d{6,15}$/.test(digits) ? { phone: digits } : voice.say("badcontact");
}

// ---- the steps

/** @typedef {(view: SheetView, sheet: HTMLElement) => (Node | null | false | "")[]} Draw */
/** @type {Record<string, Draw>} */
const STEPS = {
  choose: ({ voice, product }, sheet) => {
    const options = product?.variants ?? [];
    const first = options.find(({ availability }) => availability.left !== 0);
    return [form(voice, ({ variant }) => act(sheet, "choose", { variant }),
      el("fieldset", {}, el("legend", {}, heading(voice.say("choose"))), ...options.map((option) => el("label", { class: "pick" },
        el("input", { type: "radio", name: "variant", value: option.id, disabled: option.availability.left === 0, checked: option === first }),
        option.title, el("small", { class: "num" }, option.availability.left === 0 ? voice.say("soldout") : voice.money(option.price))))),
      first ? main(voice.say("next"), null) : null)];
  },

  quote: (view, sheet) => [heading(view.voice.say("reserving")), sums(view, sheet)],

  one_tap: (view, sheet) => {
    const { voice, method } = view;
    const { total, needs_address: travels } = /** @type {Quote} */ (view.state?.quote);
    if (!method) return [];
    return [
      heading(voice.say("onetap")), sums(view, sheet),
      travels && method.address && quiet(voice.say("goesto", { a: place(method.address) }), "auto"), quiet(voice.say("receiptto", { c: view.contact })),
      main(voice.say("paywith", { m: voice.money(total), c: ending(method) }), () => act(sheet, "take"),
        el("button", { class: "go second", "data-type": true, onclick: () => act(sheet, "type") }, voice.say("otherway")),
        el("button", { class: "text", "data-forget": true, onclick: () => act(sheet, "forget") }, voice.say("forget"))),
    ];
  },

  contact: (view, sheet) => {
    const { voice } = view;
    return [sums(view, sheet), form(voice, (values, form) => {
      const contact = contactOf(voice, values.contact);
      if (typeof contact === "string") complain(form.elements[/** @type {any} */ ("contact")], contact);
      else act(sheet, "details", { details: { contact } });
    },
    field("contact", voice.say("contact"), { inputmode: "email", autocomplete: "email", autocapitalize: "off", spellcheck: "false", value: view.contact, required: true }),
    quiet(voice.say("why")), main(voice.say("next"), null))];
  },

  address: (view, sheet) => {
    const { voice, address } = view;
    const country = address.country ?? view.state?.quote?.country ?? view.country;
    const text = (/** @type {string} */ name, /** @type {keyof Words} */ label, /** @type {string} */ autocomplete, required = true) =>
      field(name, voice.say(label), { autocomplete, value: address[name], required });
    const region = text("region", "region", "address-level1", false);
    const fit = (/** @type {string} */ code) => void (region.hidden = !WITH_REGION.includes(code));
    fit(country);
    return [row(view, "contact", sheet), heading(voice.say("address")), form(voice, (values) => act(sheet, "details", { details: { address: values } }),
      text("name", "name", "name"), text("line1", "line1", "address-line1"), text("line2", "line2", "address-line2", false),
      el("div", { class: "two" }, text("postal_code", "code", "postal-code"), text("city", "city", "address-level2")), region,
      countries(voice, country, fit), main(voice.say("next"), null))];
  },

  payment: (view, sheet) => {
    const { voice, state } = view;
    const { total, payment_methods: methods } = /** @type {Quote} */ (state?.quote);
    const test = state?.checkout?.test_mode;
    const radio = (/** @type {string} */ name, /** @type {string} */ value, /** @type {boolean} */ checked, /** @type {...(Node | null | false)} */ ...more) => el("label", { class: "pick" },
      el("input", { type: "radio", name, value, checked }), value in voice.words ? voice.say(/** @type {keyof Words} */ (value)) : value, ...more);
    const cards = el("div", { class: "cards", role: "radiogroup", "aria-label": voice.say("testtext"), "data-test-cards": true },
      ...TEST_CARDS.map((token) => radio("token", token, token === "tok_visa")));
    // Never ticked for them.
    const keep = el("label", { class: "pick" }, el("input", { type: "checkbox", name: "keep" }), voice.say("keep"), el("small", { class: "under" }, voice.say("keeptext")));
    const pay = main("", null);
    const choose = (/** @type {string} */ method) => {
      cards.hidden = !test || method !== "card";
      keep.hidden = method !== "card";
      /** @type {any} */ (pay.firstChild).textContent = voice.say(method === "manual" ? "place" : "pay", { m: voice.money(total) });
    };
    choose(methods[0]);
    return [
      el("div", { class: "note alarm", role: "alert", "data-decline": true, hidden: true }), row(view, "contact", sheet), row(view, "address", sheet), sums(view, sheet),
      form(voice, ({ method, token, keep }) => act(sheet, "pay", { payment: method === "card" ? { method, ...(test && { token }), ...(keep && { keep: true }) } : { method } }),
        el("fieldset", { onchange: (/** @type {any} */ { target }) => target.name === "method" && choose(target.value) }, el("legend", {}, heading(voice.say("how"))),
          ...methods.flatMap((method, at) => [radio("method", method, !at, method === "manual" && el("small", { class: "under" }, voice.say("manualtext"))), ...(method === "card" ? [cards, keep] : [])])),
        pay),
    ];
  },

  consent: ({ voice, state }, sheet) => {
    const offer = /** @type {Quote} */ (state?.offer);
    const [a, b] = [state?.quote ?? offer, offer].map(({ total }) => voice.money(total));
    return [heading(voice.say("consent")), quiet(voice.say("consenttext", { a, b })),
      main(voice.say("yes", { m: b }), () => act(sheet, "accept"), el("button", { class: "go second", "data-refuse": true, onclick: () => act(sheet, "refuse") }, voice.say("no")))];
  },

  bank: ({ voice, state, base }, sheet) => {
    const href = link(state?.checkout?.next_action?.url, base) ?? "";
    return [heading(voice.say("bank")), quiet(voice.say("banktext")),
      el("div", { class: "foot" }, el("a", { class: "go", "data-bank": true, href, target: "hawker-bank", onclick: (/** @type {Event} */ event) => {
        // A window of our own we can close again; where the browser gives none, the link opens a tab.
        const opened = open(href, "hawker-bank", "popup,width=480,height=720");
        if (opened) event.preventDefault();
        act(sheet, "bank", { opened });
      } }, voice.say("bankgo")))];
  },

  unknown: ({ voice }) => [heading(voice.say("unknown")), quiet(voice.say("unknowntext")), el("p", { class: "spin" })],

  receipt: (view, sheet) => {
    const { voice, state, base, ask, contact, asked, more } = view;
    const order = state?.checkout?.order;
    const page = link(order?.page_url, base);
    const copy = ask && pickCopy(ask.copy, [...voice.languages, view.language]);
    return [
      el("div", { class: "won" }, icon(CHECK), heading(voice.say("thanks")), el("p", { class: "num", "data-order": order?.id }, voice.say("number", { n: order?.number ?? "" })),
        contact && quiet(voice.say("receiptto", { c: contact }))),
      sums(view, sheet),
      more && one(view, more, sheet),
      copy && el("div", { class: "tiles" }, !more && quiet(voice.say("more")), el("button", { class: "go second", "data-ask": ask.ask, "aria-pressed": String(asked), onclick: () => act(sheet, "ask", { anchor: ask }) },
        asked ? voice.say("saved") : copy.label || copy.title)),
      main(voice.say("done"), () => act(sheet, "done"), page && el("a", { class: "go second", "data-order-page": true, href: page, target: "_blank", rel: "noopener" }, voice.say("order"))),
    ];
  },

  sold_out: ({ voice, stock, others, base }, sheet) => {
    const waiting = stock?.in_checkouts ?? 0;
    if (stock?.left) return [heading(voice.say("back")), main(voice.say("take"), () => act(sheet, "again"))];
    return [
      heading(voice.say("sold_out")), quiet(`${voice.say("sold_outtext")} ${waiting ? voice.say("watch", { n: waiting }) : ""}`),
      others.length > 0 && el("div", { class: "tiles" }, quiet(voice.say("also")), ...others.slice(0, 3).map(({ id, image, title, variants }) => {
        const src = link(image, base);
        return el("button", { class: "tile", "data-other": id, onclick: () => act(sheet, "other", { product: id }) },
          src ? el("img", { src, alt: "" }) : el("span", { class: "thumb" }), el("span", { dir: "auto" }, title), el("span", { class: "num" }, voice.money(variants[0].price)));
      })),
      main(voice.say("close"), () => act(sheet, "done")),
    ];
  },

  nowhere: ({ voice, country }, sheet) => [
    heading(voice.say("nowhere", { c: voice.country(country) })), quiet(voice.say("nowheretext")),
    form(voice, (values) => act(sheet, "country", values), countries(voice, country), main(voice.say("next"), null)),
  ],
};

/** One more thing, with the card that has just paid. @param {SheetView} view @param {More} more @param {HTMLElement} sheet */
function one({ voice, base }, { product, purchase, method }, sheet) {
  const { quote } = purchase.state;
  const src = link(product.image, base);
  return quote && el("div", { class: "tiles" }, quiet(voice.say("more")),
    el("div", { class: "tile" }, src ? el("img", { src, alt: "" }) : el("span", { class: "thumb" }), el("span", { dir: "auto" }, product.title), el("span", { class: "num" }, voice.money(quote.items))),
    el("button", { class: "go second", "data-more": true, onclick: () => act(sheet, "more") }, voice.say("addwith", { m: voice.money(quote.total), c: ending(method) })));
}

/** One sentence and a way on: gone, expired, canceled, failed. @type {Draw} */
function plain({ voice, state }, sheet) {
  const step = /** @type {"gone" | "expired" | "canceled" | "failed"} */ (state?.step);
  const gone = step === "gone";
  return [heading(voice.say(step)), quiet(voice.say(`${step}text`)), main(voice.say(gone ? "close" : "again"), () => act(sheet, gone ? "done" : "again"))];
}

customElements.define("hawker-sheet", HawkerSheet);
