// The simulator as an instrument: equal seeds give equal results, stories stand alone, the accounting notices what was
// planted; and with it, Pawl's own rules at the highest level of faults.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openEngine } from "../../src/simulator/engine-server.ts";
import { narrate } from "../../src/simulator/narrate.ts";
import type { Plan } from "../../src/simulator/plan.ts";
import { isRobbed, planUser, thiefStrategies } from "../../src/simulator/plan.ts";
import type { RuleServer, RuleSet } from "../../src/simulator/rule-server.ts";
import { ruleSets, twoPhase } from "../../src/simulator/rule-sets.ts";
import type { Outcome, Simulation } from "../../src/simulator/simulate.ts";
import { replayCommand, simulate } from "../../src/simulator/simulate.ts";
import type { Failure, Row } from "../../src/simulator/tally.ts";
import { isBeyondBounds } from "../../src/simulator/tally.ts";
import { liveStory } from "../../src/simulator/user-story.ts";
import type { ThiefRecord } from "../../src/simulator/world.ts";

const named = (name: string): RuleSet => ruleSets.find((each) => each.name === name) as RuleSet;
const small: Simulation = { seed: 7, users: 9, days: 5, levels: ["none", "high"], rules: ruleSets };

function onlyRow({ rows }: Outcome): Row {
  assert.equal(rows.length, 1);
  return rows[0] as Row;
}

/** A rule set in which `change` replaces calls of another one's servers. */
function planted(base: RuleSet, change: (server: RuleServer) => Partial<RuleServer>): RuleSet {
  return {
    ...base,
    open: async (at, seed) => {
      const server = await base.open(at, seed);
      return { ...server, ...change(server) };
    },
  };
}

describe("a seed", () => {
  test("gives the same result again, byte for byte, and another seed another one", async () => {
    const [one, again, other] = await Promise.all([simulate(small), simulate(small), simulate({ ...small, seed: 8 })]);
    assert.equal(JSON.stringify(one), JSON.stringify(again));
    assert.notEqual(JSON.stringify(one.rows), JSON.stringify(other.rows));
  });

  test("makes a user's story that stands alone: the same told or not, with others or without", async () => {
    for (const user of [2, 3, 4, 6]) {
      const input = { ruleSet: twoPhase, level: "high", seed: 5, user, days: 10, isTold: true } as const;
      const [told, again] = [await liveStory(input), await liveStory(input)];
      assert.deepEqual(narrate(told), narrate(again));
      assert.ok(narrate(told).length > 10);
      const alone = onlyRow(await simulate({ ...small, seed: 5, days: 10, levels: ["high"], rules: [twoPhase], user }));
      assert.equal(alone.refreshes, told.counts.refreshes);
      assert.equal(alone.users, isRobbed(user) ? 0 : 1);
    }
  });

  test("makes the same people for every level: faults are added, nobody is exchanged", () => {
    const [calm, rough] = [planUser(3, 2, 30, "none"), planUser(3, 2, 30, "high")];
    const who = ({ device, tabs, keys, visits }: Plan): unknown => [device, tabs, keys, visits.map(({ at }) => at)];
    assert.deepEqual(who(calm), who(rough));
    assert.ok(
      calm.visits.every(({ reloads, sleep, serverStep }) => reloads.length + serverStep === 0 && sleep === undefined),
    );
  });
});

describe("the accounting", () => {
  const base = { seed: 11, users: 15, days: 10, levels: ["none"] as const };

  test("counts every session that a planted rule set ends, each once", async () => {
    const refused = new Set<string>();
    const always = planted(named("unrotated"), () => ({
      refresh: async (_at, token) => {
        refused.add(token);
        return { status: 401, code: "planted", isAlarm: false };
      },
    }));
    // One user at a time: tokens of different users have the same names.
    for (const user of [1, 2, 4, 5, 7, 8]) {
      refused.clear();
      const row = onlyRow(await simulate({ ...base, rules: [always], user }));
      assert.ok(refused.size > 3, `user ${user}`);
      assert.equal(row.false_logouts, refused.size, `user ${user}`);
      assert.equal(row.false_logouts_per_user_month, refused.size * 3);
      assert.equal(row.users_logged_out, 1);
    }
  });

  test("counts no end by time, and no sign-out", async () => {
    const row = onlyRow(await simulate({ ...base, users: 30, days: 120, rules: [named("unrotated")] }));
    assert.ok(row.ended_by_time > 40, `${row.ended_by_time}`);
    assert.ok(row.ended_by_person > 0);
    assert.equal(row.false_logouts, 0);
  });

  test("counts nobody who was robbed", async () => {
    const row = onlyRow(await simulate({ ...base, rules: [named("strict")] }));
    assert.equal(row.users, 10);
    assert.equal(row.user_months, Number(((10 * 10) / 30).toFixed(4)));
    assert.ok(row.thieves <= 5);
  });

  test("lets a run fail when Pawl's rules log somebody out, and says who", async () => {
    const broken = planted(twoPhase, (server) => {
      let count = 0;
      return {
        refresh: async (at, token, attempt) => {
          count += 1;
          return count === 9 ? { status: 401, code: "planted", isAlarm: true } : server.refresh(at, token, attempt);
        },
      };
    });
    const { failures, failures_total } = await simulate({ ...base, users: 3, rules: [broken] });
    assert.equal(failures_total, 2);
    const of = (user: number): unknown => ({ rules: "pawl", faults: "none", user, what: "false logout: planted" });
    assert.deepEqual(failures, [of(1), of(2)]);
    const replay = "pawl simulate --seed 11 --days 10 --user 2 --faults none --only pawl --story";
    assert.equal(replayCommand(base, failures[1] as Failure), replay);
    // Beyond what is promised, and under other rules, a false logout is a figure and no failure.
    assert.equal((await simulate({ ...base, levels: ["beyond"], users: 3, rules: [broken] })).failures_total, 0);
    assert.equal((await simulate({ ...base, rules: [named("strict")] })).failures_total, 0);
  });

  test("notices a thief who rides along", async () => {
    const blind = planted(named("unrotated"), () => ({}));
    const outcome = await simulate({ ...base, days: 20, users: 36, rules: [{ ...blind, name: "pawl" }] });
    assert.ok(outcome.failures_total >= 6, `${outcome.failures_total}`);
    assert.match(outcome.failures[0]?.what ?? "", /thief rides along/);
  });
});

