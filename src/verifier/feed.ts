// The revocation feed as a verifier follows it: by an open stream or by polling, resumed at its cursor after every interruption.
// Keeps what is revoked for as long as tokens may live, and says how old its knowledge is. Judges no token's form.

import type { AccessClaims } from "../core/access-claims.ts";
import { createEventReader, type Page, readPage } from "./feed-pages.ts";
import { ask, type Fetch, readText } from "./fetching.ts";
import { pauseAbout, startTimer } from "./platform.ts";
import { type RefusedBy, Revocations } from "./revocations.ts";

/** How the feed is followed. */
export interface FeedOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly mode: "stream" | "poll";
  readonly pollSeconds: number;
  /** How long an entry is kept beyond its `exp`. */
  readonly leewaySeconds: number;
  readonly staleAfterSeconds: number;
  readonly fetch: Fetch;
  /** Milliseconds. */
  readonly now: () => number;
  /** Is told of every attempt that failed. */
  readonly onError: (error: unknown) => void;
}

/** What is known of revocations. */
export interface Feed {
  /** Resolves when it is as new as it can be now; at once, without a promise, when it is new enough. */
  refresh(): Promise<void> | undefined;
  /** Why it could not be read the last time. */
  readonly lastError: unknown;
  /** Seconds since the issuer last said that everything was told; `Infinity` before the first time. */
  staleFor(): number;
  /** What refuses a token: an entry of its session, or one of its subject that is later than the token. */
  refusedBy(claims: Pick<AccessClaims, "sid" | "sub" | "iat">): RefusedBy | undefined;
  /**
   * Calls `listener` after each page that had entries, and when nothing was heard for `staleAfterSeconds`; while anybody listens
   * the feed is followed without being asked for.
   */
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
/** The comment by which the issuer says that everything was told. */
const upToDate = "up to date";
/** How long the first request waits for the first page. */
const firstMilliseconds = 3_000;

class FollowedFeed implements Feed {
  readonly #options: FeedOptions;
  readonly #revocations = new Revocations();
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  #cursor: string | undefined;
  /** When the issuer last said that everything was told. Milliseconds. */
  #toldAt = Number.NEGATIVE_INFINITY;
  #starting: Promise<void> | undefined;
  #isStarted = false;
  #isAsking = false;
  #isStale = false;
  #polling: Promise<void> | undefined;
  #polledAt = Number.NEGATIVE_INFINITY;

  /** Why it could not be read the last time. */
  lastError: unknown;
  readonly #fail = (error: unknown): void => {
    if (this.#closing.signal.aborted) return;
    this.lastError = error;
    this.#options.onError(error);
  };

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  staleFor(): number {
    return this.#toldAgo() / 1000;
  }

  /** Milliseconds. A clock that was set back must not make old knowledge look new: from then on its age is counted anew. */
  #toldAgo(): number {
    const now = this.#options.now();
    this.#toldAt = Math.min(this.#toldAt, now);
    return now - this.#toldAt;
  }

  refusedBy(claims: Pick<AccessClaims, "sid" | "sub" | "iat">): RefusedBy | undefined {
    return this.#revocations.refusing(claims);
  }

