// Sessions in a Postgres database, through the application's own `pg` pool or postgres.js `sql`. Owns the Store port over
// the statements of postgres-statements.ts and the bounds on waiting; tables are postgres-schema.ts, libraries
// postgres-driver.ts. No rule of sessions lives here, and none in SQL. Every call takes one connection once and waits for
// nothing else, so a pool of any size finishes all of them.

import { PawlError } from "../core/errors.ts";
import type { DocumentChange, PurgeStep, Revocation, RevocationPage, Store, StoredDocument } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { nodePlatform } from "../platform/node.ts";
import { checkCommit, checkDocumentChanges, checkLimit, readSidArgument } from "./arguments.ts";
import { checkTimeout } from "./bounded-calls.ts";
import type { DatabaseOptions } from "./database-options.ts";
import { createLifecycle } from "./lifecycle.ts";
import type { Access } from "./postgres-access.ts";
import { createAccess } from "./postgres-access.ts";
import type { PgPool, PostgresJsSql, Value } from "./postgres-driver.ts";
import { driverFor } from "./postgres-driver.ts";
import { checkSchemaName, migrate, schemaDefault } from "./postgres-schema.ts";
import type { Statements } from "./postgres-statements.ts";
import { createStatements } from "./postgres-statements.ts";
import type { Listen } from "./postgres-watch.ts";
import { watch } from "./postgres-watch.ts";
import { isSubject, sidBytes } from "./record-bounds.ts";
import { unpackRecord } from "./record-codec.ts";
import { packRecord } from "./record-packing.ts";
import { documentOf, lapsedOf, packedOf, readFeed, revocationColumns } from "./rows.ts";
import { purgeStep, whilePrefix } from "./sweep.ts";
import { isPlainText } from "./text-codec.ts";

export type { PgClient, PgPool, PostgresJsSql } from "./postgres-driver.ts";

/** Options of {@link postgresStore}. */
export interface PostgresOptions extends DatabaseOptions {
  /** The schema that holds the tables, made on first use. 1 to 48 of `a-z 0-9 _`. Default `pawl`. */
  readonly schema?: string | undefined;
  /**
   * Prepare each statement once per connection. Default true; false for a pooler that hands connections around between
   * transactions (PgBouncer in transaction mode). Then nothing listens either, and who follows the feed polls.
   */
  readonly prepare?: boolean | undefined;
  /** Tell other processes of a new entry of the feed (`NOTIFY`). Default true; false for databases that cannot. */
  readonly notify?: boolean | undefined;
}

/** What the parts of the store work with. */
interface Open extends Access {
  readonly statements: Statements;
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
  const timeout = checkTimeout(options.timeoutMilliseconds);
  const driver = driverFor(library);
  if (driver === undefined) {
    const why = "postgresStore needs a Pool of the package pg, or sql of the package postgres";
    throw new PawlError("invalid_option", why, { field: "store" });
  }
  const channel = notify ? `${schema}_revocations` : undefined;
  const open: Open = {
    ...createAccess(driver, platform.scheduler, timeout),
    statements: createStatements(schema, channel, prepare),
  };
  const watches = new Set<() => void>();
  const { use, ...life } = createLifecycle({
    open: () => migrate(open, schema, canMigrate),
    close: () => {
      for (const stop of watches) stop();
    },
  });
  const watchRevocations = (listener: () => void): (() => void) => {
    life.assertOpen();
    const listen: Listen = (heard, lost) => driver.listen(channel as string, heard, lost);
    const stop = watch(listen, platform.scheduler, listener);
    watches.add(stop);
    return () => {
      watches.delete(stop);
      stop();
    };
  };
  return {
    kind: "postgres",
    open: life.open,
    read: (sid) => use(() => read(open, sid)),
    insert: (record) => use(() => insert(open, record)),
    commit: (next, expectedVersion, revocation) => use(() => commit(open, next, expectedVersion, revocation)),
    listBySubject: (subject, limit) => use(() => listBySubject(open, subject, limit)),
    listAll: (after, limit) => use(() => listAll(open, after, limit)),
    revocationsAfter: (cursor, nowSeconds, limit) => use(() => revocationsAfter(open, cursor, nowSeconds, limit)),
    // A pooler would hand the connection that listens to somebody else.
    ...(prepare && channel !== undefined ? { watchRevocations } : {}),
    purge: (lapsed, nowSeconds, from, limit) => use(() => purge(open, lapsed, nowSeconds, from, limit)),
    readDocument: (key) => use(() => readDocument(open, key)),
    writeDocuments: (changes) => use(() => writeDocuments(open, changes)),
    listDocuments: (prefix, after, limit) => use(() => listDocuments(open, prefix, after, limit)),
    now: () => use(async () => Number((await open.query(open.statements.now))[0]?.now)),
    ping: () => use(async () => void (await open.query(open.statements.ping))),
    close: life.close,
  };
}

