// The calls that change which session this client holds: refresh, sign-in, sign-out, and their order. They run one after
// the other, in this tab and where possible in all, so that no late Set-Cookie overwrites a newer one; only sign-out goes
// ahead of everything.
// Only a terminal code of the server ends the session; every fault keeps it (CONTRACT section 2).

import { type Attempts, createAttempts } from "./attempt.ts";
import { type Budget, createBudget } from "./budget.ts";
import type { Credential, Proof } from "./credential.ts";
import { ClientError } from "./error.ts";
import type { Memory } from "./memory.ts";
import type { State } from "./state.ts";
import type { News, Tabs } from "./tabs.ts";
import type { Answer, Call, Transport } from "./transport.ts";
import type { SignedOutReason, User } from "./types.ts";

/** One refresh is sent at most this often; both times with the same attempt key. */
const refreshSendsMax = 2;
/** Before the second time: another tab's answer may be about to reach the jar. */
const resendDelayMilliseconds = 100;
const resendJitterMilliseconds = 200;
/** News that is older, or from the future, waited in a frozen tab or comes from another clock: it says nothing. */
const newsMillisecondsMax = 10_000;

/** What a turnstile works on. */
export interface TurnstileParts {
  readonly state: State;
  readonly transport: Transport;
  readonly memory: Memory;
  readonly credential: Credential;
  readonly tabs: Tabs;
  /** Sets this client's entries in the memory apart from those for other issuers. */
  readonly name: string;
  readonly onSignedOut: (reason: SignedOutReason) => void;
}

/** Lets changes of the session through one at a time. */
export class Turnstile {
  readonly #parts: TurnstileParts;
  readonly #attempts: Attempts;
  readonly #budget: Budget = createBudget();
  /** The entry that remembers a sign-out that the server has not heard of: the id of its session, or its token. */
  readonly #leaving: string;
  /** Settles when every earlier change has; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<void> | undefined;
  /** Counts sign-ins and sign-outs: an answer to a refresh from before the newest one is void. */
  #epoch = 0;
  /** The session that ended last: news of its refreshes may still come. */
  #ended: string | undefined;
  /** What is still under way when a change is done. The next one waits for it, the caller does not. */
  #tail: Promise<unknown> | undefined;

  constructor(parts: TurnstileParts) {
    this.#parts = parts;
    this.#attempts = createAttempts(parts.memory, `${parts.name}:attempt`);
    this.#leaving = `${parts.name}:leaving`;
  }

