// The tables of the MySQL store: how they are recognised, created and migrated by any number of processes at once. Owns the
// tables, their versions and the words for a database that cannot be opened; never repeats what the database said, which
// may hold names and addresses.

import { PawlError } from "../core/errors.ts";
import type { BoundedCall } from "./bounded-calls.ts";
import { migrationMilliseconds } from "./bounded-calls.ts";
import type { Driver } from "./mysql-driver.ts";
import { errorCode } from "./mysql-driver.ts";
import { literal, textBytes } from "./mysql-statements.ts";
import type { Row } from "./rows.ts";

/** What the names of the tables begin with where nobody says. */
export const prefixDefault = "pawl_";
const prefixShape = /^[a-z][a-z0-9_]{0,31}$/;

/** Returns `prefix`. @throws PawlError `invalid_option` unless it is a plain name. */
export function checkPrefix(prefix: string): string {
  if (prefixShape.test(prefix)) return prefix;
  const accepted = "prefix must be 1 to 32 lower-case letters, digits and underscores, starting with a letter";
  throw new PawlError("invalid_option", accepted, { field: "prefix" });
}

/**
 * Step n leads from version n to version n+1. Append only: a step that was released is never edited. A change of a table
 * is no part of a transaction here, so a step must be one that can be begun again, or run by two processes at once.
 *
 * Texts are columns of bytes: no collation takes two of them for one, nor cuts or pads any. `sessions`: a refresh writes
 * `version` and `data`, which no index holds beside the row itself. The one secondary index finds the live sessions of a
 * subject. Lapsed rows are found by sweeping the primary key, so no expiry is indexed. `feed_head` and `document_turn` are
 * rows to lock, as in the store of Postgres.
 */
export const migrations: readonly ((prefix: string) => readonly string[])[] = [
  (prefix) => [
    `CREATE TABLE IF NOT EXISTS ${prefix}sessions (sid BINARY(16) NOT NULL PRIMARY KEY, sub VARBINARY(1020) NOT NULL,
      version BIGINT NOT NULL, ended TINYINT NOT NULL, data MEDIUMBLOB NOT NULL,
      INDEX ${prefix}sessions_by_subject (sub, ended, sid)) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
    `CREATE TABLE IF NOT EXISTS ${prefix}feed_head (id TINYINT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL) ENGINE=InnoDB`,
    `INSERT IGNORE INTO ${prefix}feed_head (id, seq) VALUES (1, 0)`,
    `CREATE TABLE IF NOT EXISTS ${prefix}revocations (seq BIGINT NOT NULL PRIMARY KEY, sid BINARY(16), sub VARBINARY(1020),
      nbf BIGINT NOT NULL, exp BIGINT NOT NULL) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
    `CREATE TABLE IF NOT EXISTS ${prefix}document_turn (id TINYINT NOT NULL PRIMARY KEY) ENGINE=InnoDB`,
    `INSERT IGNORE INTO ${prefix}document_turn (id) VALUES (1)`,
    `CREATE TABLE IF NOT EXISTS ${prefix}documents (name VARBINARY(2048) NOT NULL PRIMARY KEY, version BIGINT NOT NULL,
      value MEDIUMBLOB NOT NULL) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
  ],
];

/** What the schema is worked on with. */
export interface SchemaAccess {
  readonly driver: Driver;
  readonly call: BoundedCall;
}

/**
 * Brings the tables up to date; an empty database gets all of them.
 * @param canChange false: nothing is written
 * @throws PawlError `store_incompatible` for tables of a newer Pawl or of something else, or a database that would not keep
 * Pawl's promises; `store_unavailable` where there are no tables and none may be made; `invalid_option` for a pool that
 * sends one statement at a time.
 */
export async function migrate(
  access: SchemaAccess,
  prefix: string,
  canChange: boolean,
  steps: typeof migrations = migrations,
): Promise<void> {
  try {
    await bringUpToDate(access, prefix, canChange, steps);
  } catch (error) {
    throw openError(error);
  }
}

async function bringUpToDate(
  { driver, call }: SchemaAccess,
  prefix: string,
  canChange: boolean,
  steps: typeof migrations,
): Promise<void> {
  const ask = async (text: string): Promise<Row> =>
    (await call((deadline) => driver.query(text, deadline))).rows[0] ?? {};
  const script = (text: string) => call((deadline) => driver.script(text, deadline), migrationMilliseconds);
  checkPromises(await ask(promisesQuery));
  await checkScripts(script);
  const version = await readVersion(ask, prefix);
  if (version > steps.length) {
    throw new PawlError(
      "store_incompatible",
      `the tables ${prefix}… were made by a newer version of Pawl (${version}, this version knows up to ${steps.length})`,
    );
  }
  if (version === steps.length) return await mend({ driver, call }, prefix, canChange);
  if (!canChange) {
    const detail = `there are no up-to-date tables ${prefix}… in this database; \`pawl serve\` makes them`;
    throw new PawlError("store_unavailable", detail);
  }
  const statements = steps.slice(version).flatMap((step, index) => [
    ...step(prefix),
    // Last: whoever was stopped on the way begins again.
    `INSERT IGNORE INTO ${prefix}schema (version) VALUES (${version + index + 1})`,
  ]);
  const journal = `CREATE TABLE IF NOT EXISTS ${prefix}schema (version INT NOT NULL PRIMARY KEY) ENGINE=InnoDB`;
  await script([journal, ...statements].join(";\n"));
}

