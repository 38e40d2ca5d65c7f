// A running `hawker demo` in a folder of its own, and the counting of what holds.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = process.env.HAWKER_BIN ?? join(import.meta.dirname, "../../../target/release/hawker");

export class Demo {
  static async start() {
    const folder = await mkdtemp(join(tmpdir(), "hawker-peer-"));
    const program = spawn(PROGRAM, ["--data", join(folder, "data"), "demo", "--listen", "127.0.0.1:0"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, HAWKER_RATE_LIMITS: "false" },
    });
    const demo = new Demo(program, folder);
    let said = "";
    for await (const text of program.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
      said += text;
      if (said.includes("Ctrl-C ends")) break;
    }
    const link = /(http:\S+)\/studio\/sign-in\/\S+/.exec(said);
    if (!link) throw new Error(`the demo did not start: ${said}`);
    [demo.door, demo.base] = link;
    return demo;
  }

  constructor(program, folder) {
    this.program = program;
    this.folder = folder;
    this.ended = new Promise((done) => program.once("exit", done));
  }

  async text(path) {
    const answer = await fetch(new URL(path, this.base));
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer.text();
  }

  /** The API, for whoever the headers say. @param {string} method @param {string} path @param {unknown} body @param {Record<string, string>} headers */
  async call(method, path, body, headers) {
    const answer = await fetch(this.base + path, {
      method, headers: { "content-type": "application/json", ...headers }, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const value = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(value)}`);
    return value;
  }

  async stop() {
    this.program.kill("SIGTERM");
    await this.ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class Tally {
  passed = 0;
  failed = 0;

  /** @param {string} what @param {unknown} holds @param {string} [why] */
  check(what, holds, why = "") {
    if (holds) this.passed += 1;
    else {
      this.failed += 1;
      console.log(`failed: ${what}${why && `\n${why}`}`);
    }
  }

  /** A story that breaks off has failed; the others are still told. @param {string} what @param {() => Promise<unknown>} tell */
  async story(what, tell) {
    try {
      await tell();
    } catch (error) {
      this.check(what, false, String(error?.stack ?? error));
    }
  }

  end() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exitCode = this.failed ? 1 : 0;
  }
}
