// The published sizes are those of the stored measurement, and that says what the product promises: one row, one size, two
// store calls and one write. Measures nothing.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { GrowthResults } from "../../bench/growth.ts";
import { growthResultsPath, sizingBlockName, sizingBlockOf, sizingPagePath } from "../../bench/growth.ts";
import { blockIn } from "../../sim/torture/page.ts";

test("the table of docs/sizing.md is that of the stored results, and no store grows with refreshes", () => {
  const results: GrowthResults = JSON.parse(readFileSync(growthResultsPath, "utf8"));
  assert.equal(
    blockIn(readFileSync(sizingPagePath, "utf8"), sizingBlockName),
    sizingBlockOf(results),
    "npm run bench:growth -- --write",
  );
  assert.deepEqual(
    results.runs.map(({ store }) => store.split(" ")[0]),
    ["SQLite", "Postgres", "MariaDB", "Redis"],
  );
  for (const run of results.runs) {
    assert.equal(run.rowsAfterOne, results.sessions);
    assert.equal(run.rowsAfterAll, results.sessions);
    assert.equal(run.databaseBytesPerSessionAfterAll, run.databaseBytesPerSessionAfterOne);
    // One step of padding at the most.
    assert.ok(run.recordBytesAfterAll - run.recordBytesAfterOne < 8);
    assert.deepEqual([run.callsPerRefresh, run.writesPerRefresh], [2, 1]);
  }
});
