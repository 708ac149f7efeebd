// The calls that change which session this client holds: refresh, sign-in, sign-out, and their order. They run one after
// the other, in this tab and where possible in all, so that no late Set-Cookie overwrites a newer one; only sign-out goes
// ahead of everything.
// Only a terminal code of the server ends the session; every fault keeps it (CONTRACT section 2).

import { createAttempts } from "./attempt.ts";
import { createBudget } from "./budget.ts";
import type { Credential, Proof } from "./credential.ts";
import { ClientError, quietly } from "./error.ts";
import type { Memory } from "./memory.ts";
import type { State } from "./state.ts";
import type { News, Tabs } from "./tabs.ts";
import type { Answer, Call, Transport } from "./transport.ts";
import type { SignedOutReason, User } from "./types.ts";

/** One refresh is sent at most this often; both times with the same attempt key. */
const refreshSendsMax = 2;
/** Before the second time at most, and half of it at least: another tab's answer may be about to reach the jar. */
const resendMillisecondsMax = 300;
/** News that is older, or from the future, waited in a frozen tab or comes from another clock: it says nothing. */
const newsMillisecondsMax = 30_000;
const logout = "/auth/logout";

/** What a client keeps, and where. */
export interface Keeping {
  readonly memory: Memory;
  readonly credential: Credential;
  /** Sets this client's entries in the memory apart from those for other issuers. */
  readonly name: string;
}

/** Credentials of a program: what is kept where, under names that start with `name`. */
export type Credentials = (name: string) => Keeping;

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

