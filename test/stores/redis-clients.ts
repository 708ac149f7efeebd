// Clients of both driver libraries, and stores on them, for tests: every client is closed with the test file. Owns the
// options that Pawl recommends for each library.

import { after } from "node:test";
import { Cluster, Redis } from "ioredis";
import { createClient, createCluster, createSentinel } from "redis";
import type { Store } from "../../src/core/ports.ts";
import { type IoredisClient, type NodeRedisClient, type RedisOptions, redisStore } from "../../src/stores/redis.ts";
import type { StoreUnderTest } from "../../src/testing/store-suite.ts";
import type { RedisSentinels, RedisServer } from "../services/redis.ts";

/** A client that can be given to `redisStore`. */
export type Client = IoredisClient | NodeRedisClient;

const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers) await close();
});

function ignore(): void {}

/** An `ioredis` client of one server. The ready check asks for what a user of few rights may not ask. */
export function ioredisOn(url: string, enableReadyCheck = true): Redis {
  const client = new Redis(url, { autoResendUnfulfilledCommands: false, enableReadyCheck });
  client.on("error", ignore);
  closers.push(() => client.disconnect());
  return client;
}

/** A `redis` client of one server. */
export async function nodeRedisOn(url: string): Promise<NodeRedisClient> {
  const client = createClient({ url });
  client.on("error", ignore);
  closers.push(() => client.destroy());
  await client.connect();
  return client;
}

/** An `ioredis` client that asks Sentinels. */
export function ioredisBehind({ name, nodes }: RedisSentinels): Redis {
  const client = new Redis({ name, sentinels: [...nodes], autoResendUnfulfilledCommands: false });
  client.on("error", ignore);
  closers.push(() => client.disconnect());
  return client;
}

/** Behind Sentinel, `redis` sends one command at a time on a connection, so it needs several. */
const masterPoolSize = 8;

/** A `redis` client that asks Sentinels. */
export async function nodeRedisBehind({ name, nodes }: RedisSentinels): Promise<NodeRedisClient> {
  const client = createSentinel({ name, sentinelRootNodes: [...nodes], masterPoolSize });
  client.on("error", ignore);
  closers.push(() => client.destroy());
  await client.connect();
  return client;
}

/** An `ioredis` client of a Cluster. */
export function ioredisIn(nodes: readonly RedisServer[]): Cluster {
  const client = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
  client.on("error", ignore);
  closers.push(() => client.disconnect());
  return client;
}

/** A `redis` client of a Cluster. */
export async function nodeRedisIn(nodes: readonly RedisServer[]): Promise<NodeRedisClient> {
  const client = createCluster({ rootNodes: nodes.map(({ url }) => ({ url })) });
  client.on("error", ignore);
  closers.push(() => client.destroy());
  await client.connect();
  return client;
}

let count = 0;

/** A prefix that nobody else uses, on whatever server. */
export function freshPrefix(): string {
  count += 1;
  return `pawl-test-${process.pid}-${Math.floor(performance.timeOrigin)}-${count}`;
}

/** The suites send a thousand writes at once, maybe on a machine that is busy with something else. */
const timeoutMilliseconds = 30_000;

/** Stores for the suites: each under a fresh prefix, over one client. */
export function underTestOn(client: () => Client, options: RedisOptions = {}): StoreUnderTest {
  const prefixes = new WeakMap<Store, string>();
  const create = async (prefix: string): Promise<Store> => {
    const store = redisStore(client(), { timeoutMilliseconds, ...options, prefix });
    prefixes.set(store, prefix);
    return store;
  };
  return { create: () => create(freshPrefix()), reopen: (store) => create(prefixes.get(store) as string) };
}
