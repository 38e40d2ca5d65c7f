import { Api } from "../../sdk/api.js";

/**
 * The console stays right while it is open: whenever something of the drop is committed the page is fetched again, and what is
 * marked as live takes the place of what stood there, unless somebody is in the middle of it. Without scripts it is right when loaded.
 */
const console_ = /** @type {HTMLElement | null} */ (document.querySelector("[data-console]"));

/** @param {Element} part */
const busy = (part) => part.contains(document.activeElement) || part.querySelector("details[open]") !== null;

let asked = 0;
async function refresh() {
  const mine = ++asked;
  const answer = await fetch(location.pathname, { headers: { accept: "text/html" } });
  if (!answer.ok || mine !== asked) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (now && !busy(part) && now.innerHTML !== part.innerHTML) part.replaceWith(now);
  }
}

if (console_) {
  const api = new Api("", console_.dataset.key ?? "", fetch.bind(window), Date.now);
  /** @param {number} ms */
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const path = `/v1/drops/${console_.dataset.console}/live`;
  void api.follow(path, "drop", () => void refresh(), new AbortController().signal, sleep);
}
