// Sessions in the memory of this process: for tests, development and single processes that may forget.
// Keeps packed bytes, not objects, so that nobody can change a stored record in place and what does not fit a database
// does not fit here either. Every call yields before it takes effect, as with a database: races are as visible here.

import { PawlError } from "../core/errors.ts";
import type {
  DocumentChange,
  Entropy,
  PurgeStep,
  Revocation,
  RevocationPage,
  Store,
  StoredDocument,
} from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import {
  checkCommit,
  checkDocumentChanges,
  checkLimit,
  embeddedSecretBytes,
  firstSid,
  readSidArgument,
} from "./arguments.ts";
import { type FeedEntry, type FeedPosition, feedPage, readCursor, resumeFeed } from "./feed.ts";
import { sidBytes } from "./record-bounds.ts";
import { unpackRecord } from "./record-codec.ts";
import type { PackedRecord } from "./record-layout.ts";
import { packRecord } from "./record-packing.ts";

/** The 16 bytes of an id, one character each: compares like the bytes, so key order is the order of creation. */
type Key = string;

interface State {
  readonly sessions: Map<Key, PackedRecord>;
  /** Sessions that nobody has ended. */
  readonly keysBySubject: Map<string, Set<Key>>;
  /** Every key of `sessions`, ascending. */
  keys: Key[];
  readonly documents: Map<string, StoredDocument>;
  revocations: FeedEntry[];
  lastSequence: number;
  closed: boolean;
}

/** A store in the memory of this process. Nothing survives the process; two processes share nothing. */
export function memoryStore(): Store {
  const state: State = {
    sessions: new Map(),
    keysBySubject: new Map(),
    keys: [],
    documents: new Map(),
    revocations: [],
    lastSequence: 0,
    closed: false,
  };
  let secret: string | undefined;
  /** Yields, then runs one step that nothing can interrupt. */
  const step = async <Result>(work: () => Result): Promise<Result> => {
    if (state.closed) throw new PawlError("store_unavailable", "the store is closed");
    await Promise.resolve();
    return work();
  };
  return {
    kind: "memory",
    open: () => step(() => {}),
    read: (sid) => step(() => read(state, sid)),
    insert: async (record) => {
      const packed = pack(record);
      const isEnded = record.ended !== undefined;
      return step(() => insert(state, packed, isEnded));
    },
    commit: async (next, expectedVersion, revocation) => {
      checkCommit(next, expectedVersion, revocation);
      const packed = pack(next);
      const isEnded = next.ended !== undefined;
      const entry = revocation && Object.freeze({ ...revocation });
      return step(() => commit(state, packed, isEnded, expectedVersion, entry));
    },
    listBySubject: (subject, limit) => step(() => listBySubject(state, subject, checkLimit(limit))),
    listAll: (after, limit) => step(() => listAll(state, after, checkLimit(limit))),
    revocationsAfter: (cursor, nowSeconds, limit) =>
      step(() => revocationsAfter(state, readCursor(cursor), nowSeconds, checkLimit(limit))),
    purge: (lapsed, nowSeconds, from, limit) => step(() => purge(state, lapsed, nowSeconds, from, checkLimit(limit))),
    readDocument: (key) => step(() => state.documents.get(key)),
    writeDocuments: async (changes) => {
      checkDocumentChanges(changes);
      return step(() => writeDocuments(state, changes));
    },
    listDocuments: (prefix, after, limit) => step(() => listDocuments(state, prefix, after, checkLimit(limit))),
    embeddedSecret: (entropy: Entropy) =>
      step(() => {
        secret ??= Buffer.from(entropy.bytes(embeddedSecretBytes)).toString("base64url");
        return secret;
      }),
    ping: () => step(() => {}),
    close: async () => {
      state.closed = true;
    },
  };
}

function pack(record: SessionRecord): PackedRecord {
  const { sid, subject, version } = record;
  return { sid, subject, version, data: packRecord(record) };
}

function keyOf(sid: string): Key | undefined {
  return sidBytes(sid)?.toString("latin1");
}

/** The number of keys that are at most `key`: where the keys after it start. */
function positionAfter(keys: readonly Key[], key: Key | undefined): number {
  if (key === undefined) return 0;
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as Key) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function load(state: State, key: Key): SessionRecord {
  return unpackRecord(state.sessions.get(key) as PackedRecord);
}

function read(state: State, sid: string): SessionRecord | undefined {
  const packed = state.sessions.get(keyOf(sid) ?? "");
  return packed && unpackRecord(packed);
}

