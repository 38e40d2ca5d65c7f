// Redocly, which nobody here wrote, reads the API's description as the server gives it and finds no error and nothing to warn of.

import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Demo, Tally } from "./parts/demo.mjs";

const ROOT = join(import.meta.dirname, "../..");
const tally = new Tally();
const demo = await Demo.start();
try {
  const description = await demo.text("/openapi.json");
  const { paths } = JSON.parse(description);
  tally.check("the description describes the API", Object.keys(paths).length > 40);
  tally.check("docs/openapi.json is what the server says", description === await readFile(join(ROOT, "docs/openapi.json"), "utf8"));

  const lint = spawnSync(process.execPath, [
    join(ROOT, "node_modules/@redocly/cli/bin/cli.js"), "lint", `${demo.base}/openapi.json`,
    "--config", join(import.meta.dirname, "parts/redocly.yaml"), "--format", "json", "--max-problems", "1000",
  ], { encoding: "utf8", env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" } });
  const { totals, problems } = JSON.parse(lint.stdout);
  tally.check("the linter ran", lint.status === 0 || problems.length > 0, lint.stderr);
  const said = problems.map(({ ruleId, message, location }) => `  ${ruleId}: ${message} ${location[0]?.pointer ?? ""}`);
  tally.check("no error and no warning", totals.errors + totals.warnings + (totals.ignored ?? 0) === 0, said.join("\n"));
} finally {
  await demo.stop();
}
tally.end();
