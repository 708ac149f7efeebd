// What must end sessions: a disabled user, a password that was reset. Owns the order of the steps: the account changes
// and, in the same write, a marker says what is to end; then the sessions end; then the marker goes. A sign-in in between
// is undone by `stillValid`; what a crash or a failing store leaves over is finished by `finishEndings`.

import type { SessionEnd } from "../../core/events.ts";
import type { Sessions } from "../../engine/types.ts";
import type { AccountView, ServerAccounts } from "./types.ts";

/** The account, and how many of its sessions ended. */
export interface Ended {
  readonly account: AccountView;
  readonly revoked: number;
}

type Revoker = Pick<Sessions, "revokeAll">;

const endingsPerBatch = 64;
const batchesMax = 16;

/** What one `finishEndings` did. */
export interface FinishedEndings {
  readonly finished: number;
  /** Accounts whose sessions could not be ended; they are tried again next time. */
  readonly failed: number;
}

/**
 * Finishes the endings that a crash or a failure left over, at most 1,024; sessions begun since are spared.
 * @throws PawlError `store_unavailable` when they cannot be listed.
 */
export async function finishEndings(accounts: ServerAccounts, sessions: Revoker): Promise<FinishedEndings> {
  const done = { finished: 0, failed: 0 };
  let after: string | undefined;
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const ids = await accounts.listEndings(after, endingsPerBatch);
    for (const id of ids) {
      try {
        await accounts.finishEnding(id, sessions);
        done.finished += 1;
      } catch {
        // One account that fails must not keep the others waiting; its marker stays.
        done.failed += 1;
      }
    }
    if (ids.length < endingsPerBatch) break;
    after = ids.at(-1);
  }
  return done;
}

async function endSessions(
  accounts: ServerAccounts,
  sessions: Revoker,
  account: AccountView,
  reason: SessionEnd,
): Promise<Ended> {
  let revoked: number | undefined;
  const revokeAll = async (): Promise<number> => {
    // Every session, whenever it began: it began under what has just been changed.
    revoked = await sessions.revokeAll(account.id, reason);
    return revoked;
  };
  await accounts.finishEnding(account.id, { revokeAll });
  // Without a marker somebody else finished it, or the user was disabled before: what is there now ends all the same.
  return { account, revoked: revoked ?? (await revokeAll()) };
}

/** Disables an account and ends its sessions. @throws PawlError `not_found`. */
export async function disableUser(accounts: ServerAccounts, sessions: Revoker, email: string): Promise<Ended> {
  const account = await accounts.disable(email);
  return endSessions(accounts, sessions, account, "user_disabled");
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
  return endSessions(accounts, sessions, account, "password_change");
}