/**
 * The rows that are locked, and a number of the feed that is no smaller than any that was given: what a table that somebody put
 * back by itself may lack.
 */
async function mend({ driver, call }: SchemaAccess, prefix: string, canChange: boolean): Promise<void> {
  const query = (text: string) => call((deadline) => driver.query(text, deadline));
  const last = `(SELECT COALESCE(MAX(seq), 0) FROM ${prefix}revocations)`;
  const { rows } = await query(
    `SELECT 1 FROM ${prefix}feed_head AS head JOIN ${prefix}document_turn AS turn ON turn.id = head.id
      WHERE head.id = 1 AND head.seq >= ${last}`,
  );
  if (rows.length === 1) return;
  if (!canChange) {
    throw new PawlError("store_incompatible", `the tables ${prefix}… do not fit each other; \`pawl serve\` mends them`);
  }
  await query(`INSERT IGNORE INTO ${prefix}feed_head (id, seq) VALUES (1, 0)`);
  await query(`INSERT IGNORE INTO ${prefix}document_turn (id) VALUES (1)`);
  await query(`UPDATE ${prefix}feed_head SET seq = GREATEST(seq, ${last}) WHERE id = 1`);
}

const promisesQuery = `SELECT DATABASE() IS NULL AS nameless, @@autocommit AS autocommit,
  @@innodb_flush_log_at_trx_commit AS flush, @@log_bin = 1 AND @@binlog_format = 'STATEMENT' AS statements`;

/** What a database must do for an acknowledged write to be one. */
function checkPromises({ nameless, autocommit, flush, statements }: Row): void {
  const refuse = (detail: string): never => {
    throw new PawlError("store_incompatible", detail);
  };
  if (Number(nameless) === 1) refuse("the connection names no database: mysql://user:password@host:port/database");
  if (Number(autocommit) !== 1) refuse("autocommit is off for this connection: what was acknowledged would be undone");
  if (Number(flush) === 0) {
    refuse("innodb_flush_log_at_trx_commit is 0: a crash of the database would lose what was acknowledged");
  }
  if (Number(statements) === 1) refuse("binlog_format is STATEMENT; Pawl needs ROW or MIXED");
}

async function checkScripts(script: (text: string) => Promise<unknown>): Promise<void> {
  try {
    await script("SELECT 1 AS one; SELECT 2 AS two");
  } catch (error) {
    if (errorCode(error) !== "ER_PARSE_ERROR") throw error;
    const detail = "the pool of mysql2 must be created with multipleStatements: true";
    throw new PawlError("invalid_option", detail, { field: "store" });
  }
}

async function readVersion(ask: (text: string) => Promise<Row>, prefix: string): Promise<number> {
  const named = (table: string): string => literal(textBytes(prefix + table));
  const own = ["schema", "sessions", "feed_head", "revocations", "document_turn", "documents"].map(named).join(", ");
  const { journals, tables } = await ask(
    `SELECT COUNT(*) AS tables, COALESCE(SUM(CAST(table_name AS BINARY) = ${named("schema")}), 0) AS journals
      FROM information_schema.tables WHERE table_schema = DATABASE() AND CAST(table_name AS BINARY) IN (${own})`,
  );
  if (Number(journals) === 0) {
    if (Number(tables) === 0) return 0;
    const detail = `there are tables named ${prefix}… in this database that are not Pawl's; choose another prefix`;
    throw new PawlError("store_incompatible", detail);
  }
  return Number((await ask(`SELECT MAX(version) AS version FROM ${prefix}schema`)).version ?? 0);
}

const refusals: Readonly<Record<string, string>> = {
  ER_ACCESS_DENIED_ERROR: "the database refuses the user or the password",
  ER_BAD_DB_ERROR: "there is no database of this name; create it first",
  ER_CON_COUNT_ERROR: "the database takes no more connections",
  ECONNREFUSED: "nothing answers at the address of the database",
  ENOTFOUND: "the host of the database is not known",
  EAI_AGAIN: "the host of the database cannot be looked up",
};
const forbidden: ReadonlySet<unknown> = new Set(["ER_DBACCESS_DENIED_ERROR", "ER_TABLEACCESS_DENIED_ERROR"]);

/** What opening failed with, in words for whoever starts the program. */
function openError(cause: unknown): PawlError {
  if (cause instanceof PawlError) return cause;
  const code = String(errorCode(cause) ?? "no code");
  if (forbidden.has(code)) {
    const detail =
      "the user may not make or use Pawl's tables: grant CREATE, SELECT, INSERT, UPDATE, DELETE on the database";
    return new PawlError("store_incompatible", detail, { cause });
  }
  const why = refusals[code] ?? "the database cannot be opened";
  return new PawlError("store_unavailable", `${why} (${code})`, { cause, retryAfterSeconds: 1 });
}
