// A gift card in a shop: issued at the desk, shown before it pays, and the card for the rest. Without scripts, as the form is a plain page.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BUYER } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";

theDemo();

/** @param {import("playwright-core").Page} page */
async function fillForm(page) {
  await page.getByLabel("E-mail").fill(BUYER.contact);
  await page.getByLabel("Name", { exact: true }).fill(BUYER.name);
  await page.getByLabel("Street and number").fill(BUYER.line1);
  await page.getByLabel("Postcode").fill(BUYER.postal_code);
  await page.getByLabel("Town").fill(BUYER.city);
}

/** A picture of a page at both widths, light and dark, where pictures are asked for. @param {import("playwright-core").Page} page @param {string} name */
async function picture(page, name) {
  const folder = process.env.HAWKER_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const size = page.viewportSize();
  for (const width of [390, 1440]) {
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  if (size) await page.setViewportSize(size);
}

/** Issues a card at the desk; its code, which is shown this once. @param {string} worth @param {string} note */
async function issue(worth, note) {
  const desk = owner.page;
  await desk.goto(world.desk("/money/gift-cards"));
  await desk.getByLabel("Worth, in EUR").fill(worth);
  await desk.getByLabel("Note").fill(note);
  await desk.getByRole("button", { name: "Issue the card" }).click();
  await desk.getByRole("heading", { name: /This is the only time its code is shown/ }).waitFor();
  return desk.locator("#secret").innerText();
}

test("a gift card pays a part, a card the rest, and every book says so", async () => {
  const desk = owner.page;
  const code = await issue("20", "For Jo");
  await picture(desk, "studio-gift-cards");
  await desk.goto(world.desk("/money/gift-cards"));
  assert.ok(!(await desk.content()).includes(code), "asked for again, the page does not have it");

  const stand = await owner.stand();
  const visitor = await people.somebody({ javaScriptEnabled: false });
  const page = await visitor.newPage();
  await page.goto(world.page("/products/slow-dripper"));
  await page.getByRole("button", { name: "Buy now" }).click();
  await fillForm(page);
  await picture(page, "shop-gift-card-closed");
  await page.getByText("I have a gift card").click();
  await page.getByLabel("Gift card code").fill("7K3M");
  await page.getByRole("button", { name: "Use this gift card" }).click();
  await page.getByText("There is no gift card with this code here.").first().waitFor();
  await picture(page, "shop-gift-card-wrong");
  await page.getByLabel("Gift card code").fill(code.toLowerCase());
  await page.getByRole("button", { name: "Use this gift card" }).click();
  await page.getByText("€26.90 is left to pay").waitFor();
  assert.equal(await page.getByLabel("Town").inputValue(), BUYER.city, "what was typed is still there");
  await picture(page, "shop-gift-card");

  // The bank says no: nothing is lost, and the gift card is free again.
  await page.getByLabel(/without enough money/).check();
  await page.getByRole("button", { name: "Pay €26.90" }).click();
  await page.getByRole("heading", { name: "Your bank declined the payment" }).waitFor();
  await page.getByLabel(/Card that works/).check();
  await page.getByRole("button", { name: "Pay €26.90" }).click();
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  await page.getByText(`Gift card •••• ${code.slice(-4)}`).first().waitFor();
  await picture(page, "shop-order-gift-card");

  const { orders, payments } = await owner.since(stand);
  const [order] = orders;
  assert.deepEqual([order.total.amount, order.gift_card.amount.amount, order.gift_card.held.amount], [4690, 2000, 2000]);
  const promised = payments.filter(({ state }) => state === "requires_capture");
  assert.deepEqual(promised.map(({ amount }) => amount), [2690], "the bank is asked for the rest only");

  // Shipped at the desk, and given back: the card first, then the gift card.
  await desk.goto(world.desk(`/orders/${order.id}`));
  await picture(desk, "studio-order-gift-card");
  await desk.getByRole("button", { name: "Ship and take €46.90" }).click();
  await desk.getByText("The gift card paid").waitFor();
  await owner.balances();
  await desk.getByLabel(/Slow dripper/).fill("1");
  await desk.getByRole("button", { name: "Show who gives back what" }).click();
  await desk.getByText(/goes back the way it was paid, and .* onto gift card/).waitFor();
  await picture(desk, "studio-order-gift-card-refund");
  await desk.getByRole("button", { name: /^Give back/ }).click();
  await desk.getByText("Back on the gift card").waitFor();
  const after = await owner.ask(`/v1/orders/${order.id}`);
  assert.equal(after.refunded.amount, 4200);
  await owner.balances();
  await desk.goto(world.desk("/money"));
  await picture(desk, "studio-money-gift-cards");

  await desk.goto(world.desk("/money/gift-cards"));
  await desk.getByRole("link", { name: `•••• ${code.slice(-4)}` }).click();
  await desk.getByText("Came back with a refund").waitFor();
  await picture(desk, "studio-gift-card");
  await desk.getByRole("button", { name: "Disable this card" }).click();
  await desk.getByText("It pays for nothing new.").waitFor();
});

test("a gift card that covers everything asks for no card", async () => {
  const code = await issue("100", "");
  const stand = await owner.stand();
  const visitor = await people.somebody();
  const page = await visitor.newPage();
  await page.goto(world.page("/products/slow-dripper"));
  await page.getByRole("button", { name: "Buy now" }).click();
  await fillForm(page);
  await page.getByText("I have a gift card").click();
  await page.getByLabel("Gift card code").fill(code);
  await page.getByRole("button", { name: "Use this gift card" }).click();
  await page.getByRole("button", { name: "Order, paid with the gift card" }).waitFor();
  assert.equal(await page.getByText("How you pay").count(), 0);
  await picture(page, "shop-gift-card-all");
  await page.getByRole("button", { name: "Order, paid with the gift card" }).click();
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  const { orders, payments } = await owner.since(stand);
  assert.deepEqual([orders.length, payments.length], [1, 0], "an order, and nobody was asked for money");
});
