// The Redis servers of a test file: started through here, they are ended and removed when it is done. PAWL_TEST_REDIS names
// one to use instead, which only the suites use and only under fresh prefixes. Owns whether there can be any.

import { spawnSync } from "node:child_process";
import { after } from "node:test";
import { endRedis } from "../../sim/services/redis.ts";

export type { RedisSentinels, RedisServer } from "../../sim/services/redis.ts";
export { eventually, startCluster, startRedis, startSentinels } from "../../sim/services/redis.ts";

const isInstalled = spawnSync("redis-server", ["--version"]).status === 0;
/** Why tests that start a server cannot run; `false` when they can, or have to. */
export const skip: string | false =
  isInstalled || process.env.CI === "true" ? false : "redis-server is not installed (Debian: redis-server)";
/** The server that the environment names for the suites, if any. */
export const givenUrl: string | undefined = process.env.PAWL_TEST_REDIS;

after(endRedis);
