// The Redis store behind Sentinel, by both drivers: the store suite, and failovers under refreshes. Replication is
// asynchronous, so a failover may lose the newest acknowledged writes; nobody who is honest may be signed out by it.

import assert from "node:assert/strict";
import { before, describe, it, type TestContext } from "node:test";
import { createSessions, type Grant, PawlError, type Sessions } from "../../src/index.ts";
import { redisStore } from "../../src/stores/redis.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { eventually, type RedisSentinels, skip, startSentinels } from "../services/redis.ts";
import { type Client, freshPrefix, ioredisBehind, nodeRedisBehind, underTestOn } from "./redis-clients.ts";

const secret = Buffer.alloc(32, 7).toString("base64url");
const people = 20;
const pauseMilliseconds = 100;

/** People who refresh again and again, each refresh under one attempt until it is answered, as clients do. */
interface Crowd {
  /** Refreshes that were answered, and those that had to be tried again. */
  readonly counts: { rotated: number; refused: number };
  /** The events of all engines. */
  readonly told: string[];
  /** How many refreshes each person may have made by now; raise it to let them go on. */
  allowed: number;
  /** Waits until so many refreshes were answered. Rejects when somebody was told that the session is over. */
  until(rotated: number): Promise<void>;
  /** Rejects when somebody was told that the session is over; resolves once all have made what they may. */
  end(): Promise<void>;
}

/** Signs them in on one engine for each client. */
async function gather(t: TestContext, clients: readonly Client[]): Promise<Crowd> {
  const prefix = freshPrefix();
  const engines: Sessions[] = [];
  const crowd = { counts: { rotated: 0, refused: 0 }, told: [] as string[], allowed: 0 };
  for (const client of clients) {
    const sessions = await createSessions({ store: redisStore(client, { prefix }), secret });
    sessions.subscribe(({ type }) => crowd.told.push(type));
    engines.push(sessions);
  }
  let [isOver, isGivenUp] = [false, false];
  t.after(() => {
    isGivenUp = true;
  });
  /** Tries again as long as the answer is no verdict. */
  const persist = async (work: () => Promise<Grant>): Promise<Grant> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        assert.ok(error instanceof PawlError && !error.terminal, `somebody was told ${error}`);
        if (isGivenUp) throw error;
        crowd.counts.refused += 1;
        await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
      }
    }
  };
  const live = async (number: number): Promise<void> => {
    const sessions = engines[number % engines.length] as Sessions;
    let { refreshToken = "" } = await persist(() => sessions.issue({ subject: `person ${number}` }));
    for (let step = 0; !isGivenUp && !(isOver && step >= crowd.allowed); ) {
      if (step < crowd.allowed) {
        const input = { refreshToken, attempt: `attempt-of-${number}-step-${step}` };
        refreshToken = (await persist(() => sessions.refresh(input))).refreshToken ?? refreshToken;
        crowd.counts.rotated += 1;
        step += 1;
      } else await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const everybody = Promise.all(Array.from({ length: people }, (_, number) => live(number)));
  everybody.catch(() => {});
  return Object.assign(crowd, {
    until: async (rotated: number) => {
      const reached = eventually(`${rotated} refreshes`, async () => crowd.counts.rotated >= rotated);
      await Promise.race([reached, everybody]);
    },
    end: async () => {
      isOver = true;
      await everybody;
      for (const sessions of engines) await sessions.close();
    },
  });
}

async function promoted({ replica }: RedisSentinels): Promise<void> {
  await eventually("the new primary", async () => (await replica.command("ROLE")).startsWith("master"));
}

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
    const crowd = await gather(t, [ioredis as Client, nodeRedis as Client]);
    const { counts } = crowd;
    crowd.allowed = 50;
    await crowd.until(500);
    await sentinels.primary.crash();
    await promoted(sentinels);
    crowd.allowed = 100;
    await crowd.end();
    assert.equal(counts.rotated, people * crowd.allowed);
    assert.ok(counts.refused > 0, "nobody was in the middle of it");
    t.diagnostic(`${counts.rotated} refreshes, ${counts.refused} had to be tried again`);
  });

  it("signs nobody out when the failover loses the last refresh of everybody", async (t) => {
    const mine = await startSentinels();
    const crowd = await gather(t, [ioredisBehind(mine), await nodeRedisBehind(mine)]);
    const { counts, told } = crowd;
    crowd.allowed = 10;
    await crowd.until(people * 10);
    assert.equal(await mine.primary.command("WAIT", "1", "10000"), "1");
    // From here on nothing reaches the replica, and it does not come back before the primary is dead.
    mine.replica.signal("SIGSTOP");
    await mine.primary.command("CLIENT", "KILL", "TYPE", "replica");
    crowd.allowed = 11;
    await crowd.until(people * 11);
    await mine.primary.crash();
    mine.replica.signal("SIGCONT");
    crowd.allowed = 30;
    await promoted(mine);
    await crowd.end();
    const rolledBack = told.filter((type) => type === "store_rolled_back").length;
    t.diagnostic(`${rolledBack} of ${people} last refreshes were lost, ${counts.refused} had to be tried again`);
    assert.equal(rolledBack, people);
    assert.ok(!told.includes("session_revoked"));
  });
});
