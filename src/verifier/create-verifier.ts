// The verifier of a resource server: signature, claims and revocation of access tokens, without a request to anybody while
// keys and feed are known. The composition root of `pawl/verifier`: falls back on the runtime's own fetch and clock.

import type { AccessClaims } from "../core/access-claims.ts";
import { checkAccessClaims, hasExpired, isAccessHeader, leewaySecondsMax } from "../core/access-claims.ts";
import { readCompact, refuseToken } from "../core/compact.ts";
import { PawlError } from "../core/errors.ts";
import type { Jwk, JwsAlgorithm } from "./algorithms.ts";
import { type Feed, type FeedOptions, followFeed } from "./feed.ts";
import { checkedUrl, type Fetch } from "./fetching.ts";
import { checkSignature, type JwkSet } from "./jws.ts";
import type { Keys } from "./keys.ts";
import { givenKeys, remoteKeys } from "./keys.ts";
import { runtimeNow } from "./platform.ts";

/** The claims of a good token, those of the application among them. Frozen: every request with this token gets the same. */
export type Access = AccessClaims & Readonly<Record<string, unknown>>;

/** How revocations are learned of. */
export interface RevocationOptions {
  /** Default: `<issuer>/auth/revocations`. */
  readonly url?: string | undefined;
  /** `PAWL_FEED_TOKEN` of the issuer. Default none: the issuer then serves this machine only. */
  readonly token?: string | undefined;
  /**
   * `stream` (the default) keeps a connection open and knows of a sign-out within a second. `poll` asks when a token is to be
   * checked and the last answer is older than `pollSeconds`: for runtimes that keep nothing open between requests.
   */
  readonly mode?: "stream" | "poll" | undefined;
  /** Default 1, from 0.1 to 60. */
  readonly pollSeconds?: number | undefined;
}

/** Options of {@link createVerifier}. */
export interface VerifierOptions {
  /** The issuer, exactly as it is in tokens. https, or http on this machine. */
  readonly issuer: string;
  /** The audience that tokens for this API name (`aud`). Pawl's default is the issuer. */
  readonly audience: string;
  /** The keys: a URL, or a set of public keys. Default: `<issuer>/.well-known/jwks.json`. */
  readonly keys?: string | JwkSet | undefined;
  /** Algorithms that are accepted. Default all that are asymmetric; the key decides which of them. */
  readonly algorithms?: readonly JwsAlgorithm[] | undefined;
  /** Default a stream. `false`: tokens are good until they expire, whatever happened to their session. */
  readonly revocations?: RevocationOptions | false | undefined;
  /**
   * What to do when the feed has said nothing for `staleAfterSeconds`: refuse with 503 (`fail-closed`, the default), or
   * accept what is good otherwise (`fail-open`). Nobody is signed out by either.
   */
  readonly onStale?: "fail-closed" | "fail-open" | undefined;
  /** Default 60, from 1 to 3,600. A healthy stream says something every 15 s. */
  readonly staleAfterSeconds?: number | undefined;
  /** How far the clocks of this machine and the issuer may be apart. Seconds, default 30, 0 to 60. */
  readonly leewaySeconds?: number | undefined;
  /** Results that are kept. Default 10,000, 0 to 1,000,000. */
  readonly cacheMax?: number | undefined;
  /** Default: the runtime's. In the process of the issuer `(url, init) => handler.fetch(new Request(url, init))`. */
  readonly fetch?: Fetch | undefined;
  /** Is told of every attempt to read keys or feed that failed, for a log. Default nobody; `cause` of a refusal has the last. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Milliseconds since the epoch. Default: the runtime's clock. */
  readonly now?: (() => number) | undefined;
}

/**
 * `revoked`: its session has ended. `outdated`: its claims have changed since, a refresh brings a token with the new ones. `unknown`:
 * the feed has been silent for longer than `staleAfterSeconds`, with `fail-closed`.
 */
export type Standing = "good" | "revoked" | "outdated" | "unknown";

