import assert from "node:assert/strict";
import { test } from "node:test";
import { openPurchases } from "../core.js";
import { ids } from "./shop.mjs";
import { device, until } from "./world.mjs";

const MUG = { lines: `${ids.mugSand}:1`, variant: ids.mugSand };
const PRINT = { lines: `${ids.printFile}:1`, variant: ids.printFile };
const CONTACT = { contact: { email: "ida@example.org" } };
const ADDRESS = { address: { name: "Ida", line1: "Lindenallee 4", postal_code: "20259", city: "Hamburg", country: "DE" } };
const VISA = { method: "card", token: "tok_visa" };

/** Up to the step where the buyer pays. */
async function ready(my, wish = MUG) {
  const purchase = my.buy(wish);
  await purchase.start();
  await purchase.details(CONTACT);
  if (purchase.state.step === "address") await purchase.details(ADDRESS);
  assert.equal(purchase.state.step, "payment");
  return purchase;
}
const puts = (my) => my.calls.filter(({ call }) => call === "PUT /v1/checkouts/chk");
const idsOf = (calls) => new Set(calls.map(({ path }) => path));

test("from the tap to the receipt", async () => {
  const my = device();
  const purchase = await ready(my);
  await purchase.pay(VISA);
  assert.equal(purchase.state.step, "receipt");
  assert.equal(purchase.state.checkout.order.number, "HK-1042");
  assert.deepEqual(my.steps, ["quote", "contact", "address", "payment", "receipt"]);
  assert.deepEqual(my.told, ["add", "purchase"]);
  assert.equal(my.shop.charges.length, 1);
});

test("a download needs no address", async () => {
  const my = device();
  await ready(my, PRINT);
  assert.deepEqual(my.steps, ["quote", "contact", "payment"]);
});

