// The worlds that are explored: who takes part, what may happen, and how far the search goes in continuous integration.
// Owns the list. Each scenario is small enough to be searched far and differs from the others in what it lets happen.

import type { Budget, Lane, Scenario, ThiefPlan } from "./world.ts";

const none: Budget = { doubles: 0, failovers: 0, switches: 0, losses: 0, revocations: 0 };

function honest(name: string, about: string, lanes: readonly Lane[], more: Partial<Scenario> = {}): Scenario {
  const budget = { ...none, doubles: 1 };
  const plain = { confirms: true, flightsMax: 3, split: false, atomic: false, budget, thief: undefined };
  return { name, about, lanes, ...plain, ...more };
}

function robbed(
  name: string,
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
    ...thief,
  };
  const budget = none;
  const plain = { confirms: true, flightsMax: 1, split: false, atomic: true, budget, thief: plan };
  return { name, about, lanes, ...plain, ...more };
}

/** Every scenario, in the order of the report. */
export const scenarios: readonly Scenario[] = [
  honest("one key", "tabs that share one jar and one attempt key", ["key"]),
  honest("own keys", "two tabs with attempt keys of their own", ["key", "key"]),
  honest("no key", "tabs that send no attempt key", ["no key"]),
  honest("mixed", "a page rendered on the server without a key beside a browser with one", ["key", "no key"]),
  honest("no confirm", "two tabs with keys of their own that never confirm", ["key", "key"], { confirms: false }),
  honest("read and commit", "another request, or a crash, between reading and committing", ["key", "no key"], {
    split: true,
  }),
  honest("revocation", "the session is revoked while requests are under way", ["key", "no key"], {
    split: true,
    budget: { ...none, revocations: 1 },
  }),
  honest("failover", "the store loses one acknowledged write; one request at a time", ["key"], {
    flightsMax: 1,
    budget: { ...none, failovers: 1 },
  }),
  honest("to strict", "two-phase is switched to strict with answers outstanding", ["key", "key"], {
    budget: { ...none, switches: 1 },
  }),
  robbed("thief at his own pace", "owner and thief with keys, never within a soft zone of each other", ["key"], {
    pace: "own",
    refreshesBound: 2,
  }),
  robbed("thief in lockstep", "owner and thief with keys; the thief acts at any time, as often as he likes", ["key"]),
  robbed("thief without a key", "the owner has a key, the thief none", ["key"], { lanes: ["no key"] }),
  robbed("owner without a key", "the owner has no key, the thief has keys", ["no key"]),
  robbed("no keys", "neither owner nor thief has a key", ["no key"], { lanes: ["no key"], refreshesBound: 4 }),
  robbed(
    "no keys, no confirm",
    "neither has a key, and the owner never confirms",
    ["no key"],
    { lanes: ["no key"], refreshesBound: 4 },
    { confirms: false },
  ),
  robbed("nobody confirms", "owner and thief with keys; the owner never confirms", ["key"], {}, { confirms: false }),
];
