// What a token is right now, for RFC 7662, and ending the session of any token, for RFC 7009. Changes nothing but by
// revoke(): decide() is asked what it would say, and its answer is not committed.

import type { AccessClaims } from "../core/access-token.ts";
import { checkAccessToken } from "../core/access-token.ts";
import { decide } from "../core/decide.ts";
import { PawlError } from "../core/errors.ts";
import type { SessionRecord } from "../core/record.ts";
import { isSid } from "../core/record.ts";
import { refreshTokenPrefix } from "../core/refresh-token.ts";
import type { Context } from "./context.ts";
import { revoke } from "./ending.ts";
import { readPresented } from "./presented-token.ts";
import type { Authenticated, Inspected } from "./types.ts";
import { isLive } from "./views.ts";

/** True when a session is held by the client: a registered one by its delegation, others by their name. */
export function isHeldBy(record: SessionRecord, clientId: string | undefined): boolean {
  return clientId === undefined ? record.delegation === undefined : record.clientId === clientId;
}

/** Checks an access token, then reads its session. @throws PawlError `invalid_token`. */
async function checkAccess(
  context: Context,
  text: string,
  audience: string | undefined,
): Promise<{ claims: AccessClaims; record: SessionRecord }> {
  const { platform, keyRing, issuer, store } = context;
  const claims = checkAccessToken(text, {
    issuer,
    audience,
    keyFor: (kid) => keyRing.verification(kid),
    nowSeconds: Math.floor(platform.clock.now() / 1000),
    leewaySeconds: 0,
  });
  const record = isSid(claims.sid) ? await store.read(claims.sid) : undefined;
  if (record === undefined || record.subject !== claims.sub || !isLive(record, platform.clock.now())) {
    throw new PawlError("invalid_token", "The session of this access token is over.");
  }
  if (claims.iat < (record.claimsNotBefore ?? 0)) {
    throw new PawlError("invalid_token", "The claims of this access token are out of date.");
  }
  return { claims, record };
}

/** An access token for this deployment, of a live session. @throws PawlError `invalid_token`. */
export async function authenticate(context: Context, text: string): Promise<Authenticated> {
  const { claims, record } = await checkAccess(context, text, context.audience);
  return { subject: claims.sub, sid: claims.sid, authTime: claims.auth_time, claims, record };
}

/** What the token is; `undefined` = nothing that can be used. Never a reason: that would tell strangers about it. */
export async function inspect(context: Context, text: string): Promise<Inspected | undefined> {
  try {
    if (!text.startsWith(refreshTokenPrefix)) {
      return { kind: "access", ...(await checkAccess(context, text, undefined)) };
    }
    return await inspectRefresh(context, text);
  } catch (error) {
    return nothing(error);
  }
}

/** A token that is nothing is no error here; anything else that failed is. */
function nothing(error: unknown): undefined {
  if (error instanceof PawlError && ["invalid_token", "refresh_token_invalid"].includes(error.code)) return undefined;
  throw error;
}

async function inspectRefresh(context: Context, text: string): Promise<Inspected | undefined> {
  const { platform, store, policy, secrets } = context;
  const token = await readPresented(context, text);
  const now = platform.clock.now();
  if (now >= token.expiresAt * 1000) return undefined;
  const record = await store.read(token.sid);
  if (record === undefined) return undefined;
  const presented = { operation: "confirm", token, attempt: undefined, freshAttempt: new Uint8Array(0) } as const;
  const { outcome } = decide(record, presented, now, policy, secrets);
  return outcome === "unchanged" || outcome === "confirm"
    ? { kind: "refresh", expiresAt: token.expiresAt, record }
    : undefined;
}

/** Ends the session of a token of either kind, if the client holds it. An expired refresh token ends nothing. */
export async function revokeToken(
  context: Context,
  text: string,
  clientId: string,
): Promise<"ended" | "already" | "unknown" | "mismatch"> {
  const sid = await sidOf(context, text);
  const record = sid === undefined || !isSid(sid) ? undefined : await context.store.read(sid);
  if (record === undefined) return "unknown";
  if (!isHeldBy(record, clientId)) return "mismatch";
  return (await revoke(context, record.sid, "revoked")) ? "ended" : "already";
}

/** The session of an authentic, unexpired token. */
async function sidOf(context: Context, text: string): Promise<string | undefined> {
  const seconds = Math.floor(context.platform.clock.now() / 1000);
  try {
    if (text.startsWith(refreshTokenPrefix)) {
      const token = await readPresented(context, text);
      return seconds >= token.expiresAt ? undefined : token.sid;
    }
    const keyFor = (kid: string) => context.keyRing.verification(kid);
    const { issuer } = context;
    return checkAccessToken(text, { issuer, audience: undefined, keyFor, nowSeconds: seconds, leewaySeconds: 0 }).sid;
  } catch (error) {
    return nothing(error);
  }
}
