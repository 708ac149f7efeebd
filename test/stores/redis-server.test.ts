// The Redis store and its server: what survives a crash, what callers see while the server is away, refuses or has
// forgotten, what foreign values do, and what a session costs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/index.ts";
import { createSessions } from "../../src/index.ts";
import { type RedisOptions, redisStore } from "../../src/stores/redis.ts";
import { callsMax } from "../../src/stores/redis-calls.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { eventually, type RedisServer, skip, startRedis } from "../services/redis.ts";
import { type Client, freshPrefix, ioredisOn, nodeRedisOn } from "./redis-clients.ts";

const drivers: readonly (readonly [string, (url: string) => Client | Promise<Client>])[] = [
  ["ioredis", ioredisOn],
  ["redis", nodeRedisOn],
];
const secret = Buffer.alloc(32, 7).toString("base64url");
const farFuture = 2_000_000_000;

async function opened(client: Client, options: RedisOptions = {}) {
  const prefix = options.prefix ?? freshPrefix();
  const store = redisStore(client, { ...options, prefix });
  await store.open();
  return { store, prefix };
}

describe("a Redis server", { skip }, () => {
  for (const [name, connect] of drivers) {
    it(`keeps everything that was acknowledged over kill -9 (${name})`, async () => {
      const server = await startRedis();
      const { store } = await opened(await connect(server.url));
      const samples = createSamples();
      const acknowledged = new Map<string, unknown>();
      let isRunning = true;
      const write = async (): Promise<void> => {
        while (isRunning) {
          const record = samples.record();
          const next = samples.refreshed(record);
          // Noted only when it was answered; what was not may be there or not.
          if (await store.insert(record)) acknowledged.set(record.sid, record);
          acknowledged.delete(record.sid);
          if (await store.commit(next, 1)) acknowledged.set(record.sid, next);
        }
      };
      const writers = Promise.allSettled(Array.from({ length: 20 }, write));
      await eventually("a hundred writes", async () => acknowledged.size >= 100);
      await server.crash();
      isRunning = false;
      for (const { status, reason } of (await writers) as PromiseRejectedResult[]) {
        if (status === "rejected") assert.equal(reason.code, "store_unavailable");
      }
      await server.restart();
      await eventually("the connection", async () => (await store.ping()) === undefined);
      for (const [sid, record] of acknowledged) assert.deepEqual(await store.read(sid), record);
      await store.close();
    });

    it(`makes scripts known again that the server forgot (${name})`, async () => {
      const server = await startRedis();
      const { store } = await opened(await connect(server.url));
      const samples = createSamples();
      const record = samples.record();
      const next = samples.refreshed(record);
      for (const step of [
        () => store.insert(record),
        () => store.commit(next, 1),
        () => store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]),
      ]) {
        await server.command("SCRIPT", "FLUSH");
        assert.equal(await step(), true);
      }
      await server.command("SCRIPT", "FLUSH");
      assert.deepEqual(await store.listAll(undefined, 10), [next]);
      await store.close();
    });

    it(`answers or says store_unavailable while all connections are cut, then goes on (${name})`, async () => {
      const server = await startRedis();
      const { store } = await opened(await connect(server.url));
      const samples = createSamples();
      let [answered, refused] = [0, 0];
      let isRunning = true;
      const work = async (): Promise<void> => {
        while (isRunning) {
          const record = samples.record();
          try {
            assert.equal(await store.insert(record), true);
            assert.deepEqual(await store.read(record.sid), record);
            answered += 1;
          } catch (error) {
            assert.equal((error as { code?: string }).code, "store_unavailable");
            refused += 1;
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        }
      };
      const workers = Promise.all(Array.from({ length: 20 }, work));
      for (let cut = 0; cut < 8; cut += 1) {
        const before = answered;
        await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await eventually("answers", async () => answered > before + 50);
      }
      isRunning = false;
      await workers;
      assert.ok(refused > 0, "a connection was cut under a call");
      await store.close();
    });

    it(`gives up in bounded time while the server stands still, and goes on after (${name})`, async () => {
      const server = await startRedis();
      const { store } = await opened(await connect(server.url), { timeoutMilliseconds: 500 });
      const samples = createSamples();
      const record = samples.record();
      await store.insert(record);
      server.signal("SIGSTOP");
      const start = performance.now();
      const next = samples.refreshed(record);
      const calls = [store.read(record.sid), store.commit(next, 1), store.ping(), store.listAll(undefined, 10)];
      for (const call of calls) await assert.rejects(call, { code: "store_unavailable" });
      assert.ok(performance.now() - start < 10_000);
      server.signal("SIGCONT");
      await eventually("an answer", async () => (await store.ping()) === undefined);
      const after = await store.read(record.sid);
      // The write was given up, not undone: it may have happened, as a whole.
      assert.deepEqual(after, after?.version === 2 ? next : record);
      server.signal("SIGSTOP");
      const closing = store.close();
      await closing;
      server.signal("SIGCONT");
    });

    it(`says store_unavailable at once while nobody listens (${name})`, async () => {
      const server = await startRedis();
      const { store } = await opened(await connect(server.url), { timeoutMilliseconds: 500 });
      await server.crash();
      for (let round = 0; round < 3; round += 1) await assert.rejects(store.ping(), { code: "store_unavailable" });
      await store.close();
    });

    it(`tells a listener again after its connection was cut (${name})`, async () => {
      const server = await startRedis();
      const { store } = await opened(await connect(server.url));
      const samples = createSamples();
      let heard = 0;
      const stop = store.watchRevocations?.(() => {
        heard += 1;
      });
      await eventually("listening", async () => heard > 0);
      for (let round = 0; round < 3; round += 1) {
        const before = heard;
        await server.command("CLIENT", "KILL", "TYPE", "pubsub");
        await eventually("listening again", async () => heard > before);
        const told = heard;
        const record = samples.record();
        await store.insert(record);
        await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: 1, exp: farFuture });
        await eventually("the message", async () => heard > told);
      }
      stop?.();
      await eventually(
        "the end of the connection",
        async () => !(await server.command("CLIENT", "LIST")).includes("sub=1"),
      );
      await store.close();
    });

    it(`recognises a write that the driver sent twice (${name})`, async () => {
      const server = await startRedis();
      const client = await connect(server.url);
      const { store } = await opened(twice(client));
      const samples = createSamples();
      const record = samples.record();
      const revocation = { sid: record.sid, notBefore: 1, exp: farFuture };
      assert.equal(await store.insert(record), true);
      const next = samples.refreshed(record);
      assert.equal(await store.commit(next, 1), true);
      assert.equal(await store.commit(samples.ended(next), 2, revocation), true);
      assert.equal(
        await store.commit(samples.ended(next), 2, revocation),
        false,
        "a write of its own that comes later",
      );
      assert.deepEqual((await store.revocationsAfter(undefined, 0, 10)).revocations, [revocation]);
      assert.equal(await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]), true);
      assert.equal((await store.readDocument("k"))?.version, 1);
      await store.close();
    });
  }

  it("has a bounded number of calls under way: what is beyond is refused at once", async () => {
    const server = await startRedis();
    const { store } = await opened(ioredisOn(server.url), { timeoutMilliseconds: 60_000 });
    server.signal("SIGSTOP");
    const waiting = Array.from({ length: callsMax }, () => store.ping());
    await assert.rejects(
      store.ping(),
      ({ code, facts }) => code === "store_unavailable" && /too many/.test(facts.cause),
    );
    server.signal("SIGCONT");
    await Promise.all(waiting);
    await store.ping();
    await store.close();
  });

  it("is refused when it may drop keys, and when it is one of a Cluster or a replica", async () => {
    const server = await startRedis("--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl");
    const store = redisStore(ioredisOn(server.url));
    await assert.rejects(store.open(), { code: "store_incompatible", message: /volatile-ttl.*noeviction/ });
    await server.command("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await store.open();
    const record = createSamples().record();
    await server.command("REPLICAOF", "127.0.0.1", "1");
    await assert.rejects(store.insert(record), { code: "store_unavailable", message: /read-only replica/ });
    await server.command("REPLICAOF", "NO", "ONE");
    await server.command("CONFIG", "SET", "maxmemory", "1mb");
    await assert.rejects(store.insert(record), { code: "store_unavailable", message: /no memory/ });
    assert.equal(await store.read(record.sid), undefined);
    assert.equal(await server.command("KEYS", "*"), "{pawl}:format", "nothing was written by halves");
    await store.close();
  });

  it("is told to be unsafe without an append-only file, and is used where it may not be asked", async () => {
    const server = await startRedis("--appendonly", "no");
    const warnings: string[] = [];
    const { store } = await opened(ioredisOn(server.url), { warn: (sentence) => warnings.push(sentence) });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] as string, /append-only/);
    await store.close();
    // The user of the documentation, but for one right.
    const line = /^ACL SETUSER pawl on >password (.+) \+info (.+)$/m.exec(readFileSync(manual, "utf8"));
    const rights = `${line?.[1]} ${line?.[2]}`.replaceAll("{pawl}", "{pawl-limited}").split(" ");
    await server.command("ACL", "SETUSER", "limited", "on", ">pw", ...rights);
    const client = (): Client => ioredisOn(server.url.replace("//", "//limited:pw@"), false);
    const limited = await opened(client(), { prefix: "pawl-limited" });
    await usedUp(limited.store);
    await limited.store.close();
    await server.command("ACL", "SETUSER", "limited", "-@write");
    const refused = redisStore(client(), { prefix: "pawl-limited" });
    await refused.open();
    const rejected = { code: "store_unavailable", message: /does not let this user/ };
    await assert.rejects(refused.insert(createSamples(2).record()), rejected);
    await refused.close();
  });
});

