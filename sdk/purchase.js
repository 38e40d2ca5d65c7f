// One purchase, from the tap to the receipt. Its id is made and kept before the first call, so a retry, a reload and a second
// tab are the same purchase and the server can answer "again" instead of selling twice. Nothing personal is kept.
//
// An answer that did not come is not a refusal: creating and changing are repeated word for word under the same id, and
// after a payment without an answer we look first and pay again only if the server never heard of it.

import { typeId, uuid7, uuidText } from "./ids.js";
import { nameOf, readKept } from "./kept.js";

/** @import { Answer, Ask, Call, Checkout, Kept, OneTap, Problem, PurchaseState, Quote, Step, Wish, World } from "./contract.d.ts" */

/** How often a server that answers with its own failure is asked to pay again. */
const TRIES_MAX = 6;
/** How often a quote that does not hold is replaced by one that costs no more, without asking the buyer. */
const REQUOTES_MAX = 3;
const NEEDS = /** @type {const} */ (["contact", "address", "payment"]);

/** @type {PurchaseState} */
const FRESH = {
  step: "quote", busy: false, quote: null, checkout: null, offer: null, left: 0, errors: [], decline: null, trouble: null, detail: "",
};

export class Purchase {
  /** @type {PurchaseState} */
  state = FRESH;
  /** @type {Kept | null} */
  kept = null;
  /** @type {Set<(_: null) => void>} */
  #waiting = new Set();
  #following = false;
  #requotes = 0;
  /** What waits for consent to a dearer quote: the details to send again, or nothing for the reservation itself. */
  /** @type {Record<string, unknown> | null} */
  #pending = null;
  /** How a kept card pays; nothing where the buyer says it step by step. @type {OneTap} */
  #tap = {};

  /**
   * @param {World} world
   * @param {Ask} ask
   * @param {string} key
   * @param {Wish} wish
   * @param {(purchase: Purchase, what: "changed" | "add" | "purchase") => void} tell
   */
  constructor(world, ask, key, wish, tell) {
    this.world = world;
    this.ask = ask;
    this.wish = wish;
    this.tell = tell;
    this.name = nameOf(key, wish.lines);
  }

