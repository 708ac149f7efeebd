// The tables of the Postgres store: how a schema is recognised, created and migrated by any number of processes at once.
// Owns the tables, their versions and the words for a database that cannot be opened; never repeats what the database
// said, which may hold names and addresses.

import { crc32 } from "node:zlib";
import { PawlError } from "../core/errors.ts";
import type { Access } from "./postgres-access.ts";
import { errorCode } from "./postgres-driver.ts";

/** The schema of a store that names none. */
export const schemaDefault = "pawl";
/** Short enough that the names made of it stay below the 63 bytes at which Postgres cuts. */
const schemaShape = /^[a-z_][a-z0-9_]{0,47}$/;
/** Two processes at once fail for one of them at most once per version; this is for stranger things. */
const migrationAttemptsMax = 8;
/** "Pawl" in ASCII, so that the advisory lock is not that of another program on this database. */
const lockClass = 0x5061776c;

/** Returns `schema`. @throws PawlError `invalid_option` unless it is a plain name. */
export function checkSchemaName(schema: string): string {
  if (schemaShape.test(schema) && !schema.startsWith("pg_")) return schema;
  const accepted =
    "schema must be 1 to 48 lower-case letters, digits and underscores, not starting with a digit or pg_";
  throw new PawlError("invalid_option", accepted, { field: "schema" });
}

/**
 * Step n leads from version n to version n+1, given the quoted name of the schema. Append only: a step that was released
 * is never edited.
 *
 * `sessions`: a refresh writes `version` and `data`, which no index holds, and finds the room for it in its own page
 * (fillfactor), so Postgres makes it a heap-only tuple and no index grows. The one secondary index is on the subject of
 * sessions that nobody has ended. Lapsed rows are found by sweeping the primary key, so no expiry is indexed.
 * `feed_head` holds the last number of the feed; whoever appends locks its row until its commit, so that entries become
 * visible in the order of their numbers. `document_turn` is the row that writers of documents lock.
 */
export const migrations: readonly ((schema: string) => string)[] = [
  (schema) => `
    CREATE TABLE IF NOT EXISTS ${schema}.sessions (sid bytea PRIMARY KEY, sub text COLLATE "C" NOT NULL,
      version bigint NOT NULL, ended boolean NOT NULL, data bytea NOT NULL) WITH (fillfactor = 75);
    CREATE INDEX IF NOT EXISTS sessions_by_subject ON ${schema}.sessions (sub, sid) WHERE NOT ended;
    CREATE TABLE IF NOT EXISTS ${schema}.feed_head (id smallint PRIMARY KEY CHECK (id = 1), seq bigint NOT NULL);
    INSERT INTO ${schema}.feed_head (id, seq) VALUES (1, 0) ON CONFLICT DO NOTHING;
    CREATE TABLE IF NOT EXISTS ${schema}.revocations (seq bigint PRIMARY KEY, sid bytea, sub text COLLATE "C",
      nbf bigint NOT NULL, exp bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS ${schema}.document_turn (id smallint PRIMARY KEY CHECK (id = 1));
    INSERT INTO ${schema}.document_turn (id) VALUES (1) ON CONFLICT DO NOTHING;
    CREATE TABLE IF NOT EXISTS ${schema}.documents (key text COLLATE "C" PRIMARY KEY, version bigint NOT NULL,
      value text NOT NULL);`,
];

const stateQuery = `SELECT current_setting('server_encoding') AS encoding,
  current_setting('synchronous_commit') AS durability,
  (SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1::text) AS schemas,
  (SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p')) AS tables,
  (SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relname = 'pawl_schema') AS journals`;

interface SchemaState {
  /** 0 where there are no tables. */
  readonly version: number;
  readonly schemaExists: boolean;
}

/**
 * Brings the schema up to date; an empty one gets all tables. Whatever it does is one transaction under an advisory lock.
 * @param canChange false: nothing is written
 * @throws PawlError `store_incompatible` for a schema of a newer Pawl or of something else, or a database that would not
 * keep Pawl's promises; `store_unavailable` where there is no schema and none may be made.
 */
export async function migrate(
  access: Access,
  schema: string,
  canChange: boolean,
  steps: typeof migrations = migrations,
): Promise<void> {
  try {
    await bringUpToDate(access, schema, canChange, steps);
  } catch (error) {
    throw openError(error);
  }
}

