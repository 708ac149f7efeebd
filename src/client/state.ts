// What the client knows: the access token (in this closure and nowhere else) and the public snapshot with its
// listeners. Time is performance.now() and `expires_in` only: a wrong wall clock changes nothing.
// Sends nothing.

import { ClientError } from "./error.ts";
import type { Answer } from "./transport.ts";
import type { DeviceSession, SessionSnapshot, SessionStore, SignedOutReason, User } from "./types.ts";

/** The state of one client. */
export interface State {
  readonly store: SessionStore;
  /** The access token while it is usable. */
  token(): string | undefined;
  /** True where a token may be there and is missing, or should be renewed before it expires. */
  needsToken(): boolean;
  /** Forgets `token` after a resource refused it; a newer one stays. */
  drop(token: string): void;
  /** Takes a session response that was asked for at `askedAt`. Rejects what is none. */
  adopt(answer: Answer, askedAt: number): User;
  /** Nobody is signed in any more. */
  end(reason: SignedOutReason): void;
}

/** A token is not sent in the last 2 % of its life: it might expire on the way. */
const usableShare = 0.98;
/** It is renewed in the last 10 to 20 %, drawn per token so that tabs and clients spread out. */
const renewShare = 0.8;
const renewShareJitter = 0.1;

const nothing: SessionSnapshot = { status: "unknown", user: null, session: null, reason: null };

/** A state that knows nothing yet. */
export function createState(): State {
  let held: string | undefined;
  // Milliseconds of performance.now().
  let usableUntil = 0;
  let renewAt = 0;
  let snapshot = nothing;
  const listeners = new Set<() => void>();
  const change = (next: SessionSnapshot): void => {
    // A refresh changes nothing that a page shows: whoever compares references renders nothing anew.
    if (JSON.stringify(snapshot) === JSON.stringify(next)) return;
    snapshot = next;
    for (const listener of [...listeners]) isolate(listener);
  };
  return {
    store: {
      getSnapshot: () => snapshot,
      subscribe(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    token: () => (performance.now() < usableUntil ? held : undefined),
    needsToken: () => snapshot.status !== "signed-out" && (!held || performance.now() >= renewAt),
    drop(token) {
      if (held === token) held = undefined;
    },
    adopt({ access_token, expires_in, session, user = snapshot.user }, askedAt) {
      const milliseconds = (expires_in as number) * 1000;
      // A re-authentication answers without the user: it is the same one, where it is known.
      if (!(access_token && milliseconds > 0 && session && user)) throw new ClientError("unexpected_answer");
      held = access_token as string;
      usableUntil = askedAt + milliseconds * usableShare;
      renewAt = askedAt + milliseconds * (renewShare + renewShareJitter * Math.random());
      const { last_seen_at, idle_expires_at, user_agent, ip, current, ...lasting } = session as DeviceSession;
      change({ status: "signed-in", user: user as User, session: lasting, reason: null });
      return snapshot.user as User;
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