test("the id is kept before the first call and nothing personal ever is", async () => {
  const my = device();
  const purchase = my.buy(MUG);
  let keptAtFirstCall;
  my.faults.push({ on: "GET /v1/quotes", does: () => (keptAtFirstCall = my.kept()[0].id) });
  await purchase.start();
  assert.match(keptAtFirstCall, /^chk_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  assert.equal(purchase.state.checkout.id, keptAtFirstCall);
  await purchase.details(CONTACT);
  await purchase.details(ADDRESS);
  await purchase.pay(VISA);
  assert.doesNotMatch(JSON.stringify(my.kept()), /ida@|Lindenallee|20259/);
});

test("a reservation whose answer was lost is asked for again, word for word", async () => {
  const my = device();
  my.faults.push({ on: "PUT /v1/checkouts/chk", does: "lost" }, { on: "PUT /v1/checkouts/chk", does: "lost" });
  const purchase = my.buy(MUG);
  await purchase.start();
  assert.equal(purchase.state.step, "contact");
  assert.equal(puts(my).length, 3);
  assert.equal(idsOf(puts(my)).size, 1);
  assert.equal(new Set(puts(my).map(({ body }) => JSON.stringify(body))).size, 1);
  assert.equal(my.shop.checkouts.size, 1);
  assert.deepEqual(my.told, ["add"]);
});

test("a network that is away is waited for, ever longer, and the buyer is told", async () => {
  const my = device();
  for (let n = 0; n < 6; n++) my.faults.push({ on: "GET /v1/quotes", does: "down" });
  const purchase = my.buy(MUG);
  const troubles = new Set();
  const tell = purchase.tell;
  purchase.tell = (one, what) => (troubles.add(one.state.trouble), tell(one, what));
  await purchase.start();
  assert.equal(purchase.state.step, "contact");
  assert.deepEqual([...troubles], [null, "offline"]);
  assert.equal(purchase.state.trouble, null);
  assert.equal(my.waits.length, 6);
  my.waits.forEach((wait, n) => {
    const most = Math.min(400 * 2 ** n, 8000);
    assert.ok(wait >= most / 2 && wait <= most, `wait ${n}: ${wait}`);
  });
});

test("a crowded shop says when to come back", async () => {
  const my = device();
  my.faults.push({ on: "PUT /v1/checkouts/chk", does: 503, after: 7 }, { on: "PUT /v1/checkouts/chk", does: 429, after: 2 });
  const purchase = my.buy(MUG);
  await purchase.start();
  assert.equal(purchase.state.step, "contact");
  assert.deepEqual(my.waits, [7000, 2000]);
  assert.equal(idsOf(puts(my)).size, 1);
});

test("being back online ends the wait", async () => {
  const my = device();
  my.faults.push({ on: "GET /v1/quotes", does: "down" });
  my.world.sleep = () => new Promise(() => {});
  const purchase = my.buy(MUG);
  const started = purchase.start();
  await until(() => purchase.state.trouble === "offline");
  purchase.nudge();
  await started;
  assert.equal(purchase.state.step, "contact");
});

test("a second tap while the first is under way is the same tap", async () => {
  const my = device();
  const purchase = my.buy(MUG);
  await Promise.all([purchase.start(), purchase.start(), purchase.start()]);
  assert.equal(puts(my).length, 1);
  await purchase.details(CONTACT);
  await purchase.details(ADDRESS);
  await Promise.all([purchase.pay(VISA), purchase.pay(VISA)]);
  assert.equal(my.calls.filter(({ call }) => call.endsWith("/payment")).length, 1);
});

test("sold out, before and between quote and reservation", async () => {
  const my = device();
  Object.assign(my.shop.stock(ids.mugSand), { left: 0, in_checkouts: 3 });
  const early = my.buy(MUG);
  await early.start();
  assert.deepEqual([early.state.step, early.state.left], ["sold_out", 0]);

  Object.assign(my.shop.stock(ids.mugSand), { left: 1 });
  my.faults.push({ on: "PUT /v1/checkouts/chk", does: () => Object.assign(my.shop.stock(ids.mugSand), { left: 0 }) });
  const late = my.buy(MUG);
  await late.start();
  assert.equal(late.state.step, "sold_out");
  assert.deepEqual(my.kept(), []);
});

test("after sold out the next tap is a new purchase", async () => {
  const my = device();
  Object.assign(my.shop.stock(ids.mugSand), { left: 0 });
  const purchase = my.buy(MUG);
  await purchase.start();
  Object.assign(my.shop.stock(ids.mugSand), { left: 1 });
  await purchase.start();
  assert.equal(purchase.state.step, "contact");
});

test("a price that rose between quote and reservation needs the buyer's word", async () => {
  const my = device();
  my.faults.push({ on: "PUT /v1/checkouts/chk", does: () => (my.shop.raise = 500) });
  const purchase = my.buy(MUG);
  await purchase.start();
  assert.equal(purchase.state.step, "consent");
  assert.deepEqual([purchase.state.quote.total.amount, purchase.state.offer.total.amount], [4290, 4790]);
  await purchase.accept();
  assert.equal(purchase.state.step, "contact");
  assert.equal(purchase.state.checkout.total.amount, 4790);
  assert.equal(idsOf(puts(my)).size, 1);
});

test("who does not agree to the rise has bought nothing", async () => {
  const my = device();
  my.faults.push({ on: "PUT /v1/checkouts/chk", does: () => (my.shop.raise = 500) });
  const purchase = my.buy(MUG);
  await purchase.start();
  await purchase.refuse();
  assert.equal(purchase.state.step, "canceled");
  assert.deepEqual([my.shop.checkouts.size, my.kept().length], [0, 0]);
});

test("a quote that expired is replaced: silently when it costs no more, by asking when it does", async () => {
  for (const [raise, step] of [[0, "contact"], [-200, "contact"], [100, "consent"]]) {
    const my = device();
    my.faults.push({ on: "PUT /v1/checkouts/chk", does: () => {
      my.clock.now += my.shop.quoteMs + 1;
      my.shop.raise = raise;
    } });
    const purchase = my.buy(MUG);
    await purchase.start();
    assert.equal(purchase.state.step, step, `raised by ${raise}`);
    assert.equal(idsOf(puts(my)).size, 1);
  }
});

test("a shop whose quotes never hold is not asked for ever", async () => {
  const my = device();
  my.shop.quoteMs = -1;
  const purchase = my.buy(MUG);
  await purchase.start();
  assert.equal(purchase.state.step, "consent");
  assert.ok(puts(my).length < 6);
});

test("an id that stands for something else is given up", async () => {
  const my = device();
  const purchase = my.buy(MUG);
  my.faults.push({ on: "PUT /v1/checkouts/chk", does: () => {
    const { id, body } = my.kept()[0];
    my.shop.handle("PUT", `/v1/checkouts/${id}`, { body: { ...body, return_url: "https://else.test" } });
  } });
  await purchase.start();
  assert.equal(purchase.state.step, "contact");
  assert.equal(idsOf(puts(my)).size, 2);
  assert.deepEqual(my.told, ["add"]);
});

test("another country is dearer: consent, then the same details again", async () => {
  const my = device();
  const purchase = my.buy(MUG);
  await purchase.start();
  await purchase.details(CONTACT);
  await purchase.details({ address: { ...ADDRESS.address, country: "FR" } });
  assert.equal(purchase.state.step, "consent");
  await purchase.refuse();
  assert.equal(purchase.state.step, "address");
  await purchase.details({ address: { ...ADDRESS.address, country: "FR" } });
  await purchase.accept();
  assert.equal(purchase.state.step, "payment");
  assert.equal(purchase.state.checkout.total.amount, 4790);
  assert.ok(my.calls.at(-1).body.accept);
});

test("a wrong postcode and a country without delivery are said at their fields", async () => {
  const my = device();
  const purchase = my.buy(MUG);
  await purchase.start();
  await purchase.details(CONTACT);
  for (const [change, pointer] of [[{ postal_code: "?" }, "/address/postal_code"], [{ country: "JP" }, "/address/country"]]) {
    await purchase.details({ address: { ...ADDRESS.address, ...change } });
    assert.deepEqual([purchase.state.step, purchase.state.errors[0].pointer], ["address", pointer]);
  }
  await purchase.details(ADDRESS);
  assert.deepEqual([purchase.state.step, purchase.state.errors], ["payment", []]);
});

test("a country without delivery is said before anything is reserved", async () => {
  const my = device();
  const purchase = my.buy({ ...MUG, country: "JP" });
  await purchase.start();
  assert.deepEqual([purchase.state.step, my.shop.checkouts.size, my.kept().length], ["nowhere", 0, 0]);
});

test("what is not for sale any more is gone", async () => {
  const my = device();
  const purchase = my.buy({ lines: "var_nothing:1" });
  await purchase.start();
  assert.equal(purchase.state.step, "gone");
});

test("a declined card charges nothing and another one may be tried, also the same one", async () => {
  const my = device();
  const purchase = await ready(my);
  for (const _ of [1, 2]) {
    await purchase.pay({ method: "card", token: "tok_declined" });
    assert.deepEqual([purchase.state.step, purchase.state.decline.code], ["payment", "insufficient_funds"]);
  }
  await purchase.pay(VISA);
  assert.deepEqual([purchase.state.step, purchase.state.decline], ["receipt", null]);
  const keys = my.calls.filter(({ call }) => call.endsWith("/payment")).map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 3);
  assert.equal(my.shop.charges.length, 1);
});

