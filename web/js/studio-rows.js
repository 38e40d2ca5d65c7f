/** "Add a row" copies the last row, empty, in place; without scripts the button asks the server for one. */
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-add-row]") : null;
  const rows = button?.closest(".stack")?.querySelector("[data-rows]");
  const last = rows?.querySelector("[data-row]:last-of-type");
  if (!rows || !(last instanceof HTMLElement)) return;
  event.preventDefault();

  const row = /** @type {HTMLElement} */ (last.cloneNode(true));
  const number = rows.children.length + 1;
  for (const error of row.querySelectorAll(".error")) error.remove();
  for (const field of row.querySelectorAll("input, select, textarea")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    if (field instanceof HTMLInputElement) field.value = "";
    const label = field.id ? row.querySelector(`label[for="${field.id}"]`) : null;
    // A new name for each field, or its label would point at the row above.
    if (field.id) field.id = `${field.id}-${number}`;
    label?.setAttribute("for", field.id);
  }
  for (const note of row.querySelectorAll("p")) note.textContent = "";
  rows.append(row);
  row.querySelector("input:not([type=hidden]), select")?.dispatchEvent(new Event("input", { bubbles: true }));
  const first = row.querySelector("input:not([type=hidden]), select");
  if (first instanceof HTMLElement) first.focus();
});
