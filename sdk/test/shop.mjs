// A shop in memory that keeps the contract: enough of one to try the player without the server. `handle` is a pure function
// of its state and the clock it is given, so tests decide what time it is and which answers get lost.

const euro = (amount) => ({ amount, currency: "EUR" });
const pad = (prefix, text) => `${prefix}_${("01hm" + text + "0".repeat(26)).slice(0, 26)}`;

export const ids = {
  clip: pad("clp", "cup"), mug: pad("prd", "mug"), tee: pad("prd", "tee"), print: pad("prd", "pr1nt"), lamp: pad("prd", "1amp"),
  mugSand: pad("var", "sand"), teeS: pad("var", "tees"), teeM: pad("var", "teem"), teeL: pad("var", "teex"), printFile: pad("var", "f11e"), lampOne: pad("var", "1amp"),
};

const product = (id, slug, title, kind, variants) => ({
  id, slug, title, kind, description: "", image: `/media/${slug}.svg`, page_url: `/s/maren/products/${slug}`, version: 1,
  variants: variants.map(([variant, name, amount, left, in_checkouts]) => ({ id: variant, sku: `${slug}-${name}`, title: name, price: euro(amount), availability: { left, in_checkouts } })),
});

const anchor = (name, kind, start_ms, end_ms, more) => ({ id: pad("anc", name), kind, start_ms, end_ms, copy: {}, ...more });

