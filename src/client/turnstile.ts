// The calls that change which session this client holds: refresh, sign-in, sign-out, and their order. They run one after
// the other, in this tab and where possible in all, so that no late Set-Cookie overwrites a newer one; only sign-out goes
// ahead of everything.

import { createAttempts } from "./attempt.ts";
import { createBudget } from "./budget.ts";
import type { Keeping } from "./credential.ts";
import { ClientError, quietly } from "./error.ts";
import { createHolding } from "./holding.ts";
import { createLeaving } from "./leaving.ts";
import { createRefreshing } from "./refreshing.ts";
import type { State } from "./state.ts";
import type { News, Tabs } from "./tabs.ts";
import type { Answer, Call, Transport } from "./transport.ts";
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
  const { credential, memory, name } = keeping;
  const attempts = createAttempts(memory, `${name}:attempt`);
  const budget = createBudget();
  const leaving = createLeaving(keeping, transport);
  const holding = createHolding(state, tabs, attempts, budget, onSignedOut);
  const refreshOnce = createRefreshing(state, transport, credential, attempts, budget, leaving, holding);
  const inTurn = createTurns(tabs);
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
        const isCurrent = watch();
        const askedAt = performance.now();
        const answer = await transport.send(call).catch((error) => {
          if (isCurrent()) throw error;
          return {} as Answer;
        });
        await credential.keep(answer);
        // Signed out meanwhile: sign-out wins, here and (the jar may hold the new session now) at the server.
        if (!isCurrent()) {
          await leaving.tell(Object(answer.session).id);
          throw new ClientError("signed_out");
        }
        await leaving.done();
        await attempts.done();
        return holding.adopt(answer, askedAt);
      }),
    async renew(asking) {
      const isCurrent = watch();
      const askedAt = performance.now();
      const answer = await asking;
      if (isCurrent()) holding.adopt(answer, askedAt);
    },
    leave() {
      const sid = holding.sid();
      epoch += 1;
      holding.end("signed_out");
      const telling = leaving.tell(sid);
      // Later sign-ins wait: the answer deletes the cookie.
      void inTurn(() => telling);
      return telling;
    },
    async resume() {
      budget.resume();
      if (await leaving.current()) await inTurn(leaving.finish);
    },
    hear: (news) => holding.hear(news, () => quietly(refresh())),
  };
}

/** Lets `follow`ed work go on when a turn is done: the next turn waits for it, the caller does not. */
export type Follow = (work: Promise<unknown>) => void;

type InTurn = <Value>(task: (aloneUntil: number, follow: Follow) => Promise<Value>) => Promise<Value>;

function createTurns(tabs: Tabs | undefined): InTurn {
  /** Settles when every earlier turn has; never rejects. */
  let last: Promise<unknown> = Promise.resolve();
  return (task) =>
    new Promise((resolve, reject) => {
      const turn = async (aloneUntil: number): Promise<void> => {
        let tail: Promise<unknown> | undefined;
        await task(aloneUntil, (work) => {
          tail = work;
        }).then(resolve, reject);
        await quietly(tail);
      };
      last = last.then(() => tabs?.inTurn(turn) ?? turn(0));
    });
}
