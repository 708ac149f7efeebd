// The calls that change which session the cookie jar holds: refresh, sign-in, sign-out, and their order. They run one
// after the other, so that no late Set-Cookie overwrites a newer one; only sign-out goes ahead of everything.
// Only a terminal code of the server ends the session; every fault keeps it (CONTRACT section 2).

import { type Attempts, createAttempts, type Memory } from "./attempt.ts";
import { ClientError } from "./error.ts";
import type { State } from "./state.ts";
import type { Answer, Call, Transport } from "./transport.ts";
import type { SignedOutReason, User } from "./types.ts";

/** One refresh is sent at most this often; both times with the same attempt key. */
const refreshSendsMax = 2;
/** Before the second time: another tab's answer may be about to reach the jar. */
const resendDelayMilliseconds = 100;
const resendJitterMilliseconds = 200;
/** After a refresh failed, calls fail at once for this long (seconds), unless the server named a time. */
const pauseSeconds = 1;

/** What a turnstile works on. */
export interface TurnstileParts {
  readonly state: State;
  readonly transport: Transport;
  readonly memory: Memory;
  /** Sets this client's entries in the memory apart from those for other issuers. */
  readonly name: string;
  readonly onSignedOut: (reason: SignedOutReason) => void;
}

/** Lets changes of the session through one at a time. */
export class Turnstile {
  readonly #parts: TurnstileParts;
  readonly #attempts: Attempts;
  /** The entry that remembers a sign-out that the server has not heard of: the id of its session. */
  readonly #leaving: string;
  /** Settles when every earlier change of the jar has; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<void> | undefined;
  /** Counts sign-ins and sign-outs: an answer to a refresh from before the newest one is void. */
  #epoch = 0;
  #pause: { readonly until: number; readonly error: unknown } | undefined;

  constructor(parts: TurnstileParts) {
    this.#parts = parts;
    this.#attempts = createAttempts(parts.memory, `${parts.name}:attempt`);
    this.#leaving = `${parts.name}:leaving`;
  }

  /** Refreshes, or joins the refresh in flight. Rejects with what kept it from getting an answer. */
  async refresh(): Promise<void> {
    if (this.#refreshing === undefined) {
      if (this.#pause !== undefined && performance.now() < this.#pause.until) throw this.#pause.error;
      this.#refreshing = this.#inTurn(() => this.#refreshNow()).finally(() => {
        this.#refreshing = undefined;
      });
    }
    return this.#refreshing;
  }

  /** Sends a call whose answer is a new session, and adopts it. */
  enter(call: Call): Promise<User> {
    const { transport, memory } = this.#parts;
    return this.#inTurn(async () => {
      this.#epoch += 1;
      const epoch = this.#epoch;
      const askedAt = performance.now();
      const answer = await transport.send(call);
      // Signed out meanwhile: sign-out wins, here and (the jar now holds the new session) at the server.
      if (epoch !== this.#epoch) {
        await transport.send({ method: "POST", path: "/auth/logout" });
        throw new ClientError("signed_out", "Signed out while signing in.");
      }
      this.#attempts.done();
      memory.set(this.#leaving, null);
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

  /** Signs out: here at once, then at the server. Rejects when the server could not be told. */
  async leave(): Promise<void> {
    const { state, transport, memory } = this.#parts;
    const { session, status } = state.getSnapshot();
    if (session !== null) memory.set(this.#leaving, session.id);
    if (status !== "signed-out") this.#end("signed_out");
    const sent = transport.send({ method: "POST", path: "/auth/logout", keepalive: true });
    // Later sign-ins wait: the answer to this call deletes the cookie.
    this.#last = Promise.allSettled([this.#last, sent]);
    await sent;
    memory.set(this.#leaving, null);
  }

  #inTurn<Value>(task: () => Promise<Value>): Promise<Value> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #refreshNow(): Promise<void> {
    const { transport } = this.#parts;
    const epoch = this.#epoch;
    try {
      await this.#finishLeaving();
      const askedAt = performance.now();
      const answer = await sendRefresh(transport, this.#attempts.current(), () => epoch === this.#epoch);
      if (epoch !== this.#epoch) return;
      this.#adopt(answer, askedAt);
      this.#attempts.done();
      // Retires the predecessor. Nothing depends on it: the next refresh confirms just as well (CONTRACT section 4).
      transport.send({ method: "POST", path: "/auth/confirm", keepalive: true }).catch(() => undefined);
    } catch (error) {
      if (epoch !== this.#epoch) return;
      if (error instanceof ClientError && error.terminal) return this.#end(error.code as SignedOutReason);
      const seconds = (error instanceof ClientError ? error.retryAfterSeconds : undefined) ?? pauseSeconds;
      this.#pause = { until: performance.now() + seconds * 1000, error };
      throw error;
    }
  }

  /** Tells the server of a sign-out that it did not hear of. Bound to its session: a later sign-in is not touched. */
  async #finishLeaving(): Promise<void> {
    const { transport, memory } = this.#parts;
    const sid = memory.get(this.#leaving);
    if (sid === null) return;
    await transport.send({ method: "POST", path: "/auth/logout", body: { sid } });
    memory.set(this.#leaving, null);
  }

  #adopt(answer: Answer, askedAt: number): User {
    const { state, transport } = this.#parts;
    const user = state.adopt(answer, askedAt);
    if (typeof answer.request_timeout === "number") transport.limit(answer.request_timeout);
    this.#pause = undefined;
    return user;
  }

  #end(reason: SignedOutReason): void {
    const { state, onSignedOut } = this.#parts;
    // Whoever never signed in was not signed out either.
    const isVisitor = state.getSnapshot().status === "unknown" && reason === "refresh_token_missing";
    this.#epoch += 1;
    this.#attempts.done();
    state.end(reason);
    if (!isVisitor) onSignedOut(reason);
  }
}

/** Sends one refresh; once more with the same attempt key when no verdict came, or when the token was superseded. */
async function sendRefresh(transport: Transport, key: string, isWanted: () => boolean): Promise<Answer> {
  for (let sends = 1; ; sends += 1) {
    try {
      return await transport.send({ method: "POST", path: "/auth/refresh", headers: { "Idempotency-Key": key } });
    } catch (error) {
      if (sends >= refreshSendsMax || !(error instanceof ClientError) || !isWorthResending(error)) throw error;
      const delay = resendDelayMilliseconds + resendJitterMilliseconds * Math.random();
      await new Promise((resolve) => setTimeout(resolve, delay));
      if (!isWanted()) throw error;
    }
  }
}

function isWorthResending(error: ClientError): boolean {
  if (error.retryAfterSeconds !== undefined) return false;
  return error.status === 0 || error.status === 409 || error.status >= 500;
}
