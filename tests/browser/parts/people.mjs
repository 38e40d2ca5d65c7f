// Who meets the shop: buyers with a device each, and the owner at the desk. Every page they open must be free of script errors.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { PATIENCE_MS } from "./world.mjs";

/** @import { Browser, BrowserContext, Page } from "playwright-core" */
/** @import { World } from "./world.mjs" */

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--autoplay-policy=no-user-gesture-required",
];
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
/** Nothing moves by itself: the clip stands at the second its address names. */
export const STILL = { reducedMotion: /** @type {const} */ ("reduce") };

export class People {
  /** @param {World} world */
  static async meet(world) {
    const browser = await chromium.launch({ executablePath: process.env.HAWKER_CHROMIUM || "/usr/bin/chromium", args: ARGUMENTS });
    return new People(world, browser);
  }

  /** Script errors of all pages, with where they happened. @type {string[]} */
  errors = [];
  /** @type {BrowserContext | null} */
  desk = null;

  /** @param {World} world @param {Browser} browser */
  constructor(world, browser) {
    this.world = world;
    this.browser = browser;
  }

  /** Somebody with a browser of their own: no cookies, no storage. @param {import("playwright-core").BrowserContextOptions} [options] */
  async somebody(options = {}) {
    const context = await this.browser.newContext({ locale: "en-GB", timezoneId: "Europe/Berlin", ...PHONE, ...STILL, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    context.on("weberror", (error) => this.errors.push(`${error.page()?.url()}: ${error.error().stack}`));
    context.on("console", (message) => {
      // A 4xx is an answer of the shop, seen by the story itself; everything else that complains is a defect, a broken policy above all.
      if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) this.errors.push(`${message.page()?.url()}: ${message.text()}`);
    });
    return context;
  }

  /** The owner, signed in through the printed link, in front of Today. */
  async owner() {
    const context = await this.somebody({ viewport: { width: 1280, height: 900 }, isMobile: false, hasTouch: false });
    const page = await context.newPage();
    await page.goto(this.world.link);
    await page.getByRole("button", { name: /^Open / }).click();
    await page.waitForURL(this.world.desk());
    this.desk = context;
    return new Owner(this.world, context, page);
  }

  /** The shop's publishable key, as any visitor finds it in a clip's page. */
  async key() {
    const context = await this.somebody({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(this.world.page());
    await page.locator("a.clip-card").first().click();
    const key = await page.locator("hawker-clip").getAttribute("key");
    await context.close();
    return key ?? "";
  }

  /** Everybody closes their browser, but the owner at the desk. */
  async leave() {
    await Promise.all(this.browser.contexts().filter((context) => context !== this.desk).map((context) => context.close()));
  }

  async end() {
    await this.browser.close();
    assert.deepEqual([...new Set(this.errors)], []);
  }
}

/** The owner's browser, and what the API tells its session. */
export class Owner {
  /** @param {World} world @param {BrowserContext} context @param {Page} page */
  constructor(world, context, page) {
    this.world = world;
    this.context = context;
    this.page = page;
  }

  /** @param {string} path @returns {Promise<any>} */
  async ask(path) {
    const answer = await this.context.request.get(this.world.base + path);
    assert.equal(answer.status(), 200, `${path} answered ${await answer.text()}`);
    return answer.json();
  }

  /** @param {"POST" | "PUT"} method @param {string} path @param {unknown} body @returns {Promise<any>} */
  async tell(method, path, body) {
    const answer = await this.context.request.fetch(this.world.base + path, { method, data: body, headers: { origin: this.world.base } });
    assert.ok(answer.ok(), `${method} ${path} answered ${await answer.text()}`);
    return answer.json();
  }

  /** @returns {Promise<any[]>} newest first */
  async orders() {
    return (await this.ask("/v1/orders?limit=100")).data;
  }

  /** How everything stands that a purchase may move. */
  async stand() {
    const shelves = await this.world.shelves();
    return {
      orders: new Set((await this.orders()).map(({ id }) => id)),
      payments: new Set(this.world.bank().map(({ id }) => id)),
      shelves: new Map([...shelves].map(([sku, { availability }]) => [sku, availability])),
    };
  }

  /**
   * Everything a purchase has moved since: new orders, new payments at the bank, and by SKU how many are fewer on the shelf or held in
   * checkouts. A story says exactly what it expects here; what it does not name must not have moved.
   * @param {Awaited<ReturnType<Owner["stand"]>>} before
   */
  async since(before) {
    const now = await this.world.shelves();
    /** @type {Record<string, {left: number, held: number}>} */
    const shelves = {};
    for (const [sku, { availability }] of now) {
      const was = before.shelves.get(sku);
      const moved = { left: availability.left - was.left, held: availability.in_checkouts - was.in_checkouts };
      if (moved.left || moved.held) shelves[sku] = moved;
    }
    return {
      orders: (await this.orders()).filter(({ id }) => !before.orders.has(id)),
      payments: this.world.bank().filter(({ id }) => !before.payments.has(id)),
      shelves,
    };
  }

  /** Exactly one order for one piece of `sku`, and one promise of its total at the bank. @param {Awaited<ReturnType<Owner["stand"]>>} before @param {string} sku */
  async soldOnce(before, sku) {
    const { orders, payments, shelves } = await this.since(before);
    assert.equal(orders.length, 1, "one order");
    const [order] = orders;
    assert.deepEqual(order.lines.map((/** @type {any} */ line) => line.quantity), [1]);
    assert.deepEqual(shelves, { [sku]: { left: -1, held: 0 } });
    const promised = payments.filter(({ state }) => state === "requires_capture");
    assert.deepEqual(promised.map(({ amount, captured }) => ({ amount, captured })), [{ amount: order.total.amount, captured: 0 }], "one promise of money");
    assert.equal(order.payment, "authorized");
    return { order, payments };
  }

  /** The balances of all accounts; whatever happened, they add up to nothing. @returns {Promise<any[]>} */
  async balances() {
    const { data } = await this.ask("/v1/balances");
    assert.equal(data.reduce((/** @type {number} */ sum, /** @type {any} */ { balance }) => sum + balance.amount, 0), 0, JSON.stringify(data));
    return data;
  }
}
