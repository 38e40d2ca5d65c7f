/** Results follow the typing; without scripts Enter asks for them. */
import { ask, fields, swap } from "./studio-page.js";

const field = document.querySelector("input[data-search]");
const form = field instanceof HTMLInputElement ? field.form : null;
let timer = 0;
let newest = 0;

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const mine = ++newest;
    const url = `${location.pathname}?${fields(form)}`;
    const { page } = await ask("GET", url);
    // An older answer that arrives late is dropped.
    if (!page || mine !== newest) return;
    swap(page, "[data-results]");
    history.replaceState(null, "", url);
  }, 200);
});
