// The calls that change which session this client holds: refresh, sign-in, sign-out, and their order. They run one after
// the other, in this tab and where possible in all, so that no late Set-Cookie overwrites a newer one; only sign-out goes
// ahead of everything.

import { createAttempts } from "./attempt.ts";
import { createBudget } from "./budget.ts";
import type { Keeping } from "./credential.ts";
import { createEntering } from "./entering.ts";
import { quietly } from "./error.ts";
import { createHolding } from "./holding.ts";
import { createLeaving } from "./leaving.ts";
import { createRefreshing } from "./refreshing.ts";
import type { State } from "./state.ts";
import { type News, patientMilliseconds, type Tabs } from "./tabs.ts";
import type { Answer, Call, Transport } from "./transport.ts";
import { createTurns } from "./turns.ts";
import type { SignedOutReason, User } from "./types.ts";

/** Lets changes of the session through one at a time. */
export interface Turnstile {
  /** Refreshes, or joins the refresh in flight. Rejects with what kept it from getting an answer. */
  refresh(): Promise<void>;
  /** Sends a call whose answer is a new session, and adopts it. */
  enter(call: Call): Promise<User>;
  /** Adopts the answer to come, a new access token of the same session, unless that has changed by then. */
  renew(asking: Promise<Answer>): Promise<void>;
  /** Signs out: here at once, then at the server. Resolves whether the server has been told. */
  leave(): Promise<boolean>;
  /** The network may be back: a sign-out that the server has not heard of is sent. */
  resume(): Promise<void>;
  /** Takes what another tab tells. */
  hear(news: News): void;
}

/** A turnstile for what `keeping` holds. */
export function createTurnstile(
  state: State,
  transport: Transport,
  tabs: Tabs | undefined,
  keeping: Keeping,
  onSignedOut: (reason: SignedOutReason) => void,
): Turnstile {
  const { credential } = keeping;
  const attempts = createAttempts(keeping);
  const budget = createBudget();
  const leaving = createLeaving(keeping, transport);
  const holding = createHolding(state, tabs, attempts, budget, onSignedOut);
  const refreshOnce = createRefreshing(state, transport, credential, attempts, budget, leaving, holding);
  const inTurn = createTurns(tabs);
  const enterOnce = createEntering(transport, credential, attempts, leaving, holding);
  let refreshing: Promise<unknown> | undefined;
  /** Counts sign-ins and sign-outs of this tab: an answer from before the newest one is void. */
  let epoch = 0;
  const watch = (): (() => boolean) => {
    const now = epoch;
    return () => now === epoch;
  };

  async function refresh(): Promise<void> {
    if (!refreshing) {
      budget.spend();
      const before = state.token();
      refreshing = inTurn((aloneUntil, follow) => refreshOnce(before, watch(), aloneUntil, follow)).finally(() => {
        refreshing = undefined;
      });
    }
    await refreshing;
  }

  return {
    refresh,
    enter: (call) =>
      inTurn(async () => {
        // Nobody signs in over a sign-out that was not told.
        await quietly(leaving.finish());
        epoch += 1;
        return enterOnce(call, watch());
      }, patientMilliseconds),
    async renew(asking) {
      const isCurrent = watch();
      const askedAt = performance.now();
      const answer = await asking;
      if (isCurrent()) holding.adopt(answer, askedAt);
    },
    leave() {
      const telling = leaving.tell(holding.sid());
      epoch += 1;
      holding.end("signed_out");
      // Later sign-ins wait: the answer deletes the cookie.
      void inTurn(() => telling);
      return telling;
    },
    async resume() {
      budget.resume();
      if (await leaving.current()) await inTurn(leaving.finish);
    },
    hear: holding.hear,
  };
}
