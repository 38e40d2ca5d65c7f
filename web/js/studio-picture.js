/** Shows the chosen picture before it is saved, cut to the square that buyers will see. */
for (const part of document.querySelectorAll("[data-picture]")) {
  const field = part.querySelector("input[type=file]");
  const canvas = part.querySelector("canvas");
  if (!(field instanceof HTMLInputElement) || !canvas) continue;
  field.addEventListener("change", async () => {
    const file = field.files?.[0];
    const picture = file ? await createImageBitmap(file).catch(() => null) : null;
    canvas.hidden = !picture;
    if (!picture) return;
    const side = Math.min(picture.width, picture.height);
    const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
    canvas.getContext("2d")?.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
  });
}
