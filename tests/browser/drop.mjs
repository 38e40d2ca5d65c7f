// A drop from both sides: a host runs it from a phone's width console while people buy, one of them without scripts.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { whole } from "./parts/pictures.mjs";
import { BUYER } from "./parts/player.mjs";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

/** A picture of a page at both widths, light and dark, where pictures are asked for. @param {import("playwright-core").Page} page @param {string} name */
async function picture(page, name) {
  const folder = process.env.HAWKER_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const size = page.viewportSize();
  for (const width of [390, 1440]) {
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  if (size) await page.setViewportSize(size);
}

/** @param {import("playwright-core").Page} page @param {string} email */
async function pay(page, email) {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Name", { exact: true }).fill(BUYER.name);
  await page.getByLabel("Street and number").fill(`${email} street 1`);
  await page.getByLabel("Postcode").fill(BUYER.postal_code);
  await page.getByLabel("Town").fill(BUYER.city);
  await page.getByRole("button", { name: /^Pay / }).click();
}

/** Asked twice: the summary, then what it says. @param {import("playwright-core").Page} desk @param {RegExp} first @param {RegExp} then */
async function confirm(desk, first, then) {
  await desk.locator("summary", { hasText: first }).first().click();
  await desk.getByRole("button", { name: then }).first().click();
}

/** Free units of something in the shop. @param {string} sku */
const left = async (sku) => (await world.shelves()).get(sku).availability.left;

test("a host plans, opens, steps, pins and closes a drop, and buyers with and without scripts get what they were shown", async () => {
  const shelves = [...(await world.shelves()).values()];
  const dripper = shelves.find(({ product }) => product.slug === "slow-dripper" || product.title === "Slow dripper");
  const mug = shelves.find(({ product, availability }) => product.title === "Dune mug" && availability.left > 3);
  assert.ok(dripper && mug, "the demo sells them");
  const before = await left(mug.sku);

  // The host puts it together.
  const desk = owner.page;
  await desk.goto(world.desk("/drops"));
  await desk.getByRole("heading", { name: "A drop is a sale with a beginning and an end" }).waitFor();
  await picture(desk, "studio-drops-empty");
  await desk.getByLabel("Title").fill("Friday firing");
  await desk.getByRole("button", { name: "Plan it" }).click();
  await desk.getByRole("heading", { name: "Friday firing" }).waitFor();
  await desk.getByLabel("Words").fill("Three mugs out of one kiln, opened in front of you.");
  await desk.getByLabel("Clip on the stage").selectOption({ index: 1 });
  await desk.getByLabel("Pieces for each buyer").fill("1");
  const rows = desk.locator(".plan-row");
  await rows.nth(0).getByLabel("Piece").selectOption(mug.id);
  await rows.nth(0).getByLabel("Units").fill("3");
  await rows.nth(0).getByLabel("Price, EUR").fill("25");
  await rows.nth(0).locator("summary", { hasText: "Price rules" }).click();
  await rows.nth(0).getByLabel("Once so many are paid").fill("3");
  await rows.nth(0).getByLabel("it costs, EUR").nth(1).fill("27");
  await picture(desk, "studio-drop-plan-rules");
  await rows.nth(1).getByLabel("Piece").selectOption(dripper.id);
  await rows.nth(1).getByLabel("Units").fill("999999");
  await rows.nth(1).getByLabel("Price, EUR").fill("30.00");
  await confirm(desk, /Schedule it/, /Save, and schedule it/);
  await desk.getByText(/not that many free pieces of Slow dripper/).first().waitFor();
  assert.equal(await left(mug.sku), before, "nothing was taken");
  await picture(desk, "studio-drop-plan-refused");
  await rows.nth(1).getByLabel("Units").fill("1");
  await confirm(desk, /Schedule it/, /Save, and schedule it/);
  await desk.locator("summary", { hasText: "Open it now" }).waitFor();
  assert.equal(await left(mug.sku), before - 3, "its units left the shelf");
  await desk.getByText("€27.00 once 3 are paid").first().waitFor();
  await picture(desk, "studio-drop-scheduled");

  // Somebody waits in front of it.
  const phone = await people.somebody();
  const page = await phone.newPage();
  await page.goto(world.page("/drops/friday-firing"));
  await page.getByText("Not open yet").first().waitFor();
  assert.ok(await page.getByRole("button", { name: "Not open yet" }).first().isDisabled());
  await picture(page, "shop-drop-before");

  // It opens for them by itself.
  await confirm(desk, /Open it now/, /Yes, open it/);
  await page.getByText("Open now.").waitFor();
  const item = page.locator(`[data-variant="${mug.id}"]`);
  await item.getByText("3 left").waitFor();

  // A price step and its undo, a pin: they see it without loading anything.
  const card = desk.locator(".console-item", { hasText: "Dune mug" });
  await card.locator("summary", { hasText: "Price" }).click();
  await card.getByLabel("New price, EUR").fill("22");
  await card.getByRole("button", { name: "Step the price" }).click();
  await item.getByText("€22.00").waitFor();
  await picture(desk, "studio-drop-open");
  await desk.getByRole("button", { name: /Undo: Dune mug.* back to €25.00/ }).click();
  await item.getByText("€25.00").waitFor();
  await card.getByRole("button", { name: /^Put on the table/ }).click();
  await item.getByText("On the table now").waitFor();
  await picture(page, "shop-drop-open");

  // One buys with scripts, one without; nobody twice.
  const plain = await people.somebody({ javaScriptEnabled: false });
  const other = await plain.newPage();
  for (const [buyer, email] of /** @type {const} */ ([[page, "ada@example.com"], [other, "bob@example.com"]])) {
    await buyer.goto(world.page("/drops/friday-firing"));
    await buyer.locator(`[data-variant="${mug.id}"]`).getByRole("button", { name: /^Buy/ }).click();
    await buyer.getByRole("button", { name: "Pay €29.90" }).waitFor();
    await pay(buyer, email);
    await buyer.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  }
  await other.goto(world.page("/drops/friday-firing"));
  await other.locator(`[data-variant="${mug.id}"]`).getByRole("button", { name: /^Buy/ }).click();
  await pay(other, "Bob+again@example.com");
  await other.getByRole("heading", { name: "You have what each buyer may have." }).waitFor();
  await picture(other, "shop-drop-limit");

  // The console followed all of it, unasked.
  const paid = desk.locator(".console-figures li", { hasText: "Paid" }).locator(".figure");
  await eventually("the console counts what was paid", async () => (await paid.innerText()) === "2");
  await picture(desk, "studio-drop-selling");

  // It closes; what nobody bought is on the shelf again.
  await page.goto(world.page("/drops/friday-firing"));
  await confirm(desk, /^Close/, /Yes, close it/);
  await page.getByText("This drop is over.").waitFor();
  await picture(page, "shop-drop-over");
  await eventually("what was left went home", async () => (await left(mug.sku)) === before - 2);
  await eventually("the console says it is settled", async () => {
    await desk.reload();
    return desk.getByRole("button", { name: "Put it away" }).isVisible();
  });
  await picture(desk, "studio-drop-over");
  await other.goto(world.page("/drops/friday-firing"));
  await other.getByRole("link", { name: "See the shop" }).waitFor();
  await owner.balances();
});

test("a bank asks about a sale of a live drop: what was shown is there to print, although its clip is gone and its buyer wants to be forgotten", async () => {
  const mug = [...(await world.shelves()).values()].find(({ product, availability }) => product.title === "Dune mug" && availability.left > 0);
  const clip = (await world.ask("/v1/clips")).data[0];
  const items = [{ variant: mug.id, allotment: 1, price: { amount: 2500, currency: "EUR" } }];
  const drop = await owner.tell("POST", "/v1/drops", { title: "Evening firing", clip: clip.id, items });
  for (const act of ["scheduling", "opening"]) await owner.tell("POST", `/v1/drops/${drop.id}/${act}`, {});
  const phone = await people.somebody();
  const page = await phone.newPage();
  await page.goto(world.page("/drops/evening-firing"));
  await page.locator(`[data-variant="${mug.id}"]`).getByRole("button", { name: /^Buy/ }).click();
  await pay(page, "eve@example.com");
  await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  const [order] = await owner.orders();
  await eventually("the work on it is open", () =>
    owner.tell("POST", `/v1/orders/${order.id}/shipments`, { carrier: "DHL", tracking: "JD2" }).catch(() => null));

  const desk = owner.page;
  await desk.goto(world.desk("/disputes"));
  await desk.getByLabel("Order", { exact: true }).selectOption(order.id);
  await desk.getByRole("button", { name: "Dispute this payment" }).click();
  await eventually("the bank's notice is here", async () => (await owner.ask("/v1/disputes")).data.find((dispute) => dispute.order === order.id));
  const pack = await owner.context.newPage();
  await pack.goto(world.desk(`/orders/${order.id}/evidence`));
  await pack.getByText("Parcel 1 was handed over.").waitFor();
  await eventually("both letters have left", async () => {
    await pack.reload();
    return (await whole(pack)).includes("is on its way” was sent to eve@example.com");
  });
  const said = await whole(pack);
  for (const words of ["Evening firing", "none was changed, left out or put in", "JD2", "eve@example.com"]) {
    assert.ok(said.includes(words), `${words}: ${said}`);
  }
  await picture(pack, "evidence-of-a-live-sale");

  const hidden = await owner.context.request.delete(`${world.base}/v1/clips/${clip.id}/publication`, { headers: { origin: world.base } });
  assert.equal(hidden.status(), 204);
  await page.getByRole("link", { name: "Delete my personal data" }).click();
  await page.getByRole("heading", { name: "Kept for now, and deleted by itself" }).waitFor();
  await page.getByLabel("To be sure it is you").fill("eve@example.com");
  await page.getByRole("button", { name: "Delete my personal data" }).click();
  await eventually("the wish is written down", async () => (await owner.ask("/v1/erasures")).data[0]);
  await pack.reload();
  assert.equal(await whole(pack), said, "held whole until the bank has decided");
  const paper = await pack.pdf({ format: "A4" });
  assert.ok((paper.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0) >= 2, "it prints");
  if (process.env.HAWKER_SHOTS) writeFileSync(join(process.env.HAWKER_SHOTS, "evidence-of-a-live-sale.pdf"), paper);
  await pack.close();
});

test("a waiting room: a turn before, a place after, and a button for whoever is let in", async () => {
  const shelves = [...(await world.shelves()).values()];
  const print = shelves.find(({ product, availability }) => product.title.startsWith("Low sun") && availability.left > 1);
  assert.ok(print, "the demo sells it");
  const planned = await owner.tell("POST", "/v1/drops", {
    title: "Night print", waiting_room: { rate_per_minute: 6 },
    items: [{ variant: print.id, allotment: 2, price: { amount: 3000, currency: "EUR" } }],
  });
  await owner.tell("POST", `/v1/drops/${planned.id}/scheduling`, {});

  // One with scripts, one without; both are in the draw.
  const pages = [];
  for (const options of [{}, { javaScriptEnabled: false }]) {
    const page = await (await people.somebody(options)).newPage();
    await page.goto(world.page("/drops/night-print"));
    if (!pages.length) await picture(page, "shop-drop-room-outside");
    await page.getByRole("button", { name: "Take a turn" }).click();
    await page.getByText("You are in the draw.").waitFor();
    pages.push(page);
  }
  await picture(pages[0], "shop-drop-room-draw");
  await owner.tell("POST", `/v1/drops/${planned.id}/opening`, {});
  await pages[0].getByText(/Your place|It is your turn/).waitFor();
  await picture(pages[0], "shop-drop-room-place");

  // At six a minute the first is let in at once or in ten seconds, the second ten seconds later.
  await pages[0].getByText("It is your turn.").waitFor({ timeout: 40_000 });
  await picture(pages[0], "shop-drop-room-turn");
  await eventually("who has no scripts loads the page again until it is their turn", async () => {
    await pages[1].reload();
    return pages[1].getByText("It is your turn.").isVisible();
  });
  for (const [number, page] of pages.entries()) {
    await page.getByRole("button", { name: /^Buy/ }).first().click();
    await pay(page, `night${number}@example.com`);
    await page.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  }
  // Without a turn nobody gets in by the checkout's door either.
  const stranger = await (await people.somebody()).newPage();
  await owner.tell("POST", `/v1/drops/${planned.id}/releases`, { variant: print.id, units: 1 });
  await stranger.goto(world.page(`/checkout?drop=${planned.id}&lines=${print.id}:1`));
  await pay(stranger, "stranger@example.com");
  await stranger.getByRole("heading", { name: "Take a turn first." }).waitFor();
  await owner.tell("POST", `/v1/drops/${planned.id}/closing`, {});
});

test("who waits for what is sold out is offered what comes free, and nobody else", async () => {
  const shelves = [...(await world.shelves()).values()];
  const towel = shelves.find(({ product, availability }) => product.title === "Furrow towel" && availability.left > 2);
  assert.ok(towel, "the demo sells it");
  const planned = await owner.tell("POST", "/v1/drops", {
    title: "Last towel", items: [{ variant: towel.id, allotment: 1, price: { amount: 1500, currency: "EUR" } }],
  });
  const act = (/** @type {string} */ name, /** @type {unknown} */ body = {}) => owner.tell("POST", `/v1/drops/${planned.id}/${name}`, body);
  await act("scheduling");
  await act("opening");
  const path = "/drops/last-towel";
  const first = await (await people.somebody({ javaScriptEnabled: false })).newPage();
  await first.goto(world.page(path));
  await first.getByRole("button", { name: /^Buy/ }).click();
  await pay(first, "first@example.com");
  await first.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();

  const patient = await (await people.somebody()).newPage();
  await patient.goto(world.page(path));
  await patient.getByRole("button", { name: /^Wait for one/ }).click();
  await patient.getByText("You are next: keep this page open.").waitFor();
  await picture(patient, "shop-drop-waiting");
  await act("releases", { variant: towel.id, units: 1 });
  await patient.getByText(/One is kept for you until/).waitFor();
  await picture(patient, "shop-drop-offered");
  const quick = await (await people.somebody({ javaScriptEnabled: false })).newPage();
  await quick.goto(world.page(path));
  assert.ok(await quick.getByRole("button", { name: "Sold out" }).isDisabled(), "it is nobody else's");
  await patient.getByRole("button", { name: /^Buy/ }).click();
  await pay(patient, "patient@example.com");
  await patient.getByRole("heading", { name: "Thank you, Jo. It is yours." }).waitFor();
  await act("closing");
});

test("a second tab goes on with what was reserved, with scripts and without", async () => {
  const shelves = [...(await world.shelves()).values()];
  const tumbler = shelves.find(({ availability }) => availability.left > 3);
  assert.ok(tumbler, "the demo sells something");
  const planned = await owner.tell("POST", "/v1/drops", {
    title: "Two tabs", limit_per_buyer: 1, items: [{ variant: tumbler.id, allotment: 2, price: { amount: 1500, currency: "EUR" },
      price_rules: [{ kind: "sold", units: 1, price: { amount: 1900, currency: "EUR" } }] }],
  });
  const act = (/** @type {string} */ name, /** @type {unknown} */ body = {}) => owner.tell("POST", `/v1/drops/${planned.id}/${name}`, body);
  await act("scheduling");
  await act("opening");
  const desk = owner.page;
  await desk.goto(world.desk(`/drops/${planned.id}`));
  await desk.getByText("€19.00 once 1 is paid").first().waitFor();
  await picture(desk, "studio-drop-rules");
  for (const [number, options] of [{}, { javaScriptEnabled: false }].entries()) {
    const buyer = await people.somebody(options);
    const first = await buyer.newPage();
    await first.goto(world.page("/drops/two-tabs"));
    await first.getByRole("button", { name: /^Buy/ }).click();
    // Their bank says no the first time: what they chose stays theirs.
    const declined = first.getByLabel(/without enough money/);
    await declined.check();
    await pay(first, `tabs${number}@example.com`);
    await first.getByRole("heading", { name: "Your bank declined the payment" }).waitFor();
    const second = await buyer.newPage();
    await second.goto(world.page("/drops/two-tabs"));
    await second.getByText("1 piece is kept for you.").waitFor();
    if (!number) await picture(second, "shop-drop-own");
    await second.getByRole("link", { name: "Go on and pay" }).click();
    await second.getByRole("button", { name: /^Pay / }).waitFor();
    if (!number) await picture(second, "shop-checkout-own");
    const third = await buyer.newPage();
    await third.goto(world.page(`/checkout?drop=${planned.id}&lines=${tumbler.id}:1`));
    await third.getByRole("heading", { name: "Your bank declined the payment" }).waitFor();
    const card = third.getByLabel(/Card that works/);
    await card.check();
    await third.getByRole("button", { name: /^Pay / }).click();
    await third.getByRole("heading", { name: /Thank you/ }).waitFor();
    if (!number) await eventually("the rule stepped the price", async () => {
      await desk.reload();
      return desk.getByText("Another price, by what was sold").isVisible();
    });
  }
  await act("closing");
});

test("one card is one buyer, whatever name is typed with it", async () => {
  const shelves = [...(await world.shelves()).values()];
  const thing = shelves.find(({ availability }) => availability.left > 3);
  assert.ok(thing, "the demo sells something");
  const planned = await owner.tell("POST", "/v1/drops", {
    title: "One card", limit_per_buyer: 1, items: [{ variant: thing.id, allotment: 3, price: { amount: 1500, currency: "EUR" } }],
  });
  const act = (/** @type {string} */ name) => owner.tell("POST", `/v1/drops/${planned.id}/${name}`, {});
  await act("scheduling");
  await act("opening");
  for (const [number, options] of [{}, { javaScriptEnabled: false }].entries()) {
    const page = await (await people.somebody(options)).newPage();
    await page.goto(world.page("/drops/one-card"));
    await page.getByRole("button", { name: /^Buy/ }).click();
    await page.getByLabel(/known again/).check();
    await pay(page, `card${number}@example.com`);
    if (!number) {
      await page.getByRole("heading", { name: /Thank you/ }).waitFor();
      continue;
    }
    await page.getByRole("heading", { name: "This card has what each buyer may have." }).waitFor();
    await page.getByText("Nothing was charged").waitFor();
    await picture(page, "shop-drop-card");
    // With another card it is theirs.
    await page.goto(world.page("/drops/one-card"));
    await page.getByRole("button", { name: /^Buy/ }).click();
    await page.getByLabel(/Card that works/).check();
    await pay(page, `card${number}@example.com`);
    await page.getByRole("heading", { name: /Thank you/ }).waitFor();
  }
  await act("closing");
  await owner.balances();
});

test("guests come in earlier, a rush costs a moment of work, and a letter asks before it is written", async () => {
  const shelves = [...(await world.shelves()).values()];
  const piece = shelves.find(({ availability }) => availability.left > 3);
  assert.ok(piece, "the demo sells something");
  const soon = new Date(Date.now() + 20 * 60_000).toISOString();
  const planned = await owner.tell("POST", "/v1/drops", {
    title: "Early birds", opens_at: soon, early_minutes: 60, waiting_room: { rate_per_minute: 60 },
    items: [{ variant: piece.id, allotment: 2, price: { amount: 1500, currency: "EUR" } }],
  });
  const act = (/** @type {string} */ name, /** @type {unknown} */ body = {}) => owner.tell("POST", `/v1/drops/${planned.id}/${name}`, body);
  await act("scheduling");
  const desk = owner.page;
  await desk.goto(world.desk(`/drops/${planned.id}`));
  await desk.locator("summary", { hasText: "Invite" }).click();
  await desk.getByLabel("Whom").fill("Newsletter");
  await desk.getByLabel("People").fill("1");
  await desk.getByRole("button", { name: "Make a link" }).click();
  await desk.getByText("0 of 1 used it").waitFor();
  await picture(desk, "studio-drop-early");
  const link = await desk.locator(".console-links code").innerText();

  const guest = await (await people.somebody({ javaScriptEnabled: false })).newPage();
  await guest.goto(link);
  await picture(guest, "shop-drop-invited");
  await guest.getByRole("button", { name: "Take the invitation" }).click();
  await guest.getByText("Open for you and other guests now").waitFor();
  await picture(guest, "shop-drop-early");
  await guest.getByRole("button", { name: /^Buy/ }).click();
  await pay(guest, "guest@example.com");
  await guest.getByRole("heading", { name: /Thank you/ }).waitFor();
  const late = await (await people.somebody({ javaScriptEnabled: false })).newPage();
  await late.goto(link);
  await late.getByRole("button", { name: "Take the invitation" }).click();
  await late.getByRole("heading", { name: "This link does not let you in earlier." }).waitFor();

  // The host makes turns cost work; a browser does it by itself.
  await owner.tell("PUT", `/v1/drops/${planned.id}/guard`, {});
  const worker = await (await people.somebody()).newPage();
  await worker.goto(world.page("/drops/early-birds"));
  await worker.getByRole("button", { name: "Take a turn" }).click();
  await worker.getByText("You are in the draw.").waitFor({ timeout: 60_000 });
  const plain = await (await people.somebody({ javaScriptEnabled: false })).newPage();
  await plain.goto(world.page("/drops/early-birds"));
  await plain.getByRole("button", { name: "Take a turn" }).click();
  await plain.getByText(/Wait until \d\d:\d\d:\d\d/).waitFor();
  await picture(plain, "shop-drop-work");

  // A letter before the opening asks first.
  await plain.locator("summary", { hasText: "Remind me before it opens" }).click();
  await plain.getByLabel("E-mail").fill("remind@example.com");
  await picture(plain, "shop-drop-remind");
  await plain.getByRole("button", { name: "Remind me" }).click();
  await plain.getByText("We sent a letter to that mailbox.").waitFor();
  await act("closing");
});
