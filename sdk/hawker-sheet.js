// The sheet: from the reserved piece to the receipt over the clip that plays on. It is given a view of the purchase and
// draws it; everything the buyer does goes up as one event, `checkoutact`.

import { el, icon, link, request, shadow, still, styles } from "./dom.js";
import { pickCopy } from "./timeline.js";

/** @import { Anchor, Availability, Delivery, Product, PurchaseState, Quote } from "./contract.d.ts" */
/** @import { Voice, Words } from "./words.js" */

const CLOSE = "M6 6l12 12M18 6L6 18";
const VAN = "M2 6h12v10H2zM14 10h4l4 3v3h-8M6 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z";
const BACK = "M9 6L4 11l5 5M4 11h10a6 6 0 0 1 0 9h-3";
const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const TEST_CARDS = /** @type {const} */ (["tok_visa", "tok_declined", "tok_stolen", "tok_3ds", "tok_timeout", "tok_slow"]);
const COUNTRIES = "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK US CA AU NZ JP KR SG AE SA EG MA TR IL IN MX BR".split(" ");
const WITH_REGION = ["US", "CA", "AU", "BR", "IN", "MX", "JP", "IT", "ES", "AE"];
/** Steps that are one sentence and a way on. */
const PLAIN = /** @type {Record<string, true>} */ ({ gone: true, expired: true, canceled: true, failed: true });

