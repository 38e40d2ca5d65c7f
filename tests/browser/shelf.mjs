// Fewer lie on the shelf than were promised: somebody counts, sees whose pieces are missing, and cancels one; the task ends by itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture } from "./parts/pictures.mjs";
import { buyOnce } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";

theDemo();

test("a count below what is promised names whose pieces are missing until pieces and promises agree", async () => {
  const { id } = (await world.shelves()).get("LI-DRIP-SALT");
  const before = (await owner.ask(`/v1/variants/${id}/shelf`)).data[0];
  const first = await buyOnce(world, await people.somebody(), "slow-cup", 10);
  const last = await buyOnce(world, await people.somebody(), "slow-cup", 10);
  const desk = owner.page;
  await desk.goto(world.desk("/products"));
  await desk.getByRole("link", { name: "Slow dripper" }).click();
  await desk.getByRole("link", { name: "Count the shelf" }).click();
  await desk.getByRole("heading", { name: "Count the shelf" }).waitFor();
  await picture(desk, "studio-shelf-before");
  const promised = before.waiting + 2;
  const row = desk.locator("section.shelf").filter({ hasText: "Salt" }).first();
  await row.getByLabel("Counted").fill(String(promised - 1));
  await row.getByRole("button", { name: /^Save the count/ }).click();
  await desk.getByText("1 piece is missing").waitFor();
  const orders = await owner.orders();
  const number = (/** @type {string} */ order) => orders.find((one) => one.id === order).number;
  assert.deepEqual(await row.locator("tbody a").allTextContents(), [`Order ${number(last.order)}`], "who came last, and nobody else");
  await picture(desk, "studio-shelf-short");

  await desk.goto(world.desk());
  await desk.getByText("Slow dripper: 1 missing").waitFor();
  await picture(desk, "studio-today-short");
  await desk.getByRole("link", { name: "See whose they are" }).click();
  await desk.getByRole("link", { name: `Order ${number(last.order)}` }).click();
  await desk.getByText("Cancel this order…").click();
  await desk.getByRole("button", { name: `Cancel order ${number(last.order)}` }).click();
  await desk.locator(".tags").getByText("Canceled").waitFor();
  await desk.goto(world.desk());
  assert.equal(await desk.getByText("See whose they are").count(), 0, "the task is over");
  const after = (await owner.ask(`/v1/variants/${id}/shelf`)).data[0];
  assert.deepEqual([after.short, after.left, after.waiting], [0, 0, promised - 1], `${first.order} has its piece, and none is sold that is not there`);
});
