// Sessions in a Postgres database, through the application's own `pg` pool or postgres.js `sql`. Owns the Store port over
// the statements of postgres-statements.ts and the bounds on waiting; tables are postgres-schema.ts, libraries
// postgres-driver.ts. No rule of sessions lives here, and none in SQL. Every call takes one connection once and waits for
// nothing else, so a pool of any size finishes all of them.

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
import { type FeedEntry, feedPage, readCursor, resumeFeed } from "./feed.ts";
import { storeError } from "./group-commit.ts";
import type { Deadline, PgPool, PostgresJsSql, Row, Statement, Value } from "./postgres-driver.ts";
import { driverFor, errorCode } from "./postgres-driver.ts";
import { checkSchemaName, migrate, openError, schemaDefault } from "./postgres-schema.ts";
import type { Statements } from "./postgres-statements.ts";
import { createStatements } from "./postgres-statements.ts";
import { watch } from "./postgres-watch.ts";
import { isSubject, sidBytes, sidText } from "./record-bounds.ts";
import { packRecord, unpackRecord } from "./record-codec.ts";
import { isPlainText } from "./text-codec.ts";

export type { PgClient, PgPool, PostgresJsQuery, PostgresJsSql } from "./postgres-driver.ts";

/** Options of {@link postgresStore}. */
export interface PostgresOptions {
  /** The schema that holds the tables, made on first use. 1 to 48 of `a-z 0-9 _`. Default `pawl`. */
  readonly schema?: string;
  /**
   * Prepare each statement once per connection. Default true; false for a pooler that hands connections around between
   * transactions (PgBouncer in transaction mode). Then nothing listens either, and who follows the feed polls.
   */
  readonly prepare?: boolean;
  /** Tell other processes of a new entry of the feed (`NOTIFY`). Default true; false for databases that cannot. */
  readonly notify?: boolean;
  /** Make and migrate the tables in `open()`. Default true; false for a role that may not, where another one does. */
  readonly migrate?: boolean;
  /** The longest a call takes, the wait for a connection included. Milliseconds, default 5,000, 100 to 60,000. */
  readonly timeoutMilliseconds?: number;
  /** Clock, randomness and timers. Default: those of the machine. */
  readonly platform?: Platform;
}

const timeoutDefault = 5_000;
const timeoutMin = 100;
const timeoutMax = 60_000;
/** Making or changing tables may take longer than any call. */
const migrationMilliseconds = 65_000;
/** How often a statement is run that the database undid for the sake of another: nothing of it had happened. */
const attemptsMax = 5;
const undoneCodes: ReadonlySet<unknown> = new Set(["40001", "40P01"]);

/** What the parts of the store work with. */
interface Access {
  readonly statements: Statements;
  query(statement: Statement, ...values: Value[]): Promise<readonly Row[]>;
  script(text: string): Promise<readonly Row[]>;
}

/**
 * A store in a Postgres database (15 or newer).
 * @param library a `Pool` of the package `pg`, or `sql` of the package `postgres`; `close()` leaves it open
 * @throws PawlError `invalid_option`. `open()` rejects with `store_incompatible` for a schema that is not Pawl's or was made
 * by a newer version, and with `store_unavailable` when the database cannot be reached.
 * @example
 * const sessions = await createSessions({ store: postgresStore(new pg.Pool({ connectionString })), secret });
 */
