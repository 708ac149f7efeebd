// Where sessions begin, and where a person proves again who they are: issue and reauthenticate.
// Owns the checks of what a host passes in; who the person is was checked by the caller.

import { remember } from "../core/decide.ts";
import { PawlError } from "../core/errors.ts";
import type { Delegation, SessionRecord } from "../core/record.ts";
import { methodsMax, sidBefore, subjectCharactersMax } from "../core/record.ts";
import type { RefreshToken } from "../core/refresh-token.ts";
import { encodeRefreshToken, noHash, tokenHash } from "../core/refresh-token.ts";
import { type Claims, createAsked } from "./claims.ts";
import type { Context } from "./context.ts";
import { cannotAnswer, commitRoundsMax, tell } from "./context.ts";
import { enforceLimit } from "./ending.ts";
import { createGrant } from "./grants.ts";
import { seenFrom } from "./rotation.ts";
import { isScopeToken, scopeCharactersMax, scopesMax } from "./scopes.ts";
import type { Grant, IssueInput } from "./types.ts";
import { isLive } from "./views.ts";

const levelCharactersMax = 255;
const labelCharactersMax = 64;
const clientIdCharactersMax = 255;
const methodCharactersMax = 32;
const insertRoundsMax = 4;
const claimsRoundsMax = 4;
const noLink = new Uint8Array(16);

function demand(condition: boolean, field: string, must: string): void {
  if (!condition) throw new PawlError("invalid_request", `${field} must be ${must}`, { field });
}

function checkMethods(amr: readonly string[]): readonly string[] {
  const good = (name: unknown): boolean =>
    typeof name === "string" && name.length > 0 && name.length <= methodCharactersMax;
  demand(Array.isArray(amr) && amr.length <= methodsMax && amr.every(good), "amr", `at most ${methodsMax} short names`);
  return [...amr];
}

function text(value: unknown, min: number, max: number): boolean {
  return typeof value === "string" && value.length >= min && value.length <= max;
}

function checkLevel(acr: string): string {
  demand(text(acr, 1, levelCharactersMax), "acr", `1 to ${levelCharactersMax} characters`);
  return acr;
}

function checkDelegation({ scopes = [], audience = "" }: NonNullable<IssueInput["delegation"]>): Delegation {
  const scope = scopes.join(" ");
  const good = scopes.length <= scopesMax && scope.length <= scopeCharactersMax && scopes.every(isScopeToken);
  demand(good, "scopes", `at most ${scopesMax} scope tokens of ${scopeCharactersMax} characters together`);
  demand(/^\S{0,255}$/.test(audience), "audience", "at most 255 characters without spaces");
  return { scope, audience };
}

function checkInput(
  input: IssueInput,
): Pick<SessionRecord, "subject" | "transport" | "amr" | "label" | "clientId" | "acr" | "delegation"> {
  const { subject, transport = "cookie", amr = ["pwd"], label = "", clientId = "first-party", acr } = input;
  demand(text(subject, 1, subjectCharactersMax), "subject", `1 to ${subjectCharactersMax} characters`);
  demand(transport === "cookie" || transport === "body", "transport", "cookie or body");
  demand(text(label, 0, labelCharactersMax), "label", `at most ${labelCharactersMax} characters`);
  demand(text(clientId, 1, clientIdCharactersMax), "clientId", `1 to ${clientIdCharactersMax} characters`);
  const delegation = input.delegation && checkDelegation(input.delegation);
  return {
    subject,
    transport,
    amr: checkMethods(amr),
    label,
    clientId,
    ...(acr !== undefined && { acr: checkLevel(acr) }),
    ...(delegation !== undefined && { delegation }),
  };
}

/** When the person proved who they are (seconds): now, or before. */
function checkAuthTime(authTime: number | undefined, now: number): number {
  if (authTime === undefined) return now;
  demand(
    Number.isSafeInteger(authTime) && authTime > 0 && authTime <= now,
    "authTime",
    "whole seconds, not in the future",
  );
  return authTime;
}

/** 48 bits of time, then 80 random bits: new rows go to the end of the table, and nobody can guess one. */
function createSid(context: Context, now: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes.set(context.platform.entropy.bytes(10), 6);
  return bytes.toString("base64url");
}

