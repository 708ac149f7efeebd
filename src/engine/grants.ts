// What a client is given: the access token for a session, with the numbers around it.
// Owns the claims; signs with the key ring's active key and never reaches beyond the session's end.

import { issueAccessToken } from "../core/access-token.ts";
import { idleExpiresAt } from "../core/decide.ts";
import type { SessionRecord } from "../core/record.ts";
import type { Claims } from "./claims.ts";
import type { Context } from "./context.ts";
import type { Grant } from "./types.ts";

/** What an access token is made with, beside the record. */
export interface Signing {
  /** The application's claims. */
  readonly claims: Claims;
  /** What of the granted scope is wanted; default all of it. */
  readonly scope?: string | undefined;
}

/**
 * Signs an access token for `record`; it never outlives the session.
 * @param now milliseconds
 * @param refreshTokenExpiresAt seconds
 */
export function createGrant(
  context: Context,
  record: SessionRecord,
  now: number,
  outcome: Grant["outcome"],
  refreshTokenExpiresAt: number,
  refreshToken: string | undefined,
  signing: Signing,
): Grant {
  // Dated at the renewal of the claims where that is in a second that has not begun: what is older is refused.
  const seconds = Math.floor(now / 1000);
  const iat = Math.max(seconds, record.claimsNotBefore ?? 0);
  const exp = Math.min(iat + context.policy.accessTtlSeconds, record.expiresAt, idleExpiresAt(record));
  const scope = signing.scope || record.delegation?.scope || undefined;
  const claims = {
    ...signing.claims,
    iss: context.issuer,
    sub: record.subject,
    aud: record.delegation?.audience || context.audience,
    client_id: record.clientId,
    exp,
    iat,
    jti: Buffer.from(context.platform.entropy.bytes(16)).toString("base64url"),
    sid: record.sid,
    auth_time: record.authTime,
    amr: record.amr,
    ...(record.acr !== undefined && { acr: record.acr }),
    ...(scope !== undefined && { scope }),
  };
  return {
    accessToken: issueAccessToken(claims, context.keyRing.signing()),
    expiresIn: exp - seconds,
    refreshToken,
    refreshTokenTimeout: refreshTokenExpiresAt - seconds,
    authorizationExpiresIn: record.expiresAt - seconds,
    scope,
    outcome,
    record,
  };
}
