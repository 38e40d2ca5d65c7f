// Exchanges: a buyer asks on a phone and without scripts, the desk receives, and something else leaves; paid with what came back, and with a card for what
// is dearer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, takeOne } from "./parts/pictures.mjs";
import { buyOnce } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

/** A dripper that was bought on a phone, and has left. */
async function sent() {
  const stand = await owner.stand();
  const buyer = await people.somebody({ javaScriptEnabled: true });
  const receipt = await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await eventually("the work on it is open", () =>
    owner.tell("POST", `/v1/orders/${order.id}/shipments`, { carrier: "DHL", tracking: "JD1" }).catch(() => null));
  // From here on no page may need a script.
  const plain = await people.somebody({ javaScriptEnabled: false });
  const page = await plain.newPage();
  await page.goto(receipt.page);
  return { order, page, receipt, stand };
}

test("something dearer is kept from the first moment, and leaves when what came back is here and the rest is paid", async () => {
  const { order, page, receipt, stand } = await sent();
  await picture(page, "order-before");
  await page.getByRole("link", { name: "Exchange something" }).click();
  await page.getByRole("heading", { name: "Exchange something" }).waitFor();
  const planter = await page.locator("option", { hasText: "€46.00" }).first().getAttribute("value");
  await page.getByLabel("What you want instead").selectOption(planter);
  await picture(page, "exchange-first");
  await page.getByRole("button", { name: "See what it comes to" }).click();
  // Nothing has happened yet: it is read once more.
  await page.getByText("You pay €8.90 once yours is here.").waitFor();
  await picture(page, "exchange-second");
  await page.getByRole("button", { name: "Keep it for me" }).click();
  await page.getByRole("heading", { name: "Your exchange: please send it back" }).waitFor();
  await picture(page, "order-awaited");
  const kept = await owner.since(stand);
  assert.equal(Object.values(kept.shelves).filter(({ left }) => left === -1).length, 2, "the dripper is sold and the planter is kept");
  await page.getByLabel("How you sent it").fill("DHL JJD0001");
  await page.getByRole("button", { name: "It is on its way" }).click();
  await page.getByRole("heading", { name: "Your exchange: on its way back" }).waitFor();

  const desk = owner.page;
  await desk.goto(world.desk(""));
  await desk.getByText(`order ${order.number} is on its way back`).waitFor();
  await desk.goto(world.desk(`/orders/${order.id}`));
  await desk.getByText("The buyer exchanges it for").waitFor();
  await takeOne("order-exchange", desk);
  await desk.getByRole("button", { name: "Received: send what they get for it" }).click();
  await desk.locator(".return .tag, .return .tags").getByText("To be paid").waitFor();

  await page.goto(receipt.page);
  await page.getByRole("heading", { name: "Your exchange: €8.90 is missing" }).waitFor();
  await picture(page, "order-to-pay");
  await page.getByRole("button", { name: "Pay €8.90" }).click();
  await page.getByRole("heading", { name: "You exchanged it" }).waitFor();
  await picture(page, "order-exchanged");
  await page.getByRole("link", { name: /^Order / }).last().click();
  await page.getByText("It left for what you sent back of").waitFor();
  await picture(page, "order-replacement");

  await desk.reload();
  await desk.getByText("Its money became credit and paid for").waitFor();
  await takeOne("order-exchanged", desk);
  const { orders, payments } = await owner.since(stand);
  const [first, second] = orders.sort((one, other) => Number(one.id !== order.id) - Number(other.id !== order.id));
  assert.deepEqual([first.captured.amount, first.refunded.amount, second.total.amount], [4690, 4200, 5090]);
  assert.deepEqual(payments.map(({ amount, refunded }) => [amount, refunded]).sort(([one], [other]) => one - other), [[890, 0], [4690, 0]]);
  await owner.balances();
});

test("a buyer gives an exchange up, and it is as if nobody had asked", async () => {
  const { page, stand } = await sent();
  const before = await owner.since(stand);
  await page.getByRole("link", { name: "Exchange something" }).click();
  const same = await page.locator("option", { hasText: "€42.00" }).first().getAttribute("value");
  await page.getByLabel("What you want instead").selectOption(same);
  await page.getByRole("button", { name: "See what it comes to" }).click();
  await page.getByText("There is nothing to pay.").waitFor();
  await page.getByRole("button", { name: "Keep it for me" }).click();
  await page.getByRole("heading", { name: "Your exchange: please send it back" }).waitFor();
  await page.getByRole("button", { name: "Give the exchange up" }).click();
  await page.getByRole("heading", { name: "Your exchange has ended" }).waitFor();
  const after = await owner.since(stand);
  assert.deepEqual(after.shelves, before.shelves);
  assert.equal(after.orders.length, 1);
});

test("money becomes store credit where the buyer wants it so, and the page of the order says its code", async () => {
  const { order, page, receipt } = await sent();
  const desk = owner.page;
  await desk.goto(world.desk(`/orders/${order.id}`));
  await desk.locator("form[data-preview][data-ready]").waitFor();
  await desk.getByLabel("Where to").selectOption("store_credit");
  await desk.locator("form[data-preview]").getByLabel("Slow dripper").fill("1");
  await desk.getByText("€42.00 becomes store credit").waitFor();
  await takeOne("order-credit", desk);
  await desk.getByRole("button", { name: "Give back €42.00" }).click();
  await desk.getByText("Money was given back").first().waitFor();
  await page.goto(receipt.page);
  await page.getByRole("heading", { name: "Store credit: €42.00" }).waitFor();
  await picture(page, "order-credit");
  const paid = world.bank().find(({ amount, refunded, captured }) => amount === 4690 && captured === 4690 && refunded === 0);
  assert.ok(paid, "no processor was asked");
});