/** Starts a session at generation 0. */
export async function issue(context: Context, input: IssueInput): Promise<Grant> {
  const checked = checkInput(input);
  const { policy, platform, secrets } = context;
  for (let round = 0; round < insertRoundsMax; round += 1) {
    const now = platform.clock.now();
    const seconds = Math.floor(now / 1000);
    const expiresAt = seconds + policy.sessionTtlSeconds;
    const token: RefreshToken = {
      keyId: secrets.newest.keyId,
      sid: createSid(context, now),
      generation: 0,
      expiresAt: Math.min(seconds + policy.idleTtlSeconds, expiresAt),
      secret: platform.entropy.bytes(32),
      links: [noLink, noLink],
    };
    const empty: SessionRecord = {
      ...checked,
      sid: token.sid,
      version: 1,
      createdAt: now,
      expiresAt,
      lastSeenAt: now,
      authTime: checkAuthTime(input.authTime, seconds),
      userAgent: "",
      ip: "",
      generation: 0,
      currentHash: tokenHash(token.secret),
      currentExpiresAt: token.expiresAt,
      currentKeyId: token.keyId,
      previousHash: noHash,
      olderHash: noHash,
      currentAgainAt: undefined,
      handOut: undefined,
      serverAttempt: undefined,
      retiredAt: [],
      ended: undefined,
      history: [],
    };
    const inserted = seenFrom(empty, input, now);
    context.beginning.add(inserted.sid);
    const begun = await begin(context, inserted).finally(() => context.beginning.delete(inserted.sid));
    if (begun === undefined) continue; // 80 random bits met twice within a millisecond: draw again.
    const { record, claims } = begun;
    tell(context, record, now, "session_created");
    await enforceLimit(context, record.subject);
    return createGrant(context, record, now, "issued", token.expiresAt, encodeRefreshToken(token, secrets.newest), {
      claims,
    });
  }
  throw cannotAnswer("No free session id was found; retry.");
}

/**
 * Puts a session into the store, and asks for what the application adds to its first access token; `undefined` where its id
 * exists. It is asked once the session is in the store, where a renewal of claims finds it: what the hook says before that may
 * be out of date, and nobody would know. When it fails the session is gone again, and nobody was told of it.
 */
async function begin(
  context: Context,
  inserted: SessionRecord,
): Promise<{ record: SessionRecord; claims: Claims } | undefined> {
  if (!(await context.store.insert(inserted))) return undefined;
  const asked = createAsked(context);
  let record: SessionRecord | undefined = inserted;
  try {
    for (let round = 0; round < claimsRoundsMax; round += 1) {
      const claims = asked.claims(record);
      if (claims !== undefined) return { record, claims };
      await asked.ask(record);
      record = await context.store.read(inserted.sid);
      if (record === undefined || !isLive(record, context.platform.clock.now())) break;
    }
    throw cannotAnswer("The session was ended, or its claims were renewed again and again, while it began; retry.");
  } catch (error) {
    await remove(context, inserted.sid).catch(() => undefined);
    throw error;
  }
}

/** Takes a session back that nobody has a token of: a sweep that looks at the one row behind the id before it. */
async function remove({ store }: Context, sid: string): Promise<void> {
  await store.purge((record) => record.sid === sid, 0, sidBefore(sid), 1);
}

/** A new access token with `auth_time` now, for a session whose owner has just proven who they are. */
export async function reauthenticate(
  context: Context,
  sid: string,
  amr?: readonly string[],
  acr?: string,
): Promise<Grant> {
  const methods = amr === undefined ? undefined : checkMethods(amr);
  const level = acr === undefined ? undefined : checkLevel(acr);
  const asked = createAsked(context);
  for (let round = 0; round < commitRoundsMax; round += 1) {
    const record = await context.store.read(sid);
    const now = context.platform.clock.now();
    if (record === undefined || !isLive(record, now)) throw new PawlError("invalid_token");
    const claims = asked.claims(record);
    if (claims === undefined) {
      await asked.ask(record);
      continue;
    }
    const renewed = {
      ...record,
      version: record.version + 1,
      authTime: Math.floor(now / 1000),
      amr: methods ?? record.amr,
      ...(level !== undefined && { acr: level }),
    };
    const next = remember(renewed, { at: now, type: "session_reauthenticated", detail: "" });
    if (await context.store.commit(next, record.version)) {
      tell(context, next, now, "session_reauthenticated");
      return createGrant(context, next, now, "reauthenticated", record.currentExpiresAt, undefined, { claims });
    }
  }
  throw cannotAnswer("Too many requests change this session at once; retry.");
}
