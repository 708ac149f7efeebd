// States that the explorer merges go on alike, in every scenario: the same moves, the same answers, the same states after
// them. And no token is ever of a line that current does not belong to: without a store that forgets more than one write
// there is no such token, so one would be a mistake in the explorer's own bookkeeping.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareMerged } from "../../sim/explorer/sameness.ts";
import { scenarios } from "../../sim/explorer/scenarios.ts";
import { createServer } from "../../sim/explorer/server.ts";

const sample = { statesMax: 3_000, every: 5 };

describe("states of one name", { timeout: 120_000 }, async () => {
  const server = await createServer();
  for (const scenario of scenarios) {
    test(scenario.name, async (t) => {
      const { states, merges, differing, difference, foreign } = await compareMerged(server, scenario, sample);
      t.diagnostic(`${merges} merges of ${states} states compared`);
      assert.ok(merges >= 20, `only ${merges} merges`);
      assert.equal(differing, 0, difference.join("\n"));
      assert.equal(foreign, 0);
    });
  }
});
