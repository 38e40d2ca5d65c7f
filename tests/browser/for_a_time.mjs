// A shop that exists for a time, and what is sold before it is there: set at the desk, met by visitors with and without scripts.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BUYER } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

/** A picture of a page at both widths, light and dark, where pictures are asked for. @param {import("playwright-core").Page} page @param {string} name */
async function picture(page, name) {
  const folder = process.env.HAWKER_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const size = page.viewportSize();
  for (const [width, colorScheme] of /** @type {const} */ ([[390, "light"], [390, "dark"], [1440, "light"]])) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  }
  if (size) await page.setViewportSize(size);
}

/** As a browser's field takes it, by the shop's clock, which is UTC here. @param {number} minutes from now */
const field = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString().slice(0, 16);

test("pre-orders: once the shelf is empty a buyer is promised a day, waits for goods, and is told of a later one", async () => {
  const shelves = [...(await world.shelves()).values()];
  const piece = shelves.find(({ product, availability }) => product.kind === "physical" && availability.left > 0);
  assert.ok(piece, "the demo sells something");
  await owner.tell("PUT", `/v1/variants/${piece.id}/stock`, { on_hand: 0 });
  const desk = owner.page;
  await desk.goto(world.desk("/products"));
  await desk.getByRole("link", { name: "Pre-orders" }).click();
  await desk.getByRole("heading", { name: "Sell what is not there yet" }).waitFor();
  await picture(desk, "studio-preorders-empty");
  await desk.getByLabel("Piece").selectOption(piece.id);
  await desk.getByLabel("Units you expect").fill("2");
  await desk.getByLabel(/^Leaves by/).fill(field(20 * 24 * 60).slice(0, 10));
  await desk.getByRole("button", { name: "Take pre-orders" }).click();
  await desk.getByText("2 left of 2 pieces, 0 arrived").waitFor();
  await picture(desk, "studio-preorders");

  const page = await (await people.somebody({ javaScriptEnabled: false })).newPage();
  await page.goto(world.page(`/products/${piece.product.slug}`));
  await page.getByText(/Pre-order, leaves by/).first().waitFor();
  await picture(page, "shop-product-preorder");
  await page.goto(world.page(`/checkout?lines=${piece.id}:1`));
  await page.getByText(/Pre-order: not there yet, leaves by/).waitFor();
  await picture(page, "shop-checkout-preorder");
  await page.getByLabel("E-mail").fill("early@example.com");
  await page.getByLabel("Name", { exact: true }).fill(BUYER.name);
  await page.getByLabel("Street and number").fill(BUYER.line1);
  await page.getByLabel("Postcode").fill(BUYER.postal_code);
  await page.getByLabel("Town").fill(BUYER.city);
  await page.getByRole("button", { name: /^Pay / }).click();
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  await page.getByText(/Pre-order: leaves by/).waitFor();
  await picture(page, "shop-order-preorder");

  await desk.reload();
  await desk.getByText("1 piece waits in 1 order for goods").waitFor();
  await desk.locator("summary", { hasText: "Later" }).click();
  await desk.getByLabel("Leaves by", { exact: true }).fill(field(30 * 24 * 60).slice(0, 10));
  await desk.getByRole("button", { name: "Tell them" }).click();
  await page.reload();
  await page.getByText("It takes longer than we promised").waitFor();
  await picture(page, "shop-order-late");
  await desk.locator("summary", { hasText: "Goods arrived" }).click();
  await desk.getByLabel("Pieces that arrived").fill("2");
  await desk.getByRole("button", { name: "Count them in" }).click();
  await page.reload();
  await page.getByText("Pre-order: it is here").waitFor();
  await eventually("what came for nobody is on the shelf", async () => (await world.shelves()).get(piece.sku).availability.left === 1);
});

test("a shop for a time: a clock before, a shop in between, a closed page afterwards", async () => {
  const desk = owner.page;
  await desk.goto(world.desk("/settings/window"));
  await desk.getByText("It is open, and stays.").waitFor();
  await desk.getByLabel(/^Opens/).fill(field(3));
  await desk.getByLabel(/^Closes/).fill(field(3 + 72 * 60));
  await desk.getByRole("button", { name: "Save" }).click();
  await desk.getByText("Opens soon").waitFor();
  await picture(desk, "studio-settings-window");
  const page = await (await people.somebody()).newPage();
  await page.goto(world.page());
  await page.getByText("Opens soon").waitFor();
  await eventually("the clock runs", async () => /^\d\d:\d\d$/.test(await page.locator("[data-until]").innerText()));
  await picture(page, "shop-window-before");
  // Its own people see it as it will be.
  const own = await owner.context.newPage();
  await own.goto(world.page());
  await own.getByRole("heading", { name: "Loam & Ink" }).or(own.locator("a.clip-card").first()).first().waitFor();
  await own.close();
  // It opens without an end, and is closed by hand.
  await desk.locator("summary", { hasText: "Let it stay" }).click();
  await desk.getByRole("button", { name: "Yes, let it stay" }).click();
  await page.reload();
  await page.locator("a.clip-card").first().waitFor();
  await desk.getByLabel(/^Closes/).fill(field(60));
  await desk.getByRole("button", { name: "Save" }).click();
  await desk.locator("summary", { hasText: "Close the shop" }).click();
  await desk.getByRole("button", { name: "Yes, close it" }).click();
  await desk.getByText("Closed", { exact: true }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Loam & Ink has closed." }).waitFor();
  await picture(page, "shop-window-closed");
  await desk.locator("summary", { hasText: "Let it stay" }).click();
  await desk.getByRole("button", { name: "Yes, let it stay" }).click();
});
