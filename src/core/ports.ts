// The ports of the core: everything Pawl needs from the outside world, as interfaces.
// The rules and the engine see the clock, randomness, timers and the database only through these.
// Implementations: platform/ (clock, entropy, scheduler), stores/ (Store), testing/ (simulated ones).
// Owns no behaviour; imports nothing but types.

import type { SessionRecord } from "./record.ts";
import type { Algorithm } from "./signature.ts";

/** The time now. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** A source of cryptographically secure random bytes. */
export interface Entropy {
  /** Returns `length` fresh random bytes (1 to 1024). */
  bytes(length: number): Uint8Array;
  /** Generates a private signing key for `algorithm`, as PKCS #8 DER. RSA keys have 3072 bits. */
  signingKey(algorithm: Algorithm): Promise<Uint8Array>;
}

/** Timers. */
export interface Scheduler {
  /** Runs `task` once, after the events of this turn of the loop were read (setImmediate). */
  soon(task: () => void): void;
  /** Runs `task` every `milliseconds` until the returned function is called. Does not keep the process alive. */
  every(milliseconds: number, task: () => void): () => void;
  /** Resolves after `milliseconds`. */
  wait(milliseconds: number): Promise<void>;
}

/** The three ports that `platform/` provides and `testing/` simulates. */
export interface Platform {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly scheduler: Scheduler;
}

/** One entry of the revocation feed: access tokens of this session (or subject) are no longer acceptable. */
export interface Revocation {
  /** The session that ended; absent when `sub` is given. */
  readonly sid?: string;
  /** The subject all of whose sessions ended; absent when `sid` is given. */
  readonly sub?: string;
  /** Seconds since the epoch: access tokens issued before this instant are refused. */
  readonly notBefore: number;
  /** Seconds since the epoch: after this instant no such access token can be valid any more; the entry may go. */
  readonly exp: number;
}

/** A page of the revocation feed. */
export interface RevocationPage {
  /** Opaque position; pass it back to read on. */
  readonly cursor: string;
  readonly revocations: readonly Revocation[];
  /**
   * True when the given cursor leads nowhere any more (its entry lapsed and went, or the database is another one, or an
   * older copy): the page starts at the beginning, so that the reader sees every entry that is alive.
   */
  readonly restarted: boolean;
  /** True when the page is full: there may be more after its cursor already. Otherwise everything up to now was told. */
  readonly more: boolean;
}

/** A small named JSON text in the store: key ring, secrets in use, accounts of the server. */
export interface StoredDocument {
  readonly key: string;
  /** 1 for a new document, one more for each write. */
  readonly version: number;
  readonly value: string;
}

/** One part of an atomic {@link Store.writeDocuments} call. */
export interface DocumentChange {
  readonly key: string;
  /** The version that was read; 0 = the document must not exist. */
  readonly expectedVersion: number;
  /** The new text, or `null` to delete. */
  readonly value: string | null;
}

/** What one bounded purge step did. */
export interface PurgeStep {
  /** Session rows and feed entries removed. */
  readonly removed: number;
  /** Where the next step goes on; `undefined` = the sweep reached the end of the store. */
  readonly next: string | undefined;
}

/**
 * A database that holds sessions. A store keeps bytes and versions and knows no rule: it reads a record and commits
 * the next one if the version is still the one that was read.
 *
 * Obligations (proven by the suite in `pawl/testing`):
 * - `commit` and `insert` are atomic and durable when their promise resolves; of any number of concurrent commits with
 *   the same `expectedVersion` exactly one resolves `true`.
 * - A record that was read is never changed in place by a later call; records are immutable values.
 * - Every failure to reach the database rejects with `PawlError` code `store_unavailable`; a rejected write may or may
 *   not have happened.
 */
export interface Store {
  /** `memory`, `sqlite`, `postgres`, `mysql`, `redis`: the word of the ready line. */
  readonly kind: string;
  /** Opens the database, creates or migrates the schema. Called once, before anything else. */
  open(): Promise<void>;
  /** Reads one session, ended ones included, or `undefined`. */
  read(sid: string): Promise<SessionRecord | undefined>;
  /** Adds a session with the version it carries: 1 for a new one. Resolves `false` when the id exists. */
  insert(record: SessionRecord): Promise<boolean>;
  /**
   * Replaces the record of `next.sid` by `next` if its stored version is `expectedVersion`, and appends `revocation`
   * to the feed in the same atomic step. `next.version` is `expectedVersion + 1`. Resolves `false` when the version
   * was another one or the row is gone: nothing was changed then.
   */
  commit(next: SessionRecord, expectedVersion: number, revocation?: Revocation): Promise<boolean>;
  /**
   * The newest `limit` sessions of a subject by creation that nobody has ended (`record.ended` undefined; expired ones
   * may be among them), newest first. An ended session leaves this list in the same atomic step that ends it.
   */
  listBySubject(subject: string, limit: number): Promise<SessionRecord[]>;
  /** At most `limit` sessions in id order (that of the 16 bytes, so of creation), after the id `after`. */
  listAll(after: string | undefined, limit: number): Promise<SessionRecord[]>;
  /**
   * Feed entries after `cursor` that have not lapsed at `nowSeconds`, oldest first; from the beginning when absent. Who
   * passes each page's cursor on misses no entry, whoever appends: entries become visible in the order of the feed.
   */
  revocationsAfter(cursor: string | undefined, nowSeconds: number, limit: number): Promise<RevocationPage>;
  /**
   * Networked stores: calls `listener` soon after any process appended to the feed, and whenever something may have been
   * missed. A hint: it may come for nothing, and while the connection is away it does not come, so a listener also polls.
   * Returns the way to stop. Call `open` first.
   */
  watchRevocations?(listener: () => void): () => void;
  /**
   * Examines at most `limit` sessions after the id `from` and as many of the oldest feed entries, and removes those for
   * which `lapsed` is true and those that lapsed at `nowSeconds`.
   */
  purge(
    lapsed: (record: SessionRecord) => boolean,
    nowSeconds: number,
    from: string | undefined,
    limit: number,
  ): Promise<PurgeStep>;
  readDocument(key: string): Promise<StoredDocument | undefined>;
  /** Applies all changes or none. Resolves `false` when one expected version did not match. At most 16 changes. */
  writeDocuments(changes: readonly DocumentChange[]): Promise<boolean>;
  /** Documents whose key starts with `prefix`, in key order, after the key `after`. */
  listDocuments(prefix: string, after: string | undefined, limit: number): Promise<StoredDocument[]>;
  /**
   * Embedded stores only (the database belongs to this deployment alone): the secret that goes with the database,
   * base64url of 32 random bytes, made on first use and durable before it is returned; the same for every process that
   * opens the database. May hold several, comma-separated, newest first, after a rotation by hand. Call `open` first.
   * @throws PawlError `store_incompatible` when the secret is malformed, or missing although sessions are there.
   */
  embeddedSecret?(entropy: Entropy): Promise<string>;
  /** Networked stores: milliseconds since the Unix epoch by the clock of the database, which nodes agree on. */
  now?(): Promise<number>;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  /** Finishes what is in flight and closes. Idempotent. */
  close(): Promise<void>;
}
