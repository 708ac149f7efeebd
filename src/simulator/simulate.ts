// One run of the simulator: every chosen rule set meets the same users at every chosen level of faults, one after the
// other. Owns the options with their bounds, the order, and what counts as a failure of Pawl's own rules.

import type { FaultLevel } from "./faults.ts";
import { faultLevels } from "./faults.ts";
import type { RuleSet } from "./rule-server.ts";
import { ruleSets, twoPhase } from "./rule-sets.ts";
import type { Failure, Row } from "./tally.ts";
import { createTally, isBeyondBounds } from "./tally.ts";
import { liveStory } from "./user-story.ts";
import type { World } from "./world.ts";

/** Bounds and defaults of the numbers a run takes. */
export const simulationBounds = {
  seed: { fallback: 1, min: 0, max: 4_294_967_295 },
  users: { fallback: 120, min: 1, max: 100_000 },
  days: { fallback: 30, min: 1, max: 365 },
} as const;
/** Failures that are listed; further ones are only counted. */
export const failuresMax = 20;

/** What to simulate; validated by the caller against {@link simulationBounds}. */
export interface Simulation {
  readonly seed: number;
  readonly users: number;
  readonly days: number;
  readonly levels: readonly FaultLevel[];
  readonly rules: readonly RuleSet[];
  /** This user only. */
  readonly user?: number;
}

/** The levels of a run that names none: all but `beyond`. */
export const levelsDefault: readonly FaultLevel[] = faultLevels.filter((level) => level !== "beyond");

/** What a run found. The same input gives the same result, byte for byte. */
export interface Outcome {
  /** The words that give this result again. */
  readonly command: string;
  readonly seed: number;
  readonly users: number;
  readonly days: number;
  readonly rows: readonly Row[];
  readonly failures: readonly Failure[];
  readonly failures_total: number;
}

/** Runs a simulation. `onRow` hears of each row as it is finished. */
export async function simulate(simulation: Simulation, onRow: (row: Row) => void = () => {}): Promise<Outcome> {
  const { seed, users, days, levels, rules, user } = simulation;
  const rows: Row[] = [];
  const failures: Failure[] = [];
  const numbers = user === undefined ? Array.from({ length: users }, (_, index) => index + 1) : [user];
  for (const level of levels) {
    for (const ruleSet of rules) {
      const tally = createTally(ruleSet, level);
      for (const number of numbers) {
        const world = await liveStory({ ruleSet, level, seed, user: number, days, isTold: false });
        tally.add(world);
        failures.push(...failuresOf(world, ruleSet, level));
      }
      const row = tally.row();
      rows.push(row);
      onRow(row);
    }
  }
  const listed = failures.slice(0, failuresMax);
  return {
    command: commandOf(simulation),
    seed,
    users,
    days,
    rows,
    failures: listed,
    failures_total: failures.length,
  };
}

/** The words that run this simulation; what is the default is left out, but for the numbers. */
function commandOf({ seed, users, days, levels, rules, user }: Simulation): string {
  const names = rules.map((each) => each.name).join(",");
  return [
    `pawl simulate --seed ${seed} --users ${users} --days ${days}`,
    ...(levels.join(",") === levelsDefault.join(",") ? [] : [`--faults ${levels.join(",")}`]),
    ...(rules.length === ruleSets.length ? [] : [`--only ${names}`]),
    ...(user === undefined ? [] : [`--user ${user}`]),
  ].join(" ");
}

/** The words that tell the story of a failure. */
export function replayCommand({ seed, days }: Pick<Outcome, "seed" | "days">, failure: Failure): string {
  const { user, faults, rules } = failure;
  return `pawl simulate --seed ${seed} --days ${days} --user ${user} --faults ${faults} --only ${rules} --story`;
}

/** What Pawl's own rules promised and did not keep in this story; beyond the promise nothing fails. */
export function failuresOf(world: World, ruleSet: RuleSet, level: FaultLevel): Failure[] {
  if (ruleSet.name !== twoPhase.name || level === "beyond") return [];
  const { plan, thief, falseLogouts } = world;
  const found: Failure = { rules: ruleSet.name, faults: level, user: plan.user, what: "" };
  if (plan.theft === undefined) return falseLogouts.map(({ code }) => ({ ...found, what: `false logout: ${code}` }));
  if (thief === undefined || !isBeyondBounds(plan, thief)) return [];
  return [{ ...found, what: "a thief rides along beyond the bounds of I2" }];
}