export function postgresStore(library: PgPool | PostgresJsSql, options: PostgresOptions = {}): Store {
  const { prepare = true, notify = true, migrate: canMigrate = true, platform = nodePlatform } = options;
  const schema = checkSchemaName(options.schema ?? schemaDefault);
  const timeout = checkTimeout(options.timeoutMilliseconds ?? timeoutDefault);
  const driver = driverFor(library);
  if (driver === undefined) {
    const why = "postgresStore needs a Pool of the package pg, or sql of the package postgres";
    throw new PawlError("invalid_option", why, { field: "store" });
  }
  const channel = notify ? `${schema}_revocations` : undefined;
  const { scheduler } = platform;
  const pending = new Set<Promise<unknown>>();
  const watches = new Set<() => void>();
  let state: "new" | "open" | "closed" = "new";
  let opening: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  const bounded = <Result>(milliseconds: number, work: (deadline: Deadline) => Promise<Result>): Promise<Result> =>
    within(scheduler, milliseconds, (deadline) => repeatUndone(() => work(deadline), deadline));
  const access: Access = {
    statements: createStatements(schema, channel, prepare),
    query: (statement, ...values) => bounded(timeout, (deadline) => driver.query(statement, values, deadline)),
    script: (text) => bounded(timeout, (deadline) => driver.script(text, deadline)),
  };
  const open = async (): Promise<void> => {
    try {
      await migrate(
        {
          query: (text, values) => bounded(timeout, (deadline) => driver.query({ text }, values, deadline)),
          script: (text) => bounded(migrationMilliseconds, (deadline) => driver.script(text, deadline)),
        },
        schema,
        canMigrate,
      );
    } catch (error) {
      throw openError(error);
    }
  };
  const closed = (): PawlError =>
    new PawlError("store_unavailable", state === "new" ? "the store is not open" : "the store is closed");
  /** Runs `work` on the open database; everything the database throws becomes `store_unavailable`. */
  const use = async <Result>(work: (access: Access) => Promise<Result>): Promise<Result> => {
    if (state !== "open") throw closed();
    const call = work(access);
    pending.add(call);
    try {
      return await call;
    } catch (error) {
      throw storeError(error);
    } finally {
      pending.delete(call);
    }
  };
  return {
    kind: "postgres",
    open: async () => {
      if (state === "closed") throw closed();
      opening ??= open();
      try {
        await opening;
        if (state === "new") state = "open";
      } finally {
        if (state !== "open") opening = undefined;
      }
    },
    read: (sid) => use((open) => read(open, sid)),
    insert: (record) => use((open) => insert(open, record)),
    commit: (next, expectedVersion, revocation) => use((open) => commit(open, next, expectedVersion, revocation)),
    listBySubject: (subject, limit) => use((open) => listBySubject(open, subject, limit)),
    listAll: (after, limit) => use((open) => listAll(open, after, limit)),
    revocationsAfter: (cursor, nowSeconds, limit) => use((open) => revocationsAfter(open, cursor, nowSeconds, limit)),
    ...(prepare &&
      channel !== undefined && {
        watchRevocations: (listener: () => void) => {
          if (state !== "open") throw closed();
          const stop = watch((heard, lost) => driver.listen(channel, heard, lost), scheduler, listener);
          watches.add(stop);
          return () => {
            watches.delete(stop);
            stop();
          };
        },
      }),
    purge: (lapsed, nowSeconds, from, limit) => use((open) => purge(open, lapsed, nowSeconds, from, limit)),
    readDocument: (key) => use((open) => readDocument(open, key)),
    writeDocuments: (changes) => use((open) => writeDocuments(open, changes)),
    listDocuments: (prefix, after, limit) => use((open) => listDocuments(open, prefix, after, limit)),
    now: () => use(async ({ query, statements }) => Number((await query(statements.now))[0]?.now)),
    ping: () => use(async ({ query, statements }) => void (await query(statements.ping))),
    close: () => {
      const close = async (): Promise<void> => {
        for (const stop of watches) stop();
        await Promise.allSettled([opening, ...pending]);
      };
      state = "closed";
      closing ??= close();
      return closing;
    },
  };
}

function checkTimeout(milliseconds: number): number {
  if (Number.isInteger(milliseconds) && milliseconds >= timeoutMin && milliseconds <= timeoutMax) return milliseconds;
  const accepted = `timeoutMilliseconds must be a whole number from ${timeoutMin} to ${timeoutMax}`;
  throw new PawlError("invalid_option", accepted, { field: "timeoutMilliseconds" });
}

/** Waits for `work` no longer than this; what is late is given up, whatever becomes of it. */
function within<Result>(
  scheduler: Platform["scheduler"],
  milliseconds: number,
  work: (deadline: Deadline) => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const deadline: Deadline = { isOver: false, giveUp: () => {} };
    const stop = scheduler.every(milliseconds, () => {
      stop();
      deadline.isOver = true;
      reject(new Error(`the database did not answer within ${milliseconds} ms`));
      deadline.giveUp();
    });
    work(deadline).then(resolve, reject).finally(stop);
  });
}

async function repeatUndone<Result>(work: () => Promise<Result>, deadline: Deadline): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attemptsMax || deadline.isOver || !undoneCodes.has(errorCode(error))) throw error;
    }
  }
}

/** A row of `sessions` without the columns that the caller knows. */
function recordOf(row: Row, sid: string, subject: string): SessionRecord {
  return unpackRecord({ sid, subject, version: Number(row.version), data: row.data as Uint8Array });
}

async function read({ query, statements }: Access, sid: string): Promise<SessionRecord | undefined> {
  const key = sidBytes(sid);
  if (key === undefined) return undefined;
  const [row] = await query(statements.read, key);
  return row && recordOf(row, sid, row.sub as string);
}

async function insert({ query, statements }: Access, record: SessionRecord): Promise<boolean> {
  const data = packRecord(record);
  const { sid, subject, version, ended } = record;
  const rows = await query(statements.insert, sidBytes(sid) as Buffer, subject, version, ended !== undefined, data);
  return rows.length === 1;
}

async function commit(
  { query, statements }: Access,
  next: SessionRecord,
  expectedVersion: number,
  revocation: Revocation | undefined,
): Promise<boolean> {
  checkCommit(next, expectedVersion, revocation);
  const values: Value[] = [next.version, packRecord(next), sidBytes(next.sid) as Buffer, expectedVersion];
  if (revocation !== undefined) values.push(...revocationValues(revocation));
  const [live, ended, revived] =
    revocation === undefined
      ? [statements.commit, statements.commitEnded, statements.commitRevived]
      : [statements.commitRevoking, statements.commitEndedRevoking, statements.commitRevivedRevoking];
  if (next.ended !== undefined) return (await query(ended, ...values)).length === 1;
  // Only a record from before an ending, put back, takes the second statement; both compare the version themselves.
  return (await query(live, ...values)).length === 1 || (await query(revived, ...values)).length === 1;
}