const CSS = styles(`
dialog{position:fixed;inset:auto 0 0;width:100%;max-width:none;max-height:88dvh;margin:0;padding:0;border:0;border-radius:20px 20px 0 0;background:var(--p);color:var(--i);box-shadow:var(--s);overflow:hidden;flex-direction:column}
dialog[open]{display:flex;animation:up .19s cubic-bezier(.2,.8,.2,1)}
dialog::backdrop{background:linear-gradient(#0000 30%,#0007)}
@keyframes up{from{transform:translateY(60%);opacity:.4}}
@media(min-width:760px){dialog{inset:24px 24px 24px auto;width:420px;height:fit-content;max-height:calc(100dvh - 48px);margin-block:auto;border-radius:20px}
dialog:dir(rtl){inset:24px auto 24px 24px}dialog::backdrop{background:#0003}.grip{visibility:hidden}@keyframes up{from{transform:translateY(24px);opacity:0}}}
header{display:grid;grid-template-columns:auto 1fr auto;gap:0 12px;align-items:center;padding:0 8px 12px 20px;padding-inline:20px 8px;touch-action:none}
.grip{grid-column:1/-1;justify-self:center;width:36px;height:4px;margin:8px 0;border-radius:2px;background:var(--l)}
header img,.thumb{width:56px;height:56px;border-radius:var(--r);object-fit:cover;background:var(--l)}
h2{font-size:17px;line-height:1.3;font-weight:650}
header p{font-size:15px;color:var(--i2)}
.x{display:grid;place-items:center;width:44px;height:44px;border-radius:22px;color:var(--i2)}
.test{display:flex;gap:8px;align-items:center;padding:6px 20px;font-size:13px;color:#3d2c00;background:repeating-linear-gradient(135deg,#ffd75e 0 10px,#ffcd38 10px 20px)}
.test b{text-transform:uppercase;letter-spacing:.06em}
.clock{position:relative;padding:8px 20px;font-size:14px;color:var(--i2);border-block:1px solid var(--l)}
.clock::after{content:"";position:absolute;inset-inline-start:0;bottom:-1px;height:2px;width:calc(var(--rest,1)*100%);background:var(--a);transition:width 1s linear}
.body{overflow:auto;overscroll-behavior:contain;padding:0 20px}
.body>*{margin-block:16px}
h3{font-size:22px;line-height:1.2;font-weight:700;letter-spacing:-.01em}
h3:focus{outline:0}
.quiet{color:var(--i2);font-size:15px}
dl{display:grid;gap:10px;font-size:15px}
dl div{display:grid;grid-template-columns:24px 1fr auto;gap:12px;align-items:center;min-height:24px}
dl svg{width:22px;height:22px;color:var(--i2)}
dt,dd{margin:0}dt a{color:inherit}
dl .sum{grid-template-columns:1fr auto;align-items:baseline;padding-top:12px;border-top:1px solid var(--l)}
.sum dt span{color:var(--i2);font-size:14px}
.sum dd{font-size:22px;font-weight:700}
dl select{max-width:100%;min-height:44px;margin-block:-10px;border:0;background:var(--p);text-decoration:underline;text-underline-offset:3px}
form{display:grid;gap:14px}
label{display:grid;gap:6px;font-size:14px;font-weight:600}
input:not([type=radio]),.box{width:100%;min-height:50px;padding:0 14px;font-size:17px;font-weight:400;border:1.5px solid var(--l);border-radius:var(--r);background:var(--p)}
input:not([type=radio]):focus,.box:focus{outline:0;border-color:var(--a);box-shadow:0 0 0 3px color-mix(in srgb,var(--a) 25%,transparent)}
[aria-invalid=true]{border-color:var(--w)!important}
.bad{color:var(--w);font-size:14px;font-weight:400}.bad:empty{display:none}
.two{display:grid;grid-template-columns:2fr 3fr;gap:12px;align-items:start}
.foot{position:sticky;bottom:0;margin:0 -20px!important;padding:12px 20px max(16px,env(safe-area-inset-bottom));background:linear-gradient(transparent,var(--p) 12px)}
.foot .go{width:100%;min-height:54px;font-size:17px}
.go[aria-disabled=true]{opacity:.75}
.go[aria-disabled=true]::after{content:"";width:16px;height:16px;border-radius:50%;border:2px solid;border-inline-end-color:transparent;animation:turn .8s linear infinite}
@keyframes turn{to{transform:rotate(1turn)}}
.second{background:none!important;color:var(--i)!important;box-shadow:inset 0 0 0 1.5px var(--l)}
.text{min-height:44px;padding-inline:8px;text-decoration:underline;text-underline-offset:3px;color:var(--i2);font-size:15px}
.foot .text{display:block;margin:4px auto -8px}
.row{display:flex;align-items:center;justify-content:space-between;gap:12px;font-size:15px;margin-block:-4px!important}
.row>span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.note{padding:12px 14px;border-radius:var(--r);font-size:15px;background:color-mix(in srgb,var(--i) 7%,transparent)}
.note.alarm{background:color-mix(in srgb,var(--w) 12%,transparent);border-inline-start:4px solid var(--w)}
.note b{display:block}
fieldset{border:0;padding:0;display:grid;gap:8px;min-width:0}
legend{padding:0;margin-bottom:10px}
.pick{display:grid;grid-template-columns:22px 1fr auto;gap:4px 12px;align-items:center;min-height:50px;padding:8px 14px;font-size:16px;font-weight:500;border:1.5px solid var(--l);border-radius:var(--r);cursor:pointer}
.pick:has(:checked){border-color:var(--a);background:color-mix(in srgb,var(--a) 7%,transparent)}
.pick:has(:disabled){opacity:.55;cursor:default}
.pick input{width:20px;height:20px;accent-color:var(--a)}
.pick small{font-size:14px;font-weight:400;color:var(--i2)}
.pick small.under{grid-column:2/-1}
.cards{display:grid;grid-template-columns:1fr 1fr;gap:8px}
.cards .pick{font-size:14px;padding:6px 10px;min-height:48px;line-height:1.25;gap:8px}
.won{display:grid;justify-items:center;text-align:center;gap:6px;padding-top:8px}
.won svg{width:64px;height:64px;padding:14px;border-radius:32px;background:var(--k);color:var(--p);stroke-width:3;animation:pop .19s ease-out}
.won svg path{stroke-dasharray:24;animation:draw .19s .1s ease-out backwards}
@keyframes pop{from{transform:scale(.5);opacity:0}}@keyframes draw{from{stroke-dashoffset:24}}
.ghost{height:22px;border-radius:6px;background:var(--l);animation:glow 1s infinite alternate}.ghost.low{width:60%}@keyframes glow{to{opacity:.45}}
.tiles{display:grid;gap:8px}
.tile{display:grid;grid-template-columns:48px 1fr auto;gap:12px;align-items:center;width:100%;padding:6px;text-align:start;border:1.5px solid var(--l);border-radius:var(--r)}
.tile img,.tile .thumb{width:48px;height:48px;border-radius:8px}
`);

