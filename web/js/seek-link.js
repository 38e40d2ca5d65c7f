/** A timecode plays the clip on this page from its second instead of loading the page again. */
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[data-seek]") : null;
  const video = document.querySelector("hawker-clip video");
  const asksForATab = event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0;
  if (!(link instanceof HTMLAnchorElement) || !(video instanceof HTMLVideoElement) || asksForATab) return;
  if (link.pathname !== location.pathname) return;

  event.preventDefault();
  video.currentTime = Number(link.dataset.seek);
  // The browser may want another tap before it plays; the clip already stands at the right second.
  video.play().catch(() => {});
  history.replaceState(null, "", link.href);
  video.scrollIntoView({ block: "nearest", behavior: "smooth" });
});
