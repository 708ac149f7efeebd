// Who a simulated user is and what he is going to do: devices, tabs, attempt keys, visits over the weeks, what disturbs
// each visit, and whether somebody steals the jar. Drawn from (seed, user) before anything runs, so every rule set meets
// the same people. Owns the mix of the population; runs nothing.

import type { Chance } from "./chance.ts";
import { createChance } from "./chance.ts";
import type { FaultLevel } from "./faults.ts";
import { faultFactor } from "./faults.ts";

export const minuteMilliseconds = 60_000;
export const hourMilliseconds: number = 60 * minuteMilliseconds;
export const dayMilliseconds: number = 24 * hourMilliseconds;

export type Device = "browser" | "mobile" | "server-rendered" | "agents";
/** How clients draw attempt keys: one for all that share the jar, one each, or none at all. */
export type Keys = "shared" | "own" | "none";
export const thiefStrategies = ["own pace", "acts first", "lockstep", "trails", "polls", "sleeps"] as const;
export type ThiefStrategy = (typeof thiefStrategies)[number];

/** One visit; instants are milliseconds from the beginning of the simulation, offsets from that of the visit. */
export interface Visit {
  readonly at: number;
  readonly lasts: number;
  /** How many of the tabs (or processes) take part. */
  readonly tabs: number;
  /** A storm of reloads of the first tab: offsets. */
  readonly reloads: readonly number[];
  /** The machine sleeps at this offset and wakes after that time. */
  readonly sleep: { readonly after: number; readonly for: number } | undefined;
  /** The server's clock is set by this much during the visit (milliseconds, either direction). */
  readonly serverStep: number;
  /** The client's clock is set: everybody takes his access token for expired. */
  readonly clientStepAfter: number | undefined;
  /** The person signs out at the end. */
  readonly isLast: boolean;
}

/** A copy of the jar, and what is done with it. */
export interface Theft {
  readonly at: number;
  readonly strategy: ThiefStrategy;
  readonly keys: "own" | "none";
  readonly confirms: boolean;
  /** Milliseconds between two refreshes of the thief, where his strategy leaves that to him. */
  readonly pace: number;
  /** Milliseconds before (negative) or after the owner, where he follows him: in lockstep, or minutes behind. */
  readonly offset: number;
  readonly sleeps: number;
}

/** One user. */
export interface Plan {
  readonly user: number;
  readonly device: Device;
  readonly tabs: number;
  readonly keys: Keys;
  readonly confirms: boolean;
  /** Tabs (or processes) refresh one after the other, by a lock; the others run into each other. */
  readonly takesTurns: boolean;
  readonly visits: readonly Visit[];
  readonly theft: Theft | undefined;
}

/** Every third user is robbed. */
export function isRobbed(user: number): boolean {
  return user % 3 === 0;
}

/** Visits of one user are at most this many; more days than they fill stay quiet. */
const visitsMax = 4_000;
const serverStepMax = 15_000;
const bigStepMax: number = 10 * minuteMilliseconds;

/** Plans one user. */
export function planUser(seed: number, user: number, days: number, level: FaultLevel): Plan {
  const chance = createChance(seed, user);
  const device = pickDevice(chance);
  const tabs = device === "mobile" ? 1 : device === "agents" ? chance.whole(2, 6) : chance.pick([1, 1, 1, 2, 2, 3, 4]);
  const keys: Keys = chance.pick(["shared", "shared", "shared", "own", "own", "none"]);
  const confirms = chance.happens(0.8);
  const takesTurns = chance.happens(device === "agents" ? 0.3 : 0.7);
  // Between two visits a day and one in two days; a few stay away for more than a week now and then.
  const gap = chance.between(0.5, 2) * dayMilliseconds;
  const holidays = chance.happens(0.1);
  const visits: Visit[] = [];
  let at = chance.between(0, gap);
  for (let index = 0; index < visitsMax && at < days * dayMilliseconds; index += 1) {
    const visit = planVisit(createChance(seed, user, index), Math.round(at), tabs, level);
    visits.push(visit);
    const away = holidays && chance.happens(0.02) ? 9 * dayMilliseconds : 0;
    at += visit.lasts + away + minuteMilliseconds * 20 + gap * -Math.log(1 - chance.next());
  }
  const theft = isRobbed(user) ? planTheft(seed, user, visits) : undefined;
  return { user, device, tabs, keys, confirms, takesTurns, visits, theft };
}

function pickDevice(chance: Chance): Device {
  const draw = chance.next();
  if (draw < 0.5) return "browser";
  if (draw < 0.8) return "mobile";
  return draw < 0.9 ? "server-rendered" : "agents";
}

function planVisit(chance: Chance, at: number, tabs: number, level: FaultLevel): Visit {
  const factor = faultFactor[level];
  const lasts = Math.round(chance.between(3, 45) * minuteMilliseconds);
  const reloadsAt = chance.happens(0.5) ? 0 : chance.between(0, lasts);
  const isStorm = chance.happens(0.04 * factor);
  const reloads = Array.from({ length: 5 }, () => chance.between(50, 1_500));
  const storm = reloads.map((_, index) =>
    Math.round(reloads.slice(0, index + 1).reduce((sum, each) => sum + each, reloadsAt)),
  );
  const isSleep = chance.happens(0.04 * factor);
  const sleep = {
    after: Math.round(chance.between(20, lasts)),
    for: Math.round(chance.between(60_000, 6 * hourMilliseconds)),
  };
  const isServerStep = chance.happens(0.02 * factor);
  const stepMax = level === "beyond" ? bigStepMax : serverStepMax;
  const serverStep = Math.round(chance.between(-stepMax, stepMax));
  const isClientStep = chance.happens(0.02 * factor);
  const clientStepAfter = Math.round(chance.between(0, lasts));
  return {
    at,
    lasts,
    tabs: chance.whole(1, tabs),
    reloads: isStorm ? storm : [],
    sleep: isSleep ? sleep : undefined,
    serverStep: isServerStep ? serverStep : 0,
    clientStepAfter: isClientStep ? clientStepAfter : undefined,
    isLast: chance.happens(0.01),
  };
}

/** The jar is copied in one of the first visits, or between two of them. */
function planTheft(seed: number, user: number, visits: readonly Visit[]): Theft | undefined {
  const chance = createChance(seed, user, -2);
  const first = visits[chance.whole(0, 3)] ?? visits[0];
  if (first === undefined) return undefined;
  const strategy = thiefStrategies[Math.floor(user / 3) % thiefStrategies.length] as ThiefStrategy;
  const lockstep = chance.pick([-2_000, -500, 0, 500, 2_000]);
  const behind = Math.round(chance.between(2, 9) * minuteMilliseconds);
  return {
    at: Math.round(
      first.at + (chance.happens(0.5) ? chance.between(0, first.lasts) : chance.between(0, dayMilliseconds)),
    ),
    strategy,
    keys: chance.pick(["own", "none"]),
    confirms: chance.happens(0.5),
    pace: Math.round(chance.between(15, 240) * minuteMilliseconds),
    offset: strategy === "trails" ? behind : lockstep,
    sleeps: Math.round(chance.between(0.5, 5) * dayMilliseconds),
  };
}
