// The store suite, the session suite and the differential suite on the Redis store: one server, both drivers.

import { before, describe } from "node:test";
import { differentialSuite } from "../../src/testing/differential-suite.ts";
import { sessionSuite } from "../../src/testing/session-suite.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { givenUrl, type RedisServer, skip, startRedis } from "../services/redis.ts";
import { type Client, ioredisOn, nodeRedisOn, underTestOn } from "./redis-clients.ts";

let turn = 0;

function inTurn(clients: readonly Client[] = []): Client {
  turn += 1;
  return clients[turn % clients.length] as Client;
}

describe("redis", { skip: givenUrl === undefined && skip }, () => {
  // Two of each, in turn: a second instance on a database has a connection of its own.
  let [ioredis, nodeRedis]: Client[][] = [];
  before(async () => {
    const url = givenUrl ?? (await startRedis()).url;
    ioredis = [ioredisOn(url), ioredisOn(url)];
    nodeRedis = [await nodeRedisOn(url), await nodeRedisOn(url)];
  });

  const byIoredis = underTestOn(() => inTurn(ioredis));
  storeSuite("redis by ioredis", byIoredis);
  differentialSuite("redis by ioredis", byIoredis);

  const byNodeRedis = underTestOn(() => inTurn(nodeRedis));
  storeSuite("redis by redis", byNodeRedis);
  differentialSuite("redis by redis", byNodeRedis, { seeds: [7], steps: 100 });
});

// On a server of its own: what it looks for on disk, the other suites may have drawn for something else.
describe("sessions on redis", { skip }, () => {
  let server: RedisServer;
  let ioredis: Client;
  before(async () => {
    server = await startRedis();
    ioredis = ioredisOn(server.url);
  });
  sessionSuite("redis by ioredis", { ...underTestOn(() => ioredis), raw: async () => server.onDisk() });
});
