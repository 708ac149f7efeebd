// What the Redis store costs: bytes of the server for each session, and refreshes a second through the engine, for each
// driver. Needs a server of its own: `node bench/redis-store.ts redis://127.0.0.1:<port>` empties it.

import assert from "node:assert/strict";
import { cpus } from "node:os";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { createSessions, type Sessions } from "../src/index.ts";
import { redisStore } from "../src/stores/redis.ts";

const sessionsMeasured = 20_000;
const clients = 32;
const secondsMeasured = 5;
const userAgent =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

const url = process.argv[2] ?? assert.fail("usage: node bench/redis-store.ts redis://127.0.0.1:<port>");
const admin = new Redis(url);
const secret = Buffer.alloc(32, 1).toString("base64url");

async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await admin.info("memory"))?.[1]);
}

/** Signs people in, two devices each; resolves the bytes that one session takes. */
async function bytesOfSession(sessions: Sessions): Promise<number> {
  const before = await usedMemory();
  for (let start = 0; start < sessionsMeasured; start += clients) {
    const batch = Array.from({ length: clients }, (_, index) => Math.floor((start + index) / 2));
    await Promise.all(batch.map((user) => sessions.issue({ subject: `user-${user}`, userAgent, ip: "203.0.113.7" })));
  }
  return ((await usedMemory()) - before) / sessionsMeasured;
}

/** Refreshes a second of people who each wait for their answer. */
async function refreshesOfSecond(sessions: Sessions): Promise<number> {
  const end = performance.now() + secondsMeasured * 1000;
  const counts = await Promise.all(
    Array.from({ length: clients }, async (_, index) => {
      let { refreshToken = "" } = await sessions.issue({ subject: `bench-${index}`, userAgent });
      let count = 0;
      for (; performance.now() < end; count += 1) {
        const attempt = `attempt-of-${index}-number-${count}`;
        refreshToken = (await sessions.refresh({ refreshToken, attempt })).refreshToken ?? refreshToken;
      }
      return count;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0) / secondsMeasured;
}

const nodeRedis = createClient({ url });
await nodeRedis.connect();
const version = /redis_version:(\S+)/.exec(await admin.info("server"))?.[1];
const fsync = ((await admin.config("GET", "appendfsync")) as string[])[1];
const appendonly = ((await admin.config("GET", "appendonly")) as string[])[1];
console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, Redis ${version}`);
console.log(`appendonly ${appendonly}, appendfsync ${fsync}, ${clients} clients`);
for (const [name, client] of [
  ["ioredis", new Redis(url)],
  ["redis", nodeRedis],
] as const) {
  await admin.flushall();
  const sessions = await createSessions({ store: redisStore(client), secret });
  const bytes = await bytesOfSession(sessions);
  const refreshes = await refreshesOfSecond(sessions);
  console.log(`${name}: ${Math.round(bytes)} bytes a session, ${Math.round(refreshes)} refreshes a second`);
  await sessions.close();
  if (client instanceof Redis) client.disconnect();
}
nodeRedis.destroy();
admin.disconnect();
