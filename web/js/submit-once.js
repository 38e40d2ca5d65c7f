/**
 * The pay button says that it is working and does not answer a second tap.
 * The server would treat the second tap as the same purchase anyway; this only keeps the buyer calm.
 */
for (const form of document.querySelectorAll("form[data-submit-once]")) {
  form.addEventListener("submit", (event) => {
    if (!(event instanceof SubmitEvent) || !(event.submitter instanceof HTMLButtonElement)) return;
    const button = event.submitter;
    if (form.getAttribute("aria-busy") === "true") return event.preventDefault();
    form.setAttribute("aria-busy", "true");
    button.setAttribute("aria-busy", "true");
    if (button.dataset.busy) button.textContent = button.dataset.busy;
  });
}

// Coming back through the browser's history shows the page as it was left: busy.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
