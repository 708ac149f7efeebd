// Where a client keeps its refresh token: a cookie jar, or a store of one token, shared by all tabs of a browser.
// Whatever arrives last is what it holds, as in a browser. Judges no answer.

import { cookieJar } from "../cookie-jar.ts";
import type { Call, Reply } from "./dialect.ts";
import type { Transport } from "./plan.ts";

/** A jar and its contents. */
export interface Wallet {
  readonly transport: Transport;
  /** The token it holds now. */
  held(): string | undefined;
  /** What a request has to carry: the token, or nothing when it travels in the cookie. */
  bodyToken(): string | undefined;
  /**
   * Sends a request and resolves when its answer has arrived whole.
   * @param isWanted asked before anything of the answer reaches the jar
   */
  send(origin: string, call: Call & { method?: "GET" }, options: SendOptions): Promise<Reply>;
  /** What a thief takes away: the contents, now. */
  copy(): Wallet;
  /** A jar of the same kind with another token. */
  holding(token: string): Wallet;
}

/** How a request is sent. */
export interface SendOptions {
  readonly signal: AbortSignal;
  readonly isWanted: () => boolean;
  /** The token in the answer's JSON. */
  readonly tokenIn: (json: Reply["json"]) => string | undefined;
}

/** An empty jar, or a copy of `contents`. */
export function createWallet(
  transport: Transport,
  contents: { readonly token?: string | undefined; readonly cookies?: ReadonlyMap<string, string> } = {},
): Wallet {
  const jar = cookieJar();
  for (const [name, value] of contents.cookies ?? []) jar.cookies.set(name, value);
  let stored = contents.token;
  const inCookie = transport === "cookie";
  return {
    transport,
    held: () => (inCookie ? jar.cookies.values().next().value : stored),
    bodyToken: () => (inCookie ? undefined : stored),
    async send(origin, { path, headers, body, method = "POST" }, { signal, isWanted, tokenIn }) {
      const request = new Request(new URL(path, origin), {
        method,
        headers,
        signal,
        ...(method === "GET" ? {} : { body }),
      });
      const answer = jar.fetch(request, isWanted).then(async (response) => ({ response, text: await response.text() }));
      const { response, text } = await beforeAbort(answer, signal);
      const json = text.startsWith("{") ? (JSON.parse(text) as Reply["json"]) : {};
      if (!inCookie && isWanted()) stored = tokenIn(json) ?? stored;
      const { status, headers: received } = response;
      return { status, json, setCookies: received.getSetCookie(), retryAfter: received.get("retry-after") };
    },
    copy: () => createWallet(transport, { token: stored, cookies: jar.cookies }),
    holding(token) {
      const cookies = new Map([...jar.cookies.keys()].map((name) => [name, token]));
      // A jar that signed out has no cookie left: the body carries a token of either transport.
      if (inCookie && cookies.size > 0) return createWallet(transport, { cookies });
      return createWallet("body", { token });
    },
  };
}

/** What `work` brings; rejects when `signal` is aborted, whether or not whoever does the work takes notice. */
function beforeAbort<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

/**
 * Does `work` with a signal that is aborted after `milliseconds`. Not AbortSignal.timeout(): nothing holds on to its timer but
 * who listens, and a fetch does not always.
 */
export async function within<Result>(
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(new Error(`nothing came within ${milliseconds} ms`)), milliseconds);
  try {
    return await work(patience.signal);
  } finally {
    clearTimeout(timer);
  }
}