function revocationValues({ sid, sub, notBefore, exp }: Revocation): Value[] {
  return [sid === undefined ? null : (sidBytes(sid) as Buffer), sub ?? null, notBefore, exp];
}

async function listBySubject({ query, statements }: Access, subject: string, limit: number): Promise<SessionRecord[]> {
  checkLimit(limit);
  // The database would refuse what no session can have, and a driver might mend it into somebody else's.
  if (!isSubject(subject)) return [];
  const rows = await query(statements.listBySubject, subject, limit);
  return rows.map((row) => recordOf(row, sidText(row.sid as Uint8Array), subject));
}

async function sessionsAfter({ query, statements }: Access, after: string | undefined, limit: number) {
  return await query(statements.listAll, readSidArgument(after) ?? Buffer.alloc(0), checkLimit(limit));
}

function listedRecord(row: Row): SessionRecord {
  return recordOf(row, sidText(row.sid as Uint8Array), row.sub as string);
}

async function listAll(access: Access, after: string | undefined, limit: number): Promise<SessionRecord[]> {
  return (await sessionsAfter(access, after, limit)).map(listedRecord);
}

async function revocationsAfter(
  access: Access,
  cursor: string | undefined,
  nowSeconds: number,
  limit: number,
): Promise<RevocationPage> {
  const position = readCursor(cursor);
  const rows = await access.query(
    access.statements.revocationsAfter,
    position?.sequence ?? 0,
    nowSeconds,
    checkLimit(limit),
  );
  const entries = (part: string): FeedEntry[] => rows.filter((row) => row.part === part).map(entryOf);
  const { restarted } = resumeFeed(position, entries("seen")[0]);
  if (restarted) return { ...(await revocationsAfter(access, undefined, nowSeconds, limit)), restarted };
  const page = entries("page").sort((one, other) => one.sequence - other.sequence);
  return feedPage(page, entries("newest")[0], limit, restarted);
}

function entryOf({ seq, sid, sub, nbf, exp }: Row): FeedEntry {
  const named = sid === null ? { sub: sub as string } : { sid: sidText(sid as Uint8Array) };
  return { sequence: Number(seq), revocation: { ...named, notBefore: Number(nbf), exp: Number(exp) } };
}

async function purge(
  access: Access,
  lapsed: (record: SessionRecord) => boolean,
  nowSeconds: number,
  from: string | undefined,
  limit: number,
): Promise<PurgeStep> {
  const rows = await sessionsAfter(access, from, limit);
  const gone = rows
    .filter((row) => isLapsed(row, lapsed))
    .map((row) => ({ sid: Buffer.from(row.sid as Uint8Array).toString("hex"), version: Number(row.version) }));
  const [removed = {}] = await access.query(access.statements.purge, JSON.stringify(gone), limit, nowSeconds);
  const [sessions, entries] = [Number(removed.sessions), Number(removed.entries)];
  const last = rows.at(-1);
  const more = rows.length === limit || entries === limit;
  return {
    removed: sessions + entries,
    next: more ? (last === undefined ? (from ?? firstSid) : sidText(last.sid as Uint8Array)) : undefined,
  };
}

/** A row that cannot be read is left for a person to look at; it must not stop the sweep. */
function isLapsed(row: Row, lapsed: (record: SessionRecord) => boolean): boolean {
  let record: SessionRecord;
  try {
    record = listedRecord(row);
  } catch {
    return false;
  }
  return lapsed(record);
}

function documentOf({ key, version, value }: Row): StoredDocument {
  return { key: key as string, version: Number(version), value: value as string };
}

async function readDocument({ query, statements }: Access, key: string): Promise<StoredDocument | undefined> {
  if (!isPlainText(key)) return undefined;
  const [row] = await query(statements.readDocument, key);
  return row && documentOf(row);
}

async function writeDocuments({ script, statements }: Access, changes: readonly DocumentChange[]): Promise<boolean> {
  checkDocumentChanges(changes);
  const wanted = changes.map(({ key, expectedVersion, value }) => ({ key, expected: expectedVersion, value }));
  const [row] = await script(statements.writeDocuments(wanted));
  return row?.matches === true;
}

async function listDocuments(
  { query, statements }: Access,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<StoredDocument[]> {
  checkLimit(limit);
  if (!isPlainText(prefix)) return [];
  if (after !== undefined && !isPlainText(after)) throw new PawlError("invalid_request", "the position is no key");
  // Keys with one prefix are neighbours, so the page ends where the prefix does.
  const found = (await query(statements.listDocuments, prefix, after ?? "", limit)).map(documentOf);
  const end = found.findIndex(({ key }) => !key.startsWith(prefix));
  return end === -1 ? found : found.slice(0, end);
}