const manual = new URL("../../docs/reference/redis.md", import.meta.url);

/** Does one of everything. */
async function usedUp(store: Store): Promise<void> {
  const samples = createSamples();
  const record = samples.record();
  let heard = 0;
  store.watchRevocations?.(() => {
    heard += 1;
  });
  await eventually("listening", async () => heard > 0);
  assert.equal(await store.insert(record), true);
  assert.equal((await store.listBySubject(record.subject, 10)).length, 1);
  const before = heard;
  assert.equal(await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: 1, exp: 2 }), true);
  await eventually("the message", async () => heard > before);
  assert.equal((await store.revocationsAfter(undefined, 0, 10)).revocations.length, 1);
  assert.equal(await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]), true);
  assert.equal((await store.listDocuments("k", undefined, 10)).length, 1);
  assert.equal(await store.writeDocuments([{ key: "k", expectedVersion: 1, value: null }]), true);
  assert.deepEqual(await store.purge(() => true, 3, undefined, 10), { removed: 2, next: undefined });
  assert.ok(await store.now?.());
  await store.ping();
}

/** A client that sends every command twice and gives the second answer, as after a connection that broke. */
function twice(client: Client): Client {
  const repeat =
    <Input extends unknown[]>(call: (...input: Input) => Promise<unknown>) =>
    async (...input: Input): Promise<unknown> => {
      await call(...input);
      return await call(...input);
    };
  if ("callBuffer" in client) {
    return { callBuffer: repeat(client.callBuffer.bind(client)), duplicate: () => client.duplicate() };
  }
  return {
    duplicate: () => client.duplicate(),
    withTypeMapping: (mapping) => {
      const commands = client.withTypeMapping(mapping);
      return { eval: repeat(commands.eval.bind(commands)), evalSha: repeat(commands.evalSha.bind(commands)) };
    },
  };
}

