/** Forms of the clip editor save themselves, one after the other, and say so in words. */
import { ask, fields, swap } from "./studio-page.js";

const words = document.querySelector("[data-save-state]");
/** @param {string} text */
const say = (text) => {
  if (words) words.textContent = text;
};

/** Each save carries the version the one before it answered with, so they wait for each other. */
let last = Promise.resolve();
let waiting = 0;

/** @param {HTMLFormElement} form */
async function save(form) {
  const body = fields(form);
  body.set("do", form.querySelector("[data-no-js]")?.getAttribute("value") ?? "save");
  const { page, status } = await ask("POST", location.pathname, body);
  const problem = page?.querySelector("#problems a");
  const version = page?.querySelector("input[name=version]")?.getAttribute("value");
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");

  if (status === 0) return say("Not saved: there is no connection. Your words are still here.");
  if (problem) {
    const id = problem.getAttribute("href")?.slice(1) ?? "";
    document.getElementById(id)?.setAttribute("aria-invalid", "true");
    return say(`Not saved: ${problem.textContent}`);
  }
  if (!version) return say("Not saved: the studio did not answer. Your words are still here.");
  for (const field of document.querySelectorAll("input[name=version]")) field.setAttribute("value", version);
  if (page) swap(page, ".editor-publish");
  say(waiting > 1 ? "Saving…" : "Saved");
}

for (const form of document.querySelectorAll("form[data-autosave]")) {
  if (!(form instanceof HTMLFormElement)) continue;
  const queue = () => {
    say("Saving…");
    waiting += 1;
    last = last.then(() => save(form)).finally(() => (waiting -= 1));
  };
  form.addEventListener("change", queue);
  form.addEventListener("submit", (event) => {
    const asked = event instanceof SubmitEvent ? event.submitter : null;
    if (asked && !asked.hasAttribute("data-no-js")) return;
    event.preventDefault();
    queue();
  });
}

// Publishing or adding an anchor leaves the page: what is still being saved goes first.
document.addEventListener("submit", (event) => {
  if (waiting === 0 || event.defaultPrevented || !(event.target instanceof HTMLFormElement)) return;
  const { target } = event;
  const submitter = event instanceof SubmitEvent ? event.submitter : null;
  event.preventDefault();
  last.then(() => target.requestSubmit(submitter));
});
addEventListener("beforeunload", (event) => {
  if (waiting > 0) event.preventDefault();
});
