// The explorer's net has no hole where we know one could be: every bug of sim/explorer/bugs.ts, planted in a copy, is
// found under its name.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bugs } from "../../sim/explorer/bugs.ts";
import { huntAll } from "../../sim/plant.ts";

describe("planted bugs", { timeout: 300_000 }, async () => {
  const hunts = await huntAll(bugs);
  for (const bug of bugs) {
    test(`found: ${bug.name}`, (t) => {
      const hunt = hunts.find((each) => each.bug === bug.name);
      assert.equal(hunt?.found, true, hunt?.what);
      t.diagnostic(hunt?.what ?? "");
      assert.ok((hunt?.story.length ?? 0) > 1, "a story is told");
    });
  }
});
