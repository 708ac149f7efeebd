// The database library under the Postgres store: `pg` or `postgres` (postgres.js), told apart by shape and never imported.
// Owns what the store needs of them: run one statement, run several as one message, listen. A call takes one connection
// and nothing else, so a pool of any size finishes all of them. Knows no table.

import type { Deadline } from "./bounded-calls.ts";
import type { Row } from "./rows.ts";

/** A value that both libraries bind unchanged. */
export type Value = string | number | boolean | Uint8Array | null;

/** One statement; with a name it is prepared once per connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

/** What the store does with a database library. */
export interface Driver {
  /** Runs one statement. */
  query(statement: Statement, values: readonly Value[], deadline: Deadline): Promise<readonly Row[]>;
  /** Runs two or more statements in one message, which is one transaction; resolves the rows of the last. */
  script(text: string, deadline: Deadline): Promise<readonly Row[]>;
  /**
   * Listens on a connection of its own, beside the pool: a pool of one is not used up by it. Resolves, once it hears, how
   * to stop. `heard` is called for every notification, `lost` once when the connection is gone.
   */
  listen(channel: string, heard: () => void, lost: () => void): Promise<() => void>;
}

/** A connection out of a pool of `pg`. */
export interface PgClient {
  query(query: { readonly text: string; readonly name?: string; readonly values?: unknown[] }): Promise<unknown>;
  release(destroy?: boolean): void;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** The part of a `Pool` of the package `pg` that is used. */
export interface PgPool {
  connect(): Promise<PgClient>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "acquire", listener: (client: PgClient) => void): unknown;
}

/** The part of `sql` of the package `postgres` that is used. */
export interface PostgresJsSql {
  unsafe(text: string, values?: never[], options?: { prepare?: boolean }): PromiseLike<unknown>;
  listen(
    channel: string,
    heard: (payload: string) => void,
    listening?: () => void,
  ): PromiseLike<{ unlisten(): Promise<unknown> }>;
}

/** A connection of `pg` outside of a pool. */
interface PgListener {
  connect(): Promise<unknown>;
  query(text: string): Promise<unknown>;
  end(): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
}

/** What `pg` throws after which the connection is as good as before: the statement did nothing. */
const harmlessCodes: ReadonlySet<unknown> = new Set(["40001", "40P01", "23505", "57014"]);

function nothing(): void {}

/** The code of an error: SQLSTATE, or that of the system. */
export function errorCode(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

/** The driver for a pool or `sql`; `undefined` for anything else. */
export function driverFor(library: PgPool | PostgresJsSql): Driver | undefined {
  if (typeof library === "function" && "unsafe" in library && "listen" in library) return driverForPostgresJs(library);
  const isPool = typeof library === "object" && library !== null && "connect" in library && "on" in library;
  return isPool ? driverForPg(library) : undefined;
}

/** Pools and connections whose errors are heard; several stores may share them. */
const guarded = new WeakSet<object>();

/**
 * A connection that breaks while nobody asks it anything reports so as an event, which would end the process if nobody
 * heard it. Whoever asks it next is told in any case.
 */
function guard(emitter: Pick<PgClient, "on">): void {
  if (guarded.has(emitter)) return;
  guarded.add(emitter);
  emitter.on("error", nothing);
}

function guardPool(pool: PgPool): void {
  if (guarded.has(pool)) return;
  guard(pool);
  // Before the pool hands it out: what a new connection says in the same packet as that it is ready, as when it is cut at
  // once, comes before whoever waits for the connection runs on.
  pool.on("acquire", guard);
}

function driverForPg(pool: PgPool): Driver {
  guardPool(pool);
  const run = async (
    query: Parameters<PgClient["query"]>[0],
    deadline: Deadline,
  ): Promise<{ rows: Row[] } | { rows: Row[] }[]> => {
    const client = await pool.connect();
    if (deadline.isOver) {
      client.release();
      throw new Error("the connection came too late");
    }
    let isHeld = true;
    const release = (destroy: boolean): void => {
      if (!isHeld) return;
      isHeld = false;
      client.release(destroy);
    };
    // What an unanswered connection will still say belongs to a statement that nobody waits for.
    deadline.giveUp = () => release(true);
    try {
      const result = (await client.query(query)) as { rows: Row[] } | { rows: Row[] }[];
      release(false);
      return result;
    } catch (error) {
      // A connection to a server that became read-only or is shutting down answers for ever, and never well.
      release(!harmlessCodes.has(errorCode(error)));
      throw error;
    }
  };
  return {
    query: async ({ name, text }, values, deadline) => {
      const result = await run({ text, values: [...values], ...(name === undefined ? {} : { name }) }, deadline);
      return (result as { rows: Row[] }).rows;
    },
    script: async (text, deadline) => ((await run({ text }, deadline)) as { rows: Row[] }[]).at(-1)?.rows ?? [],
    listen: (channel, heard, lost) => listenWithPg(pool, channel, heard, lost),
  };
}

async function listenWithPg(pool: PgPool, channel: string, heard: () => void, lost: () => void): Promise<() => void> {
  const { Client, options } = pool as { Client?: new (options: unknown) => PgListener; options?: unknown };
  if (Client === undefined) throw new Error("this pool does not say how it connects");
  const client = new Client(options);
  let isOn = false;
  const end = (): void => {
    isOn = false;
    client.end().catch(nothing);
  };
  const onLost = (): void => {
    if (!isOn) return;
    end();
    lost();
  };
  client.on("notification", heard);
  client.on("error", onLost);
  client.on("end", onLost);
  try {
    await client.connect();
    await client.query(`LISTEN ${channel}`);
  } catch (error) {
    end();
    throw error;
  }
  isOn = true;
  return end;
}

function driverForPostgresJs(sql: PostgresJsSql): Driver {
  // Nothing is given up when its time is over, only no longer waited for: the library's own way to cancel a query that is
  // already sent gives its answer to the next query on that connection.
  return {
    query: async ({ name, text }, values) =>
      (await sql.unsafe(text, [...values] as never[], { prepare: name !== undefined })) as Row[],
    script: async (text) => ((await sql.unsafe(text)) as Row[][]).at(-1) ?? [],
    listen: async (channel, heard) => {
      let isOn = false;
      // The library makes this connection again by itself; whenever it has done so, something may have been missed.
      const again = (): void => {
        if (isOn) heard();
      };
      const { unlisten } = await sql.listen(channel, heard, again);
      isOn = true;
      return () => {
        unlisten().catch(nothing);
      };
    },
  };
}
