// From stories to figures: false logouts per user-month, how long thieves kept access and when they were noticed, and
// whether the promise about them (I2 of CONTRACT section 4) was kept. Owns the definitions; every figure of table, JSON
// and report comes from here.

import type { FaultCounts, FaultLevel } from "./faults.ts";
import { faultKinds, graceMilliseconds, noFaults } from "./faults.ts";
import type { Plan, ThiefStrategy } from "./plan.ts";
import { dayMilliseconds, thiefStrategies } from "./plan.ts";
import type { RuleSet } from "./rule-server.ts";
import type { ThiefRecord, World } from "./world.ts";

/** Days of a user-month. */
const monthDays = 30;
const softZoneMilliseconds: number = 2 * graceMilliseconds;

/** How long something took, over all thieves that came: seconds; `null` = not within the simulated time. */
export interface Spread {
  readonly median: number | null;
  readonly p95: number | null;
  readonly never: number;
}

/** What a rule set did at one level of faults. */
export interface Row {
  readonly rules: string;
  readonly faults: FaultLevel;
  readonly users: number;
  readonly user_months: number;
  readonly false_logouts: number;
  readonly false_logouts_per_user_month: number;
  /** Users who were logged out falsely at least once. */
  readonly users_logged_out: number;
  readonly sign_ins: number;
  readonly ended_by_time: number;
  readonly ended_by_person: number;
  /** Thieves who came with a copied token, and those who were served at least once. */
  readonly thieves: number;
  readonly thieves_served: number;
  /** Robbed sessions that were over when the thief came: by a false alarm, or by time. */
  readonly over_before: number;
  /** Thieves nobody noticed because the owner did not use the session any more; his own token expires meanwhile. */
  readonly owner_stayed_away: number;
  /** From the thief's first request until a used token was noticed. */
  readonly detection: Spread;
  /** From the thief's first request until the last one that was served. */
  readonly access: Spread;
  /** Refreshes of the owner between the thief's first one and the alarm; those at once count as one. */
  readonly owner_refreshes: Spread;
  /** Thieves who were served beyond the bounds of I2. */
  readonly beyond_bounds: number;
  readonly detected_by_strategy: Readonly<Record<ThiefStrategy, readonly [detected: number, thieves: number]>>;
  readonly refreshes: number;
  readonly confirms: number;
  readonly events: number;
  readonly capped: number;
  readonly faults_injected: FaultCounts;
}

/** What went wrong under a rule set that promises that it cannot, with the way to see it again. */
export interface Failure {
  readonly rules: string;
  readonly faults: FaultLevel;
  readonly user: number;
  readonly what: string;
}

/** Adds stories up. */
export interface Tally {
  add(world: World): void;
  row(): Row;
}

interface Ending {
  readonly strategy: ThiefStrategy;
  readonly detection: number;
  readonly access: number;
  readonly ownerRefreshes: number;
}

