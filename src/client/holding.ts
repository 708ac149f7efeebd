// What this tab takes to be the session: it adopts answers, ends, and keeps in step with the other tabs.
// Asks nobody; turnstile.ts does.

import type { Attempts } from "./attempt.ts";
import type { Budget } from "./budget.ts";
import type { State } from "./state.ts";
import type { News, Tabs } from "./tabs.ts";
import type { Answer } from "./transport.ts";
import type { SignedOutReason, User } from "./types.ts";

export const missing: SignedOutReason = "refresh_token_missing";

/** The session of this tab. */
export interface Holding {
  /** Takes the answer to what was asked at `askedAt`. Rejects what is none. */
  adopt(answer: Answer, askedAt: number, isNews?: boolean): User;
  /** Nobody is signed in any more. */
  end(reason: SignedOutReason, isNews?: boolean): void;
  /** Takes what another tab tells. */
  hear(news: News): void;
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
    hear(news) {
      if ("reason" in news) {
        // Who does not know yet who is signed in hears it of everybody.
        if (!news.sid || !sid() || news.sid === sid()) end(news.reason, true);
        ended = news.sid ?? ended;
        return;
      }
      // It may have waited in a frozen tab, or its clock was another one: then the token is taken for an old one.
      adopt(news.answer, performance.now() - Math.abs(Date.now() - news.at), true);
    },
  };
}

/** The session that an answer is about. */
export function idOf({ session }: Answer): string | undefined {
  return (session as { id: string } | undefined)?.id;
}
