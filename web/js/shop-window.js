import { countDown, localTimes } from "./clock.js";

/** A shop that opens soon: the clock, and at its moment the shop. Everybody comes a moment earlier or later than everybody else. */
const page = /** @type {HTMLElement} */ (document.querySelector("[data-now]"));
const clock = /** @type {HTMLTimeElement | null} */ (page.querySelector("[data-until]"));
localTimes(page);
if (clock) countDown(clock, page.dataset.now ?? "", () => setTimeout(() => location.reload(), Math.random() * 800));
