// <hawker-clip clip="clp_…" key="pk_…" src="https://shop.example">: the shop window. Plays a clip, shows its anchors at their
// second and says what happens; it never talks to the network. What it holds without JavaScript (a poster with a link, or
// a plain video) is what everybody sees until the clip has arrived.

import "./shop-store.js";
import { Impressions, Watch } from "./beacons.js";
import { el, icon, link, remember, request, shadow, still, styles } from "./dom.js";
import { HawkerAnchor } from "./hawker-anchor.js";
import { activeAt } from "./timeline.js";

/** @import { Anchor, BeaconEvent, Clip, Kept, Product } from "./contract.d.ts" */
/** @import { Voice, Words } from "./words.js" */

const ICONS = {
  play: "M8 5v14l11-7z", mute: "M4 9v6h4l5 4V5L8 9zM17 9l4 6M21 9l-4 6", unmute: "M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M18.5 6a8 8 0 0 1 0 12",
  captions: "M3 6h18v12H3zM10 10.5a2 2 0 1 0 0 3M17 10.5a2 2 0 1 0 0 3", full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
};

const CSS = styles(`
:host{display:block;position:relative;aspect-ratio:9/16;overflow:hidden;border-radius:var(--r);background:#111;color:#fff;container-type:size;outline-offset:2px;user-select:none;-webkit-user-select:none}
:host([shape=wide]){aspect-ratio:16/9}:host([shape=square]){aspect-ratio:1}
:host(:fullscreen){border-radius:0}
.fallback{height:100%}.fallback::slotted(*){display:block;width:100%;height:100%;object-fit:cover}
.stage,::slotted(video){position:absolute;inset:0;width:100%;height:100%}
::slotted(video){object-fit:cover}
.stage{display:flex;flex-direction:column;justify-content:flex-end;background:linear-gradient(#0009,#0000 128px,#0000 60%,#0009)}
.tools{position:absolute;inset-block-start:8px;inset-inline-end:8px;display:flex;gap:4px}
.tools button{width:44px;height:44px;display:grid;place-items:center;border-radius:22px;background:#0006}
.tools button:hover{background:#000a}[aria-pressed=false] svg{opacity:.5}
.title{position:absolute;inset-block-start:18px;inset-inline:16px 164px}
h2{font-size:16px;font-weight:650;line-height:1.3;text-shadow:0 1px 4px #000;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden}
.big{position:absolute;inset:0;margin:auto;width:76px;height:76px;display:grid;place-items:center;border-radius:38px;background:#0009;color:#fff}
.big svg{width:36px;height:36px;fill:currentColor}:dir(rtl)>.big svg{transform:none}
:host([playing]) .big{opacity:0;pointer-events:none}
.captions{align-self:center;max-width:88%;margin:0 0 12px;padding:4px 10px;border-radius:8px;background:#000b;font-size:16px;line-height:1.35;text-align:center;white-space:pre-line}
.captions:empty{display:none}.captions,.title{pointer-events:none}
.held{align-self:flex-start;min-height:44px;margin:0 12px 8px;padding:0 16px;border-radius:22px;background:var(--p);color:var(--i);font-size:15px;font-weight:600;box-shadow:var(--s)}
.anchors{display:grid;gap:8px;align-self:center;width:100%;max-width:520px;padding:0 12px;pointer-events:none}
:host([shape=wide]) .anchors{align-self:flex-start;max-width:420px}
.anchors>*{pointer-events:auto;animation:rise .19s cubic-bezier(.2,.8,.2,1)}
.anchors>[kind=mark],.anchors>[kind=ask]{justify-self:start}.anchors>:is([kind=product_card],[kind=buy_button]){order:1}
@keyframes rise{from{transform:translateY(40px);opacity:0}}
.bar{position:relative;height:44px;margin:0 12px;direction:ltr}
input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:pointer}
.line,.line i,.line b{position:absolute;inset-inline:0;top:50%;height:4px;margin-top:-2px;border-radius:2px;background:#fff6;pointer-events:none;transition:height .1s,margin .1s}
.bar:is(:hover,:focus-within) .line,.bar:is(:hover,:focus-within) .line b{height:8px;margin-top:-4px}
.line b{inset-inline-end:auto;width:calc(var(--at,0)*100%);background:#fff;transition:none}
.line i{inset-inline:calc(var(--from)*100%) auto;width:4px;background:#fff;box-shadow:0 0 0 2px #0006}
input:focus-visible+.line{outline:3px solid #fff;outline-offset:4px}
time{position:absolute;bottom:36px;left:clamp(0px,calc(var(--at,0)*100% - 24px),100% - 48px);padding:2px 8px;border-radius:8px;background:#000b;font-size:14px;opacity:0}
.bar:has(input:active) time{opacity:1}
@container (max-height:260px){h2{display:none}.captions{margin-bottom:4px;font-size:14px}.bar{height:32px}}
`);