/**
 * @typedef {{voice: Voice, base: string, state: PurchaseState | null, product: Product | null, variant: string | null,
 *   stock: Availability | null, ask: Anchor | null, asked: boolean, others: Product[], language: string, contact: string,
 *   country: string, ahead: number}} SheetView
 */

export class HawkerSheet extends HTMLElement {
  /** @type {SheetView | null} */
  #view = null;
  #root = shadow(this, CSS);
  /** What is drawn; the same step is brought up to date, not drawn anew, so that nobody's typing is lost. */
  #drawn = "";
  #dialog = el("dialog", { part: "sheet", "aria-labelledby": "title" });
  #body = el("div", { class: "body", part: "body" });
  #title = el("h2", { id: "title" });
  #under = el("p", { class: "num" });
  #picture = el("span", { class: "thumb" });
  #test = el("p", { class: "test", part: "test-mode", "data-test-mode": true });
  #clock = el("p", { class: "clock num", part: "clock", role: "timer" });
  #note = el("p", { class: "note", role: "status", "data-note": true, hidden: true });
  #timer = 0;
  #clockFrom = 0;

  connectedCallback() {
    if (this.#root.firstChild) return;
    const header = el("header", {}, el("span", { class: "grip" }), this.#picture, el("div", {}, this.#title, this.#under));
    this.#close = el("button", { class: "x", part: "close", "data-close": true, onclick: () => this.hide() }, icon(CLOSE));
    header.append(this.#close);
    this.#dialog.append(header, this.#test, this.#clock, this.#body);
    this.#root.append(this.#dialog);
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.hide();
    });
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.hide());
    // Keys of the page and of the player below have no business here.
    this.addEventListener("keydown", (event) => event.stopPropagation());
    this.#drag(header);
  }

  /** @type {HTMLButtonElement | null} */
  #close = null;

  get open() {
    return this.#dialog.open;
  }

  show() {
    if (this.open) return;
    this.#dialog.showModal();
    this.#timer = window.setInterval(() => this.#tick(), 1000);
    this.setAttribute("open", "");
    this.#focus();
  }

