// The application's own claims (roles, tenants) in access tokens: asked for at issue time, checked, and renewed.
// Owns the bounds and the protected names. A refresh asks the hook before it commits, and a sign-in takes its
// session back, so the hook's failure loses nothing.

import { PawlError } from "../core/errors.ts";
import type { SessionRecord } from "../core/record.ts";
import type { Context } from "./context.ts";
import { cannotAnswer, commitRoundsMax } from "./context.ts";
import type { ClaimsContext } from "./types.ts";
import { isLive } from "./views.ts";

/** The longest time the hook may take. */
export const claimsMillisecondsMax = 5_000;
/** The most that the application's claims take, as JSON in UTF-8. */
export const claimsBytesMax = 4096;
const depthMax = 8;
/** How far ahead of the clock renewals of one subject may date its tokens: several within one second add up. */
const aheadSecondsMax = 5;
/** How many sessions of a subject one renewal marks; `sessionsMax` allows no more to be live. */
const sessionsMax = 1000;

/** Names that Pawl writes, or that verifiers give a meaning of their own (RFC 7519, 7800, 8693, 9068, OpenID Connect). */
const protectedNames: ReadonlySet<string> = new Set(
  (
    "iss sub aud exp nbf iat jti client_id sid auth_time amr acr scope cnf act may_act status " +
    "azp nonce at_hash c_hash events toe txn sub_id authorization_details __proto__"
  ).split(" "),
);

/** Claims by name. */
export type Claims = Readonly<Record<string, unknown>>;

function refuse(why: string): never {
  throw new PawlError("invalid_claims", `The claims hook returned ${why}.`);
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === "boolean") return true;
  if (typeof value === "string") return !/\p{Surrogate}/u.test(value);
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || depth === 0) return false;
  if (Array.isArray(value)) return value.every((each) => isJson(each, depth - 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.entries(value).every(([name, each]) => isJson(name, 0) && isJson(each, depth - 1));
}

/** A frozen copy of what the hook returned. @throws PawlError `invalid_claims`. */
export function checkClaims(value: unknown): Claims {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !isJson(value, depthMax)) {
    return refuse("no plain JSON object");
  }
  for (const name of Object.keys(value)) {
    if (protectedNames.has(name)) refuse(`a claim whose name is not the application's: ${name}`);
  }
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) > claimsBytesMax) refuse(`more than ${claimsBytesMax} bytes`);
  return Object.freeze(JSON.parse(text) as Record<string, unknown>);
}

const none: Claims = Object.freeze({});

/**
 * The application's claims for the next access token of `record`.
 * @throws PawlError `invalid_claims` (they do not fit), `store_unavailable` (the hook failed or took too long).
 */
export async function claimsFor(context: Context, record: SessionRecord): Promise<Claims> {
  const { claims } = context;
  if (claims === undefined) return none;
  const { subject, sid, clientId, amr, authTime, delegation } = record;
  const about: ClaimsContext = { subject, sid, clientId, amr, authTime, scope: delegation?.scope ?? "" };
  let stop: () => void = () => {};
  const late = new Promise<never>((_, reject) => {
    stop = context.platform.scheduler.every(claimsMillisecondsMax, () => reject(new Error("the hook took too long")));
  });
  let value: unknown;
  try {
    value = await Promise.race([(async () => await claims(about))(), late]);
  } catch (cause) {
    const why = "The claims of the access token cannot be made right now; retry.";
    throw new PawlError("store_unavailable", why, { retryAfterSeconds: 1, cause });
  } finally {
    stop();
  }
  return checkClaims(value);
}

/** The claims of one request: asked for at most once, unless they are renewed meanwhile. */
export interface Asked {
  /** The claims that hold for the record as it was just read; `undefined` = {@link Asked.ask} and read again. */
  claims(record: SessionRecord): Claims | undefined;
  ask(record: SessionRecord): Promise<void>;
}

/**
 * Keeps what the hook said for as long as nobody renews the subject's claims. The record is read again after the hook,
 * because that may take seconds: what is decided and committed is decided on what holds then.
 */
export function createAsked(context: Context): Asked {
  let claims: Claims | undefined = context.claims === undefined ? none : undefined;
  let notBefore: number | undefined;
  return {
    claims: (record) => (claims === none || record.claimsNotBefore === notBefore ? claims : undefined),
    ask: async (record) => {
      claims = await claimsFor(context, record);
      notBefore = record.claimsNotBefore;
    },
  };
}

/**
 * Makes every access token of `subject` out of date: the next request with one refreshes, the sessions live on. Resolves
 * how many sessions were marked.
 *
 * Each session remembers since when its tokens must date, and the feed tells verifiers once, in the step that marks the
 * first. Whoever is told that it failed repeats it.
 */
export async function bumpClaims(context: Context, subject: string): Promise<number> {
  const { store, platform, accessLifetime } = context;
  const listed = await store.listBySubject(subject, sessionsMax);
  const seconds = Math.floor(platform.clock.now() / 1000);
  // Later than every token so far, those of an earlier renewal and of a clock that is ahead included.
  const notBefore = listed.reduce(
    (latest, record) => Math.max(latest, Math.floor(record.lastSeenAt / 1000), record.claimsNotBefore ?? 0),
    seconds,
  );
  if (notBefore >= seconds + aheadSecondsMax) throw cannotAnswer("These claims were renewed a moment ago; retry.");
  const revocation = { sub: subject, notBefore: notBefore + 1, exp: notBefore + 1 + accessLifetime.longest() };
  let marked = 0;
  for (const { sid } of listed) {
    if (await mark(context, sid, notBefore + 1, marked === 0 ? revocation : undefined)) marked += 1;
  }
  return marked;
}

async function mark(
  context: Context,
  sid: string,
  notBefore: number,
  revocation: Parameters<Context["store"]["commit"]>[2],
): Promise<boolean> {
  for (let round = 0; round < commitRoundsMax; round += 1) {
    const record = await context.store.read(sid);
    if (record === undefined || !isLive(record, context.platform.clock.now())) return false;
    const claimsNotBefore = Math.max(notBefore, record.claimsNotBefore ?? 0);
    const next = { ...record, version: record.version + 1, claimsNotBefore };
    if (await context.store.commit(next, record.version, revocation)) return true;
  }
  throw cannotAnswer("Too many requests change this session at once; retry.");
}
