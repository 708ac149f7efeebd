// Every SQL statement of the Postgres store. Owns the SQL; what the values mean is the business of postgres.ts, and no rule
// of sessions is written in SQL. Names of columns are single lower-case words, which no setting of a driver rewrites.
// Each is one statement, hence one transaction that ends before its answer: none stays open while this process waits.

import { createHash } from "node:crypto";
import type { Statement } from "./postgres-driver.ts";

/** The statements of one store. */
export interface Statements {
  readonly read: Statement;
  readonly insert: Statement;
  /** Of a live session: touches no indexed column. Version, data, sid, expected version. */
  readonly commit: Statement;
  readonly commitEnded: Statement;
  readonly commitRevived: Statement;
  /** The same three with an entry of the feed: sid, sub, not before, expiry follow. */
  readonly commitRevoking: Statement;
  readonly commitEndedRevoking: Statement;
  readonly commitRevivedRevoking: Statement;
  readonly listBySubject: Statement;
  readonly listAll: Statement;
  /** A page of the feed, the entry a reader saw last and the newest entry, as one sight of the table. */
  readonly revocationsAfter: Statement;
  readonly purge: Statement;
  readonly readDocument: Statement;
  readonly listDocuments: Statement;
  readonly now: Statement;
  readonly ping: Statement;
  /** Several statements in one message; see {@link writeDocumentsScript}. */
  readonly writeDocuments: (changes: readonly WantedDocument[]) => string;
}

/** A change of a document as the statement reads it. */
export interface WantedDocument {
  readonly key: string;
  readonly expected: number;
  readonly value: string | null;
}

const nameCharacters = 16;

/**
 * The statements for a schema.
 * @param channel where to tell of a new entry of the feed; `undefined` = nowhere
 * @param prepare false: no statement gets a name, for poolers that hand connections around between transactions
 */
export function createStatements(schema: string, channel: string | undefined, prepare: boolean): Statements {
  const at = `"${schema}"`;
  const statement = (text: string): Statement => {
    if (!prepare) return { text };
    // Two stores may share a pool: equal names always mean equal texts.
    const digest = createHash("sha256").update(text).digest("hex").slice(0, nameCharacters);
    return { name: `pawl_${digest}`, text };
  };
  const update = (more: string, condition: string): string =>
    `UPDATE ${at}.sessions SET version = $1, data = $2${more} WHERE sid = $3 AND version = $4${condition} RETURNING version`;
  const live = update("", " AND NOT ended");
  const ended = update(", ended = true", "");
  const revived = update(", ended = false", " AND ended");
  const revoking = (text: string): Statement => statement(withRevocation(at, text, channel));
  return {
    read: statement(`SELECT sub, version, data FROM ${at}.sessions WHERE sid = $1`),
    insert: statement(
      `INSERT INTO ${at}.sessions (sid, sub, version, ended, data) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING version`,
    ),
    commit: statement(live),
    commitEnded: statement(ended),
    commitRevived: statement(revived),
    commitRevoking: revoking(live),
    commitEndedRevoking: revoking(ended),
    commitRevivedRevoking: revoking(revived),
    listBySubject: statement(
      `SELECT sid, version, data FROM ${at}.sessions WHERE sub = $1 AND NOT ended ORDER BY sid DESC LIMIT $2`,
    ),
    listAll: statement(`SELECT sid, sub, version, data FROM ${at}.sessions WHERE sid > $1 ORDER BY sid LIMIT $2`),
    revocationsAfter: statement(feedQuery(at)),
    purge: statement(purgeStatement(at)),
    readDocument: statement(`SELECT key, version, value FROM ${at}.documents WHERE key = $1`),
    listDocuments: statement(
      `SELECT key, version, value FROM ${at}.documents WHERE key >= $1 AND key > $2 ORDER BY key LIMIT $3`,
    ),
    now: statement("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now"),
    // A lock that nobody waits for, and that a standby or a read-only database refuses: ready means that writes work.
    ping: statement(`SELECT seq FROM ${at}.feed_head FOR KEY SHARE`),
    writeDocuments: (changes) => writeDocumentsScript(at, changes),
  };
}