test("a card that was tried too often is said, and nothing is charged", async () => {
  const my = device();
  const purchase = await ready(my);
  for (let n = 0; n < 9; n++) await purchase.pay({ method: "card", token: "tok_stolen" });
  assert.deepEqual([purchase.state.step, purchase.state.detail, my.shop.charges.length], ["payment", "This was tried too often.", 0]);
});

test("a reservation asked for again after a decline shows the decline", async () => {
  const my = device();
  const purchase = await ready(my);
  await purchase.pay({ method: "card", token: "tok_declined" });
  const { secret, ...kept } = my.kept()[0];
  my.storage.set(purchase.name, JSON.stringify(kept));
  const again = my.buy(MUG);
  await again.start();
  assert.deepEqual([again.state.step, again.state.decline.code, my.kept()[0].secret], ["payment", "insufficient_funds", secret]);
});

test("another way to travel can be chosen before and after the address", async () => {
  const my = device();
  const purchase = await ready(my);
  assert.deepEqual(purchase.state.quote.delivery_options.map(({ name }) => name), ["DHL", "Express"]);
  await purchase.details({ delivery: "dm_exp" });
  assert.deepEqual([purchase.state.step, purchase.state.checkout.total.amount, purchase.state.quote.delivery_options.length], ["payment", 5090, 2]);
});

