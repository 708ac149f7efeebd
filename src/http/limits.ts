// Rate limits of the HTTP layer: how often one address may register, sign in, refresh and name OAuth clients, and how
// often one session may refresh. A limit answers 429 and never ends a session. Limits of an account are the accounts' own business.
// In memory, per process; bounded in keys.

import { PawlError } from "../core/errors.ts";
import type { Platform } from "../core/ports.ts";

/** The limits, by what they count. */
export type RateLimitName =
  | "register_address"
  | "login_address"
  | "refresh_address"
  | "refresh_session"
  | "client_address";

/** What a limit says about one request. */
export interface RateLimitVerdict {
  readonly allowed: boolean;
  /** Whole seconds until the next request is allowed; 0 when this one is. */
  readonly retryAfterSeconds: number;
  /** Requests allowed in one go. */
  readonly limit: number;
  readonly remaining: number;
}

/** Counts requests; implement it over a shared store to count across processes. */
export interface RateLimits {
  take(name: RateLimitName, key: string): RateLimitVerdict;
}

/** A token bucket: `burst` requests at once, `perMinute` in the long run. */
export interface RateLimitSetting {
  /** 1 to 1,000,000. */
  readonly burst: number;
  /** 1 to 1,000,000. */
  readonly perMinute: number;
}

/**
 * The defaults. Addresses are shared (offices, carriers), so those limits are generous: the address limit of refresh
 * bounds floods, the session limit bounds one runaway client without touching its neighbours.
 */
export const rateLimitDefaults: Readonly<Record<RateLimitName, RateLimitSetting>> = {
  register_address: { burst: 60, perMinute: 10 },
  login_address: { burst: 200, perMinute: 60 },
  refresh_address: { burst: 6000, perMinute: 3000 },
  refresh_session: { burst: 600, perMinute: 120 },
  /** Look-ups of OAuth clients in the store: those of the configuration, and one found within 2 s, need none. */
  client_address: { burst: 1200, perMinute: 1200 },
};

/** Keys one limit remembers; beyond it the oldest is forgotten, so memory is bounded and the limit errs towards yes. */
export const rateLimitKeysMax = 50_000;
const settingMax = 1_000_000;

interface Bucket {
  tokens: number;
  /** Milliseconds. */
  at: number;
}

/**
 * Limits in the memory of this process.
 * @throws PawlError `invalid_option` for a setting that is not a whole number from 1 to 1,000,000.
 */
export function createRateLimits(
  platform: Platform,
  settings: Partial<Readonly<Record<RateLimitName, RateLimitSetting>>> = {},
): RateLimits {
  const all = { ...rateLimitDefaults, ...settings };
  const limits = new Map<RateLimitName, { setting: RateLimitSetting; buckets: Map<string, Bucket> }>();
  for (const [name, setting] of Object.entries(all) as [RateLimitName, RateLimitSetting][]) {
    for (const value of [setting.burst, setting.perMinute]) {
      if (!Number.isInteger(value) || value < 1 || value > settingMax) {
        throw new PawlError("invalid_option", `${name} must be whole numbers from 1 to ${settingMax}`, { field: name });
      }
    }
    limits.set(name, { setting, buckets: new Map() });
  }
  return {
    take: (name, key) => {
      const limit = limits.get(name);
      if (limit === undefined) return { allowed: true, retryAfterSeconds: 0, limit: 0, remaining: 0 };
      return takeOne(limit.buckets, key, limit.setting, platform.clock.now());
    },
  };
}

function takeOne(buckets: Map<string, Bucket>, key: string, setting: RateLimitSetting, now: number): RateLimitVerdict {
  const perMillisecond = setting.perMinute / 60_000;
  let bucket = buckets.get(key);
  if (bucket === undefined) {
    if (buckets.size >= rateLimitKeysMax) {
      const oldest = buckets.keys().next();
      if (!oldest.done) buckets.delete(oldest.value);
    }
    bucket = { tokens: setting.burst, at: now };
    buckets.set(key, bucket);
  }
  // The last one used is the last one forgotten.
  buckets.delete(key);
  buckets.set(key, bucket);
  // A clock that was set back gives nothing and takes nothing.
  bucket.tokens = Math.min(setting.burst, bucket.tokens + Math.max(0, now - bucket.at) * perMillisecond);
  bucket.at = now;
  if (bucket.tokens < 1) {
    const seconds = Math.max(1, Math.ceil((1 - bucket.tokens) / perMillisecond / 1000));
    return { allowed: false, retryAfterSeconds: seconds, limit: setting.burst, remaining: 0 };
  }
  bucket.tokens -= 1;
  return { allowed: true, retryAfterSeconds: 0, limit: setting.burst, remaining: Math.floor(bucket.tokens) };
}

/** Takes one from a limit. @throws PawlError `rate_limited`. */
export function demandLimit(limits: RateLimits | undefined, name: RateLimitName, key: string): void {
  if (limits === undefined) return;
  const verdict = limits.take(name, key);
  if (verdict.allowed) return;
  throw new PawlError("rate_limited", undefined, { retryAfterSeconds: verdict.retryAfterSeconds, field: name });
}
