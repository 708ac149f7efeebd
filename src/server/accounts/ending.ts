// What must end sessions: a disabled user, a password that was reset. Owns the order of the two steps: first the account
// changes, then the sessions end; a sign-in in between is undone by `stillValid`. After a crash between the two steps
// `disableUser` may be called again and ends what is left; after a reset the owner ends old sessions from the new one.

import type { Sessions } from "../../engine/types.ts";
import type { AccountView, ServerAccounts } from "./types.ts";

/** The account, and how many of its sessions ended. */
export interface Ended {
  readonly account: AccountView;
  readonly revoked: number;
}

type Revoker = Pick<Sessions, "revokeAll">;

/** Disables an account and ends its sessions. @throws PawlError `not_found`. */
export async function disableUser(accounts: ServerAccounts, sessions: Revoker, email: string): Promise<Ended> {
  const account = await accounts.disable(email);
  return { account, revoked: await sessions.revokeAll(account.id, "user_disabled") };
}

/**
 * Sets a new password with a reset token and ends the sessions that began under the old one.
 * @throws PawlError `invalid_credentials`, `weak_password`.
 */
export async function resetPassword(
  accounts: ServerAccounts,
  sessions: Revoker,
  token: string,
  newPassword: string,
): Promise<Ended> {
  const account = await accounts.redeemReset(token, newPassword);
  return { account, revoked: await sessions.revokeAll(account.id, "password_change") };
}
