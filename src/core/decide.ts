// The rotation rules: CONTRACT section 4, and the ONE place where rotation, reuse, expiry and grace live.
// A pure function over a plain record: no clock, no randomness, no I/O. The engine reads a record, asks decide() and
// commits `next` if nobody was faster; otherwise it reads again and asks again.
// Row numbers in comments are those of the table in CONTRACT section 4, as mended in docs/reference/rotation.md: every
// mend was forced by a trace that sim/explorer keeps.

import type { Policy } from "./policy.ts";
import type { HandOut, HistoryEntry, ServerAttempt, SessionRecord } from "./record.ts";
import { historyEntriesMax, retiredTimesMax } from "./record.ts";
import type { Attempt, RefreshToken } from "./refresh-token.ts";
import { linkOf, noHash, sameBytes, successorSecret, tokenHash } from "./refresh-token.ts";
import type { SecretKeys, SecretRing } from "./secret-keys.ts";

/** A refresh token as it was presented: MAC good, not expired. */
export interface Presentation {
  readonly operation: "refresh" | "confirm";
  readonly token: RefreshToken;
  /** The `Idempotency-Key`, checked by {@link isAttempt}; `undefined` when the request had none. */
  readonly attempt: string | undefined;
  /** 16 fresh random bytes, used when the server has to draw an attempt. */
  readonly freshAttempt: Uint8Array;
}

/** What the rules say; closed, so that every caller handles every case. */
export type Decision =
  /** Rows 1, 2, 6: commit `next`, then hand out `token`. */
  | {
      readonly outcome: "rotate";
      readonly next: SessionRecord;
      readonly token: RefreshToken;
      readonly confirmed: boolean;
      readonly rolledBack: boolean;
    }
  /** Rows 2, 6 of a confirm: commit `next`. */
  | { readonly outcome: "confirm"; readonly next: SessionRecord; readonly rolledBack: boolean }
  /** Rows 1, 3, 4 of a confirm. With `next`: commit it, it remembers that an answer arrived. */
  | { readonly outcome: "unchanged"; readonly next?: SessionRecord }
  /** Row 4: commit `next`, then hand out the current token once more. */
  | { readonly outcome: "hand_out_again"; readonly next: SessionRecord; readonly token: RefreshToken }
  /** Row 3, and row 1 of a generation that takes no more: an access token only. `next` as with `unchanged`. */
  | { readonly outcome: "settle"; readonly next?: SessionRecord }
  /** Row 5: no token and no verdict. */
  | { readonly outcome: "superseded" }
  /** Row 7: refused, nothing revoked. */
  | { readonly outcome: "invalid" }
  /** Row 8: commit `next` (the ended session), then refuse. */
  | { readonly outcome: "reuse"; readonly next: SessionRecord; readonly seen: string }
  /** The session was over before this request. */
  | { readonly outcome: "over"; readonly code: "session_revoked" | "session_expired" };

const attemptShape = /^[A-Za-z0-9_-]{16,128}$/;

/** True for a well-formed `Idempotency-Key`: 16 to 128 characters of `A-Z a-z 0-9 - _`. */
export function isAttempt(text: string): boolean {
  return attemptShape.test(text);
}

/** The soft zone in milliseconds: how long late answers may still be under way. */
export function softZoneMilliseconds(policy: Policy): number {
  return 2 * policy.graceSeconds * 1000;
}

/** True once the session is over for good by time (`now` in milliseconds). */
export function isPastEnd(record: SessionRecord, now: number): boolean {
  return now >= record.expiresAt * 1000;
}

/** The instant (seconds) at which the session dies unused: the latest expiry of any token that may be in use. */
export function idleExpiresAt(record: SessionRecord): number {
  return Math.max(record.currentExpiresAt, record.handOut?.expiresAt ?? 0);
}

/** The same session, ended. Idempotence is the caller's business: an ended session is never ended again. */
export function endSession(
  record: SessionRecord,
  reason: NonNullable<SessionRecord["ended"]>["reason"],
  now: number,
  detail = "",
): SessionRecord {
  const ended = { ...record, version: record.version + 1, ended: { at: now, reason } };
  return remember(ended, { at: now, type: reason === "refresh_token_reused" ? reason : "session_revoked", detail });
}

/** The same record with one more history entry (bounded). */
export function remember(record: SessionRecord, entry: HistoryEntry): SessionRecord {
  return { ...record, history: [...record.history, entry].slice(-historyEntriesMax) };
}

/**
 * Decides what a presented refresh token gets.
 * @param now milliseconds since the epoch
 */
