// The clip and its sheet, as fingers use them.

import { PATIENCE_MS } from "./world.mjs";

/** @import { BrowserContext, Locator, Page } from "playwright-core" */
/** @import { World } from "./world.mjs" */

export const BUYER = { contact: "jo.berg@example.org", name: "Jo Berg", line1: "Lindenweg 4", postal_code: "50667", city: "Köln" };

export class Player {
  /**
   * Opens a clip's page, at a second of it if one is named.
   * @param {World} world @param {BrowserContext} context @param {string} slug @param {number} [second]
   */
  static async open(world, context, slug, second) {
    const page = await context.newPage();
    await page.goto(world.page(`/clips/${slug}${second === undefined ? "" : `?t=${second}`}`));
    await page.locator("hawker-clip[shape]").waitFor();
    world.key ||= (await page.locator("hawker-clip").getAttribute("key")) ?? "";
    return new Player(page);
  }

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.sheet = page.locator("hawker-sheet");
    /** The one button of a step. */
    this.main = this.sheet.locator("[data-main]");
    this.total = this.sheet.locator("[data-total] dd");
  }

  /** The visible button that buys now; where a button stands below a card, the card has none. */
  get buy() {
    return this.page.locator("hawker-anchor [data-buy]:visible").last();
  }

  /** The sheet shows this step. @param {string} name */
  async step(name) {
    await this.page.locator(`hawker-sheet[open][step=${name}]:not([busy])`).waitFor({ state: "attached", timeout: PATIENCE_MS });
  }

  /** Waits until these words stand in the sheet. @param {string | RegExp} words */
  async says(words) {
    await this.sheet.locator("dialog").getByText(words).first().waitFor();
  }

  /** @param {string} name @returns {Locator} */
  field(name) {
    return this.sheet.locator(`[name=${name}]`);
  }

  /** Taps what the clip offers, up to the first question. */
  async tap() {
    await this.buy.click();
    await this.page.locator("hawker-sheet[open]").waitFor({ state: "attached" });
  }

  async sayContact(contact = BUYER.contact) {
    await this.step("contact");
    await this.field("contact").fill(contact);
    await this.main.click();
  }

  async sayAddress() {
    await this.step("address");
    for (const name of /** @type {const} */ (["name", "line1", "postal_code", "city"])) await this.field(name).fill(BUYER[name]);
    await this.main.click();
    await this.step("payment");
  }

  /** From the tap to where only the money is missing. @param {string} [contact] */
  async tapAndTell(contact) {
    await this.tap();
    await this.sayContact(contact);
    await this.sayAddress();
  }

  /** @param {string} token of a test card */
  async pay(token) {
    await this.sheet.locator(`input[name=token][value=${token}]`).check();
    await this.main.click();
  }

  /** The receipt in the sheet: the order's id, its number as it is said, and where its page is. */
  async receipt() {
    await this.step("receipt");
    const order = this.sheet.locator("[data-order]");
    return {
      order: await order.getAttribute("data-order"),
      said: await order.innerText(),
      page: (await this.sheet.locator("[data-order-page]").getAttribute("href")) ?? "",
    };
  }
}

/** A whole purchase by somebody who knows what they want. @param {World} world @param {BrowserContext} context @param {string} slug @param {number} second */
export async function buyOnce(world, context, slug, second) {
  const player = await Player.open(world, context, slug, second);
  await player.tapAndTell();
  await player.pay("tok_visa");
  return { player, ...(await player.receipt()) };
}
