// The stores under chaos, started for one scenario and ended with it, flushing as in production. Owns what a scenario may do to
// one beside what its wires can do.

import pg from "pg";
import type { Postgres } from "../services/postgres.ts";
import { startPostgres } from "../services/postgres.ts";
import type { RedisServer } from "../services/redis.ts";
import { endRedis, startRedis, startSentinels } from "../services/redis.ts";

/** The kinds. */
export type StoreName = "postgres" | "redis";

/** A store that a scenario damages. */
export interface ChaosDatabase {
  readonly name: StoreName;
  /** Its product and version, as the table names it. */
  readonly title: string;
  readonly url: string;
  /** Ends the connections of every client, from inside; resolves how many. */
  cutConnections(): Promise<number>;
  /** Ends the server as a crash does, and starts it again after `milliseconds`. */
  restart(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

async function askPostgres(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

const cutAll =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
const startAgainTriesMax = 100;

/** What stands on one Postgres server. */
function postgresDatabase(server: Postgres, title: string, close: () => Promise<void>): ChaosDatabase {
  return {
    name: "postgres",
    title,
    url: server.url,
    cutConnections: async () => (await askPostgres(server.url, cutAll)).length,
    async restart(milliseconds) {
      await server.crash();
      await pause(milliseconds);
      // Until the processes of the one before have noticed that it is gone.
      for (let tries = 1; ; tries += 1) {
        try {
          return await server.start();
        } catch (error) {
          if (tries === startAgainTriesMax) throw error;
          await pause(100);
        }
      }
    },
    close,
  };
}

/** One Postgres 18. */
export async function onePostgres(): Promise<ChaosDatabase & { wipe(): Promise<void> }> {
  const server = await startPostgres(18, { durable: true });
  return {
    ...postgresDatabase(server, "Postgres 18", server.dispose),
    wipe: async () => void (await askPostgres(server.url, "DROP SCHEMA pawl CASCADE")),
  };
}

/** A primary of Postgres 15 that a standby follows without its waiting for it. */
export interface PostgresPair extends ChaosDatabase {
  /** Where the standby asks the primary; what cuts it makes the standby fall behind. */
  readonly primary: Postgres;
  readonly standby: Postgres;
}

/**
 * Starts both; the standby follows over `port`.
 * @param follow starts the wire between them, given the port of the primary
 */
export async function postgresPair(follow: (port: number) => Promise<number>): Promise<PostgresPair> {
  const primary = await startPostgres(15, { durable: true });
  try {
    const port = await follow(Number(new URL(primary.url).port));
    await primary.stop();
    const standby = await startPostgres(15, { durable: true, standby: { folder: primary.folder, port } });
    await primary.start();
    const close = async (): Promise<void> => {
      await standby.dispose();
      await primary.dispose();
    };
    return { ...postgresDatabase(primary, "Postgres 15", close), primary, standby };
  } catch (error) {
    await primary.dispose();
    throw error;
  }
}

/** True when the standby has everything that the primary wrote. */
export async function hasCaughtUp({ primary, standby }: PostgresPair): Promise<boolean> {
  const [at] = await askPostgres(primary.url, "SELECT pg_current_wal_lsn()::text AS at");
  const [row] = await askPostgres(
    standby.url,
    `SELECT pg_last_wal_replay_lsn() >= '${String(at?.at)}'::pg_lsn AS is_there`,
  );
  return row?.is_there === true;
}

/** What stands on one Redis server. */
function redisDatabase(server: RedisServer, title: string): ChaosDatabase {
  return {
    name: "redis",
    title,
    url: server.url,
    cutConnections: async () =>
      Number(await server.command("CLIENT", "KILL", "TYPE", "normal")) +
      Number(await server.command("CLIENT", "KILL", "TYPE", "pubsub")),
    async restart(milliseconds) {
      await server.crash();
      await pause(milliseconds);
      await server.restart();
    },
    close: endRedis,
  };
}

/** One Redis 7 that flushes with every answer. */
export async function oneRedis(): Promise<ChaosDatabase> {
  return redisDatabase(await startRedis(), "Redis 7");
}

/** One Redis 7 that keeps nothing but the snapshots it is told to make. */
export async function redisOfSnapshots(): Promise<ChaosDatabase & { snapshot(): Promise<void> }> {
  const server = await startRedis("--appendonly", "no");
  return { ...redisDatabase(server, "Redis 7"), snapshot: async () => void (await server.command("SAVE")) };
}

/** A Redis that three Sentinels watch, with its replica. */
export async function redisOfSentinels(): Promise<
  ChaosDatabase & { crashPrimary(): Promise<void>; primaryPort(): Promise<number> }
> {
  const { primary, primaryPort } = await startSentinels();
  return { ...redisDatabase(primary, "Redis 7, Sentinel"), primaryPort, crashPrimary: () => primary.crash() };
}

/** Waits. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