export function decide(
  record: SessionRecord,
  presented: Presentation,
  now: number,
  policy: Policy,
  ring: SecretRing,
): Decision {
  if (record.ended !== undefined) return { outcome: "over", code: "session_revoked" };
  if (isPastEnd(record, now)) return { outcome: "over", code: "session_expired" };
  const facts: Facts = { record, presented, now, policy, ring, ownHash: tokenHash(presented.token.secret) };
  const { generation } = presented.token;
  if (generation === record.generation && sameBytes(facts.ownHash, record.currentHash)) return decideCurrent(facts);
  if (generation > record.generation) return decideNewer(facts);
  return decideOlder(facts);
}

interface Facts {
  readonly record: SessionRecord;
  readonly presented: Presentation;
  readonly now: number;
  readonly policy: Policy;
  readonly ring: SecretRing;
  readonly ownHash: Uint8Array;
}

/** Row 1: the current token. */
function decideCurrent(facts: Facts): Decision {
  const { record, presented } = facts;
  if (presented.operation === "confirm") return { outcome: "unchanged" };
  if (takesNoMore(facts)) return { outcome: "settle" };
  return { outcome: "rotate", ...handOutSuccessor(facts, record), confirmed: false, rolledBack: false };
}

/** Rows 2, 3, 6, 7: a token of a generation that has not been seen yet. */
function decideNewer(facts: Facts): Decision {
  const { record, presented, now, policy } = facts;
  const ahead = presented.token.generation - record.generation;
  if (ahead === 1 && isDescendant(facts, 0)) {
    // The current token was handed out once more: while its answer is under way, it may yet overwrite this one.
    if (isHandedOutAgain(record, now, policy)) return settle(facts, undefined);
    // Row 3 also serves answers that were outstanding when two-phase was switched to strict.
    if (isContended(record.handOut, now, policy) && isOfBurst(presented.token, record.handOut)) {
      return settle(facts, record.handOut);
    }
    return confirmAndRotate(facts, false);
  }
  if (ahead === 2 && isDescendant(facts, 1)) return confirmAndRotate(facts, true);
  if (policy.rotation === "strict") return reuse(facts);
  return { outcome: "invalid" };
}

/** Rows 4, 5, 8: an older generation, or a dead sibling of the current token. */
function decideOlder(facts: Facts): Decision {
  if (facts.policy.rotation === "strict") return reuse(facts);
  const again = currentForSameAttempt(facts);
  if (again !== undefined) {
    return facts.presented.operation === "confirm"
      ? { outcome: "unchanged" }
      : { outcome: "hand_out_again", next: handedOutAgain(facts), token: again };
  }
  return isSuperseded(facts) ? { outcome: "superseded" } : reuse(facts);
}

/** True when the link of the presented token (0: predecessor, 1: the one before) leads to the current token. */
function isDescendant(facts: Facts, link: 0 | 1): boolean {
  const { record, presented, ring, ownHash } = facts;
  const keys = ring.byId(presented.token.keyId) as SecretKeys;
  return sameBytes(presented.token.links[link], linkOf(keys, record.currentHash, ownHash));
}

/** True while `instant` is less than `span` away; a clock that was set far back does not freeze anything. */
function isNear(now: number, instant: number, span: number): boolean {
  return Math.abs(now - instant) < span;
}

/**
 * A generation is contended in a burst of several hand-outs and for a soft zone after it, unless a successor was presented
 * in an earlier such burst: the answers of that one had all arrived or were lost when it was over, so whoever still
 * presents the old token shares no jar with whoever presented the new one.
 */
function isContended(handOut: HandOut | undefined, now: number, policy: Policy): handOut is HandOut {
  return (
    handOut !== undefined &&
    handOut.count > 1 &&
    handOut.arrived !== "earlier" &&
    isNear(now, handOut.lastAt, softZoneMilliseconds(policy))
  );
}

/**
 * True for a successor that was handed out in this burst, by the expiry that all of one burst share. One of an earlier
 * burst need not wait: its answer arrived a soft zone ago, so nobody with the same jar can have made this burst.
 */
function isOfBurst(token: RefreshToken, handOut: HandOut): boolean {
  return token.expiresAt === handOut.expiresAt;
}

/** True while an answer of row 4 may be under way. */
function isHandedOutAgain(record: SessionRecord, now: number, policy: Policy): boolean {
  return record.currentAgainAt !== undefined && isNear(now, record.currentAgainAt, softZoneMilliseconds(policy));
}

/**
 * True while the current token gets no successor. The first contended burst hands out for one soft zone, a later one
 * until an answer is known to have arrived: no burst lasts for ever, and nobody is kept from a successor twice.
 */
