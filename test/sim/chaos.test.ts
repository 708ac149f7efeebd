// A short chaos on real databases, that a planted fault is noticed by it, and that the published table is that of the stored
// results. All faults: `npm run chaos`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { FaultsTable } from "../../sim/chaos/report.ts";
import { faultsBlockName, faultsBlockOf, linesOf } from "../../sim/chaos/report.ts";
import { chaos } from "../../sim/chaos/run.ts";
import type { Scenario } from "../../sim/chaos/scenarios.ts";
import { scenarios } from "../../sim/chaos/scenarios.ts";
import { faultsPagePath, faultsResultsPath } from "../../sim/chaos.ts";
import { blockIn } from "../../sim/torture/page.ts";
import { postgresMissing } from "../services/postgres.ts";
import type { Plant } from "./planted-program.ts";
import { withPlanted } from "./planted-program.ts";

const short = { people: 12, seconds: 1 } as const;

function named(name: string, store: string): Scenario {
  const found = scenarios.find((each) => each.name === name && each.store === store);
  assert.ok(found, `${name} on ${store}`);
  return found;
}

const hasRedis = spawnSync("redis-server", ["--version"]).error === undefined;
const skip =
  postgresMissing(18) || postgresMissing(15) || (hasRedis || process.env.CI === "true" ? false : "needs redis-server");

describe("chaos", { skip }, () => {
  for (const [name, store] of [
    ["connections-cut", "postgres"],
    ["replica-promoted", "postgres"],
    ["backup-restored", "postgres"],
    ["restored-snapshot", "redis"],
    ["node-cut-off", "redis"],
  ] as const) {
    it(`${name} on ${store}: nobody is signed out, no sign-out is undone`, { timeout: 120_000 }, async () => {
      const result = await chaos(named(name, store), short);
      assert.deepEqual(result.violations, [], linesOf(result));
      const { injected, refreshes, signOuts, lost, undone } = result;
      assert.ok(Object.values(injected).reduce((sum, count) => sum + count, 0) > 0, "something was done");
      assert.ok(refreshes > 0 && signOuts > 0);
      assert.deepEqual({ lost, undone }, { lost: 0, undone: 0 });
      // The losses that the documents own up to are really made.
      if (name === "replica-promoted" || name === "restored-snapshot") {
        assert.ok(result.rolledForward > 0, "a token was ahead of the store");
        assert.ok(result.forgotten > 0, "a sign-out was lost with the store");
      }
    });
  }
});

const plants: readonly (Plant & {
  readonly what: string;
  readonly scenario: readonly [string, string];
  rule: string;
})[] = [
  {
    what: "a token that is ahead of a store which lost a write is refused",
    file: "core/decide.js",
    from: /return sameBytes\(presented\.token\.links\[link\]/,
    to: "return link === 0 && sameBytes(presented.token.links[link]",
    scenario: ["restored-snapshot", "redis"],
    rule: "session lost",
  },
  {
    what: "a store that is away ends sessions",
    file: "http/handler.js",
    from: /function known\(failure\) \{/,
    to: 'function known(failure) { if (failure?.code === "store_unavailable") return new PawlError("session_revoked");',
    scenario: ["database-restarted", "redis"],
    rule: "session lost",
  },
  {
    what: "some people are told to wait, for ever, once the store was away",
    file: "http/handler.js",
    from: /function known\(failure\) \{/,
    to: `let wasAway = false;
      export const isStuck = (token) => wasAway && token.charCodeAt(20) % 2 === 0;
      function known(failure) { wasAway ||= failure?.code === "store_unavailable";`,
    more: {
      file: "engine/rotation.js",
      from: /export async function refresh\(context, input\) \{/,
      to: `import { isStuck } from "../http/handler.js";
        export async function refresh(context, input) {
          if (isStuck(input.refreshToken)) throw new PawlError("refresh_token_superseded");`,
    },
    scenario: ["database-restarted", "redis"],
    rule: "session lost",
  },
  {
    what: "nodes that take their time once the store was away",
    file: "http/handler.js",
    from: /function known\(failure\) \{/,
    to: `let awayAt = -1e9;
      export const isSulking = () => performance.now() < awayAt + 9_000;
      function known(failure) { if (failure?.code === "store_unavailable" && !isSulking()) awayAt = performance.now();`,
    more: {
      file: "engine/rotation.js",
      from: /export async function refresh\(context, input\) \{/,
      to: `import { isSulking } from "../http/handler.js";
        export async function refresh(context, input) {
          if (isSulking()) throw new PawlError("store_unavailable", "sulking", { retryAfterSeconds: 1 });`,
    },
    scenario: ["database-restarted", "redis"],
    rule: "no recovery",
  },
  {
    what: "sessions that a backup brings back go on",
    file: "cli/revoke.js",
    from: /await revokeMatching\(opened, subject, before\)/,
    to: "0",
    scenario: ["backup-restored", "postgres"],
    rule: "sign-out undone",
  },
];

describe("the net of the chaos has no hole", { skip }, () => {
  for (const { what, scenario, rule, ...plant } of plants) {
    it(`found: ${what}`, { timeout: 120_000 }, async () => {
      const result = await withPlanted(plant, (main) =>
        chaos(named(...scenario), { ...short, recoverySeconds: 5, main }),
      );
      assert.ok(
        result.violations.some((each) => each.rule === rule),
        linesOf(result),
      );
    });
  }
});

describe("the table of faults", () => {
  it("is that of the stored results: every fault, nothing lost, nothing undone", () => {
    const table: FaultsTable = JSON.parse(readFileSync(faultsResultsPath, "utf8"));
    const page = readFileSync(faultsPagePath, "utf8");
    assert.equal(blockIn(page, faultsBlockName), faultsBlockOf(table), "npm run chaos -- --docs");
    assert.deepEqual(
      table.runs.map(({ scenario, title }) => [scenario, title]),
      scenarios.map(({ name, title }) => [name, title]),
    );
    for (const { lost, undone, injected } of table.runs) {
      assert.deepEqual({ lost, undone }, { lost: 0, undone: 0 });
      assert.ok(Object.keys(injected).length > 0);
    }
  });
});

it("wrong usage says so, before anything is started", () => {
  const main = join(import.meta.dirname, "../../sim/chaos.ts");
  const run = (...words: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [main, ...words], { encoding: "utf8", timeout: 20_000 });
  for (const words of [["--only", "earthquake"], ["--store", "sqlite"], ["--seconds", "0"], ["--unknown"]]) {
    assert.equal(run(...words).status, 2, words.join(" "));
  }
  assert.match(String(run("--help").stdout), /--only/);
});
