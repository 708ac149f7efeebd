// The calls that change which session this client holds: refresh, sign-in, sign-out, and their order. They run one after
// the other, in this tab and where possible in all, so that no late Set-Cookie overwrites a newer one; only sign-out goes
// ahead of everything.
// Only a terminal code of the server ends the session; every fault keeps it (CONTRACT section 2).

import { type Attempts, createAttempts } from "./attempt.ts";
import { type Budget, createBudget } from "./budget.ts";
import type { Credential, Keeping, Proof } from "./credential.ts";
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
const missing: SignedOutReason = "refresh_token_missing";

/** Lets changes of the session through one at a time. */
export class Turnstile {
  readonly #state: State;
  readonly #transport: Transport;
  readonly #tabs: Tabs | undefined;
  readonly #memory: Memory;
  readonly #credential: Credential;
  readonly #attempts: Attempts;
  readonly #budget: Budget = createBudget();
  /** The entry that remembers a sign-out that the server has not heard of: the id of its session, or its token. */
  readonly #leaving: string;
  readonly #onSignedOut: (reason: SignedOutReason) => void;
  /** Settles when every earlier change has; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<void> | undefined;
  /** Counts sign-ins and sign-outs of this tab: an answer from before the newest one is void. */
  #epoch = 0;
  /** The session that ended last: answers to its refreshes may still come, here and as news. */
  #ended: string | undefined;
  /** What is still under way when a change is done. The next one waits for it, the caller does not. */
  #tail: Promise<unknown> | undefined;

  constructor(
    state: State,
    transport: Transport,
    tabs: Tabs | undefined,
    { memory, credential, name }: Keeping,
    onSignedOut: (reason: SignedOutReason) => void,
  ) {
    this.#state = state;
    this.#transport = transport;
    this.#tabs = tabs;
    this.#memory = memory;
    this.#credential = credential;
    this.#attempts = createAttempts(memory, `${name}:attempt`);
    this.#leaving = `${name}:leaving`;
    this.#onSignedOut = onSignedOut;
  }

