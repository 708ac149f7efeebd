// What a client is given: the access token for a session, with the numbers around it.
// Owns the claims; signs with the key ring's active key and never reaches beyond the session's end.

import { issueAccessToken } from "../core/access-token.ts";
import { idleExpiresAt } from "../core/decide.ts";
import type { SessionRecord } from "../core/record.ts";
import type { Context } from "./context.ts";
import type { Grant } from "./types.ts";

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
): Grant {
  const iat = Math.floor(now / 1000);
  const exp = Math.min(iat + context.policy.accessTtlSeconds, record.expiresAt, idleExpiresAt(record));
  const claims = {
    iss: context.issuer,
    sub: record.subject,
    aud: context.audience,
    client_id: record.clientId,
    exp,
    iat,
    jti: Buffer.from(context.platform.entropy.bytes(16)).toString("base64url"),
    sid: record.sid,
    auth_time: record.authTime,
    amr: record.amr,
  };
  return {
    accessToken: issueAccessToken(claims, context.keyRing.signing()),
    expiresIn: exp - iat,
    refreshToken,
    refreshTokenTimeout: refreshTokenExpiresAt - iat,
    authorizationExpiresIn: record.expiresAt - iat,
    outcome,
    record,
  };
}
