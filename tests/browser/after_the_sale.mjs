// What becomes of a part of an order: a piece is canceled, a bundle goes back part by part, a return is worth less or nothing, a price match rests, and
// a dispute is given up. The buyer reads what the desk did.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, takeOne } from "./parts/pictures.mjs";
import { BUYER, buyOnce } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

/** @import { Page } from "playwright-core" */

/** @param {Page} page */
async function payAsJo(page) {
  await page.getByLabel("E-mail").fill(BUYER.contact);
  await page.getByLabel("Name", { exact: true }).fill(BUYER.name);
  await page.getByLabel("Street and number").fill(BUYER.line1);
  await page.getByLabel("Postcode").fill(BUYER.postal_code);
  await page.getByLabel("Town").fill(BUYER.city);
  await page.getByRole("button", { name: /^Pay/ }).click();
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
}

/** Two mugs of one kind, bought without scripts: the order, and its page. @param {Awaited<ReturnType<typeof owner.stand>>} stand */
async function twoMugs(stand) {
  const buyer = await people.somebody({ javaScriptEnabled: false });
  const page = await buyer.newPage();
  await page.goto(world.page("/products/dune-mug"));
  await page.getByLabel(/Salt/).check();
  await page.getByRole("button", { name: "Buy now" }).click();
  await page.getByLabel(/Pieces/).fill("2");
  await page.getByRole("button", { name: "Update the total" }).click();
  await payAsJo(page);
  const { orders } = await owner.since(stand);
  assert.equal(orders.length, 1);
  return { page, order: orders[0] };
}

/** @param {string} order */
const handOver = (order) =>
  eventually("the work on it is open", () =>
    owner.tell("POST", `/v1/orders/${order}/shipments`, { carrier: "DHL", tracking: "JD1" }).catch(() => null));

test("a buyer cancels one of two, the desk the other: nothing is ever charged", async () => {
  const stand = await owner.stand();
  const { page, order } = await twoMugs(stand);
  await page.getByText("Cancel only some pieces").click();
  await page.getByLabel(/Dune mug/).fill("1");
  await picture(page, "shop-cancel-some");
  await page.getByRole("button", { name: "Cancel these pieces" }).click();
  await page.getByText(/1 .*canceled/i).first().waitFor();
  const one = (await owner.since(stand)).orders[0];
  assert.equal(one.state, "confirmed", "the other piece is still to come");

  const desk = owner.page;
  await desk.goto(world.desk(`/orders/${order.id}`));
  await takeOne("cancel-rest", desk);
  // The last piece is the order.
  await desk.getByText("Cancel this order…").click();
  await desk.getByRole("button", { name: `Cancel order ${order.number}` }).click();
  await desk.locator(".tags").getByText("Canceled").waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "This order was canceled." }).waitFor();
  const { orders, payments, shelves } = await owner.since(stand);
  assert.deepEqual(orders.map(({ state, captured }) => [state, captured.amount]), [["canceled", 0]]);
  assert.deepEqual(payments.map(({ captured }) => captured), [0]);
  assert.deepEqual(shelves, {}, "both are on the shelf again");
});

test("a bundle goes back part by part, and the last part brings the rest", async () => {
  const desk = owner.page;
  await desk.goto(world.desk("/products/new"));
  await desk.getByLabel("Name", { exact: true }).fill("Evening set");
  await desk.getByLabel(/^Price/).first().fill("50");
  await desk.getByRole("button", { name: "Save and sell" }).click();
  await desk.getByRole("link", { name: "Bundle", exact: true }).click();
  const parts = await desk.getByLabel("Part").nth(0).locator("option").allTextContents();
  for (const [place, name] of [[0, "Slow dripper"], [1, "Dune mug"]]) {
    await desk.getByLabel("Part").nth(Number(place)).selectOption({ index: parts.findIndex((part) => part.includes(String(name))) });
    await desk.getByLabel("Pieces").nth(Number(place)).fill("1");
  }
  await desk.getByRole("button", { name: "Save", exact: true }).click();
  await desk.getByText(/can be made of what is there/).waitFor();

  const stand = await owner.stand();
  const buyer = await people.somebody({ javaScriptEnabled: false });
  const page = await buyer.newPage();
  await page.goto(world.page("/products/evening-set"));
  await page.getByRole("button", { name: "Buy now" }).click();
  await payAsJo(page);
  const [order] = (await owner.since(stand)).orders;
  await handOver(order.id);
  const whole = (await eventually("it is charged", async () => {
    const [now] = (await owner.since(stand)).orders;
    return now.captured.amount > 0 ? now : null;
  })).captured.amount;

  let back = 0;
  for (const line of order.lines) {
    await desk.goto(world.desk(`/orders/${order.id}`));
    await desk.locator("form[data-preview][data-ready]").waitFor();
    for (const field of await desk.locator("input[name^=refund_]:not([name=refund_delivery])").all()) await field.fill("0");
    await desk.getByLabel(new RegExp(line.title)).first().fill("1");
    if (line === order.lines.at(-1)) await desk.getByLabel("Delivery, too").check();
    const give = desk.getByRole("button", { name: /^Give back €/ });
    await give.waitFor();
    await takeOne(`refund-part-${back}`, desk);
    await give.click();
    await desk.getByText(/given back|Refunded/).first().waitFor();
    back += 1;
  }
  const { orders, payments, shelves } = await owner.since(stand);
  assert.deepEqual(orders.map(({ payment, refunded }) => [payment, refunded.amount]), [["refunded", whole]]);
  assert.deepEqual(payments.map(({ captured, refunded }) => [captured, refunded]), [[whole, whole]]);
  assert.deepEqual(shelves, {}, "all parts are on the shelf again");
});

