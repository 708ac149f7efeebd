// Sessions in Redis 7 or Valkey through `ioredis` or `redis`: one server, behind Sentinel, or a Cluster. The Store port over
// the scripts of redis-scripts.ts; the bytes are redis-layout.ts, the two drivers redis-driver.ts, time limits and errors
// redis-calls.ts. Every write is one script, a compare-and-set. No rule of sessions lives here, and none in Lua.

import { PawlError } from "../core/errors.ts";
import type {
  DocumentChange,
  Platform,
  PurgeStep,
  Revocation,
  RevocationPage,
  Store,
  StoredDocument,
} from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { nodePlatform } from "../platform/node.ts";
import { checkCommit, checkDocumentChanges, checkLimit, firstSid, readSidArgument } from "./arguments.ts";
import { type FeedEntry, type FeedPosition, feedPage, readCursor, resumeFeed } from "./feed.ts";
import { isSubject, sidBytes } from "./record-bounds.ts";
import { createCalls } from "./redis-calls.ts";
import { driverOf, type IoredisClient, type NodeRedisClient, type RedisArgument } from "./redis-driver.ts";
import * as layout from "./redis-layout.ts";
import { type Base, documentPages, idPages, subjectPages } from "./redis-pages.ts";
import * as scripts from "./redis-scripts.ts";
import { isPlainText } from "./text-codec.ts";

export type { IoredisClient, NodeRedisClient } from "./redis-driver.ts";

/** Options of {@link redisStore}. */
export interface RedisOptions {
  /**
   * What the keys of the store start with, in braces. Default `pawl`; 1 to 64 characters of `A-Z a-z 0-9 . _ -`. Stores
   * with different prefixes share a database and nothing else.
   */
  readonly prefix?: string | undefined;
  /**
   * How long a call waits for Redis before it is `store_unavailable`. Milliseconds, default 2,000, 100 to 60,000. A write
   * that was given up may still happen.
   */
  readonly timeoutMilliseconds?: number | undefined;
  /** False: `open` refuses a database that holds no store yet (`store_unavailable`). Default true. */
  readonly canCreate?: boolean | undefined;
  /** Told once, by `open`, what looks unsafe about the database. Default: nobody. */
  readonly warn?: ((sentence: string) => void) | undefined;
  /** Clock, randomness and timers. Default: those of the machine. */
  readonly platform?: Platform | undefined;
}

const prefixDefault = "pawl";
const prefixShape = /^[A-Za-z0-9._-]{1,64}$/;
const timeoutDefault = 2_000;
const timeoutMin = 100;
const timeoutMax = 60_000;
/** Sessions that one script removes. */
const removalsMax = 500;

/**
 * A store in Redis or Valkey. The client stays yours: connect it before `open`, and close it after the store.
 * @param client of `ioredis` (`Redis` or `Cluster`) or of `redis` (`createClient`, `createSentinel`, `createCluster`)
 * @throws PawlError `invalid_option`. `open()` rejects with `store_incompatible` for a database that may drop keys when its
 * memory is full or that a newer version wrote, and with `store_unavailable` when it cannot be reached.
 * @example
 * const store = redisStore(new Redis("redis://localhost:6379"));
 */
