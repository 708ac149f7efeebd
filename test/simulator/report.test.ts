// The report and the table: complete, self-contained, and the same figures everywhere.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { reportPage } from "../../src/simulator/report-page.ts";
import { ruleSets } from "../../src/simulator/rule-sets.ts";
import type { Outcome } from "../../src/simulator/simulate.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { notesOf, tableOf } from "../../src/simulator/table.ts";
import { duration, grouped, instantWords, rate } from "../../src/simulator/words.ts";

const origin = { version: "1.2.3 <b>", node: "24.0.0", platform: "test" };
let outcome: Outcome;
before(async () => {
  outcome = await simulate({ seed: 1, users: 9, days: 8, levels: ["none", "high"], rules: ruleSets });
});

describe("the report", () => {
  test("needs nothing but itself", () => {
    const page = reportPage(outcome, origin);
    assert.ok(!/<script|<link|<img|@import|url\(|https?:|\bon\w+=/i.test(page));
    assert.ok(page.startsWith("<!doctype html>"));
    assert.ok(page.includes("prefers-color-scheme: dark"));
    assert.ok(page.includes("1.2.3 &#60;b&#62;"), "what comes from outside is escaped");
  });
  test("draws every rule set and has no number that is none", () => {
    const page = reportPage(outcome, origin);
    assert.equal(page.match(/<svg /g)?.length, 3);
    assert.ok(!/NaN|Infinity|undefined|null/.test(page));
    for (const { name } of ruleSets) assert.ok((page.split(`>${name}<`).length ?? 0) > 4, name);
    assert.ok(page.includes(outcome.command));
  });
  test("can be drawn of one row, and of none that is Pawl's", async () => {
    const some = ruleSets.filter(({ name }) => name === "strict");
    const one = await simulate({ seed: 1, users: 1, days: 2, levels: ["low"], rules: some });
    assert.ok(!/NaN|Infinity|undefined|null/.test(reportPage(one, origin)));
  });
});

describe("the table", () => {
  test("has a row for each rule set and level, and says what was injected", () => {
    const lines = tableOf(outcome).split("\n");
    assert.equal(lines.filter((line) => line !== "").length, 1 + outcome.rows.length);
    assert.match(lines[0] ?? "", /^RULES +FAULTS +FALSE LOGOUTS/);
    for (const row of outcome.rows) {
      assert.ok(lines.some((line) => line.startsWith(row.rules) && line.includes(` ${row.faults} `)));
    }
    const notes = notesOf(outcome, 1.25);
    assert.match(notes, /Seed 1, 9 users, 8 days: [\d,]+ refreshes and [\d,]+ confirms in 1\.3 s/);
    assert.match(notes, /Injected: request lost \d+, answer lost/);
    assert.match(notes, /"never" = not within the 8 simulated days/);
  });
});

test("figures read as people say them", () => {
  assert.deepEqual([0, 119, 120, 7200, 172_800, null].map(duration), ["0 s", "119 s", "2 min", "2 h", "2 d", "never"]);
  assert.deepEqual([0, 0.0123, 0.5, 4.25, 23.1].map(rate), ["0", "0.012", "0.50", "4.3", "23"]);
  assert.deepEqual([7, 1234, 1_234_567].map(grouped), ["7", "1,234", "1,234,567"]);
  assert.equal(instantWords(3 * 86_400_000 + 3_723_004), "day 4, 01:02:03.004");
});