  /** Refreshes, or joins the refresh in flight. Rejects with what kept it from getting an answer. */
  async refresh(): Promise<void> {
    if (!this.#refreshing) {
      this.#budget.spend();
      const before = this.#state.token();
      this.#refreshing = this.#inTurn((isAlone) => this.#refreshNow(before, isAlone)).finally(() => {
        this.#refreshing = undefined;
      });
    }
    return this.#refreshing;
  }

  /** Sends a call whose answer is a new session, and adopts it. */
  enter(call: Call): Promise<User> {
    return this.#inTurn(async () => {
      // Nobody signs in over a sign-out that was not told.
      await quietly(this.#finishLeaving());
      this.#epoch += 1;
      const epoch = this.#epoch;
      const askedAt = performance.now();
      const answer = await this.#transport.send(call);
      // Signed out meanwhile: sign-out wins, here and (the jar now holds the new session) at the server.
      if (epoch !== this.#epoch) {
        await this.#transport.send({ path: logout, body: { refresh_token: answer.refresh_token } });
        throw new ClientError("signed_out");
      }
      await this.#credential.keep(answer);
      await this.#attempts.done();
      return this.#adopt(answer, askedAt);
    });
  }

  /** Adopts the answer to come, a new access token of the same session, unless that has changed by then. */
  async renew(asking: Promise<Answer>): Promise<void> {
    const epoch = this.#epoch;
    const askedAt = performance.now();
    const answer = await asking;
    if (epoch === this.#epoch) this.#adopt(answer, askedAt);
  }

  /** Signs out: here at once, then at the server. Resolves whether the server has been told. */
  leave(): Promise<boolean> {
    const sid = this.#sid();
    this.#epoch += 1;
    this.#end("signed_out");
    const telling = this.#tellLeaving(sid);
    // Later sign-ins wait: the answer deletes the cookie.
    void this.#inTurn(() => telling);
    return telling;
  }

  /** The network may be back: a sign-out that the server has not heard of is sent. */
  async resume(): Promise<void> {
    this.#budget.resume();
    if (await this.#memory.get(this.#leaving)) await this.#inTurn(() => this.#finishLeaving());
  }

  /** Takes what another tab tells. */
  hear(news: News): void {
    const sid = this.#sid();
    if ("reason" in news) {
      this.#ended = news.sid;
      if (news.sid === sid) this.#end(news.reason, true);
      return;
    }
    const age = performance.timeOrigin + performance.now() - news.at;
    const next = (news.answer.session as { id?: string }).id;
    if (Math.abs(age) > newsMillisecondsMax) return;
    // Signed in anew: whatever still comes of the session before is void.
    if (sid && next !== sid) this.#ended = sid;
    this.#adopt(news.answer, performance.now() - age, true);
  }

  #sid(): string | undefined {
    return this.#state.store.getSnapshot().session?.id;
  }

  #inTurn<Value>(task: (isAlone: boolean) => Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const turn = async (isAlone: boolean): Promise<void> => {
        await task(isAlone).then(resolve, reject);
        await quietly(this.#tail);
      };
      this.#last = this.#last.then(() => this.#tabs?.inTurn(turn) ?? turn(false));
    });
  }

  #adopt(answer: Answer, askedAt: number, isNews?: boolean): User {
    const { id } = Object(answer.session) as { id?: string };
    if (id && id === this.#ended) return this.#state.store.getSnapshot().user as User;
    const user = this.#state.adopt(answer, askedAt);
    this.#transport.limit(answer.request_timeout);
    this.#budget.succeed(Number(answer.expires_in));
    if (!isNews) this.#tabs?.tell({ answer, at: performance.timeOrigin + askedAt });
    return user;
  }

  #end(reason: SignedOutReason, isNews?: boolean): void {
    const { status, session } = this.#state.store.getSnapshot();
    void this.#attempts.done();
    if (status === "signed-out") return;
    this.#ended = session?.id;
    this.#state.end(reason);
    if (session && !isNews) this.#tabs?.tell({ reason, sid: session.id });
    // Whoever never signed in was not signed out either.
    if (status === "signed-in" || reason !== missing) this.#onSignedOut(reason);
  }

  /** Tells the server of a sign-out that it did not hear of. Bound to its session: a later sign-in is not touched. */
  async #finishLeaving(): Promise<void> {
    const mark = await this.#memory.get(this.#leaving);
    if (mark) {
      await this.#transport.send({ path: logout, body: { [this.#credential.mark]: mark } });
      await this.#memory.set(this.#leaving, null);
    }
  }

  async #tellLeaving(sid: string | undefined): Promise<boolean> {
    try {
      const proof = await this.#credential.present();
      if (!proof) return true;
      const mark = proof.refresh_token ?? sid;
      if (mark) await this.#memory.set(this.#leaving, mark);
      await this.#credential.forget(proof);
      await this.#transport.send({ path: logout, body: proof });
    } catch {
      return false;
    }
    await this.#memory.set(this.#leaving, null);
    return true;
  }

  /** Refreshes; asks once more with the same attempt key when no verdict came, or when the token was superseded. */
  async #refreshNow(before: string | undefined, isAlone: boolean): Promise<void> {
    const token = this.#state.token();
    // While we waited for our turn, another tab refreshed and told us.
    if (token && token !== before) return;
    const epoch = this.#epoch;
    for (let sends = 1; epoch === this.#epoch; sends += 1) {
      let proof: Proof | null = null;
      try {
        await this.#finishLeaving();
        proof = await this.#credential.present();
        if (!proof) throw new ClientError(missing, missing, { terminal: true });
        const headers = { "Idempotency-Key": await this.#attempts.current() };
        const askedAt = performance.now();
        // What the server says from now on counts more than what was told before.
        this.#ended = undefined;
        const answer = await this.#transport.send({ path: "/auth/refresh", headers, body: proof });
        if (epoch !== this.#epoch) return;
        this.#adopt(answer, askedAt);
        if (!(await this.#credential.keep(answer, proof))) return;
        await this.#attempts.done();
        // Retires the predecessor. Nothing depends on it: the next refresh confirms just as well (CONTRACT section 4).
        this.#tail = this.#transport.send({ path: "/auth/confirm", body: await this.#credential.present() });
        return;
      } catch (thrown) {
        const error = thrown as ClientError;
        // A verdict on a token that another process has replaced since says nothing of the new one.
        const isOver = error.terminal && (await this.#credential.forget(proof));
        if (epoch !== this.#epoch) return;
        if (isOver) return this.#endOfRefresh(error, isAlone);
        if (sends >= refreshSendsMax || isLasting(error)) {
          this.#budget.fail(error);
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, (resendMillisecondsMax * (1 + Math.random())) / 2));
      }
    }
  }

  #endOfRefresh({ code, sid }: ClientError, isAlone: boolean): void {
    // The dead cookie goes, too, and nothing but it. Only while no tab can be signing in: the answer to this call might
    // otherwise delete the cookie of that sign-in.
    if (isAlone && code !== missing) {
      this.#tail = this.#transport.send({ path: logout, body: { sid: sid ?? this.#sid() ?? "" } });
    }
    this.#end(code as SignedOutReason);
  }
}

/** Asked again at once, the answer would be the same. */
function isLasting({ terminal, retryAfterSeconds, status }: ClientError): boolean {
  return !!retryAfterSeconds || (status > 0 && status < 500 && status !== 409 && !terminal);
}
