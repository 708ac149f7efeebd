// What a session costs its database, through the public engine: rows and bytes after one refresh and after a thousand, and the
// store calls and writes of a refresh, for every store. `npm run bench:growth`; --write stores results/growth.json and the
// table in docs/sizing.md. Owns the measuring; the databases are started for it, in temporary folders.

import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import mysql from "mysql2/promise";
import pg from "pg";
import { startMysql } from "../sim/services/mysql.ts";
import { startPostgres } from "../sim/services/postgres.ts";
import { endRedis, startRedis } from "../sim/services/redis.ts";
import { blockNamed, replaceBlock, tableFrom } from "../sim/torture/page.ts";
import type { Platform, Store } from "../src/core/ports.ts";
import { createSessions } from "../src/engine/create-sessions.ts";
import type { Sessions } from "../src/engine/types.ts";
import { nodePlatform } from "../src/platform/node.ts";
import { mysqlStore } from "../src/stores/mysql.ts";
import { postgresStore } from "../src/stores/postgres.ts";
import { redisStore } from "../src/stores/redis.ts";
import { sqliteStore } from "../src/stores/sqlite.ts";
import { type Machine, readMachine } from "./machine.ts";
import { agentOf } from "./user-agents.ts";

/** Sessions that are refreshed this often, and those that only add weight, so that a page more or less says little. */
const sessionsRefreshed = 100;
const sessionsInAll = 5_000;
const refreshesMost = 1_000;
const atOnce = 50;
const stepMilliseconds = 14 * 60_000;
const redisReadings = 10;
const redisPauseMilliseconds = 1_000;
const secret = Buffer.alloc(32, "growth").toString("base64url");

export const growthResultsPath: string = join(import.meta.dirname, "results/growth.json");
export const sizingPagePath: string = join(import.meta.dirname, "../docs/sizing.md");
export const sizingBlockName = "growth";

/** What a database holds. */
interface Weight {
  readonly rows: number;
  /** Of the packed records of those that are refreshed, all together. */
  readonly recordBytes: number;
  /** Of everything there is, indexes and empty space included. */
  readonly databaseBytes: number;
}

/** One database under measurement. */
interface Subject {
  readonly title: string;
  readonly store: Store;
  weigh(sids: readonly string[]): Promise<Weight>;
  close(): Promise<void>;
}

/** What came of one. */
export interface Growth {
  readonly store: string;
  readonly rowsAfterOne: number;
  readonly rowsAfterAll: number;
  readonly recordBytesAfterOne: number;
  readonly recordBytesAfterAll: number;
  readonly databaseBytesPerSessionAfterOne: number;
  readonly databaseBytesPerSessionAfterAll: number;
  readonly callsPerRefresh: number;
  readonly writesPerRefresh: number;
}

/** All, with what a figure cannot do without. */
export interface GrowthResults {
  readonly machine: Machine;
  readonly date: string;
  readonly sessions: number;
  readonly refreshes: number;
  readonly runs: readonly Growth[];
}

async function sqlite(folder: string): Promise<Subject> {
  const file = join(folder, "growth.db");
  const store = sqliteStore(file);
  return {
    title: `SQLite ${process.versions.sqlite}`,
    store,
    async weigh(sids) {
      const database = new DatabaseSync(file);
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      const rows = Number(database.prepare("SELECT count(*) AS count FROM sessions").get()?.count);
      const one = database.prepare("SELECT length(data) AS bytes FROM sessions WHERE sid = ?");
      const recordBytes = sids.reduce((sum, sid) => sum + Number(one.get(Buffer.from(sid, "base64url"))?.bytes), 0);
      database.close();
      return { rows, recordBytes, databaseBytes: statSync(file).size };
    },
    close: async () => undefined,
  };
}

