// A shop to meet in a browser: the release binary in a folder of its own, on the engine under test, and what is true of it.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PROGRAM = process.env.HAWKER_BIN || join(ROOT, "target/release/hawker");
const run = promisify(execFile);

/** Long enough for a machine that is busy with other things; no story waits that long when it goes well. */
export const PATIENCE_MS = 20_000;

/**
 * Asks until the answer is a good one. For what no page announces: a job that runs, a parcel of beacons that arrives.
 * @template T @param {string} what @param {() => Promise<T | null | undefined | false>} ask @returns {Promise<T>}
 */
export async function eventually(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (found) return found;
    assert.ok(Date.now() < end, `it never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
}

export class World {
  /** The demo's shop with its clips, products and stock. */
  static async demo() {
    const world = await World.#prepare();
    await world.#begin(["demo", "--data", world.data, "--listen", "127.0.0.1:0"]);
    await eventually("the demo says where to look", async () => world.log.includes("API "));
    world.base = /http:\/\/localhost:\d+/.exec(world.log)?.[0] ?? "";
    world.slug = "loam-and-ink";
    world.link = /\S+\/studio\/sign-in\/\S+/.exec(world.log)?.[0] ?? "";
    await world.#ready();
    return world;
  }

  /** A shop with nothing in it, as `hawker init` leaves it. @param {string} name */
  static async empty(name) {
    const world = await World.#prepare();
    const port = await freePort();
    world.base = `http://localhost:${port}`;
    Object.assign(world.environment, { HAWKER_LISTEN: `127.0.0.1:${port}`, HAWKER_BASE_URL: world.base });
    const { stdout } = await run(PROGRAM, ["init", "--name", name, "--email", "owner@shop.example", "--test-mode"], { env: world.environment });
    world.link = /\S+\/studio\/sign-in\/\S+/.exec(stdout)?.[0] ?? "";
    world.slug = /\/s\/(\S+)/.exec(stdout)?.[1] ?? "";
    world.key = /pk_\S+/.exec(stdout)?.[0] ?? "";
    await world.#begin(["serve"]);
    await world.#ready();
    return world;
  }

  static async #prepare() {
    assert.ok(existsSync(PROGRAM), `${PROGRAM} is not built`);
    const world = new World();
    world.folder = mkdtempSync(join(tmpdir(), "hawker-browser-"));
    world.environment = { ...process.env, HAWKER_DATA: world.data, HAWKER_HEADROOM_MB: "0" };
    if (process.env.HAWKER_TEST_ENGINE === "postgres") await world.#database();
    return world;
  }

  base = "";
  slug = "";
  /** Signs the owner in, once. */
  link = "";
  /** The publishable key of the shop's player. */
  key = "";
  log = "";
  folder = "";
  /** @type {Record<string, string | undefined>} */
  environment = {};
  /** @type {import("node:child_process").ChildProcess | null} */
  #server = null;
  #databaseName = "";

  async #database() {
    const admin = process.env.HAWKER_TEST_POSTGRES;
    assert.ok(admin, "HAWKER_TEST_POSTGRES names the cluster");
    this.#databaseName = `hawker_browser_${process.pid}_${Date.now()}`;
    await administer(`create database ${this.#databaseName}`);
    const url = new URL(admin);
    url.pathname = `/${this.#databaseName}`;
    this.environment.HAWKER_DATABASE = url.href;
  }

  /** @param {string[]} words */
  async #begin(words) {
    const server = spawn(PROGRAM, words, { env: this.environment, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [server.stdout, server.stderr]) stream.on("data", (text) => (this.log += text));
    server.on("exit", (code) => (this.log += `\nthe program ended with ${code}\n`));
    this.#server = server;
  }

  async #ready() {
    await eventually("the server is ready", async () => {
      assert.equal(this.#server?.exitCode, null, this.log);
      return (await fetch(`${this.base}/readyz`).catch(() => null))?.ok;
    });
  }

  /** Ends the server in good order; what it logged must not be an error. */
  async end() {
    const server = this.#server;
    if (server && server.exitCode === null) {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGTERM");
      await ended;
    }
    if (this.#databaseName) await administer(`drop database if exists ${this.#databaseName} with (force)`);
    rmSync(this.folder, { recursive: true, force: true });
    assert.equal(server?.exitCode, 0, this.log);
    assert.doesNotMatch(this.log, /\bERROR\b|panicked/);
  }

  get data() {
    return join(this.folder, "data");
  }

  /** @param {string} path below the shop's address */
  page(path = "") {
    return `${this.base}/s/${this.slug}${path}`;
  }

  /** @param {string} path below the studio's address */
  desk(path = "") {
    return `${this.base}/studio/${this.slug}${path}`;
  }

  /** What a player may read. @param {string} path */
  async ask(path) {
    const answer = await fetch(this.base + path, { headers: { authorization: `Bearer ${this.key}` } });
    assert.equal(answer.status, 200, `${path} answered ${answer.status}`);
    return answer.json();
  }

  /** Every variant on sale, by its SKU. @returns {Promise<Map<string, any>>} */
  async shelves() {
    const { data } = await this.ask("/v1/products?limit=100");
    return new Map(data.flatMap((/** @type {any} */ product) => product.variants.map((/** @type {any} */ variant) => [variant.sku, { ...variant, product }])));
  }

  /** The sandbox bank's own books, which the shop cannot embellish: every payment as it stands, in the order they were begun. */
  bank() {
    const journal = join(this.data, "sandbox.journal");
    const payments = new Map();
    for (const line of readFileSync(journal, "utf8").split("\n").filter(Boolean)) {
      for (const payment of paymentsIn(JSON.parse(line))) payments.set(payment.id, payment);
    }
    return [...payments.values()];
  }
}

/** Wherever in a journal's line payments are: as an object, beside a capture's amount, or within a refusal. @param {any} value @returns {any[]} */
function paymentsIn(value) {
  if (!value || typeof value !== "object") return [];
  if (typeof value.id === "string" && "captured" in value && "state" in value) return [value];
  return Object.values(value).flatMap(paymentsIn);
}

/** @param {string} statement */
async function administer(statement) {
  await run(psql(), ["--quiet", "--no-psqlrc", "--dbname", process.env.HAWKER_TEST_POSTGRES ?? "", "--command", statement]);
}

/** Debian keeps the server's programs outside `PATH`. */
function psql() {
  const versions = existsSync("/usr/lib/postgresql") ? readdirSync("/usr/lib/postgresql") : [];
  const found = versions.map((version) => `/usr/lib/postgresql/${version}/bin/psql`).find((path) => existsSync(path));
  return found ?? "psql";
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
      probe.close(() => resolve(port));
    });
  });
}
