// `node sdk/test/mock.mjs [port]`: a page with the player on a shop in memory. For looking at the player while working on it.
// The clip is the demo's if it is there, else ffmpeg draws one on the first start. /mock/stock?variant=…&left=…&in_checkouts=… moves stock,
// /mock/lose?next=2 does the work of the next two calls and loses the answers, /mock/busy?next=2 turns them away.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ids, makeShop } from "./shop.mjs";

const SDK = fileURLToPath(new URL("..", import.meta.url));
const REPOSITORY = join(SDK, "..");
const DEMO = join(REPOSITORY, "demo");
const TYPES = { webp: "image/webp", js: "text/javascript", css: "text/css", svg: "image/svg+xml", mp4: "video/mp4", jpg: "image/jpeg", vtt: "text/vtt" };

function media() {
  const clips = join(DEMO, "clips", "from-clay-to-coffee");
  if (existsSync(`${clips}.mp4`)) return { clip: readFileSync(`${clips}.mp4`), poster: readFileSync(`${clips}.webp`) };
  const clip = join(tmpdir(), "hawker-mock-clip.mp4");
  const poster = join(tmpdir(), "hawker-mock-poster.jpg");
  if (!existsSync(clip)) {
    const font = "drawtext=fontsize=64:fontcolor=white@0.75:x=(w-tw)/2:y=h*0.3:text='%{pts\\:hms}'";
    execFileSync("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", "gradients=s=720x1280:d=15:r=25:n=4:c0=0x2b1d16:c1=0xc4673a:c2=0xe8b98a:c3=0x4a2d20:speed=0.03", "-f", "lavfi", "-i", "sine=f=220:d=15",
      "-vf", font, "-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", "-movflags", "+faststart", clip]);
    execFileSync("ffmpeg", ["-v", "error", "-y", "-i", clip, "-frames:v", "1", poster]);
  }
  return { clip: readFileSync(clip), poster: readFileSync(poster) };
}

const picture = (slug) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120"><rect width="120" height="120" fill="#ecd9c3"/>${{
  mug: '<path d="M34 38h44v40a12 12 0 0 1-12 12H46a12 12 0 0 1-12-12z" fill="#b9562d"/><path d="M78 48h8a10 10 0 0 1 0 22h-8" fill="none" stroke="#b9562d" stroke-width="7"/><ellipse cx="56" cy="38" rx="22" ry="5" fill="#7c3417"/>',
  tee: '<path d="M40 30l-22 14 8 18 10-5v38h48V57l10 5 8-18-22-14c-4 8-36 8-40 0z" fill="#26303f"/>',
  print: '<rect x="34" y="24" width="52" height="72" rx="3" fill="#fff"/><path d="M42 40h36M42 52h36M42 64h24" stroke="#b9562d" stroke-width="4"/>',
  lamp: '<ellipse cx="60" cy="54" rx="30" ry="26" fill="#fff6dd"/><path d="M60 80v22M46 102h28" stroke="#5b4a3c" stroke-width="4"/>',
}[slug]}</svg>`;

const page = (query) => `<!doctype html><html lang="${query.get("lang") ?? "en"}" dir="${query.get("lang") === "ar" ? "rtl" : "ltr"}"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover">
<title>A mug from one lump of clay</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/web/css/tokens.css"><link rel="stylesheet" href="/web/css/base.css"><link rel="stylesheet" href="/web/css/clip-stage.css"><link rel="stylesheet" href="/accent.css">
<script type="module" src="/sdk/hawker-clip.js"></script>
<main><article class="clip-stage tall"><div class="clip-player"><hawker-clip clip="${ids.clip}" key="pk_test" country="${query.get("country") ?? "DE"}"${query.has("paused") ? " paused" : ""}>${query.has("link")
  ? '<a href="/s/maren/products/mug"><img src="/media/poster.jpg" alt="A mug from one lump of clay"></a>'
  : '<video controls playsinline preload="metadata" poster="/media/poster.jpg"><source src="/media/clip.mp4" type="video/mp4"><track kind="captions" srclang="en" label="English" src="/media/captions.vtt" default></video>'}</hawker-clip></div>
