// What the client knows: the access token (in this closure and nowhere else) and the public snapshot with its
// listeners. Time is performance.now() and `expires_in` only: a wrong wall clock changes nothing.
// Sends nothing.

import { ClientError } from "./error.ts";
import type { Answer } from "./transport.ts";
import type { DeviceSession, SessionSnapshot, SessionStore, SignedOutReason, User } from "./types.ts";

/** The state of one client. */
export interface State extends SessionStore {
  /** The access token while it is usable. */
  token(): string | undefined;
  /** True where a token is missing or should be renewed before it expires. */
  needsToken(): boolean;
  /** Forgets `token` after a resource refused it; a newer one stays. */
  drop(token: string): void;
  /** Takes a session response that was asked for at `askedAt`. Rejects what is none. */
  adopt(answer: Answer, askedAt: number): User;
  /** Nobody is signed in any more. */
  end(reason: SignedOutReason): void;
}

interface Held {
  readonly token: string;
  /** Milliseconds of performance.now(). */
  readonly usableUntil: number;
  readonly renewAt: number;
}

/** A token this close to its expiry is not sent any more: it would expire on the way. */
const marginSecondsMax = 5;
const marginShare = 0.1;
/** The last 10 to 20 % of a token's life, drawn per token so that tabs and clients spread out. */
const renewShareMin = 0.1;
const renewShareJitter = 0.1;

const nothing: SessionSnapshot = Object.freeze({ status: "unknown", user: null, session: null, reason: null });

/** A state that knows nothing yet. */
export function createState(): State {
  let held: Held | undefined;
  let snapshot = nothing;
  const listeners = new Set<() => void>();
  const change = (next: SessionSnapshot): void => {
    // A refresh changes nothing that a page shows: whoever compares references renders nothing anew.
    if (kept(snapshot, next) === snapshot) return;
    snapshot = Object.freeze(next);
    for (const listener of [...listeners]) isolate(listener);
  };
  return {
    getSnapshot: () => snapshot,
    subscribe(listener) {
      // A wrapper, so that the same function subscribed twice is called twice and stopped once.
      const entry = (): void => listener();
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    token: () => (held !== undefined && performance.now() < held.usableUntil ? held.token : undefined),
    needsToken: () => held === undefined || performance.now() >= held.renewAt,
    drop(token) {
      if (held?.token === token) held = undefined;
    },
    adopt(answer, askedAt) {
      const { access_token: token, expires_in: seconds, session } = answer;
      if (typeof token !== "string" || typeof seconds !== "number" || !(seconds > 0) || !isObject(session)) {
        throw new ClientError("unexpected_answer", "The answer is not a session.");
      }
      const expiresAt = askedAt + seconds * 1000;
      const renewShare = renewShareMin + renewShareJitter * Math.random();
      held = {
        token,
        usableUntil: expiresAt - Math.min(marginSecondsMax, seconds * marginShare) * 1000,
        renewAt: expiresAt - seconds * renewShare * 1000,
      };
      // A re-authentication answers without the user: it is the same one.
      const user = kept(snapshot.user as User, (answer.user ?? snapshot.user) as User);
      const { last_seen_at, idle_expires_at, user_agent, ip, current, ...lasting } =
        session as unknown as DeviceSession;
      change({ status: "signed-in", user, session: kept(snapshot.session, lasting), reason: null });
      return user;
    },
    end(reason) {
      held = undefined;
      change({ ...nothing, status: "signed-out", reason });
    },
  };
}

/** Runs foreign code; what it throws is reported as an unhandled rejection and stops nothing of ours. */
export function isolate(task: () => void): void {
  try {
    task();
  } catch (error) {
    void Promise.reject(error);
  }
}

/** `before` where `next` says the same. */
function kept<Value>(before: Value, next: Value): Value {
  return JSON.stringify(before) === JSON.stringify(next) ? before : next;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