/** A verifier. */
export interface Verifier {
  /**
   * The claims of a good access token.
   * @throws PawlError `invalid_token`: malformed, wrong signature, another issuer or audience, expired, revoked. `store_unavailable`:
   * keys or feed of the issuer cannot be read, so nothing can be said; retry.
   */
  verify(token: string): Promise<Access>;
  /** Seconds since the feed last said that everything was told; 0 without one, `Infinity` before its first word. */
  staleFor(): number;
  /** What became of a token that was verified before, as far as the feed told. Says nothing of `exp`. */
  standing(access: Pick<AccessClaims, "sid" | "sub" | "iat">): Standing;
  /**
   * Calls `listener` whenever the standing of some token may have become worse; returns the way to stop. While anybody listens
   * a polling verifier polls without being asked for a token.
   */
  onChange(listener: () => void): () => void;
  /** The clock that tokens are judged by. Milliseconds. */
  now(): number;
  /** Ends the stream. The verifier refuses everything afterwards with `store_unavailable`. */
  close(): void;
}

const subject = "access token";
const asymmetric: readonly JwsAlgorithm[] = [
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
];

/**
 * Creates a verifier. It asks for nothing before the first token.
 * @throws PawlError `invalid_option`
 * @example
 * const verifier = createVerifier({ issuer: "https://auth.example.com", audience: "https://api.example.com" });
 * const { sub, scope } = await verifier.verify(token);
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const checked = checkOptions(options);
  const { now, onStale, staleAfterSeconds } = checked;
  const accesses = createAccesses(checked);
  const { feed } = checked;
  let isClosed = false;
  /** Without a feed, all that there is to hear of is the end. */
  const listeners = new Set<() => void>();
  const standing: Verifier["standing"] = (access) => {
    if (isClosed) return "unknown";
    if (feed === undefined) return "good";
    const refusedBy = feed.refusedBy(access);
    if (refusedBy !== undefined) return refusedBy === "session" ? "revoked" : "outdated";
    return onStale === "fail-closed" && feed.staleFor() > staleAfterSeconds ? "unknown" : "good";
  };
  const checkStanding = (access: Access): Access => {
    switch (standing(access)) {
      case "good":
        return access;
      case "revoked":
        return refuseToken(subject, "its session was ended");
      case "outdated":
        return refuseToken(subject, "its claims are out of date");
      case "unknown":
        throw unavailable("The revocations of the issuer cannot be read right now; retry.", feed?.lastError);
    }
  };
  return {
    async verify(token) {
      if (isClosed) throw unavailable("This verifier was closed.");
      const access = await accesses.of(token);
      await feed?.refresh();
      return checkStanding(access);
    },
    staleFor: () => feed?.staleFor() ?? 0,
    standing,
    onChange(listener) {
      if (feed !== undefined) return feed.onChange(listener);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    now,
    close() {
      isClosed = true;
      feed?.close();
      for (const listener of [...listeners]) listener();
      accesses.clear();
    },
  };
}

/** What the options mean. */
interface Checked {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly JwsAlgorithm[];
  readonly onStale: "fail-closed" | "fail-open";
  readonly staleAfterSeconds: number;
  readonly leewaySeconds: number;
  readonly cacheMax: number;
  readonly now: () => number;
  readonly keys: Keys;
  readonly feed: Feed | undefined;
}

function checkOptions(options: VerifierOptions): Checked {
  const { issuer, audience, algorithms = asymmetric, onStale = "fail-closed" } = options;
  const issuerUrl = checkedUrl(issuer, "issuer").replace(/\/$/, "");
  if (typeof audience !== "string" || audience === "") throw invalid("audience", "a text");
  if (algorithms.length === 0 || !algorithms.every((each) => asymmetric.includes(each))) {
    throw invalid("algorithms", `a list of ${asymmetric.join(", ")}`);
  }
  if (onStale !== "fail-closed" && onStale !== "fail-open") throw invalid("onStale", "fail-closed or fail-open");
  const leewaySeconds = inRange("leewaySeconds", options.leewaySeconds ?? 30, 0, leewaySecondsMax);
  const now = options.now ?? runtimeNow;
  // Called as a function of its own: some runtimes refuse a fetch with another `this`.
  const fetcher: Fetch = options.fetch ?? ((url, init) => fetch(url, init));
  const staleAfterSeconds = inRange("staleAfterSeconds", options.staleAfterSeconds ?? 60, 1, 3_600);
  const parts = { fetch: fetcher, now, leewaySeconds, staleAfterSeconds, onError: quietly(options.onError) };
  return {
    issuer,
    audience,
    algorithms,
    onStale,
    leewaySeconds,
    staleAfterSeconds,
    cacheMax: Math.floor(inRange("cacheMax", options.cacheMax ?? 10_000, 0, 1_000_000)),
    now,
    keys: keysOf(options.keys ?? `${issuerUrl}/.well-known/jwks.json`, parts),
    feed: feedOf(options.revocations ?? {}, issuerUrl, parts),
  };
}

