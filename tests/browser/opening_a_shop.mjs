// A creator with a mug and a film of it: from nothing to the first sale, in the studio's own pages.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Player } from "./parts/player.mjs";
import { anEmptyShop, people, world } from "./parts/stage.mjs";
import { ROOT } from "./parts/world.mjs";

/** @import { Page } from "playwright-core" */
/** @import { Owner } from "./parts/people.mjs" */

anEmptyShop("Käthe's Kiln");

test("a creator opens a shop from nothing and sells to the first buyer", async () => {
  await theLinkOpensNothingByItself();
  const owner = await people.owner();
  const { page } = owner;
  await page.getByRole("heading", { name: "Six steps to your first sale" }).waitFor();
  await aProductWithStock(page);
  await deliveryAndTax(page);
  await aClip(page);
  await anAnchor(page);
  await published(page);
  await page.goto(world.desk());
  assert.equal(await page.getByText("Six steps to your first sale").count(), 0, "all six are done");
  await theFirstBuyer(owner);
});

/** What scans a letter opens its links; only a press of the button signs in, and once. */
async function theLinkOpensNothingByItself() {
  const scanner = await people.somebody();
  const page = await scanner.newPage();
  await page.goto(world.link);
  await page.getByRole("button", { name: "Open Käthe's Kiln" }).waitFor();
  assert.deepEqual(await scanner.cookies(), []);
  await page.goto(world.desk());
  assert.equal(await page.getByText("Six steps").count(), 0);
}

/** @param {Page} page */
async function aProductWithStock(page) {
  await page.getByRole("link", { name: "Add a product" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Ember mug");
  await page.getByLabel("Description").fill("Thrown by hand, fired twice.");
  await page.getByLabel("Picture", { exact: true }).setInputFiles(join(ROOT, "demo/products/mug.webp"));
  await page.getByText("Here. It counts when you save.").waitFor();
  await page.getByRole("textbox", { name: "SKU" }).fill("MUG");
  await page.getByRole("textbox", { name: "Price" }).fill("24");
  await page.getByRole("textbox", { name: "Left" }).fill("a few");
  await page.getByRole("button", { name: "Save and sell" }).click();
  await page.getByRole("heading", { name: "One thing has to change first" }).waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Price" }).inputValue(), "24", "what was typed is still there");
  await page.getByRole("textbox", { name: "Left" }).fill("5");
  await page.getByRole("button", { name: "Save and sell" }).click();
  await page.getByText("For sale").waitFor();
  await page.waitForURL(/\/products\/prd_/);
}

/** @param {Page} page */
async function deliveryAndTax(page) {
  await page.goto(world.desk("/settings/delivery"));
  if ((await page.getByLabel("Name of the zone").count()) === 0) await page.getByRole("button", { name: "Add a zone" }).click();
  for (const [label, value] of [["Name of the zone", "Germany"], ["Countries", "DE"], ["Method", "Parcel"], ["Price", "4.90"], ["Days from", "2"], ["to", "3"]]) {
    await page.getByRole("textbox", { name: label, exact: label === "to" }).fill(value);
  }
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForURL(/done=saved/);
  await page.getByRole("link", { name: "Tax" }).click();
  await page.getByLabel("Country, or *").first().fill("DE");
  await page.getByLabel("Rate, %").first().fill("19");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForURL(/done=saved/);
}

/** @param {Page} page */
async function aClip(page) {
  await page.goto(world.desk());
  await page.getByRole("link", { name: "Upload a clip" }).click();
  await page.getByLabel("The video").setInputFiles(join(ROOT, "demo/clips/from-clay-to-coffee.mp4"));
  await page.getByLabel("Title").fill("One mug, start to finish");
  await page.getByRole("button", { name: "Upload and open the editor" }).click();
  await page.waitForURL(/\/clips\/clp_/);
}

/** Pauses at the second, anchors there, says what the button says, and stretches it by its bar. @param {Page} page */
async function anAnchor(page) {
  const head = page.getByRole("slider", { name: "Playhead" });
  await head.focus();
  for (let second = 0; second < 3; second++) await page.keyboard.press("Shift+ArrowRight");
  assert.equal(await head.getAttribute("aria-valuetext"), "0:03.00");
  await page.getByRole("button", { name: "Anchor here" }).click();
  const anchor = page.locator("form[data-anchor]");
  await anchor.waitFor();
  assert.equal(await anchor.getByLabel("Appears at").inputValue(), "3.00");
  await anchor.locator("fieldset[lang=en]").getByLabel("Button").fill("Get this mug");
  await anchor.locator("fieldset[lang=en]").getByLabel("Button").blur();
  const saved = page.locator("[data-save-state]").getByText("Saved", { exact: true });
  await saved.waitFor();
  // Two seconds longer, by the end of its bar.
  await page.getByRole("slider", { name: "Ember mug: leaves at" }).focus();
  for (let second = 0; second < 2; second++) await page.keyboard.press("Shift+ArrowRight");
  assert.equal(await anchor.getByLabel("Leaves at").inputValue(), "9.00");
  await saved.waitFor();
  await page.reload();
  assert.equal(await anchor.getByLabel("Leaves at").inputValue(), "9.00", "it was kept");
}

/** @param {Page} page */
async function published(page) {
  await page.getByText("Publish…").click();
  await page.getByRole("button", { name: "Publish now" }).click();
  await page.locator(".editor-state").getByText("Live").waitFor();
}

/** @param {Owner} owner */
async function theFirstBuyer(owner) {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const home = await buyer.newPage();
  await home.goto(world.page());
  const address = await home.getByRole("link", { name: /One mug, start to finish/ }).first().getAttribute("href");
  const player = await Player.open(world, buyer, address?.split("/").pop() ?? "", 4);
  await player.page.locator("hawker-anchor[kind=product_card]").getByText("Ember mug").waitFor();
  assert.equal(await player.buy.innerText(), "Get this mug");
  await player.tapAndTell();
  assert.equal(await player.total.innerText(), "€28.90");
  await player.says(/incl\. €4\.6[12]/);
  await player.pay("tok_visa");
  const receipt = await player.receipt();
  const { order } = await owner.soldOnce(stand, "MUG");
  assert.equal(order.id, receipt.order);

  await owner.page.goto(world.desk("/orders"));
  await owner.page.getByRole("link", { name: new RegExp(order.number) }).click();
  await owner.page.getByText("One mug, start to finish, version 1").waitFor();
  await owner.page.getByLabel("Carrier").fill("DHL");
  await owner.page.getByRole("button", { name: "Ship and take €28.90" }).click();
  await owner.page.locator(".tags").getByText("Captured").waitFor();
  const balances = await owner.balances();
  const tax = balances.find(({ kind }) => kind === "tax_payable");
  assert.equal(tax.balance.amount, order.tax.amount);
}
