// Postgres stores of tests: a fresh schema each on one server, through either library, with a way to look at what the
// database holds. Pools are shared by all stores of a test file and ended when it is done.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import postgres from "postgres";
import type { Store } from "../../src/core/ports.ts";
import type { PgPool, PostgresJsSql, PostgresOptions } from "../../src/stores/postgres.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import type { StoreUnderTest } from "../../src/testing/store-suite.ts";
import type { PostgresServer } from "../services/postgres.ts";

/** The library under a store. */
export type Library = "pg" | "postgres";

const connectionsDefault = 5;

/** Stores of one test file. */
export interface PostgresDatabases extends StoreUnderTest {
  /** The name of a schema that does not exist yet. */
  fresh(): string;
  /** A store on this schema, not opened yet; `instance` tells pools apart, which are connections of their own. */
  on(schema: string, instance?: number, options?: PostgresOptions): Promise<Store>;
  /** The schema of a store. */
  schemaOf(store: Store): string;
  /** Runs a statement as the owner of the database, beside all stores. */
  ask(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
}

/** How stores are made; what is left out is as an application would have it. */
export interface DatabaseSettings {
  readonly library?: Library;
  readonly store?: PostgresOptions;
  /** Connections of a pool. Default 5. With one, calls made at once take effect in the order in which they were made. */
  readonly connections?: number;
}

/** Creates them; call at the top level of a test file. */
export function postgresDatabases(server: PostgresServer, settings: DatabaseSettings = {}): PostgresDatabases {
  const { library = "pg", store: defaults = {}, connections = connectionsDefault } = settings;
  const prefix = `pawl_test_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  const schemas = new WeakMap<Store, string>();
  /** Where the write-ahead log of the server was when a schema was made: what is before it is not of this schema. */
  const starts = new Map<string, unknown>();
  const pools = new Map<number, { readonly pool: PgPool | PostgresJsSql; end(): Promise<void> }>();
  let asking: pg.Pool | undefined;
  let count = 0;

  const poolOf = async (instance: number): Promise<PgPool | PostgresJsSql> => {
    const url = await server.url();
    const made = pools.get(instance) ?? (library === "pg" ? poolOfPg : poolOfPostgresJs)(url, connections);
    pools.set(instance, made);
    return made.pool;
  };
  const ask = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => {
    const url = await server.url();
    asking ??= askingPool(url);
    return (await asking.query(text, values)).rows;
  };
  const on = async (schema: string, instance = 0, options: PostgresOptions = {}): Promise<Store> => {
    const store = postgresStore(await poolOf(instance), { ...defaults, ...options, schema });
    schemas.set(store, schema);
    return store;
  };
  const fresh = (): string => {
    count += 1;
    return `${prefix}_${count}`;
  };
  const schemaOf = (store: Store): string => schemas.get(store) as string;
  server.beforeEnd(async () => {
    for (const { end } of pools.values()) await end();
    if (!server.isOwn) {
      for (let index = 1; index <= count; index += 1) await ask(`DROP SCHEMA IF EXISTS ${prefix}_${index} CASCADE`);
    }
    await asking?.end();
  });
  return {
    fresh,
    on,
    schemaOf,
    ask,
    create: async () => {
      const schema = fresh();
      const [row] = server.isOwn ? await ask("SELECT pg_current_wal_lsn()::text AS start") : [];
      starts.set(schema, row?.start);
      return on(schema);
    },
    reopen: (store) => on(schemaOf(store), 1),
    ...(server.isOwn && {
      raw: async (store: Store) => {
        const schema = schemaOf(store);
        return await bytesOnDisk(await server.folder(), schema, starts.get(schema), ask);
      },
    }),
  };
}

/** The end of the server may reach a connection before its own end does; then nobody is asking any more. */
function askingPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const ignore = (): void => {};
  return pool.on("error", ignore).on("acquire", (client) => {
    if (!client.listeners("error").includes(ignore)) client.on("error", ignore);
  });
}

function poolOfPg(url: string, max: number): { readonly pool: PgPool; end(): Promise<void> } {
  const pool = new pg.Pool({ connectionString: url, max });
  return { pool, end: () => pool.end() };
}

function poolOfPostgresJs(url: string, max: number): { readonly pool: PostgresJsSql; end(): Promise<void> } {
  // By itself the library waits for up to 20 s before it connects again: its business, and tests would do nothing but wait.
  const sql = postgres(url, { max, onnotice: () => {}, fetch_types: false, backoff: () => 0.1 });
  return { pool: sql, end: () => sql.end({ timeout: 1 }) };
}

/** The files of the tables and indexes of a schema, and the write-ahead log from `start` on. */
async function bytesOnDisk(
  folder: string,
  schema: string,
  start: unknown,
  ask: PostgresDatabases["ask"],
): Promise<Buffer[]> {
  await ask("CHECKPOINT");
  const tables = await ask(
    "SELECT pg_relation_filepath(oid) AS file FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'i')",
    [schema],
  );
  const [log = {}] = await ask("SELECT file_name AS file, file_offset AS at FROM pg_walfile_name_offset($1)", [start]);
  const first = String(log.file);
  const segments = readdirSync(join(folder, "pg_wal")).filter((name) => /^[0-9A-F]{24}$/.test(name) && name >= first);
  const bytes = segments.sort().map((name) => readFileSync(join(folder, "pg_wal", name)));
  return [
    ...tables.map(({ file }) => readFileSync(join(folder, String(file)))),
    ...bytes.map((segment, index) => (index === 0 ? segment.subarray(Number(log.at)) : segment)),
  ];
}
