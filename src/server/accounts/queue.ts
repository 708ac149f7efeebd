// A queue with two bounds for work that is expensive on purpose: so many at once, so many waiting, the rest is refused.
// Owns the counting only. Password hashing runs on libuv's threads (four by default), which signing and files need
// too: by default it may hold half of them, so that a storm of sign-ins never starves /auth/refresh.

import { PawlError } from "../../core/errors.ts";

/** Bounds of {@link createQueue}. */
export interface QueueOptions {
  /** Tasks running at once. Default 2, at least 1. */
  readonly runningMax?: number;
  /** Tasks waiting for their turn. Default 64, at least 0. */
  readonly waitingMax?: number;
}

/** A bounded queue. */
export interface Queue {
  /** Runs `task` in its turn. @throws PawlError `rate_limited` when too many wait already. */
  run<Result>(task: () => Promise<Result>): Promise<Result>;
}

const retryAfterSeconds = 1;

/** Creates a bounded first-in-first-out queue. */
export function createQueue(options: QueueOptions = {}): Queue {
  const runningMax = options.runningMax ?? 2;
  const waitingMax = options.waitingMax ?? 64;
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async run(task) {
      if (running >= runningMax) {
        if (waiting.length >= waitingMax) {
          throw new PawlError("rate_limited", "Too many sign-ins at this moment; retry.", { retryAfterSeconds });
        }
        // The place is handed over by the task that ends, so `running` is not counted up again.
        await new Promise<void>((resolve) => waiting.push(resolve));
      } else {
        running += 1;
      }
      try {
        return await task();
      } finally {
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
