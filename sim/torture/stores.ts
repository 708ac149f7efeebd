// The databases under the torture: a SQLite file in the folder of the run, or a Postgres, MariaDB or Redis server, started for
// the run or running already on this machine. Owns how the server is told of one, what is weighed in it and that it is left clean.

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import mysql from "mysql2/promise";
import pg from "pg";
import { startMysql } from "../services/mysql.ts";
import { startPostgres } from "../services/postgres.ts";
import { endRedis, startRedis } from "../services/redis.ts";
import type { Weight } from "./dialect.ts";
import { isOfThisMachine } from "./host.ts";

/** The kinds that start by themselves. */
export const storeKinds = ["sqlite", "postgres", "mysql", "redis"] as const;
export type StoreKind = (typeof storeKinds)[number];

/** One database. */
export interface TortureDatabase {
  readonly kind: StoreKind;
  /** Its product and version. */
  readonly title: string;
  /** What the server is started with. */
  environment(folder: string): Readonly<Record<string, string>>;
  /** What must never be printed. */
  readonly secrets: readonly string[];
  weigh(folder: string): Promise<Weight>;
  /** Ends what was started for it, and removes what the run left in a database of somebody else. */
  close(): Promise<void>;
}

/** Public, since nothing but a torture ever runs under it. */
const secret = Buffer.alloc(32, "torture").toString("base64url");
/** How many keys a step of a search through Redis looks at. */
const scanCount = 1000;

/** A file, made by the server itself, its secret beside it. */
export function sqliteDatabase(): TortureDatabase {
  return {
    kind: "sqlite",
    title: `SQLite ${process.versions.sqlite}`,
    environment: () => ({}),
    secrets: [],
    async weigh(folder) {
      const database = new DatabaseSync(join(folder, "pawl.db"), { readOnly: true });
      const row = database.prepare("SELECT count(*) AS count, max(length(data)) AS bytes FROM sessions").get();
      database.close();
      return { rows: Number(row?.count), rowBytesMax: Number(row?.bytes) };
    },
    close: async () => undefined,
  };
}

/**
 * Opens the database that `choice` names: a kind, or the URL of a server that runs already.
 * @throws RangeError for anything else, a server of another machine, or a Redis database that is not empty
 */
export async function openDatabase(choice: string): Promise<TortureDatabase> {
  if (choice === "sqlite") return sqliteDatabase();
  if (choice === "postgres") return await ownPostgres();
  if (choice === "mysql") return await ownMysql();
  if (choice === "redis") return await ownRedis();
  const url = URL.canParse(choice) ? new URL(choice) : undefined;
  if (url === undefined || !/^(postgres(ql)?|mysql|redis):$/.test(url.protocol)) {
    throw new RangeError("--store takes sqlite, postgres, mysql, redis or a postgres://, mysql:// or redis:// URL");
  }
  if (!isOfThisMachine(url)) throw new RangeError("--store takes a server of this machine and no other");
  if (url.protocol === "redis:") return await redisAt(url.href, async () => undefined);
  return url.protocol === "mysql:" ? await mysqlAt(url.href) : await postgresAt(url.href);
}

async function ownPostgres(): Promise<TortureDatabase> {
  // Nothing is flushed: only nodes are killed, never the database, and what a killed process wrote to it stays.
  const server = await startPostgres(18);
  return { ...(await postgresAt(server.url)), close: server.dispose };
}

async function ownMysql(): Promise<TortureDatabase> {
  const server = await startMysql();
  return { ...(await mysqlAt(server.url)), close: server.dispose };
}

async function ownRedis(): Promise<TortureDatabase> {
  // In memory alone, for the same reason.
  const server = await startRedis("--appendonly", "no");
  return await redisAt(server.url, endRedis);
}

async function postgresAt(address: string): Promise<TortureDatabase> {
  const schema = `torture_${process.pid}_${Date.now().toString(36)}`;
  const url = new URL(address);
  url.searchParams.set("schema", schema);
  const ask = async (text: string): Promise<Record<string, unknown>> => {
    const client = new pg.Client({ connectionString: address });
    await client.connect();
    try {
      return (await client.query(text)).rows[0] ?? {};
    } finally {
      await client.end();
    }
  };
  const { server_version: version } = await ask("SHOW server_version");
  return {
    kind: "postgres",
    title: `Postgres ${String(version).split(" ")[0]}`,
    environment: () => ({ PAWL_STORE: url.href, PAWL_SECRET: secret }),
    secrets: [secret, ...passwordsOf(url)],
    async weigh() {
      const row = await ask(`SELECT count(*) AS count, max(length(data)) AS bytes FROM ${schema}.sessions`);
      return { rows: Number(row.count), rowBytesMax: Number(row.bytes) };
    },
    close: async () => void (await ask(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)),
  };
}

async function mysqlAt(address: string): Promise<TortureDatabase> {
  const prefix = `torture_${process.pid}_`;
  const url = new URL(address);
  url.searchParams.set("prefix", prefix);
  const ask = async (text: string): Promise<Record<string, unknown>> => {
    const connection = await mysql.createConnection({ uri: address });
    try {
      const [rows] = await connection.query(text);
      return (Array.isArray(rows) ? (rows as Record<string, unknown>[])[0] : undefined) ?? {};
    } finally {
      await connection.end();
    }
  };
  const { version } = await ask("SELECT VERSION() AS version");
  const [number] = String(version).split("-");
  return {
    kind: "mysql",
    title: `${String(version).includes("MariaDB") ? "MariaDB" : "MySQL"} ${number}`,
    environment: () => ({ PAWL_STORE: url.href, PAWL_SECRET: secret }),
    secrets: [secret, ...passwordsOf(url)],
    async weigh() {
      const row = await ask(`SELECT COUNT(*) AS count, MAX(LENGTH(data)) AS bytes FROM ${prefix}sessions`);
      return { rows: Number(row.count), rowBytesMax: Number(row.bytes) };
    },
    async close() {
      const tables = ["schema", "sessions", "feed_head", "revocations", "document_turn", "documents"];
      for (const table of tables) await ask(`DROP TABLE IF EXISTS ${prefix}${table}`);
    },
  };
}

async function redisAt(address: string, end: () => Promise<void>): Promise<TortureDatabase> {
  const client = new Redis(address, { maxRetriesPerRequest: 1 });
  client.on("error", () => undefined);
  if ((await client.dbsize()) > 0) {
    client.disconnect();
    throw new RangeError("--store takes a Redis database that is empty: the torture leaves nothing in it");
  }
  const version = /redis_version:(\S+)/.exec(await client.info("server"))?.[1];
  const keys = async (pattern: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const page of client.scanStream({ match: pattern, count: scanCount })) found.push(...page);
    return [...new Set(found)];
  };
  return {
    kind: "redis",
    title: `Redis ${version}`,
    environment: () => ({ PAWL_STORE: address, PAWL_SECRET: secret }),
    secrets: [secret, ...passwordsOf(new URL(address))],
    async weigh() {
      const sessions = await keys("{pawl}:s:*");
      const bytes = await Promise.all(sessions.map((key) => client.strlen(key)));
      return { rows: sessions.length, rowBytesMax: bytes.reduce((most, each) => Math.max(most, each), 0) };
    },
    async close() {
      for (const key of await keys("{pawl}:*")) await client.unlink(key);
      client.disconnect();
      await end();
    },
  };
}

/** The password of a URL, as it is and as it is written there. */
function passwordsOf({ password }: URL): string[] {
  return password === "" ? [] : [...new Set([password, decodeURIComponent(password)])];
}
