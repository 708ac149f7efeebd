// One refresh: sent, sent once more where no verdict came, and what its answer means.
// Only a terminal code of the server ends the session; every fault keeps it (CONTRACT section 2).

import type { Attempts } from "./attempt.ts";
import type { Budget } from "./budget.ts";
import type { Credential, Proof } from "./credential.ts";
import { type ClientError, pause } from "./error.ts";
import { type Holding, missing } from "./holding.ts";
import type { Leaving } from "./leaving.ts";
import type { State } from "./state.ts";
import type { Transport } from "./transport.ts";
import type { Follow } from "./turns.ts";
import type { SignedOutReason } from "./types.ts";

/** One refresh is sent at most this often; both times with the same attempt key. */
const refreshSendsMax = 2;
/** Before the second time at most, and half of it at least: another tab's answer may be about to reach the jar. */
const resendMillisecondsMax = 300;
/** Clearing the dead cookie may take this long: as long as a call is waited for. */
const clearMilliseconds = 10_000;

/**
 * Refreshes unless the access token is no longer the one of `before`; what comes when it is no longer `isCurrent` is void.
 */
export type Refresh = (
  before: string | undefined,
  isCurrent: () => boolean,
  aloneUntil: number,
  follow: Follow,
) => Promise<void>;

/** Composes the parts. */
export function createRefreshing(
  state: State,
  transport: Transport,
  credential: Credential,
  attempts: Attempts,
  budget: Budget,
  leaving: Leaving,
  holding: Holding,
): Refresh {
  return async (before, isCurrent, aloneUntil, follow) => {
    const token = state.token();
    // While we waited for our turn, another tab refreshed and told us.
    if (token && token !== before) return;
    for (let sends = 1; isCurrent(); sends += 1) {
      let proof: Proof | null = null;
      const asked = holding.sid();
      try {
        await leaving.finish();
        proof = await credential.present();
        if (!proof) return holding.end(missing);
        const headers = { "Idempotency-Key": await attempts.current() };
        const askedAt = performance.now();
        holding.forget();
        const answer = await transport.send({ path: "/auth/refresh", headers, body: proof });
        if (!isCurrent()) return;
        holding.adopt(answer, askedAt);
        if (!(await credential.keep(answer, proof))) return;
        await attempts.done();
        // Retires the predecessor. Nothing depends on it: the next refresh confirms just as well (CONTRACT section 4).
        follow(transport.send({ path: "/auth/confirm", body: await credential.present() }));
        return;
      } catch (thrown) {
        const error = thrown as ClientError;
        const { terminal, code, status, retryAfterSeconds, sid } = error;
        // A verdict on what another tab or process has replaced since says nothing of the new one.
        const isOver = terminal && asked === holding.sid() && (await credential.forget(proof));
        if (!isCurrent()) return;
        if (isOver) {
          // The dead cookie goes, too, and nothing but it. Only while no tab can be signing in: the answer to this call
          // might otherwise delete the cookie of that sign-in.
          if (aloneUntil - performance.now() > clearMilliseconds && code !== missing)
            follow(transport.send({ path: "/auth/logout", body: { sid: sid ?? asked ?? "" } }));
          return holding.end(code as SignedOutReason);
        }
        // Asked again at once, the answer would be the same.
        const isLasting = retryAfterSeconds || (status > 0 && status < 500 && status !== 409 && !terminal);
        if (isLasting || sends >= refreshSendsMax) {
          budget.fail(error);
          throw error;
        }
        await pause((resendMillisecondsMax * (1 + Math.random())) / 2);
      }
    }
  };
}
