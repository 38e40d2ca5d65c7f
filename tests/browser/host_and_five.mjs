// One host runs a whole drop from the console, on a phone, while five browsers buy; afterwards receipts, counters and books agree.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUYER } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

const PATH = "/drops/five-at-once";
const FIVE = ["ada", "ben", "cleo", "dan", "eli"];

/** @param {import("playwright-core").Page} page @param {string} who */
async function pay(page, who) {
  await page.getByLabel("E-mail").fill(`${who}@five.example`);
  await page.getByLabel("Name", { exact: true }).fill(BUYER.name);
  await page.getByLabel("Street and number").fill(`${who} street 1`);
  await page.getByLabel("Postcode").fill(BUYER.postal_code);
  await page.getByLabel("Town").fill(BUYER.city);
  await page.getByRole("button", { name: /^Pay / }).click();
}

test("a host runs a drop from a phone while five browsers buy, and every book says the same", async () => {
  const shelves = [...(await world.shelves()).values()];
  const piece = shelves.find(({ availability }) => availability.left > 8);
  assert.ok(piece, "the demo sells something");
  const name = piece.product.title;
  const shelf = async () => (await world.shelves()).get(piece.sku).availability.left;
  const before = { shelf: await shelf(), orders: (await owner.orders()).length };

  // The host has nothing but a phone.
  const desk = owner.page;
  await desk.setViewportSize({ width: 390, height: 844 });
  await desk.goto(world.desk("/drops"));
  await desk.getByLabel("Title").fill("Five at once");
  await desk.getByRole("button", { name: "Plan it" }).click();
  await desk.getByLabel("Pieces for each buyer").fill("1");
  const row = desk.locator(".plan-row").first();
  await row.getByLabel("Piece").selectOption(piece.id);
  await row.getByLabel("Units").fill("3");
  await row.getByLabel("Price, EUR").fill("25");
  /** @param {RegExp} first @param {RegExp} then */
  const confirm = async (first, then) => {
    await desk.locator("summary", { hasText: first }).first().click();
    await desk.getByRole("button", { name: then }).first().click();
  };
  await confirm(/Schedule it/, /Save, and schedule it/);
  await desk.locator("summary", { hasText: "Open it now" }).waitFor();
  assert.equal(await shelf(), before.shelf - 3, "its units left the shelf");

  // Five browsers stand in front of it, two of them without scripts.
  const pages = await Promise.all(FIVE.map(async (_, number) => {
    const page = await (await people.somebody(number > 2 ? { javaScriptEnabled: false } : {})).newPage();
    await page.goto(world.page(PATH));
    await page.getByText("Not open yet").first().waitFor();
    return page;
  }));
  await confirm(/Open it now/, /Yes, open it/);
  await pages[0].getByText("Open now.").waitFor();
  const card = desk.locator(".console-item", { hasText: name });
  await card.getByRole("button", { name: /^Put on the table/ }).click();
  await pages[1].getByText("On the table now").first().waitFor();

  // Three are there for five. Those who come second are told so, and the host sees it.
  const buys = async (/** @type {number} */ number) => {
    const page = pages[number];
    await page.goto(world.page(PATH));
    await page.locator(`[data-variant="${piece.id}"]`).getByRole("button", { name: /^Buy/ }).click();
    await pay(page, FIVE[number]);
    await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  };
  await Promise.all([0, 3, 4].map(buys));
  for (const number of [1, 2]) {
    await pages[number].goto(world.page(PATH));
    assert.ok(await pages[number].getByRole("button", { name: "Sold out" }).first().isDisabled());
  }
  await desk.locator("summary", { hasText: "Sold out: release more" }).waitFor();
  await desk.locator("summary", { hasText: "Sold out: release more" }).click();
  await desk.getByLabel(/^Pieces of/).fill("3");
  await desk.getByRole("button", { name: "Release them to buyers" }).click();
  await card.locator("summary", { hasText: "Price" }).click();
  await card.getByLabel("New price, EUR").fill("22");
  await card.getByRole("button", { name: "Step the price" }).click();
  await pages[1].getByText("€22.00").first().waitFor();
  await Promise.all([1, 2].map(buys));

  // The console counted along, unasked.
  const paid = desk.locator(".console-figures li", { hasText: "Paid" }).locator(".figure");
  await eventually("the console counts five", async () => (await paid.innerText()) === "5");
  await confirm(/^Close/, /Yes, close it/);
  await eventually("what nobody bought is on the shelf again", async () => (await shelf()) === before.shelf - 5);

  // Receipts, counters and books.
  const known = (await owner.ask("/v1/drops")).data.find((/** @type {any} */ { title }) => title === "Five at once");
  const drop = await owner.ask(`/v1/drops/${known.id}`);
  assert.deepEqual([drop.items[0].sold, drop.items[0].reserved, drop.items[0].left], [5, 0, 0]);
  const orders = (await owner.orders()).slice(0, 5);
  assert.equal((await owner.orders()).length, before.orders + 5);
  // Three at 25.00 and two at 22.00, each with its parcel.
  const totals = await Promise.all(orders.map(async ({ id }) => (await owner.ask(`/v1/orders/${id}`)).total.amount));
  const delivery = Math.min(...totals) - 2200;
  assert.deepEqual([...totals].sort(), [2200, 2200, 2500, 2500, 2500].map((price) => price + delivery));
  const archive = await owner.ask(`/v1/drops/${known.id}/events`);
  const kinds = archive.events.map((/** @type {any} */ { kind }) => kind);
  for (const kind of ["scheduled", "opened", "pinned", "released", "price_step", "closed"]) assert.ok(kinds.includes(kind), `${kind} of ${kinds}`);
  assert.equal(archive.verified, true, "the archive holds together");
  const letters = await (await people.somebody()).newPage();
  for (const who of FIVE) {
    await eventually(`${who} has a receipt`, async () => {
      await letters.goto(`${world.base}/mailbox`);
      return (await letters.content()).includes(`${who}@five.example`);
    });
  }
  await desk.setViewportSize({ width: 1280, height: 900 });
});
