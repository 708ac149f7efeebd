// Errors of the OAuth endpoints (RFC 6749 section 5.2): which code, status and challenge. Every refusal of a refresh token
// but "superseded" looks the same, so that nobody learns what was wrong with a token that he found.

import { quotable } from "../core/bearer.ts";
import { PawlError } from "../core/errors.ts";
import type { Outgoing } from "./exchange.ts";
import { statusOf } from "./problem.ts";

/** A code of RFC 6749, 7009 or 9449. */
export type OAuthCode =
  | "invalid_request"
  | "invalid_client"
  | "invalid_grant"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "invalid_scope"
  | "invalid_dpop_proof"
  | "temporarily_unavailable"
  | "server_error";

/** A refusal in words of OAuth; for logs and counters it is the nearest code of ours. */
export class OAuthError extends PawlError {
  readonly error: OAuthCode;
  /** True when the client authenticated with the `Authorization` header: then it gets a challenge. */
  readonly isChallenged: boolean;

  constructor(error: OAuthCode, description: string, isChallenged = false) {
    super(error === "invalid_client" ? "invalid_credentials" : "invalid_request", description);
    this.error = error;
    this.isChallenged = isChallenged;
  }
}

const challenge = 'Basic realm="pawl", charset="UTF-8"';
const invalidGrant = "The refresh token is invalid, expired, revoked, or another client's.";

interface Refusal {
  readonly error: OAuthCode;
  readonly description: string;
  readonly status: number;
}

function refusalOf(failure: PawlError): Refusal {
  if (failure instanceof OAuthError) {
    const status = failure.error === "invalid_client" ? 401 : 400;
    return { error: failure.error, description: failure.detail, status };
  }
  const { code, detail } = failure;
  const status = statusOf[code];
  if (code === "refresh_token_superseded") return { error: "invalid_grant", description: "superseded", status: 400 };
  if (failure.terminal) return { error: "invalid_grant", description: invalidGrant, status: 400 };
  if (status === 429 || status === 503) return { error: "temporarily_unavailable", description: detail, status };
  if (code === "invalid_scope") return { error: "invalid_scope", description: detail, status };
  if (status < 500) return { error: "invalid_request", description: detail, status };
  // What went wrong inside is nobody's business.
  return { error: "server_error", description: "Something went wrong on our side; retry.", status: 500 };
}

/** The answer of a refusal. */
export function oauthProblem(failure: PawlError, headers: readonly string[], allow: string): Outgoing {
  const { error, description, status } = refusalOf(failure);
  const out = [...headers];
  if (failure instanceof OAuthError && failure.isChallenged) out.push("www-authenticate", challenge);
  if (status === 405) out.push("allow", allow);
  if (error === "temporarily_unavailable") {
    out.push("retry-after", String(Math.max(1, Math.ceil(failure.facts.retryAfterSeconds ?? 1))));
  }
  return { status, headers: out, body: JSON.stringify({ error, error_description: quotable(description) }) };
}
