// The Redis client that the server and the command line use themselves: made from the URL of the option, with whichever
// of the two driver packages is installed, and closed with the store. Owns the loading of the packages, their options and
// what is said when the first connection fails. The URL may hold a password: none of it but host and port is ever told.

import { PawlError } from "../core/errors.ts";
import type { Scheduler, Store } from "../core/ports.ts";
import { nodePlatform } from "../platform/node.ts";
import { type IoredisClient, type NodeRedisClient, type RedisOptions, redisStore } from "../stores/redis.ts";
import { redisError } from "../stores/redis-calls.ts";

/** A client that is not connected yet. */
interface OwnClient {
  readonly client: IoredisClient | NodeRedisClient;
  connect(): Promise<unknown>;
  /** Calls `listener` for what goes wrong with connections. */
  onError(listener: (error: Error) => void): void;
  close(): void;
}

/** The structural part of the package `ioredis`. */
interface IoredisPackage {
  Redis: new (
    url: string,
    options: Record<string, unknown>,
  ) => IoredisClient & {
    connect(): Promise<unknown>;
    on(event: string, listener: (error: Error) => void): unknown;
    disconnect(): void;
  };
}

/** The structural part of the package `redis`. */
interface NodeRedisPackage {
  createClient(options: Record<string, unknown>): NodeRedisClient & {
    connect(): Promise<unknown>;
    on(event: string, listener: (error: Error) => void): unknown;
    destroy(): void;
  };
}

// Variables, so that bundlers and type checkers of applications leave the optional packages alone.
const ioredisName: string = "ioredis";
const nodeRedisName: string = "redis";

const connectMilliseconds = 5_000;
/** Longer than a call may take (2 s): a server that is merely slow is not hung up on. */
const silenceMilliseconds = 5_000;
const pingMilliseconds = 2_000;
/** Connecting and, after a restart of Redis, its loading of the data. */
const openMilliseconds = 15_000;
const retryStepMilliseconds = 50;
const retryMilliseconds = 1_000;

/** When to connect again after a connection broke. */
function retryDelay(attempt: number): number {
  return Math.min(attempt * retryStepMilliseconds, retryMilliseconds);
}

/** Imports a package; `undefined` when it is not installed. */
export type ImportPackage = (name: string) => Promise<unknown>;

async function importIfInstalled(name: string): Promise<unknown> {
  try {
    return await import(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

function byIoredis({ Redis }: IoredisPackage, url: string): OwnClient {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: connectMilliseconds,
    retryStrategy: retryDelay,
    // A connection that a network swallowed looks alive for a quarter of an hour: who does not answer is hung up on.
    socketTimeout: silenceMilliseconds,
    keepAlive: silenceMilliseconds,
    // A command is sent once or not at all: what cannot be sent now is told at once, and nothing is sent again later.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // After a failover behind one address, the connection may still lead to what is a replica now.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  });
  return {
    client,
    connect: () => client.connect(),
    onError: (listener) => client.on("error", listener),
    close: () => client.disconnect(),
  };
}

function byNodeRedis({ createClient }: NodeRedisPackage, url: string): OwnClient {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    // As above; an idle connection is kept alive by pings.
    pingInterval: pingMilliseconds,
    socket: {
      connectTimeout: connectMilliseconds,
      reconnectStrategy: retryDelay,
      socketTimeout: silenceMilliseconds,
    },
  });
  let isOpen = false;
  return {
    client,
    connect: () => {
      isOpen = true;
      return client.connect();
    },
    onError: (listener) => client.on("error", listener),
    close: () => {
      if (isOpen) client.destroy();
      isOpen = false;
    },
  };
}

/** @throws PawlError `invalid_option` when neither package is installed. */
async function loadClient(url: string, importPackage: ImportPackage): Promise<OwnClient> {
  const ioredis = await importPackage(ioredisName);
  if (ioredis !== undefined) return byIoredis(ioredis as IoredisPackage, url);
  const nodeRedis = await importPackage(nodeRedisName);
  if (nodeRedis !== undefined) return byNodeRedis(nodeRedis as NodeRedisPackage, url);
  const detail = `a Redis store needs a driver: npm install ${ioredisName} (or ${nodeRedisName})`;
  throw new PawlError("invalid_option", detail, { field: "store" });
}

/** Connects, or says why not: a start must not wait for a server that is not there. */
async function connect(own: OwnClient, url: string, scheduler: Scheduler): Promise<void> {
  let stopWaiting = (): void => {};
  // The packages try again for ever and report what went wrong beside the call; one of them even goes on in another
  // database when the server does not have the one of the URL.
  const failed = new Promise<never>((_resolve, reject) => {
    own.onError(reject);
    stopWaiting = scheduler.every(openMilliseconds, () =>
      reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })),
    );
  });
  try {
    await Promise.race([failed, own.connect().catch(() => failed)]);
  } catch (error) {
    own.close();
    throw unreachable(error as NodeJS.ErrnoException, new URL(url).host);
  } finally {
    stopWaiting();
    failed.catch(() => {});
  }
}

function unreachable(cause: NodeJS.ErrnoException, address: string): PawlError {
  // What Redis itself says begins with a word in capitals, such as NOAUTH.
  const word = /^[A-Z]{3,}\b/.exec(cause.message)?.[0];
  const detail =
    cause.code === undefined && word !== undefined
      ? `Redis at ${address} refuses (${word}): ${redisError(cause).detail}`
      : `no Redis answers at ${address} (${cause.code ?? "no answer in time"})`;
  return new PawlError("store_unavailable", detail, { cause });
}

/**
 * A store in the Redis at `url`, `redis:` or `rediss:`, over a client of its own. `importPackage` is for tests.
 * @throws PawlError `invalid_option` without a driver package. `open()` rejects as that of {@link redisStore} does.
 */
export async function redisStoreAt(
  url: string,
  options: Pick<RedisOptions, "canCreate" | "warn">,
  importPackage: ImportPackage = importIfInstalled,
): Promise<Store> {
  const own = await loadClient(url, importPackage);
  const store = redisStore(own.client, options);
  return {
    ...store,
    open: async () => {
      await connect(own, url, nodePlatform.scheduler);
      try {
        await store.open();
      } catch (error) {
        // An open connection would keep a process alive that has nothing left to do.
        own.close();
        throw error;
      }
    },
    close: async () => {
      await store.close();
      own.close();
    },
  };
}