describe("what is stored in Redis", { skip }, () => {
  /** A server, a store on it, and the key of a session. */
  async function stage(...words: string[]): Promise<{ server: RedisServer } & Awaited<ReturnType<typeof opened>>> {
    const server = await startRedis(...words);
    return { server, ...(await opened(ioredisOn(server.url))) };
  }

  it("is refused with a typed error where a key holds something else", async () => {
    const { server, store, prefix } = await stage();
    const samples = createSamples();
    const [foreign, damaged, taken] = [samples.record(), samples.record(), samples.record()];
    await server.command("LPUSH", `{${prefix}}:s:${foreign.sid}`, "x");
    await store.insert(damaged);
    await server.command("SETRANGE", `{${prefix}}:s:${damaged.sid}`, "60", "damaged");
    const incompatible = { code: "store_incompatible" };
    await assert.rejects(store.read(foreign.sid), incompatible);
    await assert.rejects(store.insert(foreign), incompatible);
    await assert.rejects(store.read(damaged.sid), incompatible);
    await assert.rejects(store.listAll(undefined, 10), incompatible);
    assert.deepEqual(await store.purge(() => true, 0, undefined, 10), { removed: 0, next: undefined });
    for (const value of ["", "short", "x".repeat(40)]) {
      await server.command("SET", `{${prefix}}:s:${foreign.sid}`, value);
      await assert.rejects(store.read(foreign.sid), incompatible, value);
      assert.equal(await store.commit(samples.refreshed(foreign), 1), false);
    }
    for (const index of ["feed", "ids", `u:${taken.subject}`]) {
      await server.command("SET", `{${prefix}}:${index}`, "x");
      await assert.rejects(
        index === "feed"
          ? store.commit(samples.ended(damaged), 1, { sid: damaged.sid, notBefore: 1, exp: 2 })
          : store.insert(taken),
        incompatible,
        index,
      );
      await server.command("DEL", `{${prefix}}:${index}`);
    }
    assert.equal(await store.read(taken.sid), undefined, "nothing was written by halves");
    await server.command("ZADD", `{${prefix}}:feed`, "1", "nonsense");
    await assert.rejects(store.revocationsAfter(undefined, 0, 10), incompatible);
    await server.command("SET", `{${prefix}}:format`, "2");
    await assert.rejects(opened(ioredisOn(server.url), { prefix }), incompatible);
    await store.close();
  });

  it("goes by itself long after a session is over, and lists and purge do without it", async () => {
    const { server, store, prefix } = await stage();
    const samples = createSamples();
    const records = Array.from({ length: 6 }, () => samples.record({ subject: "ana" }));
    for (const record of records) await store.insert(record);
    const [first, second, third, fourth] = records as [SessionRecord, SessionRecord, SessionRecord, SessionRecord];
    const days = async (key: string): Promise<number> =>
      Math.round(Number(await server.command("PTTL", `{${prefix}}:${key}`)) / 86_400_000);
    assert.equal(await days(`s:${first.sid}`), 30 + 90);
    await store.commit(samples.ended(first), 1, { sid: first.sid, notBefore: 1, exp: farFuture });
    assert.equal(await days(`s:${first.sid}`), 90);
    assert.equal(await days("feed"), 90);
    for (const gone of [second, fourth]) await server.command("DEL", `{${prefix}}:s:${gone.sid}`);
    const left = [samples.ended(first), ...records.slice(2).filter((record) => record !== fourth)];
    assert.deepEqual(await store.listAll(undefined, 3), left.slice(0, 3));
    assert.deepEqual(await store.listAll(first.sid, 10), left.slice(1));
    assert.deepEqual(await store.listBySubject("ana", 2), left.slice(2).toReversed());
    assert.deepEqual(await store.listBySubject("ana", 3), left.slice(1).toReversed());
    assert.equal(await store.read(second.sid), undefined);
    // As if it had been ended between the look at the index and the look at the sessions.
    await ioredisOn(server.url).zadd(`{${prefix}}:u:ana`, 0, Buffer.from(first.sid, "base64url"));
    assert.deepEqual(await store.listBySubject("ana", 4), left.slice(1).toReversed());
    assert.deepEqual(await store.purge((record) => record.sid === third.sid, 0, undefined, 100), {
      removed: 1,
      next: undefined,
    });
    assert.equal(await server.command("ZCARD", `{${prefix}}:ids`), "3");
    assert.equal(await server.command("ZCARD", `{${prefix}}:u:ana`), "3");
    await store.close();
  });

  it("takes the same bytes and keys after 1,000 refreshes as after twenty", async (t) => {
    const { server, store, prefix } = await stage();
    const sessions = await createSessions({ store, secret });
    let { refreshToken = "", record } = await sessions.issue({ subject: "ana", userAgent: "curl/8.0" });
    const look = async () => ({
      bytes: Number(await server.command("MEMORY", "USAGE", `{${prefix}}:s:${record.sid}`)),
      keys: (await server.command("KEYS", `{${prefix}}:*`)).split("\n").toSorted(),
    });
    const first = await look();
    let settled = first;
    for (let step = 1; step <= 1_000; step += 1) {
      const grant = await sessions.refresh({ refreshToken, attempt: `attempt-of-the-test-${step}` });
      refreshToken = grant.refreshToken as string;
      // The list of the last sixteen retirements is full by then.
      if (step === 20) settled = await look();
    }
    assert.deepEqual(await look(), settled);
    assert.deepEqual(settled.keys, first.keys);
    t.diagnostic(`bytes of a session's value: ${first.bytes} after sign-in, ${settled.bytes} from 20 refreshes on`);
    assert.ok(settled.bytes <= 448, `${settled.bytes} bytes`);
    await sessions.close();
  });

  it("may be an older copy: readers of the feed start over", async () => {
    const { server, store, prefix } = await stage();
    const samples = createSamples();
    const revoke = async (notBefore: number): Promise<void> => {
      const record = samples.record();
      await store.insert(record);
      await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore, exp: farFuture });
    };
    await revoke(1);
    const copy = await server.command("--raw", "EVAL", feedCopy, "2", `{${prefix}}:feed`, `{${prefix}}:sequence`);
    await revoke(2);
    const { cursor } = await store.revocationsAfter(undefined, 0, 10);
    const [entry = "", sequence = ""] = copy.split("\n");
    await server.command("DEL", `{${prefix}}:feed`);
    await server.command("ZADD", `{${prefix}}:feed`, sequence, entry);
    await server.command("SET", `{${prefix}}:sequence`, sequence);
    await revoke(3);
    const page = await store.revocationsAfter(cursor, 0, 10);
    assert.equal(page.restarted, true);
    assert.deepEqual(
      page.revocations.map(({ notBefore }) => notBefore),
      [1, 3],
    );
    await store.close();
  });

  it("is shared by stores of one prefix only, and a prefix of the client goes before it", async () => {
    const { server, store, prefix } = await stage();
    const other = await opened(ioredisOn(server.url));
    const record = createSamples().record();
    await store.insert(record);
    assert.deepEqual(await other.store.listAll(undefined, 10), []);
    const client = ioredisOn(server.url).duplicate({ keyPrefix: "app:" });
    const prefixed = await opened(client, { prefix });
    assert.deepEqual(await prefixed.store.listAll(undefined, 10), []);
    let heard = 0;
    prefixed.store.watchRevocations?.(() => {
      heard += 1;
    });
    await eventually("listening", async () => heard > 0);
    const before = heard;
    await prefixed.store.insert(record);
    await prefixed.store.commit(createSamples().ended(record), 1, { sid: record.sid, notBefore: 1, exp: farFuture });
    await eventually("the message", async () => heard > before);
    assert.equal((await server.command("KEYS", `app:{${prefix}}:s:*`)).split("\n").length, 1);
    for (const each of [store, other.store, prefixed.store]) await each.close();
    client.disconnect();
  });

  it("lets lists and purges of several scripts come to their end when the store closes", async () => {
    const { store } = await stage();
    const samples = createSamples();
    const records = Array.from({ length: 1_200 }, () => samples.record({ subject: "ana" }));
    await Promise.all(records.map((record) => store.insert(record)));
    const lists = [store.listAll(undefined, 2_000), store.listBySubject("ana", 2_000)];
    const purged = store.purge((record) => record.sid < "", 0, undefined, 2_000);
    await store.close();
    for (const list of await Promise.all(lists)) assert.equal(list.length, records.length);
    assert.deepEqual(await purged, { removed: 0, next: undefined });
  });

  it("has the clock of the server", async () => {
    const { store } = await stage();
    const now = (await store.now?.()) ?? 0;
    assert.ok(Math.abs(now - Date.now()) < 60_000);
    await store.close();
  });
});

const feedCopy = "return {redis.call('ZRANGE', KEYS[1], 0, 0)[1], redis.call('GET', KEYS[2])}";

it("refuses options out of bounds, and what is no client", () => {
  const client = { callBuffer: async () => 1, duplicate: () => assert.fail() };
  for (const prefix of ["", "a{b}", "ä", "x".repeat(65)]) {
    assert.throws(() => redisStore(client, { prefix }), { code: "invalid_option" });
  }
  for (const timeoutMilliseconds of [0, 99, 1.5, Number.NaN, 60_001]) {
    assert.throws(() => redisStore(client, { timeoutMilliseconds }), { code: "invalid_option" });
  }
  for (const nothing of [undefined, null, {}, "redis://localhost"]) {
    assert.throws(() => redisStore(nothing as unknown as Client), { code: "invalid_option" });
  }
});
