// The closed list of things that happen to sessions, as hosts can subscribe to them. Owns names and reasons.
// No event carries a token or a hash of one.

/** Why somebody (not time) ended a session. */
export type SessionEnd =
  | "logout"
  | "revoked"
  | "revoked_by_operator"
  | "session_limit"
  | "password_change"
  | "user_disabled"
  | "refresh_token_reused";

/** Every {@link SessionEnd}; the position is the stored form, so only append. */
export const sessionEnds: readonly SessionEnd[] = [
  "logout",
  "revoked",
  "revoked_by_operator",
  "session_limit",
  "password_change",
  "user_disabled",
  "refresh_token_reused",
];

/** What happened. */
export type SessionEventType =
  | "session_created"
  | "refresh_token_rotated"
  | "refresh_token_handed_out_again"
  | "refresh_token_confirmed"
  | "refresh_settled"
  | "refresh_superseded"
  | "refresh_token_reused"
  | "store_rolled_back"
  | "session_revoked"
  | "session_reauthenticated";

/** One event. */
export interface SessionEvent {
  readonly type: SessionEventType;
  readonly sid: string;
  readonly sub: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** With `session_revoked`: who or what ended it. */
  readonly reason?: SessionEnd;
  /** What was seen, in words; never a token. At most 120 characters. */
  readonly detail?: string;
}
