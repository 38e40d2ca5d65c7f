/** Pictures of the clip along the timeline, drawn from a second, silent copy of it. */
import { duration, editor } from "./studio-clock.js";

const canvas = editor.querySelector("canvas[data-filmstrip]");
const source = editor.querySelector("video");
const pen = canvas instanceof HTMLCanvasElement ? canvas.getContext("2d") : null;

/** @param {HTMLVideoElement} film @param {number} ms */
const at = (film, ms) =>
  new Promise((resolve) => {
    film.addEventListener("seeked", resolve, { once: true });
    film.currentTime = ms / 1000;
  });

if (pen && source && canvas instanceof HTMLCanvasElement) {
  const film = document.createElement("video");
  film.muted = true;
  film.preload = "auto";
  film.src = source.currentSrc || source.src;
  await new Promise((resolve, reject) => {
    film.addEventListener("loadeddata", resolve, { once: true });
    film.addEventListener("error", reject, { once: true });
  });

  // A newer drawing replaces one that is still going on.
  let drawing = 0;
  const draw = async () => {
    const mine = ++drawing;
    const scale = devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    const width = canvas.height * (film.videoWidth / film.videoHeight);
    const count = Math.ceil(canvas.width / width);
    for (let n = 0; n < count && mine === drawing; n += 1) {
      await at(film, (duration * (n + 0.5)) / count);
      if (mine === drawing) pen.drawImage(film, n * width, 0, width, canvas.height);
    }
  };

  let width = 0;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width) return;
    width = canvas.clientWidth;
    draw();
  }).observe(canvas);
}
