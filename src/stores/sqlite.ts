// Sessions in one SQLite file through node:sqlite: durable, one process or several on one machine. Statements and the
// Store port over them; the file itself is sqlite-schema.ts, sharing of transactions group-commit.ts. Reads are immediate,
// writes of one turn of the event loop share one transaction. No rule of sessions lives here, and none in SQL.

import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
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
import { checkCommit, checkDocumentChanges, checkLimit, readSidArgument } from "./arguments.ts";
import { type FeedEntry, type FeedPosition, feedPage, readCursor, resumeFeed } from "./feed.ts";
import type { GroupCommit } from "./group-commit.ts";
import { createGroupCommit, isDamaged, isLocked, lockPauseMilliseconds, storeError } from "./group-commit.ts";
import { isSubject, sidBytes, sidText } from "./record-bounds.ts";
import { unpackRecord } from "./record-codec.ts";
import { packRecord } from "./record-packing.ts";
import { claimFile, configure, loadSqlite, migrate, rollBack } from "./sqlite-schema.ts";
import { readOrMakeSecret } from "./sqlite-secret.ts";
import type { CommitParameters, RevocationParameters, RevocationRow, Statements } from "./sqlite-statements.ts";
import { prepareStatements } from "./sqlite-statements.ts";
import { isLapsed, purgeStep, whilePrefix } from "./sweep.ts";
import { isPlainText } from "./text-codec.ts";

/** Options of {@link sqliteStore}. */
export interface SqliteOptions {
  /** Clock, randomness and timers. Default: those of the machine. */
  readonly platform?: Platform | undefined;
  /** How long a write waits for a lock of another process. Milliseconds, default 5,000, 0 to 60,000. */
  readonly busyTimeoutMilliseconds?: number | undefined;
}

const busyTimeoutDefault = 5_000;
const busyTimeoutMax = 60_000;
/** SQLite itself blocks the event loop for at most this long; the rest is waited for between turns. */
const lockedStepMilliseconds = 25;
/** SQLite result codes (the low byte). */

/** An open database. */
interface Connection {
  readonly database: DatabaseSync;
  readonly statements: Statements;
  readonly writes: GroupCommit;
  readonly inode: number;
}

/**
 * A store in one SQLite file. Parent folders are created (mode 0700), and the file (mode 0600).
 * @param file path of the file; relative to the folder of the process at this moment
 * @throws PawlError `invalid_option`. `open()` rejects with `store_incompatible` for a file that is not Pawl's, is damaged
 * or was made by a newer version, and with `store_unavailable` when it cannot be opened.
 */
export function sqliteStore(file: string, options: SqliteOptions = {}): Store {
  if (file === "" || file.startsWith(":") || file.startsWith("file:")) {
    throw new PawlError("invalid_option", "sqlite needs the path of a file (for memory use memoryStore)", {
      field: "store",
    });
  }
  const path = resolve(file);
  const platform = options.platform ?? nodePlatform;
  const busyTimeout = options.busyTimeoutMilliseconds ?? busyTimeoutDefault;
  if (!Number.isInteger(busyTimeout) || busyTimeout < 0 || busyTimeout > busyTimeoutMax) {
    throw new PawlError(
      "invalid_option",
      `busyTimeoutMilliseconds must be a whole number from 0 to ${busyTimeoutMax}`,
      {
        field: "busyTimeoutMilliseconds",
      },
    );
  }
  let connection: Connection | undefined;
  let opening: Promise<Connection> | undefined;
  let closing: Promise<void> | undefined;
  /** Runs `work` on the open database; everything the database throws becomes `store_unavailable`. */
  const use = async <Result>(work: (open: Connection) => Result | Promise<Result>): Promise<Result> => {
    if (connection === undefined || closing !== undefined) {
      throw new PawlError("store_unavailable", closing === undefined ? "the store is not open" : "the store is closed");
    }
    try {
      return await work(connection);
    } catch (error) {
      throw storeError(error);
    }
  };
  return {
    kind: "sqlite",
    open: async () => {
      if (closing !== undefined) throw new PawlError("store_unavailable", "the store is closed");
      opening ??= openConnection(path, busyTimeout, platform);
      try {
        connection = await opening;
      } finally {
        opening = connection && opening;
      }
    },
    read: (sid) => use(({ statements }) => read(statements, sid)),
    insert: (record) => use((open) => insert(open, record)),
    commit: (next, expectedVersion, revocation) => use((open) => commit(open, next, expectedVersion, revocation)),
    listBySubject: (subject, limit) => use(({ statements }) => listBySubject(statements, subject, checkLimit(limit))),
    listAll: (after, limit) => use(({ statements }) => listAll(statements, after, checkLimit(limit))),
    revocationsAfter: (cursor, nowSeconds, limit) =>
      use(({ statements }) => revocationsAfter(statements, readCursor(cursor), nowSeconds, checkLimit(limit))),
    purge: (lapsed, nowSeconds, from, limit) => use((open) => purge(open, lapsed, nowSeconds, from, checkLimit(limit))),
    readDocument: (key) => use(({ statements }) => readDocument(statements, key)),
    writeDocuments: (changes) => use((open) => writeDocuments(open, changes)),
    listDocuments: (prefix, after, limit) =>
      use(({ statements }) => listDocuments(statements, prefix, after, checkLimit(limit))),
    embeddedSecret: (entropy) =>
      use(({ statements }) =>
        readOrMakeSecret(path, {
          entropy,
          scheduler: platform.scheduler,
          hasSessions: () => statements.listAll.all(Buffer.alloc(0), 1).length > 0,
        }),
      ),
    ping: () => use((open) => ping(open, path)),
    close: () => {
      closing ??= closeConnection(opening);
      return closing;
    },
  };
}