/** A turnstile that nobody has passed. */
export function createTurnstile(
  state: State,
  transport: Transport,
  tabs: Tabs | undefined,
  { memory, credential, name }: Keeping,
  onSignedOut: (reason: SignedOutReason) => void,
): Turnstile {
  const { store } = state;
  const { send } = transport;
  const attempts = createAttempts(memory, `${name}:attempt`);
  const budget = createBudget();
  /** The entry that remembers a sign-out that the server has not heard of: the id of its session, or its token. */
  const leaving = `${name}:leaving`;
  /** Settles when every earlier change has; never rejects. */
  let last: Promise<unknown> = Promise.resolve();
  let refreshing: Promise<void> | undefined;
  /** Counts sign-ins and sign-outs: an answer to a refresh from before the newest one is void. */
  let epoch = 0;
  /** The session that ended last: news of its refreshes may still come. */
  let ended: string | undefined;
  /** What is still under way when a change is done. The next one waits for it, the caller does not. */
  let tail: Promise<unknown> | undefined;

  function inTurn<Value>(task: (isAlone: boolean) => Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const turn = async (isAlone: boolean): Promise<void> => {
        await task(isAlone).then(resolve, reject);
        await quietly(tail);
      };
      last = last.then(() => tabs?.inTurn(turn) ?? turn(false));
    });
  }

  function adopt(answer: Answer, askedAt: number, isNews?: boolean): User {
    const user = state.adopt(answer, askedAt);
    transport.limit(answer.request_timeout);
    budget.succeed(Number(answer.expires_in));
    if (!isNews) tabs?.tell({ answer, at: performance.timeOrigin + askedAt });
    return user;
  }

  function end(reason: SignedOutReason, isNews?: boolean): void {
    const { status, session } = store.getSnapshot();
    epoch += 1;
    void attempts.done();
    if (status === "signed-out") return;
    ended = session?.id;
    state.end(reason);
    if (session && !isNews) tabs?.tell({ reason, sid: session.id });
    // Whoever never signed in was not signed out either.
    if (status === "signed-in" || reason !== "refresh_token_missing") onSignedOut(reason);
  }

  /** Tells the server of a sign-out that it did not hear of. Bound to its session: a later sign-in is not touched. */
  async function finishLeaving(): Promise<void> {
    const mark = await memory.get(leaving);
    if (mark) {
      await send({ path: logout, body: { [credential.mark]: mark } });
      await memory.set(leaving, null);
    }
  }

  async function tellLeaving(sid: string | undefined): Promise<boolean> {
    const proof = await credential.present();
    if (!proof) return true;
    const mark = proof.refresh_token ?? sid;
    if (mark) await memory.set(leaving, mark);
    await credential.forget(proof);
    try {
      await send({ path: logout, body: proof });
    } catch {
      return false;
    }
    await memory.set(leaving, null);
    return true;
  }

  /** Refreshes; asks once more with the same attempt key when no verdict came, or when the token was superseded. */
  async function refreshNow(before: string | undefined, isAlone: boolean): Promise<void> {
    const token = state.token();
    // While we waited for our turn, another tab refreshed and told us.
    if (token && token !== before) return;
    const from = epoch;
    for (let sends = 1; from === epoch; sends += 1) {
      let proof: Proof | null = null;
      try {
        await finishLeaving();
        proof = await credential.present();
        if (!proof) throw new ClientError(missing, missing, { terminal: true });
        const headers = { "Idempotency-Key": await attempts.current() };
        const askedAt = performance.now();
        const answer = await send({ path: "/auth/refresh", headers, body: proof });
        if (from !== epoch) return;
        adopt(answer, askedAt);
        if (!(await credential.keep(answer, proof))) return;
        await attempts.done();
        // Retires the predecessor. Nothing depends on it: the next refresh confirms just as well (CONTRACT section 4).
        tail = send({ path: "/auth/confirm", body: await credential.present() });
        return;
      } catch (thrown) {
        const error = thrown as ClientError;
        // A verdict on a token that another process has replaced since says nothing of the new one.
        const isOver = error.terminal && (await credential.forget(proof));
        if (from !== epoch) return;
        if (isOver) return endOfRefresh(error, isAlone);
        if (sends >= refreshSendsMax || isLasting(error)) {
          budget.fail(error);
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, (resendMillisecondsMax * (1 + Math.random())) / 2));
      }
    }
  }

  function endOfRefresh({ code, sid }: ClientError, isAlone: boolean): void {
    // The dead cookie goes, too, and nothing but it. Only while no tab can be signing in: the answer to this call might
    // otherwise delete the cookie of that sign-in.
    if (isAlone && code !== missing) {
      tail = send({ path: logout, body: { sid: sid ?? store.getSnapshot().session?.id ?? "" } });
    }
    end(code as SignedOutReason);
  }

  return {
    async refresh() {
      if (!refreshing) {
        budget.spend();
        const before = state.token();
        refreshing = inTurn((isAlone) => refreshNow(before, isAlone)).finally(() => {
          refreshing = undefined;
        });
      }
      return refreshing;
    },
    enter: (call) =>
      inTurn(async () => {
        epoch += 1;
        const from = epoch;
        const askedAt = performance.now();
        const answer = await send(call);
        // Signed out meanwhile: sign-out wins, here and (the jar now holds the new session) at the server.
        if (from !== epoch) {
          await send({ path: logout, body: { refresh_token: answer.refresh_token } });
          throw new ClientError("signed_out");
        }
        await credential.keep(answer);
        await attempts.done();
        await memory.set(leaving, null);
        return adopt(answer, askedAt);
      }),
    async renew(asking) {
      const from = epoch;
      const askedAt = performance.now();
      const answer = await asking;
      if (from === epoch) adopt(answer, askedAt);
    },
    leave() {
      const sid = store.getSnapshot().session?.id;
      end("signed_out");
      const telling = tellLeaving(sid);
      // Later sign-ins wait: the answer deletes the cookie.
      void inTurn(() => telling);
      return telling;
    },
    async resume() {
      budget.resume();
      if (await memory.get(leaving)) await inTurn(finishLeaving);
    },
    hear(news) {
      const sid = store.getSnapshot().session?.id;
      if ("reason" in news) {
        if (news.sid === sid) end(news.reason, true);
        return;
      }
      const age = performance.timeOrigin + performance.now() - news.at;
      const next = (news.answer.session as { id?: string }).id;
      if (Math.abs(age) > newsMillisecondsMax || next === ended) return;
      // Signed in anew: a refresh of ours that is still under way is one of the session before.
      if (sid && next !== sid) epoch += 1;
      adopt(news.answer, performance.now() - Math.max(0, age), true);
    },
  };
}

const missing: SignedOutReason = "refresh_token_missing";

/** Asked again at once, the answer would be the same. */
function isLasting({ terminal, retryAfterSeconds, status }: ClientError): boolean {
  return retryAfterSeconds ? true : status > 0 && status < 500 && status !== 409 && !terminal;
}
