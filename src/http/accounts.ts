// The port through which the HTTP layer knows people: who signs in, and what a client may see of them. The server
// implements it with accounts of its own (server/accounts); an application that has users may leave it out, then the
// password endpoints do not exist (404), or implement it. Owns types only.

import type { Origin, Sessions } from "../engine/types.ts";

/** What a client sees of a user (CONTRACT section 2). */
export interface User {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
}

/** Accounts with passwords. Every method may throw PawlError; addresses are for throttling. */
export interface Accounts {
  /**
   * Adds an account. After `deadlineAt` (milliseconds; default none) nothing is written any more, so that a client that
   * gave up and sends again is not told that its own account exists.
   * @throws `account_exists`, `weak_password`, `invalid_request`, `registration_closed`, `rate_limited`,
   * `store_unavailable`.
   */
  register(input: { email: string; password: string; name?: string; deadlineAt?: number } & Origin): Promise<User>;
  /** @throws `invalid_credentials` (also for disabled and unknown users, after the same time), `rate_limited`. */
  verify(input: { email: string; password: string } & Origin): Promise<User>;
  /** Checks the password of a signed-in user. @throws `invalid_credentials`, `rate_limited`. */
  verifySubject(input: { subject: string; password: string } & Origin): Promise<User>;
  /**
   * Changes the password after checking the current one. The HTTP layer then ends the sessions.
   * @throws `invalid_credentials`, `weak_password`, `rate_limited`.
   */
  changePassword(input: { subject: string; currentPassword: string; newPassword: string } & Origin): Promise<User>;
  /** The user as clients see it (cached for at most a minute), or `undefined`. */
  find(subject: string): Promise<User | undefined>;
  /**
   * True while the user may hold sessions under the password that `verify` saw: called after a session was issued, so
   * that a sign-in racing a password change or a disabling is undone.
   */
  stillValid(user: User): Promise<boolean>;
  /**
   * Optional. Ends the sessions that an earlier change of this account should have ended and, because of a crash or a
   * failure of the store, did not; forgets the ending once they are over. Called after the sessions of a changed
   * password ended, and at each sign-in before its session is issued.
   * @throws `store_unavailable`: the sign-in may be tried again.
   */
  finishEnding?(subject: string, sessions: Pick<Sessions, "revokeAll">): Promise<void>;
}
