/**
 * A stream that is an HLS playlist, in browsers that have no HLS of their own: hls.js is fetched then, and only then. Without scripts the link stays.
 * hls.js 1.7.4, Apache-2.0: see `web/vendor/hls.js-LICENSE.txt`.
 */
const stage = /** @type {HTMLVideoElement | null} */ (document.querySelector("video[data-hls]"));

if (stage && !stage.canPlayType("application/vnd.apple.mpegurl") && "MediaSource" in window) {
  const { default: Hls } = await import(stage.dataset.player ?? "");
  if (Hls.isSupported()) {
    // Its worker would be a script made of text, which the page's policy does not run.
    const player = new Hls({ enableWorker: false });
    player.loadSource(stage.dataset.hls);
    player.attachMedia(stage);
  }
}
