// Slows guessing down without locking anybody out (ASVS 5 sections 6.1.1 and 6.3.1). Owns the counters, in memory and
// bounded; the time comes from the port. Never looks at a password, never keeps an e-mail address, never ends a session.
//
// Each pair of account and address has a lane: five free failures, then delays. An address that signed in to the account
// within 30 days needs nothing else. Any other address also takes a place from the account (24, one back a minute) and
// from its own budget over all accounts (100, one back in ten seconds; refused attempts cost, too). The more an address
// has failed at an account, the more places it must leave to others: the last ones are for addresses that never failed.
// Signing in and proving oneself within a session count apart.
//
// - One address: 5 guesses, then about 100 a day. Whoever shares it waits with it; nobody else notices.
// - Ten addresses: ten times that; four places or more stay for an owner who comes from somewhere new.
// - Many (hundreds of IPv4 addresses or IPv6 /48 networks that take turns): 24 guesses, then one a minute, at most 1,464
//   a day. While they last they can take each place that comes back, so that an owner at a new address waits and
//   retries; addresses the owner signed in from are not touched, and a reset starts all counts of the account anew.

import { createHmac } from "node:crypto";
import { PawlError } from "../../core/errors.ts";
import type { Platform } from "../../core/ports.ts";
import { addressKey } from "../../http/proxy.ts";
import { createBoundedMap } from "./bounded-map.ts";

/** Consecutive failures that cost nothing but themselves. */
export const freeFailures = 5;
/** The delay after the last free failure; each further failure doubles it. */
export const delaySecondsMin = 30;
/** The longest delay. */
export const delaySecondsMax = 900;
/** Failures are forgotten after this long without another one. */
export const failureMemorySeconds = 86_400;
/** How long an address that signed in keeps its own lane. */
export const knownAddressSeconds = 2_592_000;
/** Failures an address may run up over all accounts: an office behind one address mistypes too. */
export const addressBudget = 100;
/** One failure of an address is forgiven each time this long. */
export const addressRefillSeconds = 10;
/** Failures of all unknown addresses together that an account takes at once. */
export const accountPlaces = 24;
/** One place of an account comes back each time this long. */
export const accountRefillSeconds = 60;
/** Places an address must leave to others for each failure of its network at this account ... */
export const placesLeftPerFailure = 4;
/** ... up to so many failures. */
export const shareFailuresMax = 4;
/** One failure of a network at an account no longer counts against its share each time this long. */
export const shareRefillSeconds = 21_600;
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

/** Leaking buckets: what is spent comes back, one each `refillSeconds`. */
function createBuckets(now: () => number, capacity: number, refillSeconds: number) {
  const buckets = createBoundedMap<Budget>(throttleEntriesMax);
  const spentOf = (key: string): number => {
    const bucket = buckets.get(key) ?? { spent: 0, at: now() };
    // A clock that was set back forgives nothing and blocks nobody.
    return Math.max(0, bucket.spent - Math.max(0, now() - bucket.at) / (refillSeconds * 1000));
  };
  const keep = (key: string, spent: number): void => {
    buckets.set(key, { spent: Math.min(capacity, Math.max(0, spent)), at: now() });
  };
  return {
    spentOf,
    /** Spends one, leaving `left`. @throws PawlError `rate_limited`. */
    spend(key: string, left = 0): void {
      const missing = spentOf(key) + 1 + left - capacity;
      if (missing > 0) refuse(missing * refillSeconds * 1000);
      keep(key, spentOf(key) + 1);
    },
    /** Counts one whether or not there is room. */
    count: (key: string) => keep(key, spentOf(key) + 1),
    giveBack: (key: string) => keep(key, spentOf(key) - 1),
  };
}

/** What addresses unknown to an account take from it. */
function createPlaces(now: () => number) {
  const accounts = createBuckets(now, accountPlaces, accountRefillSeconds);
  const shares = createBuckets(now, accountPlaces, shareRefillSeconds);
  return {
    /** Takes a place; the result gives it back. @throws PawlError `rate_limited`. */
    take(account: string, share: string): () => void {
      // Counted when the attempt begins: many at once are not one.
      const failures = Math.min(shareFailuresMax, Math.ceil(shares.spentOf(share)));
      accounts.spend(account, failures * placesLeftPerFailure);
      shares.count(share);
      return () => {
        accounts.giveBack(account);
        shares.giveBack(share);
      };
    },
  };
}

/** The network whose addresses one subscriber can hold: of IPv6 the /48, since whole ones are given away. */
function networkKey(address: string): string {
  return address.endsWith("::/64") ? address.split(":").slice(0, 3).join(":") : address;
}

/** The lanes of pairs of account and address. */
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

  return { enter, leave };
}

/** Creates the throttle. Each has a random key of its own: its memory names no address and no account. */
export function createThrottle(platform: Platform): Throttle {
  const now = (): number => platform.clock.now();
  const key = platform.entropy.bytes(keyBytes);
  const name = (...parts: readonly string[]): string =>
    createHmac("sha256", key).update(JSON.stringify(parts)).digest("base64url");
  const lanes = createLanes(now);
  const places = createPlaces(now);
  const failures = createBuckets(now, addressBudget, addressRefillSeconds);
  const registrations = createBuckets(now, addressBudget, addressRefillSeconds);
  const known = createBoundedMap<number>(throttleEntriesMax);
  // Times an account was forgiven: part of the names of its counters, so that forgiving starts all of them anew.
  const forgiven = createBoundedMap<number>(throttleEntriesMax);
  const nothing = () => undefined;

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
      // Given back only when the password was right or nothing was found out: who polls while refused pays for it.
      if (budget !== undefined) failures.spend(budget);
      const times = String(forgiven.get(name("forgiven", account)) ?? 0);
      const lane = await lanes.enter(name("lane", scope, account, times, address ?? ""));
      let giveBackPlace: () => void = nothing;
      try {
        const share = name("share", scope, account, times, networkKey(address ?? ""));
        if (!isKnown) giveBackPlace = places.take(name("account", scope, account, times), share);
      } catch (error) {
        lanes.leave(lane, "unknown");
        throw error;
      }
      const giveBack = (): void => {
        if (budget !== undefined) failures.giveBack(budget);
        giveBackPlace();
      };
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
      if (address !== undefined) registrations.spend(name("address", address));
    },
    know,
    forgive(account) {
      const entry = name("forgiven", account);
      forgiven.set(entry, (forgiven.get(entry) ?? 0) + 1);
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
