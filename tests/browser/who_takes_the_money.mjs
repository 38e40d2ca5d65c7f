// Two processors, and an owner who has never written a rule: what the page says, what a rule does before it counts, and where the money then is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Player } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";

process.env.HAWKER_MORE_PROCESSORS = "eu=sandbox-single";
theDemo();

/** Everything is a form: with scripts and without, the same hands do the same. @param {import("playwright-core").Page} page */
async function writeARule(page) {
  await page.goto(world.desk("/settings/payments"));
  await page.getByText("It takes a promise once.").waitFor();
  await page.getByText("No rule yet").waitFor();
  await page.getByRole("button", { name: "Add a rule" }).click();
  const rule = page.locator("#rule-1");
  await rule.getByLabel("Name of the rule").fill("At home");
  await rule.getByLabel(/^Countries/).fill("de, at");
  await rule.getByLabel("By lot: each gets a share of the payments").check();
  // Only what the chosen way needs is shown.
  assert.equal(await rule.getByLabel("Place of eu").isVisible(), false);
  await rule.getByLabel("Percent of eu").fill("60");

  await page.getByRole("button", { name: "Save the rules" }).click();
  await page.getByRole("link", { name: /Rule 1, who is asked: The shares are at least 1 and make 100, not 60/ }).waitFor();
  assert.equal(await rule.getByLabel("Name of the rule").inputValue(), "At home");
  await rule.getByLabel("One after another, in this order").check();
  assert.equal(await rule.getByLabel("Percent of eu").isVisible(), false);
  await rule.getByLabel("Place of eu").selectOption("Asked first");
  await rule.getByLabel("Place of sandbox").selectOption("Asked second");

  await page.getByLabel("Amount", { exact: true }).fill("34.90");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.getByText("Rule 1, “At home”, fits and decides.").waitFor();
  await page.getByText("they are not saved").waitFor();
  const first = page.locator(".told-place").first();
  assert.match(await first.innerText(), /eu\s+Asked first/);
  assert.equal((await owner.ask("/v1/routing")).version, 0, "asking saves nothing");
}

test("without scripts a rule is written, refused, tried and found again", async () => {
  const state = await owner.context.storageState();
  const plain = await people.somebody({ javaScriptEnabled: false, storageState: state });
  await writeARule(await plain.newPage());
});

test("an owner writes a rule, and the next sale goes where it says", async () => {
  const { page } = owner;
  await writeARule(page);
  await page.getByRole("button", { name: "Save the rules" }).click();
  await page.getByText("Version 1 is in force").waitFor();

  const stand = await owner.stand();
  const player = await Player.open(world, await people.somebody(), "from-clay-to-coffee", 15);
  await player.tapAndTell();
  await player.pay("tok_visa");
  await player.receipt();
  const { orders } = await owner.since(stand);
  assert.equal(orders.length, 1);

  await page.goto(world.desk("/orders"));
  await page.getByRole("link", { name: new RegExp(orders[0].number) }).click();
  await page.getByText(/€38\.90 is promised until .*; it is taken when the parcel leaves\./).waitFor();
  await page.getByText("Rule \"At home\" (version 1) has us ask eu, then sandbox.").waitFor();
  const row = page.locator(".pay-row").first();
  assert.match(await row.innerText(), /eu\s+Promised/);

  // A question now: the promise stands, and the page says that somebody looked.
  await page.getByRole("button", { name: "Ask the processor now" }).click();
  await page.getByText("Asked. What the processor says stands below.").waitFor();
  await page.getByText("Looked at eu: it still promises 38.90 EUR.").waitFor();
  await page.getByRole("heading", { name: `Payment of order ${orders[0].number}` }).waitFor();
});
