// Changes after the sale: a buyer cancels one of two, sends the other back, and has their money; the desk and every book agree.

import assert from "node:assert/strict";
import { test } from "node:test";
import { buyOnce } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

test("a buyer withdraws in two steps, says how it was sent, and the desk gives the money back", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const receipt = await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await eventually("the work on it is open", () =>
    owner.tell("POST", `/v1/orders/${order.id}/shipments`, { carrier: "DHL", tracking: "JD1" }).catch(() => null));

  const page = await buyer.newPage();
  await page.goto(receipt.page);
  await page.getByRole("link", { name: "Withdraw from contract here" }).click();
  await page.getByRole("heading", { name: "Withdraw from the contract" }).waitFor();
  await page.getByLabel("Your name").fill("Jo Lind");
  await page.getByLabel("E-mail, for our confirmation").fill("jo@example.org");
  await page.getByRole("button", { name: "Go on" }).click();
  // Nothing has happened yet: it is read once more.
  await page.getByText("1 × Slow dripper").waitFor();
  await page.getByRole("button", { name: "Confirm withdrawal" }).click();
  await page.getByRole("heading", { name: "You withdrew: please send it back" }).waitFor();
  await page.getByLabel("How you sent it").fill("DHL JJD0001");
  await page.getByRole("button", { name: "It is on its way" }).click();
  await page.getByRole("heading", { name: "On its way back to the shop" }).waitFor();

  const desk = owner.page;
  await desk.goto(world.desk(""));
  await desk.getByText(`Something of order ${order.number} is on its way back`).waitFor();
  await desk.goto(world.desk(`/orders/${order.id}`));
  await desk.getByText("The buyer says: DHL JJD0001").waitFor();
  await desk.getByRole("button", { name: "Received: give the money back" }).click();
  await desk.locator(".tags").getByText("Refunded").waitFor();

  await page.reload();
  await page.getByRole("heading", { name: "€46.90 went back to you" }).waitFor();
  const { orders, payments, shelves } = await owner.since(stand);
  assert.deepEqual(orders.map(({ payment, refunded }) => [payment, refunded.amount]), [["refunded", 4690]]);
  assert.deepEqual(payments.map(({ captured, refunded }) => [captured, refunded]), [[4690, 4690]]);
  assert.deepEqual(shelves, {}, "it is on the shelf again");
});

test("a price goes down, and who bought before gets the difference", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const receipt = await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await eventually("the work on it is open", () =>
    owner.tell("POST", `/v1/orders/${order.id}/shipments`, { carrier: "DHL", tracking: "JD1" }).catch(() => null));
  const desk = owner.page;
  await desk.goto(world.desk("/price-matches"));
  await desk.getByLabel("What", { exact: true }).selectOption({ label: "Slow dripper" });
  await desk.getByRole("button", { name: "Choose" }).click();
  await desk.locator("input[name^=price_]").first().waitFor();
  for (const price of await desk.locator("input[name^=price_]").all()) await price.fill("40.00");
  await desk.getByRole("button", { name: "Count the orders" }).click();
  await desk.getByRole("button", { name: /^Give .* back to/ }).click();
  await desk.locator(".tags").getByText("Done").waitFor();

  const page = await buyer.newPage();
  await page.goto(receipt.page);
  await page.getByText("€2.00 of €46.90 given back").waitFor();
  const { orders } = await owner.since(stand);
  assert.deepEqual(orders.map(({ id, refunded }) => [id, refunded.amount]), [[order.id, 200]]);
});
