// The second purchase: nothing to type. A card that was kept buys in one tap, adds one more thing after a purchase, and is forgotten when its buyer
// says so. And buyers who leave for their bank and never come back to the tab they came from.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUYER, Player } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

/** Buys and has the card kept. @param {import("playwright-core").BrowserContext} context @param {number} second @param {string} [token] */
async function buyAndKeep(context, second, token = "tok_visa") {
  const player = await Player.open(world, context, "slow-cup", second);
  await player.tapAndTell();
  const keep = player.field("keep");
  assert.equal(await keep.isChecked(), false, "never ticked for them");
  await keep.check();
  await player.pay(token);
  return player;
}

test("a second purchase needs no typing, and a double tap is one", async () => {
  const buyer = await people.somebody();
  const first = await buyAndKeep(buyer, 3);
  await first.receipt();
  await first.page.close();

  const stand = await owner.stand();
  const player = await Player.open(world, buyer, "slow-cup", 10);
  await player.tap();
  await player.step("one_tap");
  await player.says("Goes to Jo Berg, Lindenweg 4, 50667 Köln.");
  await player.says(BUYER.contact);
  assert.equal(await player.main.innerText(), "Buy · €46.90 with •••• 4242");
  assert.equal(await player.sheet.locator("input").count(), 0, "nothing to type");
  assert.deepEqual((await owner.since(stand)).shelves, {}, "looking reserves nothing");
  await player.main.dblclick();
  const { order: id } = await player.receipt();
  const { order, payments } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  assert.deepEqual([order.id, order.contact.email, order.address.city], [id, BUYER.contact, BUYER.city]);
  assert.match(payments[0].method, /^pm_/, "the token that was kept");

  // Scripts of the page cannot read what it is kept under.
  assert.doesNotMatch(await player.page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage })), /__Host-hawker-buyer|\bpm_|\b4242\b/);
  assert.match((await buyer.cookies()).find(({ name }) => name === "__Host-hawker-buyer")?.value ?? "", /^[\w-]{43}$/);
});

test("who did not agree types again, and so does who had the card forgotten", async () => {
  const buyer = await people.somebody();
  const plain = await Player.open(world, buyer, "slow-cup", 3);
  await plain.tapAndTell();
  await plain.pay("tok_visa");
  await plain.receipt();
  await plain.page.close();
  assert.deepEqual((await buyer.cookies()).filter(({ name }) => name.includes("hawker")), [], "nobody is recognised who did not ask for it");

  const kept = await buyAndKeep(buyer, 10);
  await kept.receipt();
  await kept.page.close();
  const player = await Player.open(world, buyer, "from-clay-to-coffee", 15);
  await player.tap();
  await player.step("one_tap");
  await player.sheet.locator("[data-forget]").click();
  await player.step("contact");
  assert.equal(await player.field("contact").inputValue(), "", "what was kept with it is gone, too");
  await player.page.reload();
  await player.step("contact");
  await player.page.close();

  // And on the page without scripts there is nothing left.
  const page = await buyer.newPage();
  await page.goto(world.page("/stored-methods"));
  await page.getByText("keeps no card for this browser").waitFor();
});

test("a kept card whose buyer wants another address or card is passed by", async () => {
  const buyer = await people.somebody();
  await (await buyAndKeep(buyer, 3)).receipt();
  const player = await Player.open(world, buyer, "slow-cup", 10);
  await player.tap();
  await player.step("one_tap");
  await player.sheet.locator("[data-type]").click();
  await player.step("contact");
  assert.equal(await player.field("contact").inputValue(), BUYER.contact, "known in this page, ready to be changed");
});

test("after a purchase one more thing is added in one tap, as an order of its own", async () => {
  const stand = await owner.stand();
  const player = await buyAndKeep(await people.somebody(), 3);
  const first = await player.receipt();
  const add = player.sheet.locator("[data-more]");
  await add.waitFor();
  assert.match(await add.innerText(), /^Add · €[\d.]+ with •••• 4242$/);
  await add.click();
  await eventually("the second receipt", async () => {
    const order = player.sheet.locator("[data-order]");
    const id = (await order.count()) && (await order.getAttribute("data-order"));
    return id && id !== first.order;
  });
  const second = await player.receipt();
  const { orders, payments } = await owner.since(stand);
  assert.deepEqual(orders.map(({ id }) => id).sort(), [first.order, second.order].sort());
  assert.equal(payments.filter(({ state }) => state === "requires_capture").length, 2, "a promise each");
  assert.equal((await owner.ask(`/v1/orders/${second.order}`)).after, first.order);
});

