/** The chosen picture is shown at once, cut to the square buyers will see, and travels while the rest is filled in. */
for (const part of document.querySelectorAll("[data-picture]")) {
  const field = part.querySelector("input[type=file]");
  const path = part.querySelector("input[name=image]");
  const words = part.querySelector("[data-picture-words]");
  const canvas = part.querySelector("canvas");
  if (!(field instanceof HTMLInputElement) || !(path instanceof HTMLInputElement) || !words || !canvas) continue;

  field.addEventListener("change", async () => {
    const file = field.files?.[0];
    const picture = file ? await createImageBitmap(file).catch(() => null) : null;
    canvas.hidden = !picture;
    if (!file || !picture) return void (words.textContent = file ? "This is not a picture a browser can show." : "");
    const side = Math.min(picture.width, picture.height);
    const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
    canvas.getContext("2d")?.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);

    words.textContent = "Uploading…";
    const answer = await fetch(part.getAttribute("data-media") ?? "", { method: "POST", body: file }).catch(() => null);
    const said = (await answer?.json().catch(() => null)) ?? {};
    if (!answer?.ok) {
      canvas.hidden = true;
      words.textContent = said.detail ?? "The connection broke; choose the picture again.";
      return;
    }
    path.value = said.src;
    path.dispatchEvent(new Event("input", { bubbles: true }));
    words.textContent = "Here. It counts when you save.";
  });
}
