// The Redis store behind Sentinel, by both drivers: the store suite, and a failover under refreshes, which may lose the
// newest acknowledged writes: nobody who is honest may be signed out by it.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { createSessions, PawlError } from "../../src/index.ts";
import { redisStore } from "../../src/stores/redis.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { eventually, type RedisSentinels, skip, startSentinels } from "../services/redis.ts";
import { type Client, freshPrefix, ioredisBehind, nodeRedisBehind, underTestOn } from "./redis-clients.ts";

const secret = Buffer.alloc(32, 7).toString("base64url");
const people = 20;
const pauseMilliseconds = 100;

describe("Redis behind Sentinel", { skip }, () => {
  let sentinels: RedisSentinels;
  let [ioredis, nodeRedis]: Client[] = [];
  before(async () => {
    sentinels = await startSentinels();
    ioredis = ioredisBehind(sentinels);
    nodeRedis = await nodeRedisBehind(sentinels);
  });
  storeSuite(
    "redis sentinel by ioredis",
    underTestOn(() => ioredis as Client),
  );
  storeSuite(
    "redis sentinel by redis",
    underTestOn(() => nodeRedis as Client),
  );

  it("signs nobody out when the primary dies under refreshes", async (t) => {
    const told: string[] = [];
    const engines = await Promise.all(
      [ioredis, nodeRedis].map((client) =>
        createSessions({ store: redisStore(client as Client, { prefix: shared }), secret }),
      ),
    );
    for (const sessions of engines) sessions.subscribe(({ type }) => told.push(type));
    let isRunning = true;
    let [rotated, refused] = [0, 0];
    /** Refreshes again and again, each time under one attempt until it is answered, as a client does. */
    const person = async (number: number): Promise<void> => {
      const sessions = engines[number % engines.length] as (typeof engines)[0];
      let { refreshToken = "" } = await sessions.issue({ subject: `person ${number}` });
      for (let step = 0; isRunning; step += 1) {
        const attempt = `attempt-of-${number}-step-${step}`;
        for (let isAnswered = false; !isAnswered; ) {
          try {
            const grant = await sessions.refresh({ refreshToken, attempt });
            refreshToken = grant.refreshToken ?? refreshToken;
            isAnswered = true;
            rotated += 1;
          } catch (error) {
            assert.ok(error instanceof PawlError && !error.terminal, `person ${number} was told ${error}`);
            refused += 1;
            await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const everybody = Promise.all(Array.from({ length: people }, (_, number) => person(number)));
    everybody.catch(() => {});
    await eventually("refreshes", async () => rotated > 500);
    await sentinels.primary.crash();
    const before = rotated;
    await eventually("the new primary", async () => (await sentinels.replica.command("ROLE")).startsWith("master"));
    await eventually("refreshes after the failover", async () => rotated > before + 500);
    isRunning = false;
    await everybody;
    const rolledBack = told.filter((type) => type === "store_rolled_back").length;
    t.diagnostic(`${rotated} refreshes, ${refused} had to be tried again, ${rolledBack} found their last write lost`);
    assert.ok(refused > 0);
    assert.ok(!told.includes("session_revoked"));
    for (const sessions of engines) await sessions.close();
  });
});

const shared = freshPrefix();
