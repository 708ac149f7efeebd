// One request and its answer as plain values: everything in http/ is written on these two shapes, so that an adapter
// can serve a server's own objects without building a WHATWG Request and Response first (the refresh path is hot).
// Owns the shapes and their bounds; no rule, no I/O.

/** A body above this many bytes is refused with 413. */
export const bodyBytesMax = 65_536;
/** How many bytes of a refused body an adapter still reads and drops, so that the client can read the answer. */
export const drainBytesMax = 1_048_576;

/** Where a request came from, as the adapter saw it. */
export interface Peer {
  /** Address of the other end of the connection (the proxy's, behind a proxy); absent = unknown. */
  readonly address?: string | undefined;
  /** Milliseconds: after this instant nothing is committed or handed out. Default arrival + grace. */
  readonly deadlineAt?: number | undefined;
}

/** A request. */
export interface Incoming {
  readonly method: string;
  /** The path as received, percent-encoding untouched, without the query. */
  readonly path: string;
  /** What follows the `?`, or the empty string. */
  readonly query: string;
  /**
   * The value of a header by its lower-case name. Repeated ones are joined with `, ` (`Cookie` with `; `); an adapter
   * must not drop one silently, because a second `Authorization` has to be seen to be refused.
   */
  header(name: string): string | undefined;
  /**
   * The whole body (empty when there is none). Called at most once.
   * @throws BodyTooLarge when it is longer than `bytesMax`, after up to {@link drainBytesMax} were read and dropped.
   * @throws RequestAborted when the request ended before its body did.
   */
  readBody(bytesMax: number): Promise<Uint8Array>;
  readonly peer: Peer;
}

/** An answer. */
export interface Outgoing {
  readonly status: number;
  /** Name, value, name, value, …; names in lower case. `content-length` and `date` are the adapter's. */
  readonly headers: string[];
  readonly body: string | Uint8Array | StreamedBody | undefined;
}

/**
 * A body that goes on until somebody ends it. An adapter asks for the next piece when the last one has been taken, so
 * that nothing is kept for a slow reader; its deadlines do not apply.
 */
export interface StreamedBody {
  /** The next piece; `undefined` is the end. One call at a time. */
  next(): Promise<Uint8Array | undefined>;
  /** The reader is gone, or the server stops: a waiting `next` resolves `undefined`. Idempotent. */
  end(): void;
  /** Set by the adapter: drops the connection of a reader that takes nothing for too long. */
  onStall: (() => void) | undefined;
}

/** True for a body that comes in pieces. */
export function isStreamed(body: Outgoing["body"]): body is StreamedBody {
  return typeof body === "object" && "onStall" in body;
}

/** Rejects {@link Incoming.readBody}: the body is longer than allowed. */
export class BodyTooLarge extends Error {}

/** Rejects {@link Incoming.readBody}: the request ended before its body did; nobody reads the answer. */
export class RequestAborted extends Error {}
