// Refresh and confirm: parse, read, decide, commit; a lost compare-and-set is read and decided again, a bounded number
// of times. No rule lives here: decide() says what happens, this file makes it durable before anybody is told.

import type { Decision, Presentation } from "../core/decide.ts";
import { decide, isAttempt } from "../core/decide.ts";
import { type ErrorCode, errorMeanings, PawlError } from "../core/errors.ts";
import type { SessionRecord } from "../core/record.ts";
import type { RefreshToken } from "../core/refresh-token.ts";
import { encodeRefreshToken } from "../core/refresh-token.ts";
import type { SecretKeys } from "../core/secret-keys.ts";
import { createAsked } from "./claims.ts";
import type { Context } from "./context.ts";
import { cannotAnswer, commitRoundsMax, tell } from "./context.ts";
import { revocationOf } from "./ending.ts";
import { createGrant, type Signing } from "./grants.ts";
import { isHeldBy } from "./inspection.ts";
import { readPresented } from "./presented-token.ts";
import { narrowed } from "./scopes.ts";
import type { Grant, Origin, PresentInput } from "./types.ts";

const userAgentCharactersMax = 255;
const addressCharactersMax = 45;

/** `text` cut to what a record keeps, or what it kept before. */
export function remembered(text: string | undefined, before: string, charactersMax: number): string {
  return text === undefined ? before : text.slice(0, charactersMax);
}

/** The record, seen now from where the request came. */
export function seenFrom(record: SessionRecord, origin: Origin, now: number): SessionRecord {
  return {
    ...record,
    lastSeenAt: now,
    userAgent: remembered(origin.userAgent, record.userAgent, userAgentCharactersMax),
    ip: remembered(origin.ip, record.ip, addressCharactersMax),
  };
}

/** Refuses a malformed `Idempotency-Key`. @throws PawlError `invalid_request`. */
export function checkAttempt(attempt: string | undefined): void {
  if (attempt === undefined || isAttempt(attempt)) return;
  throw new PawlError("invalid_request", "Idempotency-Key must be 16 to 128 characters of A-Z a-z 0-9 - _", {
    field: "Idempotency-Key",
  });
}

/** Checks what can be checked without the store: the attempt, the token's form, MAC and expiry. */
async function presentation(
  context: Context,
  input: PresentInput,
  operation: Presentation["operation"],
): Promise<Presentation> {
  const { attempt } = input;
  checkAttempt(attempt);
  const token = await readPresented(context, input.refreshToken);
  if (context.platform.clock.now() >= token.expiresAt * 1000) throw over("refresh_token_expired", token.sid);
  const freshAttempt = attempt === undefined ? context.platform.entropy.bytes(16) : new Uint8Array(0);
  return { operation, token, attempt, freshAttempt };
}

interface Settled {
  readonly decision: Decision;
  /** The record after the decision, as it is in the store. */
  readonly record: SessionRecord;
  readonly now: number;
  /** Absent for what gives no access token. */
  readonly signing: Signing | undefined;
}

function deadlineOf({ platform, policy }: Context, input: PresentInput): number {
  return input.deadlineAt ?? platform.clock.now() + policy.graceSeconds * 1000;
}

/** Now; a request older than grace must not hand out or decide anything any more: its client is gone (section 4). */
function inTime({ platform }: Context, deadlineAt: number): number {
  const now = platform.clock.now();
  if (now >= deadlineAt) throw cannotAnswer("The request took too long; retry.");
  return now;
}

const givesToken: readonly Decision["outcome"][] = ["rotate", "hand_out_again", "settle"];

