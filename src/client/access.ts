// Who gets the access token, and what happens when it is refused: one refresh and one replay, never more.
// Knows origins and answers; changes no session itself.

import { pause, quietly } from "./error.ts";
import type { State } from "./state.ts";
import type { Fetch } from "./transport.ts";
import type { Turnstile } from "./turnstile.ts";

/** Uses of the access token. */
export interface Access {
  /** A usable token; `signal` ends the waiting for it, not the refresh that others wait for, too. */
  getToken(waiting?: { readonly signal?: AbortSignal }): Promise<string | null>;
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
}

/** A larger body is not kept for a replay. */
const replayBytesMax = 1_048_576;
/** What is in memory is read by then. */
const bodyMillisecondsMax = 1000;

/** Access to what `state` holds; `origins` are the exact ones that may see the token. */
export function createAccess(
  state: State,
  turnstile: Turnstile,
  fetchRequest: Fetch,
  origins: ReadonlySet<string>,
): Access {
  const { store } = state;

  async function getToken({ signal }: { readonly signal?: AbortSignal } = {}): Promise<string | null> {
    // Not throwIfAborted(): React Native has none.
    if (signal?.aborted) throw signal.reason;
    if (!state.token()) {
      if (store.getSnapshot().status === "signed-out") return null;
      const aborted = new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
      await Promise.race([turnstile.refresh(), aborted]);
    } else if (state.needsToken()) {
      // Ahead of expiry and in the background: the caller does not wait, and a fault costs nothing yet.
      quietly(turnstile.refresh());
    }
    return state.token() ?? null;
  }

  return {
    getToken,
    async fetch(input, init) {
      const request = new Request(input, init);
      const isOurs = origins.has(new URL(request.url).origin) && !request.headers.has("Authorization");
      const token = isOurs ? await getToken(request) : null;
      if (!token) return fetchRequest(request);
      const person = store.getSnapshot().user?.id;
      const replay = isReplayable(init?.body) ? request.clone() : undefined;
      const response = await fetchRequest(withToken(request, token));
      if (!replay || !refusesToken(response)) return response;
      // The body of a Request that came ready-made shows its size only now; a stream may never end.
      const body = (await Promise.race([replay.clone().blob(), pause(bodyMillisecondsMax)])) as Blob | undefined;
      if (!((body?.size as number) <= replayBytesMax)) return response;
      state.drop(token);
      const next = await getToken(request);
      // Another tab may have signed in as somebody else: what one person asked for is not repeated as another.
      if (!next || store.getSnapshot().user?.id !== person) return response;
      await response.body?.cancel();
      return fetchRequest(withToken(replay, next));
    },
  };
}

/** Copying a stream would hold all of it in memory; of what is in memory already, a copy costs nothing. */
function isReplayable(body: BodyInit | null | undefined): boolean {
  const it = Object(body) as { size?: number; byteLength?: number; length: number };
  return !("getReader" in it || (it.size ?? it.byteLength ?? it.length) > replayBytesMax);
}

function withToken(request: Request, token: string): Request {
  request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

/** RFC 6750 section 3.1: this access token will not do; a new one may. */
function refusesToken(response: Response): boolean {
  return response.status === 401 && /error="?invalid_token/i.test(`${response.headers.get("WWW-Authenticate")}`);
}
