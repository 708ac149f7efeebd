// What this tab takes to be the session: it adopts answers, ends, and keeps in step with the other tabs.
// Asks nobody; turnstile.ts does.

import type { Attempts } from "./attempt.ts";
import type { Budget } from "./budget.ts";
import type { State } from "./state.ts";
import type { News, Tabs } from "./tabs.ts";
import type { Answer } from "./transport.ts";
import type { SignedOutReason, User } from "./types.ts";

/** News that is older, or from the future, waited in a frozen tab or comes from another clock: it says nothing. */
const newsMillisecondsMax = 30_000;
export const missing: SignedOutReason = "refresh_token_missing";

/** The session of this tab. */
export interface Holding {
  /** Takes the answer to what was asked at `askedAt`. Rejects what is none. */
  adopt(answer: Answer, askedAt: number, isNews?: boolean): User;
  /** Nobody is signed in any more. */
  end(reason: SignedOutReason, isNews?: boolean): void;
  /** Takes what another tab tells; `ask` where only the server knows. */
  hear(news: News, ask: () => void): void;
  /** What the server says from now on counts more than what was told before. */
  forget(): void;
  sid(): string | undefined;
}

/** Composes the parts. */
export function createHolding(
  state: State,
  tabs: Tabs | undefined,
  attempts: Attempts,
  budget: Budget,
  onSignedOut: (reason: SignedOutReason) => void,
): Holding {
  const { getSnapshot } = state.store;
  /** The session that ended last: answers to its refreshes may still come, here and as news. */
  let ended: string | undefined;
  const sid = (): string | undefined => getSnapshot().session?.id;

  const adopt: Holding["adopt"] = (answer, askedAt, isNews) => {
    const id = idOf(answer);
    const before = sid();
    if (ended && id === ended) return getSnapshot().user as User;
    const user = state.adopt(answer, askedAt);
    // Signed in anew: whatever still comes of the session before is void.
    if (before && before !== id) ended = before;
    budget.succeed(answer.expires_in as number);
    if (!isNews) tabs?.tell({ answer, at: Date.now() - performance.now() + askedAt });
    return user;
  };

  const end: Holding["end"] = (reason, isNews) => {
    const { status } = getSnapshot();
    void attempts.done();
    if (status === "signed-out") return;
    ended = sid();
    state.end(reason);
    if (!isNews && (ended || reason === "signed_out")) tabs?.tell({ reason, sid: ended });
    // Whoever never signed in was not signed out either.
    if (status === "signed-in" || reason !== missing) onSignedOut(reason);
  };

  return {
    adopt,
    end,
    sid,
    forget() {
      ended = undefined;
    },
    hear(news, ask) {
      if ("reason" in news) {
        ended = news.sid ?? ended;
        if (!news.sid || news.sid === sid()) end(news.reason, true);
        return;
      }
      const age = Date.now() - news.at;
      if (Math.abs(age) > newsMillisecondsMax) {
        // But that somebody signed in since. Nobody who is signed in asks: tabs would ask because of each other.
        if (getSnapshot().status === "signed-out") ask();
        return;
      }
      adopt(news.answer, performance.now() - age, true);
    },
  };
}

/** The session that an answer is about. */
export function idOf({ session }: Answer): string | undefined {
  return (session as { id: string } | undefined)?.id;
}
