// The random steps of the differential suite at the level of sessions: what clients, thieves, operators and clocks do,
// drawn as plain data from what is known so far. Owns the odds and the forging of tokens; performs nothing, so one row of
// moves is the same for every store.

import { softZoneMilliseconds } from "../core/decide.ts";
import type { Policy } from "../core/policy.ts";
import type { SessionRecord } from "../core/record.ts";
import type { RefreshToken } from "../core/refresh-token.ts";
import { encodeRefreshToken, linkOf, parseRefreshToken, tokenHash } from "../core/refresh-token.ts";
import type { SecretRing } from "../core/secret-keys.ts";
import type { IssueInput, PresentInput } from "../engine/types.ts";
import { between, pick } from "./differential-store.ts";
import type { Random } from "./random.ts";

/** A refresh token that was handed out (or forged), under the name that stories use. */
export interface KnownToken {
  readonly text: string;
  readonly sid: string;
  readonly generation: number;
  /** Attempts it was presented under; a retry takes one of them. */
  readonly attempts: (string | undefined)[];
}

/** What is known so far, all of it from the memory side. */
export interface Cast {
  readonly random: Random;
  readonly policy: Policy;
  readonly ring: SecretRing;
  /** Milliseconds: what the clock of both sides says. */
  now: number;
  readonly tokens: KnownToken[];
  readonly accessTokens: string[];
  readonly sids: string[];
  records: readonly SessionRecord[];
  attempts: number;
}

/** A call of one engine. */
export type Call =
  | { readonly kind: "issue"; readonly input: IssueInput }
  | { readonly kind: "refresh" | "confirm"; readonly input: PresentInput }
  | { readonly kind: "logout"; readonly input: { readonly refreshToken: string; readonly sid?: string } }
  | { readonly kind: "revoke"; readonly sid: string; readonly subject: string | undefined }
  | {
      readonly kind: "revokeAll";
      readonly subject: string;
      readonly except: string | undefined;
      readonly before: number;
    }
  | { readonly kind: "reauthenticate"; readonly sid: string; readonly amr: readonly string[] | undefined }
  | { readonly kind: "authenticate"; readonly accessToken: string }
  | { readonly kind: "list"; readonly subject: string }
  | { readonly kind: "listAll"; readonly after: string | undefined; readonly limit: number }
  | { readonly kind: "story"; readonly sid: string }
  | { readonly kind: "feed"; readonly isFresh: boolean }
  | { readonly kind: "purge"; readonly keepSeconds: number }
  | { readonly kind: "reload" };

/** One step. */
export type Move =
  | { readonly kind: "call"; readonly lane: number; readonly call: Call }
  /** Both at once, one on each engine; `order` says whose store call goes next. */
  | { readonly kind: "pair"; readonly calls: readonly [Call, Call]; readonly order: readonly number[] }
  | { readonly kind: "clock"; readonly at: number; readonly why: string }
  /** The engines start anew on the same store. */
  | { readonly kind: "restart"; readonly rotation: Policy["rotation"] };

/** Subjects of the trials. */
export const castSubjects = ["ana", "ben"] as const;
const knownTokensMax = 400;
const orderLength = 24;
/** With fewer sessions than this alive, sign-ins are frequent. */
const liveSessionsWanted = 2;

/** Draws the next step. */
export function drawMove(cast: Cast): Move {
  const { random } = cast;
  const dice = random();
  const few = liveRecords(cast).length < liveSessionsWanted;
  if (cast.tokens.length === 0 || (few && random() < 0.4)) return { kind: "call", lane: 0, call: drawIssue(cast) };
  if (dice < 0.24) return drawClock(cast);
  if (dice < 0.26)
    return { kind: "restart", rotation: pick(random, ["two-phase", "two-phase", "two-phase", "strict"]) };
  if (dice < 0.46) {
    const first = drawChange(cast);
    const order = Array.from({ length: orderLength }, () => between(random, 0, 1));
    return { kind: "pair", calls: [first, drawRival(cast, first)], order };
  }
  return { kind: "call", lane: between(random, 0, 1), call: random() < 0.75 ? drawChange(cast) : drawLook(cast) };
}

/** Remembers a token that was handed out, unless it is known. */
export function learn(cast: Cast, text: string): void {
  if (cast.tokens.some((token) => token.text === text)) return;
  const { sid, generation } = parseRefreshToken(text, cast.ring);
  cast.tokens.push({ text, sid, generation, attempts: [] });
  if (!cast.sids.includes(sid)) cast.sids.push(sid);
  if (cast.tokens.length > knownTokensMax) cast.tokens.shift();
}