  /** Whoever listens wants to hear of it without asking: with polling it is asked for them, too. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    void this.#keepAsking();
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        // One that fails keeps nobody else from hearing of it.
        this.#fail(error);
      }
    }
  }

  /** Asks, and judges how old the answer is once there is one: one loop, however many listen. */
  async #keepAsking(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#listeners.size > 0 && !this.#closing.signal.aborted) {
      await this.refresh();
      const wasStale = this.#isStale;
      this.#isStale = this.staleFor() > this.#options.staleAfterSeconds;
      if (this.#isStale && !wasStale) this.#tell();
      await new Promise<void>((resolve) => startTimer(resolve, this.#options.pollSeconds * 1000, true));
    }
    this.#isAsking = false;
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#tell();
  }

  refresh(): Promise<void> | undefined {
    if (this.#closing.signal.aborted) return undefined;
    return this.#options.mode === "stream" ? this.#startStream() : this.#pollIfDue();
  }

  #ask(accept: string, signal: AbortSignal): Promise<Response> {
    const { url, token, fetch: fetcher } = this.#options;
    const target = new URL(url);
    if (this.#cursor !== undefined) target.searchParams.set("after", this.#cursor);
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return ask(fetcher, target.href, { accept, ...authorization }, signal);
  }

  #take(page: Page): void {
    const { now, leewaySeconds } = this.#options;
    this.#revocations.add(page, now() / 1000 - leewaySeconds);
    this.#cursor = page.cursor;
    if (page.revocations.length > 0) this.#tell();
  }

  /** Asks when the last answer is too old; whoever comes meanwhile waits for the same answer. */
  #pollIfDue(): Promise<void> | undefined {
    const { now, pollSeconds } = this.#options;
    const due = pollSeconds * 1000;
    if (this.#toldAgo() < due) return undefined;
    if (this.#polling !== undefined) return this.#polling;
    // A feed that does not answer is not asked by every request.
    const askedAgo = now() - this.#polledAt;
    if (askedAgo >= 0 && askedAgo < Math.min(due, pauseMilliseconds.most)) return undefined;
    this.#polledAt = now();
    this.#polling = this.#poll()
      .catch(this.#fail)
      .finally(() => {
        this.#polling = undefined;
      });
    return this.#polling;
  }

  /** Reads pages until one is empty. */
  async #poll(): Promise<void> {
    for (let count = 0; count < pagesMax; count += 1) {
      const askedAt = this.#options.now();
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(answerMilliseconds)]);
      const page = readPage(await readText(await this.#ask("application/json", signal), pageBytesMax));
      this.#take(page);
      if (page.revocations.length > 0) continue;
      this.#toldAt = askedAt;
      return;
    }
    throw new Error("the feed has no end");
  }

  /** Resolves with the first page, or after a while without it. */
  #startStream(): Promise<void> | undefined {
    if (this.#isStarted) return undefined;
    this.#starting ??= new Promise((resolve) => {
      const started = (): void => {
        cancel();
        this.#isStarted = true;
        resolve();
      };
      const cancel = startTimer(started, firstMilliseconds);
      void this.#follow(started);
    });
    return this.#starting;
  }

  /** One connection after the other, until the end. */
  async #follow(onTold: () => void): Promise<void> {
    const { signal } = this.#closing;
    let pause = pauseMilliseconds.first;
    while (!signal.aborted) {
      const before = this.#toldAt;
      await this.#stream(onTold).catch(this.#fail);
      if (signal.aborted) return;
      if (this.#toldAt !== before) pause = pauseMilliseconds.first;
      await pauseAbout(pause);
      pause = Math.min(2 * pause, pauseMilliseconds.most);
    }
  }

  /** One connection, until it ends or is silent for too long. */
  async #stream(onTold: () => void): Promise<void> {
    const connection = new AbortController();
    const end = (): void => connection.abort();
    this.#closing.signal.addEventListener("abort", end);
    let cancel = startTimer(end, answerMilliseconds);
    try {
      const response = await this.#ask("text/event-stream", connection.signal);
      if (!/^text\/event-stream *(;|$)/i.test(response.headers.get("content-type") ?? "")) {
        throw new Error("what the issuer answered is no event stream");
      }
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      let isTold = false;
      const told = (): void => {
        isTold = true;
        this.#toldAt = this.#options.now();
        onTold();
      };
      const takeEvent = (data: string): void => {
        const page = readPage(data);
        this.#take(page);
        if (!page.more) told();
      };
      // Whoever is in between may add comments of its own: they say nothing of the issuer, not even that it is there.
      const read = createEventReader(takeEvent, (comment) => {
        if (comment === upToDate) told();
        return comment === upToDate;
      });
      for (;;) {
        const { done, value } = await reader.read();
        if (done && isTold) return;
        if (done) throw new Error("the event stream ended before it had told everything");
        if (!read(decoder.decode(value, { stream: true }))) continue;
        cancel();
        cancel = startTimer(end, isTold ? silenceMilliseconds : answerMilliseconds);
      }
    } finally {
      cancel();
      this.#closing.signal.removeEventListener("abort", end);
      end();
    }
  }
}

/** Starts to follow, at the first {@link Feed.refresh}: some runtimes allow no request before one came in. */
export function followFeed(options: FeedOptions): Feed {
  return new FollowedFeed(options);
}
