// Every SQL statement of the MySQL store. Owns the SQL, which MariaDB and MySQL read alike; what the values mean is the
// business of mysql.ts, and no rule of sessions is written in SQL. All values are whole numbers or bytes, and stand in the
// text as digits and hexadecimal digits: nothing can be smuggled in them, and no setting of a connection (character set,
// escapes, prepared statements) changes what they mean. A change of several rows is one message with a transaction in it,
// which ends before its answer: none stays open while this process waits.

/** What a statement can carry; a text travels as the bytes of its UTF-8. */
export type Value = number | boolean | Uint8Array | null;

/** A value as it stands in a statement. */
export function literal(value: Value): string {
  if (value === null) return "NULL";
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value !== "number")
    return `X'${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}'`;
  if (!Number.isSafeInteger(value)) throw new RangeError("a statement carries whole numbers");
  return String(value);
}

/** The bytes of a text, as its column has them. */
export function textBytes(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

/** A change of a document as the statement reads it. */
export interface WantedDocument {
  readonly key: Buffer;
  readonly expected: number;
  readonly value: Buffer | null;
}

/** The columns of a session that a commit compares and sets. */
export interface CommitValues {
  readonly sid: Buffer;
  readonly expected: number;
  readonly version: number;
  readonly ended: boolean;
  readonly data: Uint8Array;
}

/** The statements of one store. */
export interface Statements {
  read(sid: Buffer): string;
  insert(sid: Buffer, subject: Buffer, version: number, ended: boolean, data: Uint8Array): string;
  /** Of a refresh, `ended` is what it was: no indexed column changes. */
  commit(values: CommitValues): string;
  /** A message; what matched is at {@link commitAt}. Id, subject, not before and expiry of the entry. */
  commitRevoking(values: CommitValues, entry: readonly Value[]): string;
  listBySubject(subject: Buffer, limit: number): string;
  listAll(after: Buffer, limit: number): string;
  /** A page of the feed, the entry a reader saw last and the newest entry, as one sight of the table. */
  revocationsAfter(after: number, nowSeconds: number, limit: number): string;
  /** Sessions by id and version, so that a row that was used meanwhile stays. */
  purgeSessions(rows: readonly { readonly sid: Buffer; readonly version: number }[]): string;
  /** Of the oldest entries those that lapsed. */
  purgeEntries(limit: number, nowSeconds: number): string;
  readDocument(key: Buffer): string;
  listDocuments(prefix: Buffer, after: Buffer, limit: number): string;
  /** A message; all or none, and the verdict is at {@link verdictAt}. */
  writeDocuments(changes: readonly WantedDocument[]): string;
  readonly now: string;
  readonly ping: string;
}

/** Where the outcome of the commit is among those of a message that also writes to the feed. */
export const commitAt = 2;
/** Where the verdict is among the outcomes of a message that writes documents. */
export const verdictAt = 4;

/** What comes after a lock must see what its last holder did, whatever the default of the connection is. */
const begin = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;\nSTART TRANSACTION;";

/** Whatever `completion_type` says: the next statement of this connection is a transaction of its own. */
const commitAlone = "COMMIT AND NO CHAIN NO RELEASE";

/** The parts of an answer about the feed, by the number that stands for each: a text would depend on a character set. */
export const feedParts = ["newest", "seen", "page"] as const;

/** True (1) on a server that takes no writes. Newer versions of MariaDB have words where others have numbers. */
export const refusesWrites: string = ["@@read_only", "@@innodb_read_only"]
  .map((setting) => `UPPER(CAST(${setting} AS CHAR)) NOT IN ('0', 'OFF')`)
  .join(" OR ");

/** The statements for tables whose names begin with `prefix`. */
export function createStatements(prefix: string): Statements {
  const at = (table: string): string => `${prefix}${table}`;
  const columns = "seq, sid, sub, nbf, exp";
  const commit = ({ sid, expected, version, ended, data }: CommitValues): string =>
    `UPDATE ${at("sessions")} SET version = ${literal(version)}, data = ${literal(data)}, ended = ${literal(ended)}
      WHERE sid = ${literal(sid)} AND version = ${literal(expected)}`;
  return {
    read: (sid) => `SELECT sub, version, data FROM ${at("sessions")} WHERE sid = ${literal(sid)}`,
    insert: (...values) =>
      `INSERT INTO ${at("sessions")} (sid, sub, version, ended, data) VALUES (${values.map(literal).join(", ")})`,
    commit,
    // The row of `feed_head` is locked from here until the commit, so who gets the next number becomes visible later. It is
    // locked after the session's row and nothing is locked after it, so nobody waits in a circle.
    commitRevoking: (values, entry) => `${begin}
      ${commit(values)};
      UPDATE ${at("feed_head")} SET seq = seq + 1 WHERE id = 1 AND ROW_COUNT() = 1;
      INSERT INTO ${at("revocations")} (${columns})
        SELECT seq, ${entry.map(literal).join(", ")} FROM ${at("feed_head")} WHERE id = 1 AND ROW_COUNT() = 1;
      ${commitAlone}`,
    listBySubject: (subject, limit) =>
      `SELECT sid, version, data FROM ${at("sessions")} WHERE sub = ${literal(subject)} AND ended = 0
        ORDER BY sid DESC LIMIT ${literal(limit)}`,
    listAll: (after, limit) =>
      `SELECT sid, sub, version, data FROM ${at("sessions")} WHERE sid > ${literal(after)} ORDER BY sid LIMIT ${literal(limit)}`,
    revocationsAfter: (after, nowSeconds, limit) =>
      `(SELECT ${feedParts.indexOf("newest")} AS part, ${columns} FROM ${at("revocations")} ORDER BY seq DESC LIMIT 1)
      UNION ALL (SELECT ${feedParts.indexOf("seen")}, ${columns} FROM ${at("revocations")} WHERE seq = ${literal(after)})
      UNION ALL (SELECT ${feedParts.indexOf("page")}, ${columns} FROM ${at("revocations")}
        WHERE seq > ${literal(after)} AND exp > ${literal(nowSeconds)} ORDER BY seq LIMIT ${literal(limit)})`,
    // The list of ids finds the rows; the pairs keep those of another version.
    purgeSessions: (rows) =>
      `DELETE FROM ${at("sessions")} WHERE sid IN (${rows.map(({ sid }) => literal(sid)).join(", ")})
        AND (sid, version) IN (${rows.map(({ sid, version }) => `(${literal(sid)}, ${literal(version)})`).join(", ")})`,
    purgeEntries: (limit, nowSeconds) =>
      `DELETE entry FROM ${at("revocations")} AS entry
        JOIN (SELECT seq FROM ${at("revocations")} ORDER BY seq LIMIT ${literal(limit)}) AS oldest ON entry.seq = oldest.seq
        WHERE entry.exp <= ${literal(nowSeconds)}`,
    readDocument: (key) => `SELECT name, version, value FROM ${at("documents")} WHERE name = ${literal(key)}`,
    listDocuments: (prefixed, after, limit) =>
      `SELECT name, version, value FROM ${at("documents")} WHERE name >= ${literal(prefixed)} AND name > ${literal(after)}
        ORDER BY name LIMIT ${literal(limit)}`,
    writeDocuments: (changes) => writeDocumentsScript(at("documents"), at("document_turn"), changes),
    // Of the universal time: no time zone is asked, and no hour comes twice.
    now: "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000 AS now",
    // Ready means that writes work: the rows are there to be locked, and the server is no standby.
    ping: `SELECT head.seq, (${refusesWrites}) AS refuses FROM ${at("feed_head")} AS head
      JOIN ${at("document_turn")} AS turn ON turn.id = head.id WHERE head.id = 1 LOCK IN SHARE MODE`,
  };
}

/**
 * Compare-and-set of several documents: waits for its turn, looks at what is there then, and changes all or none. The
 * verdict is in a variable of the connection, since what is compared changes on the way.
 */
function writeDocumentsScript(documents: string, turn: string, changes: readonly WantedDocument[]): string {
  const versionOf = (key: Buffer): string =>
    `(SELECT COALESCE(MAX(version), 0) FROM ${documents} WHERE name = ${literal(key)})`;
  const matches = changes.map(({ key, expected }) => `${versionOf(key)} = ${literal(expected)}`);
  const write = ({ key, expected, value }: WantedDocument): string =>
    value === null
      ? `DELETE FROM ${documents} WHERE name = ${literal(key)} AND @pawl_matches = 1`
      : `REPLACE INTO ${documents} (name, version, value)
        SELECT ${literal(key)}, ${literal(expected + 1)}, ${literal(value)} FROM ${turn} WHERE id = 1 AND @pawl_matches = 1`;
  const parts = [
    `SELECT id FROM ${turn} WHERE id = 1 FOR UPDATE`,
    `SET @pawl_matches = (${["1", ...matches].join(" AND ")})`,
    "SELECT @pawl_matches AS matches",
    ...changes.map(write),
    commitAlone,
  ];
  return `${begin}\n${parts.join(";\n")}`;
}