test("details for a checkout that ran out say so", async () => {
  const my = device();
  const purchase = my.buy(MUG);
  await purchase.start();
  my.clock.now += 11 * 60_000;
  await purchase.details(CONTACT);
  assert.equal(purchase.state.step, "expired");
});

test("a payment whose answer was lost is looked for, not repeated", async () => {
  const my = device();
  const purchase = await ready(my);
  my.faults.push({ on: "/payment", does: "lost" });
  await purchase.pay(VISA);
  assert.equal(purchase.state.step, "receipt");
  assert.equal(my.calls.filter(({ call }) => call.endsWith("/payment")).length, 1);
  assert.equal(my.shop.charges.length, 1);
});

test("nobody is told that nothing was charged while that is not known", async () => {
  const my = device();
  const purchase = await ready(my);
  my.faults.push({ on: "/payment", does: "lost" }, { on: "GET /v1/checkouts/chk", does: 401 }, { on: "GET /v1/checkouts/chk", does: 404 });
  await purchase.pay(VISA);
  assert.deepEqual([purchase.state.step, my.kept().length], ["unknown", 1]);
  const reloaded = device({ shop: my.shop, storage: my.storage, clock: my.clock, seed: 3 });
  reloaded.faults.push({ on: "GET /v1/checkouts/chk", does: 403 });
  const again = reloaded.buy(MUG);
  await again.start();
  assert.equal(again.state.step, "unknown");
  await until(() => again.state.step === "receipt");
  await until(() => purchase.state.step === "receipt");
  assert.equal(my.shop.charges.length, 1);
});

test("a payment that never arrived is sent again under the same key", async () => {
  for (const does of ["down", 429, 502, 503]) {
    const my = device();
    const purchase = await ready(my);
    my.faults.push({ on: "/payment", does });
    await purchase.pay(VISA);
    assert.equal(purchase.state.step, "receipt", `after ${does}`);
    const tries = my.calls.filter(({ call }) => call.endsWith("/payment"));
    assert.equal(tries.length, 2);
    assert.equal(tries[0].headers["idempotency-key"], tries[1].headers["idempotency-key"]);
    assert.equal(my.shop.charges.length, 1);
  }
});

test("a lost decline is found as a decline", async () => {
  const my = device();
  const purchase = await ready(my);
  my.faults.push({ on: "/payment", does: "lost" });
  await purchase.pay({ method: "card", token: "tok_declined" });
  assert.deepEqual([purchase.state.step, purchase.state.decline.code], ["payment", "insufficient_funds"]);
  assert.equal(my.calls.filter(({ call }) => call.endsWith("/payment")).length, 1);
});

test("a server that keeps failing is not asked to pay for ever", async () => {
  const my = device();
  const purchase = await ready(my);
  for (let n = 0; n < 50; n++) my.faults.push({ on: "/payment", does: 500 });
  await purchase.pay(VISA);
  assert.equal(purchase.state.step, "payment");
  assert.ok(my.calls.filter(({ call }) => call.endsWith("/payment")).length < 10);
  assert.equal(my.shop.charges.length, 0);
});

test("unknown is not failed: it is asked for until it is known", async () => {
  const my = device();
  const purchase = await ready(my);
  await purchase.pay({ method: "card", token: "tok_timeout" });
  assert.equal(purchase.state.step, "unknown");
  await until(() => purchase.state.step === "receipt");
  assert.deepEqual([my.shop.charges.length, my.told.at(-1)], [1, "purchase"]);
});