/** Reads, decides and commits until the decision holds for the record that is stored. */
async function settle(
  context: Context,
  input: PresentInput,
  presented: Presentation,
  deadlineAt: number,
): Promise<Settled> {
  const { store, policy, secrets, platform } = context;
  const asked = createAsked(context);
  for (let round = 0; round < commitRoundsMax; round += 1) {
    const readAt = platform.clock.now();
    const record = await store.read(presented.token.sid);
    const now = inTime(context, deadlineAt);
    if (record === undefined) throw over("session_expired", presented.token.sid);
    if (!isHeldBy(record, input.client?.id)) throw new PawlError("refresh_token_invalid", "It is another client's.");
    const decision = decide(record, presented, now, policy, secrets);
    let signing: Signing | undefined;
    if (presented.operation === "refresh" && givesToken.includes(decision.outcome)) {
      const scope = narrowed(record, input.client?.scope);
      const claims = asked.claims(record);
      if (claims === undefined) {
        await asked.ask(record);
        continue;
      }
      signing = { claims, scope };
    }
    // Nothing is committed, so a revocation may have come since the read: what is signed is dated before it (I5).
    if (!("next" in decision) || decision.next === undefined) return { decision, record, now: readAt, signing };
    const ends = decision.outcome === "reuse";
    const next = ends ? decision.next : seenFrom(decision.next, input, now);
    const revocation = ends ? revocationOf(context, record, now) : undefined;
    if (await store.commit(next, record.version, revocation)) return { decision, record: next, now, signing };
  }
  throw cannotAnswer("Too many requests change this session at once; retry.");
}

/** Rotates (CONTRACT section 4). */
export async function refresh(context: Context, input: PresentInput): Promise<Grant> {
  const presented = await presentation(context, input, "refresh");
  const deadlineAt = deadlineOf(context, input);
  const grant = grantOf(context, presented, await settle(context, input, presented, deadlineAt));
  // The commit may have taken its time, too. A retry of the same attempt gets the same token.
  inTime(context, deadlineAt);
  return grant;
}

/** What a decision gives; tells subscribers. Throws what is no success. */
function grantOf(context: Context, presented: Presentation, { decision, record, now, signing }: Settled): Grant {
  const text = (token: RefreshToken): string =>
    encodeRefreshToken(token, context.secrets.byId(token.keyId) as SecretKeys);
  const made = signing as Signing;
  switch (decision.outcome) {
    case "rotate":
      if (decision.rolledBack) tell(context, record, now, "store_rolled_back");
      if (decision.confirmed) tell(context, record, now, "refresh_token_confirmed");
      tell(context, record, now, "refresh_token_rotated");
      return createGrant(context, record, now, "rotated", decision.token.expiresAt, text(decision.token), made);
    case "hand_out_again":
      tell(context, record, now, "refresh_token_handed_out_again");
      return createGrant(
        context,
        record,
        now,
        "handed_out_again",
        decision.token.expiresAt,
        text(decision.token),
        made,
      );
    case "settle":
      tell(context, record, now, "refresh_settled");
      return createGrant(context, record, now, "settled", presented.token.expiresAt, undefined, made);
    default:
      return refuse(context, decision, record, now);
  }
}

/** The newest token has arrived: row 2 without rotating. */
export async function confirm(context: Context, input: PresentInput): Promise<void> {
  const presented = await presentation(context, input, "confirm");
  const { decision, record, now } = await settle(context, input, presented, deadlineOf(context, input));
  if (decision.outcome === "unchanged") return;
  if (decision.outcome !== "confirm") refuse(context, decision, record, now);
  else {
    if (decision.rolledBack) tell(context, record, now, "store_rolled_back");
    tell(context, record, now, "refresh_token_confirmed");
  }
}

/** The session `sid` is over for whoever presented a token of it. */
function over(code: ErrorCode, sid: string): PawlError {
  return new PawlError(code, errorMeanings[code].title, { sid });
}

/** Everything that is not a success; its consequences are durable already. */
function refuse(context: Context, decision: Decision, record: SessionRecord, now: number): never {
  switch (decision.outcome) {
    case "superseded":
      tell(context, record, now, "refresh_superseded");
      throw new PawlError("refresh_token_superseded");
    case "invalid":
      tell(context, record, now, "store_rolled_back", { detail: "a token newer than the store's came" });
      throw new PawlError("refresh_token_invalid");
    case "reuse":
      tell(context, record, now, "refresh_token_reused", { detail: decision.seen });
      tell(context, record, now, "session_revoked", { reason: "refresh_token_reused" });
      throw over("refresh_token_reused", record.sid);
    case "over":
      throw over(decision.code, record.sid);
    default:
      throw new TypeError(`no refusal: ${decision.outcome}`);
  }
}
