// Each rule set against the traces that tell it from the others: what it does to an honest client, and to which thief it
// is blind. The real engine meets the same traces.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Answer, RuleServer } from "../../src/simulator/rule-server.ts";
import { ruleSets } from "../../src/simulator/rule-sets.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
/** Sessions live 30 days at most: cycles of a thief end before. */
const cyclesMax = 1000;

async function open(name: string): Promise<{ server: RuleServer; first: string }> {
  const ruleSet = ruleSets.find((each) => each.name === name);
  assert.ok(ruleSet, name);
  const server = await ruleSet.open(0, 1);
  return { server, first: (await server.signIn(0)).token };
}

function tokenOf(answer: Answer): string {
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return (answer as Answer & { status: 200 }).token ?? "";
}

function isAlarm(answer: Answer): boolean {
  return answer.status === 401 && answer.isAlarm;
}

const key = (who: string, count: number): string => `attempt-key-of-${who}-${count}`;

/**
 * Owner and thief refresh in cycles from one copied token, the thief `lead` before (negative: after) the owner, and each
 * goes on from what he is given. Resolves the number of whole cycles in which both were served.
 */
async function ride(name: string, lead: number, every: number): Promise<number> {
  const { server, first } = await open(name);
  const tokens = { thief: first, owner: first };
  const act = async (who: keyof typeof tokens, at: number, count: number): Promise<boolean> => {
    const answer = await server.refresh(at, tokens[who], key(who, count));
    if (answer.status !== 200) return false;
    tokens[who] = answer.token ?? tokens[who];
    if (who === "owner") await server.confirm?.(at + 1_000, tokens.owner);
    return true;
  };
  for (let count = 0; count < cyclesMax; count += 1) {
    const at = (count + 1) * every;
    const order = lead > 0 ? (["thief", "owner"] as const) : (["owner", "thief"] as const);
    for (const [position, who] of order.entries()) {
      if (!(await act(who, at + position * Math.abs(lead), count))) return count;
    }
  }
  return cyclesMax;
}

describe("an answer that was lost", () => {
  /** The same token once more, after this time. */
  const again = async (name: string, after: number): Promise<Answer> => {
    const { server, first } = await open(name);
    tokenOf(await server.refresh(minute, first, key("a", 1)));
    return await server.refresh(minute + after, first, key("a", 1));
  };

  test("ends a strict session, at once and a day later", async () => {
    for (const name of ["strict", "pawl-strict"]) {
      assert.ok(isAlarm(await again(name, 1_000)), name);
      assert.ok(isAlarm(await again(name, day)), name);
    }
  });
  test("is harmless within a leeway and ends the session after it", async () => {
    for (const name of ["leeway", "orphaning", "grace-chain"]) {
      tokenOf(await again(name, 30_000));
      assert.ok(isAlarm(await again(name, 30_001)), name);
    }
  });
  test("is harmless at any time where the parent works, without rotation, and under Pawl", async () => {
    for (const name of ["parent", "unrotated", "pawl"]) {
      tokenOf(await again(name, 1_000));
      tokenOf(await again(name, day));
    }
  });
});

describe("a request that is served late", () => {
  test("after two newer refreshes ends the session where the clock decides, and under Pawl does not", async () => {
    const late = async (name: string): Promise<Answer> => {
      const { server, first } = await open(name);
      const second = tokenOf(await server.refresh(minute, first, key("a", 1)));
      await server.confirm?.(minute + 200, second);
      tokenOf(await server.refresh(minute + 5_000, second, key("a", 2)));
      return await server.refresh(minute + 20_000, first, key("a", 1));
    };
    for (const name of ["strict", "leeway", "orphaning", "parent", "pawl-strict"])
      assert.ok(isAlarm(await late(name)), name);
    assert.deepEqual(await late("pawl"), { status: 409 });
  });
});

describe("two tabs whose answers arrive in the wrong order", () => {
  test("an orphaned successor ends the session; a sibling under Pawl settles first", async () => {
    const crossed = async (name: string): Promise<Answer> => {
      const { server, first } = await open(name);
      const one = tokenOf(await server.refresh(minute, first, key("a", 1)));
      tokenOf(await server.refresh(minute + 100, first, key("b", 1)));
      return await server.refresh(minute + 10_000, one, key("a", 2));
    };
    assert.ok(isAlarm(await crossed("orphaning")));
    assert.equal((await crossed("pawl")).status, 200);
    assert.equal((await crossed("leeway")).status, 200);
  });
});

