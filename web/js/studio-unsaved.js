/** Says that something is not saved yet, and asks before it is left behind. */
const form = document.querySelector("form[data-unsaved]");
const words = form?.querySelector("[data-unsaved-words]");
let unsaved = false;

form?.addEventListener("input", () => {
  unsaved = true;
  if (words) words.textContent = "Not saved yet";
});
form?.addEventListener("submit", () => {
  unsaved = false;
});
addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
