// The open event streams of the revocation feed: how many there may be, what an event looks like on the wire, and that a
// reader who takes nothing is dropped. A page that many get is serialised once. Decides nothing about the feed itself.

import { PawlError } from "../core/errors.ts";
import type { RevocationPage } from "../core/ports.ts";
import type { Sessions } from "../engine/types.ts";
import type { StreamedBody } from "./exchange.ts";

/** How often it is looked whether readers take what they are given, and how often in a row they may be found not to. */
const sweepMilliseconds = 10_000;
const missesMax = 3;
/** When a refused listener may come again. */
const retryAfterSeconds = 5;

/** A comment (WHATWG HTML section 9.2.5): ignored by readers, noticed by proxies and by whoever watches for silence. */
const signOfLife = Buffer.from(": up to date\n\n");

/** A page as verifiers read it, polled or streamed. */
export function pageBody(page: RevocationPage): Readonly<Record<string, unknown>> {
  return {
    cursor: page.cursor,
    ...(page.restarted ? { snapshot: true } : {}),
    ...(page.more ? { more: true } : {}),
    revocations: page.revocations.map(({ sid, sub, notBefore, exp }) => ({ sid, sub, not_before: notBefore, exp })),
  };
}

/** The streams of one handler. */
export interface RevocationStreams {
  /**
   * Opens one after `cursor`.
   * @throws PawlError `store_unavailable` (also when there are too many), `invalid_request` for a malformed cursor.
   */
  open(cursor: string | undefined): Promise<StreamedBody>;
}

interface Stream extends StreamedBody {
  /** True while it waits for something to tell: its reader has taken everything. */
  isWaiting: boolean;
  misses: number;
}

/**
 * Creates the set of streams.
 * @throws PawlError `invalid_option` for a `listenersMax` that is not a whole number from 1.
 */
export function createRevocationStreams(sessions: Sessions, listenersMax: number): RevocationStreams {
  if (!Number.isInteger(listenersMax) || listenersMax < 1) {
    throw new PawlError("invalid_option", "feedListenersMax must be a whole number from 1", {
      field: "feedListenersMax",
    });
  }
  const streams = new Set<Stream>();
  const written = new WeakMap<RevocationPage, Uint8Array>();
  let opening = 0;
  let stopSweep: (() => void) | undefined;
  const bytesOf = (page: RevocationPage): Uint8Array => {
    const before = written.get(page);
    if (before !== undefined) return before;
    const bytes = Buffer.from(`id: ${page.cursor}\ndata: ${JSON.stringify(pageBody(page))}\n\n`);
    written.set(page, bytes);
    return bytes;
  };
  const sweep = (): void => {
    for (const stream of streams) {
      stream.misses = stream.isWaiting ? 0 : stream.misses + 1;
      if (stream.misses < missesMax) continue;
      stream.end();
      stream.onStall?.();
    }
  };
  const forget = (stream: Stream): void => {
    streams.delete(stream);
    if (streams.size > 0) return;
    stopSweep?.();
    stopSweep = undefined;
  };
  return {
    open: async (cursor) => {
      if (streams.size + opening >= listenersMax) {
        throw new PawlError("store_unavailable", "Too many listen here already; retry.", { retryAfterSeconds });
      }
      const pages = sessions.followRevocations(cursor);
      opening += 1;
      const first = await pages.next().finally(() => {
        opening -= 1;
      });
      const stream = createStream(pages, first, bytesOf, forget);
      streams.add(stream);
      stopSweep ??= sessions.platform.scheduler.every(sweepMilliseconds, sweep);
      return stream;
    },
  };
}

function createStream(
  pages: AsyncIterableIterator<RevocationPage>,
  first: IteratorResult<RevocationPage>,
  bytesOf: (page: RevocationPage) => Uint8Array,
  forget: (stream: Stream) => void,
): Stream {
  let ready: IteratorResult<RevocationPage> | undefined = first;
  const stream: Stream = {
    isWaiting: false,
    misses: 0,
    onStall: undefined,
    next: async () => {
      const isFirst = ready !== undefined;
      stream.isWaiting = true;
      const { done, value } = ready ?? (await pages.next());
      stream.isWaiting = false;
      stream.misses = 0;
      ready = undefined;
      if (done) {
        forget(stream);
        return undefined;
      }
      // Who begins learns its cursor, even if there is nothing yet.
      return value.revocations.length === 0 && !value.restarted && !isFirst ? signOfLife : bytesOf(value);
    },
    end: () => {
      forget(stream);
      ready = { done: true, value: undefined };
      pages.return?.();
    },
  };
  return stream;
}