test("a bank that asks the buyer is waited for", async () => {
  for (const approve of [true, false]) {
    const my = device();
    const purchase = await ready(my);
    await purchase.pay({ method: "card", token: "tok_3ds" });
    assert.equal(purchase.state.step, "bank");
    assert.match(purchase.state.checkout.next_action.url, /3ds/);
    const checkout = my.shop.checkouts.get(purchase.state.checkout.id);
    if (approve) my.shop.complete(checkout);
    else Object.assign(checkout, { state: "ready_for_complete", next: null, version: checkout.version + 1, decline: { code: "authentication_failed", detail: "" } });
    await until(() => purchase.state.step !== "bank");
    assert.equal(purchase.state.step, approve ? "receipt" : "payment");
    if (!approve) assert.equal(purchase.state.decline.code, "authentication_failed");
  }
});

test("a reload at any moment is the same purchase and buys once", async () => {
  const stops = ["GET /v1/quotes", "PUT /v1/checkouts/chk", "/details", "/payment"];
  for (const stop of stops) {
    const before = device();
    // The page goes away while this call is under way: the work is done, the answer has nobody to come to.
    before.faults.push({ on: stop, does: "lost" });
    before.world.sleep = () => new Promise(() => {});
    const gone = before.buy(MUG);
    void (async () => {
      await gone.start();
      await gone.details(CONTACT);
      await gone.details(ADDRESS);
      await gone.pay(VISA);
    })();
    await until(() => gone.state.trouble === "offline");

    const after = device({ shop: before.shop, storage: before.storage, clock: before.clock, seed: 99 });
    const again = after.buy(MUG);
    await again.start();
    if (again.state.step === "contact") await again.details(CONTACT);
    if (again.state.step === "address") await again.details(ADDRESS);
    if (again.state.step === "payment") await again.pay(VISA);
    assert.equal(again.state.step, "receipt", `reload during ${stop}`);
    assert.deepEqual([before.shop.checkouts.size, before.shop.orders.length, before.shop.charges.length], [1, 1, 1], `reload during ${stop}`);
  }
});

test("two tabs buy once, however they are interleaved", async () => {
  const orders = [["a", "b"], ["b", "a"]];
  for (const [first, second] of orders) {
    const a = device();
    const b = device({ shop: a.shop, storage: a.storage, clock: a.clock, seed: 77 });
    const tabs = { a: a.buy(MUG), b: b.buy(MUG) };
    await Promise.all([tabs.a.start(), tabs.b.start()]);
    assert.equal(tabs.a.state.checkout.id, tabs.b.state.checkout.id);
    assert.equal(a.shop.stock(ids.mugSand).left, 2);
    await tabs[first].details(CONTACT);
    await tabs[second].refresh();
    await tabs[second].details(ADDRESS);
    await Promise.all([tabs.a.refresh(), tabs.b.refresh()]);
    await Promise.all([tabs[first].pay(VISA), tabs[second].pay(VISA)]);
    assert.deepEqual([tabs.a.state.step, tabs.b.state.step], ["receipt", "receipt"]);
    assert.deepEqual([a.shop.orders.length, a.shop.charges.length], [1, 1]);
  }
});

test("another tab hears of every step through the storage", async () => {
  const my = device();
  const purchase = my.buy(MUG);
  const seen = [];
  const note = () => seen.push(my.storage.get(purchase.name));
  await purchase.start();
  note();
  await purchase.details(CONTACT);
  note();
  await purchase.details(ADDRESS);
  note();
  await purchase.pay(VISA);
  note();
  assert.equal(new Set(seen).size, 4);
});

test("a tab that was faster keeps its quote and its secret", async () => {
  const a = device();
  const b = device({ shop: a.shop, storage: a.storage, clock: a.clock, seed: 77 });
  const slow = b.buy(MUG);
  // While the slow tab waits for its quote, the fast one reserves with a quote of another moment.
  const fast = a.buy(MUG);
  b.faults.push({ on: "GET /v1/quotes", does: "down" });
  b.world.sleep = async () => {
    b.clock.now += 5000;
    await fast.start();
  };
  await slow.start();
  assert.equal(slow.state.checkout.id, fast.state.checkout.id);
  assert.equal(puts(b).length, 0);
  assert.equal(a.shop.checkouts.size, 1);
});