function takesNoMore({ record, now, policy }: Facts): boolean {
  const { handOut } = record;
  const zone = softZoneMilliseconds(policy);
  // Strict hands out once: what two-phase handed out right before the switch has to arrive first.
  if (policy.rotation === "strict") {
    return isHandedOutAgain(record, now, policy) || (handOut !== undefined && isNear(now, handOut.lastAt, zone));
  }
  if (!isContended(handOut, now, policy)) return false;
  return handOut.crowdedBursts === 1 ? !isNear(now, handOut.firstAt, zone) : handOut.arrived !== "no";
}

/** Row 3: nobody has won yet. The first successor presented in a contended burst is remembered: an answer has arrived. */
function settle(facts: Facts, handOut: HandOut | undefined): Decision {
  const { record, presented } = facts;
  const outcome = presented.operation === "confirm" ? "unchanged" : "settle";
  if (handOut?.arrived !== "no") return { outcome };
  const next: SessionRecord = {
    ...record,
    version: record.version + 1,
    handOut: { ...handOut, arrived: "in this burst" },
  };
  return { outcome, next };
}

/** Rows 2 and 6: the presented token becomes current, its siblings are dead; then row 1, unless only confirming. */
function confirmAndRotate(facts: Facts, rolledBack: boolean): Decision {
  const confirmed = makeCurrent(facts, facts.record, facts.presented.token, facts.ownHash);
  const next = rolledBack
    ? remember(confirmed, { at: facts.now, type: "store_rolled_back", detail: "one acknowledged write was lost" })
    : confirmed;
  if (facts.presented.operation === "confirm") return { outcome: "confirm", next, rolledBack };
  return { outcome: "rotate", ...handOutSuccessor(facts, next), confirmed: true, rolledBack };
}

/** The record once `token` is current: every generation before it is retired now. */
function makeCurrent(facts: Facts, record: SessionRecord, token: RefreshToken, hash: Uint8Array): SessionRecord {
  const steps = token.generation - record.generation;
  const retired = Array.from({ length: steps }, () => facts.now);
  return {
    ...record,
    version: facts.record.version + 1,
    generation: token.generation,
    currentHash: hash,
    currentExpiresAt: token.expiresAt,
    currentKeyId: token.keyId,
    // After a lost write (two steps) the hash of the generation in between is unknown.
    previousHash: steps === 1 ? record.currentHash : noHash,
    olderHash: steps === 1 ? record.previousHash : record.currentHash,
    currentAgainAt: undefined,
    handOut: undefined,
    retiredAt: stillRecent([...retired, ...record.retiredAt].slice(0, retiredTimesMax), facts),
  };
}

/** The retirement times that can still matter (row 5): the list without its tail of entries a soft zone old. */
function stillRecent(retiredAt: readonly number[], { now, policy }: Facts): readonly number[] {
  const last = retiredAt.findLastIndex((instant) => now - instant < softZoneMilliseconds(policy));
  return retiredAt.slice(0, last + 1);
}

/** Row 1 proper: the successor for this request's attempt, and the record that knows it was handed out. */
function handOutSuccessor(facts: Facts, record: SessionRecord): { next: SessionRecord; token: RefreshToken } {
  const { presented, now, policy, ring } = facts;
  const generation = record.generation + 1;
  const burst = nextBurst(record, now, policy, ring);
  const keys = ring.byId(burst.keyId) as SecretKeys;
  const { attempt, kept } = attemptFor(facts, record, generation);
  const secret = successorSecret(keys, presented.token.secret, attempt);
  const hash = tokenHash(secret);
  const token: RefreshToken = {
    keyId: burst.keyId,
    sid: record.sid,
    generation,
    expiresAt: burst.expiresAt,
    secret,
    links: [linkOf(keys, record.currentHash, hash), linkOf(keys, record.previousHash, hash)],
  };
  if (policy.rotation === "strict") return { next: makeCurrent(facts, record, token, hash), token };
  const next = { ...record, version: facts.record.version + 1, handOut: burst, serverAttempt: kept };
  return { next, token };
}

/** The burst after one more hand-out now: the present one, or a new one that fixes expiry and key. */
function nextBurst(record: SessionRecord, now: number, policy: Policy, ring: SecretRing): HandOut {
  const before = record.handOut;
  if (before !== undefined && isNear(now, before.lastAt, softZoneMilliseconds(policy))) {
    const crowdedBursts = before.count === 1 ? Math.min(before.crowdedBursts + 1, 2) : before.crowdedBursts;
    // A burst that a process with another secret began cannot be repeated here: its tokens go on beside ours.
    const keyId = ring.byId(before.keyId) === undefined ? ring.newest.keyId : before.keyId;
    return { ...before, count: 2, lastAt: now, keyId, crowdedBursts };
  }
  return {
    count: 1,
    firstAt: now,
    lastAt: now,
    expiresAt: Math.min(Math.floor(now / 1000) + policy.idleTtlSeconds, record.expiresAt),
    keyId: ring.newest.keyId,
    crowdedBursts: before?.crowdedBursts ?? 0,
    arrived: before === undefined || before.arrived === "no" ? "no" : "earlier",
  };
}