async function bringUpToDate(
  access: Access,
  schema: string,
  canChange: boolean,
  steps: typeof migrations,
): Promise<void> {
  for (let attempt = 1; attempt <= migrationAttemptsMax; attempt += 1) {
    const state = await readState(access, schema);
    if (state.version > steps.length) {
      throw new PawlError(
        "store_incompatible",
        `schema ${schema} was made by a newer version of Pawl (${state.version}, this version knows up to ${steps.length})`,
      );
    }
    if (state.version === steps.length) return;
    if (!canChange) {
      const detail = `there is no up-to-date schema ${schema} in this database; \`pawl serve\` makes it`;
      throw new PawlError("store_unavailable", detail);
    }
    try {
      await access.migrate(migrationScript(schema, state, steps));
      return;
    } catch (error) {
      // Another process was faster: it wrote the same line of the journal, and this script was undone as a whole.
      if (errorCode(error) !== "23505") throw error;
    }
  }
  throw new Error("other processes keep changing the schema");
}

async function readState(access: Access, schema: string): Promise<SchemaState> {
  const [row = {}] = await access.query({ text: stateQuery }, schema);
  if (row.encoding !== "UTF8") {
    throw new PawlError("store_incompatible", "the database must have the encoding UTF8, or texts would not come back");
  }
  if (row.durability === "off") {
    throw new PawlError(
      "store_incompatible",
      "synchronous_commit is off for this role or database: a crash would lose what was acknowledged",
    );
  }
  const schemaExists = Number(row.schemas) > 0;
  if (Number(row.journals) === 0) {
    if (Number(row.tables) === 0) return { version: 0, schemaExists };
    throw new PawlError("store_incompatible", `schema ${schema} holds tables that are not Pawl's; choose another name`);
  }
  const [newest] = await access.query({ text: `SELECT max(version) AS version FROM "${schema}".pawl_schema` });
  return { version: Number(newest?.version ?? 0), schemaExists };
}

function migrationScript(schema: string, state: SchemaState, steps: typeof migrations): string {
  const quoted = `"${schema}"`;
  const missing = steps.slice(state.version);
  const versions = missing.map((_step, index) => `(${state.version + index + 1})`);
  return [
    // What comes after the lock must see what its last holder did, whatever this database's default is.
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET LOCAL client_min_messages = warning",
    "SET LOCAL statement_timeout = 60000",
    `SELECT pg_advisory_xact_lock(${lockClass}, ${crc32(schema) | 0})`,
    // Asked for only where needed: it takes a privilege that a role may well lack where the schema is there.
    ...(state.schemaExists ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quoted}`]),
    `CREATE TABLE IF NOT EXISTS ${quoted}.pawl_schema (version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())`,
    `INSERT INTO ${quoted}.pawl_schema (version) VALUES ${versions.join(", ")}`,
    ...missing.map((step) => step(quoted).trim().replace(/;$/, "")),
  ].join(";\n");
}

const refusals: Readonly<Record<string, string>> = {
  "28P01": "the database refuses the user or the password",
  "28000": "the database refuses the user, or a connection without TLS",
  "08P01": "the connection is refused; behind a pooler that shares connections, give prepare=false",
  "3D000": "there is no database of this name; create it first",
  "53300": "the database takes no more connections",
  ECONNREFUSED: "nothing answers at the address of the database",
  ENOTFOUND: "the host of the database is not known",
  EAI_AGAIN: "the host of the database cannot be looked up",
};

/** The words of an error that can hold neither an address nor a secret. */
function plainWords(error: unknown): string | undefined {
  const { message } = error as Partial<Error>;
  return typeof message === "string" && /^[A-Za-z ,.']{1,100}$/.test(message) ? message : undefined;
}

/** What opening failed with, in words for whoever starts the program. */
function openError(cause: unknown): PawlError {
  if (cause instanceof PawlError) return cause;
  // Without a code it is the driver that speaks: no answer in time, no TLS there, something that is no Postgres.
  const code = String(errorCode(cause) ?? plainWords(cause) ?? "no code");
  if (code === "42501") {
    const detail =
      "the role may not create the schema or use its tables: grant CREATE on the database, or make the schema";
    return new PawlError("store_incompatible", detail, { cause });
  }
  const why = refusals[code] ?? "the database cannot be opened";
  return new PawlError("store_unavailable", `${why} (${code})`, { cause, retryAfterSeconds: 1 });
}
