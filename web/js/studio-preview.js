/**
 * What a form would do, reckoned by the server while one types: a refund's legs, a contract's worked example.
 * The page itself answers a GET with the form's fields; no rule about money lives here.
 */
import { ask, fields, swap } from "./studio-page.js";

for (const form of document.querySelectorAll("form[data-preview]")) {
  if (!(form instanceof HTMLFormElement)) continue;
  const part = `#${form.dataset.preview}`;
  let timer = 0;
  let newest = 0;
  form.dataset.ready = "";
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++newest;
      const place = form.querySelector(part);
      place?.setAttribute("aria-busy", "true");
      const { page } = await ask("GET", `${form.dataset.page ?? location.pathname}?${fields(form)}`);
      place?.removeAttribute("aria-busy");
      if (page && mine === newest) swap(page, part);
    }, 150);
  });
}
