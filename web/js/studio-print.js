/** Prints the page. Without scripts the browser's own menu does. */
const button = document.querySelector("button[data-print]");

if (button instanceof HTMLButtonElement) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
