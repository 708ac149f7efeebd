// The net of the torture has no hole: a system that loses sessions is seen losing them, and a fault planted in a copy of
// the built program is found and told as a story. Changes nothing in dist/.

import assert from "node:assert/strict";
import { test } from "node:test";
import { installPeers } from "../../bench/peers/install.ts";
import { pawlDialect } from "../../sim/torture/pawl.ts";
import { oidcDialect, tutorialDialect } from "../../sim/torture/peers.ts";
import { summaryOf } from "../../sim/torture/report.ts";
import { type RunResult, torture } from "../../sim/torture/run.ts";
import type { Violation } from "../../sim/torture/world.ts";
import { withPlanted } from "./planted-program.ts";

const seed = Number(process.env.PAWL_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const short = { seed, graceSeconds: 1, slots: 24 } as const;

const plants: readonly { name: string; from: RegExp; to: string; breaks: readonly Violation["invariant"][] }[] = [
  {
    name: "the soft zone is dropped",
    from: /(function softZoneMilliseconds\([^)]*\) \{)/,
    to: "$1 return 0;",
    breaks: ["I1"],
  },
  {
    name: "no generation is contended",
    from: /(function isContended\([^)]*\) \{)/,
    to: "$1 return false;",
    breaks: ["I1"],
  },
  {
    name: "an ended session goes on",
    from: /record\.ended !== undefined/,
    to: "false",
    breaks: ["I5", "I6"],
  },
];

type Plant = (typeof plants)[number];

/** On a machine that is busy with something else, hardly a request of a short run arrives within grace: then a longer one. */
const graces = [1, 2, 4];

/** Runs copies of the built program with a plant in their rules until it is found. */
async function tortureWith({ from, to, breaks }: Plant): Promise<RunResult & { readonly found: Violation[] }> {
  const plant = { file: "core/decide.js", from, to };
  for (const [index, graceSeconds] of graces.entries()) {
    const options = { ...short, graceSeconds, seconds: 10 * graceSeconds };
    const result = await withPlanted(plant, (main) => torture({ ...options, dialect: pawlDialect(main) }));
    const found = result.violations.filter(({ invariant }) => breaks.includes(invariant));
    if (found.length > 0 || index === graces.length - 1) return { ...result, found };
  }
  throw new Error("no grace was tried");
}

test("planted faults are found", { timeout: 300_000 }, async (t) => {
  t.diagnostic(`PAWL_TEST_SEED=${seed}`);
  const results = await Promise.all(plants.map(tortureWith));
  for (const [index, { found, ...result }] of results.entries()) {
    const { name } = plants[index] as Plant;
    t.diagnostic(`${name}: ${result.violations.map(({ invariant }) => invariant).join(" ")}`);
    assert.ok(found.length > 0, `${name} was not found: ${summaryOf(result)}`);
    assert.ok((found[0] as Violation).story.length > 0, "and told");
    assert.match(summaryOf(result), new RegExp(`VIOLATED \\(seed ${seed}\\)`));
  }
});

test("peers are seen losing honest sessions", { timeout: 120_000 }, async (t) => {
  installPeers((progress) => t.diagnostic(progress));
  const results = await Promise.all(
    [oidcDialect, tutorialDialect].map((dialect) => torture({ ...short, seconds: 5, dialect })),
  );
  for (const { title, lost, counts } of results) {
    t.diagnostic(`${title}: ${lost} lost in ${counts.refreshes} refreshes`);
    assert.ok(lost > 0, title);
    assert.ok(counts.refreshes > 0, title);
  }
});