/** @typedef {{clip: Clip, products: Map<string, Product>, voice: Voice, base: string, resume: Map<string, Kept>, asked: Set<string>}} ClipView */

export class HawkerClip extends HTMLElement {
  static observedAttributes = ["quiet"];
  #root = shadow(this, CSS);
  /** @type {ClipView | null} */
  #view = null;
  /** The page's own video, if it brought one: it is loaded already and the page's scripts know it. */
  #video = this.querySelector("video") ?? el("video", { playsinline: true, preload: "metadata" });
  #anchors = el("div", { class: "anchors", part: "anchors", "aria-live": "polite" });
  #captions = el("p", { class: "captions", part: "captions", dir: "auto" });
  #bar = el("input", { type: "range", min: 0, max: 1, step: "any", value: 0, "data-seek": true });
  #time = el("time");
  #held = el("button", { class: "held", "data-resume": true, hidden: true });
  #stage = el("div", { class: "stage", part: "stage" });
  /** @type {Record<string, HTMLButtonElement>} */
  #buttons = {};
  /** @type {Map<string, HawkerAnchor>} */
  #shown = new Map();
  #watch = new Watch((event) => this.#tell(event));
  #impressions = new Impressions();
  #eye = new IntersectionObserver((entries) => this.#seen(entries[entries.length - 1].intersectionRatio >= 0.5), { threshold: [0, 0.5] });
  #visible = false;
  /** @type {TextTrack | null} */
  #track = null;
  #edge = 0;
  /** The viewer paused; coming back into view does not start it again. */
  #paused = false;