async function postgres(): Promise<Subject> {
  const server = await startPostgres(18);
  const pool = new pg.Pool({ connectionString: server.url, max: 20 });
  pool.on("error", () => {});
  const version = (await pool.query("SHOW server_version")).rows[0].server_version;
  return {
    title: `Postgres ${version}`,
    store: postgresStore(pool),
    async weigh(sids) {
      // As autovacuum does by itself on a server that is not in a test.
      await pool.query("VACUUM pawl.sessions");
      const { rows } = await pool.query(
        `SELECT count(*)::int AS rows, pg_total_relation_size('pawl.sessions')::int AS size,
          coalesce(sum(length(data)) FILTER (WHERE sid = ANY($1)), 0)::int AS records FROM pawl.sessions`,
        [sids.map((sid) => Buffer.from(sid, "base64url"))],
      );
      return { rows: rows[0].rows, recordBytes: rows[0].records, databaseBytes: rows[0].size };
    },
    async close() {
      await pool.end();
      await server.dispose();
    },
  };
}

async function mariadb(): Promise<Subject> {
  const server = await startMysql();
  const pool = mysql.createPool({ uri: server.url, multipleStatements: true, connectionLimit: 20 });
  const ask = async (text: string): Promise<Record<string, unknown>> =>
    ((await pool.query(text)) as unknown as [Record<string, unknown>[]])[0][0] ?? {};
  const { version } = await ask("SELECT VERSION() AS version");
  return {
    title: `MariaDB ${String(version).split("-")[0]}`,
    store: mysqlStore(pool),
    async weigh(sids) {
      const list = sids.map((sid) => `X'${Buffer.from(sid, "base64url").toString("hex")}'`).join(", ");
      const { rows } = await ask("SELECT COUNT(*) AS `rows` FROM pawl_sessions");
      const { records } = await ask(`SELECT SUM(LENGTH(data)) AS records FROM pawl_sessions WHERE sid IN (${list})`);
      // The file itself grows by megabytes in advance: what is counted is the pages of table and index.
      await pool.query("ANALYZE TABLE pawl_sessions");
      const { bytes } = await ask(
        "SELECT data_length + index_length AS bytes FROM information_schema.tables WHERE table_name = 'pawl_sessions'",
      );
      return { rows: Number(rows), recordBytes: Number(records), databaseBytes: Number(bytes) };
    },
    async close() {
      await pool.end();
      await server.dispose();
    },
  };
}

async function redis(): Promise<Subject> {
  const server = await startRedis("--appendonly", "no");
  const client = new Redis(server.url);
  const info = await client.info("server");
  return {
    title: `Redis ${/redis_version:(\S+)/.exec(info)?.[1]}`,
    store: redisStore(client, { timeoutMilliseconds: 10_000 }),
    async weigh(sids) {
      const rows = await client.zcard("{pawl}:ids");
      const lengths = await Promise.all(sids.map((sid) => client.strlen(`{pawl}:s:${sid}`)));
      const recordBytes = lengths.reduce((sum, each) => sum + each, 0);
      return { rows, recordBytes, databaseBytes: await settledBytes(client) };
    },
    async close() {
      client.disconnect();
      await endRedis();
    },
  };
}

/** What Redis holds, once buffers of connections that were busy a moment ago have shrunk: the least of some seconds. */
async function settledBytes(client: Redis): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < redisReadings; reading += 1) {
    await new Promise((resolve) => setTimeout(resolve, redisPauseMilliseconds));
    const used = /used_memory_dataset:(\d+)/.exec(await client.info("memory"))?.[1];
    least = Math.min(least, Number(used));
  }
  return least;
}

/** Counts calls; takes the store's own clock away, since this file moves the time. */
function counted(store: Store): { readonly store: Store; readonly count: { calls: number; writes: number } } {
  const count = { calls: 0, writes: 0 };
  const { now, ...rest } = store;
  return {
    count,
    store: {
      ...rest,
      read(sid) {
        count.calls += 1;
        return store.read(sid);
      },
      commit(...words) {
        count.calls += 1;
        count.writes += 1;
        return store.commit(...words);
      },
    },
  };
}

async function inBatches<Item>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < items.length; from += atOnce) {
    await Promise.all(items.slice(from, from + atOnce).map((item, offset) => work(item, from + offset)));
  }
}

