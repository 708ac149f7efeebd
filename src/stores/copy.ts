// Makes one store hold what another one holds: sessions with their versions, entries of the feed that are alive, documents.
// Only through the port, so from any store to any other. Repeatable: a run copies what differs, so a first one does the bulk
// while servers still use the source, and a last one, when they have stopped, takes minutes no more.
// Owns what a target must not be. Knows no database and no rule of sessions.

import { PawlError } from "../core/errors.ts";
import type { DocumentChange, Revocation, Store, StoredDocument } from "../core/ports.ts";
import { type SessionRecord, sidBefore } from "../core/record.ts";
import { sidBytes } from "./record-bounds.ts";

/** Rows that one store call reads. */
const pageRows = 1000;
/** Rows that are written at once: a store shares a transaction, or a connection, among them. */
const writesAtOnce = 64;
const documentsAtOnce = 8;
/** The most entries of the feed that are carried over; more would not be alive at once. */
const revocationsMax = 1_000_000;

/** What a run did. */
export interface CopyCounts {
  /** Sessions of the source. */
  sessions: number;
  /** Of these, those that the target did not have. */
  added: number;
  /** Those of which the target had an earlier state. */
  updated: number;
  /** Sessions of the target that the source has no longer. */
  removed: number;
  /** Documents written or removed: accounts, signing keys, secrets in use. */
  documents: number;
  /** Entries of the revocation feed that were appended. */
  revocations: number;
}

/** What {@link copyStore} needs to know. */
export interface CopyOptions {
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
  /** True while a session can be used. */
  readonly isLive: (record: SessionRecord) => boolean;
  /** True for a document of the target that may go when the source has none under its key. */
  readonly mayReplace: (document: StoredDocument) => boolean;
  /** Told after each batch. */
  readonly onProgress?: ((counts: Readonly<CopyCounts>) => void) | undefined;
}

interface Pair<Item> {
  readonly source: Item | undefined;
  readonly target: Item | undefined;
}

/** One run of {@link copyStore}. */
interface Run extends CopyOptions {
  readonly source: Store;
  readonly target: Store;
  readonly counts: CopyCounts;
  /** Entries of the feed that are alive in the source and that the target lacks. */
  readonly missing: Map<string, Revocation>;
}

/**
 * Copies `source` to `target`; both are open. Nothing is changed in the source.
 * @throws PawlError `store_incompatible`, before anything is written, when the target holds live sessions that the source
 * does not know, or a later or another state of one, or documents that may not go: somebody uses it already, or it belongs
 * to another installation.
 */
