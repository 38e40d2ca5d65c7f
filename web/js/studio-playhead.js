/** The clip and its playhead: play, pause, scrub, one frame or one second at a time. */
import { clock, duration, editor, hear, step, tell, within } from "./studio-clock.js";

const video = editor.querySelector("video");
const head = editor.querySelector("[data-playhead]");
const track = editor.querySelector("[data-track]");
const button = editor.querySelector("[data-play]");
const now = editor.querySelector("[data-now]");
const add = editor.querySelector("[data-add-start]");

if (video && head instanceof HTMLElement && track instanceof HTMLElement && button && now && add instanceof HTMLInputElement) {
  // The timeline has the controls; the browser's own would cover the card.
  video.controls = false;
  editor.dataset.ready = "";

  const position = () => within(video.currentTime * 1000);

  const show = () => {
    const ms = position();
    head.style.left = `${(ms / duration) * 100}%`;
    head.setAttribute("aria-valuenow", String(ms));
    head.setAttribute("aria-valuetext", clock(ms));
    now.textContent = clock(ms);
    add.value = (ms / 1000).toFixed(2);
    tell("time", ms);
    if (!video.paused) requestAnimationFrame(show);
  };

  /** @param {number} ms */
  const seek = (ms) => {
    video.currentTime = within(ms) / 1000;
    show();
  };

  const toggle = () => (video.paused ? video.play().catch(() => {}) : video.pause());

  hear("seek", seek);
  hear("play", (ms) => {
    seek(ms);
    video.play().catch(() => {
      // The browser wants another tap first; the clip already stands at the right second.
    });
  });
  button.addEventListener("click", toggle);
  video.addEventListener("click", toggle);
  video.addEventListener("seeked", show);
  for (const state of ["play", "pause", "ended"]) {
    video.addEventListener(state, () => {
      button.setAttribute("aria-label", video.paused ? "Play" : "Pause");
      button.querySelector("use")?.setAttribute("href", video.paused ? "#icon-play" : "#icon-pause");
      show();
    });
  }

  /** @param {PointerEvent} event */
  const scrub = (event) => {
    const box = track.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * duration);
  };
  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.target instanceof Element && event.target.closest("[data-bar]"))) return;
    video.pause();
    track.setPointerCapture(event.pointerId);
    scrub(event);
    head.focus({ preventScroll: true });
  });
  track.addEventListener("pointermove", (event) => {
    if (track.hasPointerCapture(event.pointerId)) scrub(event);
  });

  head.addEventListener("keydown", (event) => {
    const by = step(event);
    if (by !== null) seek(position() + by);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(duration);
    else if (event.key === " ") toggle();
    else if (event.key === "a") add.form?.requestSubmit(add.form.querySelector("button"));
    else return;
    if (by !== null) video.pause();
    event.preventDefault();
  });
  show();
}