/**
 * The row of `feed_head` is locked from here until the commit, so who gets the next number becomes visible later. It is
 * locked after the session's row and nothing is locked after it, so nobody waits in a circle.
 */
function withRevocation(at: string, update: string, channel: string | undefined): string {
  return `WITH written AS (${update}),
    head AS (UPDATE ${at}.feed_head SET seq = seq + 1 WHERE EXISTS (SELECT 1 FROM written) RETURNING seq),
    entry AS (INSERT INTO ${at}.revocations (seq, sid, sub, nbf, exp)
      SELECT seq, $5::bytea, $6::text, $7::bigint, $8::bigint FROM head RETURNING seq)
    SELECT seq${channel === undefined ? "" : `, pg_notify('${channel}', '')`} FROM entry`;
}

function feedQuery(at: string): string {
  const columns = "seq, sid, sub, nbf, exp";
  return `SELECT 'newest' AS part, ${columns} FROM (SELECT ${columns} FROM ${at}.revocations ORDER BY seq DESC LIMIT 1) AS newest
    UNION ALL SELECT 'seen' AS part, ${columns} FROM ${at}.revocations WHERE seq = $1::bigint
    UNION ALL SELECT 'page' AS part, ${columns} FROM (SELECT ${columns} FROM ${at}.revocations
      WHERE seq > $1::bigint AND exp > $2::bigint ORDER BY seq LIMIT $3::bigint) AS page`;
}

/**
 * Removes the sessions given as JSON by id and version, so that a row that was used meanwhile stays, and of the oldest
 * feed entries those that lapsed. What somebody else has locked is in use or being removed: it is passed over.
 */
function purgeStatement(at: string): string {
  return `WITH lapsed AS (SELECT s.sid FROM ${at}.sessions AS s
      JOIN json_to_recordset($1::text::json) AS seen(sid text, version bigint)
        ON s.sid = decode(seen.sid, 'hex') AND s.version = seen.version FOR UPDATE OF s SKIP LOCKED),
    sessions AS (DELETE FROM ${at}.sessions WHERE sid IN (SELECT sid FROM lapsed) RETURNING version),
    old AS (SELECT seq FROM ${at}.revocations
      WHERE seq <= (SELECT max(seq) FROM (SELECT seq FROM ${at}.revocations ORDER BY seq LIMIT $2::bigint) AS oldest)
        AND exp <= $3::bigint FOR UPDATE SKIP LOCKED),
    entries AS (DELETE FROM ${at}.revocations WHERE seq IN (SELECT seq FROM old) RETURNING seq)
    SELECT (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM entries) AS entries`;
}

/**
 * Compare-and-set of several documents. The first statement waits for its turn, the second looks at what is there then and
 * changes all or none: a single statement would look before it waits. Both go in one message, which is one transaction.
 * Such a message cannot carry parameters; the changes travel in hexadecimal digits, in which nothing can be smuggled.
 */
function writeDocumentsScript(at: string, changes: readonly WantedDocument[]): string {
  const digits = Buffer.from(JSON.stringify(changes)).toString("hex");
  return `SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SELECT id FROM ${at}.document_turn FOR UPDATE;
    WITH change AS (SELECT key, expected, value
        FROM json_to_recordset(convert_from(decode('${digits}', 'hex'), 'UTF8')::json) AS c(key text, expected bigint, value text)),
      verdict AS (SELECT count(*) = 0 AS matches FROM change LEFT JOIN ${at}.documents AS d ON d.key = change.key
        WHERE coalesce(d.version, 0) <> change.expected),
      gone AS (DELETE FROM ${at}.documents
        WHERE key IN (SELECT key FROM change WHERE value IS NULL) AND (SELECT matches FROM verdict)),
      written AS (INSERT INTO ${at}.documents (key, version, value)
        SELECT key, expected + 1, value FROM change WHERE value IS NOT NULL AND (SELECT matches FROM verdict)
        ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value)
    SELECT matches FROM verdict`;
}
