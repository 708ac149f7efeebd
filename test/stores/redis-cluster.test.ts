// The Redis store on a Cluster of three primaries, by both drivers: the store suite, where the keys are, and a slot that
// moves to another node while it is used.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { redisStore } from "../../src/stores/redis.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { eventually, type RedisServer, skip, startCluster } from "../services/redis.ts";
import { type Client, freshPrefix, ioredisIn, ioredisOn, nodeRedisIn, underTestOn } from "./redis-clients.ts";

describe("a Redis Cluster", { skip }, () => {
  let nodes: readonly RedisServer[];
  let [ioredis, nodeRedis]: Client[] = [];
  before(async () => {
    nodes = await startCluster();
    ioredis = ioredisIn(nodes);
    nodeRedis = await nodeRedisIn(nodes);
  });
  storeSuite(
    "redis cluster by ioredis",
    underTestOn(() => ioredis as Client),
  );
  storeSuite(
    "redis cluster by redis",
    underTestOn(() => nodeRedis as Client),
  );

  it("keeps all keys of a store on one node", async () => {
    const prefix = freshPrefix();
    const store = redisStore(ioredis as Client, { prefix });
    await store.open();
    const samples = createSamples();
    for (let count = 0; count < 20; count += 1) await store.insert(samples.record());
    await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]);
    const keys = await Promise.all(nodes.map((node) => node.command("KEYS", `{${prefix}}:*`)));
    assert.equal(keys.filter((found) => found !== "").length, 1);
    await store.close();
  });

  it("is refused to a client of a single server", async () => {
    const codes = await Promise.all(
      nodes.map(async ({ url }) => {
        const store = redisStore(ioredisOn(url), { prefix: "pawl-cluster" });
        const outcome = await store.open().then(
          () => "open",
          ({ code, detail }) => `${code} ${detail}`,
        );
        await store.close();
        return outcome;
      }),
    );
    assert.equal(codes.filter((code) => /^store_unavailable .*client for clusters/.test(code)).length, 2);
  });

  it("never takes a session for gone while its slot is half way to another node", async () => {
    const prefix = freshPrefix();
    const samples = createSamples();
    const records = Array.from({ length: 10 }, () => samples.record({ subject: "ana" }));
    const stores = [ioredis, nodeRedis].map((client) => redisStore(client as Client, { prefix }));
    for (const store of stores) await store.open();
    for (const record of records) await stores[0]?.insert(record);
    const slot = (await nodes[0]?.command("CLUSTER", "KEYSLOT", `{${prefix}}`)) as string;
    const ids = await Promise.all(nodes.map((node) => node.command("CLUSTER", "MYID")));
    const counts = await Promise.all(nodes.map((node) => node.command("KEYS", `{${prefix}}:*`)));
    const from = counts.findIndex((found) => found !== "");
    const to = (from + 1) % nodes.length;
    const [source, target] = [nodes[from], nodes[to]] as [RedisServer, RedisServer];
    const setSlot = (node: RedisServer, ...words: string[]) => node.command("CLUSTER", "SETSLOT", slot, ...words);
    await setSlot(target, "IMPORTING", ids[from] as string);
    await setSlot(source, "MIGRATING", ids[to] as string);
    const keys = (await source.command("CLUSTER", "GETKEYSINSLOT", slot, "1000")).split("\n").filter(Boolean);
    const half = keys.filter((_key, index) => index % 2 === 0);
    const move = (moved: readonly string[]) =>
      source.command("MIGRATE", "127.0.0.1", String(target.port), "", "0", "5000", "KEYS", ...moved);
    await move(half);
    let refused = 0;
    const known = new Map(records.map((record) => [record.sid, record]));
    for (const store of stores) {
      for (const { sid } of records) {
        const read = await store.read(sid).catch(({ code }) => code as string);
        if (read === "store_unavailable") refused += 1;
        else assert.deepEqual(read, known.get(sid), "a session is there, or nobody knows");
        const before = known.get(sid) as (typeof records)[0];
        const next = samples.refreshed(before);
        const written = await store.commit(next, before.version).catch(({ code }) => code as string);
        assert.ok(written === true || written === "store_unavailable", `a commit was answered with ${written}`);
        if (written === true) known.set(sid, next);
        else refused += 1;
      }
      await assert.rejects(store.insert(samples.record({ subject: "ana" })), { code: "store_unavailable" });
    }
    await move(keys.filter((key) => !half.includes(key)));
    for (const node of [target, source, ...nodes]) await setSlot(node, "NODE", ids[to] as string);
    for (const store of stores) {
      await eventually("the Cluster", async () => (await store.ping()) === undefined);
      assert.deepEqual(await store.listAll(undefined, 100), [...known.values()]);
      assert.equal((await store.listBySubject("ana", 100)).length, records.length);
      await store.close();
    }
    assert.ok(refused > 0, "nothing was half way");
  });
});
