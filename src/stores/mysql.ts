// Sessions in a MariaDB or MySQL database, through the application's own pool of `mysql2`. Owns the Store port over the
// statements of mysql-statements.ts; tables are mysql-schema.ts, the library mysql-driver.ts. No rule of sessions lives
// here, and none in SQL. Every call takes one connection once and waits for nothing else, so a pool of any size finishes
// all of them. The database has no way to tell of a change: who follows the feed polls.

import { PawlError } from "../core/errors.ts";
import type { DocumentChange, PurgeStep, Revocation, Store, StoredDocument } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { nodePlatform } from "../platform/node.ts";
import { checkCommit, checkDocumentChanges, checkLimit, readSidArgument } from "./arguments.ts";
import { checkTimeout, createBoundedCall } from "./bounded-calls.ts";
import type { DatabaseOptions } from "./database-options.ts";
import { createLifecycle } from "./lifecycle.ts";
import type { MysqlCallbackPool, MysqlPool } from "./mysql-driver.ts";
import { driverFor, errorCode, type Outcome, wasUndone } from "./mysql-driver.ts";
import { checkPrefix, migrate, prefixDefault } from "./mysql-schema.ts";
import { commitAt, createStatements, feedParts, type Statements, textBytes, verdictAt } from "./mysql-statements.ts";
import { isSubject, sidBytes } from "./record-bounds.ts";
import { unpackRecord } from "./record-codec.ts";
import { packRecord } from "./record-packing.ts";
import { documentOf, lapsedOf, packedOf, type Row, readFeed, revocationColumns } from "./rows.ts";
import { purgeStep, whilePrefix } from "./sweep.ts";
import { isPlainText } from "./text-codec.ts";

export type { MysqlCallbackPool, MysqlConnection, MysqlPool } from "./mysql-driver.ts";

/** Options of {@link mysqlStore}. */
export interface MysqlOptions extends DatabaseOptions {
  /** What the names of the tables begin with, made on first use. 1 to 32 of `a-z 0-9 _`. Default `pawl_`. */
  readonly prefix?: string | undefined;
}

/** What the parts of the store work with. */
interface Open {
  readonly statements: Statements;
  /** One statement. */
  run(text: string): Promise<Outcome>;
  /** Several statements in one message. */
  runAll(text: string): Promise<readonly Outcome[]>;
  /** The rows of one statement, their texts as texts. */
  select(text: string): Promise<Row[]>;
}

/**
 * A store in a MariaDB (10.6 or newer) or MySQL (8.0 or newer) database.
 * @param pool a pool of `mysql2` or `mysql2/promise`, made with `multipleStatements: true`; `close()` leaves it open. No
 * text of anybody's is ever part of a statement of Pawl, only digits and hexadecimal digits; the application's own
 * statements on this pool are its own business, so a pool of its own for Pawl is better.
 * @throws PawlError `invalid_option`. `open()` rejects with `store_incompatible` for tables that are not Pawl's or were made
 * by a newer version, and with `store_unavailable` when the database cannot be reached.
 * @example
 * const pool = mysql.createPool({ uri, multipleStatements: true });
 * const sessions = await createSessions({ store: mysqlStore(pool), secret });
 */
export function mysqlStore(pool: MysqlPool | MysqlCallbackPool, options: MysqlOptions = {}): Store {
  const { migrate: canMigrate = true, platform = nodePlatform } = options;
  const prefix = checkPrefix(options.prefix ?? prefixDefault);
  const call = createBoundedCall(platform.scheduler, checkTimeout(options.timeoutMilliseconds), wasUndone);
  const driver = driverFor(pool);
  if (driver === undefined) {
    throw new PawlError("invalid_option", "mysqlStore needs a pool of the package mysql2", { field: "store" });
  }
  const run = (text: string): Promise<Outcome> => call((deadline) => driver.query(text, deadline));
  const open: Open = {
    statements: createStatements(prefix),
    run,
    runAll: (text) => call((deadline) => driver.script(text, deadline)),
    select: async (text) => (await run(text)).rows.map(textsOf),
  };
  const { use, ...life } = createLifecycle({
    open: () => migrate({ driver, call }, prefix, canMigrate),
    close: () => {},
  });
  return {
    kind: "mysql",
    open: life.open,
    read: (sid) => use(() => read(open, sid)),
    insert: (record) => use(() => insert(open, record)),
    commit: (next, expectedVersion, revocation) => use(() => commit(open, next, expectedVersion, revocation)),
    listBySubject: (subject, limit) => use(() => listBySubject(open, subject, limit)),
    listAll: (after, limit) => use(() => listAll(open, after, limit)),
    revocationsAfter: (cursor, nowSeconds, limit) =>
      use(() => readFeed((after, most) => feedRows(open, after, nowSeconds, most), cursor, limit)),
    purge: (lapsed, nowSeconds, from, limit) => use(() => purge(open, lapsed, nowSeconds, from, limit)),
    readDocument: (key) => use(() => readDocument(open, key)),
    writeDocuments: (changes) => use(() => writeDocuments(open, changes)),
    listDocuments: (name, after, limit) => use(() => listDocuments(open, name, after, limit)),
    now: () => use(async () => Number((await open.run(open.statements.now)).rows[0]?.now)),
    ping: () => use(() => ping(open)),
    close: life.close,
  };
}