async function read({ query, statements }: Open, sid: string): Promise<SessionRecord | undefined> {
  const key = sidBytes(sid);
  if (key === undefined) return undefined;
  const [row] = await query(statements.read, key);
  return row && unpackRecord(packedOf(row, { sid }));
}

async function insert({ query, statements }: Open, record: SessionRecord): Promise<boolean> {
  const data = packRecord(record);
  const { sid, subject, version, ended } = record;
  const rows = await query(statements.insert, sidBytes(sid) as Buffer, subject, version, ended !== undefined, data);
  return rows.length === 1;
}

async function commit(
  { query, statements }: Open,
  next: SessionRecord,
  expectedVersion: number,
  revocation: Revocation | undefined,
): Promise<boolean> {
  checkCommit(next, expectedVersion, revocation);
  const values: Value[] = [next.version, packRecord(next), sidBytes(next.sid) as Buffer, expectedVersion];
  if (revocation !== undefined) values.push(...revocationColumns(revocation));
  const [live, ended, revived] =
    revocation === undefined
      ? [statements.commit, statements.commitEnded, statements.commitRevived]
      : [statements.commitRevoking, statements.commitEndedRevoking, statements.commitRevivedRevoking];
  if (next.ended !== undefined) return (await query(ended, ...values)).length === 1;
  // Only a record from before an ending, put back, takes the second statement; both compare the version themselves.
  return (await query(live, ...values)).length === 1 || (await query(revived, ...values)).length === 1;
}

async function listBySubject({ query, statements }: Open, subject: string, limit: number): Promise<SessionRecord[]> {
  checkLimit(limit);
  // The database would refuse what no session can have, and a driver might mend it into somebody else's.
  if (!isSubject(subject)) return [];
  const rows = await query(statements.listBySubject, subject, limit);
  return rows.map((row) => unpackRecord(packedOf(row, { subject })));
}

async function sessionsAfter({ query, statements }: Open, after: string | undefined, limit: number) {
  return await query(statements.listAll, readSidArgument(after) ?? Buffer.alloc(0), checkLimit(limit));
}

async function listAll(open: Open, after: string | undefined, limit: number): Promise<SessionRecord[]> {
  return (await sessionsAfter(open, after, limit)).map((row) => unpackRecord(packedOf(row)));
}

function revocationsAfter(
  { query, statements }: Open,
  cursor: string | undefined,
  nowSeconds: number,
  limit: number,
): Promise<RevocationPage> {
  return readFeed((after, most) => query(statements.revocationsAfter, after, nowSeconds, most), cursor, limit);
}

async function purge(
  open: Open,
  lapsed: (record: SessionRecord) => boolean,
  nowSeconds: number,
  from: string | undefined,
  limit: number,
): Promise<PurgeStep> {
  const rows = await sessionsAfter(open, from, limit);
  const gone = lapsedOf(rows, lapsed).map(({ sid, version }) => ({ sid: sid.toString("hex"), version }));
  const [removed = {}] = await open.query(open.statements.purge, JSON.stringify(gone), limit, nowSeconds);
  return purgeStep({
    limit,
    from,
    examined: rows.length,
    last: rows.at(-1)?.sid as Uint8Array | undefined,
    sessionsRemoved: Number(removed.sessions),
    entriesRemoved: Number(removed.entries),
  });
}

async function readDocument({ query, statements }: Open, key: string): Promise<StoredDocument | undefined> {
  if (!isPlainText(key)) return undefined;
  const [row] = await query(statements.readDocument, key);
  return row && documentOf(row);
}

async function writeDocuments({ script, statements }: Open, changes: readonly DocumentChange[]): Promise<boolean> {
  checkDocumentChanges(changes);
  const wanted = changes.map(({ key, expectedVersion, value }) => ({ key, expected: expectedVersion, value }));
  const [row] = await script(statements.writeDocuments(wanted));
  return row?.matches === true;
}

async function listDocuments(
  { query, statements }: Open,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<StoredDocument[]> {
  checkLimit(limit);
  if (!isPlainText(prefix)) return [];
  if (after !== undefined && !isPlainText(after)) throw new PawlError("invalid_request", "the position is no key");
  return whilePrefix((await query(statements.listDocuments, prefix, after ?? "", limit)).map(documentOf), prefix);
}
