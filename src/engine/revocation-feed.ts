// The revocation feed of one process, followed by any number of listeners: one reader of the store for all of them,
// woken by endings in this process, by the store's hints and by polling. A listener asks for a page when it has room for
// one and is at a cursor of its own until then, so nothing is kept for the slow, and a failure of the store loses nothing.
// Owns when the store is read and who is told; what a page holds is the store's business.

import { leewaySecondsMax } from "../core/access-claims.ts";
import type { Platform, RevocationPage, Store } from "../core/ports.ts";

/** Entries of one page. */
const pageEntriesMax = 1000;
/**
 * Reads for everybody are at least this far apart, and the further the more there are to tell, so that a flood of endings
 * becomes few pages.
 */
const paceMilliseconds = 20;
const listenersPerBeat = 200;
const paceBeatsMax = 5;
/**
 * How often the store is looked at when nothing said that there is something; with hints, in case one was lost or the
 * connection that brings them is dead without having been closed: an ending is told within a second all the same.
 */
const pollMilliseconds = 200;
const pollMillisecondsWithHints = 400;
const backoffMillisecondsMax = 500;
/** Who heard nothing for this long gets an empty page: everything up to now was told. */
export const signOfLifeMilliseconds = 15_000;

/** What the feed is doing, for metrics. */
export interface RevocationFeedState {
  readonly listeners: number;
  /** Entries handed to listeners since the start: one that reached two of them counts twice. */
  readonly told: number;
  /** Milliseconds since the store was last read to its end; 0 while nobody listens. */
  readonly lagMilliseconds: number;
}

/** Entries whose `exp` (seconds) is no later mean nothing to anybody at `now` (milliseconds): a verifier may allow for a leeway. */
export function entriesLapsedAt(now: number): number {
  return Math.floor(now / 1000) - leewaySecondsMax;
}

/** The feed of one engine. */
export interface RevocationFeed {
  /** Pages after `cursor`; the first one comes at once, empty or not. Ends when the feed is closed. */
  follow(cursor: string | undefined): AsyncIterableIterator<RevocationPage>;
  /** There may be something new. */
  wake(): void;
  state(): RevocationFeedState;
  /** Ends every listener. */
  close(): void;
}

type Turn = IteratorResult<RevocationPage, undefined>;

const over: Turn = { done: true, value: undefined };

interface Listener {
  cursor: string | undefined;
  /** There is more than it was told: it reads alone, at its own pace, until it has caught up. */
  isBehind: boolean;
  /** Takes the next page; absent while it is busy with the last one. */
  take: ((turn: Turn) => void) | undefined;
  isOver: boolean;
  /** The beat of its last page. */
  toldAt: number;
}

/** Creates the feed; it touches the store and the timers only while somebody listens. */
export function createRevocationFeed(store: Store, platform: Platform): RevocationFeed {
  return new Feed(store, platform);
}

class Feed implements RevocationFeed {
  readonly #store: Store;
  readonly #platform: Platform;
  readonly #pollBeats: number;
  readonly #listeners = new Set<Listener>();
  #stop: (() => void) | undefined;
  #isClosed = false;
  #isReading = false;
  #isWanted = false;
  /** Time as this file counts it, in steps of the pace: a clock that is set back must not stop the feed. */
  #beat = 0;
  #readAgainAt = 0;
  #pollAt = 0;
  #failures = 0;
  /** Where the last reading ended. */
  #end: string | undefined;
  /** Milliseconds. */
  #endReadAt = 0;
  #told = 0;
  /** What was read for single listeners since the last beat: of many who come back at once most are at one cursor. */
  readonly #recent = new Map<string | undefined, Promise<RevocationPage>>();

  constructor(store: Store, platform: Platform) {
    this.#store = store;
    this.#platform = platform;
    const milliseconds = store.watchRevocations === undefined ? pollMilliseconds : pollMillisecondsWithHints;
    this.#pollBeats = Math.ceil(milliseconds / paceMilliseconds);
  }

