// The torture against the built program, kill -9 included: half a minute with a new seed each time. No violation, and
// every kind of fault really happened. PAWL_TEST_SEED replays the plan.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { blockOf, readmePath, resultsPath } from "../../sim/torture/comparison.ts";
import { faultKinds } from "../../sim/torture/faults.ts";
import { blockIn } from "../../sim/torture/page.ts";
import { pawlDialect } from "../../sim/torture/pawl.ts";
import { planSend, planSession } from "../../sim/torture/plan.ts";
import { figuresOf, summaryOf } from "../../sim/torture/report.ts";
import { torture } from "../../sim/torture/run.ts";

const seed = Number(process.env.PAWL_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

test("no fault ends an honest session, and thieves are caught", { timeout: 180_000 }, async (t) => {
  t.diagnostic(`PAWL_TEST_SEED=${seed}`);
  const result = await torture({ seed, dialect: pawlDialect(), seconds: 30, graceSeconds: 1, slots: 36 });
  t.diagnostic(`\n${figuresOf(result)}`);
  assert.equal(result.violations.length, 0, summaryOf(result));
  for (const kind of faultKinds) assert.ok(result.faults[kind] > 0, `${kind} never happened`);
  const { kills, counts } = result;
  assert.ok(kills > 1, "the server was killed");
  assert.ok(counts.detections > 0, "a theft was noticed");
  assert.ok(counts.detections + counts.shutOut > counts.thefts / 2, "most thieves are out");
  assert.ok(counts.logouts > 0);
  assert.ok(counts.settles > 0);
  assert.ok(counts.superseded > 0);
});

test("the plan depends on the seed alone", () => {
  const plan = planSession(seed, 3, 1);
  assert.deepEqual(planSession(seed, 3, 1), plan);
  assert.deepEqual(planSend(seed, plan, 0, 7), planSend(seed, plan, 0, 7));
  assert.notDeepEqual(planSend(seed, plan, 0, 7), planSend(seed, plan, 1, 7));
  assert.notDeepEqual(planSend(seed, plan, 0, 7), planSend(seed + 1, plan, 0, 7));
});

test("nothing but this machine is tortured, and wrong usage says so", () => {
  const main = join(import.meta.dirname, "../../sim/torture.ts");
  const run = (...words: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [main, ...words], { encoding: "utf8", timeout: 20_000 });
  const foreign = run("--url", "http://192.0.2.1:4000");
  assert.equal(foreign.status, 2);
  assert.match(String(foreign.stderr), /this machine/);
  assert.equal(run("--minutes", "none").status, 2);
  assert.equal(run("--unknown").status, 2);
  assert.match(String(run("--help").stdout), /--minutes/);
});

test("the table in README.md is that of the stored results", () => {
  const stored = JSON.parse(readFileSync(resultsPath, "utf8"));
  assert.equal(
    blockIn(readFileSync(readmePath, "utf8"), "torture"),
    blockOf(stored),
    "npm run torture -- --peers --write",
  );
});
