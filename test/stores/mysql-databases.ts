// MySQL stores of tests: fresh tables each in one database, with a way to look at what the database holds. Pools are shared
// by all stores of a test file and ended when it is done.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import mysql from "mysql2/promise";
import type { Store } from "../../src/core/ports.ts";
import type { MysqlOptions } from "../../src/stores/mysql.ts";
import { mysqlStore } from "../../src/stores/mysql.ts";
import type { StoreUnderTest } from "../../src/testing/store-suite.ts";
import type { MysqlServer } from "../services/mysql.ts";

const connectionsDefault = 5;
const tables = ["schema", "sessions", "feed_head", "revocations", "document_turn", "documents"];

/** Stores of one test file. */
export interface MysqlDatabases extends StoreUnderTest {
  /** What the names of tables begin with that do not exist yet. */
  fresh(): string;
  /** A store on these tables, not opened yet; `instance` tells pools apart, which are connections of their own. */
  on(prefix: string, instance?: number, options?: MysqlOptions): Promise<Store>;
  /** What the names of the tables of a store begin with. */
  prefixOf(store: Store): string;
  /** Runs one statement beside the stores; its rows. */
  ask(text: string): Promise<Record<string, unknown>[]>;
}

/** Declares the stores of a test file on a server. */
export function mysqlDatabases(
  server: MysqlServer,
  { connections = connectionsDefault }: { readonly connections?: number } = {},
): MysqlDatabases {
  const pools = new Map<number, mysql.Pool>();
  const prefixes = new WeakMap<Store, string>();
  const run = `t${process.pid}_${connections}`;
  let count = 0;
  const poolOf = async (instance: number): Promise<mysql.Pool> => {
    const uri = await server.url();
    const pool =
      pools.get(instance) ?? mysql.createPool({ uri, connectionLimit: connections, multipleStatements: true });
    pools.set(instance, pool);
    return pool;
  };
  const ask = async (text: string): Promise<Record<string, unknown>[]> => {
    const [rows] = await (await poolOf(-1)).query(text);
    return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
  };
  const fresh = (): string => {
    count += 1;
    return `${run}_${count}_`;
  };
  const on = async (prefix: string, instance = 0, options: MysqlOptions = {}): Promise<Store> => {
    const store = mysqlStore(await poolOf(instance), { prefix, ...options });
    prefixes.set(store, prefix);
    return store;
  };
  const prefixOf = (store: Store): string => prefixes.get(store) as string;
  server.beforeEnd(async () => {
    if (!server.isOwn) {
      for (let index = 1; index <= count; index += 1) {
        for (const table of tables) await ask(`DROP TABLE IF EXISTS ${run}_${index}_${table}`);
      }
    }
    for (const pool of pools.values()) await pool.end();
  });
  return {
    fresh,
    on,
    prefixOf,
    ask,
    create: () => on(fresh()),
    reopen: (store) => on(prefixOf(store), 1),
    ...(server.isOwn && {
      raw: async (store: Store) => {
        const { folder } = await server.own();
        // Everything that was written is in the files before somebody looks into them.
        for (const table of tables) await ask(`FLUSH TABLES ${prefixOf(store)}${table} FOR EXPORT; UNLOCK TABLES`);
        const files = tables.map((table) => `${prefixOf(store)}${table}.ibd`);
        return files.map((file) => readFileSync(join(folder, "pawl", file)));
      },
    }),
  };
}
