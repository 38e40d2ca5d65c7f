/** What the behaviours of the clip editor share: the editor itself, and how its times are read and written. */

/** The editor speaks to its parts by events: `editor:time` and `editor:seek` carry milliseconds, `editor:select` an anchor. */
export const editor = /** @type {HTMLElement} */ (document.querySelector("[data-editor]") ?? document.createElement("div"));

export const duration = Number(editor.dataset.duration);
export const frame = Number(editor.dataset.frame) || 40;

/** @param {string} name @param {unknown} detail */
export const tell = (name, detail) => editor.dispatchEvent(new CustomEvent(`editor:${name}`, { detail }));

/** @param {string} name @param {(detail: any) => void} listener */
export const hear = (name, listener) =>
  editor.addEventListener(`editor:${name}`, (event) => event instanceof CustomEvent && listener(event.detail));

/** @param {number} ms */
export const within = (ms) => Math.min(duration, Math.max(0, Math.round(ms)));

/** `0:07.25`, as the player and the fields show it. @param {number} ms */
export function clock(ms) {
  const rest = ((ms % 60_000) / 1000).toFixed(2).padStart(5, "0");
  return `${Math.floor(ms / 60_000)}:${rest}`;
}

/**
 * How far one press of an arrow moves: a frame, or a second with Shift; null for any other key.
 * @param {KeyboardEvent} event
 */
export function step(event) {
  const far = event.shiftKey ? 1000 : frame;
  if (event.key === "ArrowLeft" || event.key === "ArrowDown") return -far;
  if (event.key === "ArrowRight" || event.key === "ArrowUp") return far;
  if (event.key === "PageDown") return -1000;
  if (event.key === "PageUp") return 1000;
  return null;
}
