// A browser that runs no scripts at all: watching, reading and buying are plain pages and one form.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUYER } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

/** @param {import("playwright-core").Page} page */
async function fillForm(page) {
  await page.getByLabel("E-mail").fill(BUYER.contact);
  await page.getByLabel("Name", { exact: true }).fill(BUYER.name);
  await page.getByLabel("Street and number").fill(BUYER.line1);
  await page.getByLabel("Postcode").fill(BUYER.postal_code);
  await page.getByLabel("Town").fill(BUYER.city);
}

test("a visitor watches, reads, and buys through the form", async () => {
  const stand = await owner.stand();
  const visitor = await people.somebody({ javaScriptEnabled: false });
  const page = await visitor.newPage();
  await page.goto(world.page());
  await page.getByRole("link", { name: /A slow cup/ }).first().click();
  const video = page.locator("video[controls]");
  await video.focus();
  await page.keyboard.press("Space");
  await eventually("the clip plays", () => video.evaluate((/** @type {HTMLVideoElement} */ { currentTime }) => currentTime > 0.3));
  await page.keyboard.press("Space");
  await page.getByRole("heading", { name: "What is said" }).waitFor();
  assert.ok((await page.locator(".transcript li").count()) > 1);

  await page.getByRole("link", { name: /Slow dripper/ }).last().click();
  await page.getByRole("heading", { level: 1, name: "Slow dripper" }).waitFor();
  await page.getByRole("button", { name: "Buy now" }).click();
  await page.getByRole("heading", { name: "Checkout" }).waitFor();

  // What is missing is said, and what was typed stays.
  await fillForm(page);
  await page.getByLabel("Town").fill("");
  await page.getByRole("button", { name: "Pay €46.90" }).click();
  await page.getByRole("heading", { name: "One field needs another look" }).waitFor();
  assert.equal(await page.getByLabel("E-mail").inputValue(), BUYER.contact);
  assert.deepEqual((await owner.since(stand)).orders, []);

  // A declined card keeps everything, too.
  await page.getByLabel("Town").fill(BUYER.city);
  await page.getByLabel(/without enough money/).check();
  await page.getByRole("button", { name: "Pay €46.90" }).click();
  await page.getByRole("heading", { name: "Your bank declined the payment" }).waitFor();
  assert.equal(await page.getByLabel("Town").inputValue(), BUYER.city);
  await page.getByLabel(/Card that works/).check();
  // Twice, as impatient hands do: one form is one purchase.
  await page.getByRole("button", { name: "Pay €46.90" }).dblclick();
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await page.getByText(order.number).first().waitFor();
});

test("a bank that asks back is a page on the way to the order's page", async () => {
  const stand = await owner.stand();
  const visitor = await people.somebody({ javaScriptEnabled: false });
  const page = await visitor.newPage();
  await page.goto(world.page("/products/dune-mug"));
  await page.getByLabel(/Salt/).check();
  await page.getByRole("button", { name: "Buy now" }).click();
  // More pieces are another total, shown before anything is paid.
  await page.getByLabel(/Pieces/).fill("2");
  await page.getByRole("button", { name: "Update the total" }).click();
  await page.getByRole("button", { name: "Pay €72.90" }).waitFor();
  await fillForm(page);
  await page.getByLabel(/bank asks back/).check();
  await page.getByRole("button", { name: "Pay €72.90" }).click();
  await page.getByRole("heading", { name: "Is this payment yours?" }).waitFor();
  assert.deepEqual((await owner.since(stand)).orders, []);
  await page.getByRole("button", { name: "Approve" }).click();
  // The page of the wait looks again by itself until the order is there.
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  const { orders, payments, shelves } = await owner.since(stand);
  assert.deepEqual(orders.map(({ total, payment }) => [total.amount, payment]), [[7290, "authorized"]]);
  assert.deepEqual(payments.map(({ state, amount }) => [state, amount]), [["requires_capture", 7290]]);
  assert.deepEqual(shelves, { "LI-MUG-SALT": { left: -2, held: 0 } });
});
