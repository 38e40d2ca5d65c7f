/**
 * At the door of a waiting room in a rush: the browser works a moment, off the page's own thread, and then takes its turn. Without this script
 * the page says how long to wait instead.
 */
const door = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-work]"));

if (door && typeof Worker === "function") {
  const says = /** @type {HTMLElement} */ (door.querySelector("[data-shows=work]"));
  const button = /** @type {HTMLButtonElement} */ (door.querySelector("button"));
  const nonce = /** @type {HTMLInputElement} */ (door.elements.namedItem("nonce"));
  const bits = Number(door.dataset.bits);
  const usual = 2 ** bits;
  const number = new Intl.NumberFormat(document.documentElement.lang);
  button.disabled = true;
  const wait = () => {
    says.textContent = says.dataset.wait ?? "";
    button.disabled = false;
  };
  const worker = new Worker(door.dataset.work ?? "", { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data.cannot) return void wait();
    if (data.nonce === undefined) {
      says.textContent = `Your browser is working: ${number.format(data.tried)} tries, usually about ${number.format(usual)}.`;
      return;
    }
    worker.terminate();
    nonce.value = data.nonce;
    says.textContent = "Done. Taking your turn.";
    door.submit();
  };
  worker.onerror = wait;
  worker.postMessage({ challenge: door.dataset.challenge, bits });
}
