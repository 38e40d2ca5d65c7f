// What a card may do to a buyer: refuse, ask back, answer late or never. Nothing of what was typed is lost, and money is promised once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUYER, Player } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";

theDemo();

test("a declined card says so, keeps everything, and another card pays", async () => {
  const stand = await owner.stand();
  const player = await Player.open(world, await people.somebody(), "slow-cup", 3);
  await player.tapAndTell();
  for (const token of ["tok_declined", "tok_stolen"]) {
    await player.pay(token);
    await player.step("payment");
    const alarm = player.sheet.locator("[data-decline]");
    await alarm.getByText("declined").waitFor();
    assert.match(await alarm.innerText(), /[Nn]othing was charged/);
  }
  // Who they are and where it goes is still there, and the piece is still theirs.
  for (const known of [BUYER.contact, BUYER.name]) await player.says(known);
  const between = await owner.since(stand);
  assert.deepEqual([between.orders, between.shelves], [[], { "LI-COFFEE-250": { left: -1, held: 1 } }]);

  await player.pay("tok_visa");
  const { order: id } = await player.receipt();
  const { order, payments } = await owner.soldOnce(stand, "LI-COFFEE-250");
  assert.equal(order.id, id);
  assert.deepEqual(payments.map(({ state }) => state).sort(), ["requires_capture", "requires_payment_method", "requires_payment_method"]);
});

test("a bank that asks back is answered in a window of its own, and the order is confirmed where it was begun", async () => {
  const stand = await owner.stand();
  const player = await Player.open(world, await people.somebody(), "slow-cup", 10);
  await player.tapAndTell();
  await player.pay("tok_3ds");
  await player.page.locator("hawker-sheet[step=bank]").waitFor({ state: "attached" });
  const [bank] = await Promise.all([player.page.waitForEvent("popup"), player.sheet.locator("[data-bank]").click()]);
  await bank.getByRole("heading", { name: "Is this payment yours?" }).waitFor();
  await bank.getByText("€46.90").waitFor();
  assert.deepEqual((await owner.since(stand)).orders, [], "nothing is bought before the bank has its answer");
  await bank.getByRole("button", { name: "Approve" }).click();

  const { order: id } = await player.receipt();
  assert.equal((await owner.soldOnce(stand, "LI-DRIP-SALT")).order.id, id);
  if (!bank.isClosed()) await bank.waitForEvent("close");
});

test("a buyer who refuses at the bank has bought nothing and may pay another way", async () => {
  const stand = await owner.stand();
  const player = await Player.open(world, await people.somebody(), "slow-cup", 10);
  await player.tapAndTell();
  await player.pay("tok_3ds");
  await player.page.locator("hawker-sheet[step=bank]").waitFor({ state: "attached" });
  const [bank] = await Promise.all([player.page.waitForEvent("popup"), player.sheet.locator("[data-bank]").click()]);
  await bank.getByRole("button", { name: "Fail" }).click();
  await player.step("payment");
  await player.sheet.locator("[data-decline]").getByText("declined").waitFor();
  assert.deepEqual((await owner.since(stand)).orders, []);

  await player.pay("tok_visa");
  const { order: id } = await player.receipt();
  assert.equal((await owner.soldOnce(stand, "LI-DRIP-SALT")).order.id, id);
});

test("a card whose answer is lost is looked up, never charged again", async () => {
  const stand = await owner.stand();
  const player = await Player.open(world, await people.somebody(), "slow-cup", 3);
  await player.tapAndTell();
  await player.pay("tok_timeout");
  await player.page.locator("hawker-sheet[step=unknown]").waitFor({ state: "attached" });
  const { order: id } = await player.receipt();
  const { order, payments } = await owner.soldOnce(stand, "LI-COFFEE-250");
  assert.deepEqual([order.id, payments.length], [id, 1]);
});
