import { Api } from "../../sdk/api.js";
import { countDown, localTimes } from "./clock.js";

/**
 * A drop's page follows its drop: prices, what is left, what is on the table. When the drop opens, pauses or closes the page is
 * loaded again, a moment earlier or later than everybody else's. Without scripts the page says the same, as of when it was loaded.
 */
const page = /** @type {HTMLElement} */ (document.querySelector("[data-drop]"));

/** @typedef {{ variant: string, price: { amount: number, currency: string }, left: number, in_checkouts: number }} Item */
/** @typedef {{ arrivals: number, admitted: number, rate_per_minute: number }} Room */
/** @typedef {{ phase: string, opens_at?: string, closes_at?: string, pinned?: string, waiting_room?: Room, items: Item[] }} Live */

/**
 * @param {HTMLElement} root
 * @param {string} selector
 */
const find = (root, selector) => /** @type {HTMLElement | null} */ (root.querySelector(selector));
/**
 * What the page always has.
 * @param {HTMLElement} root
 * @param {string} selector
 */
const part = (root, selector) => /** @type {HTMLElement} */ (find(root, selector));

const lang = document.documentElement.lang;
/** @param {{ amount: number, currency: string }} price */
const money = (price) => {
  const format = new Intl.NumberFormat(lang, { style: "currency", currency: price.currency });
  return format.format(price.amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
};
/** @param {number} count */
const held = (count) => (count === 1 ? "1 in a checkout" : `${count} in checkouts`);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let later;
const again = () => setTimeout(() => location.reload(), Math.random() * 800);

/**
 * @param {Item} item
 * @returns {[string, string]} words and tone
 */
function left({ left, in_checkouts: held_now }) {
  const tail = held_now ? `, ${held(held_now)}` : "";
  return left > 0 ? [`${left} left${tail}`, left > 5 ? "ok" : "warn"] : [`Sold out${tail}`, ""];
}

/** @param {Live} live */
function show(live) {
  if (live.phase !== page.dataset.phase) return void again();
  for (const item of live.items) {
    const row = find(page, `[data-variant="${item.variant}"]`);
    if (!row || live.phase === "over") continue;
    const pinned = live.pinned === item.variant;
    row.classList.toggle("pinned", pinned);
    part(row, "[data-shows=pin]").hidden = !pinned;
    part(row, "[data-shows=price]").textContent = money(item.price);
    if (live.phase === "before") continue;
    // Whoever waits hears from the server what is theirs; whoever was offered something keeps their button.
    const seen = `${item.left} ${item.in_checkouts}`;
    // What is offered is kept for minutes, so not everybody has to look in the same second.
    if (find(row, "[data-waits]") && row.dataset.seen && row.dataset.seen !== seen)
      later ??= setTimeout(() => location.reload(), 1000 + Math.random() * 9000);
    row.dataset.seen = seen;
    if (find(row, "[data-offered]")) continue;
    const [words, tone] = left(item);
    const availability = part(row, "[data-shows=availability]");
    availability.textContent = words;
    availability.className = `tag ${tone}`;
    const button = /** @type {HTMLButtonElement | null} */ (find(row, "[data-buy]"));
    if (!button) continue;
    const was = button.disabled;
    button.disabled = page.dataset.canBuy !== "true" || item.left <= 0;
    if (was !== button.disabled) button.textContent = item.left <= 0 ? "Sold out" : live.phase === "paused" ? "Paused" : "Buy";
  }
  wait(live.waiting_room);
  const clock = /** @type {HTMLTimeElement | null} */ (find(page, "[data-until]"));
  if (page.dataset.guest !== undefined) return; // Their clock is their own.
  const until = live.phase === "before" ? live.opens_at : live.closes_at;
  if (clock && until && Date.parse(until) !== Date.parse(clock.dateTime)) again();
}

/**
 * The waiting room: who is before us, and about how long it takes. When it is our turn the page is loaded again.
 * @param {Room | undefined} room
 */
function wait(room) {
  const mine = find(page, "[data-room]");
  if (!mine || !room) return;
  const arrivals = find(mine, "[data-shows=arrivals]");
  if (arrivals) arrivals.textContent = new Intl.NumberFormat(lang).format(room.arrivals);
  const place = Number(mine.dataset.place);
  if (mine.dataset.waiting !== "true" || !place) return;
  if (place <= room.admitted) return void again();
  const ahead = place - room.admitted - 1;
  part(mine, "[data-shows=ahead]").textContent = new Intl.NumberFormat(lang).format(ahead);
  const minutes = Math.ceil((ahead + 1) / room.rate_per_minute);
  part(mine, "[data-shows=estimate]").textContent = minutes <= 1 ? "less than a minute" : `about ${minutes} minutes`;
}

if (page) localTimes(page);
if (page && page.dataset.phase !== "over") {
  const clock = /** @type {HTMLTimeElement | null} */ (find(page, "[data-until]"));
  if (clock) countDown(clock, page.dataset.now ?? "", again);
  const api = new Api("", page.dataset.key ?? "", fetch.bind(window), Date.now);
  /** @param {number} ms */
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms * (1 + Math.random())));
  void api.follow(`/v1/drops/${page.dataset.drop}/live`, "drop", show, new AbortController().signal, sleep);
}