async function measure(subject: Subject): Promise<Growth> {
  let now = nodePlatform.clock.now();
  const platform: Platform = { ...nodePlatform, clock: { now: () => now } };
  const { store, count } = counted(subject.store);
  const sessions: Sessions = await createSessions({ store, secret, platform });
  const tokens: string[] = [];
  const sids: string[] = [];
  await inBatches(Array.from({ length: sessionsInAll }), async (_, index) => {
    const grant = await sessions.issue({ subject: `person-${index}`, userAgent: agentOf(index), ip: "203.0.113.7" });
    if (index >= sessionsRefreshed) return;
    tokens[index] = grant.refreshToken as string;
    sids[index] = grant.record.sid;
  });
  const refreshAll = async (): Promise<void> => {
    now += stepMilliseconds;
    await inBatches(tokens, async (token, index) => {
      const attempt = `${index}-${now}`.padEnd(22, "k");
      const grant = await sessions.refresh({ refreshToken: token, attempt });
      if (grant.outcome !== "rotated") throw new Error(`a refresh was ${grant.outcome}`);
      tokens[index] = grant.refreshToken as string;
    });
  };
  await refreshAll();
  const one = await subject.weigh(sids);
  count.calls = 0;
  count.writes = 0;
  for (let round = 1; round < refreshesMost; round += 1) await refreshAll();
  const refreshes = (refreshesMost - 1) * sessionsRefreshed;
  const calls = count.calls / refreshes;
  const writes = count.writes / refreshes;
  const all = await subject.weigh(sids);
  await sessions.close();
  await subject.close();
  return {
    store: subject.title,
    rowsAfterOne: one.rows,
    rowsAfterAll: all.rows,
    recordBytesAfterOne: one.recordBytes / sessionsRefreshed,
    recordBytesAfterAll: all.recordBytes / sessionsRefreshed,
    databaseBytesPerSessionAfterOne: Math.round(one.databaseBytes / sessionsInAll),
    databaseBytesPerSessionAfterAll: Math.round(all.databaseBytes / sessionsInAll),
    callsPerRefresh: calls,
    writesPerRefresh: writes,
  };
}

/** What docs/sizing.md shows of the results. */
export function sizingBlockOf({ machine, date, sessions, refreshes, runs }: GrowthResults): string {
  const head = [
    "store",
    "rows a session, after 1 refresh",
    `after ${refreshes}`,
    "bytes of its record, after 1",
    `after ${refreshes}`,
    "bytes of the database, after 1",
    `after ${refreshes}`,
    "store calls a refresh",
    "writes a refresh",
  ];
  const rows = runs.map((run) => [
    run.store,
    String(run.rowsAfterOne / sessions),
    String(run.rowsAfterAll / sessions),
    run.recordBytesAfterOne.toFixed(1),
    run.recordBytesAfterAll.toFixed(1),
    String(run.databaseBytesPerSessionAfterOne),
    String(run.databaseBytesPerSessionAfterAll),
    String(run.callsPerRefresh),
    String(run.writesPerRefresh),
  ]);
  const circumstances = [
    `${sessions} sessions, of which ${sessionsRefreshed} are refreshed ${refreshes} times, every 14 minutes by the clock; indexes and empty space`,
    `are in the bytes of the database. Node.js ${machine.node}; ${date.slice(0, 10)}; \`npm run bench:growth -- --write\`.`,
  ].join("\n");
  return blockNamed(sizingBlockName, [tableFrom(head, rows), circumstances]);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pawl-growth-"));
  const runs: Growth[] = [];
  try {
    for (const start of [() => sqlite(folder), postgres, mariadb, redis]) {
      const run = await measure(await start());
      process.stderr.write(`${JSON.stringify(run)}\n`);
      runs.push(run);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const circumstances = { machine: readMachine(), date: new Date().toISOString() };
  const results: GrowthResults = { ...circumstances, sessions: sessionsInAll, refreshes: refreshesMost, runs };
  process.stdout.write(`${sizingBlockOf(results)}\n`);
  if (!process.argv.includes("--write")) return;
  writeFileSync(growthResultsPath, `${JSON.stringify(results, null, 2)}\n`);
  replaceBlock(sizingPagePath, sizingBlockName, sizingBlockOf(results));
}

if (import.meta.main) await main();
