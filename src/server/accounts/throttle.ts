// Slows guessing down without locking anybody out (ASVS 5 sections 6.1.1 and 6.3.1). Owns the counters, in memory and
// bounded; the time comes from the port. Never looks at a password, never keeps an e-mail address, never ends a session.
//
// Lanes: failures of one account are counted over all addresses, except that an address which signed in to this account
// within 30 days has a lane of its own: strangers who guess cannot keep the owner out. Checking the password of somebody
// who is signed in already counts apart from signing in. Addresses have a budget besides, over all accounts.

import { createHmac } from "node:crypto";
import { PawlError } from "../../core/errors.ts";
import type { Platform } from "../../core/ports.ts";
import { addressKey } from "../../http/proxy.ts";
import { createBoundedMap } from "./bounded-map.ts";

/** Consecutive failures that cost nothing but themselves. */
export const freeFailures = 5;
/** The delay after the last free failure; each further failure doubles it. */
export const delaySecondsMin = 30;
/** The longest delay: also who is under attack may try once in a quarter of an hour from anywhere. */
export const delaySecondsMax = 900;
/** Failures are forgotten after this long without another one. */
export const failureMemorySeconds = 86_400;
/** How long an address that signed in keeps its own lane. */
export const knownAddressSeconds = 2_592_000;
/** Failures an address may run up over all accounts: an office behind one address mistypes too. */
export const addressBudget = 100;
/** One failure of an address is forgiven each time this long. */
export const addressRefillSeconds = 10;
/** Entries of each kind kept; the least recently used one is forgotten. */
export const throttleEntriesMax = 100_000;
/** Attempts of one lane that may wait for others to end. */
export const laneWaitersMax = 64;

const keyBytes = 32;
const crowdedRetrySeconds = 1;

/** Signing in, or proving oneself again within a session. */
export type ThrottleScope = "sign-in" | "session";

/** One admitted attempt; exactly one of the methods is called once. */
export interface Admission {
  /** The password was right: the lane starts anew and the address is known. */
  succeed(): void;
  /** The password was wrong. */
  fail(): void;
  /** Nothing was found out (the store was away): as if never tried. */
  abandon(): void;
}

/** The limits on guessing. */
export interface Throttle {
  /**
   * Admits one attempt on `account` (a compared e-mail address, known or not) from an address. Of many at once only as
   * many are in flight as failures are left; the others wait for them.
   * @throws PawlError `rate_limited` with `retryAfterSeconds`.
   */
  admit(scope: ThrottleScope, account: string, ip: string | undefined): Promise<Admission>;
  /** Counts one registration from an address. @throws PawlError `rate_limited`. */
  admitRegistration(ip: string | undefined): void;
  /** The owner proved themselves otherwise (registration): the address gets its lane. */
  know(account: string, ip: string | undefined): void;
  /** A reset went through: the failures of the account are forgotten. */
  forgive(account: string): void;
}

interface Lane {
  failures: number;
  /** Milliseconds. */
  lastFailureAt: number;
  blockedUntil: number;
  inFlight: number;
  waiters: (() => void)[];
}

interface Budget {
  spent: number;
  /** Milliseconds: when `spent` was right. */
  at: number;
}

function refuse(milliseconds: number): never {
  const retryAfterSeconds = Math.max(1, Math.ceil(milliseconds / 1000));
  throw new PawlError("rate_limited", `Too many attempts; retry in ${retryAfterSeconds} s.`, { retryAfterSeconds });
}

function delayMilliseconds(failures: number): number {
  if (failures < freeFailures) return 0;
  const doublings = Math.min(failures - freeFailures, 16);
  return Math.min(delaySecondsMin * 2 ** doublings, delaySecondsMax) * 1000;
}

/** The budgets of addresses: a leaking bucket each. */
function createBudgets(now: () => number) {
  const budgets = createBoundedMap<Budget>(throttleEntriesMax);
  const spend = (key: string, amount: number): void => {
    const budget = budgets.get(key) ?? { spent: 0, at: now() };
    // A clock that was set back forgives nothing and blocks nobody.
    const leaked = Math.max(0, now() - budget.at) / (addressRefillSeconds * 1000);
    const spent = Math.max(0, budget.spent - leaked) + amount;
    if (spent > addressBudget) refuse((spent - addressBudget) * addressRefillSeconds * 1000);
    budgets.set(key, { spent: Math.max(0, spent), at: now() });
  };
  return spend;
}

