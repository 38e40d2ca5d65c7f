// Orders in every state a page can show, made through the API.

import { randomBytes } from "node:crypto";

/** Crockford's alphabet, as ids are written. */
const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";

const ADDRESS = { name: "Jo Example", line1: "Rosenweg 3", postal_code: "10115", city: "Berlin", country: "DE" };

class Shopper {
  /** @param {import("./demo.mjs").Demo} demo @param {string} key */
  constructor(demo, key) {
    this.demo = demo;
    this.key = key;
  }

  call(method, path, body) {
    return this.demo.call(method, path, body, { authorization: `Bearer ${this.key}` });
  }

  async all(path) {
    return (await this.call("GET", `${path}?limit=100`)).data;
  }

  /** Buys in one go. @param {string} lines @param {{method: string, token?: string}} payment */
  async buy(lines, payment) {
    const quote = await this.call("GET", `/v1/quotes?lines=${lines}&country=DE`);
    return this.call("PUT", `/v1/checkouts/${id()}`, {
      quote: quote.quote, contact: { email: "jo@example.org" }, address: ADDRESS, payment,
    });
  }
}

/** A checkout's id, chosen by the client. */
const id = () => `chk_01${[...randomBytes(24)].map((byte) => LETTERS[byte % 32]).join("")}`;

/** @param {import("./demo.mjs").Demo} demo @param {string} shop @param {(method: string, path: string, body?: unknown) => Promise<any>} staff */
export async function orders(demo, shop, staff) {
  const key = /key="(pk_[^"]+)"/.exec(await demo.text(`${shop}/clips/from-clay-to-coffee`))?.[1] ?? "";
  const shopper = new Shopper(demo, key);
  const variants = Object.fromEntries((await shopper.all("/v1/products")).flatMap(({ variants }) => variants.map(({ sku, id }) => [sku, id])));
  const clips = (await shopper.all("/v1/clips")).map(({ id, slug, page_url }) => ({ id, slug: slug ?? page_url.split("/").at(-1) }));
  const card = { method: "card", token: "tok_visa" };
  const [mug, towel, zine] = ["LI-MUG-TIDE", "LI-TOWEL", "LI-ZINE-01"].map((sku) => `${variants[sku]}:`);
  const bought = {
    paid: await shopper.buy(`${mug}1,${towel}2`, card),
    unpaid: await shopper.buy(`${zine}1`, { method: "manual" }),
    shipped: await shopper.buy(`${towel}1`, card),
    refunded: await shopper.buy(`${mug}2`, card),
    canceled: await shopper.buy(`${zine}3`, card),
  };
  const ids = Object.fromEntries(Object.entries(bought).map(([name, { order }]) => [name, order.id]));
  const pages = Object.fromEntries(Object.entries(bought).map(([name, { order }]) => [name, order.page_url]));
  for (const name of ["shipped", "refunded"]) await staff("POST", `/v1/orders/${ids[name]}/shipments`, { carrier: "DHL", tracking: "00340434161094042557" });
  await staff("POST", `/v1/orders/${ids.refunded}/refunds`, { amount: 500, reason: "A chip in the glaze" });
  await staff("POST", `/v1/orders/${ids.canceled}/cancellation`, { reason: "The buyer changed their mind" });
  // Whether this one was paid is not known for a while.
  await shopper.buy(`${zine}1`, { method: "card", token: "tok_timeout" });
  return { key, variants, clips, orders: ids, pages };
}
