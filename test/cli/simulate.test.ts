// `pawl simulate` as a program: flags and what they refuse, exit codes, JSON, the files of a report, a story.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Finished, pawl, temporaryFolder } from "../server/program.ts";

const folder = temporaryFolder();
const simulate = (line: string): Promise<Finished> => pawl(`simulate ${line}`.trim().split(" "), { folder });

describe("pawl simulate", () => {
  it("prints a table and leaves nothing behind", async () => {
    const { code, out, errors } = await simulate("--users 6 --days 4 --faults none,high");
    assert.deepEqual([code, errors], [0, ""]);
    assert.match(out, /^RULES +FAULTS/);
    for (const name of ["pawl", "pawl-strict", "strict", "leeway", "orphaning", "grace-chain", "parent", "unrotated"]) {
      assert.equal(out.match(new RegExp(`^${name} +(none|high) `, "gm"))?.length, 2, name);
    }
    assert.match(out, /Seed 1, 6 users, 4 days: /);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("prints JSON that a seed repeats byte for byte, and needs no configuration", async () => {
    const line = "--users 3 --days 3 --seed 4294967295 --faults high --only strict,pawl --json";
    const broken = { environment: { PAWL_GRACE: "nonsense" } };
    const [one, again] = await Promise.all([
      simulate(line),
      pawl(`simulate ${line}`.split(" "), { folder, ...broken }),
    ]);
    assert.equal(one.code, 0, one.errors);
    assert.equal(one.out, again.out);
    const { command, seed, rows, failures } = JSON.parse(one.out);
    assert.equal(command, "pawl simulate --seed 4294967295 --users 3 --days 3 --faults high --only pawl,strict");
    assert.equal(seed, 4294967295);
    assert.deepEqual(
      rows.map((row: { rules: string; faults: string }) => [row.rules, row.faults]),
      [
        ["pawl", "high"],
        ["strict", "high"],
      ],
    );
    assert.deepEqual(failures, []);
  });

  it("writes a report as one HTML file, and the figures beside it", async () => {
    const { code, out } = await simulate("--users 3 --days 2 --only pawl --faults low --out reports/today");
    assert.equal(code, 0);
    assert.match(out, /report: reports.today.simulation\.html/);
    const files = join(folder, "reports", "today");
    assert.deepEqual(readdirSync(files).sort(), ["simulation.html", "simulation.json"]);
    assert.match(readFileSync(join(files, "simulation.html"), "utf8"), /^<!doctype html>/);
    assert.equal(JSON.parse(readFileSync(join(files, "simulation.json"), "utf8")).users, 3);
  });

  it("tells the story of one user", async () => {
    const { code, out } = await simulate("--seed 1 --user 2 --days 3 --faults high --only strict --story");
    assert.equal(code, 0);
    assert.match(out, /^User 2 of seed 1, faults high: /);
    assert.match(out, /^day 1, \d\d:\d\d:\d\d\.\d{3} +person +visits with /m);
    assert.match(out, /\nEnd: \d+ refreshes, \d+ false logouts\.\n$/);
    const robbed = await simulate("--user 3 --days 20 --story");
    assert.equal(robbed.code, 0);
    assert.match(robbed.out, /thief +copies the jar/);
    assert.match(robbed.out, /End: the thief was served \d+ times; a used token was noticed/);
  });

  it("refuses what it does not understand: one line with the accepted values, exit code 2", async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ["--seed -1", /--seed takes a whole number from 0 to 4294967295/],
      ["--seed 4294967296", /--seed takes a whole number/],
      ["--users 0", /--users takes a whole number from 1 to 100000/],
      ["--users 1e3", /--users takes a whole number/],
      ["--days 366", /--days takes a whole number from 1 to 365/],
      ["--user 0", /--user takes a whole number from 1 to 100000/],
      ["--faults some", /--faults takes one or more of none, low, normal, high, beyond, separated by commas/],
      ["--faults none,", /--faults takes one or more of/],
      ["--only auth0", /--only takes one or more of pawl, pawl-strict, strict, leeway, /],
      ["--story", /--story needs --user <n>/],
      ["--story --user 1 --only pawl,strict", /--story takes one rule set/],
      ["--story --user 1 --faults low,high", /--story takes one level/],
      ["--store memory:", /no flag "--store"/],
      ["--user", /--user needs a value/],
      ["now", /does not take "now"/],
    ];
    await Promise.all(
      wrong.map(async ([line, says]) => {
        const { code, out, errors } = await simulate(line);
        assert.deepEqual([code, out], [2, ""], line);
        assert.match(errors.split("\n")[0] ?? "", says);
      }),
    );
  });
});
