// Readers of pages that nobody here wrote look at every page of a demo shop: axe for people who cannot see or point well, a validator of
// structured data, a parser of WebVTT, and the browser itself, which must have nothing to complain of.

import axe from "axe-core";
import { chromium } from "playwright-core";
import Validator from "@adobe/structured-data-validator";
import webvtt from "webvtt-parser";
import { Demo, Tally } from "./parts/demo.mjs";
import { orders } from "./parts/shopping.mjs";

const SHOP = "/s/loam-and-ink";
const STUDIO = "/studio/loam-and-ink";
/** The colours of a page are looked at on both widths, light and dark; everything else once a width. */
const LOOKS = [
  { name: "phone, light", width: 390, height: 844, scheme: "light", whole: true },
  { name: "phone, dark", width: 390, height: 844, scheme: "dark", whole: false },
  { name: "desktop, dark", width: 1280, height: 800, scheme: "dark", whole: true },
  { name: "desktop, light", width: 1280, height: 800, scheme: "light", whole: false },
];
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const WHOLE = { runOnly: { type: "tag", values: WCAG }, rules: { "target-size": { enabled: true } }, preload: false, resultTypes: ["violations"] };
const COLOURS = { runOnly: { type: "rule", values: ["color-contrast", "link-in-text-block"] }, preload: false, resultTypes: ["violations"] };

/** What must have been reached by following links. */
const SEEN = [
  ...["", "/clips/*", "/products/*", "/policies/shipping", "/policies/returns", "/policies/imprint"].map((path) => SHOP + path),
  ...["", "/clips", "/clips/new", "/clips/*", "/products", "/products/new", "/products/*", "/discounts", "/discounts/new", "/preorders", "/orders", "/orders/*",
    "/orders/*/evidence", "/price-matches", "/money", "/money/sales/*",
    "/partners", "/partners/contracts/new", "/partners/contracts/*"].map((path) => STUDIO + path),
  ...["shop", "window", "policies", "tax", "delivery", "keys", "staff"].map((part) => `${STUDIO}/settings/${part}`),
];

const tally = new Tally();
/** Paths of pages that were looked at, their ids replaced. */
const seen = new Set();

/** A window of somebody: what its pages complain of is kept. */
class Visitor {
  static async arrive(browser, demo, more = {}) {
    const context = await browser.newContext({ baseURL: demo.base, locale: "en-GB", timezoneId: "Europe/Berlin", reducedMotion: "reduce", ...more });
    await context.addInitScript(() => document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) =>
      console.error(`the policy forbids ${violatedDirective} ${blockedURI} (${sourceFile})`)));
    const visitor = new Visitor(context);
    context.on("page", (page) => visitor.#listen(page));
    visitor.page = await context.newPage();
    visitor.page.setDefaultTimeout(10_000);
    return visitor;
  }

  complaints = [];
  /** Statuses that are what the page is about; the browser reports each as an error. */
  expected = [];

  constructor(context) {
    this.context = context;
  }

  #listen(page) {
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      const refused = /the server responded with a status of (\d+)/.exec(message.text());
      if (message.type() === "error" && !this.expected.includes(Number(refused?.[1]))) this.complaints.push(`${message.text()} ${message.location().url}`);
    });
  }

  async open(path, name = path, looks = LOOKS) {
    const answer = await this.page.goto(path, { waitUntil: "load" });
    const status = answer?.status() ?? 0;
    tally.check(`${name} opens`, this.expected.length ? this.expected.includes(status) : status === 200, `  it answered ${status}`);
    await this.look(name, looks);
  }

  /** What stands in the window now, by axe's eyes. */
  async look(name, looks = LOOKS) {
    const { page } = this;
    seen.add(pattern(new URL(page.url()).pathname));
    if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe.source);
    for (const { name: look, width, height, scheme, whole } of looks) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      const { violations, passes } = await page.evaluate(async (options) => {
        // What is still on its way to its new colours has none yet.
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
        const ending = document.getAnimations().filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime));
        await Promise.allSettled(ending.map(({ finished }) => finished));
        // A bar that sticks to the window's edge lies over whatever happens to be scrolled behind it: everything is judged in its own place.
        for (const element of document.querySelectorAll("*")) if (getComputedStyle(element).position === "sticky") element.style.setProperty("position", "static", "important");
        return window.axe.run(document, options);
      }, whole ? WHOLE : COLOURS);
      const found = violations.flatMap(({ id, help, nodes }) => nodes.slice(0, 4).map(({ target, failureSummary }) =>
        `  ${id}: ${help}\n    ${target.flat().join(" ")}\n    ${failureSummary.replaceAll("\n", "\n    ")}`));
      tally.check(`${name} (${look})`, found.length === 0 && passes.length > 0, found.join("\n"));
    }
    const complaints = this.complaints.splice(0);
    tally.check(`${name} is quiet`, complaints.length === 0, complaints.map((text) => `  ${text}`).join("\n"));
  }

  /** Opens what the pages link to, one page of each kind; files are not pages. */
  async follow(start, inside) {
    const waiting = [start];
    for (let path = waiting.shift(); path; path = waiting.shift()) {
      if (seen.has(pattern(path))) continue;
      await this.open(path);
      const links = await this.page.evaluate(() => [...document.links].filter(({ origin, pathname }) => origin === location.origin && !/\.\w+$/.test(pathname)).map(({ pathname }) => pathname));
      waiting.push(...links.filter((link) => inside.test(link)));
    }
  }

  async leave() {
    await this.context.close();
  }
}