/** The buyer of two withdraws from all of it. @param {Page} page @param {string} receipt */
async function withdraw(page, receipt) {
  await page.goto(receipt);
  await page.getByRole("link", { name: "Withdraw from contract here" }).click();
  await page.getByLabel("Your name").fill("Jo Berg");
  await page.getByLabel("E-mail, for our confirmation").fill(BUYER.contact);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("button", { name: "Confirm withdrawal" }).click();
  await page.getByRole("heading", { name: "You withdrew: please send it back" }).waitFor();
}

test("of two pieces one comes back, scratched: the buyer reads what was kept and why", async () => {
  const stand = await owner.stand();
  const { page, order } = await twoMugs(stand);
  await handOver(order.id);
  const receipt = page.url();
  await withdraw(page, receipt);

  const desk = owner.page;
  await desk.goto(world.desk(`/orders/${order.id}`));
  await desk.locator("input[name^=came_]").fill("1");
  await desk.getByText("It has lost value").click();
  await desk.getByLabel("Keep of the money").fill("4");
  await desk.getByLabel("Why; the buyer reads it").first().fill("A scratch across the glaze.");
  await takeOne("return-part", desk);
  await desk.getByRole("button", { name: "Received: give the money back" }).click();
  await desk.locator(".return .tag, .tags").getByText(/refunded/i).first().waitFor();
  await page.goto(receipt);
  await page.getByText("A scratch across the glaze.").first().waitFor();
  await picture(page, "shop-return-part");
  const { orders } = await owner.since(stand);
  const [line] = order.lines;
  assert.ok(orders[0].refunded.amount < line.amount.amount, "not both, and not all of one");
});

test("a return that is no return is ended with a reason, and costs nobody money", async () => {
  const stand = await owner.stand();
  const { page, order } = await twoMugs(stand);
  await handOver(order.id);
  const receipt = page.url();
  await withdraw(page, receipt);
  const desk = owner.page;
  await desk.goto(world.desk(`/orders/${order.id}`));
  await desk.getByText("End it without money…").click();
  await desk.getByLabel("Why; the buyer reads it").last().fill("You wrote that you keep them after all.");
  await desk.getByRole("button", { name: "End it", exact: true }).click();
  await page.goto(receipt);
  await page.getByText("You wrote that you keep them after all.").waitFor();
  await picture(page, "shop-return-ended");
  assert.equal((await owner.since(stand)).orders[0].refunded.amount, 0);
});

test("a price match is counted, ended before it began, and another one is run", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await handOver(order.id);
  const desk = owner.page;
  for (const goes of [false, true]) {
    await desk.goto(world.desk("/price-matches"));
    await desk.getByLabel("What", { exact: true }).selectOption({ label: "Slow dripper" });
    await desk.getByRole("button", { name: "Choose" }).click();
    await desk.locator("input[name^=price_]").first().waitFor();
    for (const price of await desk.locator("input[name^=price_]").all()) await price.fill("40.00");
    await desk.getByRole("button", { name: "Count the orders" }).click();
    const give = desk.getByRole("button", { name: /^Give .* back to/ });
    await give.waitFor();
    await takeOne(`price-match-${goes}`, desk);
    if (goes) {
      await give.click();
      await desk.locator(".tags").getByText("Done").waitFor();
    } else {
      await desk.getByRole("button", { name: "End it" }).click();
      await give.waitFor({ state: "detached" });
    }
  }
  const { orders } = await owner.since(stand);
  assert.deepEqual(orders.map(({ refunded }) => refunded.amount), [200], "once, by the one that ran");
});

test("a dispute is given up with a reason, and then nothing more can be given back", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await handOver(order.id);
  const desk = owner.page;
  await desk.goto(world.desk("/disputes"));
  await desk.getByLabel("Because").selectOption({ label: "The buyer says the parcel never came." });
  await desk.getByRole("button", { name: "Dispute this payment" }).click();
  await eventually("the bank's notice is here", async () => (await owner.ask("/v1/disputes")).data[0]);
  await desk.goto(world.desk("/disputes"));
  await desk.getByRole("link", { name: `Order ${order.number}` }).click();
  await desk.getByLabel("Why").last().fill("The parcel was lost.");
  await desk.getByRole("button", { name: "Give it up" }).click();
  await eventually("it is lost", async () => (await owner.ask("/v1/disputes")).data.find((/** @type {any} */ { state }) => state === "lost"));
  await desk.reload();
  await desk.getByText(/lost: the money stays with the buyer/).first().waitFor();
  await takeOne("dispute-lost", desk);
  await desk.goto(world.desk(`/orders/${order.id}`));
  assert.equal(await desk.getByRole("heading", { name: "Give money back" }).count(), 0, "the bank gave it back");
  await owner.balances();
});
