// The keys of the issuer: fetched, kept for as long as their answer says (between a floor and a ceiling), used a little longer
// while the issuer is away, asked for again at most once in a while when a token names one that is not there. Checks no token.

import { PawlError } from "../core/errors.ts";
import type { Jwk } from "./algorithms.ts";
import { ask, type Fetch, readText } from "./fetching.ts";
import { type JwkSet, keysMax } from "./jws.ts";

/** Where keys come from. */
export interface Keys {
  /**
   * The key of this id, at once where it is known; `undefined` where there is none.
   * @throws PawlError `store_unavailable` when nobody can say
   */
  find(kid: string): Jwk | undefined | Promise<Jwk | undefined>;
  /** True while `jwk` is one of the keys in use. Asks for keys that are due, while nobody waits. */
  isCurrent(kid: string, jwk: Jwk): boolean;
}

const fetchMilliseconds = 5_000;
const bytesMax = 256 * 1024;
/** However short or long the answer says that it may be kept. Seconds. */
const freshSecondsMin = 30;
const freshSecondsMax = 3_600;
const freshSecondsDefault = 300;
/** How long keys are used beyond that while the issuer does not answer. */
const staleSecondsMax = 4 * 3_600;
/** At most one request in this time, however many tokens name keys that are not there. */
const cooldownMilliseconds = 5_000;
/** The same while there are no keys at all. */
const retryMilliseconds = 1_000;

/** The public keys of a set by their ids; a secret, a key without an id or a second one of the same id is none. */
function publicKeys(set: unknown, known: ReadonlyMap<string, Jwk>): Map<string, Jwk> {
  const list = typeof set === "object" && set !== null && "keys" in set ? set.keys : undefined;
  if (!Array.isArray(list) || list.length > keysMax) throw new Error("the answer of the issuer is no set of keys");
  const found = new Map<string, Jwk>();
  const doubled = new Set<string>();
  for (const jwk of list as Jwk[]) {
    if (typeof jwk !== "object" || jwk === null || jwk.kty === "oct" || typeof jwk.kid !== "string") continue;
    if (found.has(jwk.kid)) doubled.add(jwk.kid);
    // The same object as before where nothing changed: what was made of it stays.
    const before = known.get(jwk.kid);
    found.set(jwk.kid, before !== undefined && JSON.stringify(before) === JSON.stringify(jwk) ? before : jwk);
  }
  for (const kid of doubled) found.delete(kid);
  return found;
}

/** Keys that are given: a set that never changes. */
export function givenKeys(set: JwkSet): Keys {
  const keys = publicKeys(set, new Map());
  if (keys.size === 0) throw new PawlError("invalid_option", "keys holds no public key with a kid", { field: "keys" });
  return { find: (kid) => keys.get(kid), isCurrent: (kid, jwk) => keys.get(kid) === jwk };
}

/** Seconds that an answer may be kept (RFC 9111 section 5.2.2.1). */
function freshSecondsOf(response: Response): number {
  const stated = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(response.headers.get("cache-control") ?? "")?.[1];
  const seconds = stated === undefined ? freshSecondsDefault : Number(stated);
  return Math.min(Math.max(seconds, freshSecondsMin), freshSecondsMax);
}

/**
 * Keys at a URL.
 * @param now milliseconds
 * @param onError is told of every attempt that failed
 */
export function remoteKeys(url: string, fetcher: Fetch, now: () => number, onError: (error: unknown) => void): Keys {
  let keys = new Map<string, Jwk>();
  let freshUntil = Number.NEGATIVE_INFINITY;
  let usableUntil = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;
  let failure: unknown;

  const load = async (): Promise<void> => {
    const signal = AbortSignal.timeout(fetchMilliseconds);
    const response = await ask(fetcher, url, { accept: "application/jwk-set+json, application/json" }, signal);
    const fresh = freshSecondsOf(response);
    keys = publicKeys(JSON.parse(await readText(response, bytesMax)), keys);
    freshUntil = now() + fresh * 1000;
    usableUntil = freshUntil + staleSecondsMax * 1000;
  };
  /** Whoever asks while one request is under way waits for that; a failure leaves everything as it was. */
  const loadOnce = (pauseMilliseconds: number): Promise<void> => {
    if (pending !== undefined) return pending;
    if (now() < triedAt + pauseMilliseconds) return Promise.resolve();
    triedAt = now();
    pending = load()
      .catch((error: unknown) => {
        failure = error;
        onError(error);
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  };

  return {
    isCurrent(kid, jwk) {
      const at = now();
      if (at >= freshUntil && at < usableUntil) void loadOnce(cooldownMilliseconds);
      return keys.get(kid) === jwk && at < usableUntil;
    },
    find(kid) {
      const at = now();
      if (at >= usableUntil) {
        return loadOnce(retryMilliseconds).then(() => {
          if (now() < usableUntil) return keys.get(kid);
          throw new PawlError("store_unavailable", "The keys of the issuer cannot be read right now; retry.", {
            retryAfterSeconds: 1,
            cause: failure,
          });
        });
      }
      if (at >= freshUntil) void loadOnce(cooldownMilliseconds);
      const known = keys.get(kid);
      if (known !== undefined) return known;
      return loadOnce(cooldownMilliseconds).then(() => keys.get(kid));
    },
  };
}
