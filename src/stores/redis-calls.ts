// Calls of the Redis store under way: how many, for how long, and what their failures mean. A driver may keep a command
// for ever while its server is away, so every call has a time limit of ours. Nothing is sent a second time from here but a
// script that the server did not know, which it says before it does anything. Knows no key.

import { PawlError } from "../core/errors.ts";
import type { Scheduler } from "../core/ports.ts";
import { storeError } from "./group-commit.ts";
import type { RedisArgument, RedisDriver } from "./redis-driver.ts";
import type { Script } from "./redis-scripts.ts";

/** The most calls that may be under way; further ones are refused at once. */
export const callsMax = 16_384;
/** How finely time limits are kept: a call may take this part of its limit longer. */
const ticksPerLimit = 8;

/** Runs scripts. */
export interface Calls {
  /**
   * Runs one script.
   * @throws PawlError `store_unavailable` when no answer comes in time (the script may have run or not) or the server
   * refuses; `store_incompatible` when a key holds something of another kind.
   */
  run(script: Script, keys: readonly string[], input?: readonly RedisArgument[]): Promise<unknown>;
  /** Refuses further calls, resolves when nothing is under way any more. */
  close(): Promise<void>;
}

interface Call {
  readonly startedAtTick: number;
  readonly reject: (error: Error) => void;
}

/** Makes the calls of one store, each of which takes at most about `limitMilliseconds`. */
export function createCalls(driver: RedisDriver, scheduler: Scheduler, limitMilliseconds: number): Calls {
  const underWay = new Set<Call>();
  let tick = 0;
  let whenIdle: (() => void) | undefined;
  // One timer for all: with a timer each, thousands of calls a second would be as many timers.
  const stopTicking = scheduler.every(Math.ceil(limitMilliseconds / ticksPerLimit), () => {
    tick += 1;
    for (const call of underWay) {
      if (tick - call.startedAtTick <= ticksPerLimit) return;
      call.reject(new Error(`no answer within ${limitMilliseconds} ms`));
    }
  });
  const run: Calls["run"] = (script, keys, input = []) =>
    new Promise((resolve, reject) => {
      if (whenIdle !== undefined) throw new PawlError("store_unavailable", "the store is closed");
      if (underWay.size >= callsMax) throw storeError(new Error("too many calls are under way"));
      const end = (): void => {
        underWay.delete(call);
        if (underWay.size === 0) whenIdle?.();
      };
      const call: Call = {
        startedAtTick: tick,
        reject: (error) => {
          end();
          reject(redisError(error));
        },
      };
      underWay.add(call);
      runScript(driver, script, keys, input).then((reply) => {
        end();
        resolve(reply);
      }, call.reject);
    });
  return {
    run,
    close: async () => {
      await new Promise<void>((resolve) => {
        whenIdle = resolve;
        if (underWay.size === 0) resolve();
      });
      stopTicking();
    },
  };
}

async function runScript(
  driver: RedisDriver,
  script: Script,
  keys: readonly string[],
  input: readonly RedisArgument[],
): Promise<unknown> {
  try {
    return await driver.runByName(script, keys, input);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    return await driver.runSource(script, keys, input);
  }
}

/** An error as callers see it; what the driver said stays in `cause`. */
export function redisError(cause: unknown): PawlError {
  const message = cause instanceof Error ? cause.message : "";
  if (message.includes("WRONGTYPE")) {
    return new PawlError("store_incompatible", "a key of this store holds something that is not ours", { cause });
  }
  const why = refusals.find(([word]) => message.startsWith(word))?.[1];
  return why === undefined
    ? storeError(cause)
    : new PawlError("store_unavailable", why, { cause, retryAfterSeconds: 1 });
}

/** What is worth telling apart, because waiting does not help: by the first word of the server's answer. */
const refusals: readonly (readonly [string, string])[] = [
  ["WRONGPASS", "Redis does not accept the user name or the password"],
  ["NOAUTH", "Redis wants a password"],
  ["NOPERM", "Redis does not let this user do what the store needs"],
  ["ERR The user executing the script", "Redis does not let this user do what the store needs"],
  ["OOM", "Redis has no memory left (maxmemory)"],
  ["READONLY", "this Redis is a read-only replica; the address must lead to the primary"],
  ["NOREPLICAS", "Redis has fewer replicas than it must have for a write (min-replicas-to-write)"],
  ["MISCONF", "Redis refuses writes because it cannot save to its disk"],
  ["LOADING", "Redis is still loading its data"],
  ["MOVED", "this Redis is one node of a Cluster; it takes a client for clusters"],
  ["ERR DB index", "Redis has no database of this number"],
  ["CROSSSLOT", "the keys of the store are not in one hash slot"],
];