function drawChange(cast: Cast): Call {
  const { random } = cast;
  const dice = random();
  if (dice < 0.06) return drawIssue(cast);
  if (dice < 0.62) return drawPresented(cast, "refresh");
  if (dice < 0.8) return drawPresented(cast, "confirm");
  if (dice < 0.84) return drawLogout(cast);
  if (dice < 0.88) {
    return { kind: "revoke", sid: drawSid(cast), subject: pick(random, [undefined, ...castSubjects]) };
  }
  if (dice < 0.91) {
    const except = pick(random, [undefined, pick(random, cast.sids)]);
    const before = pick(random, [Number.POSITIVE_INFINITY, cast.now - 30_000]);
    return { kind: "revokeAll", subject: pick(random, castSubjects), except, before };
  }
  return { kind: "reauthenticate", sid: drawSid(cast), amr: pick(random, [undefined, ["pwd", "otp"]]) };
}

/** A second call that is likely to meet the first one on the same session. */
function drawRival(cast: Cast, first: Call): Call {
  if (cast.random() < 0.25) return drawChange(cast);
  if (first.kind !== "refresh" && first.kind !== "confirm") return drawPresented(cast, "refresh");
  const { random } = cast;
  const rivals: readonly Call[] = [
    first,
    { ...first, input: withAttempt(first.input.refreshToken, drawAttempt(cast)) },
    { kind: "confirm", input: { refreshToken: first.input.refreshToken } },
    { kind: "logout", input: { refreshToken: first.input.refreshToken } },
    drawPresented(cast, "refresh"),
  ];
  return pick(random, rivals);
}

function drawIssue({ random }: Cast): Call {
  const subject = pick(random, castSubjects);
  const transport = pick(random, ["cookie", "body"] as const);
  const input = random() < 0.5 ? { subject, transport } : { subject, transport, userAgent: "agent/1", ip: "192.0.2.7" };
  return { kind: "issue", input };
}

function drawAttempt(cast: Cast): string | undefined {
  if (cast.random() < 0.35) return undefined;
  cast.attempts += 1;
  return `attempt-of-the-trial-${cast.attempts}`;
}

function withAttempt(refreshToken: string, attempt: string | undefined): PresentInput {
  return attempt === undefined ? { refreshToken } : { refreshToken, attempt };
}

function drawPresented(cast: Cast, kind: "refresh" | "confirm"): Call {
  const { random } = cast;
  const token = drawToken(cast);
  const isRetry = token.attempts.length > 0 && random() < 0.5;
  const attempt = isRetry ? pick(random, token.attempts) : drawAttempt(cast);
  if (kind === "refresh") token.attempts.push(attempt);
  const input = withAttempt(token.text, attempt);
  if (random() < 0.02) return { kind, input: { ...input, deadlineAt: cast.now } };
  return { kind, input: random() < 0.1 ? { ...input, userAgent: "agent/2" } : input };
}

function drawLogout(cast: Cast): Call {
  const { text, sid } = drawToken(cast);
  const other = pick(cast.random, [undefined, sid, pick(cast.random, cast.sids)]);
  return { kind: "logout", input: other === undefined ? { refreshToken: text } : { refreshToken: text, sid: other } };
}

/** Sessions that nobody ended and that time has not ended either. */
function liveRecords({ records, now }: Cast): readonly SessionRecord[] {
  const isLive = (record: SessionRecord): boolean =>
    record.ended === undefined && record.expiresAt * 1000 > now && record.currentExpiresAt * 1000 > now;
  return records.filter(isLive);
}

function drawSid(cast: Cast): string {
  const live = liveRecords(cast);
  return live.length === 0 || cast.random() < 0.2 ? pick(cast.random, cast.sids) : pick(cast.random, live).sid;
}

/** Mostly a token around the current one of a session that lives; sometimes any, sometimes one nobody was given. */
function drawToken(cast: Cast): KnownToken {
  const { random, tokens } = cast;
  if (random() < 0.05) return forge(cast, pick(random, tokens));
  if (random() < 0.05) return pick(random, tokens);
  const live = liveRecords(cast);
  if (live.length === 0) return pick(random, tokens);
  const record = pick(random, live);
  const own = tokens.filter((token) => token.sid === record.sid);
  const [oldest, newest] = pick(random, [
    [0, 1],
    [1, 1],
    [0, 0],
    [-1, -1],
    [-2, 2],
  ] as const);
  const wanted = own.filter(({ generation }) => {
    const ahead = generation - record.generation;
    return ahead >= oldest && ahead <= newest;
  });
  return pick(random, wanted.length > 0 ? wanted : own.length > 0 ? own : tokens);
}

