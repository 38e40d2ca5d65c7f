// Building shadow trees without markup in strings: nothing here can become script, so the pages may demand Trusted Types
// and forbid inline style.

/** @typedef {Node | string | null | undefined | false} Kid */

/**
 * `on…` are listeners, true and false are attributes that are there or not, the rest is text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} attributes
 * @param {...Kid} kids
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...kids) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(.../** @type {(Node | string)[]} */ (kids.filter(Boolean)));
  return node;
}

/** A line drawing of 24 by 24. @param {string} path */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** An address from the server that is safe to follow. @param {string | null | undefined} url @param {string} base */
export function link(url, base) {
  if (!url) return null;
  const whole = new URL(url, base);
  return /^https?:$/.test(whole.protocol) ? whole.href : null;
}

// The page's tokens win; on a page that has none the player brings its own, light and dark.
const TOKENS = `
:host{--p:var(--paper,#fffdf9);--i:var(--ink,#1d1a16);--i2:var(--ink-2,#665f55);--l:var(--line,#e6e0d6);--l2:var(--line-2,#8a8175);--a:var(--accent,#b3401e);--oa:var(--on-accent,#fff);
--k:var(--ok,#1f7a4d);--w:var(--bad,#a12f1c);--r:var(--radius,12px);--s:var(--shadow-float,0 12px 40px #0004);
font:400 16px/1.4 var(--font,system-ui,sans-serif);color:var(--i);-webkit-tap-highlight-color:transparent}
@media(prefers-color-scheme:dark){:host{--p:var(--paper,#1b1916);--i:var(--ink,#f4efe7);--i2:var(--ink-2,#b0a89c);--l:var(--line,#38342e);--l2:var(--line-2,#8a8074);--a:var(--accent,#f08a5d);--oa:var(--on-accent,#1d1108);
--k:var(--ok,#6fd3a0);--w:var(--bad,#ff9d85)}}
*{box-sizing:border-box;margin:0}[hidden]{display:none!important}[dir=auto]{text-align:match-parent}
button,input,select{font:inherit;color:inherit}
button{cursor:pointer;border:0;background:none;padding:0}
button[disabled]{cursor:default}
:focus-visible{outline:3px solid var(--a);outline-offset:2px}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;display:block;flex:none}
.go{display:flex;align-items:center;justify-content:center;gap:8px;min-height:44px;padding:0 18px;border-radius:var(--r);background:var(--a);color:var(--oa);font-weight:650;text-decoration:none}
.go:not([disabled]):hover{filter:brightness(1.06)}.go:not([disabled]):active{transform:scale(.98)}
.num{font-variant-numeric:tabular-nums}
@media(prefers-reduced-motion:reduce){*,::before,::after{animation:none!important;transition:none!important}}`;

/**
 * One style sheet for all elements of a kind.
 * @param {string} css
 */
export function styles(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(TOKENS + css);
  return sheet;
}

/** @param {HTMLElement} host @param {CSSStyleSheet} sheet */
export function shadow(host, sheet) {
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  return root;
}

/** A request goes up; whoever can do something about it listens at the document. @param {EventTarget} from @param {string} name @param {unknown} [detail] */
export function request(from, name, detail) {
  from.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail }));
}

/** @param {Element} at */
export function pageLanguage(at) {
  /** @type {Element | null} */
  let from = at;
  // Out of shadow trees too: the sheet and the cards live in some.
  while (from) {
    const near = from.closest("[lang]");
    if (near) return near.getAttribute("lang") ?? "";
    const root = from.getRootNode();
    from = root instanceof ShadowRoot ? root.host : null;
  }
  return "";
}

/** What this device remembers of the viewer's liking; a browser that forbids it forgets. @param {string} name @param {string} [value] */
export function remember(name, value) {
  try {
    if (value) localStorage.setItem(`hawker.${name}`, value);
    return localStorage.getItem(`hawker.${name}`);
  } catch {
    return value ?? null;
  }
}

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
