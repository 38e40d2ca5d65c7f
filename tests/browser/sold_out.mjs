// The last piece: somebody is always faster. Nobody is charged for what is not there, and what else there is can be bought.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Player, buyOnce } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";

theDemo();

test("the last one goes while another buyer's sheet is open: the sheet says so and offers what is left", async () => {
  const { id } = (await world.shelves()).get("LI-DRIP-SALT");
  await owner.tell("PUT", `/v1/variants/${id}/stock`, { on_hand: 1 });
  const stand = await owner.stand();
  const late = await Player.open(world, await people.somebody(), "slow-cup", 10);
  assert.match(await late.page.locator("hawker-anchor [data-facts]").innerText(), /1 left/);

  // Their wish to reserve is on its way, slowly.
  /** @type {() => void} */
  let letGo = () => {};
  const held = new Promise((resolve) => (letGo = () => resolve(undefined)));
  await late.page.route(/\/v1\/checkouts\//, async (route) => {
    await held;
    await route.continue();
  });
  await late.tap();
  await late.page.locator("hawker-sheet[open][step=quote]").waitFor({ state: "attached" });
  const fast = await buyOnce(world, await people.somebody(), "slow-cup", 10);
  letGo();
  await late.step("sold_out");
  await late.says("Someone was faster");
  const sale = await owner.soldOnce(stand, "LI-DRIP-SALT");
  assert.deepEqual([sale.order.id, sale.payments.length], [fast.order, 1]);

  // What else the clip shows is one tap away.
  await late.sheet.locator("[data-other]").first().click();
  await late.sayContact();
  await late.sayAddress();
  await late.pay("tok_visa");
  const { order } = await late.receipt();
  const after = await owner.since(stand);
  assert.deepEqual(after.orders.map((one) => one.id).sort(), [order, fast.order].sort());
  assert.deepEqual(after.shelves, { "LI-DRIP-SALT": { left: -1, held: 0 }, "LI-COFFEE-250": { left: -1, held: 0 } });
  assert.equal(after.payments.length, 2);
});

test("what is gone is shown as gone, in the clip, on the product's page and at the desk", async () => {
  const { id } = (await world.shelves()).get("LI-DRIP-SALT");
  await owner.tell("PUT", `/v1/variants/${id}/stock`, { on_hand: 0 });
  const stand = await owner.stand();
  const visitor = await people.somebody();
  const player = await Player.open(world, visitor, "slow-cup", 10);
  await player.page.locator("hawker-anchor[soldout]").first().waitFor();
  await player.tap();
  await player.step("sold_out");
  assert.equal(await player.main.innerText(), "Close");
  await player.main.click();
  await player.page.locator("hawker-sheet:not([open])").waitFor({ state: "attached" });

  await player.page.goto(world.page("/products/slow-dripper"));
  await player.page.getByText("All of them have found a home.").waitFor();
  assert.equal(await player.page.getByRole("button", { name: "Buy now" }).count(), 0);
  await owner.page.goto(world.desk());
  await owner.page.getByText("Slow dripper is sold out").waitFor();
  assert.deepEqual(await owner.since(stand), { orders: [], payments: [], shelves: {} });
});