  /** Refreshes, or joins the refresh in flight. Rejects with what kept it from getting an answer. */
  async refresh(): Promise<void> {
    if (this.#refreshing === undefined) {
      this.#budget.spend();
      const before = this.#parts.state.token();
      this.#refreshing = this.#inTurn((isAlone) => this.#refreshNow(before, isAlone)).finally(() => {
        this.#refreshing = undefined;
      });
    }
    return this.#refreshing;
  }

  /** Sends a call whose answer is a new session, and adopts it. */
  enter(call: Call): Promise<User> {
    const { transport, memory, credential } = this.#parts;
    return this.#inTurn(async () => {
      this.#epoch += 1;
      const epoch = this.#epoch;
      const askedAt = performance.now();
      const answer = await transport.send(call);
      // Signed out meanwhile: sign-out wins, here and (the jar now holds the new session) at the server.
      if (epoch !== this.#epoch) {
        await transport.send({ method: "POST", path: "/auth/logout", body: { refresh_token: answer.refresh_token } });
        throw new ClientError("signed_out", "Signed out while signing in.");
      }
      await credential.keep(answer);
      await this.#attempts.done();
      await memory.set(this.#leaving, null);
      return this.#adopt(answer, askedAt);
    });
  }

  /** Sends a call whose answer is a new access token of the same session, and adopts it unless that has changed. */
  async renew(call: Call): Promise<void> {
    const epoch = this.#epoch;
    const askedAt = performance.now();
    const answer = await this.#parts.transport.send(call);
    if (epoch === this.#epoch) this.#adopt(answer, askedAt);
  }

  /** Signs out: here at once, then at the server. Resolves whether the server has been told. */
  leave(): Promise<boolean> {
    const sid = this.#parts.state.getSnapshot().session?.id;
    this.#end("signed_out");
    const telling = this.#tellLeaving(sid);
    // Later sign-ins wait: the answer deletes the cookie.
    void this.#inTurn(() => telling);
    return telling;
  }

  /** The network may be back: a sign-out that the server has not heard of is sent. */
  async resume(): Promise<void> {
    this.#budget.resume();
    if ((await this.#parts.memory.get(this.#leaving)) !== null) await this.#inTurn(() => this.#finishLeaving());
  }

  /** Takes what another tab tells. */
  hear(news: News): void {
    const sid = this.#parts.state.getSnapshot().session?.id;
    if ("reason" in news) {
      if (news.sid === sid) this.#end(news.reason, true);
      return;
    }
    const age = performance.timeOrigin + performance.now() - news.at;
    const next = (news.answer.session as { id?: string }).id;
    if (Math.abs(age) > newsMillisecondsMax || next === this.#ended) return;
    // Signed in anew: a refresh of ours that is still under way is one of the session before.
    if (sid !== undefined && next !== sid) this.#epoch += 1;
    this.#adopt(news.answer, performance.now() - Math.max(0, age), true);
  }

  #inTurn<Value>(task: (isAlone: boolean) => Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const turn = async (isAlone: boolean): Promise<void> => {
        await task(isAlone).then(resolve, reject);
        const tail = this.#tail;
        this.#tail = undefined;
        await tail?.catch(() => undefined);
      };
      this.#last = this.#last.then(() => this.#parts.tabs.inTurn(turn)).catch(reject);
    });
  }

  async #refreshNow(before: string | undefined, isAlone: boolean): Promise<void> {
    const { state, transport, credential } = this.#parts;
    const token = state.token();
    // While we waited for our turn, another tab refreshed and told us.
    if (token !== undefined && token !== before) return;
    const epoch = this.#epoch;
    try {
      await this.#finishLeaving();
      const { answer, askedAt, proof } = await this.#ask(epoch);
      if (epoch !== this.#epoch) return;
      this.#adopt(answer, askedAt);
      if (!(await credential.keep(answer, proof))) return;
      await this.#attempts.done();
      // Retires the predecessor. Nothing depends on it: the next refresh confirms just as well (CONTRACT section 4).
      const body = await credential.present();
      this.#tail = transport.send({ method: "POST", path: "/auth/confirm", keepalive: true, body });
    } catch (error) {
      if (epoch !== this.#epoch) return;
      if (!(error instanceof ClientError && error.terminal)) {
        this.#budget.fail(error);
        throw error;
      }
      // The dead cookie goes, too, and nothing but it. Only while no tab can be signing in: the answer to this call might
      // otherwise delete the cookie of that sign-in.
      const sid = error.sid ?? state.getSnapshot().session?.id ?? "";
      if (isAlone && error.code !== "refresh_token_missing") {
        this.#tail = transport.send({ method: "POST", path: "/auth/logout", body: { sid } });
      }
      this.#end(error.code as SignedOutReason);
    }
  }

  /** Sends one refresh; once more with the same attempt key when no verdict came, or when the token was superseded. */
  async #ask(epoch: number): Promise<{ answer: Answer; askedAt: number; proof: Proof }> {
    const { transport, credential } = this.#parts;
    for (let sends = 1; ; sends += 1) {
      const proof = await credential.present();
      if (proof === null) throw nobody();
      const headers = { "Idempotency-Key": await this.#attempts.current() };
      const askedAt = performance.now();
      try {
        const answer = await transport.send({ method: "POST", path: "/auth/refresh", headers, body: proof });
        return { answer, askedAt, proof };
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        // A verdict on a token that another process has replaced since says nothing of the new one.
        const isWorthResending = error.terminal ? !(await credential.forget(proof)) : isPassing(error);
        if (sends >= refreshSendsMax || !isWorthResending) throw error;
        const delay = resendDelayMilliseconds + resendJitterMilliseconds * Math.random();
        await new Promise((resolve) => setTimeout(resolve, delay));
        if (epoch !== this.#epoch) throw error;
      }
    }
  }

  async #tellLeaving(sid: string | undefined): Promise<boolean> {
    const { transport, memory, credential } = this.#parts;
    const proof = await credential.present();
    if (proof === null) return true;
    const mark = proof.refresh_token ?? sid;
    if (mark !== undefined) await memory.set(this.#leaving, mark);
    await credential.forget(proof);
    try {
      await transport.send({ method: "POST", path: "/auth/logout", keepalive: true, body: proof });
    } catch {
      return false;
    }
    await memory.set(this.#leaving, null);
    return true;
  }

  /** Tells the server of a sign-out that it did not hear of. Bound to its session: a later sign-in is not touched. */
  async #finishLeaving(): Promise<void> {
    const { transport, memory, credential } = this.#parts;
    const mark = await memory.get(this.#leaving);
    if (mark === null) return;
    await transport.send({ method: "POST", path: "/auth/logout", body: { [credential.mark]: mark } });
    await memory.set(this.#leaving, null);
  }

  #adopt(answer: Answer, askedAt: number, isNews = false): User {
    const { state, transport, tabs } = this.#parts;
    const user = state.adopt(answer, askedAt);
    if (typeof answer.request_timeout === "number") transport.limit(answer.request_timeout);
    this.#budget.succeed(Number(answer.expires_in));
    if (!isNews) tabs.tell({ answer, at: performance.timeOrigin + askedAt });
    return user;
  }

  #end(reason: SignedOutReason, isNews = false): void {
    const { state, tabs, onSignedOut } = this.#parts;
    const { status, session } = state.getSnapshot();
    this.#epoch += 1;
    void this.#attempts.done();
    if (status === "signed-out") return;
    this.#ended = session?.id;
    state.end(reason);
    if (session !== null && !isNews) tabs.tell({ reason, sid: session.id });
    // Whoever never signed in was not signed out either.
    if (status === "signed-in" || reason !== "refresh_token_missing") onSignedOut(reason);
  }
}

function nobody(): ClientError {
  return new ClientError("refresh_token_missing", "Nobody is signed in here.", { status: 401, terminal: true });
}

/** No verdict, and it may be another one in a moment. */
function isPassing(error: ClientError): boolean {
  if (error.retryAfterSeconds !== undefined) return false;
  return error.status === 0 || error.status === 409 || error.status >= 500;
}
