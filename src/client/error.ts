// The one error class of the client. Its codes are those of the server (CONTRACT section 2) and five of its own.
// No message carries a token.

/** What an answer said, or that there was none. */
export class ClientError extends Error {
  /**
   * A code of the server, or `network_error` (no answer), `timeout` (none in time), `unexpected_answer` (not one of
   * Pawl's, such as the page of a proxy), `signed_out`, `refresh_budget` (refreshed too often within an hour: a resource
   * server refuses tokens that are fresh, or a page reloads in a loop).
   */
  readonly code: string;
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  /** True only when the server said that the session is over. */
  readonly terminal: boolean;
  /** The reasons of `weak_password`. */
  readonly reasons: readonly string[];
  /** Seconds after which a retry makes sense; `undefined` when the server named none. */
  readonly retryAfterSeconds: number | undefined;
  /** The session that a terminal code is about, where the server knows it. */
  readonly sid: string | undefined;

  constructor(
    code: string,
    message: string,
    facts: {
      status?: number;
      terminal?: boolean;
      reasons?: readonly string[];
      retryAfterSeconds?: number | undefined;
      sid?: string | undefined;
    } = {},
  ) {
    super(message);
    this.name = "ClientError";
    this.code = code;
    this.status = facts.status ?? 0;
    this.terminal = facts.terminal ?? false;
    this.reasons = facts.reasons ?? [];
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.sid = facts.sid;
  }
}
