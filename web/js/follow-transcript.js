/** Marks the line of the transcript that is being said. */
const video = document.querySelector("hawker-clip video");
const lines = [...document.querySelectorAll(".transcript li")].map((line) => {
  const link = line.querySelector("a[data-seek]");
  return { line, from: link instanceof HTMLElement ? Number(link.dataset.seek) : 0 };
});

if (video instanceof HTMLVideoElement && lines.length > 0) {
  video.addEventListener("timeupdate", () => {
    const said = lines.findLast(({ from }) => from <= video.currentTime);
    for (const { line } of lines) {
      if (line === said?.line) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
  });
}
