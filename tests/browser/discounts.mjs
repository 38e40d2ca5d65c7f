// A discount in a shop: made at the desk with a worked example, its code typed at the checkout, and every book says what it took off. Without scripts, as
// the form is a plain page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture } from "./parts/pictures.mjs";
import { BUYER } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";

theDemo();

test("a code made at the desk takes something off, and every book says so", async () => {
  const desk = owner.page;
  await desk.goto(world.desk("/products"));
  await desk.getByRole("link", { name: "Discounts" }).click();
  await picture(desk, "studio-discounts-empty");
  await desk.getByRole("link", { name: "New discount" }).click();
  await desk.getByLabel("Name", { exact: true }).fill("Autumn letter");
  await desk.getByLabel("Code", { exact: true }).fill("autumn10");
  await desk.getByLabel("Percent off").fill("10");
  assert.equal(await desk.getByLabel("Steps").isVisible(), false, "only the fields of the chosen kind");
  await desk.getByRole("button", { name: "Work it out" }).click();
  await desk.getByText("The buyer pays").waitFor();
  await picture(desk, "studio-discount-example");
  await desk.getByRole("button", { name: "Make it" }).click();
  await desk.getByText("Nobody had it yet").waitFor();
  await picture(desk, "studio-discount");

  const visitor = await people.somebody({ javaScriptEnabled: false });
  const page = await visitor.newPage();
  await page.goto(world.page("/products/slow-dripper"));
  await page.getByRole("button", { name: "Buy now" }).click();
  await page.getByText("I have a discount code").click();
  await page.getByLabel("Discount code").fill("NOBODY");
  await page.getByRole("button", { name: "Use this code" }).click();
  await page.getByText("There is no discount with this code here.").first().waitFor();
  await picture(page, "shop-discount-wrong");
  await page.getByLabel("Discount code").fill("Autumn10");
  await page.getByRole("button", { name: "Use this code" }).click();
  await page.getByText("Autumn letter").first().waitFor();
  await picture(page, "shop-discount");
  await page.getByLabel("E-mail").fill(BUYER.contact);
  await page.getByLabel("Name", { exact: true }).fill(BUYER.name);
  await page.getByLabel("Street and number").fill(BUYER.line1);
  await page.getByLabel("Postcode").fill(BUYER.postal_code);
  await page.getByLabel("Town").fill(BUYER.city);
  await page.getByRole("button", { name: /^Pay/ }).click();
  await page.getByText("Autumn letter").first().waitFor();
  await picture(page, "shop-order-discount");

  await desk.goto(world.desk("/discounts"));
  await desk.getByText("AUTUMN10").waitFor();
  await picture(desk, "studio-discounts");
});
