// Every SQL statement of the SQLite store, prepared once per connection, with the shape of its rows. Owns the SQL; what
// the values mean is the business of sqlite.ts, and no rule of sessions is written in SQL.

import type { DatabaseSync, SQLInputValue } from "node:sqlite";

/** A prepared statement that returns rows of one shape. */
export interface Query<Row, Parameters extends SQLInputValue[]> {
  get(...parameters: Parameters): Row | undefined;
  all(...parameters: Parameters): Row[];
}

/** A prepared statement that changes rows. */
export interface Change<Parameters extends SQLInputValue[]> {
  run(...parameters: Parameters): { changes: number | bigint };
}

/** A stored session. */
export interface SessionRow {
  readonly sid: Uint8Array;
  readonly sub: string;
  readonly version: number;
  readonly data: Uint8Array;
}

/** An entry of the revocation feed. */
export interface RevocationRow {
  readonly seq: number;
  readonly sid: Uint8Array | null;
  readonly sub: string | null;
  readonly not_before: number;
  readonly exp: number;
}

/** A document. */
export interface DocumentRow {
  readonly key: string;
  readonly version: number;
  readonly value: string;
}

/** What replaces a session. */
export type CommitParameters = [version: number, data: Uint8Array, sid: Uint8Array, expectedVersion: number];

/** A new entry of the feed. */
export type RevocationParameters = [sid: Uint8Array | null, sub: string | null, notBefore: number, exp: number];

/** The statements of one connection. */
export interface Statements {
  readonly read: Query<Omit<SessionRow, "sid">, [sid: Uint8Array]>;
  readonly insert: Change<[sid: Uint8Array, sub: string, version: number, ended: 0 | 1, data: Uint8Array]>;
  /** Of a live session: touches no index. */
  readonly commit: Change<CommitParameters>;
  readonly commitEnded: Change<CommitParameters>;
  readonly commitRevived: Change<CommitParameters>;
  readonly listBySubject: Query<Omit<SessionRow, "sub">, [sub: string, limit: number]>;
  readonly listAll: Query<SessionRow, [after: Uint8Array, limit: number]>;
  readonly removeSession: Change<[sid: Uint8Array, version: number]>;
  readonly revoke: Change<RevocationParameters>;
  readonly revocation: Query<RevocationRow, [seq: number]>;
  readonly newestRevocation: Query<RevocationRow, []>;
  readonly revocationsAfter: Query<RevocationRow, [after: number, end: number, nowSeconds: number, limit: number]>;
  readonly removeRevocations: Change<[limit: number, nowSeconds: number]>;
  readonly readDocument: Query<DocumentRow, [key: string]>;
  readonly writeDocument: Change<[key: string, version: number, value: string]>;
  readonly removeDocument: Change<[key: string]>;
  readonly listDocuments: Query<DocumentRow, [prefix: string, after: string, limit: number]>;
  readonly ping: Query<unknown, []>;
}

/** Prepares all of them; the schema must be up to date. */
export function prepareStatements(database: DatabaseSync): Statements {
  const query = <Row, Parameters extends SQLInputValue[]>(sql: string): Query<Row, Parameters> =>
    database.prepare(sql) as unknown as Query<Row, Parameters>;
  const change = <Parameters extends SQLInputValue[]>(sql: string): Change<Parameters> => database.prepare(sql);
  return {
    read: query("SELECT sub, version, data FROM sessions WHERE sid = ?"),
    insert: change(
      "INSERT INTO sessions (sid, sub, version, ended, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    commit: change("UPDATE sessions SET version = ?, data = ? WHERE sid = ? AND version = ? AND ended = 0"),
    commitEnded: change("UPDATE sessions SET version = ?, data = ?, ended = 1 WHERE sid = ? AND version = ?"),
    commitRevived: change("UPDATE sessions SET version = ?, data = ?, ended = 0 WHERE sid = ? AND version = ?"),
    listBySubject: query(
      "SELECT sid, version, data FROM sessions WHERE sub = ? AND ended = 0 ORDER BY sid DESC LIMIT ?",
    ),
    listAll: query("SELECT sid, sub, version, data FROM sessions WHERE sid > ? ORDER BY sid LIMIT ?"),
    removeSession: change("DELETE FROM sessions WHERE sid = ? AND version = ?"),
    revoke: change("INSERT INTO revocations (sid, sub, not_before, exp) VALUES (?, ?, ?, ?)"),
    revocation: query("SELECT seq, sid, sub, not_before, exp FROM revocations WHERE seq = ?"),
    newestRevocation: query("SELECT seq, sid, sub, not_before, exp FROM revocations ORDER BY seq DESC LIMIT 1"),
    revocationsAfter: query(
      "SELECT seq, sid, sub, not_before, exp FROM revocations WHERE seq > ? AND seq <= ? AND exp > ? ORDER BY seq LIMIT ?",
    ),
    // Looks at the oldest entries only. Their lifetimes are alike, so what lapses later also came later.
    removeRevocations: change(
      "DELETE FROM revocations WHERE seq IN (SELECT seq FROM revocations ORDER BY seq LIMIT ?) AND exp <= ?",
    ),
    readDocument: query("SELECT key, version, value FROM documents WHERE key = ?"),
    writeDocument: change(
      "INSERT INTO documents (key, version, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version, value = excluded.value",
    ),
    removeDocument: change("DELETE FROM documents WHERE key = ?"),
    listDocuments: query("SELECT key, version, value FROM documents WHERE key >= ? AND key > ? ORDER BY key LIMIT ?"),
    ping: query("SELECT version FROM documents LIMIT 1"),
  };
}