  /** The tap: go on with what was begun, here or in another tab, or quote and reserve. */
  async start() {
    this.#tap = {};
    await this.#alone(async () => {
      const kept = await this.#begin();
      if (this.state.checkout?.id !== kept.id) this.#set({ ...FRESH, busy: true });
      await (this.#goneOn(kept) ?? this.#quoteAndReserve());
    });
  }

  /** What one tap with a kept card would cost. Nothing is reserved and nothing kept before that tap. */
  async price() {
    // What was begun, here or in another tab, or bought a moment ago, is shown first.
    if (readKept(this.world, this.name)?.secret) return this.start();
    await this.#alone(async () => {
      this.#set({ ...FRESH, busy: true });
      const quote = await this.#quote();
      if (quote) this.#set({ step: "one_tap", quote });
    });
  }

  /** That tap: places and pays what was shown. @param {OneTap} tap */
  async take(tap) {
    const { quote } = this.state;
    if (quote) await this.#alone(async () => {
      this.#tap = tap;
      await (this.#goneOn(await this.#begin()) ?? this.#reserveAt(quote));
    });
  }

  /** The id of this purchase, made and kept before anything is asked. */
  async #begin() {
    return this.kept = await this.world.lock(this.name, () => {
      const kept = readKept(this.world, this.name) ?? this.#another();
      this.#keep(kept);
      return kept;
    });
  }

  #another() {
    return { id: typeId("chk", uuid7(this.world.now(), this.world.random)), made: this.world.now(), wish: this.wish };
  }

  /** What was begun goes on where it was. @param {Kept} kept */
  #goneOn({ secret, body }) {
    return secret ? this.#look() : body && this.#reserve();
  }

  /** Ends a wait early: the network is back, the buyer returned from the bank, another tab has news. */
  nudge() {
    for (const wake of this.#waiting) wake(null);
  }

  /** Another tab changed what is kept. */
  async refresh() {
    const kept = readKept(this.world, this.name);
    if (kept && kept.id === this.kept?.id) this.kept = kept;
    if (this.kept?.secret && !this.#following) await this.#alone(() => this.#look());
  }

  /** Contact, address or another delivery. @param {Record<string, unknown>} details */
  async details(details) {
    await this.#alone(async () => {
      const answer = await this.#call("PUT", "/details", { body: details });
      const problem = /** @type {Problem} */ (answer.body);
      const checkout = checkoutIn(answer);
      if (checkout) return this.#take(checkout);
      if (problem.code === "price_changed" && problem.quote) {
        this.#pending = details;
        return this.#set({ step: "consent", offer: problem.quote });
      }
      if (answer.status === 422 || problem.code === "not_delivered_there") {
        const pointer = answer.status === 422 ? "" : "/address/country";
        return this.#set({ errors: problem.errors?.length ? problem.errors : [{ pointer, detail: problem.detail ?? "" }] });
      }
      await this.#lost(answer);
    });
  }

  /** The buyer agrees to the dearer quote. */
  async accept() {
    const offer = this.state.offer;
    if (!offer || !this.kept) return;
    if (this.#pending) return this.details({ ...this.#pending, accept: offer.quote });
    await this.#alone(() => this.#reserveAt(offer));
  }

  /** The buyer does not agree: back to the details, or leave before anything was reserved. */
  async refuse() {
    if (!this.#pending) return this.#end("canceled");
    this.#pending = null;
    if (this.state.checkout) this.#take(this.state.checkout);
  }

  /** @param {{method: string, token?: string, keep?: boolean, return_url?: string | null}} payment */
  async pay(payment) {
    await this.#alone(async () => {
      const { checkout } = this.state;
      if (!checkout || !this.kept) return;
      // To keep a card the browser needs a secret of its own first: asked until it has one, so that a lost answer loses no card.
      if (payment.keep && (await this.#persist("PUT", "/v1/buyer")).status !== 204) payment = { ...payment, keep: undefined };
      const as = `${payment.method} ${payment.token ?? ""} ${payment.keep ?? ""}`;
      const { pay } = this.kept;
      // The same wish against the same version is the same attempt, also after a reload; anything else is a new one.
      const once = pay && pay.as === as && pay.version === checkout.version
        ? pay.once : uuidText(uuid7(this.world.now(), this.world.random));
      this.#keep({ ...this.kept, pay: { once, as, version: checkout.version } });
      for (let tries = 0; ; tries++) {
        const answer = await this.#once("POST", "/payment", { body: payment, once });
        if (answer?.status === 402) return await this.#declined(answer.body);
        const done = answer && checkoutIn(answer);
        if (done) return this.#take(done);
        if (answer?.status === 422) return this.#set({ errors: answer.body.errors ?? [], detail: answer.body.detail ?? "" });
        const lost = !answer || answer.status === 429 || (answer.status >= 500 && tries < TRIES_MAX);
        if (lost) await this.#wait(tries, answer);
        // No answer, or one we cannot read: the money may be promised. Look before asking again.
        if (!lost && answer) return await this.#lost(answer);
        const now = await this.#call("GET", "");
        const unheard = now.status === 200 && now.body.state === "ready_for_complete" && now.body.version === checkout.version;
        if (!unheard) return this.#seen(now);
      }
    });
  }

  /** The receipt was read: the next tap is a new purchase. */
  forget() {
    if (readKept(this.world, this.name)?.id === this.kept?.id) this.world.storage.removeItem(this.name);
    this.kept = null;
  }

  // ---- how a reservation comes about

  async #quoteAndReserve() {
    const quote = await this.#quote();
    if (quote) await this.#reserveAt(quote);
  }

  async #quote() {
    const { lines, country, clip, version, anchor, at_ms } = this.wish;
    const query = Object.entries({ lines, country, clip, version, anchor, at_ms })
      .filter(([, value]) => value != null).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
    const answer = await this.#persist("GET", `/v1/quotes?${query.join("&")}`);
    if (answer.status === 200) return /** @type {Quote} */ (answer.body);
    this.#refused(answer);
    return null;
  }

  /** @param {Quote} quote */
  async #reserveAt(quote) {
    if (!this.kept) return;
    this.#set({ quote, offer: null });
    const mine = this.kept;
    this.kept = await this.world.lock(this.name + "+", () => {
      // A tab that was faster has settled what this id stands for. A body equal to ours is our own, just refused.
      const other = readKept(this.world, this.name);
      const theirs = other?.id === mine.id && (other.secret || (other.body && other.body.quote !== mine.body?.quote));
      const kept = theirs ? other : { ...mine, body: { quote: quote.quote, ...this.#tap } };
      this.#keep(kept);
      return kept;
    });
    await (this.kept.secret ? this.#look() : this.#reserve());
  }

  async #reserve() {
    if (!this.kept) return;
    const answer = await this.#persist("PUT", `/v1/checkouts/${this.kept.id}`, { body: this.kept.body });
    const checkout = checkoutIn(answer);
    const { code } = answer.body;
    const { quote: _, ...tap } = this.kept.body ?? {};
    this.#tap = tap;
    if (checkout) {
      const added = this.kept.added;
      this.#keep({ ...this.kept, secret: checkout.client_secret ?? this.kept.secret, added: true });
      if (!added) this.tell(this, "add");
      this.#take(checkout);
    } else if (code === "price_changed" || code === "quote_expired") {
      const quote = answer.body.quote ?? await this.#quote();
      if (!quote) return;
      // A rise needs the buyer's word. After a reload we no longer know what was shown, so we ask as well.
      const shown = this.state.quote;
      if (shown && !dearer(quote, shown) && this.#requotes++ < REQUOTES_MAX) return this.#reserveAt(quote);
      this.#set({ step: "consent", offer: quote });
    } else if (code === "id_reused") {
      // Another tab was first with another quote: what it keeps is the purchase. Without one the id is of no more use to us;
      // nobody can pay under it, because payment needs the secret.
      const other = readKept(this.world, this.name);
      const same = other?.id === this.kept.id && other.body?.quote === this.kept.body?.quote && !other.secret;
      if (!other || same) {
        this.forget();
        this.kept = this.#another();
        return this.#quoteAndReserve();
      }
      this.kept = other;
      await (other.secret ? this.#look() : this.#reserve());
    } else if (this.#tap.payment && !this.#tap.after && /^(stored_method_|method_not)/.test(code)) {
      // The kept card cannot pay here any more: the buyer says it step by step, under the same id, of which the server knows nothing yet.
      this.#tap = {};
      await this.#quoteAndReserve();
    } else this.#refused(answer);
  }

  /** A named refusal before anything was reserved. @param {Answer} answer */
  #refused({ status, body }) {
    const named = /** @type {Record<string, Step>} */ ({
      sold_out: "sold_out", not_for_sale: "gone", not_delivered_there: "nowhere",
    })[body.code];
    this.#end(named ?? (status === 404 ? "gone" : "failed"), { left: body.left ?? 0, detail: body.detail ?? "" });
  }

  // ---- what the server says a checkout is

  async #look() {
    this.#seen(await this.#call("GET", ""));
  }

  /** What was asked cannot be done as the checkout stands: see how it stands, and say why. @param {Answer} refusal */
  async #lost({ body }) {
    if (body.code === "checkout_expired" || body.state === "expired") return this.#end("expired");
    await this.#look();
    this.#set({ detail: body.detail ?? "" });
  }

  /** @param {Answer} answer */
  #seen(answer) {
    if (answer.status === 200) this.#take(answer.body);
    else if (this.kept?.pay) {
      // Money may have been promised. Whether it was cannot be told, so nobody is told that it was not.
      this.#set({ step: "unknown" });
      void this.#follow();
    } else this.#end(answer.status === 404 ? "expired" : "failed", { detail: answer.body.detail ?? "" });
  }

  /** @param {Checkout} checkout */
  #take(checkout) {
    const { state } = checkout;
    this.#pending = null;
    // The ways to travel are told with a quote; a checkout knows only its own.
    const { quote: before } = this.state;
    const options = before?.country === checkout.quote.country ? before.delivery_options : [];
    const quote = checkout.quote.delivery_options.length ? checkout.quote : { ...checkout.quote, delivery_options: options };
    const known = { checkout, quote, offer: null, decline: checkout.decline, errors: [], detail: "" };
    if (state === "canceled" || state === "expired") return this.#end(state, known);
    if (this.kept && state === "completed") {
      const done = this.kept.done;
      this.#keep({ ...this.kept, done: done ?? this.world.now(), pay: undefined });
      this.#set({ ...known, decline: null, step: "receipt" });
      if (!done) this.tell(this, "purchase");
      return;
    }
    const waits = state === "complete_in_progress" ? "unknown" : state === "requires_escalation" ? "bank" : null;
    if (this.kept) {
      // An attempt that moved the checkout and left it payable is over.
      const { pay } = this.kept;
      this.#keep({ ...this.kept, until: checkout.expires_at, version: checkout.version, pay: waits || pay?.version === checkout.version ? pay : undefined });
    }
    this.#set({ ...known, step: waits ?? NEEDS.find((need) => checkout.needs.includes(need)) ?? "payment" });
    if (waits) void this.#follow();
  }

  /** @param {Problem} problem */
  async #declined(problem) {
    // The next try is a new attempt, even with the same card.
    if (this.kept) this.#keep({ ...this.kept, pay: undefined });
    if (problem.checkout) this.#take(problem.checkout);
    else await this.#look();
    const decline = this.state.decline ?? { code: problem.code ?? "declined", detail: problem.detail ?? "" };
    if (this.state.step === "payment") this.#set({ decline });
  }

  /** Unknown is not failed: ask until it is known, ever more patiently. */
  async #follow() {
    if (this.#following) return;
    this.#following = true;
    for (let tries = 0; this.state.step === "unknown" || this.state.step === "bank"; tries++) {
      await this.#pause(Math.min(800 * 1.3 ** tries, 5000));
      const answer = await this.#call("GET", "");
      // The window at the bank hangs on its address: a wait that goes on is not shown anew. An answer that is none of ours
      // says nothing about the money.
      const { state, version } = answer.body;
      const goesOn = version === this.state.checkout?.version && (state === "complete_in_progress" || state === "requires_escalation");
      if (answer.status === 200 && !goesOn) this.#take(answer.body);
    }
    this.#following = false;
  }

  // ---- asking

  /** @param {string} method @param {string} path @param {Call} [call] */
  #call(method, path, call) {
    return this.#persist(method, `/v1/checkouts/${this.kept?.id}${path}`, { ...call, secret: this.kept?.secret });
  }

  /** @param {string} method @param {string} path @param {Call} [call] @returns {Promise<Answer | null>} */
  #once(method, path, call) {
    return this.ask(method, `/v1/checkouts/${this.kept?.id}${path}`, { ...call, secret: this.kept?.secret }).catch(() => null);
  }

  /** Asks until there is an answer. Only for calls that may arrive twice. @param {string} method @param {string} path @param {Call} [call] */
  async #persist(method, path, call) {
    for (let tries = 0; ; tries++) {
      const answer = await this.ask(method, path, call).catch(() => null);
      if (answer && answer.status !== 429 && answer.status < 500) {
        if (this.state.trouble) this.#set({ trouble: null });
        return answer;
      }
      await this.#wait(tries, answer);
    }
  }

  /** Back off, with chance in it so that a crowd does not return at once. @param {number} tries @param {Answer | null} answer */
  async #wait(tries, answer) {
    this.#set({ trouble: answer ? "busy" : "offline" });
    const chance = 0.5 + this.world.random(new Uint8Array(1))[0] / 510;
    await this.#pause(answer?.wait ?? Math.min(400 * 2 ** tries, 8000) * chance);
  }

  /** @param {number} ms */
  #pause(ms) {
    /** @type {(_: null) => void} */
    let wake = () => {};
    const woken = new Promise((resolve) => this.#waiting.add(wake = resolve));
    return Promise.race([this.world.sleep(ms), woken]).then(() => this.#waiting.delete(wake));
  }

  /** One act at a time: a second tap on a busy button is the same wish. @param {() => Promise<unknown>} act */
  async #alone(act) {
    if (this.state.busy) return;
    this.#set({ busy: true, errors: [], trouble: null });
    await act();
    this.#set({ busy: false, trouble: null });
  }

  /** @param {Step} step @param {Partial<PurchaseState>} [more] */
  #end(step, more) {
    this.forget();
    this.#set({ ...more, step, offer: null });
  }

  /** @param {Kept} kept */
  #keep(kept) {
    this.kept = kept;
    this.world.storage.setItem(this.name, JSON.stringify(kept));
  }

  /** @param {Partial<PurchaseState>} change */
  #set(change) {
    this.state = { ...this.state, ...change };
    this.tell(this, "changed");
  }
}

/** A checkout comes alone or, when its last payment was declined, inside the problem. @param {Answer} answer @returns {Checkout | null} */
function checkoutIn({ status, body }) {
  return status < 300 ? body : body.checkout ?? null;
}

/** @param {Quote} quote @param {Quote} shown */
function dearer(quote, shown) {
  return quote.currency !== shown.currency || quote.total.amount > shown.total.amount;
}