describe("a thief", () => {
  test("in lockstep is never caught by a leeway, by forks, by a valid parent, or without rotation", async () => {
    for (const name of ["leeway", "grace-chain", "parent", "unrotated"]) {
      assert.equal(await ride(name, 2_000, 15 * minute), cyclesMax, name);
    }
  });
  test("who refreshes minutes after the owner is never caught where the parent works", async () => {
    assert.equal(await ride("parent", -5 * minute, 15 * minute), cyclesMax);
    assert.equal(await ride("unrotated", -5 * minute, 15 * minute), cyclesMax);
    for (const name of ["leeway", "grace-chain", "orphaning", "strict"]) {
      assert.ok((await ride(name, -5 * minute, 15 * minute)) <= 1, name);
    }
  });
  test("is caught by strict rules in the first cycle, in lockstep or not", async () => {
    for (const name of ["strict", "pawl-strict"]) {
      for (const lead of [2_000, -2_000, 5 * minute]) assert.equal(await ride(name, lead, 15 * minute), 0, name);
    }
  });
  test("is caught by Pawl within two refreshes of the owner, in lockstep within four", async () => {
    for (const lead of [5 * minute, -5 * minute])
      assert.ok((await ride("pawl", lead, 15 * minute)) <= 2, `lead ${lead}`);
    for (const lead of [2_000, -2_000, 500, -500])
      assert.ok((await ride("pawl", lead, 15 * minute)) <= 4, `lead ${lead}`);
  });
  test("of a fork of graceful refresh goes on for ever beside the owner", async () => {
    const { server, first } = await open("grace-chain");
    let owner = tokenOf(await server.refresh(minute, first, undefined));
    let thief = tokenOf(await server.refresh(minute + 29_000, first, undefined));
    assert.notEqual(owner, thief);
    for (let count = 1; count < cyclesMax; count += 1) {
      owner = tokenOf(await server.refresh(minute + count * 10 * minute, owner, undefined));
      thief = tokenOf(await server.refresh(minute + count * 10 * minute + 4 * minute, thief, undefined));
    }
  });
});

describe("a store that forgets its last write", () => {
  const forget = async (name: string): Promise<Answer> => {
    const { server, first } = await open(name);
    const second = tokenOf(await server.refresh(minute, first, key("a", 1)));
    const third = tokenOf(await server.refresh(20 * minute, second, key("a", 2)));
    assert.equal(await server.loseLastWrite(), true);
    return await server.refresh(40 * minute, third, key("a", 3));
  };
  test("makes the newest token unknown, or newer than the counter: refused, nothing noticed", async () => {
    for (const name of ["strict", "leeway", "orphaning", "grace-chain", "parent"]) {
      const answer = await forget(name);
      assert.deepEqual([answer.status, isAlarm(answer)], [401, false], name);
    }
  });
  test("is survived by Pawl, and where nothing rotates there is nothing to lose", async () => {
    tokenOf(await forget("pawl"));
    const { server, first } = await open("unrotated");
    tokenOf(await server.refresh(minute, first, undefined));
    assert.equal(await server.loseLastWrite(), false);
  });
});

test("lifetimes are the same for all: 7 days idle, 30 days at most", async () => {
  for (const { name } of ruleSets) {
    const { server, first } = await open(name);
    assert.equal((await server.refresh(7 * day - minute, first, key("a", 1))).status, 200, name);
    const other = await open(name);
    assert.deepEqual([(await other.server.refresh(7 * day, other.first, key("a", 1))).status], [401], name);
    let token = first;
    const fresh = await open(name);
    token = fresh.first;
    for (let at = 6 * day; at < 30 * day; at += 6 * day)
      token = tokenOf(await fresh.server.refresh(at, token, key("a", at)));
    const answer = await fresh.server.refresh(30 * day, token, key("a", 0));
    assert.deepEqual([answer.status, isAlarm(answer)], [401, false], name);
  }
});
