// The explorer's net has no hole where we know one could be: every bug of sim/explorer/bugs.ts, planted in a copy, is
// found under its name.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bugs } from "../../sim/explorer/bugs.ts";
import { scenarios } from "../../sim/explorer/scenarios.ts";
import { controls, huntAll } from "../../sim/plant.ts";

describe("planted bugs", { timeout: 300_000 }, async () => {
  const hunts = await huntAll(bugs);
  for (const bug of bugs) {
    test(`found: ${bug.name}`, (t) => {
      const hunt = hunts.find((each) => each.bug === bug.name);
      assert.equal(hunt?.found, true, hunt?.what);
      t.diagnostic(hunt?.what ?? "");
      const { foundBy } = bug;
      const isRobbed = "scenario" in foundBy && scenarios.some(({ name, thief }) => name === foundBy.scenario && thief);
      if (isRobbed) assert.match(hunt?.what ?? "", /^I2: /, "as a thief who stays");
      assert.ok((hunt?.story.length ?? 0) > 1, "a story is told");
    });
  }
});

describe("without a bug", { timeout: 300_000 }, async () => {
  for (const { bug, what } of await huntAll(controls)) {
    test(bug, () => assert.equal(what, "nothing"));
  }
});

test("every scenario with a thief has a bug that its search finds", () => {
  const finders = bugs.flatMap(({ foundBy }) => ("scenario" in foundBy ? [foundBy.scenario] : []));
  for (const { name, thief } of scenarios) if (thief !== undefined) assert.ok(finders.includes(name), name);
});