async function openConnection(path: string, busyTimeout: number, platform: Platform): Promise<Connection> {
  claimFile(path);
  const attemptsMax = 1 + Math.floor(busyTimeout / lockPauseMilliseconds);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return connect(path, busyTimeout, platform);
    } catch (error) {
      // Where several processes start at once, turning the log on fails at once for all but one, whatever the timeout.
      if (!isLocked(error) || attempt === attemptsMax) throw openError(error, path);
      await platform.scheduler.wait(lockPauseMilliseconds);
    }
  }
}

function connect(path: string, busyTimeout: number, platform: Platform): Connection {
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${Math.min(busyTimeout, lockedStepMilliseconds)}`);
    migrate(database, path);
    configure(database, path);
    const statements = prepareStatements(database);
    const lockAttemptsMax = 1 + Math.floor(busyTimeout / (lockedStepMilliseconds + lockPauseMilliseconds));
    const writes = createGroupCommit(transactionsOf(database), platform.scheduler, lockAttemptsMax);
    return { database, statements, writes, inode: statSync(path).ino };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What went wrong while opening; a damaged file will not get better by trying again. */
function openError(error: unknown, path: string): PawlError {
  if (isDamaged(error)) {
    return new PawlError("store_incompatible", `the database file is damaged: ${path}`, { cause: error });
  }
  return storeError(error);
}

function transactionsOf(database: DatabaseSync): Parameters<typeof createGroupCommit>[0] {
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commitAll = database.prepare("COMMIT");
  return {
    begin: () => {
      try {
        begin.run();
        return true;
      } catch (error) {
        if (isLocked(error)) return false;
        throw error;
      }
    },
    commit: () => {
      commitAll.run();
    },
    rollback: () => rollBack(database),
  };
}

async function closeConnection(opening: Promise<Connection> | undefined): Promise<void> {
  const connection = await opening?.catch(() => undefined);
  if (connection === undefined) return;
  await connection.writes.drained();
  connection.database.close();
}

/** Asks the file, not only the connection: a database file that was deleted or replaced keeps nothing we write. */
function ping({ statements, inode }: Connection, path: string): void {
  statements.ping.get();
  if (statSync(path).ino !== inode) throw new Error("the database file was replaced");
}

function read(statements: Statements, sid: string): SessionRecord | undefined {
  const key = sidBytes(sid);
  if (key === undefined) return undefined;
  const row = statements.read.get(key);
  return row && unpackRecord({ ...row, sid, subject: row.sub });
}

function insert({ statements, writes }: Connection, record: SessionRecord): Promise<boolean> {
  const data = packRecord(record);
  const key = sidBytes(record.sid) as Buffer;
  const isEnded = record.ended === undefined ? 0 : 1;
  return writes.run(() => statements.insert.run(key, record.subject, record.version, isEnded, data).changes === 1);
}

function commit(
  { statements, writes }: Connection,
  next: SessionRecord,
  expectedVersion: number,
  revocation: Revocation | undefined,
): Promise<boolean> {
  checkCommit(next, expectedVersion, revocation);
  // Everything is read from the arguments now: what the caller does with them later changes nothing.
  const change = [next.version, packRecord(next), sidBytes(next.sid) as Buffer, expectedVersion] as const;
  const isEnded = next.ended !== undefined;
  const entry = revocation && revocationParameters(revocation);
  return writes.run(() => {
    const isWritten = isEnded ? statements.commitEnded.run(...change).changes === 1 : writeLive(statements, change);
    if (isWritten && entry !== undefined) statements.revoke.run(...entry);
    return isWritten;
  });
}

function revocationParameters({ sid, sub, notBefore, exp }: Revocation): RevocationParameters {
  return [sid === undefined ? null : (sidBytes(sid) as Buffer), sub ?? null, notBefore, exp];
}

/** Replaces the row of a live session. Only a record from before an ending, put back, takes the second statement. */
function writeLive(statements: Statements, change: Readonly<CommitParameters>): boolean {
  return statements.commit.run(...change).changes === 1 || statements.commitRevived.run(...change).changes === 1;
}

function listBySubject(statements: Statements, subject: string, limit: number): SessionRecord[] {
  // A text that no session can have must not be bound: a driver may cut or mend it into somebody else's.
  if (!isSubject(subject)) return [];
  return statements.listBySubject
    .all(subject, limit)
    .map((row) => unpackRecord({ ...row, sid: sidText(row.sid), subject }));
}

function listAll(statements: Statements, after: string | undefined, limit: number): SessionRecord[] {
  const start = readSidArgument(after) ?? Buffer.alloc(0);
  return statements.listAll
    .all(start, limit)
    .map((row) => unpackRecord({ ...row, sid: sidText(row.sid), subject: row.sub }));
}

function revocationsAfter(
  statements: Statements,
  position: FeedPosition | undefined,
  nowSeconds: number,
  limit: number,
): RevocationPage {
  // The end first: what another process appends after this line belongs to the next page.
  const newest = entryOf(statements.newestRevocation.get());
  const { after, restarted } = resumeFeed(position, position && entryOf(statements.revocation.get(position.sequence)));
  const rows = newest ? statements.revocationsAfter.all(after, newest.sequence, nowSeconds, limit) : [];
  const entries = rows.map((row) => entryOf(row) as FeedEntry);
  return feedPage(entries, newest, limit, restarted);
}

function entryOf(row: RevocationRow | undefined): FeedEntry | undefined {
  if (row === undefined) return undefined;
  const { seq, sid, sub, not_before: notBefore, exp } = row;
  const named = sid === null ? { sub: sub as string } : { sid: sidText(sid) };
  return { sequence: seq, revocation: { ...named, notBefore, exp } };
}

async function purge(
  { statements, writes }: Connection,
  lapsed: (record: SessionRecord) => boolean,
  nowSeconds: number,
  from: string | undefined,
  limit: number,
): Promise<PurgeStep> {
  const rows = statements.listAll.all(readSidArgument(from) ?? Buffer.alloc(0), limit);
  const gone = rows.filter((row) => isLapsed({ ...row, sid: sidText(row.sid), subject: row.sub }, lapsed));
  const removed = await writes.run(() => {
    // By version as well: a row that was used between the look and this transaction stays.
    const sessions = gone.map((row) => Number(statements.removeSession.run(row.sid, row.version).changes));
    const entriesRemoved = Number(statements.removeRevocations.run(limit, nowSeconds).changes);
    return { sessionsRemoved: sessions.reduce((sum, changes) => sum + changes, 0), entriesRemoved };
  });
  return purgeStep({ limit, from, examined: rows.length, last: rows.at(-1)?.sid, ...removed });
}

function readDocument(statements: Statements, key: string): StoredDocument | undefined {
  // What is no key must not be bound: a driver may cut or mend it into somebody else's.
  const row = isPlainText(key) ? statements.readDocument.get(key) : undefined;
  return row && { ...row };
}

async function writeDocuments(
  { statements, writes }: Connection,
  changes: readonly DocumentChange[],
): Promise<boolean> {
  checkDocumentChanges(changes);
  const wanted = changes.map((change) => ({ ...change }));
  return writes.run(() => {
    const matches = wanted.every(
      ({ key, expectedVersion }) => (statements.readDocument.get(key)?.version ?? 0) === expectedVersion,
    );
    if (!matches) return false;
    for (const { key, expectedVersion, value } of wanted) {
      if (value === null) statements.removeDocument.run(key);
      else statements.writeDocument.run(key, expectedVersion + 1, value);
    }
    return true;
  });
}

function listDocuments(
  statements: Statements,
  prefix: string,
  after: string | undefined,
  limit: number,
): StoredDocument[] {
  const found = statements.listDocuments.all(prefix, after ?? "", limit).map((row) => ({ ...row }));
  return whilePrefix(found, prefix);
}
