// The revocation feed as a verifier follows it: by an open stream or by polling, resumed at its cursor after every interruption.
// Keeps what is revoked for as long as tokens may live, and says how old its knowledge is. Judges no token's form.

import type { AccessClaims } from "../core/access-claims.ts";
import { createEventReader, type Page, readPage } from "./feed-pages.ts";
import { ask, type Fetch, readText } from "./fetching.ts";

/** How the feed is followed. */
export interface FeedOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly mode: "stream" | "poll";
  readonly pollSeconds: number;
  /** How long an entry is kept beyond its `exp`. */
  readonly leewaySeconds: number;
  readonly fetch: Fetch;
  /** Milliseconds. */
  readonly now: () => number;
}

/** What is known of revocations. */
export interface Feed {
  /** Resolves when it is as new as it can be now; at once, without a promise, when it is new enough. */
  refresh(): Promise<void> | undefined;
  /** Seconds since the issuer last said that everything was told; `Infinity` before the first time. */
  staleFor(): number;
  /** True for a token of a session, or of a time of its subject, that was revoked. */
  isRevoked(claims: Pick<AccessClaims, "sid" | "sub" | "iat">): boolean;
  /** Calls `listener` after each page that had entries. */
  onChange(listener: () => void): () => void;
  close(): void;
}

const answerMilliseconds = 5_000;
const pageBytesMax = 4 * 1024 * 1024;
/** Pages that one catching-up may take; 10,000 entries each. */
const pagesMax = 1_000;
/** The issuer says something every 15 s; twice that, and the line is dead. */
const silenceMilliseconds = 35_000;
/** Short enough that a revocation during an interruption is known within a second of its end. */
const pauseMilliseconds = { first: 50, most: 800 };
/** How long the first request waits for the first page. */
const firstMilliseconds = 3_000;
/** Entries that are kept; beyond it the oldest go, and the feed counts as lost until it is caught up anew. */
const entriesMax = 1_000_000;
const sweepEntries = 10_000;

/** Entries by session or subject. */
class Revocations {
  readonly #bySession = new Map<string, { exp: number }>();
  readonly #bySubject = new Map<string, { exp: number; notBefore: number }>();
  #sweepAt = sweepEntries;

  get size(): number {
    return this.#bySession.size + this.#bySubject.size;
  }

  add({ revocations }: Page, nowSeconds: number): void {
    for (const { sid, sub, notBefore, exp } of revocations) {
      if (sid !== undefined) this.#bySession.set(sid, { exp: Math.max(exp, this.#bySession.get(sid)?.exp ?? 0) });
      if (sub === undefined) continue;
      const before = this.#bySubject.get(sub);
      const latest = Math.max(notBefore, before?.notBefore ?? 0);
      this.#bySubject.set(sub, { exp: Math.max(exp, before?.exp ?? 0), notBefore: latest });
    }
    if (this.size < this.#sweepAt) return;
    for (const map of [this.#bySession, this.#bySubject]) {
      for (const [key, { exp }] of map) if (exp < nowSeconds) map.delete(key);
    }
    this.#sweepAt = Math.max(sweepEntries, 2 * this.size);
  }

  has({ sid, sub, iat }: Pick<AccessClaims, "sid" | "sub" | "iat">): boolean {
    if (this.#bySession.has(sid)) return true;
    const subject = this.#bySubject.get(sub);
    return subject !== undefined && iat < subject.notBefore;
  }
}

/** Starts to follow; a stream at the first {@link Feed.refresh}, since some runtimes allow no request before one came in. */
export function followFeed(options: FeedOptions): Feed {
  const { url, token, mode, now, fetch: fetcher } = options;
  const revocations = new Revocations();
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  let cursor: string | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  let following: Promise<void> | undefined;
  let polling: Promise<void> | undefined;
  let polledAt = Number.NEGATIVE_INFINITY;

  const staleFor = (): number => Math.max(0, now() - toldAt) / 1000;
  const headersFor = (accept: string): Record<string, string> => ({
    accept,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  });
  const here = (): string => {
    const target = new URL(url);
    if (cursor !== undefined) target.searchParams.set("after", cursor);
    return target.href;
  };
  const take = (page: Page): void => {
    cursor = page.cursor;
    if (page.revocations.length === 0) return;
    revocations.add(page, now() / 1000 - options.leewaySeconds);
    if (revocations.size > entriesMax) throw new Error(`more than ${entriesMax} sessions are revoked at once`);
    for (const listener of listeners) listener();
  };

  /** Reads pages until one is empty. */
  const poll = async (): Promise<void> => {
    for (let count = 0; count < pagesMax; count += 1) {
      const askedAt = now();
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(answerMilliseconds)]);
      const response = await ask(fetcher, here(), headersFor("application/json"), signal);
      const page = readPage(await readText(response, pageBytesMax));
      take(page);
      if (page.revocations.length > 0) continue;
      toldAt = askedAt;
      return;
    }
    throw new Error("the feed has no end");
  };

  /** One connection, until it ends or is silent for too long. */
  const stream = async (onTold: () => void): Promise<void> => {
    const connection = new AbortController();
    const end = (): void => connection.abort();
    closing.signal.addEventListener("abort", end);
    let timer = setTimeout(end, answerMilliseconds);
    try {
      const response = await ask(fetcher, here(), headersFor("text/event-stream"), connection.signal);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      const read = createEventReader((data) => take(readPage(data)));
      for (;;) {
        clearTimeout(timer);
        timer = setTimeout(end, silenceMilliseconds);
        const { done, value } = await reader.read();
        if (done) return;
        read(decoder.decode(value, { stream: true }));
        toldAt = now();
        onTold();
      }
    } finally {
      clearTimeout(timer);
      closing.signal.removeEventListener("abort", end);
      connection.abort();
    }
  };
  const follow = async (onTold: () => void): Promise<void> => {
    let pause = pauseMilliseconds.first;
    while (!closing.signal.aborted) {
      const before = toldAt;
      await stream(onTold).catch(() => undefined);
      if (closing.signal.aborted) return;
      if (toldAt !== before) pause = pauseMilliseconds.first;
      await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random() / 2)));
      pause = Math.min(2 * pause, pauseMilliseconds.most);
    }
  };

  const refreshStream = (): Promise<void> | undefined => {
    if (following === undefined) {
      following = new Promise((resolve) => {
        const start = (): void => {
          clearTimeout(timer);
          isStarted = true;
          resolve();
        };
        const timer = setTimeout(start, firstMilliseconds);
        void follow(start);
      });
    }
    return isStarted ? undefined : following;
  };
  let isStarted = false;
  const refreshPoll = (): Promise<void> | undefined => {
    const most = options.pollSeconds * 1000;
    if (now() - toldAt < most) return undefined;
    if (polling !== undefined) return polling;
    // A feed that does not answer is not asked by every request.
    if (now() - polledAt < Math.min(most, pauseMilliseconds.most)) return undefined;
    polledAt = now();
    polling = poll()
      .catch(() => undefined)
      .finally(() => {
        polling = undefined;
      });
    return polling;
  };

  return {
    staleFor,
    refresh: () => {
      if (closing.signal.aborted) return undefined;
      return mode === "stream" ? refreshStream() : refreshPoll();
    },
    isRevoked: (claims) => revocations.has(claims),
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    close: () => closing.abort(),
  };
}