/** The lanes of accounts. */
function createLanes(now: () => number) {
  const lanes = createBoundedMap<Lane>(throttleEntriesMax);

  function find(key: string): Lane {
    const lane = lanes.get(key) ?? { failures: 0, lastFailureAt: now(), blockedUntil: 0, inFlight: 0, waiters: [] };
    if (now() - lane.lastFailureAt > failureMemorySeconds * 1000) lane.failures = 0;
    // A clock that was set back must not turn minutes into hours.
    lane.blockedUntil = Math.min(lane.blockedUntil, now() + delaySecondsMax * 1000);
    lanes.set(key, lane);
    return lane;
  }

  /** Attempts are counted when they begin: a hundred at once are not a hundred guesses. */
  async function enter(key: string): Promise<Lane> {
    const lane = find(key);
    for (;;) {
      if (lane.blockedUntil > now()) refuse(lane.blockedUntil - now());
      if (lane.inFlight < Math.max(1, freeFailures - lane.failures)) break;
      if (lane.waiters.length >= laneWaitersMax) refuse(crowdedRetrySeconds * 1000);
      await new Promise<void>((resolve) => lane.waiters.push(resolve));
    }
    lane.inFlight += 1;
    return lane;
  }

  function leave(lane: Lane, outcome: "right" | "wrong" | "unknown"): void {
    lane.inFlight -= 1;
    if (outcome === "right") {
      lane.failures = 0;
      lane.blockedUntil = 0;
    } else if (outcome === "wrong") {
      lane.failures += 1;
      lane.lastFailureAt = now();
      lane.blockedUntil = now() + delayMilliseconds(lane.failures);
    }
    // All of them look again: in order of arrival, as many go on as there is room for.
    for (const wake of lane.waiters.splice(0)) wake();
  }

  return { enter, leave, forget: (key: string) => lanes.delete(key) };
}

/** Creates the throttle. Each has a random key of its own: its memory names no address and no account. */
export function createThrottle(platform: Platform): Throttle {
  const now = (): number => platform.clock.now();
  const key = platform.entropy.bytes(keyBytes);
  const name = (...parts: readonly string[]): string =>
    createHmac("sha256", key).update(JSON.stringify(parts)).digest("base64url");
  const lanes = createLanes(now);
  const spendFailure = createBudgets(now);
  const spendRegistration = createBudgets(now);
  const known = createBoundedMap<number>(throttleEntriesMax);

  const know = (account: string, ip: string | undefined): void => {
    const address = ip ? addressKey(ip) : undefined;
    if (address !== undefined) known.set(name("known", account, address), now() + knownAddressSeconds * 1000);
  };

  return {
    async admit(scope, account, ip) {
      const address = ip ? addressKey(ip) : undefined;
      const isKnown = address !== undefined && (known.get(name("known", account, address)) ?? 0) > now();
      // The budget of an address that others share must not stop its known owner either.
      const budget = address === undefined || isKnown ? undefined : name("address", address);
      if (budget !== undefined) spendFailure(budget, 1);
      const giveBack = () => {
        if (budget !== undefined) spendFailure(budget, -1);
      };
      const laneName = isKnown ? name(scope, account, address) : name(scope, account);
      const lane = await lanes.enter(laneName).catch((error: unknown) => {
        giveBack();
        throw error;
      });
      return {
        succeed: () => {
          giveBack();
          lanes.leave(lane, "right");
          know(account, ip);
        },
        fail: () => lanes.leave(lane, "wrong"),
        abandon: () => {
          giveBack();
          lanes.leave(lane, "unknown");
        },
      };
    },
    admitRegistration(ip) {
      const address = ip ? addressKey(ip) : undefined;
      if (address !== undefined) spendRegistration(name("address", address), 1);
    },
    know,
    forgive(account) {
      for (const scope of ["sign-in", "session"]) lanes.forget(name(scope, account));
    },
  };
}

/** A throttle that admits everything: for load tests. */
export function createOpenThrottle(): Throttle {
  const nothing = () => undefined;
  return {
    admit: async () => ({ succeed: nothing, fail: nothing, abandon: nothing }),
    admitRegistration: nothing,
    know: nothing,
    forgive: nothing,
  };
}
