/**
 * Asks this page's own path and brings the answer as a document: one template makes both the page and its parts.
 * The browser parses it (`responseType`), so that no string of ours becomes markup.
 * @param {"GET" | "POST"} method
 * @param {string} url
 * @param {URLSearchParams | null} [body]
 * @returns {Promise<{ page: Document | null, status: number, url: string }>}
 */
export const ask = (method, url, body = null) =>
  new Promise((resolve) => {
    const call = new XMLHttpRequest();
    call.open(method, url);
    call.responseType = "document";
    call.onload = () => resolve({ page: call.responseXML, status: call.status, url: call.responseURL });
    call.onerror = () => resolve({ page: null, status: 0, url });
    call.send(body);
  });

/** The fields of a form as a query; files stay where they are. @param {HTMLFormElement} form */
export function fields(form) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") query.append(name, value);
  return query;
}

/**
 * Puts a part of the answer in the place of the same part here, and keeps the cursor where it was.
 * @param {Document} page @param {string} selector
 */
export function swap(page, selector) {
  const [here, there] = [document.querySelector(selector), page.querySelector(selector)];
  if (!here || !there) return;
  const focused = document.activeElement;
  const cursor = focused instanceof HTMLInputElement && here.contains(focused) ? focused : null;
  here.replaceChildren(...[...there.childNodes].map((node) => document.adoptNode(node)));
  const again = cursor?.id ? document.getElementById(cursor.id) : null;
  if (!cursor || !(again instanceof HTMLInputElement)) return;
  again.value = cursor.value;
  again.focus({ preventScroll: true });
  again.setSelectionRange(cursor.selectionStart, cursor.selectionEnd);
}
