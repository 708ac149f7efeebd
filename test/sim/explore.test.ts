// The explorer finds nothing wrong with the real engine, within the depth that fits into continuous integration, and
// every named trace ends as it must. `npm run explore -- --depth N` goes further.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { doorsLengthDefault, doorsName } from "../../sim/explorer/doors.ts";
import { playTrace } from "../../sim/explorer/play.ts";
import { scenarios } from "../../sim/explorer/scenarios.ts";
import { createServer } from "../../sim/explorer/server.ts";
import { traces } from "../../sim/explorer/traces.ts";

const program = join(import.meta.dirname, "../../sim/explore.ts");
const explore = (...options: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [program, ...options], { encoding: "utf8" });

describe("named traces", async () => {
  const server = await createServer();
  for (const trace of traces) {
    test(`${trace.name}: ${trace.end}`, async () => {
      const { wrong, made } = await playTrace(server, trace);
      assert.equal(wrong, undefined);
      assert.equal(made, trace.moves.length);
    });
  }

  test("each is told under a name of its own", () => {
    assert.equal(new Set(traces.map(({ name }) => name)).size, traces.length);
  });
});

interface Line {
  readonly scenario: string;
  readonly states: number;
  readonly depth: number;
  readonly end: string;
  readonly violation?: unknown;
  readonly story: readonly string[];
}

test("every interleaving within the bounds keeps I1 to I6", { timeout: 600_000 }, (t) => {
  const { status, stdout, stderr } = explore("--json");
  const lines = stdout
    .trim()
    .split("\n")
    .flatMap((line): Line[] => {
      const parsed = JSON.parse(line) as Line | { readonly trace: string };
      return "trace" in parsed ? [] : [parsed];
    });
  for (const { scenario, states, depth, end } of lines) {
    t.diagnostic(`${scenario}: ${states} states, depth ${depth}, ${end}`);
  }
  const broken = lines.filter(({ violation }) => violation !== undefined);
  assert.equal(broken.length, 0, JSON.stringify(broken, null, 2));
  assert.equal(status, 0, stderr);
  assert.equal(lines.length, scenarios.length + 1);
  // Never capped earlier than the table says: the bounds of I2 lie within these depths, as planted bugs show.
  for (const { name, depth } of scenarios) {
    const line = lines.find(({ scenario }) => scenario === name);
    assert.ok((line?.depth ?? 0) >= depth, `${name}: complete to depth ${line?.depth}, and not to ${depth}`);
  }
  assert.ok((lines.find(({ scenario }) => scenario === doorsName)?.depth ?? 0) >= doorsLengthDefault);
  const exhausted = lines.filter(({ end }) => end === "exhausted").map(({ scenario }) => scenario);
  assert.deepEqual(exhausted.sort(), ["failover", "own pace, losses", "thief at his own pace"]);
});

describe("the command line", () => {
  for (const [options, says] of [
    [["--depth", "0"], /--depth must be a whole number from 1 to 1000/],
    [["--states", "many"], /--states must be a whole number/],
    [["--only", "nothing"], /--only "nothing" is no scenario; there are: one key/],
    [["--trace", "nothing"], /--trace "nothing" is no trace; there are: lost answer/],
    [["--deep"], /Unknown option '--deep'/],
  ] as const) {
    test(`${options.join(" ")}: one line that says what is accepted, and the usage`, () => {
      const { status, stdout, stderr } = explore(...options);
      assert.equal(status, 2);
      assert.equal(stdout, "");
      assert.match(stderr, says);
      assert.match(stderr, /Usage: npm run explore/);
    });
  }

  test("--depth is kept, and said", () => {
    const { status, stdout } = explore("--only", "own keys", "--depth", "5");
    assert.equal(status, 0);
    assert.match(stdout, /own keys .* 5 .* capped by --depth/);
  });
});