interface Kept {
  readonly access: Access;
  readonly kid: string;
  readonly jwk: Jwk;
}

/** Signature and claims of tokens; the results are kept, the oldest go first. */
function createAccesses({ issuer, audience, algorithms, leewaySeconds, cacheMax, now, keys }: Checked): {
  of(token: string): Access | Promise<Access>;
  clear(): void;
} {
  const kept = new Map<string, Kept>();
  const keep = (token: string, result: Kept): void => {
    const [oldest] = kept.keys();
    if (kept.size >= cacheMax && oldest !== undefined) kept.delete(oldest);
    if (cacheMax > 0) kept.set(token, result);
  };
  const check = async (token: string, nowSeconds: number): Promise<Access> => {
    const parts = readCompact(token, subject);
    if (!isAccessHeader(parts)) refuseToken(subject, "its type is not at+jwt");
    const { kid } = parts;
    const jwk = kid === undefined ? undefined : await keys.find(kid);
    if (kid === undefined || jwk === undefined) return refuseToken(subject, "its key is unknown");
    await checkSignature(parts, jwk, algorithms, subject);
    const access = frozen(checkAccessClaims(parts.payload, { issuer, audience, nowSeconds, leewaySeconds })) as Access;
    keep(token, { access, kid, jwk });
    return access;
  };
  return {
    of(token) {
      const nowSeconds = now() / 1000;
      const known = kept.get(token);
      if (known === undefined) return check(token, nowSeconds);
      const isExpired = hasExpired(known.access, { nowSeconds, leewaySeconds });
      if (isExpired || !keys.isCurrent(known.kid, known.jwk)) kept.delete(token);
      if (isExpired) refuseToken(subject, "it has expired");
      if (!kept.has(token)) return check(token, nowSeconds);
      return known.access;
    },
    clear: () => kept.clear(),
  };
}

function invalid(field: string, accepted: string): PawlError {
  return new PawlError("invalid_option", `${field} must be ${accepted}`, { field });
}

function unavailable(detail: string, cause?: unknown): PawlError {
  return new PawlError("store_unavailable", detail, { retryAfterSeconds: 1, cause });
}

function inRange(field: string, value: number, least: number, most: number): number {
  if (typeof value === "number" && value >= least && value <= most) return value;
  throw invalid(field, `a number from ${least} to ${most}`);
}

/** What reading from the issuer needs. */
type Parts = Pick<FeedOptions, "fetch" | "now" | "leewaySeconds" | "staleAfterSeconds" | "onError">;

/** A listener that throws harms nobody. */
function quietly(listener: (error: unknown) => void = () => {}): (error: unknown) => void {
  return (error) => {
    try {
      listener(error);
    } catch {
      // Its failure is its own.
    }
  };
}

function keysOf(keys: string | JwkSet, { fetch: fetcher, now, onError }: Parts): Keys {
  if (typeof keys === "string") return remoteKeys(checkedUrl(keys, "keys"), fetcher, now, onError);
  return givenKeys(keys);
}

function feedOf(revocations: RevocationOptions | false, issuerUrl: string, parts: Parts): Feed | undefined {
  if (revocations === false) return undefined;
  const { url = `${issuerUrl}/auth/revocations`, token, mode = "stream", pollSeconds = 1 } = revocations;
  if (mode !== "stream" && mode !== "poll") throw invalid("revocations.mode", "stream or poll");
  inRange("revocations.pollSeconds", pollSeconds, 0.1, 60);
  // Between two answers the feed is that old, however healthy it is.
  if (mode === "poll" && pollSeconds >= parts.staleAfterSeconds) {
    throw invalid("revocations.pollSeconds", "less than staleAfterSeconds");
  }
  return followFeed({ ...parts, url: checkedUrl(url, "revocations.url"), token, mode, pollSeconds });
}

/** The value and everything in it, unchangeable: requests share it. Bounded by the nesting that the reader allows. */
function frozen<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  for (const each of Object.values(value)) frozen(each);
  return Object.freeze(value);
}
