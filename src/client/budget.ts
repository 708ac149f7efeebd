// How often a client may refresh: a budget for the hour, far above what tokens of its lifetime need, and a pause after
// each failure, of a second at first and doubling. Whatever an application, a resource server or a network does, nothing loops.
// Counts by the monotonic clock; sends nothing.

import { ClientError } from "./error.ts";

const hourMilliseconds = 3_600_000;
const twoHoursSeconds = 7200;
/** Refreshes an hour beyond those that the lifetime of tokens asks for. */
const spareRefreshes = 60;
const pauseSecondsMax = 60;

/** A budget of refreshes. */
export interface Budget {
  /** Takes one refresh out. Throws what stands against it. */
  spend(): void;
  /** A token of `lifetimeSeconds` came: no pause, and as many refreshes as such tokens need, twice. */
  succeed(lifetimeSeconds: number): void;
  /** Nothing is tried for a while: at least what the server asked for. */
  fail(error: unknown): void;
  /** The network is back. */
  resume(): void;
}

/** A full budget. */
export function createBudget(): Budget {
  /** What one refresh takes of the hour. */
  let price = hourMilliseconds / spareRefreshes;
  /** Instants are milliseconds of performance.now(). */
  let paidUntil = 0;
  let pausedUntil = 0;
  let failures = 0;
  let cause: ClientError | undefined;
  return {
    spend() {
      const now = performance.now();
      if (now < pausedUntil) throw cause;
      const next = Math.max(now, paidUntil) + price;
      if (next > now + hourMilliseconds) throw new ClientError("refresh_budget");
      paidUntil = next;
    },
    succeed(lifetimeSeconds) {
      price = hourMilliseconds / (spareRefreshes + twoHoursSeconds / lifetimeSeconds);
      failures = pausedUntil = 0;
    },
    fail(error) {
      const backoff = Math.min(2 ** failures, pauseSecondsMax) * (1 - Math.random() / 2);
      failures += 1;
      cause = error as ClientError;
      pausedUntil = performance.now() + Math.max(cause.retryAfterSeconds ?? 0, backoff) * 1000;
    },
    resume() {
      // What the server asked for still holds.
      if (cause?.status === 0) pausedUntil = 0;
    },
  };
}