/** A token that was never handed out: a broken one, or what somebody with the secret and the database could make. */
function forge(cast: Cast, model: KnownToken): KnownToken {
  const { random, ring, records } = cast;
  const attempts: KnownToken["attempts"] = [];
  if (random() < 0.2) {
    const at = between(random, 10, model.text.length - 1);
    const text = model.text.slice(0, at) + (model.text[at] === "A" ? "B" : "A") + model.text.slice(at + 1);
    return { ...model, text, attempts };
  }
  const record = pick(random, [records.find(({ sid }) => sid === model.sid), ...liveRecords(cast)]);
  const keys = ring.newest;
  const secret = Buffer.alloc(32, between(random, 0, 255));
  const ownHash = tokenHash(secret);
  const ahead = pick(random, [-1, 0, 1, 2, 3]);
  const link = (isTrue: boolean): Uint8Array =>
    isTrue && record !== undefined ? linkOf(keys, record.currentHash, ownHash) : new Uint8Array(16);
  const token: RefreshToken = {
    keyId: keys.keyId,
    sid: record?.sid ?? model.sid,
    generation: Math.max(0, (record?.generation ?? 0) + ahead),
    expiresAt: Math.floor(cast.now / 1000) + pick(random, [-1, 1, cast.policy.idleTtlSeconds]),
    secret,
    links: [link(ahead === 1 && random() < 0.7), link(ahead === 2 && random() < 0.9)],
  };
  return { text: encodeRefreshToken(token, keys), sid: token.sid, generation: token.generation, attempts };
}

function drawLook(cast: Cast): Call {
  const { random, sids } = cast;
  const looks: readonly (() => Call)[] = [
    () => ({
      kind: "authenticate",
      accessToken: pick(random, [cast.accessTokens.at(-1), pick(random, cast.accessTokens)]) as string,
    }),
    () => ({ kind: "list", subject: pick(random, castSubjects) }),
    () => ({ kind: "listAll", after: pick(random, [undefined, pick(random, sids)]), limit: pick(random, [1, 3, 50]) }),
    () => ({ kind: "story", sid: pick(random, [pick(random, sids), "no session"]) }),
    () => ({ kind: "feed", isFresh: random() < 0.3 }),
    () => ({ kind: "feed", isFresh: false }),
    () => ({ kind: "purge", keepSeconds: pick(random, [0, 60, 604_800]) }),
    () => ({ kind: "reload" }),
  ];
  return pick(random, looks)();
}

/** Moves of the clock: small steps, exact borders of the rules and one millisecond beside them, and sometimes back. */
function drawClock(cast: Cast): Move {
  const { random, now, policy } = cast;
  const grace = policy.graceSeconds * 1000;
  const zone = softZoneMilliseconds(policy);
  const borders = cast.records.flatMap((record) => bordersOf(record, cast)).filter(({ at }) => at + 1 > now);
  const near = borders.filter(({ at }) => at - now <= zone);
  const chosen = random() < 0.9 ? near : borders;
  if (random() < 0.55 && chosen.length > 0) {
    const { at, why } = pick(random, chosen);
    const beside = pick(random, [-1, 0, 0, 1]);
    const told = beside === 0 ? "at" : `${Math.abs(beside)} ms ${beside < 0 ? "before" : "after"}`;
    return { kind: "clock", at: at + beside, why: `to ${told} ${why}` };
  }
  const steps = [
    1,
    999,
    1000,
    grace - 1,
    grace,
    zone - 1,
    zone,
    zone + 1,
    between(random, 1, 2 * zone),
    -1,
    -1000,
    -zone,
  ];
  const by = pick(random, steps);
  return { kind: "clock", at: now + by, why: `by ${by} ms` };
}

function bordersOf(record: SessionRecord, { policy }: Cast): { readonly at: number; readonly why: string }[] {
  const grace = policy.graceSeconds * 1000;
  const zone = softZoneMilliseconds(policy);
  const { handOut, serverAttempt, retiredAt } = record;
  const borders: readonly (readonly [number | undefined, string])[] = [
    [handOut && handOut.firstAt + zone, "the end of the burst's hand-outs"],
    [handOut && handOut.lastAt + zone, "the end of the burst"],
    [serverAttempt && serverAttempt.firstUsedAt + grace, "the end of the server's attempt"],
    [retiredAt[0] === undefined ? undefined : retiredAt[0] + zone, "the end of the newest soft zone"],
    [retiredAt.length === 0 ? undefined : (retiredAt.at(-1) as number) + zone, "the end of the oldest soft zone"],
    [record.currentExpiresAt * 1000, "the expiry of the current token"],
    [handOut && handOut.expiresAt * 1000, "the expiry of the successors"],
    [record.lastSeenAt + policy.accessTtlSeconds * 1000, "the expiry of an access token"],
    [record.expiresAt * 1000, "the end of the session"],
  ];
  return borders.flatMap(([at, why]) => (at === undefined ? [] : [{ at, why }]));
}