test("a reservation that ran out is said, and the next try is a new purchase", async () => {
  const my = device();
  const purchase = await ready(my);
  const { id } = purchase.state.checkout;
  my.clock.now += 11 * 60_000;
  await purchase.refresh();
  assert.deepEqual([purchase.state.step, my.kept().length], ["expired", 0]);
  await purchase.start();
  assert.equal(purchase.state.step, "contact");
  assert.notEqual(purchase.state.checkout.id, id);
});

test("a pay tap after the time ran out charges nothing", async () => {
  const my = device();
  const purchase = await ready(my);
  my.clock.now += 11 * 60_000;
  await purchase.pay(VISA);
  assert.deepEqual([purchase.state.step, my.shop.charges.length], ["expired", 0]);
});

test("after the receipt was read the next tap buys another", async () => {
  const my = device();
  const purchase = await ready(my);
  await purchase.pay(VISA);
  purchase.forget();
  const another = await ready(my);
  assert.notEqual(another.state.checkout.id, purchase.state.checkout.id);
});

test("right after a sale the same tap in another tab shows the receipt", async () => {
  const a = device();
  const bought = await ready(a);
  await bought.pay(VISA);
  const b = device({ shop: a.shop, storage: a.storage, clock: a.clock, seed: 5 });
  const again = b.buy(MUG);
  await again.start();
  assert.equal(again.state.step, "receipt");
  assert.deepEqual(b.told, []);
  b.clock.now += 3 * 60_000;
  const later = b.buy(MUG);
  await later.start();
  assert.equal(later.state.step, "contact");
});

test("purchases that were begun can be found again until they run out", async () => {
  const my = device();
  await ready(my);
  const found = () => openPurchases(my.world, "pk_test", [...my.storage.keys()]).map(({ wish }) => wish.variant);
  assert.deepEqual(found(), [ids.mugSand]);
  assert.deepEqual(openPurchases(my.world, "pk_other", [...my.storage.keys()]), []);
  my.clock.now += 11 * 60_000;
  assert.deepEqual(found(), []);
});

test("a storage full of rubbish is passed over", async () => {
  const my = device();
  const purchase = my.buy(MUG);
  my.storage.set(purchase.name, "{not json");
  await purchase.start();
  assert.equal(purchase.state.step, "contact");
});

// ---- with a card that was kept

const STORED = { payment: { method: "card", stored: "smt_1" } };
const card = (token = "tok_visa") => ({
  id: "smt_1", token, brand: "visa", last_four: "4242", card_expires: "2030-08", checkout: "chk_0", contact: CONTACT.contact, address: ADDRESS.address,
});

/** Up to the one button. */
async function priced(my, wish = MUG) {
  const purchase = my.buy(wish);
  await purchase.price();
  assert.equal(purchase.state.step, "one_tap");
  return purchase;
}

test("a card is kept only when its buyer agrees, under a secret the browser was given before", async () => {
  const my = device();
  const purchase = await ready(my);
  my.faults.push({ on: "PUT /v1/buyer", does: "lost" });
  await purchase.pay({ ...VISA, keep: true });
  assert.equal(purchase.state.step, "receipt");
  const calls = my.calls.map(({ call }) => call).filter((call) => /buyer|payment/.test(call));
  assert.deepEqual(calls, ["PUT /v1/buyer", "PUT /v1/buyer", "POST /v1/checkouts/chk/payment"]);
  assert.equal(my.calls.at(-1).body.keep, true);

  const other = device();
  await (await ready(other)).pay(VISA);
  assert.ok(!other.calls.some(({ call, body }) => call.includes("buyer") || body?.keep));
});

