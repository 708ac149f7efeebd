// The Postgres store of the server and the command line: a pool of its own over whichever library is installed, `pg` first.
// Owns the pool, its bounds and its end; the store is stores/postgres.ts. The URL never leaves this file.

import { PawlError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import type { PgPool, PostgresJsSql } from "../stores/postgres.ts";
import { postgresStore } from "../stores/postgres.ts";
import { importPackage, type LoadPackage, withOwnPool } from "./own-pool.ts";
import type { PostgresUrl } from "./postgres-url.ts";
import { readPostgresUrl } from "./postgres-url.ts";

/** The longest a call takes, the wait for a connection included. */
const callMilliseconds = 5_000;
/** The database itself gives up a little earlier, so that its answer still arrives and the connection is kept. */
const statementMilliseconds = 4_000;

/** A pool and the way to end it. */
interface OwnPool {
  readonly library: PgPool | PostgresJsSql;
  end(): Promise<void>;
}

interface PgPackage {
  readonly Pool: new (options: object) => PgPool & { end(): Promise<void> };
}

type PostgresJsPackage = (url: string, options: object) => PostgresJsSql & { end(options: object): Promise<void> };

// Variables so that bundlers and type checkers of applications leave the optional packages alone.
const pgName: string = "pg";
const postgresJsName: string = "postgres";

/**
 * A store on a pool of its own, which ends with it.
 * @param canCreate false: a database without Pawl's tables is refused rather than given some
 * @throws PawlError `invalid_option` when no library is installed.
 */
export async function openPostgres(url: string, canCreate: boolean, load: LoadPackage = importPackage): Promise<Store> {
  const parsed = readPostgresUrl(url);
  const pool = await createPool(parsed, load);
  const store = postgresStore(pool.library, {
    ...(parsed.schema === undefined ? {} : { schema: parsed.schema }),
    prepare: parsed.prepare,
    notify: parsed.notify,
    migrate: canCreate,
    timeoutMilliseconds: callMilliseconds,
  });
  return withOwnPool(store, () => pool.end());
}

async function createPool(url: PostgresUrl, load: LoadPackage): Promise<OwnPool> {
  const pg = await load(pgName);
  if (pg !== undefined) return poolOfPg(pg.default as PgPackage, url);
  const postgresJs = await load(postgresJsName);
  if (postgresJs !== undefined) return poolOfPostgresJs(postgresJs.default as PostgresJsPackage, url);
  const detail = "a postgres: store needs a database library beside Pawl: npm install pg";
  throw new PawlError("invalid_option", detail, { field: "store" });
}

/** Settings that the database gets with the connection; a pooler would refuse the second. */
function settingsOf({ prepare }: PostgresUrl): object {
  return { application_name: "pawl", ...(prepare ? { statement_timeout: statementMilliseconds } : {}) };
}

function poolOfPg({ Pool }: PgPackage, url: PostgresUrl): OwnPool {
  const pool = new Pool({
    connectionString: url.connection,
    max: url.connections,
    connectionTimeoutMillis: callMilliseconds,
    keepAlive: true,
    ...settingsOf(url),
  });
  return { library: pool, end: () => pool.end() };
}

function poolOfPostgresJs(postgresJs: PostgresJsPackage, url: PostgresUrl): OwnPool {
  const sql = postgresJs(url.connection, {
    max: url.connections,
    connect_timeout: callMilliseconds / 1000,
    prepare: url.prepare,
    onnotice: () => {},
    // Pawl reads no arrays; and a connection that breaks while these types are fetched would end the process.
    fetch_types: false,
    connection: settingsOf(url),
  });
  // Without a bound it waits for connections that were lost.
  return { library: sql, end: () => sql.end({ timeout: callMilliseconds / 1000 }) };
}
