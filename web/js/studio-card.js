/** The card over the clip: there exactly while its anchor is on, and edited where it stands. */
import { editor, hear } from "./studio-clock.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Words */

/** @param {Element | null | undefined} element @returns {element is Words} */
const holdsWords = (element) => element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;

const languages = editor.querySelector("[data-languages]");
const language = () => languages?.querySelector("input:checked")?.getAttribute("value") ?? "en";

/** The copy of the language the card speaks is marked; a phone shows only that one. */
const mark = () => {
  for (const copy of editor.querySelectorAll("[data-copy]")) copy.toggleAttribute("data-here", copy.getAttribute("data-copy") === language());
};
languages?.addEventListener("change", mark);
mark();

for (const card of editor.querySelectorAll("[data-card]")) {
  const form = document.getElementById(card.getAttribute("data-card") ?? "");
  if (!form || !(card instanceof HTMLElement)) continue;

  /** @param {Words} mirror */
  const field = (mirror) => {
    const words = form.querySelector(`[data-copy="${language()}"] [data-field="${mirror.dataset.mirror}"]`);
    return holdsWords(words) ? words : null;
  };
  const mirrors = [...card.querySelectorAll("[data-mirror]")].filter(holdsWords);
  const show = () => {
    const copy = form.querySelector(`[data-copy="${language()}"]`);
    card.lang = language();
    card.dir = copy instanceof HTMLElement ? copy.dir : "ltr";
    for (const mirror of mirrors) mirror.value = field(mirror)?.value ?? "";
  };

  for (const mirror of mirrors) {
    mirror.addEventListener("input", () => {
      const words = field(mirror);
      if (words) words.value = mirror.value;
    });
    mirror.addEventListener("change", () => field(mirror)?.dispatchEvent(new Event("change", { bubbles: true })));
  }
  form.addEventListener("input", show);
  languages?.addEventListener("change", show);

  /** @param {string} name */
  const at = (name) => {
    const input = form.querySelector(`[name=${name}]`);
    return input instanceof HTMLInputElement ? Number(input.value.replace(",", ".")) * 1000 : 0;
  };
  hear("time", (ms) => {
    const on = at("start") <= ms && ms < at("end");
    // Whoever is typing in the card keeps it, even while the clip plays on.
    if (card.hidden === on && !(!on && card.contains(document.activeElement))) {
      card.hidden = !on;
      if (on) show();
    }
  });
}