export function redisStore(client: IoredisClient | NodeRedisClient, options: RedisOptions = {}): Store {
  const { prefix = prefixDefault, timeoutMilliseconds = timeoutDefault, platform = nodePlatform } = options;
  const isWhole = Number.isInteger(timeoutMilliseconds);
  if (!isWhole || timeoutMilliseconds < timeoutMin || timeoutMilliseconds > timeoutMax) {
    const bounds = `timeoutMilliseconds must be a whole number from ${timeoutMin} to ${timeoutMax}`;
    throw new PawlError("invalid_option", bounds, { field: "timeoutMilliseconds" });
  }
  if (!prefixShape.test(prefix)) {
    throw new PawlError("invalid_option", "prefix takes 1 to 64 characters of A-Z a-z 0-9 . _ -", { field: "prefix" });
  }
  const driver = driverOf(client);
  const calls = createCalls(driver, platform.scheduler, timeoutMilliseconds);
  const base: Base = { calls, keys: layout.keysOf(prefix), mark: () => platform.entropy.bytes(layout.markBytes) };
  const { keys } = base;
  const listeners = new Set<() => void>();
  let state: "new" | "open" | "closed" = "new";
  let closing: Promise<void> | undefined;
  /** What is under way; some of it takes several scripts, and closing lets it come to its end. */
  const running = new Set<Promise<unknown>>();
  const use = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (state !== "open") {
      throw new PawlError("store_unavailable", `the store is ${state === "new" ? "not open" : state}`);
    }
    const result = work();
    running.add(result);
    try {
      return await result;
    } finally {
      running.delete(result);
    }
  };
  return {
    kind: "redis",
    open: async () => {
      if (state === "closed") throw new PawlError("store_unavailable", "the store is closed");
      await open(base, options);
      if (state === "new") state = "open";
    },
    read: (sid) => use(() => read(base, sid)),
    insert: (record) => use(() => insert(base, record)),
    commit: (next, expectedVersion, revocation) => use(() => commit(base, next, expectedVersion, revocation)),
    listBySubject: (subject, limit) => use(() => listBySubject(base, subject, checkLimit(limit))),
    listAll: (after, limit) => use(() => listAll(base, after, checkLimit(limit))),
    revocationsAfter: (cursor, nowSeconds, limit) =>
      use(() => revocationsAfter(base, readCursor(cursor), nowSeconds, checkLimit(limit))),
    watchRevocations: (listener) => {
      if (state !== "open") return () => {};
      const stop = driver.listen(keys.channel, listener);
      listeners.add(stop);
      return () => {
        if (listeners.delete(stop)) stop();
      };
    },
    purge: (lapsed, nowSeconds, from, limit) => use(() => purge(base, lapsed, nowSeconds, from, checkLimit(limit))),
    readDocument: (key) => use(() => readDocument(base, key)),
    writeDocuments: (changes) => use(() => writeDocuments(base, changes)),
    listDocuments: (prefixOfKeys, after, limit) =>
      use(() => documentPages(base, prefixOfKeys, after, checkLimit(limit))),
    now: () => use(() => now(base)),
    ping: () => use(async () => void (await calls.run(scripts.pingScript, [keys.ids]))),
    close: () => {
      state = "closed";
      for (const stop of listeners) stop();
      listeners.clear();
      closing ??= Promise.allSettled(running).then(calls.close);
      return closing;
    },
  };
}

async function open({ calls, keys }: Base, { canCreate = true, warn }: RedisOptions): Promise<void> {
  const mark = canCreate ? layout.layoutFormat : "";
  const reply = (await calls.run(scripts.openScript, [keys.format], [mark])) as Buffer[];
  const [format, memory = "", persistence = ""] = reply.map(String);
  if (format === "") {
    throw new PawlError("store_unavailable", "there is no store in this database; `pawl serve` creates one");
  }
  if (format !== layout.layoutFormat) {
    throw new PawlError(
      "store_incompatible",
      "the store in Redis was written by a newer version, or is not one of ours",
    );
  }
  const policy = /^maxmemory_policy:([\w-]+)/m.exec(memory)?.[1];
  if (policy !== undefined && policy !== "noeviction") {
    const why = `Redis drops keys when its memory is full (maxmemory-policy ${policy}), which would sign people out; set maxmemory-policy to noeviction`;
    throw new PawlError("store_incompatible", why);
  }
  if (/^aof_enabled:0/m.test(persistence)) {
    warn?.(
      "Redis has no append-only file: a restart forgets sign-ins and revocations (appendonly yes, appendfsync always)",
    );
  }
}

/** 1 or 0 of a script; drivers can be told to give numbers as texts. */
function isDone(reply: unknown): boolean {
  return Number(reply) === 1;
}

async function read({ calls, keys }: Base, sid: string): Promise<SessionRecord | undefined> {
  if (sidBytes(sid) === undefined) return undefined;
  const [value] = (await calls.run(scripts.readScript, [keys.session(sid)])) as (Buffer | null)[];
  return value ? layout.unpackSession(sid, value) : undefined;
}

async function insert({ calls, keys, mark }: Base, record: SessionRecord): Promise<boolean> {
  const { sid, subject, ended } = record;
  const value = layout.packSession(record, mark());
  const listed: RedisArgument = ended === undefined ? (sidBytes(sid) as Buffer) : "";
  const input = [value, String(layout.timeToLive(record)), layout.idMember(sid, subject), listed];
  return isDone(await calls.run(scripts.insertScript, [keys.session(sid), keys.ids, keys.subject(subject)], input));
}

async function commit(
  base: Base,
  next: SessionRecord,
  expectedVersion: number,
  revocation: Revocation | undefined,
): Promise<boolean> {
  checkCommit(next, expectedVersion, revocation);
  const reply = await replace(base, next, expectedVersion, revocation);
  if (!Array.isArray(reply)) return isDone(reply);
  // The subject of a session never changes; a store keeps what it was.
  return isDone(await replace(base, { ...next, subject: String(reply[0]) }, expectedVersion, revocation));
}