/** The attempt of this request for handing out `generation`, and the server's own attempt to keep. */
function attemptFor(
  facts: Facts,
  record: SessionRecord,
  generation: number,
): { attempt: Attempt; kept: SessionRecord["serverAttempt"] } {
  const { presented } = facts;
  if (presented.attempt !== undefined) {
    return { attempt: { drawnBy: "client", value: presented.attempt }, kept: record.serverAttempt };
  }
  const kept = serverAttemptFor(facts, record, generation);
  return { attempt: { drawnBy: "server", value: kept.value }, kept };
}

/** The server's attempt after one more use for handing out `generation`: the one in use, or a new one. */
function serverAttemptFor(facts: Facts, record: SessionRecord, generation: number): ServerAttempt {
  const usable = usableServerAttempt(facts, generation);
  if (usable !== undefined) return { ...usable, isShared: true };
  const before = record.serverAttempt;
  const value = facts.presented.freshAttempt;
  const fresh = { value, firstUsedAt: facts.now, generation, isShared: false, sharedBefore: 0 };
  if (before?.generation === generation) {
    return { ...fresh, isShared: before.isShared, sharedBefore: before.sharedBefore };
  }
  if (before?.generation !== generation - 1 || !before.isShared) return fresh;
  return { ...fresh, sharedBefore: Math.min(before.sharedBefore + 1, sharedGenerationsMax) };
}

/** In how many generations in a row requests without a key may get the same token (CONTRACT section 4). */
const sharedGenerationsMax = 2;

/** The server's attempt for handing out `generation`: for one grace from its first use, and not for ever in a row. */
function usableServerAttempt({ record, now, policy }: Facts, generation: number): ServerAttempt | undefined {
  const kept = record.serverAttempt;
  if (kept?.generation !== generation || kept.sharedBefore >= sharedGenerationsMax) return undefined;
  return isNear(now, kept.firstUsedAt, policy.graceSeconds * 1000) ? kept : undefined;
}

/** Row 4: the current token, rebuilt, when it is what this request's attempt gets from the predecessor presented. */
function currentForSameAttempt(facts: Facts): RefreshToken | undefined {
  const { record, presented, ring, ownHash } = facts;
  if (presented.token.generation !== record.generation - 1 || record.handOut !== undefined) return undefined;
  const keys = ring.byId(record.currentKeyId);
  const server = usableServerAttempt(facts, record.generation);
  const attempt: Attempt | undefined =
    presented.attempt !== undefined
      ? { drawnBy: "client", value: presented.attempt }
      : server && { drawnBy: "server", value: server.value };
  if (keys === undefined || attempt === undefined) return undefined;
  const secret = successorSecret(keys, presented.token.secret, attempt);
  const hash = tokenHash(secret);
  if (!sameBytes(hash, record.currentHash)) return undefined;
  return {
    keyId: record.currentKeyId,
    sid: record.sid,
    generation: record.generation,
    expiresAt: record.currentExpiresAt,
    secret,
    links: [linkOf(keys, ownHash, hash), linkOf(keys, record.olderHash, hash)],
  };
}

/** The record once the current token is handed out again: its answer is under way for as long as any other. */
function handedOutAgain({ record, presented, now }: Facts): SessionRecord {
  const { serverAttempt } = record;
  const isOurs = presented.attempt === undefined && serverAttempt !== undefined;
  return {
    ...record,
    version: record.version + 1,
    currentAgainAt: now,
    serverAttempt: isOurs ? { ...serverAttempt, isShared: true } : serverAttempt,
  };
}

/** Row 5: retired less than a soft zone ago, or older than a full list whose oldest entry is. */
function isSuperseded(facts: Facts): boolean {
  const { record, presented, now, policy } = facts;
  const stepsBack = record.generation - presented.token.generation;
  if (stepsBack === 0) return false; // A dead sibling of the current token was never retired: row 8.
  const index = Math.min(stepsBack, retiredTimesMax) - 1;
  const retiredAt = record.retiredAt[index];
  // Retired "in the future" means that the clock was set back: still no verdict.
  return retiredAt !== undefined && now - retiredAt < softZoneMilliseconds(policy);
}

/** Row 8: the session ends here. */
function reuse(facts: Facts): Decision {
  const { record, presented, now } = facts;
  const { generation } = presented.token;
  const kind = generation === record.generation ? "a dead sibling of the current token" : "a used refresh token";
  const seen = `${kind} came back: generation ${generation}, current ${record.generation}`;
  return { outcome: "reuse", next: endSession(record, "refresh_token_reused", now, seen), seen };
}
