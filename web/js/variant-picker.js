/** The chosen variant's price and stock stand at the top of the form. Without scripts each choice shows its own price. */
const form = document.querySelector("form[data-variants]");
const price = document.querySelector("[data-shows=price]");
const availability = document.querySelector("[data-shows=availability]");

form?.addEventListener("change", ({ target }) => {
  if (!(target instanceof HTMLInputElement) || !target.dataset.price || !price || !availability) return;
  price.textContent = target.dataset.price;
  availability.textContent = target.dataset.availability ?? "";
  availability.className = `tag ${target.dataset.tone ?? ""}`;
});