/** Whose page it is, without which one. @param {string} path */
function pattern(path) {
  return path.replace(/\/[a-z]+_[0-9a-z]{20,}/g, "/*").replace(/^(\/s\/[^/]+\/(?:clips|products)|\/mailbox|\/sandbox\/3ds|\/studio\/sign-in)\/[^/]+/, "$1/*");
}

async function storefront(browser, demo, made) {
  const visitor = await Visitor.arrive(browser, demo);
  await visitor.follow(SHOP, /^\/s\//);
  for (const [name, url] of Object.entries(made.pages)) await visitor.open(url, `the page of an order that is ${name}`);
  const withdrawal = made.pages.shipped.replace("?t=", "/withdrawal?t=");
  await visitor.open(withdrawal, "a withdrawal, first step");
  await visitor.open(`${withdrawal}&back_0=1&name=Jo&email=jo%40example.org`, "a withdrawal, to be confirmed");
  const exchange = made.pages.shipped.replace("?t=", "/exchange?t=");
  await visitor.open(exchange, "an exchange, first step");
  await visitor.open(`${exchange}&piece=0&quantity=1&variant=nonsense`, "an exchange that was typed wrong");
  // A long page of few kinds of things: twice is enough.
  await visitor.open("/docs", "/docs", LOOKS.filter(({ whole }) => whole));
  await visitor.open("/mailbox");
  await visitor.page.locator("a[href^='/mailbox/']").first().click();
  await visitor.look("a letter");
  visitor.expected = [404];
  for (const path of [`${SHOP}/products/none`, `${SHOP}/clips/none`, "/s/none", `${SHOP}/orders/none`, "/none"]) await visitor.open(path);
  visitor.expected = [422];
  await visitor.open(`${SHOP}/checkout`, "a checkout of nothing");
  await visitor.leave();
}

/** The checkout by form: filled in wrong, refused by the bank, asked back by the bank. */
async function checkout(browser, demo, made) {
  const visitor = await Visitor.arrive(browser, demo);
  const { page } = visitor;
  await visitor.open(`${SHOP}/checkout?lines=${made.variants["LI-PRINT-A4"]}:2`, "the checkout form");
  const pay = () => page.locator("button[name=step][value=pay]").click();
  visitor.expected = [422, 402];
  await pay();
  await page.locator("[role=alert]").waitFor();
  await visitor.look("the checkout form with complaints");
  for (const [name, value] of Object.entries({ email: "eva@example.org", name: "Eva Example", line1: "Rosenweg 3", postal_code: "10115", city: "Berlin" })) {
    await page.locator(`[name=${name}]`).fill(value);
  }
  await page.locator("[value='card:tok_declined']").check();
  await pay();
  await page.getByText("Your bank declined the payment").waitFor();
  await visitor.look("the checkout form after a refused card");
  visitor.expected = [];
  await page.locator("[value='card:tok_3ds']").check();
  await pay();
  await page.waitForURL("**/sandbox/3ds/**");
  await visitor.look("the bank's question");
  await page.locator("button[value=approve]").click();
  await page.waitForURL("**/orders/**");
  await visitor.look("the order's page after the bank");
  await visitor.leave();
}

/** The player and its sheet, step by step. */
async function player(browser, demo) {
  const visitor = await Visitor.arrive(browser, demo);
  const { page } = visitor;
  const { reach, go, fill } = sheet(page);
  const step = async (name, wanted = name) => {
    await reach(wanted);
    await visitor.look(`the sheet: ${name}`);
  };
  await watch(page, "from-clay-to-coffee", 17);
  await visitor.look("the clip with its card and a proof");
  await tap(page);
  await step("contact");
  await fill({ contact: "nobody" });
  await go();
  await visitor.look("the sheet: contact with a complaint");
  await fill({ contact: "eva@example.org" });
  await go();
  await step("address");
  await go();
  await visitor.look("the sheet: address with complaints");
  await fill({ name: "Eva Example", line1: "Rosenweg 3", postal_code: "1010", city: "Wien" });
  await page.locator("hawker-sheet [name=country]").selectOption("AT");
  visitor.expected = [409, 402];
  await go();
  await step("consent to another total", "consent");
  await go();
  await step("payment");
  await page.locator("hawker-sheet [value=tok_declined]").check();
  await go();
  await page.locator("hawker-sheet [data-decline]:not([hidden])").waitFor();
  await step("payment, refused", "payment");
  visitor.expected = [];
  await page.locator("hawker-sheet [value=tok_3ds]").check();
  await go();
  await step("the bank asks back", "bank");
  const opened = page.waitForEvent("popup");
  await page.locator("hawker-sheet [data-bank]").click();
  await (await opened).locator("button[value=approve]").click();
  await step("receipt");
  await visitor.leave();
}

/** The sheet in the hands of a buyer. */
function sheet(page) {
  return {
    reach: (step) => page.locator(`hawker-sheet[step=${step}]:not([busy])`).waitFor({ state: "attached" }),
    go: () => page.locator("hawker-sheet [data-main]").click(),
    fill: async (values) => {
      for (const [name, value] of Object.entries(values)) await page.locator(`hawker-sheet [name=${name}]`).fill(value);
    },
  };
}

/** What is sold out, and how one goes on from there. */
async function soldOut(browser, demo, made, staff) {
  await staff("PUT", `/v1/variants/${made.variants["LI-CANDLE-180"]}/stock`, { on_hand: 0 });
  const visitor = await Visitor.arrive(browser, demo);
  const { page } = visitor;
  await visitor.open(`${SHOP}/products/after-rain`, "a product with a variant that is sold out");
  await watch(page, "after-rain", 12.5);
  await visitor.look("the clip with a card that is sold out");
  visitor.expected = [409];
  await tap(page);
  const { reach, go, fill } = sheet(page);
  await reach("sold_out");
  await visitor.look("the sheet: sold out");
  await page.locator("hawker-sheet [data-other]").first().click();
  await reach("choose");
  await visitor.look("the sheet: choose a variant");
  await go();
  await reach("contact");
  await fill({ contact: "eva@example.org" });
  await go();
  await reach("address");
  await fill({ name: "Eva Example", line1: "Rosenweg 3", postal_code: "10115", city: "Berlin" });
  await go();
  await reach("payment");
  await page.locator("hawker-sheet [value=tok_timeout]").check();
  await go();
  await page.locator("hawker-sheet[step=unknown]").waitFor({ state: "attached" });
  await visitor.look("the sheet: nobody knows yet");
  await visitor.leave();
}

/** The clip's page, paused at this second. */
async function watch(page, clip, seconds) {
  await page.goto(`${SHOP}/clips/${clip}`);
  await page.locator("hawker-clip[shape]").waitFor();
  await page.evaluate(async (at) => {
    const video = document.querySelector("hawker-clip video");
    video.pause();
    const there = new Promise((done) => video.addEventListener("seeked", done, { once: true }));
    video.currentTime = at;
    await there;
  }, seconds);
  await page.locator("hawker-anchor [data-buy]").first().waitFor({ state: "attached" });
}

const tap = (page) => page.locator("hawker-anchor [data-buy]:visible").first().click();

async function studio(visitor, made, staff) {
  const { page } = visitor;
  await visitor.follow(STUDIO, /^\/studio\/(?!sign-out)/);
  for (const [name, id] of Object.entries(made.orders)) await visitor.open(`${STUDIO}/orders/${id}`, `an order in the studio that is ${name}`);
  const draft = await staff("POST", "/v1/clips", { title: "Only a name so far" });
  await visitor.open(`${STUDIO}/clips/${draft.id}`, "a clip without a film");
  visitor.expected = [422];
  for (const path of ["/products/new", "/partners/contracts/new"]) {
    await page.goto(STUDIO + path);
    await Promise.all([page.waitForEvent("load"), page.locator("main form [type=submit], main form button:not([type])").last().click()]);
    await visitor.look(`${path} sent empty`);
  }
  visitor.expected = [404];
  await visitor.open(`${STUDIO}/orders/none`, "an order that is not there");
  visitor.expected = [];
}

/** Search engines read the same pages. The validator knows what each kind of thing must say to be shown as a result. */
async function structuredData(demo) {
  const wanted = { [SHOP]: ["Organization"], [`${SHOP}/clips/from-clay-to-coffee`]: ["VideoObject", "BreadcrumbList"], [`${SHOP}/products/dune-mug`]: ["Product", "BreadcrumbList"] };
  for (const [path, kinds] of Object.entries(wanted)) {
    const blocks = [...(await demo.text(path)).matchAll(/<script type="application\/ld\+json">(.*?)<\/script>/gs)].map(([, json]) => JSON.parse(json));
    const things = blocks.flatMap((block) => block["@graph"] ?? [block]);
    const jsonld = Object.fromEntries(things.map((thing) => [thing["@type"], things.filter((other) => other["@type"] === thing["@type"])]));
    tally.check(`${path} says ${kinds}`, kinds.every((kind) => jsonld[kind]), `  it says ${Object.keys(jsonld)}`);
    const issues = await new Validator().validate({ jsonld, microdata: {}, rdfa: {}, errors: [] });
    const errors = issues.filter(({ severity }) => severity === "ERROR");
    tally.check(`the structured data of ${path}`, errors.length === 0, errors.map(({ issueMessage, path: at }) => `  ${issueMessage} ${JSON.stringify(at)}`).join("\n"));
  }
}

/** Every text track there is: the captions, and the anchors as cues that carry JSON. */
async function tracks(demo, made) {
  const parser = new webvtt.WebVTTParser();
  for (const { slug, id } of made.clips) {
    const page = await demo.text(`${SHOP}/clips/${slug}`);
    const captions = [...page.matchAll(/<track[^>]* src="([^"]+)"/g)].map(([, path]) => path);
    tally.check(`${slug} has captions`, captions.length === 3);
    for (const [path, mode] of [...captions.map((path) => [path, "captions"]), [`/v1/clips/${id}/anchors.vtt?key=${made.key}`, "metadata"]]) {
      const { cues, errors } = parser.parse(await demo.text(path), mode);
      tally.check(`${slug}: ${mode} ${path}`, cues.length > 0 && errors.length === 0, errors.map(({ line, message }) => `  line ${line}: ${message}`).join("\n"));
      if (mode === "metadata") tally.check(`${slug}: each cue is an anchor`, cues.every(({ text }) => typeof JSON.parse(text).kind === "string"));
    }
  }
}

const demo = await Demo.start();
const browser = await chromium.launch({ executablePath: process.env.HAWKER_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const owner = await Visitor.arrive(browser, demo);
  await owner.open("/studio/sign-in");
  await owner.page.locator("[name=email]").fill("nobody");
  owner.expected = [422];
  await owner.page.locator("button[type=submit]").click();
  await owner.look("the sign-in with a complaint");
  owner.expected = [];
  await owner.page.locator("[name=email]").fill("nobody@example.org");
  await owner.page.locator("button[type=submit]").click();
  await owner.page.getByRole("heading", { name: "Look into your mail" }).waitFor();
  await owner.look("the sign-in after a letter was sent");
  await owner.open(demo.door, "the door");
  await Promise.all([owner.page.waitForURL(`**${STUDIO}*`), owner.page.locator("button[type=submit]").click()]);
  const cookie = (await owner.context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const staff = (method, path, body) => demo.call(method, path, body, { cookie, origin: demo.base });
  const made = await orders(demo, SHOP, staff);

  await tally.story("text tracks", () => tracks(demo, made));
  await tally.story("structured data", () => structuredData(demo));
  const buyers = async () => {
    await tally.story("the storefront", () => storefront(browser, demo, made));
    await tally.story("the checkout form", () => checkout(browser, demo, made));
    await tally.story("the player", () => player(browser, demo));
    await tally.story("sold out", () => soldOut(browser, demo, made, staff));
  };
  // Two windows: what takes time here is axe's reckoning.
  await Promise.all([buyers(), tally.story("the studio", () => studio(owner, made, staff))]);
  for (const path of SEEN) tally.check(`${path} was seen`, seen.has(path));
} finally {
  await browser.close();
  await demo.stop();
}
tally.end();