  async hide() {
    if (!this.open) return;
    window.clearInterval(this.#timer);
    if (!still()) await this.#dialog.animate({ transform: "translateY(100%)" }, { duration: 160, easing: "ease-in" }).finished;
    this.#dialog.style.transform = "";
    this.#dialog.close();
    this.removeAttribute("open");
    request(this, "checkoutact", { act: "close" });
  }

  /** @param {HTMLElement} handle */
  #drag(handle) {
    let from = -1;
    const move = (/** @type {PointerEvent} */ event) => {
      if (from >= 0) this.#dialog.style.transform = `translateY(${Math.max(0, event.clientY - from)}px)`;
    };
    handle.addEventListener("pointerdown", (event) => {
      if (this.#close?.contains(/** @type {Node} */ (event.target))) return;
      from = event.clientY;
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", move);
    const end = (/** @type {PointerEvent} */ event) => {
      if (from < 0) return;
      const far = event.type === "pointerup" && event.clientY - from > 110;
      from = -1;
      if (far) void this.hide();
      else this.#dialog.style.transform = "";
    };
    handle.addEventListener("pointerup", end);
    handle.addEventListener("pointercancel", end);
  }

  get view() {
    return this.#view;
  }

  set view(view) {
    this.#view = view;
    if (view) this.#draw(view);
  }

  /** @param {SheetView} view */
  #draw(view) {
    const { state, voice, product } = view;
    this.lang = voice.lang;
    this.#dialog.dir = voice.dir;
    const step = state ? state.step : "choose";
    this.setAttribute("step", step);
    this.toggleAttribute("busy", !!state?.busy);
    this.#head(view);
    const back = state?.left === 0 && step === "sold_out" && !!view.stock?.left;
    const drawn = [step, state?.quote?.quote, state?.checkout?.quote?.total.amount, state?.offer?.quote, back, view.asked, product?.id, voice.lang].join();
    if (drawn !== this.#drawn) {
      const another = this.#drawn.split(",")[0] !== step;
      this.#drawn = drawn;
      // Only the sums may have changed: keep what was typed.
      const typed = another ? [] : this.#fields().map((field) => /** @type {const} */ ([field.name, field.value]));
      this.#body.replaceChildren(...STEPS[PLAIN[step] ? "plain" : step](view, this).filter((part) => !!part), this.#note);
      for (const [name, value] of typed) {
        const field = this.#fields().find((one) => one.name === name && one.type !== "radio");
        if (field) field.value = value;
      }
      if (another) {
        this.#body.scrollTop = 0;
        if (this.open) this.#focus();
      }
    }
    this.#update(view);
    this.#tick();
  }

  #fields() {
    return /** @type {(HTMLInputElement | HTMLSelectElement)[]} */ ([...this.#body.querySelectorAll("input,select")]);
  }

  /** @param {SheetView} view */
  #head({ state, voice, product, variant, base }) {
    const line = state?.quote?.lines[0];
    const option = product?.variants.find((one) => one.id === (line?.variant ?? variant));
    const price = line?.unit ?? option?.price ?? product?.variants[0]?.price;
    const kind = line?.variant_title || (product && product.variants.length > 1 ? option?.title : "");
    this.#title.textContent = line?.title ?? product?.title ?? "";
    this.#under.textContent = [kind, price && (line && line.quantity > 1 ? `${voice.say("quantity", { n: line.quantity })} ` : "") + voice.money(price)].filter(Boolean).join(" · ");
    const image = link(line?.image ?? product?.image, base);
    if (image !== this.#picture.dataset.src) {
      this.#picture.dataset.src = image ?? "";
      this.#picture.replaceChildren(...(image ? [el("img", { src: image, alt: "" })] : []));
    }
    this.#close?.setAttribute("aria-label", voice.say("close"));
    this.#test.hidden = !(state?.checkout ?? state?.quote)?.test_mode;
    this.#test.replaceChildren(el("b", {}, voice.say("test")), el("span", {}, voice.say("testtext").split(/(?<=\.) /)[0]));
  }

  /** What may change while a step stays. @param {SheetView} view */
  #update({ state, voice }) {
    if (!state) return;
    const main = this.#body.querySelector("[data-main]");
    main?.setAttribute("aria-disabled", String(state.busy));
    const alarm = state.decline && state.step === "payment";
    const trouble = state.trouble && voice.say(state.trouble);
    this.#note.hidden = !trouble && !(state.detail && !PLAIN[state.step]);
    this.#note.textContent = trouble || state.detail;
    const box = this.#body.querySelector("[data-decline]");
    if (box) {
      /** @type {HTMLElement} */ (box).hidden = !alarm;
      const known = state.decline?.code === "insufficient_funds" ? voice.say("insufficient_funds") : "";
      box.replaceChildren(...(alarm ? [el("b", {}, voice.say("declined")), `${known} ${voice.say("declinedtext")}`.trim()] : []));
      if (alarm && !state.busy) box.scrollIntoView({ block: "nearest" });
    }
    for (const field of this.#fields()) {
      const error = state.errors.find(({ pointer }) => pointer.split("/").pop() === field.name || (field.name === "contact" && /email|phone/.test(pointer)));
      if (error) complain(field, error.detail);
    }
    const lost = state.errors.filter(({ pointer }) => !this.#fields().some((field) => pointer.endsWith(field.name) || (field.name === "contact" && /email|phone/.test(pointer))));
    if (lost.length && this.#note.hidden) {
      this.#note.hidden = false;
      this.#note.textContent = lost.map(({ detail }) => detail).join(" ");
    }
  }

  /** The countdown is shown only while something truly runs out. */
  #tick() {
    const view = this.#view;
    const step = view?.state?.step;
    const checkout = view?.state?.checkout;
    const held = checkout && (step === "contact" || step === "address" || step === "payment" || step === "consent");
    this.#clock.hidden = !held;
    if (!held || !view) return;
    const left = Math.max(0, Date.parse(checkout.expires_at) - Date.now() - view.ahead);
    this.#clockFrom = Math.max(this.#clockFrom, left);
    const seconds = Math.ceil(left / 1000);
    this.#clock.textContent = view.voice.say("hold", { t: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` });
    this.#clock.style.setProperty("--rest", String(left / this.#clockFrom));
    if (!left && !view.state?.busy) request(this, "checkoutact", { act: "refresh" });
  }

  /** Where a keyboard goes on; on a touch screen the field waits, so that its keyboard does not cover the promises. */
  #focus() {
    const field = matchMedia("(pointer: fine)").matches && this.#body.querySelector("input:not([type=radio])");
    const place = field || this.#body.querySelector("h3") || this.#close;
    /** @type {HTMLElement | null} */ (place)?.focus();
  }
}

