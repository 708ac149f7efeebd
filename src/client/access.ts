// Who gets the access token, and what happens when it is refused: one refresh and one replay, never more.
// Knows origins and answers; changes no session itself.

import { ClientError } from "./error.ts";
import type { State } from "./state.ts";
import type { Call } from "./transport.ts";
import type { Turnstile } from "./turnstile.ts";

/** Uses of the access token. */
export interface Access {
  /** A usable token; `signal` ends the waiting for it, not the refresh that others wait for, too. */
  getToken(signal?: AbortSignal): Promise<string | null>;
  /** Sends a call of the signed-in person to the issuer; refreshes and repeats it once when the token is refused. */
  authorized<Value>(call: Call, send: (call: Call) => Promise<Value>): Promise<Value>;
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
}

/** What access works on. */
export interface AccessParts {
  readonly state: State;
  readonly turnstile: Turnstile;
  readonly fetchRequest: (request: Request) => Promise<Response>;
  /** The exact origins that may see the access token. */
  readonly origins: ReadonlySet<string>;
}

/** A call is sent at most this often, with a newer access token the second time. */
const sendsMax = 2;
/** A larger body is not kept for a replay. */
const replayBytesMax = 1_048_576;

/** Access over `parts`. */
export function createAccess(parts: AccessParts): Access {
  const { state, turnstile, fetchRequest, origins } = parts;

  async function getToken(signal?: AbortSignal): Promise<string | null> {
    signal?.throwIfAborted();
    const token = state.token();
    if (token !== undefined) {
      // Ahead of expiry and in the background: the caller does not wait, and a fault costs nothing yet.
      if (state.needsToken()) turnstile.refresh().catch(() => undefined);
      return token;
    }
    if (state.getSnapshot().status === "signed-out") return null;
    await abortable(turnstile.refresh(), signal);
    return state.token() ?? null;
  }

  return {
    getToken,
    async authorized(call, send) {
      for (let sends = 1; ; sends += 1) {
        const token = await getToken();
        if (token === null) throw new ClientError("signed_out", "Nobody is signed in.");
        try {
          return await send({ ...call, headers: { Authorization: `Bearer ${token}` } });
        } catch (error) {
          if (sends >= sendsMax || !(error instanceof ClientError) || error.code !== "invalid_token") throw error;
          state.drop(token);
        }
      }
    },
    async fetch(input, init) {
      const request = new Request(input instanceof URL ? input.href : input, init);
      const isOurs = origins.has(new URL(request.url).origin) && !request.headers.has("Authorization");
      const token = isOurs ? await getToken(request.signal) : null;
      if (token === null) return fetchRequest(request);
      const person = state.getSnapshot().user?.id;
      const replay = isReplayable(init?.body) ? request.clone() : undefined;
      const response = await fetchRequest(withToken(request, token));
      if (replay === undefined || !refusesToken(response)) return response;
      // The body of a Request that came ready-made shows its size only now.
      if (replay.body !== null && (await replay.clone().blob()).size > replayBytesMax) return response;
      state.drop(token);
      const next = await getToken(request.signal);
      // Another tab may have signed in as somebody else: what one person asked for is not repeated as another.
      if (next === null || state.getSnapshot().user?.id !== person) return response;
      await response.body?.cancel();
      return fetchRequest(withToken(replay, next));
    },
  };
}

/** Copying a stream would hold all of it in memory; of what is in memory already, a copy costs nothing. */
function isReplayable(body: BodyInit | null | undefined): boolean {
  const it = Object(body) as { size?: number; byteLength?: number; length?: number };
  if ("getReader" in it || Symbol.asyncIterator in it) return false;
  return (it.size ?? it.byteLength ?? it.length ?? 0) <= replayBytesMax;
}

/** `promise`, or the reason of `signal` as soon as it aborts. */
function abortable<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function withToken(request: Request, token: string): Request {
  request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

const tokenRefusal = /^(?:bearer|dpop)\b.*\berror="?invalid_token\b/i;

/** RFC 6750 section 3.1: this access token will not do; a new one may. */
function refusesToken(response: Response): boolean {
  return response.status === 401 && tokenRefusal.test(response.headers.get("WWW-Authenticate") ?? "");
}
