// Races that the shared suites do not make: documents written with overlapping keys in any order, sweeps that meet, and a
// database whose default isolation makes it undo statements for the sake of others.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { describe, it } from "node:test";
import pg from "pg";
import type { DocumentChange, Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import { createRandom } from "../../src/testing/random.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import { postgresDatabases } from "./postgres-databases.ts";

const server = postgresServer(18);
const { fresh, on } = postgresDatabases(server);

/** Several instances on one fresh schema, each with its own connections. */
async function instances(t: TestContext, count: number): Promise<Store[]> {
  const schema = fresh();
  const stores = await Promise.all(Array.from({ length: count }, (_, index) => on(schema, index)));
  for (const store of stores) {
    t.after(() => store.close());
    await store.open();
  }
  return stores;
}

describe("races on Postgres", { skip: postgresMissing(18) }, () => {
  it("writers of overlapping documents in any order lose no write, and nobody waits in a circle", async (t) => {
    const stores = await instances(t, 3);
    const keys = ["a", "b", "c", "d", "e"];
    const written = new Map<string, number>();
    const writer = async (number: number): Promise<number> => {
      const random = createRandom(number);
      const store = stores[number % stores.length] as Store;
      let won = 0;
      for (let round = 0; round < 25; round += 1) {
        const chosen = keys.toSorted(() => random() - 0.5).slice(0, 3);
        const read = await Promise.all(chosen.map((key) => store.readDocument(key)));
        const value = `writer ${number}, round ${round}`;
        const changes = chosen.map((key, at) => ({ key, expectedVersion: read[at]?.version ?? 0, value }));
        if (!(await store.writeDocuments(changes))) continue;
        won += 1;
        for (const key of chosen) written.set(key, (written.get(key) ?? 0) + 1);
      }
      return won;
    };
    const won = await Promise.all(Array.from({ length: 12 }, (_, number) => writer(number)));
    assert.ok(won.reduce((sum, each) => sum + each, 0) > 25);
    const versions = (await (stores[0] as Store).listDocuments("", undefined, 10)).map(
      ({ key, version }) => [key, version] as const,
    );
    assert.deepEqual(versions, [...written].toSorted());
  });

  it("of two writers, each of whom needs that the other's document is not there, one wins", async (t) => {
    const [one, other] = (await instances(t, 2)) as [Store, Store];
    for (let round = 0; round < 40; round += 1) {
      const [x, y] = [`x ${round}`, `y ${round}`] as [string, string];
      const absent = (key: string): DocumentChange => ({ key, expectedVersion: 0, value: null });
      const made = (key: string): DocumentChange => ({ key, expectedVersion: 0, value: "" });
      const results = await Promise.all([
        one.writeDocuments([absent(x), made(y)]),
        other.writeDocuments([absent(y), made(x)]),
      ]);
      assert.deepEqual(results.toSorted(), [false, true], `round ${round}`);
    }
  });

  it("sweeps that meet remove each row once, and spare one that was used meanwhile", async (t) => {
    const stores = await instances(t, 3);
    const [store] = stores as [Store];
    const samples = createSamples();
    const records = Array.from({ length: 300 }, () => samples.record());
    await Promise.all(records.map((record) => store.insert(record)));
    const gone = Array.from({ length: 50 }, () => samples.record());
    for (const record of gone) {
      await store.insert(record);
      await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: 1, exp: 10 });
    }
    const used = records[150] as SessionRecord;
    const usedNext = samples.refreshed(used);
    const sweep = async (each: Store): Promise<number> => {
      let removed = 0;
      for (let from: string | undefined; ; ) {
        const step = await each.purge((record) => record.version === 1, 100, from, 20);
        removed += step.removed;
        from = step.next;
        if (from === undefined) return removed;
      }
    };
    const using = store.commit(usedNext, 1);
    const removed = await Promise.all([...stores, ...stores].map(sweep));
    const left = await store.listAll(undefined, 1000);
    const wasUsed = await using;
    // Rows of version 1 that a sweep passed over because another had them are gone all the same.
    assert.deepEqual(
      left.map(({ sid }) => sid),
      [...(wasUsed ? [used.sid] : []), ...gone.map(({ sid }) => sid)],
    );
    const expected = records.length - (wasUsed ? 1 : 0) + gone.length;
    assert.equal(
      removed.reduce((sum, each) => sum + each, 0),
      expected,
    );
    assert.deepEqual((await store.revocationsAfter(undefined, 0, 100)).revocations, []);
  });

  it("a database that undoes one of two statements at once still lets exactly one of many writers win", async (t) => {
    const url = new URL(await server.url());
    url.searchParams.set("options", "-c default_transaction_isolation=serializable");
    const pool = new pg.Pool({ connectionString: url.href, max: 40 });
    t.after(() => pool.end());
    const store = postgresStore(pool, { schema: fresh() });
    await store.open();
    t.after(() => store.close());
    const samples = createSamples();
    for (let round = 0; round < 10; round += 1) {
      const record = samples.record();
      await store.insert(record);
      const exp = 2_000_000_000;
      const commits = Array.from({ length: 8 }, (_, writer) =>
        store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: writer, exp }),
      );
      assert.equal((await Promise.all(commits)).filter(Boolean).length, 1);
      const key = `k ${round}`;
      const writes = Array.from({ length: 8 }, () => store.writeDocuments([{ key, expectedVersion: 0, value: "" }]));
      assert.equal((await Promise.all(writes)).filter(Boolean).length, 1);
    }
    assert.equal((await store.revocationsAfter(undefined, 0, 100)).revocations.length, 10);
    // Endings of many sessions at once all append to the one feed.
    const records = Array.from({ length: 200 }, () => samples.record());
    for (const record of records) await store.insert(record);
    const endings = records.map((record) =>
      store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: 1, exp: 2_000_000_000 }),
    );
    assert.deepEqual(new Set(await Promise.all(endings)), new Set([true]));
    assert.equal((await store.revocationsAfter(undefined, 0, 1_000)).revocations.length, 210);
  });
});