  follow(cursor: string | undefined): AsyncIterableIterator<RevocationPage> {
    const listener: Listener = { cursor, isBehind: true, take: undefined, isOver: this.#isClosed, toldAt: 0 };
    const pages: AsyncIterableIterator<RevocationPage> = {
      next: () => this.#next(listener),
      return: async () => {
        this.#remove(listener);
        return over;
      },
      [Symbol.asyncIterator]: () => pages,
    };
    return pages;
  }

  wake(): void {
    this.#isWanted = true;
    this.#recent.clear();
    this.#readIfDue();
  }

  state(): RevocationFeedState {
    const listeners = this.#listeners.size;
    const lag = listeners === 0 ? 0 : Math.max(0, this.#platform.clock.now() - this.#endReadAt);
    return { listeners, told: this.#told, lagMilliseconds: lag };
  }

  close(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) this.#remove(listener);
  }

  async #next(listener: Listener): Promise<Turn> {
    if (listener.isOver) return over;
    if (listener.take !== undefined) throw new TypeError("ask for one page of the revocation feed at a time");
    if (listener.isBehind) {
      const page = await this.#readAlone(listener);
      if (listener.isOver) return over;
      if (page !== undefined) return { done: false, value: page };
    }
    return await new Promise<Turn>((take) => {
      listener.take = take;
      // Others read on meanwhile, or it did: at the next beat all of them meet at one cursor again.
      if (listener.cursor !== this.#end) this.#isWanted = true;
    });
  }

  /** A page for one listener that is not where the others are; `undefined` when the store fails under a known cursor. */
  async #readAlone(listener: Listener): Promise<RevocationPage | undefined> {
    const isFirst = !this.#listeners.has(listener);
    if (isFirst) this.#add(listener);
    try {
      const reading = this.#recent.get(listener.cursor) ?? this.#read(listener.cursor);
      this.#recent.set(listener.cursor, reading);
      const page = await reading;
      this.#tell(listener, page);
      return page;
    } catch (error) {
      this.#recent.delete(listener.cursor);
      if (isFirst) {
        this.#remove(listener);
        throw error;
      }
      return undefined;
    }
  }

  #read(cursor: string | undefined): Promise<RevocationPage> {
    return this.#store.revocationsAfter(cursor, entriesLapsedAt(this.#platform.clock.now()), pageEntriesMax);
  }

  /** Notes what a listener is about to get. */
  #tell(listener: Listener, page: RevocationPage): void {
    listener.cursor = page.cursor;
    listener.isBehind = page.more;
    listener.toldAt = this.#beat;
    this.#told += page.revocations.length;
  }

  #add(listener: Listener): void {
    this.#listeners.add(listener);
    if (this.#stop !== undefined) return;
    this.#endReadAt = this.#platform.clock.now();
    const stopBeat = this.#platform.scheduler.every(paceMilliseconds, () => {
      this.#beat += 1;
      this.#recent.clear();
      this.#readIfDue();
    });
    const stopHints = this.#store.watchRevocations?.(() => this.wake());
    this.#stop = () => {
      stopBeat();
      stopHints?.();
    };
  }

  #remove(listener: Listener): void {
    listener.isOver = true;
    listener.take?.(over);
    listener.take = undefined;
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#recent.clear();
    this.#stop?.();
    this.#stop = undefined;
  }

  #readIfDue(): void {
    if (this.#isReading || this.#stop === undefined || this.#beat < this.#readAgainAt) return;
    if (!this.#isWanted && this.#beat < this.#pollAt) return;
    this.#isReading = true;
    this.#isWanted = false;
    this.#readForAll()
      .then(
        () => {
          this.#failures = 0;
          this.#readAgainAt = this.#beat + Math.min(paceBeatsMax, Math.ceil(this.#listeners.size / listenersPerBeat));
          this.#endReadAt = this.#platform.clock.now();
        },
        () => {
          this.#failures += 1;
          const pause = Math.min(paceMilliseconds * 2 ** this.#failures, backoffMillisecondsMax);
          this.#readAgainAt = this.#beat + Math.ceil(pause / paceMilliseconds);
          this.#isWanted = true;
        },
      )
      .finally(() => {
        this.#pollAt = this.#beat + this.#pollBeats;
        this.#isReading = false;
      });
  }

  /** One page for each cursor at which somebody waits: one for nearly all of them, and few for those who were busy. */
  async #readForAll(): Promise<void> {
    const groups = Map.groupBy(
      [...this.#listeners].filter((listener) => listener.take !== undefined),
      (listener) => listener.cursor,
    );
    for (const [cursor, members] of groups) {
      const page = await this.#read(cursor);
      if (!page.more) this.#end = page.cursor;
      for (const member of members) this.#offer(member, page);
    }
  }

  #offer(listener: Listener, page: RevocationPage): void {
    const { take } = listener;
    if (take === undefined) return;
    const silentMilliseconds = (this.#beat - listener.toldAt) * paceMilliseconds;
    listener.cursor = page.cursor;
    if (page.revocations.length === 0 && !page.restarted && silentMilliseconds < signOfLifeMilliseconds) return;
    this.#tell(listener, page);
    listener.take = undefined;
    take({ done: false, value: page });
  }
}
