// The state that the explorer branches on: one session, the jar of its owner, what is in flight between jar and server,
// and perhaps a thief. Plain immutable values, so that any state can be gone on from any number of times.
// Owns the shape of the world and of a scenario; no move and no rule.

import type { RotationMode } from "../../src/core/policy.ts";
import type { SessionRecord } from "../../src/core/record.ts";

/** Seconds; the policy under exploration. */
export const graceSeconds = 30;
/** Milliseconds. Two of them are the longest life of a request, 4 ms short of `grace`; four are short of a soft zone. */
export const tickMilliseconds = 14_999;
/** Milliseconds: a soft zone to the millisecond. Whatever was in flight is gone after it. */
export const zoneMilliseconds = 60_000;
/** Milliseconds: the longest a request may be under way, from being sent to its cookie being stored. */
export const lifeMilliseconds: number = 2 * tickMilliseconds;

/** One thing in flight between the owner's clients and the server. */
export interface Flight {
  readonly phase: "request" | "held" | "answer";
  readonly operation: "refresh" | "confirm";
  /** The token presented. */
  readonly token: string;
  /** The `Idempotency-Key`; `undefined` = none. */
  readonly key: string | undefined;
  /** Who sent it: a position in {@link World.keys}. */
  readonly lane: number;
  readonly sentAt: number;
  /** With `held`: the record as the server read it, and when. */
  readonly read?: SessionRecord;
  readonly readAt?: number;
  /** With `answer`: the token in its cookie; `undefined` = a settle. */
  readonly gives?: string | undefined;
}

/** What the thief has and what he has got so far. */
export interface Thief {
  readonly tokens: readonly string[];
  /** True once he got an access token. */
  readonly isServed: boolean;
  /**
   * Refreshes since then that brought the owner a new token, those within a soft zone of each other as one, up to the
   * bound. One whose answer was lost, or that only settled, decides nothing and is not counted.
   */
  readonly ownerRefreshes: number;
  /** True when he got one after the bound of I2 had passed. */
  readonly late: boolean;
  /** When a refresh of the owner was last counted. */
  readonly countedAt: number;
  /** Refreshes in a row, those within a soft zone as one, that only settled; and when one was last counted. */
  readonly settles: number;
  readonly settledAt: number;
  /** For a thief at his own pace: when the owner last acted, was last served, and when the thief last acted … */
  readonly ownerActedAt: number;
  readonly ownerGotAt: number;
  readonly actedAt: number;
  /** … and whether he acted since the owner's last success. */
  readonly actedSince: boolean;
}

/** The whole state. */
export interface World {
  /** Milliseconds since the Unix epoch, on the server's clock. */
  readonly at: number;
  readonly mode: RotationMode;
  readonly record: SessionRecord;
  /** The record before its last write, for a failover that loses one. */
  readonly before: SessionRecord | undefined;
  /** The token in the cookie jar. */
  readonly jar: string;
  /** The attempt keys in use, one per lane; `undefined` in a lane = the next request draws one. */
  readonly keys: readonly (string | undefined)[];
  readonly flights: readonly Flight[];
  readonly thief: Thief | undefined;
  readonly left: Budget;
}

/** How often something may still happen. */
export interface Budget {
  readonly doubles: number;
  readonly failovers: number;
  readonly switches: number;
  readonly losses: number;
  readonly revocations: number;
}

/** How the requests of one lane carry an attempt. */
export type Lane = "key" | "no key";

/** A world to explore: who takes part and what may happen. */
export interface Scenario {
  readonly name: string;
  /** One sentence: what is explored. */
  readonly about: string;
  /** States to search unless told otherwise, and the depth that is complete by then. */
  readonly states: number;
  readonly depth: number;
  /** One lane per kind of client: tabs that share an attempt key are one lane. */
  readonly lanes: readonly Lane[];
  /** True when clients send `POST /auth/confirm`. */
  readonly confirms: boolean;
  /** Requests and answers under way at once, at most. */
  readonly flightsMax: number;
  /** True: reading and committing are moves of their own, so others act, or the server crashes, in between. */
  readonly split: boolean;
  /** True: the owner's requests are sent, processed and answered in one move (or the answer is lost). */
  readonly atomic: boolean;
  readonly budget: Budget;
  readonly thief: ThiefPlan | undefined;
}

/** What the thief may do, and by when one of the two must have lost access (I2). */
export interface ThiefPlan {
  readonly lanes: readonly Lane[];
  /**
   * `own`: never within a soft zone of the owner, and once between two of the owner's refreshes, which are at least a soft
   * zone apart themselves. `any`: at any time.
   */
  readonly pace: "own" | "any";
  readonly tokensMax: number;
  /** True: he lets go of what can only give him away, which keeps the states few. */
  readonly forgets: boolean;
  /** Refreshes of the owner that are counted ({@link Thief.ownerRefreshes}). */
  readonly refreshesBound: number;
  /** How often in a row the owner may be kept from a new token. */
  readonly settlesBound: number;
}

/** Why a state is wrong. */
export interface Violation {
  readonly invariant: "I1" | "I2" | "I3" | "I4" | "I5" | "I6";
  readonly what: string;
}
