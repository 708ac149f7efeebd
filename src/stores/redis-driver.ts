// The two driver libraries of Redis behind one interface: `ioredis` and `redis` (node-redis), each as a single server,
// behind Sentinel or as a Cluster. Both are described by the few members that are used; none is imported. Owns the
// differences between them: how arguments are given, bytes come back, and a second connection listens.

import { PawlError } from "../core/errors.ts";
import type { Script } from "./redis-scripts.ts";

/** A key, an argument. */
export type RedisArgument = string | Buffer;

/** The members of an `ioredis` client (`Redis`, also behind Sentinel, or `Cluster`) that are used. */
export interface IoredisClient {
  callBuffer(command: string, ...input: (RedisArgument | number)[]): Promise<unknown>;
  duplicate(): IoredisSubscriber;
}

/** A second connection of `ioredis`. */
export interface IoredisSubscriber {
  readonly status: string;
  on(event: string, listener: () => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
}

/** Keys and arguments as `redis` takes them. */
export interface NodeRedisInput {
  keys: RedisArgument[];
  arguments: RedisArgument[];
}

/** The members of a client of `redis` (made by `createClient`, `createSentinel` or `createCluster`) that are used. */
export interface NodeRedisClient {
  withTypeMapping(mapping: Record<number, unknown>): NodeRedisCommands;
  duplicate(): NodeRedisSubscriber;
}

/** The two commands that are used. */
export interface NodeRedisCommands {
  evalSha(sha: string, input: NodeRedisInput): Promise<unknown>;
  eval(source: string, input: NodeRedisInput): Promise<unknown>;
}

/** A second connection of `redis`. */
export interface NodeRedisSubscriber {
  on(event: string, listener: () => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: () => void): Promise<unknown>;
  destroy(): unknown;
}

/** What the store needs of a driver. Texts come back as Buffers. */
export interface RedisDriver {
  /** Runs a script that the server may know by its name. Rejects with NOSCRIPT when it does not. */
  runByName(script: Script, keys: readonly string[], input: readonly RedisArgument[]): Promise<unknown>;
  /** Runs a script and makes it known to the server. */
  runSource(script: Script, keys: readonly string[], input: readonly RedisArgument[]): Promise<unknown>;
  /**
   * Listens on a connection of its own, which the driver makes again when it breaks; `listener` is called for every
   * message and every time listening has begun. Returns the way to stop, which closes that connection.
   */
  listen(channel: string, listener: () => void): () => void;
}

/** Type bytes of RESP: bulk strings are to be Buffers, whole numbers numbers. */
const bulkString = 36;
const wholeNumber = 58;

function ignore(): void {}

/** @throws PawlError `invalid_option` for a value that is a client of neither library. */
export function driverOf(client: IoredisClient | NodeRedisClient): RedisDriver {
  if (isA<IoredisClient>(client, "callBuffer", "duplicate")) return ioredisDriver(client);
  if (isA<NodeRedisClient>(client, "withTypeMapping", "duplicate")) return nodeRedisDriver(client);
  throw new PawlError("invalid_option", "redisStore needs a client of the package ioredis or redis", {
    field: "client",
  });
}

function isA<Client>(client: unknown, ...members: (keyof Client & string)[]): client is Client {
  const found = (client ?? {}) as Record<string, unknown>;
  return members.every((member) => typeof found[member] === "function");
}

function ioredisDriver(client: IoredisClient): RedisDriver {
  return {
    runByName: ({ sha }, keys, input) => client.callBuffer("EVALSHA", sha, keys.length, ...keys, ...input),
    runSource: ({ source }, keys, input) => client.callBuffer("EVAL", source, keys.length, ...keys, ...input),
    listen: (channel, listener) => {
      const subscriber = client.duplicate();
      subscriber.on("error", ignore);
      // On every connection again, by ourselves: clients may have been told not to, or not to keep commands for later.
      subscriber.on("ready", () => {
        subscriber.subscribe(channel).then(listener, ignore);
      });
      // Of a Cluster: the node that was listened to may have been this one.
      subscriber.on("-node", listener);
      subscriber.on("message", listener);
      if (subscriber.status === "wait") subscriber.connect().catch(ignore);
      return () => subscriber.disconnect();
    },
  };
}

function nodeRedisDriver(client: NodeRedisClient): RedisDriver {
  const commands = client.withTypeMapping({ [bulkString]: Buffer, [wholeNumber]: Number });
  return {
    runByName: ({ sha }, keys, input) => commands.evalSha(sha, { keys: [...keys], arguments: [...input] }),
    runSource: ({ source }, keys, input) => commands.eval(source, { keys: [...keys], arguments: [...input] }),
    listen: (channel, listener) => {
      const subscriber = client.duplicate();
      subscriber.on("error", ignore);
      for (const event of ["ready", "node-ready"]) subscriber.on(event, listener);
      const connected = subscriber.connect();
      connected.then(() => subscriber.subscribe(channel, listener)).then(listener, ignore);
      return () => {
        try {
          Promise.resolve(subscriber.destroy()).catch(ignore);
        } catch {
          // It was not connected, so there is nothing to close.
        }
      };
    },
  };
}