// ---- parts the steps are made of

/** @param {HTMLElement} from @param {string} act @param {Record<string, unknown>} [more] */
const act = (from, act, more) => request(from, "checkoutact", { act, ...more });

/** @param {string} text */
const heading = (text) => el("h3", { tabindex: -1 }, text);

/** @param {SheetView} view */
function sums({ state, voice, base }, /** @type {HTMLElement} */ sheet) {
  const quote = state?.quote;
  if (!quote) return el("div", { "aria-label": voice.say("reserving"), role: "status" }, el("p", { class: "ghost" }), el("br"), el("p", { class: "ghost low" }));
  const { delivery, delivery_options: options } = quote;
  const policy = link(quote.shipping_policy_url, base);
  const choice = delivery && options.length > 1 && !state.checkout?.order
    ? el("select", { name: "delivery", "aria-label": voice.say("delivery"), onchange: (/** @type {Event} */ event) =>
      act(sheet, "details", { details: { delivery: /** @type {HTMLSelectElement} */ (event.target).value } }) },
    ...options.map((one) => el("option", { value: one.id, selected: one.id === delivery.id }, `${promise(one, voice)} · ${one.name}`)))
    : delivery && `${promise(delivery, voice)} · ${delivery.name}`;
  return el("dl", { part: "sums" },
    delivery && el("div", { "data-delivery": true }, icon(VAN),
      el("dt", {}, choice && typeof choice === "string" && policy ? el("a", { href: policy, target: "_blank", rel: "noopener" }, choice) : choice),
      el("dd", { class: "num" }, delivery.price.amount ? voice.money(delivery.price) : voice.say("free"))),
    quote.returns && el("div", { "data-returns": true }, icon(BACK), el("dt", {}, quote.returns)),
    el("div", { class: "sum", "data-total": true },
      el("dt", {}, `${voice.say("total")} `, quote.tax.amount > 0 && el("span", { class: "num" }, voice.say(quote.tax_inclusive ? "tax" : "plus", { m: voice.money(quote.tax) }))),
      el("dd", { class: "num" }, voice.money(quote.total))));
}

/** @param {Delivery} delivery @param {Voice} voice */
function promise({ eta_min, eta_max, promise }, voice) {
  return eta_min && eta_max ? voice.say("arrives", { d: voice.days(eta_min, eta_max) }) : promise;
}

/** @param {string} text @param {Record<string, any>} [attributes] @param {...Node} more */
function main(text, attributes = {}, ...more) {
  return el("div", { class: "foot" }, el("button", { class: "go", part: "main", "data-main": true, ...attributes }, text), ...more);
}

/** @param {HTMLElement} sheet @param {string} text @param {string} what @param {Record<string, unknown>} [more] */
function ways(sheet, text, what, more) {
  return main(text, { type: "button", onclick: () => act(sheet, what, more) });
}

