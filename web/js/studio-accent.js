/** A chosen accent fills the colour field, and the sample button wears it. Whether it can be read is the server's decision. */
const field = document.querySelector("input[name=accent]");
const sample = document.querySelector("[data-accent-sample]");

const wear = () => {
  if (field instanceof HTMLInputElement && sample instanceof HTMLElement && /^#[\da-f]{6}$/i.test(field.value)) {
    sample.style.backgroundColor = field.value;
  }
};

document.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLInputElement && target.name === "accent_preset" && field instanceof HTMLInputElement) {
    field.value = target.value;
    wear();
  }
});
field?.addEventListener("input", wear);
