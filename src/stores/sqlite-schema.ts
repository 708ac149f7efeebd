// The SQLite file: how it is recognised, opened, created and migrated. Owns the schema and its versions.
// A file that is not Pawl's is refused by its first 100 bytes, before SQLite sees it, so that nothing is written into it
// or beside it.
//
// No SQLite version is refused. The WAL-reset defect (fixed in 3.51.3) needs two processes that checkpoint at the same
// instant; Node 22.13 ships 3.47 and is supported, and two processes on one file are the exception here.

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { PawlError } from "../core/errors.ts";

/** "Pawl" in ASCII: the application id in the header of the file. */
export const applicationId = 0x5061776c;

const headerBytes = 100;
const magic = "SQLite format 3\0";
const applicationIdAt = 68;
/** Reuse the write-ahead log file, but give disk space back above this. */
const journalBytesMax = 67_108_864;

/**
 * Step n leads from schema n to schema n+1. Append only: a step that was released is never edited.
 *
 * `sessions` is clustered by id; ids are time-ordered, so inserts append. The one index is on the subject of sessions that
 * nobody has ended: a refresh does not touch it, an ending takes its entry away. Lapsed rows are found by sweeping the primary key, so no expiry is indexed.
 */
export const migrations: readonly string[] = [
  `CREATE TABLE sessions (sid BLOB PRIMARY KEY, sub TEXT NOT NULL, version INTEGER NOT NULL, ended INTEGER NOT NULL,
     data BLOB NOT NULL) WITHOUT ROWID;
   CREATE INDEX sessions_by_subject ON sessions (sub) WHERE ended = 0;
   CREATE TABLE revocations (seq INTEGER PRIMARY KEY AUTOINCREMENT, sid BLOB, sub TEXT, not_before INTEGER NOT NULL,
     exp INTEGER NOT NULL);
   CREATE TABLE documents (key TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;`,
];

/** `node:sqlite`, loaded on first use: who does not use it pays nothing. */
export function loadSqlite(): typeof import("node:sqlite") {
  // Node 22 announces the module as experimental; it is what Pawl was tested with, so that one sentence is left out.
  // Loading is synchronous: no other warning can pass by while this stands in.
  const { emitWarning } = process;
  const filtered = (...details: unknown[]): void => {
    if (String(details[0]).startsWith("SQLite is an experimental feature")) return;
    Reflect.apply(emitWarning, process, details);
  };
  process.emitWarning = filtered as typeof process.emitWarning;
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Flushes a folder, so that a file made in it survives a power cut. Windows cannot and need not. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function notOurs(file: string): PawlError {
  return new PawlError("store_incompatible", `not a Pawl database: ${file}`);
}

/**
 * Makes the folders (mode 0700) and an empty file (mode 0600) where there is none, and refuses a file of somebody else.
 * @throws PawlError `store_incompatible` for a foreign file, `store_unavailable` when it cannot be read or made.
 */
export function claimFile(file: string): void {
  let header: Buffer;
  try {
    makeFolder(dirname(file));
    header = readHeader(file) ?? createEmpty(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new PawlError("store_unavailable", `the database file cannot be opened (${code}): ${file}`, { cause });
  }
  // An empty file becomes ours: SQLite itself makes nothing else of it.
  if (header.length > 0) checkHeader(file, header);
}

/** @throws PawlError `store_incompatible` for a file that does not begin as a database of Pawl does */
export function checkHeader(file: string, start: Buffer): void {
  const header = start.subarray(0, headerBytes);
  const isSqlite = header.length === headerBytes && header.toString("latin1", 0, magic.length) === magic;
  // The id is written in the transaction that creates the tables, before the log is turned on: it is never only in the log.
  if (!isSqlite || header.readUInt32BE(applicationIdAt) !== applicationId) throw notOurs(file);
}

/** One level at a time: on some file systems Node's recursive mkdir never comes back. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function readHeader(file: string): Buffer | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const header = Buffer.alloc(headerBytes);
    return header.subarray(0, readSync(descriptor, header, 0, headerBytes, 0));
  } finally {
    closeSync(descriptor);
  }
}

function createEmpty(file: string): Buffer {
  // Not exclusive: another process that starts at the same instant may be a moment ahead.
  closeSync(openSync(file, "a", 0o600));
  syncFolder(dirname(file));
  return Buffer.alloc(0);
}

function pragma(database: DatabaseSync, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

/**
 * Brings the schema up to date, in one transaction; a file without tables gets all of them.
 * @throws PawlError `store_incompatible` for a schema of a newer Pawl; nothing is written then.
 */
export function migrate(database: DatabaseSync, file: string, steps: readonly string[] = migrations): void {
  if (schemaOf(database, file, steps.length) === steps.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    // Read again under the lock: another process may have been faster.
    const schema = schemaOf(database, file, steps.length);
    if (schema === 0 && hasTables(database)) throw notOurs(file);
    for (const step of steps.slice(schema)) database.exec(step);
    database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec(`PRAGMA user_version = ${steps.length}`);
    database.exec("COMMIT");
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

/** Only to be asked under the lock: without it, another process may be filling the file. */
function hasTables(database: DatabaseSync): boolean {
  const found = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() as { tables: number };
  return found.tables > 0;
}

/** Undoes the transaction; where SQLite did so already (disk full, I/O error), there is nothing left to undo. */
export function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // No transaction is open any more.
  }
}

/** The schema number of the file, 0 for one without tables. */
function schemaOf(database: DatabaseSync, file: string, newest: number): number {
  const schema = Number(pragma(database, "user_version"));
  if (schema > newest) {
    throw new PawlError(
      "store_incompatible",
      `made by a newer version of Pawl (schema ${schema}, this version knows up to ${newest}): ${file}`,
    );
  }
  return schema;
}

/** Settings of a connection that Pawl's promises rest on; set explicitly, whatever the build's defaults are. */
export function configure(database: DatabaseSync, file: string): void {
  const mode = pragma(database, "journal_mode") === "wal" ? "wal" : pragma(database, "journal_mode = WAL");
  if (mode !== "wal") {
    throw new PawlError("store_incompatible", `the file system cannot hold a write-ahead log: ${file}`);
  }
  // FULL: a commit that was acknowledged survives a power cut (CONTRACT I6).
  database.exec("PRAGMA synchronous = FULL");
  database.exec(`PRAGMA journal_size_limit = ${journalBytesMax}`);
}
