// The processor's file is sent at the desk: what agrees is done with, what does not is a question, and a person's word is kept.

import assert from "node:assert/strict";
import { test } from "node:test";
import { takeOne } from "./parts/pictures.mjs";
import { buyOnce } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

/** @param {string} name @param {string} text */
async function send(name, text) {
  await owner.page.getByLabel("The report, as CSV").setInputFiles({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
  await owner.page.getByRole("button", { name: "Compare it with our books" }).click();
}

test("a processor's file agrees, or is a question that a person decides", async () => {
  const stand = await owner.stand();
  const buyer = await people.somebody();
  await buyOnce(world, buyer, "slow-cup", 10);
  const { order } = await owner.soldOnce(stand, "LI-DRIP-SALT");
  await eventually("the work on it is open", () =>
    owner.tell("POST", `/v1/orders/${order.id}/shipments`, { carrier: "DHL", tracking: "JD1" }).catch(() => null));

  const desk = owner.page;
  await desk.goto(world.desk("/money"));
  await desk.getByRole("link", { name: "Processors' files" }).click();
  await desk.getByRole("heading", { name: "What the processors' files say" }).waitFor();
  await desk.getByText("None was sent yet.").waitFor();
  await takeOne("settlement-files-empty", desk);

  const link = await desk.getByRole("link", { name: /what the sandbox would report/ }).getAttribute("href");
  const report = await (await owner.context.request.get(`${world.base}${link}`)).text();
  assert.match(report, /46\.90,0\.95,45\.95,charge/);

  // Cut off: refused whole, with the line.
  await send("cut.csv", report.slice(0, -30));
  await desk.getByText(/Line \d+: it has no end/).first().waitFor();
  await takeOne("settlement-files-refused", desk);

  // Far more was kept than expected: a question, on Today too.
  await send("november.csv", report.replace("46.90,0.95,45.95,charge", "46.90,7.95,38.95,charge"));
  await desk.getByText("Received. What came of its lines stands below.").waitFor();
  await desk.getByText("€7.95 was kept of €46.90, and €0.95 was expected").waitFor();
  await takeOne("settlement-file", desk);
  await desk.goto(world.desk());
  await desk.getByText("1 line of a processor's file does not agree with our books").waitFor();
  await desk.getByRole("link", { name: "Look at them" }).click();
  await takeOne("settlement-files", desk);
  await desk.getByRole("link", { name: /€7.95 was kept/ }).click();
  await desk.getByLabel("The file is right").check();
  await desk.getByRole("button", { name: "Decide" }).click();
  await desk.getByText("Say why, in 3 to 1000 characters.").first().waitFor();
  assert.ok(await desk.getByLabel("The file is right").isChecked(), "what was chosen is still chosen");
  await takeOne("settlement-exception", desk);
  await desk.getByLabel("Why").fill("A card from far away; it is in their price list.");
  await desk.getByRole("button", { name: "Decide" }).click();
  await desk.getByText("Decided. It stays with the line").waitFor();
  await desk.locator("td.wide").getByText("All decided").waitFor();
  await owner.balances();

  // The very same file again.
  await send("november (1).csv", report.replace("46.90,0.95,45.95,charge", "46.90,7.95,38.95,charge"));
  await desk.getByText("This very file was here before. Nothing was changed.").waitFor();
  await desk.getByRole("link", { name: /€7.95 was kept/ }).click();
  await desk.getByText("A card from far away").waitFor();
  await takeOne("settlement-exception-decided", desk);
  await desk.goto(world.desk("/money"));
  await takeOne("money-settled", desk);
});
