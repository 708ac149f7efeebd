// Every error of Pawl: stable codes, a public sentence each, and whether it ends the session for the client.
// Owns the list; http/problem.ts owns the only map from codes to statuses. No message carries a secret.

/** What a code means to a client. */
export interface ErrorMeaning {
  readonly title: string;
  readonly terminal: boolean;
}

/** A stable error code (CONTRACT section 2). */
export type ErrorCode =
  | "invalid_request"
  | "invalid_credentials"
  | "refresh_token_missing"
  | "refresh_token_invalid"
  | "refresh_token_expired"
  | "session_expired"
  | "session_revoked"
  | "refresh_token_reused"
  | "refresh_token_superseded"
  | "invalid_token"
  | "insufficient_scope"
  | "invalid_scope"
  | "invalid_claims"
  | "proof_required"
  | "proof_invalid"
  | "csrf_rejected"
  | "reauthentication_required"
  | "not_found"
  | "method_not_allowed"
  | "account_exists"
  | "registration_closed"
  | "body_too_large"
  | "unsupported_media_type"
  | "weak_password"
  | "rate_limited"
  | "store_unavailable"
  | "internal_error"
  | "invalid_option"
  | "store_incompatible";

/** The stable codes (CONTRACT section 2), with the sentence a client may show and whether the session is over. */
export const errorMeanings: Readonly<Record<ErrorCode, ErrorMeaning>> = {
  invalid_request: { title: "The request is malformed.", terminal: false },
  invalid_credentials: { title: "E-mail address or password is wrong.", terminal: false },
  refresh_token_missing: { title: "No refresh token came with the request.", terminal: true },
  refresh_token_invalid: { title: "The refresh token is not one of ours.", terminal: true },
  refresh_token_expired: { title: "The refresh token has expired.", terminal: true },
  session_expired: { title: "The session has expired.", terminal: true },
  session_revoked: { title: "The session was ended.", terminal: true },
  refresh_token_reused: { title: "A used refresh token came back; the session was ended.", terminal: true },
  refresh_token_superseded: { title: "A newer refresh token exists; retry with it.", terminal: false },
  invalid_token: { title: "The access token is missing, invalid, expired or revoked.", terminal: false },
  insufficient_scope: { title: "This access token is not for this call.", terminal: false },
  invalid_scope: { title: "The scope is malformed or wider than what was granted.", terminal: false },
  invalid_claims: { title: "The application's claims do not fit into an access token.", terminal: false },
  proof_required: { title: "This session needs a proof of possession.", terminal: false },
  proof_invalid: { title: "The proof of possession is invalid.", terminal: false },
  csrf_rejected: { title: "The request came from a page that may not send it.", terminal: false },
  reauthentication_required: { title: "Sign in again to do this.", terminal: false },
  not_found: { title: "There is nothing here.", terminal: false },
  method_not_allowed: { title: "This method is not allowed here.", terminal: false },
  account_exists: { title: "An account with this e-mail address exists.", terminal: false },
  registration_closed: { title: "Registration is closed.", terminal: false },
  body_too_large: { title: "The body is too large.", terminal: false },
  unsupported_media_type: { title: "The body must be application/json.", terminal: false },
  weak_password: { title: "The password is too weak.", terminal: false },
  rate_limited: { title: "Too many requests; wait and retry.", terminal: false },
  store_unavailable: { title: "The service cannot answer right now; retry.", terminal: false },
  internal_error: { title: "Something went wrong on our side; retry.", terminal: false },
  invalid_option: { title: "An option has a value that is not accepted.", terminal: false },
  store_incompatible: { title: "The store cannot be used.", terminal: false },
};

/** Extra facts some codes carry. */
export interface ErrorFacts {
  /** Seconds after which a retry makes sense (`rate_limited`, `store_unavailable`). */
  readonly retryAfterSeconds?: number;
  /** Machine-readable reasons (`weak_password`). */
  readonly reasons?: readonly string[];
  /** The member or option at fault. */
  readonly field?: string;
  /** The session that a terminal code is about, where an authentic token named it. */
  readonly sid?: string;
  readonly cause?: unknown;
}

/** The one error class. `detail` is public: it never holds a token, a password or a database message. */
export class PawlError extends Error {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, detail: string = errorMeanings[code].title, facts: ErrorFacts = {}) {
    super(`${code}: ${detail}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "PawlError";
    this.code = code;
    this.detail = detail;
    this.facts = facts;
  }

  /** True when this session is over and the client must sign in again. */
  get terminal(): boolean {
    return errorMeanings[this.code].terminal;
  }
}
