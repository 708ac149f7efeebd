// The worlds that are explored: who takes part, what may happen, and how far the search goes in continuous integration.
// Owns the list. Each scenario is small enough to be searched far and differs from the others in what it lets happen.

import type { Budget, Lane, Scenario, ThiefPlan } from "./world.ts";

/** States that a scenario is searched to by itself; every result of continuous integration is up to here. */
export const statesDefault = 40_000;

const none: Budget = { doubles: 0, failovers: 0, switches: 0, losses: 0, revocations: 0 };

const losses: Budget = { ...none, losses: 2 };
const atHisPace: Partial<ThiefPlan> = { pace: "own" };
/** The server's own attempt joins requests without a key, in two generations: two refreshes more, and one more settle. */
const neitherHasKey: Partial<ThiefPlan> = { lanes: ["no key"], refreshesBound: 4, settlesBound: 3 };

function honest(
  name: string,
  depth: number,
  about: string,
  lanes: readonly Lane[],
  more: Partial<Scenario> = {},
): Scenario {
  const budget = { ...none, doubles: 1 };
  const plain = { confirms: true, flightsMax: 3, split: false, atomic: false, budget, thief: undefined };
  return { name, about, lanes, states: statesDefault, depth, ...plain, ...more };
}

function robbed(
  name: string,
  depth: number,
  about: string,
  lanes: readonly Lane[],
  thief: Partial<ThiefPlan> = {},
  more: Partial<Scenario> = {},
): Scenario {
  const plan: ThiefPlan = {
    lanes: ["key"],
    pace: "any",
    tokensMax: 2,
    forgets: true,
    refreshesBound: 2,
    settlesBound: 2,
    ...thief,
  };
  const budget = none;
  const plain = { confirms: true, flightsMax: 1, split: false, atomic: true, budget, thief: plan };
  return { name, about, lanes, states: statesDefault, depth, ...plain, ...more };
}

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [
  honest("one key", 13, "tabs that share one jar and one attempt key", ["key"]),
  honest("own keys", 10, "two tabs with attempt keys of their own", ["key", "key"]),
  honest("no key", 13, "tabs that send no attempt key", ["no key"]),
  honest("mixed", 9, "a page rendered on the server without a key beside a browser with one", ["key", "no key"]),
  honest("no confirm", 11, "two tabs with keys of their own that never confirm", ["key", "key"], { confirms: false }),
  honest("read and commit", 8, "another request, or a crash, between reading and committing", ["key", "no key"], {
    split: true,
  }),
  honest("revocation", 8, "the session is revoked while requests are under way", ["key", "no key"], {
    split: true,
    budget: { ...none, revocations: 1 },
  }),
  honest("failover", 32, "the store loses one acknowledged write; one request at a time", ["key"], {
    flightsMax: 1,
    budget: { ...none, failovers: 1 },
  }),
  honest("to strict", 11, "two-phase is switched to strict with answers outstanding", ["key", "key"], {
    budget: { ...none, switches: 1 },
  }),
  robbed(
    "thief at his own pace",
    9,
    "owner and thief with keys, never within a soft zone of each other",
    ["key"],
    atHisPace,
  ),
  robbed("thief in lockstep", 17, "owner and thief with keys; the thief acts at any time, as often as he likes", [
    "key",
  ]),
  robbed("thief without a key", 14, "the owner has a key, the thief none", ["key"], { lanes: ["no key"] }),
  robbed("owner without a key", 17, "the owner has no key, the thief has keys", ["no key"]),
  robbed("no keys", 15, "neither owner nor thief has a key", ["no key"], neitherHasKey),
  robbed("no keys, no confirm", 15, "neither has a key, and the owner never confirms", ["no key"], neitherHasKey, {
    confirms: false,
  }),
  robbed(
    "nobody confirms",
    17,
    "owner and thief with keys; the owner never confirms",
    ["key"],
    {},
    { confirms: false },
  ),
  robbed("own pace, losses", 13, "the same, and two answers to the owner are lost", ["key"], atHisPace, {
    budget: losses,
  }),
  robbed("lockstep, losses", 14, "at any time, and two answers to the owner are lost", ["key"], {}, { budget: losses }),
  robbed("no keys, losses", 14, "neither has a key, and one answer to the owner is lost", ["no key"], neitherHasKey, {
    budget: { ...none, losses: 1 },
    states: 60_000,
  }),
];
