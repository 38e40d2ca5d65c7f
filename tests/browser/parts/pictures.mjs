// Pictures of every page, for looking at: as a phone and a desk show them, light and dark. Taken only where HAWKER_SHOTS names a folder.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Player } from "./player.mjs";

/** @import { Page } from "playwright-core" */
/** @import { Owner, People } from "./people.mjs" */
/** @import { World } from "./world.mjs" */

const WIDTHS = /** @type {const} */ ([390, 1440]);
const SCHEMES = /** @type {const} */ (["light", "dark"]);

/**
 * Writes one picture of a page as it stands for each width and scheme; `ready` says when what draws itself has done so.
 * @param {string} folder @param {string} name @param {Page} page @param {boolean} whole @param {() => Promise<unknown>} [ready]
 */
async function take(folder, name, page, whole, ready) {
  for (const width of WIDTHS) {
    for (const colorScheme of SCHEMES) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.evaluate(() => Promise.all([...document.images].map((image) => {
        // A picture below the fold is fetched only for somebody who scrolls there.
        image.loading = "eager";
        return image.decode().catch(() => {});
      })));
      await drawn(page);
      if (ready) await ready().then(() => drawn(page));
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: whole });
    }
  }
}

/** The same of a page that may run no scripts: as it stands. @param {Page} page @param {string} name */
export async function picture(page, name) {
  const folder = process.env.HAWKER_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize();
  for (const width of WIDTHS) {
    for (const colorScheme of SCHEMES) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  if (before) await page.setViewportSize(before);
}

/** Pictures of a page in the middle of a story, where any are wanted. @param {string} name @param {Page} page */
export async function takeOne(name, page) {
  const folder = process.env.HAWKER_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize();
  await take(folder, `studio-${name}`, page, true);
  if (before) await page.setViewportSize(before);
}

/** The page has been laid out and painted for what it was told last. @param {Page} page */
function drawn(page) {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** @param {World} world @param {People} people @param {Owner} owner @param {{order: string, page: string}} sold an order that was shipped */
export async function takePictures(world, people, owner, sold) {
  const folder = process.env.HAWKER_SHOTS ?? "";
  mkdirSync(folder, { recursive: true });
  const visitor = await people.somebody({ isMobile: false });
  const page = await visitor.newPage();
  const line = `${(await world.shelves()).get("LI-MUG-TIDE").id}:1`;
  for (const [name, address] of [
    ["shop-home", world.page()], ["shop-product", world.page("/products/dune-mug")], ["shop-checkout", world.page(`/checkout?lines=${line}`)],
    ["shop-order", sold.page], ["shop-policy", world.page("/policies/returns")], ["mailbox", `${world.base}/mailbox`],
  ]) {
    await page.goto(address);
    await take(folder, name, page, true);
  }

  const player = await Player.open(world, visitor, "from-clay-to-coffee", 15);
  await player.buy.waitFor();
  await take(folder, "clip-card", player.page, false);
  await player.tap();
  await player.step("contact");
  await take(folder, "sheet-contact", player.page, false);
  await player.sayContact();
  await player.step("address");
  await take(folder, "sheet-address", player.page, false);
  await player.sayAddress();
  await take(folder, "sheet-payment", player.page, false);
  await player.pay("tok_declined");
  await player.sheet.locator("[data-decline]").getByText("declined").waitFor();
  await take(folder, "sheet-declined", player.page, false);
  await player.pay("tok_visa");
  await player.receipt();
  await take(folder, "sheet-receipt", player.page, false);

  const desk = owner.page;
  await desk.goto(world.desk("/clips"));
  const clip = await desk.locator(".clip-card a").first().getAttribute("href");
  await desk.goto(world.desk("/products"));
  const product = await desk.getByRole("link", { name: "Dune mug" }).getAttribute("href");
  await desk.goto(world.desk("/partners"));
  const contract = await desk.getByRole("link", { name: "Studio agreement" }).getAttribute("href");
  for (const [name, path] of [
    ["today", ""], ["clips", "/clips"], ["clip-upload", "/clips/new"], ["products", "/products"], ["product-new", "/products/new"], ["orders", "/orders"],
    ["order", `/orders/${sold.order}`], ["money", "/money"], ["sale", `/money/sales/${sold.order}`], ["partners", "/partners"], ["settings", "/settings"],
    ["settings-delivery", "/settings/delivery"], ["settings-tax", "/settings/tax"], ["settings-policies", "/settings/policies"], ["settings-privacy", "/settings/privacy"],
    ["settings-payments", "/settings/payments"], ["payment", `/payments/${sold.order.replace("ord_", "int_")}`],
    ["settings-keys", "/settings/keys"], ["settings-staff", "/settings/staff"],
  ]) {
    await desk.goto(world.desk(path));
    await take(folder, `studio-${name}`, desk, true);
  }
  for (const [name, address] of [["clip-editor", clip], ["product", product], ["contract", contract]]) {
    await desk.goto(world.base + address);
    // Taller for a whole picture, the editor would begin to draw its strip anew.
    await take(folder, `studio-${name}`, desk, name !== "clip-editor", () => desk.waitForFunction(() => {
      // The strip of the clip is drawn from left to right.
      const strip = document.querySelector("canvas[data-filmstrip]");
      if (!(strip instanceof HTMLCanvasElement)) return true;
      const grown = Math.abs(strip.width - strip.clientWidth * devicePixelRatio) < 2;
      return grown && strip.getContext("2d")?.getImageData(strip.width - 2, strip.height / 2, 1, 1).data[3];
    }));
  }
}

/** What an evidence pack says, but for the moment it was put together. @param {import("playwright-core").Page} pack */
export async function whole(pack) {
  const said = await pack.locator("main").innerText();
  return said.replace(/Put together .* UTC/, "Put together");
}