<div class="clip-words"><header class="clip-head"><h1>A mug from one lump of clay</h1><p class="measure">Maren throws, trims and fires an Ember mug. The page around the player stands here so that the sheet has something to lie on.</p></header></div></article></main></html>`;
const bank = (id) => `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Bank</title><h1>The bank asks</h1><form method="post" action="/sandbox/3ds/${id}?ok=1"><button>Approve</button></form><form method="post" action="/sandbox/3ds/${id}?ok=0"><button>Fail</button></form>`;

export function serve({ port = 0 } = {}) {
  const shop = makeShop();
  const files = media();
  const faults = { lose: 0, busy: 0 };
  const streams = new Set();
  const tell = (stream) => {
    for (const { id, availability } of shop.products.flatMap((one) => one.variants)) {
      stream.write(`event: stock\nid: ${id}:${Date.now()}\ndata: ${JSON.stringify({ variant: id, version: 1, ...availability })}\n\n`);
    }
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://mock");
    const send = (status, body, type = "text/html; charset=utf-8", headers = {}) => response.writeHead(status, { "content-type": type, ...headers }).end(body);
    let text = "";
    for await (const part of request) text += part;
    if (url.pathname === "/") {
      return send(200, page(url.searchParams), undefined, {
        "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'",
        "cross-origin-opener-policy": "same-origin-allow-popups",
      });
    }
    if (url.pathname === "/accent.css") return send(200, ":root{--accent:#b4472b;--accent-ink:#a03d23}@media(prefers-color-scheme:dark){:root{--accent:#b9502f;--accent-ink:#f0a58e}}", "text/css");
    if (url.pathname.startsWith("/web/css/")) {
      const file = join(REPOSITORY, "web/css", url.pathname.split("/").pop());
      return existsSync(file) ? send(200, readFileSync(file), "text/css") : send(404, "");
    }
    if (url.pathname.startsWith("/sdk/")) {
      const file = join(SDK, url.pathname.slice(5));
      return file.startsWith(SDK) && existsSync(file) ? send(200, readFileSync(file), TYPES[file.split(".").pop()]) : send(404, "");
    }
    if (url.pathname === "/media/clip.mp4") {
      const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "") ?? [];
      if (from == null) return send(200, files.clip, TYPES.mp4, { "accept-ranges": "bytes" });
      const end = to ? Number(to) + 1 : files.clip.length;
      return send(206, files.clip.subarray(Number(from), end), TYPES.mp4, { "accept-ranges": "bytes", "content-range": `bytes ${from}-${end - 1}/${files.clip.length}` });
    }
    if (url.pathname === "/media/poster.jpg") return send(200, files.poster, TYPES.jpg);
    if (url.pathname === "/media/captions.vtt") return send(200, "WEBVTT\n\n00:00.500 --> 00:04.000\nOne lump of clay, eleven minutes.\n\n00:04.200 --> 00:09.000\nThe handle is pulled, not glued.\n", TYPES.vtt);
    const painted = join(DEMO, "products", `${{ mug: "mug", tee: "towel", print: "zine", lamp: "candle" }[url.pathname.slice(7, -4)]}.webp`);
    if (url.pathname.startsWith("/media/") && existsSync(painted)) return send(200, readFileSync(painted), TYPES.webp);
    if (url.pathname.startsWith("/media/")) return send(200, picture(url.pathname.slice(7, -4)), TYPES.svg);
    if (url.pathname === "/mock/stock") {
      Object.assign(shop.stock(url.searchParams.get("variant")), { left: Number(url.searchParams.get("left")), in_checkouts: Number(url.searchParams.get("in_checkouts") ?? 0) });
      streams.forEach(tell);
      return send(204, "");
    }
    if (url.pathname === "/mock/raise") shop.raise = Number(url.searchParams.get("by"));
    if (url.pathname.startsWith("/mock/")) {
      faults[url.pathname.slice(6)] = Number(url.searchParams.get("next"));
      return send(200, JSON.stringify({ orders: shop.orders, charges: shop.charges, beacons: shop.beacons }), "application/json");
    }
    if (url.pathname.startsWith("/sandbox/3ds/")) {
      const checkout = shop.checkouts.get(url.pathname.split("/").pop());
      if (request.method === "GET") return send(200, bank(checkout.id));
      if (url.searchParams.get("ok") === "1") shop.complete(checkout);
      else Object.assign(checkout, { state: "ready_for_complete", next: null, version: checkout.version + 1, decline: { code: "authentication_failed", detail: "Not confirmed." } });
      return send(200, "<!doctype html><p>Done. You can close this window.</p>");
    }
    if (url.pathname === "/v1/live") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      streams.add(response);
      request.on("close", () => streams.delete(response));
      return tell(response);
    }
    if (url.pathname.startsWith("/v1/")) {
      const checkout = url.pathname.startsWith("/v1/checkouts");
      if (checkout && faults.busy-- > 0) return send(503, "{}", "application/problem+json", { "retry-after": "1" });
      const body = text ? JSON.parse(text) : undefined;
      if (body?.token === "tok_slow") await new Promise((resolve) => setTimeout(resolve, 3000));
      const answer = shop.handle(request.method, request.url, { body, secret: request.headers["hawker-checkout-secret"] });
      if (request.method !== "GET") streams.forEach(tell);
      if (checkout && faults.lose-- > 0) return request.socket.destroy();
      return send(answer.status, JSON.stringify(answer.body), "application/json");
    }
    return send(404, "");
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve({ server, shop, url: `http://127.0.0.1:${server.address().port}/`, close: () => (server.closeAllConnections(), server.close()) })));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url } = await serve({ port: Number(process.argv[2] ?? 0) });
  console.log(url);
}