/** @param {string} name @param {string} label @param {Record<string, any>} attributes */
function field(name, label, attributes) {
  const input = el("input", { name, "aria-describedby": `${name}-bad`, oninput: () => complain(input, ""), ...attributes });
  return el("label", {}, label, input, el("span", { class: "bad", id: `${name}-bad`, role: "alert" }));
}

/** @param {HTMLInputElement | HTMLSelectElement} input @param {string} text */
function complain(input, text) {
  input.setAttribute("aria-invalid", String(!!text));
  const bad = input.parentElement?.querySelector(".bad");
  if (bad) bad.textContent = text;
}

/** @param {Voice} voice @param {string} chosen @param {Record<string, any>} [more] */
function countries(voice, chosen, more) {
  const codes = COUNTRIES.includes(chosen) || !chosen ? COUNTRIES : [chosen, ...COUNTRIES];
  const named = codes.map((code) => /** @type {const} */ ([code, voice.country(code)])).sort((a, b) => a[1].localeCompare(b[1], voice.locale));
  return el("label", {}, voice.say("country"), el("select", { class: "box", name: "country", autocomplete: "country", ...more },
    ...named.map(([code, name]) => el("option", { value: code, selected: code === chosen }, name))), el("span", { class: "bad" }));
}

/** A form whose own checks come before the server's. @param {(form: HTMLFormElement) => void} send @param {...(Node | null)} kids */
function form(send, ...kids) {
  return el("form", { novalidate: true, onsubmit: (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (!form.querySelector("[aria-disabled=true]")) send(form);
  } }, ...kids);
}

/** @param {HTMLFormElement} form @param {Voice} voice */
function complete(form, voice) {
  const empty = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("input[required]")]).filter((input) => !input.value.trim());
  for (const input of empty) complain(input, voice.say("needed"));
  empty[0]?.focus();
  return !empty.length;
}

/** @param {string} value */
export function contactOf(value) {
  const text = value.trim();
  if (/^\S+@\S+\.\S+$/.test(text)) return { email: text };
  const digits = text.replace(/[\s()/.-]/g, "");
  return /^\+?\d{6,15}$/.test(digits) ? { phone: digits } : null;
}

/** @param {Product} product @param {SheetView} view @param {HTMLElement} sheet */
function tile(product, { voice, base }, sheet) {
  const image = link(product.image, base);
  return el("button", { class: "tile", type: "button", onclick: () => act(sheet, "other", { product: product.id }) },
    image ? el("img", { src: image, alt: "" }) : el("span", { class: "thumb" }), product.title, el("span", { class: "num" }, voice.money(product.variants[0].price)));
}

// ---- the steps