  connectedCallback() {
    if (!this.#root.firstChild) this.#root.append(el("slot", { class: "fallback" }));
    this.#eye.observe(this);
    request(this, "cliprequest", {
      clip: this.getAttribute("clip"), key: this.getAttribute("key"), src: this.getAttribute("src"), country: this.getAttribute("country"),
    });
  }

  disconnectedCallback() {
    this.#eye.disconnect();
    this.#video.pause();
    request(document, "clipgone", { element: this });
  }

  attributeChangedCallback() {
    // Under the sheet the clip plays on without its sound.
    this.#video.muted = this.hasAttribute("quiet") || remember("muted") !== "no";
    this.#paint();
  }

  get view() {
    return this.#view;
  }

  set view(view) {
    const first = !this.#view;
    this.#view = view;
    if (view && first) this.#build(view);
    this.#show();
  }

  get at_ms() {
    return Math.round(this.#video.currentTime * 1000);
  }

  /** @param {ClipView} view */
  #build({ clip, voice, base }) {
    const { media } = clip;
    const shape = media.width > media.height * 1.2 ? "wide" : media.width * 1.2 > media.height ? "square" : "tall";
    this.setAttribute("shape", shape);
    this.setAttribute("tabindex", "0");
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", clip.title);
    const video = this.#video;
    video.controls = false;
    if (!video.isConnected) {
      if (new URL(base).origin !== location.origin) video.crossOrigin = "anonymous";
      if (clip.poster) video.poster = link(clip.poster, base) ?? "";
      video.src = `${link(media.src, base)}#t=${this.getAttribute("start") ?? 0}`;
      this.append(video);
    }
    video.slot = "video";
    const line = el("span", { class: "line" }, el("b"));
    for (const { start_ms } of clip.anchors?.filter(({ kind }) => kind === "product_card") ?? []) {
      const dot = el("i");
      dot.style.setProperty("--from", String(start_ms / media.duration_ms));
      line.append(dot);
    }
    this.#bar.setAttribute("aria-label", voice.say("seek"));
    const big = this.#button("play", () => this.toggle());
    big.className = "big";
    const tools = el("div", { class: "tools" }, this.#button("mute", () => this.#mute()),
      clip.captions.length > 0 && this.#button("captions", () => this.#caption()),
      "requestFullscreen" in this && this.#button("full", () => this.#full()));
    this.#stage.dir = voice.dir;
    this.#stage.append(big, el("div", { class: "title" }, el("h2", { part: "title", dir: "auto" }, clip.title)), tools, this.#captions, this.#held, this.#anchors, el("div", { class: "bar" }, this.#bar, line, this.#time));
    this.#held.addEventListener("click", () => request(this, "buyrequest", {}));
    this.#root.replaceChildren(el("slot", { name: "video" }), this.#stage);
    this.#subtitle(clip, voice, base);
    this.#listen();
    this.attributeChangedCallback();
    this.#seen(this.#visible);
  }

  /** @param {"play" | "mute" | "captions" | "full"} name @param {() => void} press */
  #button(name, press) {
    return (this.#buttons[name] = el("button", { part: name, "data-control": name, onclick: press }, icon(ICONS[name])));
  }

  #listen() {
    const video = this.#video;
    this.#stage.addEventListener("click", (event) => event.target === this.#stage && this.toggle());
    this.addEventListener("keydown", (event) => this.#key(event));
    this.#bar.addEventListener("input", () => (video.currentTime = Number(this.#bar.value) * (video.duration || 0)));
    for (const name of ["play", "pause"]) video.addEventListener(name, () => this.#paint());
    for (const name of ["pause", "seeking"]) video.addEventListener(name, () => this.#watch.stop());
    for (const name of ["seeked", "timeupdate", "loadedmetadata"]) video.addEventListener(name, () => this.#show());
    video.addEventListener("ended", () => {
      this.#watch.end(video.duration * 1000);
      if (still()) return;
      video.currentTime = 0;
      void video.play();
    });
    const next = () => {
      this.#show();
      // The last frame belongs to the last second, not to one after the end.
      if (!video.paused && !video.seeking) this.#watch.tick(Math.min(video.currentTime, video.duration - 0.001) * 1000);
      this.#frame(next);
    };
    next();
  }

  /** With each frame of the clip where the browser tells, else with each of the screen. @param {() => void} next */
  #frame(next) {
    if ("requestVideoFrameCallback" in this.#video) this.#video.requestVideoFrameCallback(next);
    else if (this.isConnected) requestAnimationFrame(next);
  }

  // ---- what is on screen

  /** Brings the anchors up to this media time. */
  #show() {
    const view = this.#view;
    if (!view) return;
    const { duration, currentTime, paused, playbackRate } = this.#video;
    const ms = currentTime * 1000;
    const at = duration ? currentTime / duration : 0;
    this.#bar.value = String(at);
    this.style.setProperty("--at", String(at));
    const said = `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
    if (said !== this.#time.textContent) {
      this.#time.textContent = said;
      this.#bar.setAttribute("aria-valuetext", said);
    }
    const anchors = view.clip.anchors ?? [];
    const active = activeAt(anchors, ms);
    // A slow screen drops frames; the next anchor comes at its second all the same.
    const edges = anchors.flatMap(({ start_ms, end_ms }) => [start_ms, end_ms]).filter((edge) => edge > ms);
    clearTimeout(this.#edge);
    if (!paused && edges.length) this.#edge = window.setTimeout(() => this.#show(), (Math.min(...edges) - ms) / playbackRate + 1);
    for (const [id, card] of this.#shown) {
      // A card somebody reached by keyboard stays until they move on.
      const focused = card.shadowRoot?.activeElement;
      if (active.some((anchor) => anchor.id === id) || focused?.matches(":focus-visible")) continue;
      if (focused) this.focus({ preventScroll: true });
      card.remove();
      this.#shown.delete(id);
      this.#impressions.see(id, false, 0);
    }
    for (const anchor of active) this.#card(anchor, view, active);
    const held = [...view.resume.values()].find(({ wish }) => wish.clip === view.clip.id);
    const shown = [...this.#shown.values()].some((card) => card.view?.resume);
    this.#held.hidden = !held || shown || this.hasAttribute("quiet");
    if (held) this.#held.textContent = `${view.voice.say("held", { t: view.voice.time(held.until ?? "") })} · ${view.voice.say("resume")}`;
    for (const id of this.#impressions.due(performance.now())) this.#tell({ kind: "impression", ...(id && { anchor: id }), at_ms: Math.round(ms) });
  }

  /** @param {Anchor} anchor @param {ClipView} view @param {Anchor[]} active */
  #card(anchor, { products, voice, base, resume, asked, clip }, active) {
    let card = this.#shown.get(anchor.id);
    const product = products.get(anchor.product ?? "") ?? null;
    const bare = anchor.kind === "product_card" && active.some(({ kind, product: same }) => kind === "buy_button" && same === anchor.product);
    if (!card) {
      card = new HawkerAnchor();
      card.dataset.anchor = anchor.id;
      this.#shown.set(anchor.id, card);
      this.#anchors.append(card);
    }
    const held = !!product?.variants.some(({ id }) => resume.has(id) && (!anchor.variant || anchor.variant === id));
    card.view = { anchor, product, voice, base, language: clip.language, resume: held, done: asked.has(anchor.id), bare };
    this.#impressions.see(anchor.id, this.#visible, performance.now());
  }

  #paint() {
    const { paused, muted } = this.#video;
    const voice = this.#view?.voice;
    this.toggleAttribute("playing", !paused);
    /** @param {string} name @param {keyof Words} word @param {string} path */
    const set = (name, word, path) => {
      const button = this.#buttons[name];
      if (!button || !voice || button.ariaLabel === voice.say(word)) return;
      button.setAttribute("aria-label", voice.say(word));
      button.replaceChildren(icon(path));
    };
    set("play", paused ? "play" : "pause", ICONS.play);
    set("mute", muted ? "unmute" : "mute", muted ? ICONS.mute : ICONS.unmute);
    set("captions", "captions", ICONS.captions);
    set("full", "full", ICONS.full);
  }

  // ---- what the viewer does

  toggle() {
    this.#paused = !this.#video.paused;
    if (this.#paused) this.#video.pause();
    else void this.#play();
  }

  /** With sound if the viewer likes it and the browser lets us, else without. */
  async #play() {
    try {
      await this.#video.play();
    } catch {
      this.#video.muted = true;
      await this.#video.play().catch(() => {});
    }
    this.#paint();
  }

  #mute() {
    this.#video.muted = !this.#video.muted;
    remember("muted", this.#video.muted ? "yes" : "no");
    this.#paint();
  }

  #full() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.requestFullscreen().catch(() => {});
  }

  /** Our own captions, because the browser's would lie under the card. @param {Clip} clip @param {Voice} voice @param {string} base */
  #subtitle({ captions }, voice, base) {
    const main = (/** @type {string} */ lang) => lang.split("-")[0];
    const file = voice.languages.map((lang) => captions.find((one) => main(one.lang) === main(lang))).find(Boolean) ?? captions[0];
    if (!file) return;
    const tracks = this.#video.textTracks;
    for (const track of tracks) track.mode = "disabled";
    if (![...tracks].some(({ language }) => language === file.lang)) {
      this.#video.append(el("track", { kind: "captions", src: link(file.src, base), srclang: file.lang, label: file.label }));
    }
    this.#track = [...tracks].find(({ language }) => language === file.lang) ?? tracks[0];
    this.#track.mode = "hidden";
    this.#captions.lang = file.lang;
    this.#track.addEventListener("cuechange", () => this.#spell());
    this.#caption(remember("captions") !== "no");
  }

  /** @param {boolean} [on] nothing when the viewer switches */
  #caption(on) {
    const button = this.#buttons.captions;
    if (!button) return;
    const now = on ?? button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    if (on == null) remember("captions", now ? "yes" : "no");
    this.#spell();
  }

  #spell() {
    const on = this.#buttons.captions.getAttribute("aria-pressed") === "true";
    this.#captions.textContent = on ? [...this.#track?.activeCues ?? []].map((cue) => /** @type {VTTCue} */ (cue).getCueAsHTML?.().textContent ?? /** @type {VTTCue} */ (cue).text).join("\n") : "";
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = event.composedPath()[0];
    const onButton = target instanceof HTMLButtonElement;
    const jump = (/** @type {number} */ seconds) => (this.#video.currentTime = Math.max(0, Math.min(this.#video.duration || 0, this.#video.currentTime + seconds)));
    /** @type {Record<string, () => void>} */
    const keys = {
      " ": () => this.toggle(), k: () => this.toggle(), m: () => this.#mute(), c: () => this.#caption(), f: () => this.#full(),
      ArrowRight: () => jump(5), ArrowLeft: () => jump(-5), Home: () => jump(-1e9), End: () => jump(1e9),
    };
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || (onButton && event.key === " ")) return;
    event.preventDefault();
    act();
  }

  /** At least half of the player is in view, or not. @param {boolean} half */
  #seen(half) {
    this.#visible = half;
    if (!this.#view) return;
    for (const id of ["", ...this.#shown.keys()]) this.#impressions.see(id, half, performance.now());
    window.setTimeout(() => this.#show(), 1050);
    if (!half) this.#video.pause();
    else if (!this.#paused && !still() && !this.hasAttribute("paused")) void this.#play();
  }

  /** @param {BeaconEvent} event */
  #tell(event) {
    request(this, "beacon", event);
  }

  /** What was played up to now, before the page goes. */
  flush() {
    this.#watch.flush();
  }
}

customElements.define("hawker-clip", HawkerClip);
