// The database server under `npm run bench:feed -- --store …`: started for the run in a temporary folder, on this machine, and
// durable as in production, since a sign-out is answered when it is on disk. Owns its start and end; knows no feed.

import { startPostgres } from "../sim/services/postgres.ts";
import { endRedis, startRedis } from "../sim/services/redis.ts";

/** A running database. */
export interface FeedDatabase {
  /** What PAWL_STORE takes. */
  readonly url: string;
  /** How it was run. */
  readonly durability: string;
  end(): Promise<void>;
}

/**
 * Starts the database of this name.
 * @throws RangeError for any name but `postgres` and `redis`
 */
export async function startFeedDatabase(name: string): Promise<FeedDatabase> {
  if (name === "postgres") {
    const server = await startPostgres(18, { durable: true });
    return { url: server.url, durability: "Postgres 18, fsync=on", end: server.dispose };
  }
  if (name === "redis") {
    const server = await startRedis();
    return { url: server.url, durability: "appendonly yes, appendfsync always", end: endRedis };
  }
  throw new RangeError("--store takes postgres or redis");
}