export async function copyStore(source: Store, target: Store, options: CopyOptions): Promise<CopyCounts> {
  const counts: CopyCounts = { sessions: 0, added: 0, updated: 0, removed: 0, documents: 0, revocations: 0 };
  for await (const pair of sessionPairs(source, target)) {
    if (pair.target !== undefined) refuseStranger(pair, options);
  }
  for await (const { source: own, target: theirs } of documentPairs(source, target)) {
    if (own === undefined && theirs !== undefined && !options.mayReplace(theirs)) {
      throw inUse("it holds accounts or clients that the source does not have (--replace gives them up)");
    }
  }
  const missing = await missingRevocations(source, target, options.nowSeconds);
  const run: Run = { ...options, source, target, counts, missing };
  // The secrets in use and the signing keys first: what a crash leaves behind is an earlier state, not orphans.
  await inBatches(documentPairs(source, target), documentsAtOnce, (batch) => bringDocuments(run, batch));
  await inBatches(sessionPairs(source, target), writesAtOnce, async (batch) => {
    // All of them, also when one fails: who repeats the run must not meet writes of this one.
    const results = await Promise.allSettled(batch.map((pair) => bringSession(run, pair)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
    options.onProgress?.(counts);
  });
  return counts;
}

async function inBatches<Item>(
  items: AsyncIterable<Item>,
  size: number,
  work: (batch: readonly Item[]) => Promise<void>,
): Promise<void> {
  let batch: Item[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    await work(batch);
    batch = [];
  }
  await work(batch);
}

function inUse(why: string): PawlError {
  return new PawlError("store_incompatible", `the target is in use, or belongs to another installation: ${why}`);
}

function refuseStranger({ source, target }: Pair<SessionRecord>, { isLive }: CopyOptions): void {
  if (target === undefined) return;
  if (source === undefined) {
    if (isLive(target)) throw inUse("it holds live sessions that the source does not have");
    return;
  }
  const isSame = source.version === target.version && Buffer.compare(source.currentHash, target.currentHash) === 0;
  if (target.version < source.version || isSame) return;
  throw inUse("it holds a later or another state of a session");
}

function sessionPairs(source: Store, target: Store): AsyncGenerator<Pair<SessionRecord>> {
  const rows = (store: Store): AsyncGenerator<SessionRecord> =>
    everything((last?: SessionRecord) => store.listAll(last?.sid, pageRows));
  return merge(rows(source), rows(target), (a, b) => Buffer.compare(sidKey(a.sid), sidKey(b.sid)));
}

function documentPairs(source: Store, target: Store): AsyncGenerator<Pair<StoredDocument>> {
  const rows = (store: Store): AsyncGenerator<StoredDocument> =>
    everything((last?: StoredDocument) => store.listDocuments("", last?.key, pageRows));
  return merge(rows(source), rows(target), (a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}

/** All of a list that is read page by page. */
async function* everything<Item>(read: (last?: Item) => Promise<readonly Item[]>): AsyncGenerator<Item> {
  for (let page = await read(); ; page = await read(page.at(-1))) {
    yield* page;
    if (page.length < pageRows) return;
  }
}

/** The items of two lists in one order; equal ones as a pair. */
async function* merge<Item>(
  sources: AsyncGenerator<Item>,
  targets: AsyncGenerator<Item>,
  compare: (a: Item, b: Item) => number,
): AsyncGenerator<Pair<Item>> {
  const next = async (items: AsyncGenerator<Item>): Promise<Item | undefined> => (await items.next()).value;
  let [source, target] = [await next(sources), await next(targets)];
  while (source !== undefined || target !== undefined) {
    const order = source === undefined ? 1 : target === undefined ? -1 : compare(source, target);
    yield { source: order <= 0 ? source : undefined, target: order >= 0 ? target : undefined };
    if (order <= 0) source = await next(sources);
    if (order >= 0) target = await next(targets);
  }
}

function sidKey(sid: string): Buffer {
  return sidBytes(sid) as Buffer;
}

/**
 * What the target's feed lacks. Also of a session whose row is equal already: a run beside a server that is still in use
 * can see an ending after it has seen the feed.
 */
async function missingRevocations(source: Store, target: Store, nowSeconds: number): Promise<Map<string, Revocation>> {
  const missing = await revocationsAlive(source, nowSeconds);
  for (const [key, { exp }] of await revocationsAlive(target, nowSeconds)) {
    if ((missing.get(key)?.exp ?? 0) <= exp) missing.delete(key);
  }
  return missing;
}

async function revocationsAlive(store: Store, nowSeconds: number): Promise<Map<string, Revocation>> {
  const alive = new Map<string, Revocation>();
  let cursor: string | undefined;
  while (alive.size <= revocationsMax) {
    const page = await store.revocationsAfter(cursor, nowSeconds, pageRows);
    for (const entry of page.revocations) alive.set(entryKey(entry.sid, entry.sub), entry);
    if (page.revocations.length < pageRows) return alive;
    cursor = page.cursor;
  }
  throw new PawlError("store_incompatible", `the revocation feed holds more than ${revocationsMax} entries`);
}

function entryKey(sid: string | undefined, sub: string | undefined): string {
  return sid === undefined ? `sub ${sub}` : `sid ${sid}`;
}

/** Brings the target's session, and what the feed says of it, to the state of the source's. */
async function bringSession(run: Run, pair: Pair<SessionRecord>): Promise<void> {
  const { source, target: stale } = pair;
  refuseStranger(pair, run);
  if (source !== undefined) run.counts.sessions += 1;
  const entry = source && takeEntry(run.missing, source);
  if (source?.version === stale?.version && entry === undefined) return;
  if (stale !== undefined) await remove(run.target, stale);
  if (source !== undefined) await add(run, source, entry);
  run.counts[source === undefined ? "removed" : stale === undefined ? "added" : "updated"] += 1;
}

async function add({ target, counts }: Run, record: SessionRecord, entry: Revocation | undefined): Promise<void> {
  const appeared = "a session appeared while it was written";
  if (entry === undefined) {
    if (!(await target.insert(record))) throw inUse(appeared);
    return;
  }
  // An entry comes with a commit: the row stands one version back for a moment, which a crash leaves to the next run.
  const { version } = record;
  const before = { ...record, version: version - 1, ended: undefined };
  if (!(await target.insert(before)) || !(await target.commit(record, version - 1, entry))) throw inUse(appeared);
  counts.revocations += 1;
}

/** The entry that a session carries over: its own, or that of its subject, which needs to be told once. */
function takeEntry(missing: Map<string, Revocation>, record: SessionRecord): Revocation | undefined {
  // A row at version 1 was never committed: nothing has ended it, and it has no version to stand back by.
  if (record.version === 1) return undefined;
  for (const key of [entryKey(record.sid, undefined), entryKey(undefined, record.subject)]) {
    const entry = missing.get(key);
    if (entry !== undefined && missing.delete(key)) return entry;
  }
  return undefined;
}

/** Removes exactly this row at exactly this version: a sweep that looks at the one row behind the id before it. */
async function remove(store: Store, { sid, version }: SessionRecord): Promise<void> {
  await store.purge((row) => row.sid === sid && row.version === version, 0, sidBefore(sid), 1);
}

async function bringDocuments({ target, counts }: Run, batch: readonly Pair<StoredDocument>[]): Promise<void> {
  const changes = batch
    .filter((pair) => pair.source?.value !== pair.target?.value)
    .map(({ source, target: stale }): DocumentChange => {
      const key = (source ?? stale)?.key as string;
      return { key, expectedVersion: stale?.version ?? 0, value: source?.value ?? null };
    });
  if (changes.length === 0) return;
  if (!(await target.writeDocuments(changes))) throw inUse("its documents change while they are written");
  counts.documents += changes.length;
}
