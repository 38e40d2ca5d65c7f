/** Anchors as bars: moved, stretched, nudged by a frame. The bars write into the fields of their form, and follow them. */
import { clock, duration, editor, hear, step, tell, within } from "./studio-clock.js";

const SHORTEST = 400;
/** Pixels beside a bar. */
const HANDLE = 24;

/**
 * @typedef {{ bar: HTMLElement, form: HTMLElement, start: HTMLInputElement, end: HTMLInputElement }} Anchor
 * @typedef {"move" | "start" | "end"} Part
 */

/** @param {HTMLInputElement} field */
const read = (field) => within(Number(field.value.replace(",", ".")) * 1000 || 0);

/** @param {Anchor} anchor */
function draw({ bar, start, end }) {
  const [from, to] = [read(start), read(end)];
  bar.style.left = `${(from / duration) * 100}%`;
  bar.style.width = `${(Math.max(to - from, SHORTEST) / duration) * 100}%`;
  for (const part of bar.querySelectorAll("[data-part]")) {
    const ms = part.getAttribute("data-part") === "end" ? to : from;
    part.setAttribute("aria-valuenow", String(ms));
    part.setAttribute("aria-valuetext", part.getAttribute("data-part") === "move" ? `${clock(from)} to ${clock(to)}` : clock(ms));
  }
}

/** @param {Anchor} anchor @param {Part} part @param {number} ms where its edge should be */
function place(anchor, part, ms) {
  const [from, to] = [read(anchor.start), read(anchor.end)];
  const length = Math.max(to - from, SHORTEST);
  let [start, end] = [from, to];
  if (part === "start") start = Math.min(within(ms), to - SHORTEST);
  else if (part === "end") end = Math.max(within(ms), from + SHORTEST);
  else [start, end] = [Math.min(within(ms), duration - length), Math.min(within(ms), duration - length) + length];
  anchor.start.value = (start / 1000).toFixed(2);
  anchor.end.value = (end / 1000).toFixed(2);
  draw(anchor);
  // The clip shows the edge that is being moved, so that the eye decides, not the number.
  tell("seek", part === "end" ? end - 1 : start);
}

/** Saving listens for `change`, which a script's own writing does not fire. @param {Anchor} anchor */
function changed(anchor) {
  stack();
  anchor.start.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Bars that share a second lie below one another, with room for their handles: what is covered can be neither seen nor held. */
function stack() {
  const lane = anchors[0]?.bar.parentElement;
  if (!lane) return;
  const room = (2 * HANDLE * duration) / (lane.clientWidth || 1);
  /** @type {number[]} */
  const ends = [];
  for (const { bar, start, end } of anchors.toSorted((a, b) => read(a.start) - read(b.start))) {
    const free = ends.findIndex((until) => until + room <= read(start));
    const row = free < 0 ? ends.length : free;
    ends[row] = Math.max(read(end), read(start) + SHORTEST);
    bar.style.setProperty("--row", String(row));
  }
  lane.style.setProperty("--rows", String(ends.length));
}

/** @param {Anchor} anchor */
function follow(anchor) {
  draw(anchor);
  for (const field of [anchor.start, anchor.end]) field.addEventListener("input", () => draw(anchor));
  anchor.bar.addEventListener("focusin", () => tell("select", anchor.bar.dataset.bar));

  for (const handle of anchor.bar.querySelectorAll("[data-part]")) {
    if (!(handle instanceof HTMLElement)) continue;
    const part = /** @type {Part} */ (handle.dataset.part);
    const edge = () => read(part === "end" ? anchor.end : anchor.start);
    /** @type {{ x: number, ms: number, moved: boolean } | null} */
    let grip = null;

    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      grip = { x: event.clientX, ms: edge(), moved: false };
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const track = anchor.bar.parentElement?.getBoundingClientRect().width || 1;
      // A tap that trembles is still a tap.
      if (Math.abs(event.clientX - grip.x) < 3 && !grip.moved) return;
      grip.moved = true;
      place(anchor, part, grip.ms + ((event.clientX - grip.x) / track) * duration);
    });
    const drop = () => {
      if (grip?.moved) changed(anchor);
      grip = null;
    };
    handle.addEventListener("pointerup", drop);
    handle.addEventListener("pointercancel", drop);
    handle.addEventListener("keydown", (event) => {
      const by = step(event);
      if (by !== null) place(anchor, part, edge() + by);
      else if (event.key === "Enter" || event.key === " ") tell("play", read(anchor.start));
      else return;
      event.preventDefault();
    });
    handle.addEventListener("keyup", (event) => {
      if (step(event) !== null) changed(anchor);
    });
  }
}

/** @type {Anchor[]} */
const anchors = [];
for (const bar of editor.querySelectorAll("[data-bar]")) {
  if (!(bar instanceof HTMLElement)) continue;
  const form = document.getElementById(bar.dataset.bar ?? "");
  const [start, end] = [form?.querySelector("[name=start]"), form?.querySelector("[name=end]")];
  if (form && start instanceof HTMLInputElement && end instanceof HTMLInputElement) anchors.push({ bar, form, start, end });
}
anchors.forEach(follow);
stack();
addEventListener("resize", stack);

hear("select", (id) => {
  for (const { bar, form } of anchors) {
    const mine = form.id === id;
    form.hidden = !mine;
    if (mine) bar.setAttribute("aria-current", "true");
    else bar.removeAttribute("aria-current");
  }
});

for (const button of editor.querySelectorAll("[data-play-from]")) {
  const anchor = anchors.find(({ form }) => form.contains(button));
  if (!(button instanceof HTMLElement) || !anchor) continue;
  button.hidden = false;
  // A breath before the card, so that one sees it arrive.
  button.addEventListener("click", () => tell("play", read(anchor.start) - 800));
}

// A refused form or a new anchor is named in the address; otherwise the first one is open.
const asked = anchors.find(({ form }) => form.querySelector("[aria-invalid]") || location.hash === `#${form.id}`) ?? anchors[0];
if (asked) {
  tell("select", asked.form.id);
  tell("seek", read(asked.start));
}
