// What goes wrong, how often, at which level. One message's fate is drawn here; what happens once a visit (reloads, sleep,
// clock steps) is drawn in plan.ts with the same factors. Owns the rates; injects nothing itself.

import type { Chance } from "./chance.ts";

/** Everything that is injected, under the names of the report. */
export const faultKinds = [
  "request lost",
  "answer lost",
  "request late",
  "answer late",
  "request doubled",
  "crash before commit",
  "crash after commit",
  "store failover",
  "failover in a race",
  "reload in flight",
  "sleep in flight",
  "server clock step",
  "big clock step",
  "client clock step",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/**
 * The levels, in the order of the report. `beyond` is `normal` with what SECURITY.md excludes: a store that forgets a write
 * while several attempts are under way, and a server clock that is set by more than a soft zone.
 */
export const faultLevels = ["none", "low", "normal", "high", "beyond"] as const;
export type FaultLevel = (typeof faultLevels)[number];

/** How often faults come, `normal` being 1. With `none` there are still several tabs, pages and processes. */
export const faultFactor: Readonly<Record<FaultLevel, number>> = { none: 0, low: 0.25, normal: 1, high: 5, beyond: 1 };

/** The longest a request may be in flight, in milliseconds; clients and server keep to it (CONTRACT section 4). */
export const graceMilliseconds = 30_000;

/** What becomes of one message and its answer. Delays are milliseconds. */
export interface Fate {
  readonly isRequestLost: boolean;
  readonly requestDelay: number;
  readonly isRequestLate: boolean;
  readonly isAnswerLost: boolean;
  readonly answerDelay: number;
  readonly isAnswerLate: boolean;
  /** The message arrives twice, the second time this much later; the client gets one of the two answers. */
  readonly secondAfter: number | undefined;
  readonly answerOf: 0 | 1;
  readonly crash: "before" | "after" | undefined;
  /** The store acknowledges the write and forgets it. */
  readonly isWriteLost: boolean;
  /** The page has gone, its answer still reaches the cookie jar. */
  readonly landsAfterAbort: boolean;
}

const rates = {
  requestLost: 0.012,
  answerLost: 0.012,
  requestLate: 0.012,
  answerLate: 0.012,
  doubled: 0.01,
  crash: 0.002,
  writeLost: 0.0015,
} as const;

/** How much worse a mobile network is. */
const mobileFactor = 2.5;
const quickest = 15;
const slowest = 250;

/** Draws the fate of one message: always the same number of draws, so that levels and rule sets meet the same luck. */
export function drawFate(chance: Chance, level: FaultLevel, isMobile: boolean): Fate {
  const factor = faultFactor[level];
  const network = factor * (isMobile ? mobileFactor : 1);
  const isRequestLost = chance.happens(rates.requestLost * network);
  const isAnswerLost = chance.happens(rates.answerLost * network);
  const isRequestLate = chance.happens(rates.requestLate * network);
  const isAnswerLate = chance.happens(rates.answerLate * network);
  const usual = chance.between(quickest, slowest);
  const late = chance.between(1_000, graceMilliseconds - 1_000);
  const usualBack = chance.between(quickest, slowest);
  const lateShare = chance.next();
  const isDoubled = chance.happens(rates.doubled * network);
  const doubledAfter = chance.happens(0.5) ? 0 : chance.between(1, 20_000);
  const answerOf = chance.happens(0.5) ? 0 : 1;
  const isCrash = chance.happens(rates.crash * factor);
  const crash = chance.happens(0.5) ? "before" : "after";
  const requestDelay = Math.round(isRequestLate ? late : usual);
  return {
    isRequestLost,
    requestDelay,
    isRequestLate,
    isAnswerLost,
    answerDelay: Math.round(isAnswerLate ? lateShare * (graceMilliseconds - requestDelay) : usualBack),
    isAnswerLate,
    secondAfter: isDoubled ? Math.round(doubledAfter) : undefined,
    answerOf,
    crash: isCrash ? crash : undefined,
    isWriteLost: chance.happens(rates.writeLost * factor),
    landsAfterAbort: chance.happens(0.3),
  };
}

/** The fate of a message on a perfect network. */
export const noFault: Fate = {
  isRequestLost: false,
  requestDelay: 40,
  isRequestLate: false,
  isAnswerLost: false,
  answerDelay: 40,
  isAnswerLate: false,
  secondAfter: undefined,
  answerOf: 0,
  crash: undefined,
  isWriteLost: false,
  landsAfterAbort: false,
};

/** How often each kind was injected. */
export type FaultCounts = Record<FaultKind, number>;

/** Nothing yet. */
export function noFaults(): FaultCounts {
  return Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as FaultCounts;
}
