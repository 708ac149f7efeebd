// The published figures of many nodes are those of the stored results: the table of the torture by store and count of nodes,
// and the delays of the revocation feed between nodes. Runs no torture and measures nothing.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { StoresTable } from "../../sim/torture/on-stores.ts";
import { storesBlockName, storesBlockOf, storesPagePath, storesResultsPath } from "../../sim/torture/on-stores.ts";
import { blockIn } from "../../sim/torture/page.ts";

const bench = join(import.meta.dirname, "../../bench");
const read = (path: string): string => readFileSync(path, "utf8");

test("the table of stores and nodes is that of the stored results, complete and without a loss", () => {
  const table: StoresTable = JSON.parse(read(storesResultsPath));
  assert.equal(blockIn(read(storesPagePath), storesBlockName), storesBlockOf(table), "npm run torture -- --docs");
  const runs = table.runs.map(({ database, nodes }) => `${database.split(" ")[0]} ${nodes}`);
  const expected = ["SQLite", "Postgres", "MariaDB", "Redis"].flatMap((name) =>
    [1, 2, 5].map((nodes) => `${name} ${nodes}`),
  );
  assert.deepEqual(runs, expected);
  for (const { lost, resurrected, kills, counts } of table.runs) {
    assert.deepEqual({ lost, resurrected }, { lost: 0, resurrected: 0 });
    assert.ok(kills > 0 && counts.refreshes > 0);
  }
});

test("the page owns up to runs without a theft, and only to those", () => {
  const { runs }: StoresTable = JSON.parse(read(storesResultsPath));
  const hasNone = runs.every(({ counts }) => counts.thefts === 0);
  assert.equal(read(storesPagePath).includes("they say nothing about thieves"), hasNone);
});

for (const store of ["postgres", "redis"]) {
  test(`the delays of the feed between nodes on ${store} are those of the stored results`, () => {
    const { runs } = JSON.parse(read(join(bench, "results", `feed-between-${store}.json`)));
    const rows = read(join(bench, "README.md"))
      .split("\n")
      .filter((line) => line.startsWith(`| ${store} |`));
    const expected = (runs as Record<string, number>[]).map(
      (run, index) =>
        `| ${store} | ${index + 1} | ${run.p50Milliseconds} | ${run.p99Milliseconds} | ${run.maxMilliseconds} | ${run.trials} | ${run.loadBefore} |`,
    );
    assert.deepEqual(rows, expected);
  });
}
