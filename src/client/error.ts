// The one error class of the client, and two small things about promises. The codes are those of the server (CONTRACT
// section 2) and six of its own. No message carries a token.

/** What is known of an error besides its code. */
export interface ErrorFacts {
  readonly status?: number;
  readonly terminal?: boolean;
  readonly reasons?: readonly string[] | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly sid?: string | null;
}

/** What an answer said, or that there was none. */
export class ClientError extends Error {
  /**
   * A code of the server, or `network_error` (no answer), `timeout` (none in time), `unexpected_answer` (not one of
   * Pawl's, such as the page of a proxy), `signed_out`, `refresh_budget` (this page refreshed too often within an hour: a
   * resource server refuses tokens that are fresh), `storage_unavailable` (stored credentials cannot be read).
   */
  declare readonly code: string;
  /** The HTTP status; 0 without an answer. */
  declare readonly status: number;
  /** True only when the server said that the session is over. */
  declare readonly terminal: boolean;
  /** The reasons of `weak_password`; `undefined` for every other code. */
  declare readonly reasons: readonly string[] | undefined;
  /** Seconds after which a retry makes sense; `undefined` when the server named none. */
  declare readonly retryAfterSeconds: number | undefined;
  /** The session that a terminal code is about, where the server says it. */
  declare readonly sid: string | null | undefined;

  /** `message` is the sentence of the server; errors of this side say their code. */
  constructor(code: string, message: string = code, facts: ErrorFacts = {}) {
    super(message);
    Object.assign(this, { name: "ClientError", code, status: 0, terminal: false }, facts);
  }
}

/** Waits for `promise` and takes no notice of its failure. */
export function quietly(promise: Promise<unknown> | undefined): Promise<unknown> | undefined {
  return promise?.catch(() => undefined);
}

/** Resolves after so long. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
