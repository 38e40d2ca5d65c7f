/** The video travels as soon as it is chosen or dropped, with progress; the words can be filled in meanwhile. */

const form = document.querySelector("form[data-upload]");
const drop = form?.querySelector("[data-drop]");
const field = form?.querySelector("input[type=file]");
const media = form?.querySelector("input[name=media]");
const poster = form?.querySelector("input[name=poster]");
const panel = form?.querySelector("[data-progress]");
const refused = form?.querySelector("[data-refused]");

/** @param {number} bytes */
const megabytes = (bytes) => `${(bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 1 : 0)} MB`;

if (
  form instanceof HTMLFormElement &&
  drop instanceof HTMLElement &&
  field instanceof HTMLInputElement &&
  media instanceof HTMLInputElement &&
  panel instanceof HTMLElement &&
  refused instanceof HTMLElement
) {
  const bar = panel.querySelector("progress");
  const words = panel.querySelector("[data-progress-words]");
  const name = panel.querySelector("[data-progress-name]");
  /** @type {XMLHttpRequest | null} */
  let call = null;
  let submitWhenDone = false;

  /** @param {string} why */
  const refuse = (why) => {
    panel.hidden = true;
    refused.hidden = false;
    refused.textContent = why;
    field.value = "";
    submitWhenDone = false;
  };

  /** @param {File} file */
  const send = (file) => {
    call?.abort();
    const mine = (call = new XMLHttpRequest());
    media.value = "";
    refused.hidden = true;
    panel.hidden = false;
    if (name) name.textContent = file.name;
    mine.upload.onprogress = ({ loaded, total }) => {
      if (bar) bar.value = (loaded / total) * 100;
      if (words) words.textContent = loaded < total ? `${megabytes(loaded)} of ${megabytes(total)}` : "Arrived; looking at it…";
    };
    mine.onload = () => {
      call = null;
      const answer = mine.response ?? {};
      if (mine.status >= 400) return refuse(answer.detail ?? "The video could not be taken. Nothing else was lost; choose it again.");
      media.value = answer.id;
      // A still of the video, where the server could take one.
      if (poster instanceof HTMLInputElement) poster.value = answer.poster?.id ?? "";
      if (words) words.textContent = "is here.";
      if (submitWhenDone) form.requestSubmit();
    };
    mine.onerror = () => refuse("The connection broke. Your words are still here; choose the video again.");
    mine.open("POST", form.dataset.media ?? "");
    mine.responseType = "json";
    mine.setRequestHeader("content-type", file.type || "application/octet-stream");
    mine.send(file);
  };

  field.addEventListener("change", () => field.files?.[0] && send(field.files[0]));
  panel.querySelector("[data-cancel]")?.addEventListener("click", () => {
    call?.abort();
    call = null;
    panel.hidden = true;
    field.value = "";
  });
  form.addEventListener("submit", (event) => {
    if (!call) return;
    event.preventDefault();
    submitWhenDone = true;
  });
  addEventListener("beforeunload", (event) => call && event.preventDefault());

  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.dataset.over = "";
    });
  }
  drop.addEventListener("dragleave", (event) => {
    if (!(event.relatedTarget instanceof Node) || !drop.contains(event.relatedTarget)) delete drop.dataset.over;
  });
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    delete drop.dataset.over;
    const file = event.dataTransfer?.files[0];
    if (file) send(file);
  });
}