function replace(
  { calls, keys, mark }: Base,
  next: SessionRecord,
  expectedVersion: number,
  revocation: Revocation | undefined,
): Promise<unknown> {
  const { sid, subject } = next;
  const input = [
    layout.versionText(expectedVersion),
    layout.packSession(next, mark()),
    String(layout.timeToLive(next)),
    sidBytes(sid) as Buffer,
    revocation === undefined ? "" : layout.packRevocation(revocation),
    String(layout.retentionMilliseconds),
    keys.channel,
  ];
  return calls.run(scripts.commitScript, [keys.session(sid), keys.subject(subject), keys.feed, keys.sequence], input);
}

/** A subject that no session can have would be mended by its encoding into somebody else's. */
async function listBySubject(base: Base, subject: string, limit: number): Promise<SessionRecord[]> {
  return isSubject(subject) ? await subjectPages(base, subject, limit) : [];
}

async function listAll(base: Base, after: string | undefined, limit: number): Promise<SessionRecord[]> {
  const found: SessionRecord[] = [];
  let position = readSidArgument(after);
  while (found.length < limit) {
    const page = await idPages(base, position, limit - found.length);
    // A session whose key went by itself stands in the index until it is purged.
    for (const { sid, value } of page.entries) if (value) found.push(layout.unpackSession(sid, value));
    position = page.next;
    if (position === undefined) break;
  }
  return found;
}

async function revocationsAfter(
  { calls, keys }: Base,
  position: FeedPosition | undefined,
  nowSeconds: number,
  limit: number,
): Promise<RevocationPage> {
  const readAfter = async (sequence: number): Promise<(FeedEntry | undefined)[]> => {
    const input = [String(sequence), String(nowSeconds), String(limit)];
    return ((await calls.run(scripts.feedScript, [keys.feed], input)) as Buffer[]).map(layout.unpackEntry);
  };
  let [seen, newest, ...entries] = await readAfter(position?.sequence ?? 0);
  const { restarted } = resumeFeed(position, seen);
  if (restarted) [seen, newest, ...entries] = await readAfter(0);
  return feedPage(entries as FeedEntry[], newest, limit, restarted);
}

async function purge(
  base: Base,
  lapsed: (record: SessionRecord) => boolean,
  nowSeconds: number,
  from: string | undefined,
  limit: number,
): Promise<PurgeStep> {
  const { calls, keys } = base;
  let position = readSidArgument(from);
  let last = from ?? firstSid;
  let [examined, sessions] = [0, 0];
  do {
    const page = await idPages(base, position, Math.min(limit - examined, removalsMax));
    const gone = page.entries.filter(({ sid, value }) => value === null || isLapsed(sid, value, lapsed));
    const changed = gone.flatMap(({ sid, subject }) => [keys.session(sid), keys.subject(subject)]);
    // By version as well: a session that was used between the look and this script stays.
    const input = gone.flatMap(({ sid, subject, value }) => [
      layout.idMember(sid, subject),
      value === null ? "" : layout.versionIn(value),
    ]);
    if (gone.length > 0) sessions += Number(await calls.run(scripts.removeScript, [keys.ids, ...changed], input));
    examined += page.entries.length;
    last = page.entries.at(-1)?.sid ?? last;
    position = page.next;
  } while (position !== undefined && examined < limit);
  const entries = Number(await calls.run(scripts.purgeFeedScript, [keys.feed], [String(limit), String(nowSeconds)]));
  return { removed: sessions + entries, next: examined === limit || entries === limit ? last : undefined };
}

/** A value that cannot be read is left for a person to look at; it must not stop the sweep. */
function isLapsed(sid: string, value: Buffer, lapsed: (record: SessionRecord) => boolean): boolean {
  let record: SessionRecord;
  try {
    record = layout.unpackSession(sid, value);
  } catch {
    return false;
  }
  return lapsed(record);
}

async function readDocument({ calls, keys }: Base, key: string): Promise<StoredDocument | undefined> {
  // What is no key would be mended by its encoding into somebody else's.
  if (!isPlainText(key)) return undefined;
  const [value] = (await calls.run(scripts.readScript, [keys.document(key)])) as (Buffer | null)[];
  return value ? layout.unpackDocument(key, value) : undefined;
}

async function writeDocuments({ calls, keys, mark }: Base, changes: readonly DocumentChange[]): Promise<boolean> {
  checkDocumentChanges(changes);
  const ours = mark();
  const input = changes.flatMap(({ key, expectedVersion, value }) => [
    layout.versionText(expectedVersion),
    key,
    value === null ? "" : layout.packDocument(expectedVersion + 1, value, ours),
  ]);
  const documents = changes.map(({ key }) => keys.document(key));
  return isDone(
    await calls.run(scripts.documentsScript, [keys.documents, ...documents], [Buffer.from(ours), ...input]),
  );
}

async function now({ calls, keys }: Base): Promise<number> {
  const [seconds, microseconds] = (await calls.run(scripts.timeScript, [keys.format])) as unknown[];
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