test("one tap with a kept card buys what was shown, and nothing is begun before it", async () => {
  const my = device();
  my.shop.methods.push(card());
  const purchase = await priced(my);
  assert.deepEqual([my.shop.checkouts.size, my.kept()], [0, []]);
  await purchase.take(STORED);
  assert.equal(purchase.state.step, "receipt");
  assert.deepEqual(my.steps, ["quote", "one_tap", "receipt"]);
  assert.deepEqual(my.told, ["add", "purchase"]);
  assert.deepEqual([my.calls.length, my.shop.charges.length], [2, 1], "a quote and a tap");
  assert.doesNotMatch(JSON.stringify(my.kept()), /ida@|Lindenallee|4242/);
});

test("a double tap, a lost answer and a reload are one purchase with a kept card", async () => {
  const my = device();
  my.shop.methods.push(card());
  my.faults.push({ on: "PUT /v1/checkouts/chk", does: "lost" });
  const purchase = await priced(my);
  await Promise.all([purchase.take(STORED), purchase.take(STORED)]);
  assert.equal(purchase.state.step, "receipt");
  assert.equal(new Set(puts(my).map(({ path, body }) => path + JSON.stringify(body))).size, 1);

  // The page is gone before the answer: the next one asks for the same.
  const late = device({ shop: my.shop, clock: my.clock });
  const left = await priced(late, PRINT);
  late.faults.push({ on: "PUT /v1/checkouts/chk", does: "lost" });
  late.world.sleep = () => new Promise(() => {});
  void left.take(STORED);
  await until(() => puts(late).length === 1);
  const back = device({ shop: my.shop, clock: my.clock, storage: late.storage });
  const again = back.buy(PRINT);
  await again.start();
  assert.equal(again.state.step, "receipt");
  assert.equal(my.shop.charges.length, 2);
});

test("a kept card that is declined leads to the sheet with everything kept", async () => {
  const my = device();
  my.shop.methods.push(card("tok_declined"));
  const purchase = await priced(my);
  await purchase.take(STORED);
  assert.equal(purchase.state.step, "payment");
  assert.equal(purchase.state.decline.code, "insufficient_funds");
  await purchase.pay(VISA);
  assert.equal(purchase.state.step, "receipt");
  assert.deepEqual([my.shop.charges.length, my.shop.checkouts.size], [1, 1]);
});

test("a kept card that is gone is typed in again, under the same id", async () => {
  const my = device();
  const purchase = await priced(my);
  await purchase.take(STORED);
  assert.equal(purchase.state.step, "contact");
  assert.equal(idsOf(puts(my)).size, 1);
  assert.deepEqual(puts(my).map(({ body }) => !!body.payment), [true, false]);
});

test("a price that rose since is agreed to before a kept card pays it", async () => {
  const my = device();
  my.shop.methods.push(card());
  const purchase = await priced(my);
  my.shop.raise = 300;
  await purchase.take(STORED);
  assert.equal(purchase.state.step, "consent");
  assert.equal(my.shop.charges.length, 0);
  await purchase.accept();
  assert.equal(purchase.state.step, "receipt");
  assert.equal(my.shop.charges[0].amount, 3800 + 300 + 490);
});

test("a bank that asks back about a kept card is waited for", async () => {
  const my = device();
  my.shop.methods.push(card("tok_3ds"));
  const purchase = await priced(my);
  await purchase.take(STORED);
  assert.equal(purchase.state.step, "bank");
  my.shop.complete([...my.shop.checkouts.values()][0]);
  purchase.nudge();
  await until(() => purchase.state.step === "receipt");
});

test("the same thing is added to a purchase once", async () => {
  const my = device();
  my.shop.methods.push(card());
  const first = await priced(my);
  await first.take(STORED);
  const after = first.state.checkout.id;
  const more = await priced(my, PRINT);
  await more.take({ ...STORED, after });
  assert.equal(more.state.step, "receipt");
  const twin = await priced(device({ shop: my.shop, clock: my.clock, seed: 9 }), PRINT);
  await twin.take({ ...STORED, after });
  assert.equal(twin.state.step, "failed");
  assert.equal(my.shop.charges.length, 2);
});
