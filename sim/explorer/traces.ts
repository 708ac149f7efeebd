// The named traces: sequences that broke other designs, an earlier wording of ours, or every design that trusts the
// clock alone. Each is played move by move on the real engine; docs/concepts/ draws some of them.
// Owns the whole list and the scenario that lets a trace happen; no rule.

import { faults } from "./faults.ts";
import { thefts } from "./thefts.ts";
import type { Trace } from "./trace-moves.ts";
import type { Budget, Scenario } from "./world.ts";

export type { Trace } from "./trace-moves.ts";

/** Every trace, honest ones first. */
export const traces: readonly Trace[] = [...faults, ...thefts];

const budget: Budget = { doubles: 1, failovers: 1, switches: 1, losses: 9, revocations: 0 };

/** The scenario that lets a trace happen. */
export function scenarioOf(trace: Trace): Scenario {
  const { name, about, lanes } = trace;
  const plain = { name, about, lanes, states: 1, depth: 0, confirms: true, flightsMax: 9, split: true, budget };
  const plan = {
    lanes: ["key", "no key"],
    pace: "any",
    tokensMax: 9,
    forgets: false,
    refreshesBound: 9,
    settlesBound: 9,
  } as const;
  return { ...plain, atomic: trace.robbed, thief: trace.robbed ? plan : undefined };
}
