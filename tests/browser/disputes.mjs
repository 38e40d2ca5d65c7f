// A buyer goes to their bank: the desk learns of it, answers once from what the shop knows, and every book is as before when it is won.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { takeOne, whole } from "./parts/pictures.mjs";
import { buyOnce } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

test("a disputed payment is a task with a date, is answered once, and won: everybody has what they had", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  const { page: receipt } = await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await eventually("the work on it is open", () =>
    owner.tell("POST", `/v1/orders/${order.id}/shipments`, { carrier: "DHL", tracking: "JD1" }).catch(() => null));
  const before = await owner.balances();

  const desk = owner.page;
  await desk.goto(world.desk("/orders"));
  await desk.getByRole("link", { name: "Disputes" }).click();
  await desk.getByRole("heading", { name: "No buyer has gone to their bank" }).waitFor();
  await takeOne("disputes-empty", desk);
  await desk.getByLabel("Because").selectOption({ label: "The buyer says the parcel never came." });
  await desk.getByRole("button", { name: "Dispute this payment" }).click();
  await eventually("the bank's notice is here", async () => (await owner.ask("/v1/disputes")).data[0]);

  // A task, with the date.
  await desk.goto(world.desk());
  await desk.getByText(`A dispute of order ${order.number}: €46.90`).waitFor();
  await desk.getByText("Answer until").first().waitFor();
  await takeOne("today-disputed", desk);
  await desk.getByRole("link", { name: "Answer it" }).click();
  await desk.getByRole("heading", { name: `Dispute of order ${order.number}` }).waitFor();
  await takeOne("dispute", desk);

  // Everything there is about the sale, to print; the picture is that of the tapped moment.
  const pack = await owner.context.newPage();
  await pack.goto(world.desk(`/orders/${order.id}/evidence`));
  await pack.getByRole("heading", { name: `Evidence of order ${order.number}` }).waitFor();
  await pack.getByText("Parcel 1 was handed over.").waitFor();
  const picture = pack.getByRole("img", { name: /^The clip at 0:1/ });
  await eventually("the picture is there", () => picture.evaluate((/** @type {HTMLImageElement} */ image) => image.complete && image.naturalWidth > 0));
  await takeOne("evidence", pack);
  const paper = await pack.pdf({ format: "A4" });
  assert.equal(paper.subarray(0, 5).toString(), "%PDF-");
  const pages = paper.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert.ok(pages >= 2, "what was seen, agreed to, sent and told fills pages");
  if (process.env.HAWKER_SHOTS) await writeFile(join(process.env.HAWKER_SHOTS, "evidence.pdf"), paper);

  // The clip has another title and is on no page any more, and the buyer wants to be forgotten: what a bank has to be told stays whole until it has decided.
  await eventually("both letters have left", async () => {
    await pack.reload();
    return (await whole(pack)).includes("is on its way” was sent to");
  });
  const said = await whole(pack);
  const api = owner.context.request;
  const clip = (await world.ask("/v1/clips")).data.find(({ slug }) => slug === "slow-cup").id;
  const draft = await owner.ask(`/v1/clips/${clip}/draft`);
  const edited = await api.patch(`${world.base}/v1/clips/${clip}`, { data: { title: "Something else" }, headers: { origin: world.base, "if-match": `"${draft.version}"` } });
  assert.equal(edited.status(), 200, await edited.text());
  await owner.tell("POST", `/v1/clips/${clip}/publication`, {});
  const hidden = await api.delete(`${world.base}/v1/clips/${clip}/publication`, { headers: { origin: world.base } });
  assert.equal(hidden.status(), 204);
  const page = await buyer.newPage();
  await page.goto(receipt);
  await page.getByRole("link", { name: "Delete my personal data" }).click();
  await page.getByRole("heading", { name: "Kept for now, and deleted by itself" }).waitFor();
  await page.getByLabel("To be sure it is you").fill("jo.berg@example.org");
  await page.getByRole("button", { name: "Delete my personal data" }).click();
  await eventually("the wish is written down", async () => (await owner.ask("/v1/erasures")).data[0]);
  await page.close();
  await pack.reload();
  await eventually("the picture is there again", () => picture.evaluate((/** @type {HTMLImageElement} */ image) => image.complete && image.naturalWidth > 0));
  assert.equal(await whole(pack), said);
  const again = (await pack.pdf({ format: "A4" })).toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert.equal(again, pages, "and fills as many pages");
  await pack.close();

  assert.equal(await desk.getByLabel("Tracking number").inputValue(), "JD1", "filled in from the parcel");
  const taken = await owner.balances();
  assert.notDeepEqual(taken, before);

  // No refund meanwhile.
  const refund = await owner.context.request.post(`${world.base}/v1/orders/${order.id}/refunds`, { data: { reason: "kind" }, headers: { origin: world.base } });
  assert.equal((await refund.json()).code, "dispute_open");

  await desk.getByLabel("Receipt, and what else the bank should know").fill("It was handed over on the day after.");
  await desk.getByRole("button", { name: "Send the answer" }).click();
  await desk.locator(".tags").getByText("With the bank").waitFor();
  await desk.getByText("It was handed over on the day after.").waitFor();
  await takeOne("dispute-answered", desk);
  await desk.goto(world.desk("/disputes"));
  await takeOne("disputes", desk);
  await desk.getByRole("link", { name: `Order ${order.number}` }).click();
  await desk.getByRole("button", { name: "Decide for the shop" }).click();
  await eventually("it is won", async () => (await owner.ask("/v1/disputes")).data.find(({ state }) => state === "won"));
  await desk.reload();
  await desk.getByText("Everybody has exactly what was taken from them.").waitFor();
  await takeOne("dispute-won", desk);

  // The fee of the dispute is all that is gone, and one account bears it.
  const after = await owner.balances();
  const was = new Map(before.map(({ account, balance }) => [account, balance.amount]));
  const moved = after.filter(({ account, balance }) => balance.amount !== (was.get(account) ?? 0));
  assert.deepEqual(moved.map(({ account, balance }) => balance.amount - (was.get(account) ?? 0)).sort((a, b) => a - b), [-1500, 1500]);

  await desk.goto(world.desk(`/orders/${order.id}`));
  await desk.getByRole("link", { name: "The dispute of €46.90" }).waitFor();
  await takeOne("order-disputed", desk);
});
