// What all parts of one run share: the plan's seed, the clock, the network, the counts, and the list of what went wrong.
// Owns how time is told and how a violation is written down; decides no verdict.

import { setTimeout as sleepFor } from "node:timers/promises";
import type { Dialect } from "./dialect.ts";
import type { Host } from "./host.ts";
import type { Network } from "./network.ts";

/** Figures of a run; the faults are counted by the network, the kills by the host. */
export interface Counts {
  sessions: number;
  /** Sign-ins without an answer: each may have left a session that nobody knows. */
  signInsUnanswered: number;
  /** Refreshes that were answered with a new token which reached the jar; those of thieves are not among them. */
  refreshes: number;
  confirms: number;
  settles: number;
  superseded: number;
  busy: number;
  /** Requests without an answer, whatever the reason. */
  unanswered: number;
  logouts: number;
  thefts: number;
  thiefAnswers: number;
  /** Sessions that ended because of a theft. */
  detections: number;
  /** Thieves shut out while the session went on. */
  shutOut: number;
  /** Thieves that were still in at the end of the run. */
  inside: number;
  /** Thefts to which the sharper of the two bounds applied to the end. */
  sharp: number;
  /** Requests that the server held longer than grace because the machine was too slow: no rule covers them. */
  overdue: number;
  /** Sessions that ended after such a request: they say nothing. */
  inconclusive: number;
  /** Requests of ended sessions, and old tokens, that were presented again and refused. */
  refusals: number;
}

/** A rule that was broken, with the last events of the session. */
export interface Violation {
  readonly invariant: "I1" | "I2" | "I3" | "I4" | "I5" | "I6" | "contract";
  readonly what: string;
  readonly session: string;
  readonly story: readonly string[];
}

/** Everything under way ends within a grace or two. */
const quietGracesMax = 15;

export class World {
  readonly seed: number;
  readonly dialect: Dialect;
  readonly graceMilliseconds: number;
  readonly host: Host;
  readonly network: Network;
  readonly violations: Violation[] = [];
  /** Sign-ins under way. */
  signingIn = 0;
  readonly counts: Counts = {
    sessions: 0,
    signInsUnanswered: 0,
    refreshes: 0,
    confirms: 0,
    settles: 0,
    superseded: 0,
    busy: 0,
    unanswered: 0,
    logouts: 0,
    thefts: 0,
    thiefAnswers: 0,
    detections: 0,
    shutOut: 0,
    inside: 0,
    sharp: 0,
    overdue: 0,
    inconclusive: 0,
    refusals: 0,
  };
  /** Aborted when the time is up. */
  readonly over: AbortController = new AbortController();
  /** Requests under way and everything else that has to end before the checks begin. */
  readonly #pending = new Set<Promise<unknown>>();
  readonly #startedAt = performance.now();
  readonly #endsAt: number;

  constructor(parts: {
    readonly seed: number;
    readonly dialect: Dialect;
    readonly seconds: number;
    readonly graceMilliseconds: number;
    readonly host: Host;
    readonly network: Network;
  }) {
    this.#endsAt = parts.seconds * 1000;
    this.seed = parts.seed;
    this.dialect = parts.dialect;
    this.graceMilliseconds = parts.graceMilliseconds;
    this.host = parts.host;
    this.network = parts.network;
  }

  /** Milliseconds since the run began. */
  now(): number {
    return performance.now() - this.#startedAt;
  }

  /** How many graces the load still goes on. */
  get gracesLeft(): number {
    return (this.#endsAt - this.now()) / this.graceMilliseconds;
  }

  get softZone(): number {
    return 2 * this.graceMilliseconds;
  }

  /** Sleeps for a part of grace; wakes early, without complaint, when `signal` is aborted. */
  async sleep(graces: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await sleepFor(graces * this.graceMilliseconds, undefined, { signal }).catch(() => undefined);
  }

  /** Keeps the checks waiting for `work`. */
  track<Result>(work: Promise<Result>): Promise<Result> {
    const forget = (): void => {
      this.#pending.delete(work);
    };
    this.#pending.add(work);
    work.then(forget, forget);
    return work;
  }

  /** Resolves when nothing is under way; rejects when something never ends, which would be a fault of ours. */
  async quiet(): Promise<void> {
    let isTooLate = false;
    const { promise: tooLate, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      isTooLate = true;
      resolve();
    }, quietGracesMax * this.graceMilliseconds);
    while (this.#pending.size > 0 && !isTooLate) await Promise.race([Promise.allSettled(this.#pending), tooLate]);
    clearTimeout(timer);
    if (isTooLate) throw new Error(`${this.#pending.size} requests never ended`);
  }
}