/** @type {Record<string, (view: SheetView, sheet: HTMLElement) => (Node | null | false | "")[]>} */
const STEPS = {
  choose: ({ voice, product }, sheet) => {
    const options = product?.variants ?? [];
    const first = options.find(({ availability }) => availability.left !== 0);
    return [form((form) => act(sheet, "choose", { variant: String(new FormData(form).get("variant")) }),
      el("fieldset", {}, el("legend", {}, heading(voice.say("choose"))), ...options.map((option) => el("label", { class: "pick" },
        el("input", { type: "radio", name: "variant", value: option.id, disabled: option.availability.left === 0, checked: option === first }),
        option.title, el("small", { class: "num" }, option.availability.left === 0 ? voice.say("soldout") : voice.money(option.price))))),
      main(voice.say("next"), { disabled: !first }))];
  },

  quote: (view, sheet) => [heading(view.voice.say("reserving")), sums(view, sheet)],

  contact: (view, sheet) => {
    const { voice } = view;
    return [sums(view, sheet), form((form) => {
      const input = /** @type {HTMLInputElement} */ (form.elements.namedItem("contact"));
      const contact = contactOf(input.value);
      if (contact) return act(sheet, "details", { details: { contact } });
      complain(input, voice.say(input.value.trim() ? "badcontact" : "needed"));
      input.focus();
    },
    field("contact", voice.say("contact"), { type: "text", inputmode: "email", autocomplete: "email", autocapitalize: "off", spellcheck: "false", value: view.contact, required: true }),
    el("p", { class: "quiet" }, voice.say("why")), main(voice.say("next")))];
  },

  address: (view, sheet) => {
    const { voice } = view;
    const country = view.state?.quote?.country ?? view.country;
    const region = field("region", voice.say("region"), { autocomplete: "address-level1", hidden: false });
    const fit = (/** @type {string} */ code) => (region.hidden = !WITH_REGION.includes(code));
    fit(country);
    return [view.contact && row(view.contact, voice, () => act(sheet, "edit")), heading(voice.say("address")), form((form) => {
      if (!complete(form, voice)) return;
      const given = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]).filter(([, value]) => value);
      act(sheet, "details", { details: { address: Object.fromEntries(given) } });
    },
    field("name", voice.say("name"), { autocomplete: "name", required: true }),
    field("line1", voice.say("line1"), { autocomplete: "address-line1", required: true }),
    field("line2", voice.say("line2"), { autocomplete: "address-line2" }),
    el("div", { class: "two" }, field("postal_code", voice.say("code"), { autocomplete: "postal-code", required: true }),
      field("city", voice.say("city"), { autocomplete: "address-level2", required: true })),
    region,
    countries(voice, country, { onchange: (/** @type {Event} */ event) => fit(/** @type {HTMLSelectElement} */ (event.target).value) }),
    main(voice.say("next")))];
  },

  payment: (view, sheet) => {
    const { voice, state } = view;
    const quote = /** @type {Quote} */ (state?.quote);
    const test = state?.checkout?.test_mode;
    const cards = el("div", { class: "cards", role: "radiogroup", "aria-label": voice.say("test"), "data-test-cards": true },
      ...(test ? TEST_CARDS : []).map((token) => el("label", { class: "pick" },
        el("input", { type: "radio", name: "token", value: token, checked: token === "tok_visa" }), voice.say(token))));
    const pay = main(voice.say("pay", { m: voice.money(quote.total) }));
    const say = (/** @type {string} */ method) => {
      cards.hidden = !test || method !== "card";
      /** @type {HTMLElement} */ (pay.firstChild).textContent = voice.say(method === "manual" ? "place" : "pay", { m: voice.money(quote.total) });
    };
    say(quote.payment_methods[0]);
    return [
      el("div", { class: "note alarm", role: "alert", "data-decline": true, hidden: true }),
      sums(view, sheet),
      form((form) => {
        const data = new FormData(form);
        const method = String(data.get("method"));
        act(sheet, "pay", { payment: { method, ...(method === "card" && test ? { token: String(data.get("token")) } : {}) } });
      },
      el("fieldset", { onchange: (/** @type {Event} */ event) => {
        const input = /** @type {HTMLInputElement} */ (event.target);
        if (input.name === "method") say(input.value);
      } }, el("legend", {}, heading(voice.say("how"))),
      ...quote.payment_methods.flatMap((method, at) => [el("label", { class: "pick" },
        el("input", { type: "radio", name: "method", value: method, checked: at === 0 }),
        method in voice.words ? voice.say(/** @type {keyof Words} */ (method)) : method,
        method === "manual" && el("small", { class: "under" }, voice.say("manualtext"))), method === "card" && cards].filter((part) => !!part))),
      pay),
    ];
  },

  consent: ({ voice, state }, sheet) => {
    const offer = /** @type {Quote} */ (state?.offer);
    const before = state?.quote ? voice.money(state.quote.total) : "–";
    return [heading(voice.say("consent")), el("p", {}, voice.say("consenttext", { a: before, b: voice.money(offer.total) })),
      el("div", { class: "foot" }, el("button", { class: "go", "data-main": true, onclick: () => act(sheet, "accept") }, voice.say("yes", { m: voice.money(offer.total) })),
        el("button", { class: "text", onclick: () => act(sheet, "refuse") }, voice.say("no")))];
  },

  bank: ({ voice, state, base }, sheet) => {
    const url = link(state?.checkout?.next_action?.url, base);
    return [heading(voice.say("bank")), el("p", { class: "quiet" }, voice.say("banktext")),
      el("div", { class: "foot" }, el("a", { class: "go", "data-bank": true, href: url, target: "hawker-bank", onclick: (/** @type {Event} */ event) => {
        // With a window of our own we can close it again; where the browser gives none, the link opens a tab.
        const opened = open(url ?? "", "hawker-bank", "popup,width=480,height=720");
        if (opened) event.preventDefault();
        act(sheet, "bank", { opened });
      } }, voice.say("bankgo")))];
  },

  unknown: ({ voice }) => [heading(voice.say("unknown")), el("p", { class: "quiet" }, voice.say("unknowntext")), el("p", { class: "ghost low" })],

  receipt: (view, sheet) => {
    const { voice, state, base, ask } = view;
    const order = state?.checkout?.order;
    const page = link(order?.page_url, base);
    const copy = ask && pickCopy(ask.copy, [...voice.languages, view.language]);
    return [
      el("div", { class: "won" }, icon(CHECK), heading(voice.say("thanks")),
        el("p", { class: "num", "data-order": order?.id }, voice.say("number", { n: order?.number ?? "" })),
        view.contact && el("p", { class: "quiet" }, voice.say("receiptto", { c: view.contact }))),
      sums(view, sheet),
      ask && copy ? el("div", { class: "tiles" }, el("p", { class: "quiet" }, voice.say("more")),
        el("button", { class: "go second", "data-ask": ask.ask, "aria-pressed": String(view.asked), onclick: () => act(sheet, "ask", { anchor: ask }) },
          view.asked ? voice.say("saved") : copy.label || copy.title || "")) : null,
      el("div", { class: "foot" }, el("button", { class: "go", "data-main": true, onclick: () => act(sheet, "done") }, voice.say("done")),
        page && el("a", { class: "go second", part: "order", "data-order-page": true, href: page, target: "_blank", rel: "noopener" }, voice.say("order"))),
    ];
  },

  sold_out: (view, sheet) => {
    const { voice, stock, state, others } = view;
    const free = stock?.left ?? state?.left ?? 0;
    const waiting = stock?.in_checkouts ?? 0;
    return [
      heading(voice.say(free ? "back" : "sold_out")),
      el("p", { class: "quiet", role: "status" }, free ? "" : `${voice.say("sold_outtext")} ${waiting ? voice.say("watch", { n: waiting }) : ""}`),
      others.length > 0 && !free && el("div", { class: "tiles" }, el("p", { class: "quiet" }, voice.say("also")), ...others.slice(0, 3).map((one) => tile(one, view, sheet))),
      free ? ways(sheet, voice.say("take"), "again") : ways(sheet, voice.say("close"), "done"),
    ];
  },

  nowhere: ({ voice, country }, sheet) => [
    heading(voice.say("nowhere", { c: voice.country(country) })), el("p", { class: "quiet" }, voice.say("nowheretext")),
    form((form) => act(sheet, "country", { country: String(new FormData(form).get("country")) }), countries(voice, country), main(voice.say("next"))),
  ],

  plain: ({ voice, state }, sheet) => {
    const step = /** @type {"gone" | "expired" | "canceled" | "failed"} */ (state?.step);
    return [heading(voice.say(step)), el("p", { class: "quiet" }, voice.say(/** @type {keyof Words} */ (`${step}text`))),
      step === "gone" ? ways(sheet, voice.say("close"), "done") : ways(sheet, voice.say("again"), "again")];
  },
};

/** A finished step, in one line. @param {string} text @param {Voice} voice @param {() => void} change */
function row(text, voice, change) {
  return el("p", { class: "row" }, el("span", {}, text), el("button", { class: "text", type: "button", onclick: change }, voice.say("change")));
}

customElements.define("hawker-sheet", HawkerSheet);
