// The plan of a run: who lives in it, when they act and what the network does to each of their requests. It depends on
// the seed alone. What a real machine makes of it (scheduling, the order of answers) does not, and is not planned here.

import { createRandom, type Random } from "../../src/testing/random.ts";
import { drawFault, type Fault } from "./faults.ts";

/** Who keeps the attempt key (`Idempotency-Key`) of an unanswered refresh: the jar, each tab for itself, nobody. */
export type Keys = "shared" | "own" | "none";
export type Transport = "cookie" | "body";
export type ThiefKind = "own pace" | "lockstep" | "polling";

/** One thief: a copy of the jar, taken at some time. Times are in graces. */
export interface ThiefPlan {
  readonly kind: ThiefKind;
  readonly stealsAfter: number;
  readonly sendsKeys: boolean;
  readonly confirms: boolean;
  /** Waits until the owner has been silent for a soft zone. */
  readonly keepsAway: boolean;
}

/** One session: what its browser is like. Times are in graces. */
export interface SessionPlan {
  readonly slot: number;
  readonly round: number;
  readonly transport: Transport;
  readonly tabs: number;
  readonly keys: Keys;
  readonly confirms: boolean;
  /** A client that gives up drops the answer; one that does not goes on, and a late cookie still lands in the jar. */
  readonly aborts: boolean;
  readonly pause: readonly [min: number, max: number];
  /** Tabs that wake together, this often, and then refresh in a flurry (a restored window, reload after reload). */
  readonly beat: number | undefined;
  /** The probability that a request meets a fault. */
  readonly faults: number;
  readonly lifetime: number;
  readonly signsOut: boolean;
  readonly thief: ThiefPlan | undefined;
}

/** One sending of one tab (or thief). Times are in graces. */
export interface SendPlan {
  /** Before it, and before it when it repeats an unanswered one. */
  readonly pause: number;
  readonly retryPause: number;
  /** In a session with a beat: wait for the next one, and `pause` after it. */
  readonly waitsForBeat: boolean;
  /** When the client gives up waiting. */
  readonly patience: number;
  readonly waitsForConfirm: boolean;
  readonly fault: Fault;
  readonly confirmFault: Fault;
}

const paces = [
  [0.02, 0.6],
  [0.2, 2.5],
  [2.2, 6],
] as const;
const weathers = [0.02, 0.25, 0.6] as const;

function mix(...numbers: readonly number[]): number {
  let state = 0x811c9dc5;
  for (const number of numbers) {
    state = Math.imul(state ^ (number | 0), 0x01000193);
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
  }
  return state ^ (state >>> 13);
}

function among<Value>(random: Random, values: readonly Value[]): Value {
  return values[Math.floor(random() * values.length)] as Value;
}

function between(random: Random, [min, max]: readonly [number, number]): number {
  return min + random() * (max - min);
}

/** Every third slot is robbed. */
const robbedEvery = 3;

/** The `round`-th session of a slot. */
export function planSession(seed: number, slot: number, round: number): SessionPlan {
  const random = createRandom(mix(seed, 1, slot, round));
  const plan = {
    slot,
    round,
    transport: among(random, ["cookie", "body"] as const),
    tabs: among(random, [1, 1, 2, 2, 4]),
    keys: among(random, ["shared", "own", "none"] as const),
    confirms: random() < 0.6,
    aborts: random() < 0.5,
    pause: among(random, paces),
    beat: random() < 0.6 ? 2.1 + random() * 2 : undefined,
    faults: among(random, weathers),
    lifetime: random() < 0.25 ? Number.POSITIVE_INFINITY : 5 + random() * 20,
    signsOut: random() < 0.6,
  };
  const thief: ThiefPlan = {
    kind: among(random, ["own pace", "lockstep", "polling"] as const),
    stealsAfter: 0.5 + random() * 4,
    sendsKeys: random() < 0.5,
    confirms: random() < 0.4,
    keepsAway: random() < 0.7,
  };
  if (slot % robbedEvery !== robbedEvery - 1) return { ...plan, thief: undefined };
  // Half of the robbed are fast, so that a run sees the end of them; calm weather lets the sharper bound be measured.
  const calm = thief.kind === "own pace" && thief.keepsAway;
  const robbed = { ...plan, lifetime: Number.POSITIVE_INFINITY, signsOut: false, thief };
  if (!calm && plan.beat !== undefined) return robbed;
  if (!calm) return { ...robbed, pause: plan.pause === paces[2] ? paces[1] : plan.pause };
  return {
    ...robbed,
    faults: 0,
    beat: undefined,
    pause: [4.5, 6.5],
    tabs: 1,
    keys: "shared",
    thief: { ...thief, sendsKeys: true },
  };
}

/** The `index`-th sending of one tab; thieves are tab -1. */
export function planSend(seed: number, session: SessionPlan, tab: number, index: number): SendPlan {
  const random = createRandom(mix(seed, 2, session.slot, session.round, tab, index));
  const inBeat = between(random, [0, 0.25]);
  const atWill = between(random, session.pause);
  return {
    waitsForBeat: random() < 0.35,
    pause: session.beat === undefined ? atWill : inBeat,
    // Now and then the client is offline for longer than a soft zone.
    retryPause: random() < 0.12 ? between(random, [2.05, 3]) : between(random, [0.02, 0.4]),
    patience: between(random, [0.2, 0.95]),
    waitsForConfirm: random() < 0.5,
    fault: drawFault(random, session.faults),
    confirmFault: drawFault(random, session.faults),
  };
}

/** Milliseconds between one start of the server and the next kill -9. */
export function planKills(seed: number): () => number {
  const random = createRandom(mix(seed, 3));
  return () => 1500 + random() * 4500;
}

/** Which of several nodes each kill -9 hits. */
export function planVictims(seed: number, nodes: number): () => number {
  const random = createRandom(mix(seed, 5));
  return () => Math.floor(random() * nodes);
}

/** Random choices of the checks after a run. */
export function planAudit(seed: number): Random {
  return createRandom(mix(seed, 4));
}