export function makeShop({ now = () => Date.now(), reserveMs = 600_000 } = {}) {
  const products = [
    product(ids.mug, "mug", "Ember mug, thrown by hand", "physical", [[ids.mugSand, "Sand", 3800, 3, 2]]),
    product(ids.tee, "tee", "Tea towel “Night shift”", "physical", [[ids.teeS, "Indigo", 2900, 12, 0], [ids.teeM, "Clay", 2900, 4, 1], [ids.teeL, "Pair", 5100, 0, 0]]),
    product(ids.print, "print", "Glaze recipes, 40 pages", "digital", [[ids.printFile, "PDF", 900, null, 0]]),
    product(ids.lamp, "lamp", "Beeswax candle no. 7", "physical", [[ids.lampOne, "One", 6400, 0, 2]]),
  ];
  const anchors = [
    anchor("mark", "mark", 0, 2000, { copy: { en: { title: "At the wheel" }, de: { title: "An der Scheibe" }, ar: { title: "على الدولاب" } } }),
    anchor("mug", "product_card", 2000, 6000, { product: ids.mug, variant: ids.mugSand, copy: { en: { label: "Get it" }, de: { label: "Holen" }, ar: { title: "كوب مصنوع يدويًا", label: "اقتنِه" } } }),
    anchor("tee", "product_card", 6200, 9000, { product: ids.tee, copy: {} }),
    anchor("pr1nt", "buy_button", 9200, 12000, { product: ids.print, variant: ids.printFile, copy: { en: { label: "Get the recipes" } } }),
    anchor("pr00f", "proof", 9200, 12000, { copy: { en: { title: "Ida, Malmö", text: "Second winter, used daily, not a single crack." } } }),
    anchor("both", "product_card", 15500, 20000, { product: ids.mug, variant: ids.mugSand, copy: {} }),
    anchor("b0th", "buy_button", 16500, 20000, { product: ids.mug, variant: ids.mugSand, copy: { en: { label: "Take it home" } } }),
    anchor("1amp", "product_card", 12000, 14000, { product: ids.lamp, variant: ids.lampOne, copy: {} }),
    anchor("save", "ask", 12400, 15000, { ask: "alert", copy: { en: { label: "Tell me about the next kiln" }, de: { label: "Sag mir beim nächsten Brand Bescheid" } } }),
  ];
  const clip = {
    id: ids.clip, version: 3, slug: "ember", title: "A mug from one lump of clay", description: "", language: "en", page_url: "/s/maren/clips/ember",
    media: { src: "/media/clip.mp4", type: "video/mp4", width: 720, height: 1280, duration_ms: 20000 }, poster: "/media/poster.jpg",
    captions: [{ lang: "en", label: "English", src: "/media/captions.vtt" }], anchors_src: `/v1/clips/${ids.clip}/anchors.vtt`, anchors,
  };
  const shop = {
    clip, products, checkouts: new Map(), orders: [], charges: [], beacons: [], added: new Set(), heard: new Set(),
    /** The offer's version: a quote of an older one is not honoured when it became dearer. */
    methods: [], raise: 0, quoteMs: 600_000, handle, stock: (id) => variant(id)?.availability,
  };
  const variant = (id) => products.flatMap((one) => one.variants).find((one) => one.id === id);

  function quoteOf(query) {
    const lines = query.get("lines").split(",").map((line) => line.split(":"));
    const country = query.get("country") ?? "DE";
    const found = lines.map(([id, quantity]) => ({ option: variant(id), of: products.find((one) => one.variants.some((v) => v.id === id)), quantity: Number(quantity) }));
    if (found.some(({ option }) => !option)) return problem(404, "not_found");
    const physical = found.some(({ of }) => of.kind === "physical");
    if (physical && !["DE", "AT", "FR", "US", "SE"].includes(country)) return problem(409, "not_delivered_there", { detail: "Not delivered there." });
    const short = found.find(({ option, quantity }) => option.availability.left != null && option.availability.left < quantity);
    if (short) return problem(409, "sold_out", { left: short.option.availability.left });
    const abroad = country === "DE" ? 0 : 500;
    const day = (days) => new Date(now() + days * 86_400_000).toISOString().slice(0, 10);
    const methods = physical ? [
      { id: "dm_std", name: "DHL", price: euro(490 + abroad), eta_min: day(3), eta_max: day(5), promise: "" },
      { id: "dm_exp", name: "Express", price: euro(1290 + abroad), eta_min: day(1), eta_max: day(2), promise: "" }] : [];
    const delivery = methods.find(({ id }) => id === query.get("delivery")) ?? methods[0] ?? null;
    const items = found.reduce((sum, { option, quantity }) => sum + (option.price.amount + shop.raise) * quantity, 0);
    const total = items + (delivery?.price.amount ?? 0);
    const token = JSON.stringify({ lines: query.get("lines"), country, delivery: delivery?.id, total, until: now() + shop.quoteMs });
    const tax = Math.round(total - total / 1.19);
    return { status: 200, body: {
      quote: btoa(token), version: 1, expires_at: new Date(now() + shop.quoteMs).toISOString(), country, currency: "EUR",
      lines: found.map(({ option, of, quantity }) => ({ variant: option.id, product: of.id, title: of.title, variant_title: of.variants.length > 1 ? option.title : null, image: of.image, quantity,
        unit: euro(option.price.amount + shop.raise), amount: euro((option.price.amount + shop.raise) * quantity), tax: euro(0), tax_rate_bp: 1900 })),
      items: euro(items), delivery, delivery_options: methods, tax: euro(tax), tax_inclusive: true, total: euro(total), needs_address: physical,
      returns: physical ? "30 days to return, label included" : "No return once downloaded", shipping_policy_url: "/s/maren/policies/shipping", availability: found[0].option.availability, payment_methods: ["card", "manual"], test_mode: true,
    } };
  }

  const requote = (token, change = {}) => quoteOf(new URLSearchParams(Object.entries({ ...token, ...change }).filter(([, value]) => value != null)));
  const read = (quote) => JSON.parse(atob(quote));

  function out(checkout, status = 200) {
    if (checkout.until < now() && ["incomplete", "ready_for_complete"].includes(checkout.state)) release(checkout, "expired");
    const needs = [!checkout.contact && "contact", checkout.quote.needs_address && !checkout.address && "address", "payment"].filter(Boolean);
    if (checkout.state === "incomplete" && needs.length === 1) checkout.state = "ready_for_complete";
    return { status, body: {
      id: checkout.id, state: checkout.state, version: checkout.version, client_secret: checkout.secret, total: checkout.quote.total, quote: { ...checkout.quote, delivery_options: [], availability: { left: 0, in_checkouts: 0 } }, needs: checkout.order ? [] : needs,
      expires_at: new Date(checkout.until).toISOString(), next_action: checkout.next, order: checkout.order, decline: checkout.decline, test_mode: true,
    } };
  }

  function release(checkout, state) {
    checkout.state = state;
    checkout.version++;
    for (const { variant: id, quantity } of checkout.quote.lines) {
      const availability = variant(id).availability;
      if (availability.left != null) availability.left += quantity;
      availability.in_checkouts -= quantity;
    }
  }

  function put(id, body) {
    const known = shop.checkouts.get(id);
    if (known && known.body !== JSON.stringify(body)) return problem(409, "id_reused");
    if (known) return known.decline ? problem(402, "declined", { checkout: out(known).body }) : out(known);
    const token = read(body.quote);
    const method = shop.methods.find((one) => one.id === body.payment?.stored);
    if (body.payment?.stored && !method) return problem(409, "stored_method_gone");
    if (body.after && shop.added.has(`${body.after} ${token.lines}`)) return problem(409, "already_added", { detail: "It was not bought twice." });
    if (token.until < now()) return problem(409, "quote_expired");
    const fresh = requote(token);
    if (fresh.status !== 200) return fresh;
    if (fresh.body.total.amount > token.total) return problem(409, "price_changed", { quote: fresh.body });
    for (const { variant: one, quantity } of fresh.body.lines) {
      const availability = variant(one).availability;
      if (availability.left != null) availability.left -= quantity;
      availability.in_checkouts += quantity;
    }
    const checkout = { id, body: JSON.stringify(body), token, quote: fresh.body, secret: `cs_${id}`, state: "incomplete", version: 1, until: now() + reserveMs, next: null, order: null, decline: null };
    shop.checkouts.set(id, checkout);
    if (body.after) shop.added.add(`${body.after} ${token.lines}`);
    if (!method) return out(checkout, 201);
    Object.assign(checkout, { contact: method.contact, address: method.address });
    out(checkout);
    return pay(checkout, { method: "card", token: method.token });
  }

  function details(checkout, { contact, address, delivery, accept }) {
    if (!["incomplete", "ready_for_complete"].includes(out(checkout).body.state)) return problem(409, "checkout_closed", { state: checkout.state });
    if (address && !/^[\w -]{3,10}$/.test(address.postal_code)) return problem(422, "invalid", { errors: [{ pointer: "/address/postal_code", detail: "This is not a postcode." }] });
    const change = { ...(delivery && { delivery }), ...(address && { country: address.country }) };
    if (Object.keys(change).length) {
      const fresh = requote({ ...checkout.token, lines: checkout.token.lines }, change);
      // The piece is ours already, so being sold out to others does not matter here.
      if (fresh.status === 409 && fresh.body.code === "not_delivered_there") return problem(409, "not_delivered_there", { detail: "The shop does not deliver there yet." });
      if (fresh.status === 200) {
        if (!delivery && fresh.body.total.amount > checkout.quote.total.amount && !accept) return problem(409, "price_changed", { quote: fresh.body });
        checkout.quote = fresh.body;
        checkout.token = read(fresh.body.quote);
      }
    }
    Object.assign(checkout, contact && { contact }, address && { address });
    checkout.version++;
    return out(checkout);
  }

  function complete(checkout) {
    const number = `HK-${1042 + shop.orders.length}`;
    checkout.state = "completed";
    checkout.next = checkout.decline = null;
    checkout.version++;
    checkout.order = { id: checkout.id.replace("chk", "ord"), number, confirmed_at: new Date(now()).toISOString(), page_url: `/s/maren/orders/${number}` };
    // What the clip shows after the mug, as long as some card was kept.
    const [method] = shop.methods;
    const mine = checkout.quote.lines.map((line) => line.variant);
    if (method && !mine.includes(ids.printFile)) checkout.order.next = { product: ids.print, variant: ids.printFile, stored: method.id, until: new Date(now() + 900_000).toISOString() };
    shop.orders.push(checkout.order);
    for (const { variant: id, quantity } of checkout.quote.lines) variant(id).availability.in_checkouts -= quantity;
  }

  /** A card is kept under the purchase at which its buyer agreed. */
  function keepCard(checkout, token) {
    shop.methods.unshift({ id: `smt_${checkout.id}`, token, brand: "visa", last_four: "4242", card_expires: "2030-08", checkout: checkout.id, contact: checkout.contact, address: checkout.address ?? null });
  }

  function pay(checkout, { method, token, keep }) {
    if (["completed", "complete_in_progress", "requires_escalation"].includes(checkout.state)) return out(checkout);
    if (checkout.until < now()) return problem(409, "checkout_expired");
    if (out(checkout).body.state !== "ready_for_complete") return problem(409, "details_missing", { needs: ["contact"] });
    if ((checkout.tries = (checkout.tries ?? 0) + 1) > 8) return problem(409, "too_many_attempts", { detail: "This was tried too often." });
    checkout.version++;
    const refuse = (code) => {
      checkout.decline = { code, detail: "The bank said no." };
      return problem(402, "declined", { checkout: out(checkout).body });
    };
    if (token === "tok_declined") return refuse("insufficient_funds");
    if (token === "tok_stolen") return refuse("card_declined");
    if (token === "tok_3ds") {
      checkout.state = "requires_escalation";
      checkout.next = { kind: "redirect", url: `/sandbox/3ds/${checkout.id}` };
      return out(checkout);
    }
    if (keep) keepCard(checkout, token);
    if (method === "card") shop.charges.push({ checkout: checkout.id, amount: checkout.quote.total.amount });
    if (token === "tok_timeout") {
      checkout.state = "complete_in_progress";
      checkout.answerAt = now() + 3000;
      return out(checkout);
    }
    complete(checkout);
    return out(checkout);
  }

  /** One request of the contract, answered: {status, body, headers?}. */
  function handle(method, path, { body, secret } = {}) {
    const url = new URL(path, "http://shop");
    const [, , kind, id, part] = url.pathname.split("/");
    if (kind === "clips") return id === ids.clip ? { status: 200, body: clip } : problem(404, "not_found");
    if (kind === "products") return ((found) => (found ? { status: 200, body: found } : problem(404, "not_found")))(products.find((one) => one.id === id));
    if (kind === "quotes") return quoteOf(url.searchParams);
    if (kind === "beacons") {
      shop.beacons.push(body);
      return { status: 202, body: { accepted: body.events.length } };
    }
    if (kind === "buyer") return { status: 204, body: {} };
    if (kind === "stored-methods" && method === "DELETE") {
      shop.methods = shop.methods.filter((one) => one.id !== id);
      return { status: 204, body: {} };
    }
    if (kind === "stored-methods") return { status: 200, body: { data: shop.methods.map(({ token, ...shown }) => shown) } };
    if (kind !== "checkouts") return problem(404, "not_found");
    if (method === "PUT" && !part) return put(id, body);
    const checkout = shop.checkouts.get(id);
    if (!checkout || checkout.secret !== secret) return problem(404, "not_found");
    if (checkout.state === "complete_in_progress" && checkout.answerAt < now()) complete(checkout);
    if (method === "DELETE") {
      release(checkout, "canceled");
      return out(checkout);
    }
    if (part === "details") return details(checkout, body);
    if (part === "payment") return pay(checkout, body);
    return out(checkout);
  }
  shop.complete = complete;
  return shop;
}

export const problem = (status, code, more = {}) => ({ status, body: { type: "about:blank", title: code, status, code, ...more } });
