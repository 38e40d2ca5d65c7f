// A bundle in a shop: put together at the desk with a worked example, seen and bought without scripts, and given back part by part.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture } from "./parts/pictures.mjs";
import { BUYER } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";

theDemo();

test("a bundle is put together at the desk, bought as one thing and received as its parts", async () => {
  const desk = owner.page;
  await desk.goto(world.desk("/products/new"));
  await desk.getByLabel("Name", { exact: true }).fill("Morning set");
  await desk.getByLabel(/^Price/).first().fill("60");
  await desk.getByRole("button", { name: "Save and sell" }).click();
  await desk.getByRole("link", { name: "Bundle", exact: true }).click();
  const parts = await desk.getByLabel("Part").nth(0).locator("option").allTextContents();
  await desk.getByLabel("Part").nth(0).selectOption({ index: parts.findIndex((part) => part.includes("Slow dripper")) });
  await desk.getByLabel("Pieces").nth(0).fill("1");
  await desk.getByLabel("Part").nth(1).selectOption({ index: 1 });
  await desk.getByRole("button", { name: "Work it out" }).click();
  await desk.getByText(/All of it comes back, at once or piece by piece: €60.00/).waitFor();
  await picture(desk, "studio-bundle-example");
  await desk.getByRole("button", { name: "Save", exact: true }).click();
  await desk.getByText(/can be made of what is there/).waitFor();
  await picture(desk, "studio-bundle");

  const visitor = await people.somebody({ javaScriptEnabled: false });
  const page = await visitor.newPage();
  await page.goto(world.page("/products/morning-set"));
  await page.getByRole("heading", { name: "What is in it" }).waitFor();
  await picture(page, "shop-bundle");
  await page.getByRole("button", { name: "Buy now" }).click();
  await page.getByText(/1 × Slow dripper/).first().waitFor();
  await page.getByLabel("E-mail").fill(BUYER.contact);
  await page.getByLabel("Name", { exact: true }).fill(BUYER.name);
  await page.getByLabel("Street and number").fill(BUYER.line1);
  await page.getByLabel("Postcode").fill(BUYER.postal_code);
  await page.getByLabel("Town").fill(BUYER.city);
  await picture(page, "shop-bundle-checkout");
  await page.getByRole("button", { name: /^Pay/ }).click();
  assert.ok((await page.getByText("in “Morning set”").count()) >= 2, "each part says what it is a part of");
  await picture(page, "shop-bundle-order");

  await desk.goto(world.desk("/orders"));
  await desk.getByRole("link", { name: new RegExp(BUYER.name) }).first().click();
  assert.ok((await desk.getByText("in “Morning set”").count()) >= 2, "and so does the desk");
  await picture(desk, "studio-bundle-order");
});
