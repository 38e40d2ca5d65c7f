// Webhooks at the desk: an address is added, tried, fails, is helped up, and changes its secret. Without scripts, as the pages are plain forms.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { owner, people, theDemo, world } from "./parts/stage.mjs";
import { eventually } from "./parts/world.mjs";

theDemo();

/** A program of the shop's. */
const receiver = {
  /** @type {{ id: string, type: string }[]} */
  got: [],
  status: 503,
  server: createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      receiver.got.push({ id: String(request.headers["webhook-id"]), type: JSON.parse(body).type });
      response.writeHead(receiver.status, { "content-type": "application/json" });
      response.end(receiver.status === 503 ? '{"error":"The stock system is being updated. Try again later."}' : "");
    });
  }),
};
const listening = new Promise((resolve) => receiver.server.listen(0, "127.0.0.1", () => resolve(null)));
after(() => receiver.server.close());

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

test("an address is added, fails, is helped up and changes its secret", async () => {
  await listening;
  const address = receiver.server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/hooks/hawker`;
  const visitor = await people.somebody({ javaScriptEnabled: false, storageState: await owner.page.context().storageState() });
  const desk = await visitor.newPage();
  await desk.goto(world.desk("/settings/webhooks"));
  await desk.getByText("Nobody yet.").waitFor();
  await picture(desk, "studio-webhooks-empty");
  await desk.getByRole("textbox", { name: "Address" }).fill("ftp://books.example");
  await desk.getByRole("button", { name: "Add the address" }).click();
  await desk.getByText("The address starts with https://.").first().waitFor();
  await desk.getByRole("textbox", { name: "Address" }).fill(url);
  await desk.getByLabel("Note").fill("Bookkeeping");
  await desk.getByRole("button", { name: "Add the address" }).click();
  await desk.getByRole("heading", { name: /This is the only time its secret is shown/ }).waitFor();
  const secret = await desk.locator("#secret").innerText();
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  await picture(desk, "studio-webhooks-made");

  await desk.getByRole("link", { name: "Send it a test" }).click();
  for (let n = 1; n <= 5; n++) {
    await desk.getByRole("button", { name: "Send a test" }).click();
    await desk.getByText("A test is on its way.").waitFor();
    await eventually(`test ${n} arrives`, async () => receiver.got.length >= n);
  }
  await eventually("the endpoint is failing", async () => {
    await desk.reload();
    return desk.getByText("Nothing has arrived since").isVisible();
  });
  await desk.getByText("One try").first().click();
  await picture(desk, "studio-webhook-failing");
  await desk.goto(world.desk());
  await desk.getByText("Events do not reach 127.0.0.1").waitFor();
  await picture(desk, "studio-today-webhooks");
  await desk.getByRole("link", { name: /See what it answers/ }).click();

  receiver.status = 204;
  const failed = receiver.got[0]?.id;
  await desk.getByRole("button", { name: /^Send again/ }).last().click();
  await desk.getByText("It is sent again.").waitFor();
  await eventually("it arrives under its own id", async () => receiver.got.filter(({ id }) => id === failed).length > 1);
  await eventually("the endpoint is well", async () => {
    await desk.reload();
    return desk.getByText("Events are sent as soon as they happen.").isVisible();
  });
  await desk.getByRole("button", { name: "Make another secret" }).click();
  await desk.getByRole("heading", { name: /only time the new secret is shown/ }).waitFor();
  assert.notEqual(await desk.locator("#secret").innerText(), secret);
  await picture(desk, "studio-webhook-rotated");
  await desk.getByRole("button", { name: "Disable it" }).click();
  await desk.getByText("Somebody here disabled it").waitFor();
  await picture(desk, "studio-webhook-disabled");
  await desk.getByRole("button", { name: "Enable it again" }).click();
  await desk.getByText("Events are sent as soon as they happen.").waitFor();
  await desk.getByText("Delete it for good").click();
  await desk.getByRole("button", { name: "Delete it and its log" }).click();
  await desk.getByText("Nobody yet.").waitFor();
});
