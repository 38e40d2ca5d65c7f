/** The sound of the clip along the timeline: where someone speaks, where it is quiet. */
import { editor } from "./studio-clock.js";

const canvas = editor.querySelector("canvas[data-waveform]");
const video = editor.querySelector("video");

/** Loudest sample of each slice. @param {Float32Array} samples @param {number} count */
function peaks(samples, count) {
  const size = Math.max(1, Math.floor(samples.length / count));
  return Array.from({ length: count }, (_, n) => {
    let most = 0;
    for (let at = n * size; at < (n + 1) * size; at += 1) most = Math.max(most, Math.abs(samples[at] ?? 0));
    return most;
  });
}

if (canvas instanceof HTMLCanvasElement && video) {
  const bytes = await fetch(video.currentSrc || video.src).then((answer) => answer.arrayBuffer());
  const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(bytes).catch(() => null);
  // A silent clip has nothing to draw; an empty strip would look broken.
  canvas.hidden = !sound;

  const draw = () => {
    const pen = canvas.getContext("2d");
    if (!sound || !pen) return;
    canvas.width = canvas.clientWidth * (devicePixelRatio || 1);
    canvas.height = canvas.clientHeight * (devicePixelRatio || 1);
    const slot = 3 * (devicePixelRatio || 1);
    pen.fillStyle = getComputedStyle(canvas).color;
    peaks(sound.getChannelData(0), Math.floor(canvas.width / slot)).forEach((peak, n) => {
      const height = Math.max(1, peak * canvas.height * 0.9);
      pen.fillRect(n * slot, (canvas.height - height) / 2, slot * 0.6, height);
    });
  };
  new ResizeObserver(draw).observe(canvas);
}