function insert(state: State, packed: PackedRecord, isEnded: boolean): boolean {
  const key = keyOf(packed.sid) as Key;
  if (state.sessions.has(key)) return false;
  state.sessions.set(key, packed);
  state.keys.splice(positionAfter(state.keys, key), 0, key);
  enlist(state, packed.subject, key, isEnded);
  return true;
}

function commit(
  state: State,
  packed: PackedRecord,
  isEnded: boolean,
  expectedVersion: number,
  revocation: Revocation | undefined,
): boolean {
  const key = keyOf(packed.sid) as Key;
  const stored = state.sessions.get(key);
  if (stored?.version !== expectedVersion) return false;
  // The subject of a session never changes; a store keeps what it was.
  state.sessions.set(key, { ...packed, subject: stored.subject });
  enlist(state, stored.subject, key, isEnded);
  if (revocation !== undefined) {
    state.lastSequence += 1;
    state.revocations.push({ sequence: state.lastSequence, revocation });
  }
  return true;
}

/** Puts a session on the list of its subject, or takes it off. */
function enlist(state: State, subject: string, key: Key, isEnded: boolean): void {
  const ofSubject = state.keysBySubject.get(subject) ?? new Set();
  if (isEnded) ofSubject.delete(key);
  else ofSubject.add(key);
  if (ofSubject.size === 0) state.keysBySubject.delete(subject);
  else state.keysBySubject.set(subject, ofSubject);
}

function listBySubject(state: State, subject: string, limit: number): SessionRecord[] {
  const keys = [...(state.keysBySubject.get(subject) ?? [])].sort().reverse();
  return keys.slice(0, limit).map((key) => load(state, key));
}

function listAll(state: State, after: string | undefined, limit: number): SessionRecord[] {
  const start = positionAfter(state.keys, readSidArgument(after)?.toString("latin1"));
  return state.keys.slice(start, start + limit).map((key) => load(state, key));
}

function revocationsAfter(
  { revocations }: State,
  position: FeedPosition | undefined,
  nowSeconds: number,
  limit: number,
): RevocationPage {
  const seen = position && revocations.find((entry) => entry.sequence === position.sequence);
  const { after, restarted } = resumeFeed(position, seen);
  const found = revocations
    .filter((entry) => entry.sequence > after && entry.revocation.exp > nowSeconds)
    .slice(0, limit);
  return feedPage(found, revocations.at(-1), limit, restarted);
}

function purge(
  state: State,
  lapsed: (record: SessionRecord) => boolean,
  nowSeconds: number,
  from: string | undefined,
  limit: number,
): PurgeStep {
  const start = positionAfter(state.keys, readSidArgument(from)?.toString("latin1"));
  const examined = state.keys.slice(start, start + limit);
  const gone = new Set(examined.filter((key) => lapsed(load(state, key))));
  for (const key of gone) remove(state, key);
  if (gone.size > 0) state.keys.splice(start, examined.length, ...examined.filter((key) => !gone.has(key)));
  const entries = state.revocations.slice(0, limit);
  const kept = entries.filter((entry) => entry.revocation.exp > nowSeconds);
  const lapsedEntries = entries.length - kept.length;
  if (lapsedEntries > 0) state.revocations.splice(0, entries.length, ...kept);
  const more = examined.length === limit || lapsedEntries === limit;
  const last = examined.at(-1);
  return {
    removed: gone.size + lapsedEntries,
    next: more
      ? last === undefined
        ? (from ?? firstSid)
        : Buffer.from(last, "latin1").toString("base64url")
      : undefined,
  };
}

function remove(state: State, key: Key): void {
  const { subject } = state.sessions.get(key) as PackedRecord;
  state.sessions.delete(key);
  enlist(state, subject, key, true);
}

function writeDocuments(state: State, changes: readonly DocumentChange[]): boolean {
  const matches = changes.every((change) => (state.documents.get(change.key)?.version ?? 0) === change.expectedVersion);
  if (!matches) return false;
  for (const { key, expectedVersion, value } of changes) {
    if (value === null) state.documents.delete(key);
    else state.documents.set(key, Object.freeze({ key, version: expectedVersion + 1, value }));
  }
  return true;
}

function listDocuments(state: State, prefix: string, after: string | undefined, limit: number): StoredDocument[] {
  return [...state.documents.values()]
    .filter(
      (document) => document.key.startsWith(prefix) && (after === undefined || compareKeys(document.key, after) > 0),
    )
    .sort((a, b) => compareKeys(a.key, b.key))
    .slice(0, limit);
}

/** The order of UTF-8 bytes, which is that of the databases. */
function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