test("the order's page offers the same addition, for whoever comes there first", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const { page: address, order: first } = await (await buyAndKeep(buyer, 3)).receipt();
  // A receipt that was passed on shows no card, and offers nothing.
  const friend = await (await people.somebody()).newPage();
  await friend.goto(address);
  await friend.getByRole("heading", { name: "Receipt" }).waitFor();
  assert.equal(await friend.getByText("While you are here").count() + await friend.getByText("4242").count(), 0);

  const page = await buyer.newPage();
  await page.goto(address);
  await page.getByRole("button", { name: /^Add · €[\d.]+ with Visa •••• 4242$/ }).dblclick();
  await page.waitForURL((url) => url.href !== address && url.pathname.includes("/orders/"));
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  const { orders, payments } = await owner.since(stand);
  assert.deepEqual([orders.length, payments.length], [2, 2]);
  const added = orders.find(({ id }) => id !== first);
  assert.equal((await owner.ask(`/v1/orders/${added.id}`)).after, first);
  await page.goto(address);
  await page.getByRole("heading", { name: "Receipt" }).waitFor();
  assert.equal(await page.getByText("While you are here").count(), 0, "it is theirs already");
});

test("a browser without scripts keeps a card, buys in one tap and forgets the card", async () => {
  const visitor = await people.somebody({ javaScriptEnabled: false });
  const page = await visitor.newPage();
  await page.goto(world.page("/products/slow-dripper"));
  await page.getByRole("button", { name: "Buy now" }).click();
  await page.getByLabel("E-mail").fill(BUYER.contact);
  for (const [label, value] of [["Name", BUYER.name], ["Street and number", BUYER.line1], ["Postcode", BUYER.postal_code], ["Town", BUYER.city]]) {
    await page.getByLabel(label, { exact: true }).fill(value);
  }
  assert.equal(await page.getByLabel(/Remember this card/).isChecked(), false);
  await page.getByLabel(/Remember this card/).check();
  await page.getByRole("button", { name: "Pay €46.90" }).click();
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();

  const stand = await owner.stand();
  await page.goto(world.page("/products/slow-dripper"));
  await page.getByRole("button", { name: "Buy now" }).click();
  await page.getByText("To Jo Berg, Lindenweg 4, 50667 Köln.").waitFor();
  await page.getByRole("button", { name: "Buy · €46.90 with Visa •••• 4242" }).dblclick();
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  await owner.soldOnce(stand, "LI-DRIP-SALT");

  await page.goto(world.page("/stored-methods"));
  await page.getByRole("heading", { name: "Visa •••• 4242" }).waitFor();
  await page.getByRole("button", { name: "Forget Visa •••• 4242" }).click();
  await page.getByText("The card is forgotten").waitFor();
  await page.goto(world.page("/products/slow-dripper"));
  await page.getByRole("button", { name: "Buy now" }).click();
  await page.getByRole("heading", { name: "Checkout" }).waitFor();
  assert.equal(await page.getByRole("button", { name: /with Visa/ }).count(), 0);
});

test("whoever confirms at their bank after closing the shop's tab has bought, and a new visit finds the order", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const player = await Player.open(world, buyer, "slow-cup", 10);
  await player.tapAndTell();
  await player.pay("tok_3ds");
  await player.page.locator("hawker-sheet[step=bank]").waitFor({ state: "attached" });
  const [bank] = await Promise.all([buyer.waitForEvent("page"), player.sheet.locator("[data-bank]").click()]);
  await bank.getByRole("heading", { name: "Is this payment yours?" }).waitFor();
  await player.page.close();
  assert.deepEqual((await owner.since(stand)).orders, [], "nothing is bought before the bank has its answer");
  const asked = bank.url();
  await bank.getByRole("button", { name: "Approve" }).click();
  await bank.waitForURL((url) => url.href !== asked); // The bank has its answer, and nobody is left who would close its window.

  const { order } = await eventually("the order is there without the buyer", async () => {
    const { orders } = await owner.since(stand);
    return orders.length === 1 && owner.soldOnce(stand, "LI-DRIP-SALT");
  });
  const back = await Player.open(world, buyer, "slow-cup", 10);
  await back.tap();
  assert.equal((await back.receipt()).order, order.id, "the same tap shows what they have");
  assert.equal((await owner.since(stand)).orders.length, 1);
});

test("whoever never answers their bank has bought nothing, and may come back and pay", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const player = await Player.open(world, buyer, "slow-cup", 10);
  await player.tapAndTell();
  await player.pay("tok_3ds");
  await player.page.locator("hawker-sheet[step=bank]").waitFor({ state: "attached" });
  await player.page.close();
  assert.deepEqual((await owner.since(stand)).shelves, { "LI-DRIP-SALT": { left: -1, held: 1 } }, "it stays theirs for a while");

  // A new visit goes on at the bank's door; nothing is asked for twice.
  const back = await Player.open(world, buyer, "slow-cup", 10);
  await back.tap();
  await back.page.locator("hawker-sheet[step=bank]").waitFor({ state: "attached" });
  const [bank] = await Promise.all([buyer.waitForEvent("page"), back.sheet.locator("[data-bank]").click()]);
  await bank.getByRole("button", { name: "Approve" }).click();
  const { order: id } = await back.receipt();
  const { order, payments } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  assert.deepEqual([order.id, payments.length], [id, 1]);
});