/** A tally of the stories of one rule set at one level. */
export function createTally(ruleSet: RuleSet, level: FaultLevel): Tally {
  const injected = noFaults();
  const endings: Ending[] = [];
  const sums = { users: 0, days: 0, falseLogouts: 0, loggedOut: 0, signIns: 0, byTime: 0, byPerson: 0 };
  const more = { served: 0, overBefore: 0, away: 0, beyond: 0, refreshes: 0, confirms: 0, events: 0, capped: 0 };
  const add = (world: World): void => {
    const { counts } = world;
    for (const kind of faultKinds) injected[kind] += world.injected[kind];
    more.refreshes += counts.refreshes;
    more.confirms += counts.confirms;
    more.events += counts.events;
    more.capped += counts.isCapped ? 1 : 0;
    if (world.plan.theft === undefined) {
      sums.users += 1;
      sums.days += world.endAt / dayMilliseconds;
      sums.falseLogouts += world.falseLogouts.length;
      sums.loggedOut += world.falseLogouts.length > 0 ? 1 : 0;
      sums.signIns += counts.signIns;
      sums.byTime += counts.endedByTime;
      sums.byPerson += counts.endedByPerson;
      return;
    }
    const { thief } = world;
    if (thief === undefined) return;
    const isRefused = thief.servedAt.length === 0 && thief.outAt !== undefined && thief.alarmAt === undefined;
    if (thief.firstAskedAt === undefined || isRefused) {
      more.overBefore += isRefused || thief.alarmAt !== undefined ? 1 : 0;
      return;
    }
    more.served += thief.servedAt.length > 0 ? 1 : 0;
    more.away += thief.alarmAt === undefined && thief.ownerServedAt.length === 0 ? 1 : 0;
    more.beyond += isBeyondBounds(world.plan, thief) ? 1 : 0;
    endings.push({ strategy: world.plan.theft.strategy, ...endingOf(thief, thief.firstAskedAt) });
  };
  const over = (of: (ending: Ending) => number, unit: number): Spread => spreadOf(endings.map(of), unit);
  const row = (): Row => ({
    rules: ruleSet.name,
    faults: level,
    users: sums.users,
    user_months: rounded(sums.days / monthDays),
    false_logouts: sums.falseLogouts,
    false_logouts_per_user_month: sums.days === 0 ? 0 : rounded((sums.falseLogouts * monthDays) / sums.days),
    users_logged_out: sums.loggedOut,
    sign_ins: sums.signIns,
    ended_by_time: sums.byTime,
    ended_by_person: sums.byPerson,
    thieves: endings.length,
    thieves_served: more.served,
    over_before: more.overBefore,
    owner_stayed_away: more.away,
    detection: over((each) => each.detection, 1000),
    access: over((each) => each.access, 1000),
    owner_refreshes: over((each) => each.ownerRefreshes, 1),
    beyond_bounds: more.beyond,
    detected_by_strategy: byStrategy(endings),
    refreshes: more.refreshes,
    confirms: more.confirms,
    events: more.events,
    capped: more.capped,
    faults_injected: injected,
  });
  return { add, row };
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

/** Milliseconds from the thief's first request; infinite = not within the simulated time. */
function endingOf(thief: ThiefRecord, firstAskedAt: number): Omit<Ending, "strategy"> {
  const { alarmAt, servedAt, outAt, lapsedAt } = thief;
  const last = servedAt.at(-1);
  const isStillIn = last !== undefined && alarmAt === undefined && outAt === undefined && lapsedAt === undefined;
  return {
    detection: alarmAt === undefined ? Number.POSITIVE_INFINITY : Math.max(0, alarmAt - firstAskedAt),
    ownerRefreshes:
      alarmAt === undefined ? Number.POSITIVE_INFINITY : roundsAfter(thief.ownerServedAt, firstAskedAt).length,
    access: isStillIn ? Number.POSITIVE_INFINITY : Math.max(0, (last ?? firstAskedAt) - firstAskedAt),
  };
}

/** The value that `share` of the list does not exceed (nearest rank), in units of `unit`. */
function percentile(sorted: readonly number[], share: number, unit: number): number | null {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  return value === undefined || value === Number.POSITIVE_INFINITY ? null : Math.round(value / unit);
}

function spreadOf(values: readonly number[], unit: number): Spread {
  const sorted = [...values].sort((a, b) => (a === b ? 0 : a - b));
  const never = sorted.filter((each) => each === Number.POSITIVE_INFINITY).length;
  return { median: percentile(sorted, 0.5, unit), p95: percentile(sorted, 0.95, unit), never };
}

function byStrategy(endings: readonly Ending[]): Row["detected_by_strategy"] {
  const entries = thiefStrategies.map((strategy) => {
    const those = endings.filter((each) => each.strategy === strategy);
    return [strategy, [those.filter((each) => each.detection < Number.POSITIVE_INFINITY).length, those.length]];
  });
  return Object.fromEntries(entries) as Row["detected_by_strategy"];
}

/** Of `instants` those after `instant`; several within one soft zone are one. */
function roundsAfter(instants: readonly number[], instant: number): number[] {
  const rounds: number[] = [];
  for (const at of instants) {
    if (at > instant && at - (rounds.at(-1) ?? Number.NEGATIVE_INFINITY) >= softZoneMilliseconds) rounds.push(at);
  }
  return rounds;
}

/**
 * I2: once thief and owner both go on, it is over within two refreshes that brought the owner a new token; within four
 * where neither sends a key. Refreshes of several tabs within one soft zone count as one: they are one need of one owner.
 */
export function isBeyondBounds(plan: Plan, thief: ThiefRecord): boolean {
  const { servedAt } = thief;
  const first = servedAt[0];
  const last = servedAt.at(-1);
  if (first === undefined || last === undefined || plan.theft === undefined) return false;
  const isOwnerKeyed = plan.keys !== "none" && plan.device !== "server-rendered";
  const refreshes = isOwnerKeyed || plan.theft.keys !== "none" ? 2 : 4;
  const bound = roundsAfter(thief.ownerRenewedAt, first)[refreshes - 1];
  return bound !== undefined && last > bound;
}
