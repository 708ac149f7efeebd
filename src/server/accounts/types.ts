// What the accounts of the server offer beyond the port of the HTTP layer: to the command line, to the composition of
// the server and to applications that send reset links. Owns types only.

import type { Platform, Store } from "../../core/ports.ts";
import type { Sessions } from "../../engine/types.ts";
import type { Accounts, User } from "../../http/accounts.ts";

/** An account as operators see it; never with the password hash. */
export interface AccountView {
  /** 16 characters of base64url. */
  readonly id: string;
  /** As it was typed (trimmed, NFC). */
  readonly email: string;
  readonly name: string | null;
  readonly disabled: boolean;
  /** Milliseconds. */
  readonly createdAt: number;
  /** Milliseconds. */
  readonly passwordChangedAt: number;
}

/** A one-time permission to set a new password. */
export interface PasswordReset {
  /** 43 characters of base64url; a secret: only its hash is stored. Belongs into a link to the owner, nowhere else. */
  readonly token: string;
  /** Milliseconds: after this instant the token is refused. */
  readonly expiresAt: number;
  readonly account: AccountView;
}

/** Options of `createAccounts`. */
export interface AccountsOptions {
  /** Where accounts live, as documents; opened by the caller. */
  readonly store: Store;
  readonly platform: Platform;
  /** `closed`: `register` is refused, accounts come from `add`. Default `closed`. */
  readonly registration?: "open" | "closed";
  /** Fewest characters (code points) of a password. Default 15, 8 to 128 (NIST SP 800-63B-4 section 3.1.1.2). */
  readonly passwordLengthMin?: number;
  /** `false` switches every rate limit off: for load tests only. Default `true`. */
  readonly throttle?: boolean;
  /** Words of this service that a password must not be made of. Default `["pawl"]`; at most 16 of 64 characters. */
  readonly contextWords?: readonly string[];
  /**
   * Called when a reset was created, before `createReset` resolves: an application sends the link from here. A
   * rejection makes `createReset` reject.
   */
  readonly onPasswordReset?: (reset: PasswordReset) => void | Promise<void>;
}

/** The accounts of the server. Every method rejects with PawlError; `store_unavailable` is no verdict on anybody. */
export interface ServerAccounts extends Accounts {
  /**
   * Loads the password hashing, so that a missing package is told at start and not at the first sign-in.
   * @throws `invalid_option` naming the package to install.
   */
  open(): Promise<void>;
  /**
   * Adds an account whether or not registration is open; not throttled.
   * @throws `account_exists`, `weak_password`, `invalid_request`.
   */
  add(email: string, password: string, name?: string): Promise<AccountView>;
  /** Accounts in id order, after the id `after`; `limit` 1 to 1,000. @throws `invalid_request`. */
  list(after: string | undefined, limit: number): Promise<AccountView[]>;
  /** The account of an address in any spelling, or `undefined`. */
  findByEmail(email: string): Promise<AccountView | undefined>;
  /**
   * Refuses sign-ins from now on; idempotent. The caller ends the sessions: use `disableUser` of ending.ts.
   * @throws `not_found`.
   */
  disable(email: string): Promise<AccountView>;
  /** Accepts sign-ins again; idempotent. @throws `not_found`. */
  enable(email: string): Promise<AccountView>;
  /**
   * Creates a one-time token (valid for an hour) that sets a new password; any later change of the password voids it.
   * Not throttled: a form that calls this must be, and must answer the same for unknown addresses.
   * @throws `not_found` when no enabled account has this address.
   */
  createReset(email: string): Promise<PasswordReset>;
  /**
   * Sets a new password with a token of `createReset`, once. A refused password does not use the token up. The caller
   * ends the sessions: use `resetPassword` of ending.ts.
   * @throws `invalid_credentials` (unknown, used, voided or expired token), `weak_password`.
   */
  redeemReset(token: string, newPassword: string): Promise<AccountView>;
  /** Removes lapsed resets, one bounded step that goes on where the last one stopped; resolves how many. */
  purgeResets(): Promise<number>;
  finishEnding(subject: string, sessions: Pick<Sessions, "revokeAll">): Promise<void>;
  /** Ids of accounts some of whose sessions are still to be ended, in id order after the id `after`; 1 to 1,000. */
  listEndings(after: string | undefined, limit: number): Promise<string[]>;
}

export type { Accounts, User };