describe("the bounds of I2", () => {
  const hour = 3_600_000;
  const plan = planUser(1, 3, 30, "none");
  const theft = { ...plan.theft, strategy: "own pace", keys: "own" } as NonNullable<Plan["theft"]>;
  const keyed: Plan = { ...plan, device: "browser", keys: "shared", theft };
  const record = (servedAt: number[], ownerRenewedAt: number[]): ThiefRecord => ({
    copiedAt: 0,
    epoch: 1,
    firstAskedAt: servedAt[0],
    servedAt,
    ownerServedAt: ownerRenewedAt,
    ownerRenewedAt,
    alarmAt: undefined,
    lapsedAt: undefined,
    outAt: undefined,
  });

  test("allow two refreshes of the owner, whatever the thief did before and between", () => {
    assert.equal(isBeyondBounds(keyed, record([1 * hour, 2 * hour, 5 * hour], [3 * hour, 6 * hour])), false);
    assert.equal(isBeyondBounds(keyed, record([1 * hour, 7 * hour], [3 * hour, 6 * hour])), true);
  });
  test("count the refreshes of several tabs at once as one", () => {
    const tabs = [3 * hour, 3 * hour + 200, 3 * hour + 900];
    assert.equal(isBeyondBounds(keyed, record([1 * hour, 4 * hour], tabs)), false);
  });
  test("allow four where neither sends a key, and two where one of them does", () => {
    const owner = [2, 3, 4, 5].map((count) => count * hour);
    const keyless: Plan = { ...keyed, theft: { ...theft, keys: "none" } };
    assert.equal(isBeyondBounds(keyless, record([1 * hour, 3.5 * hour], owner)), true);
    const neither: Plan = { ...keyless, keys: "none" };
    assert.equal(isBeyondBounds(neither, record([1 * hour, 4.5 * hour], owner)), false);
    assert.equal(isBeyondBounds(neither, record([1 * hour, 6 * hour], owner)), true);
  });
  test("do not count a refresh that only settled", () => {
    const settled = { ...record([1 * hour, 7 * hour], [3 * hour]), ownerServedAt: [3, 4, 5, 6].map((at) => at * hour) };
    assert.equal(isBeyondBounds(keyed, settled), false);
  });
});

describe("Pawl, two-phase, at the highest level of faults", () => {
  test("logs nobody out, and every thief who goes on is caught within the bounds", async () => {
    for (const seed of [1, 2, 3]) {
      const outcome = await simulate({ seed, users: 36, days: 20, levels: ["high"], rules: [twoPhase] });
      const row = onlyRow(outcome);
      assert.deepEqual(outcome.failures, []);
      assert.equal(row.false_logouts, 0);
      assert.equal(row.beyond_bounds, 0);
      assert.equal(row.access.never, 0, "nobody is served to the end");
      assert.equal(row.capped, 0);
      assert.ok(row.refreshes > 1_000 && row.thieves >= 8, JSON.stringify(row));
      for (const kind of [
        "request lost",
        "answer lost",
        "answer late",
        "request doubled",
        "reload in flight",
      ] as const) {
        assert.ok(row.faults_injected[kind] > 20, kind);
      }
    }
  });

  test("is tried hard enough: an engine that waits for late answers too briefly is found out", async () => {
    const hasty: RuleSet = { ...twoPhase, open: (at, seed) => openEngine("two-phase", at, seed, 1) };
    const { failures } = await simulate({ seed: 1, users: 24, days: 20, levels: ["high"], rules: [hasty] });
    assert.ok(failures.length > 0);
    assert.match(failures[0]?.what ?? "", /false logout: (refresh_token_reused|session_revoked)/);
  });

  test("meets every kind of thief, and every one of them is noticed", async () => {
    const { rows } = await simulate({ seed: 4, users: 54, days: 30, levels: ["normal"], rules: [twoPhase] });
    for (const strategy of thiefStrategies) {
      const [detected, thieves] = (rows[0] as Row).detected_by_strategy[strategy];
      assert.ok(thieves > 0, strategy);
      assert.equal(detected, thieves, strategy);
    }
  });
});