/** Columns of texts hold the bytes of their UTF-8. */
const textColumns = ["sub", "name", "value"];

function textsOf(row: Row): Row {
  const texts = textColumns
    .filter((column) => row[column] instanceof Uint8Array)
    .map((column) => [column, Buffer.from(row[column] as Uint8Array).toString("utf8")]);
  return { ...row, ...Object.fromEntries(texts) };
}

async function read({ select, statements }: Open, sid: string): Promise<SessionRecord | undefined> {
  const key = sidBytes(sid);
  if (key === undefined) return undefined;
  const [row] = await select(statements.read(key));
  return row && unpackRecord(packedOf(row, { sid }));
}

async function insert({ run, statements }: Open, record: SessionRecord): Promise<boolean> {
  const data = packRecord(record);
  const { sid, subject, version, ended } = record;
  try {
    await run(statements.insert(sidBytes(sid) as Buffer, textBytes(subject), version, ended !== undefined, data));
    return true;
  } catch (error) {
    if (errorCode(error) === "ER_DUP_ENTRY") return false;
    throw error;
  }
}

async function commit(
  { run, runAll, statements }: Open,
  next: SessionRecord,
  expectedVersion: number,
  revocation: Revocation | undefined,
): Promise<boolean> {
  checkCommit(next, expectedVersion, revocation);
  const values = {
    sid: sidBytes(next.sid) as Buffer,
    expected: expectedVersion,
    version: next.version,
    ended: next.ended !== undefined,
    data: packRecord(next),
  };
  if (revocation === undefined) return (await run(statements.commit(values))).matched === 1;
  const entry = revocationColumns(revocation).map((value) => (typeof value === "string" ? textBytes(value) : value));
  return (await runAll(statements.commitRevoking(values, entry)))[commitAt]?.matched === 1;
}

async function listBySubject({ select, statements }: Open, subject: string, limit: number): Promise<SessionRecord[]> {
  checkLimit(limit);
  if (!isSubject(subject)) return [];
  const rows = await select(statements.listBySubject(textBytes(subject), limit));
  return rows.map((row) => unpackRecord(packedOf(row, { subject })));
}

function sessionsAfter({ select, statements }: Open, after: string | undefined, limit: number): Promise<Row[]> {
  return select(statements.listAll(readSidArgument(after) ?? Buffer.alloc(0), checkLimit(limit)));
}

async function listAll(open: Open, after: string | undefined, limit: number): Promise<SessionRecord[]> {
  return (await sessionsAfter(open, after, limit)).map((row) => unpackRecord(packedOf(row)));
}

async function feedRows(
  { select, statements }: Open,
  after: number,
  nowSeconds: number,
  limit: number,
): Promise<Row[]> {
  const rows = await select(statements.revocationsAfter(after, nowSeconds, limit));
  return rows.map((row) => ({ ...row, part: feedParts[Number(row.part)] }));
}

async function purge(
  open: Open,
  lapsed: (record: SessionRecord) => boolean,
  nowSeconds: number,
  from: string | undefined,
  limit: number,
): Promise<PurgeStep> {
  const { run, statements } = open;
  const rows = await sessionsAfter(open, from, limit);
  const gone = lapsedOf(rows, lapsed);
  const sessionsRemoved = gone.length === 0 ? 0 : (await run(statements.purgeSessions(gone))).matched;
  const entriesRemoved = (await run(statements.purgeEntries(limit, nowSeconds))).matched;
  const last = rows.at(-1)?.sid as Uint8Array | undefined;
  return purgeStep({ limit, from, examined: rows.length, last, sessionsRemoved, entriesRemoved });
}

/** `key` is a word of SQL's own, so the column has another name. */
function documentIn({ name, version, value }: Row): StoredDocument {
  return documentOf({ key: name, version, value });
}

async function readDocument({ select, statements }: Open, key: string): Promise<StoredDocument | undefined> {
  if (!isPlainText(key)) return undefined;
  const [row] = await select(statements.readDocument(textBytes(key)));
  return row && documentIn(row);
}

async function writeDocuments({ runAll, statements }: Open, changes: readonly DocumentChange[]): Promise<boolean> {
  checkDocumentChanges(changes);
  const wanted = changes.map(({ key, expectedVersion, value }) => ({
    key: textBytes(key),
    expected: expectedVersion,
    value: value === null ? null : textBytes(value),
  }));
  return Number((await runAll(statements.writeDocuments(wanted)))[verdictAt]?.rows[0]?.matches) === 1;
}

async function listDocuments(
  { select, statements }: Open,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<StoredDocument[]> {
  checkLimit(limit);
  if (!isPlainText(prefix)) return [];
  if (after !== undefined && !isPlainText(after)) throw new PawlError("invalid_request", "the position is no key");
  const rows = await select(statements.listDocuments(textBytes(prefix), textBytes(after ?? ""), limit));
  return whilePrefix(rows.map(documentIn), prefix);
}

/** @throws PawlError `store_unavailable` for a standby, which answers everything but takes no writes. */
async function ping({ run, statements }: Open): Promise<void> {
  const [row] = (await run(statements.ping)).rows;
  if (Number(row?.refuses) === 0) return;
  throw new PawlError("store_unavailable", "the database takes no writes", { retryAfterSeconds: 1 });
}
