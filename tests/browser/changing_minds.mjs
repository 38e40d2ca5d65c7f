// Orders that end otherwise: called off before the parcel leaves, or given back after. The buyer's page, the desk and every book agree.

import assert from "node:assert/strict";
import { test } from "node:test";
import { buyOnce } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

test("an order canceled in the studio shows on the buyer's page: nothing was charged, the piece is back", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const receipt = await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await owner.page.goto(world.desk(`/orders/${order.id}`));
  await owner.page.getByText("Cancel this order…").click();
  await owner.page.getByRole("button", { name: `Cancel order ${order.number}` }).click();
  await owner.page.locator(".tags").getByText("Canceled").waitFor();

  const page = await buyer.newPage();
  await page.goto(receipt.page);
  await page.getByRole("heading", { name: "This order was canceled." }).waitFor();
  await page.getByText("Nothing was charged").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Cancel this order" }).count(), 0);
  await canceled(stand, order);
});

test("a buyer calls an order off on its page, and the desk knows", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const receipt = await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  const page = await buyer.newPage();
  await page.goto(receipt.page);
  await page.getByRole("button", { name: "Cancel this order" }).click();
  await page.getByRole("heading", { name: "This order was canceled." }).waitFor();

  await owner.page.goto(world.desk(`/orders/${order.id}`));
  await owner.page.locator(".tags").getByText("Canceled").waitFor();
  await owner.page.getByText("Canceled by the buyer").first().waitFor();
  await canceled(stand, order);
});

/** The bank let go, the shelf is as before, and no book has an entry. @param {any} stand @param {any} order */
async function canceled(stand, order) {
  const { orders, payments, shelves } = await owner.since(stand);
  assert.deepEqual(orders.map(({ id, state, payment, captured }) => [id, state, payment, captured.amount]), [[order.id, "canceled", "voided", 0]]);
  assert.deepEqual(payments.map(({ state, captured }) => [state, captured]), [["canceled", 0]]);
  assert.deepEqual(shelves, {});
  assert.deepEqual(await owner.balances(), []);
}

test("money given back in the studio shows on the buyer's page, and everyone gives back their share", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const receipt = await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await eventually("the work on it is open", () =>
    owner.tell("POST", `/v1/orders/${order.id}/shipments`, { carrier: "DHL", tracking: "JD1" }).catch(() => null));
  const page = await buyer.newPage();
  await page.goto(receipt.page);
  await page.getByText("€46.90 charged").waitFor();

  const desk = owner.page;
  await desk.goto(world.desk(`/orders/${order.id}`));
  await desk.locator("form[data-preview][data-ready]").waitFor();
  await desk.getByLabel("Slow dripper").fill("1");
  await desk.getByLabel("Delivery, too").check();
  // Who gives back what is said before it is done.
  await desk.getByRole("row", { name: /Tomas Adeyemi/ }).waitFor();
  await desk.getByRole("button", { name: "Give back €46.90" }).click();
  await desk.locator(".tags").getByText("Refunded").waitFor();

  await page.reload();
  await page.getByText("€46.90 of €46.90 given back").waitFor();
  const { orders, payments, shelves } = await owner.since(stand);
  assert.deepEqual(orders.map(({ payment, captured, refunded }) => [payment, captured.amount, refunded.amount]), [["refunded", 4690, 4690]]);
  assert.deepEqual(payments.map(({ captured, refunded }) => [captured, refunded]), [[4690, 4690]]);
  assert.deepEqual(shelves, {}, "it is on the shelf again");
  // Only the processor keeps its fee, and the one who bears it owes that.
  const balances = await owner.balances();
  const owed = balances.filter(({ kind }) => kind === "tax_payable" || kind === "platform_revenue");
  assert.deepEqual(owed.filter(({ balance }) => balance.amount !== 0), []);
});
