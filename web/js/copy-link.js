/** Copies the page's address and says so. The button is only shown where copying works. */
const button = document.querySelector("button[data-copy]");
const answer = document.querySelector("[data-copied]");

if (button instanceof HTMLButtonElement && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(button.dataset.copy ?? location.href).then(
      () => true,
      () => false,
    );
    if (answer) answer.textContent = copied ? "Copied." : `Copy it by hand: ${button.dataset.copy}`;
  });
}
