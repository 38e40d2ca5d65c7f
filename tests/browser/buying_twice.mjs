// Impatience, second tabs and closed ones: however often somebody tries, they have bought what they meant to buy, once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Player } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

test("a reload in the middle goes on where it was and buys once", async () => {
  const stand = await owner.stand();
  const player = await Player.open(world, await people.somebody(), "slow-cup", 3);
  await player.tap();
  await player.sayContact();
  await player.step("address");
  await player.page.reload();
  // The sheet is back by itself, and asks only for what is not known yet.
  await player.sayAddress();
  assert.deepEqual((await owner.since(stand)).shelves, { "LI-COFFEE-250": { left: -1, held: 1 } }, "the reservation is the same one");
  await player.page.reload();
  await player.step("payment");
  await player.pay("tok_visa");
  const { order: id } = await player.receipt();
  // Whoever reloads the receipt and taps again in doubt sees what they have, not a second purchase.
  await player.page.reload();
  await player.tap();
  assert.equal((await player.receipt()).order, id);
  assert.equal((await owner.soldOnce(stand, "LI-COFFEE-250")).order.id, id);
});

test("a reload while the card is being asked ends in one order", async () => {
  const stand = await owner.stand();
  const player = await Player.open(world, await people.somebody(), "slow-cup", 3);
  await player.tapAndTell();
  const asked = player.page.waitForRequest(/\/payment$/);
  await player.pay("tok_slow");
  await asked;
  await player.page.reload();
  const { order: id } = await player.receipt();
  const { order, payments } = await owner.soldOnce(stand, "LI-COFFEE-250");
  assert.deepEqual([order.id, payments.length], [id, 1]);
});

test("two tabs of one buyer tap and pay at the same time and buy once", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const tabs = [await Player.open(world, buyer, "slow-cup", 10), await Player.open(world, buyer, "slow-cup", 10)];
  await Promise.all(tabs.map((tab) => tab.tap()));
  await Promise.all(tabs.map((tab) => tab.step("contact")));
  assert.deepEqual((await owner.since(stand)).shelves, { "LI-DRIP-SALT": { left: -1, held: 1 } }, "both tabs hold the same piece");

  const [one, other] = tabs;
  await one.sayContact();
  await one.sayAddress();
  // The other tab hears of it and stands at the same step.
  await other.page.bringToFront();
  await other.step("payment");
  // In the same moment, by script: a slow finger would find the other tab's receipt instead.
  await Promise.all(tabs.map(({ sheet }) => sheet.evaluate((element) => element.shadowRoot?.querySelector("form [data-main]")?.click())));
  const receipts = await Promise.all(tabs.map((tab) => tab.receipt()));
  const { order, payments } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  assert.deepEqual(receipts.map((receipt) => receipt.order), [order.id, order.id]);
  assert.equal(payments.length, 1);
});

test("a tab closed between the tap and the answer leaves one order, and its receipt is there on return", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const player = await Player.open(world, buyer, "slow-cup", 3);
  await player.tapAndTell();
  const asked = player.page.waitForRequest(/\/payment$/);
  await player.pay("tok_slow");
  await asked;
  await player.page.close();
  await eventually("the order is there without the tab", async () => (await owner.since(stand)).orders.length > 0);
  const { order, payments } = await owner.soldOnce(stand, "LI-COFFEE-250");
  assert.equal(payments.length, 1);

  const back = await Player.open(world, buyer, "slow-cup", 3);
  await back.tap();
  assert.equal((await back.receipt()).order, order.id);
  assert.equal((await owner.since(stand)).orders.length, 1);
});

test("two taps on the button that pays are one payment", async () => {
  const stand = await owner.stand();
  const player = await Player.open(world, await people.somebody(), "slow-cup", 3);
  await player.tapAndTell();
  await player.sheet.locator("input[name=token][value=tok_visa]").check();
  await player.main.dblclick();
  const { order: id } = await player.receipt();
  const { order, payments } = await owner.soldOnce(stand, "LI-COFFEE-250");
  assert.deepEqual([order.id, payments.length], [id, 1]);
});
