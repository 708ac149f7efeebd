// From a PawlError to a problem document (RFC 9457): the only map from codes to statuses, and the headers that a code
// asks for. Never shows a cause: what a driver or the runtime said stays in the log.

import { bearerChallenge } from "../core/bearer.ts";
import type { ErrorCode } from "../core/errors.ts";
import { errorMeanings, PawlError } from "../core/errors.ts";
import type { Outgoing } from "./exchange.ts";

/** The status of each code (CONTRACT section 2). */
export const statusOf: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  invalid_credentials: 401,
  refresh_token_missing: 401,
  refresh_token_invalid: 401,
  refresh_token_expired: 401,
  session_expired: 401,
  session_revoked: 401,
  refresh_token_reused: 401,
  invalid_token: 401,
  insufficient_scope: 403,
  invalid_scope: 400,
  invalid_claims: 500,
  proof_required: 401,
  proof_invalid: 401,
  csrf_rejected: 403,
  reauthentication_required: 403,
  registration_closed: 403,
  not_found: 404,
  method_not_allowed: 405,
  refresh_token_superseded: 409,
  account_exists: 409,
  body_too_large: 413,
  unsupported_media_type: 415,
  weak_password: 422,
  rate_limited: 429,
  internal_error: 500,
  invalid_option: 500,
  store_incompatible: 500,
  store_unavailable: 503,
};

/** What a client waits before a retry when the error does not say. */
const retryAfterSecondsDefault = 1;
const realm = "pawl";

/** The `WWW-Authenticate` value of a code, if it wants one. */
function challengeOf(error: PawlError): string | undefined {
  switch (error.code) {
    case "invalid_token":
    case "insufficient_scope":
      return bearerChallenge(realm, { error: error.code, error_description: error.detail });
    case "reauthentication_required":
      // RFC 9470 section 3: a fresh sign-in is asked for.
      return bearerChallenge(realm, {
        error: "insufficient_user_authentication",
        error_description: error.detail,
      });
    default:
      // RFC 9110 section 15.5.2 asks for a challenge with every 401.
      return statusOf[error.code] === 401 ? bearerChallenge(realm) : undefined;
  }
}

/** The request had no credentials at all: the challenge says so by saying nothing more (RFC 6750 section 3). */
export class CredentialsMissing extends PawlError {
  constructor() {
    super("invalid_token", "No access token came with the request.");
  }
}

/** Any error as a PawlError; what is not one is `internal_error` and its message stays inside. */
export function asPawlError(error: unknown): PawlError {
  if (error instanceof PawlError) return error;
  return new PawlError("internal_error", errorMeanings.internal_error.title, { cause: error });
}

/** Creates the answer of an error. `headers` are the base headers of problems. */
export function problem(error: PawlError, headers: readonly string[]): Outgoing & { readonly body: string } {
  const { code, detail, facts } = error;
  const { title, terminal } = errorMeanings[code];
  const status = statusOf[code];
  const out = [...headers];
  const challenge = error instanceof CredentialsMissing ? bearerChallenge(realm) : challengeOf(error);
  if (challenge !== undefined) out.push("www-authenticate", challenge);
  if (status === 429 || status === 503) {
    const seconds = Math.max(1, Math.ceil(facts.retryAfterSeconds ?? retryAfterSecondsDefault));
    out.push("retry-after", String(seconds));
    // draft-ietf-httpapi-ratelimit-headers: the policy's name, what remains of it and when there is more.
    if (status === 429) out.push("ratelimit", `"${policyName(facts.field)}";r=0;t=${seconds}`);
  }
  // A client that clears the dead cookie names it by this, and so cannot hit a session begun meanwhile.
  if (facts.sid !== undefined) out.push("pawl-session", facts.sid);
  const body: Record<string, unknown> = { type: `urn:pawl:error:${code}`, title, status, code, detail, terminal };
  if (facts.reasons !== undefined) body.reasons = facts.reasons;
  // For operators only: the public sentence is enough, options and stores are never a client's business.
  if (status === 500 || (status === 503 && error.cause !== undefined)) body.detail = title;
  return { status, headers: out, body: JSON.stringify(body) };
}

function policyName(field: string | undefined): string {
  return field !== undefined && /^[a-z_]{1,40}$/.test(field) ? field : "account";
}
