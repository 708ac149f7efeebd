// What the Postgres store does when the database does not answer: connections cut while calls run, a server that goes and
// comes back, a pool that is used up, a lock that somebody keeps. Every call ends in bounded time, with `store_unavailable`
// or an answer, and afterwards the same store works.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { describe, it } from "node:test";
import pg from "pg";
import type { PawlError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { ownServerMissing, postgresServer } from "../services/postgres.ts";
import type { Library, PostgresDatabases } from "./postgres-databases.ts";
import { postgresDatabases } from "./postgres-databases.ts";

// Flushes as in production: what is acknowledged here has to outlive the server.
const server = postgresServer(18, { durable: true });
const patienceMilliseconds = 30_000;
const libraries: readonly Library[] = ["pg", "postgres"];

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Resolves when `check` does not fail any more. */
async function eventually(check: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + patienceMilliseconds;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await pause(50);
    }
  }
}

/** Cuts every connection but the one that asks. */
const cutAll =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";

/** Reads and commits in a circle until told to stop; resolves the codes of what failed. */
function keepBusy(store: Store, first: SessionRecord): { stop(): Promise<{ codes: unknown[]; commits: number }> } {
  const samples = createSamples(9);
  const codes: unknown[] = [];
  let commits = 0;
  let isRunning = true;
  const work = async (): Promise<void> => {
    while (isRunning) {
      try {
        const read = (await store.read(first.sid)) as SessionRecord;
        if (await store.commit(samples.refreshed({ ...read, generation: 1 }), read.version)) commits += 1;
      } catch (error) {
        codes.push((error as PawlError).code);
        await pause(5);
      }
    }
  };
  const workers = Array.from({ length: 8 }, work);
  return {
    stop: async () => {
      isRunning = false;
      await Promise.all(workers);
      return { codes, commits };
    },
  };
}

for (const library of libraries) {
  describe(`Postgres that goes away, with ${library}`, { skip: ownServerMissing(18) }, () => {
    const { create, ask } = postgresDatabases(server, { library });
    const opened = async (t: TestContext, making: Promise<Store> = create()): Promise<Store> => {
      const store = await making;
      t.after(() => store.close());
      await store.open();
      return store;
    };
    it("fails calls as unavailable while connections are cut, and goes on by itself", async (t) => {
      const store = await opened(t);
      const record = createSamples().record();
      await store.insert(record);
      const busy = keepBusy(store, record);
      t.after(busy.stop);
      for (let round = 0; round < 5; round += 1) {
        await pause(100);
        await ask(cutAll);
      }
      await eventually(() => store.ping());
      const { codes, commits } = await busy.stop();
      assert.ok(commits > 0);
      assert.deepEqual([...new Set(codes)], ["store_unavailable"]);
      const { version } = (await store.read(record.sid)) as SessionRecord;
      // A commit whose answer was cut off may have happened; one that was acknowledged must have.
      assert.ok(version > commits && version <= 1 + commits + codes.length, `${version}, ${commits}, ${codes.length}`);
      for (let call = 0; call < 20; call += 1) await store.ping();
    });

    it("listens again when the listening connection was cut, and says that something may have been missed", async (t) => {
      const store = await opened(t);
      let heard = 0;
      const stop = store.watchRevocations?.(() => {
        heard += 1;
      });
      assert.ok(stop);
      t.after(stop);
      await eventually(async () => assert.equal(heard, 1, "told once when it listens"));
      await ask(cutAll);
      await eventually(async () => assert.ok(heard >= 2, "told when it listens again"));
      const before = heard;
      const samples = createSamples();
      const record = samples.record();
      await eventually(() => store.ping());
      await store.insert(record);
      await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: 1, exp: 2_000_000_000 });
      await eventually(async () => assert.ok(heard > before, "told of an entry"));
      stop();
    });

    it("comes back after the server was away, listener included", async (t) => {
      const store = await opened(t);
      let heard = 0;
      t.after(store.watchRevocations?.(() => (heard += 1)) ?? (() => {}));
      await eventually(async () => assert.equal(heard, 1));
      await server.stop();
      for (let call = 0; call < 3; call += 1) await assert.rejects(store.ping(), { code: "store_unavailable" });
      await pause(1_500);
      await server.start();
      await eventually(() => store.ping());
      await eventually(async () => assert.ok(heard >= 2, "told when it listens again"));
    });

    it("keeps what was acknowledged when the server is killed, and goes on after it is back", async (t) => {
      const store = await opened(t);
      const samples = createSamples();
      const record = samples.record();
      await store.insert(record);
      const busy = keepBusy(store, record);
      t.after(busy.stop);
      await pause(300);
      await server.crash();
      await pause(200);
      await eventually(() => server.start());
      await eventually(() => store.ping());
      const { codes, commits } = await busy.stop();
      assert.ok(commits > 0);
      assert.deepEqual([...new Set(codes)], ["store_unavailable"]);
      const { version } = (await store.read(record.sid)) as SessionRecord;
      assert.ok(version > commits && version <= 1 + commits + codes.length, `${version}, ${commits}, ${codes.length}`);
      assert.equal(await store.commit(samples.refreshed({ ...record, version }), version), true);
    });

    it("gives up calls that wait for somebody's lock, and gives right answers when that is gone", async (t) => {
      const { fresh, on } = small[library][0] as PostgresDatabases;
      const schema = fresh();
      const store = await opened(t, on(schema, 0, { timeoutMilliseconds: 500 }));
      const samples = createSamples();
      const record = samples.record();
      await store.insert(record);
      const checkAnswers = async (): Promise<void> => {
        const [read, other, missing, document, now] = await Promise.all([
          store.read(record.sid),
          store.read(samples.record().sid),
          store.readDocument("none"),
          store.readDocument("k"),
          store.now?.(),
        ]);
        assert.equal(read?.sid, record.sid);
        assert.ok(read.version === 1 || read.version === 2, "a commit that was given up may still have happened");
        assert.deepEqual([other, missing], [undefined, undefined]);
        assert.equal(document?.value ?? "v", "v");
        assert.ok(Number(now) > 1_700_000_000_000);
      };
      // Prepared now, so that postgres.js sends one behind the other without waiting.
      await checkAnswers();
      const holder = new pg.Client({ connectionString: await server.url() });
      holder.on("error", () => {});
      t.after(() => holder.end());
      await holder.connect();
      await holder.query("BEGIN");
      await holder.query(`LOCK TABLE ${schema}.sessions, ${schema}.document_turn, ${schema}.feed_head`);
      const calls = [
        () => store.read(record.sid),
        () => store.commit(samples.refreshed(record), 1),
        () => store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]),
        () => store.readDocument("k"),
        () => store.read(record.sid),
        () => store.ping(),
      ];
      const start = performance.now();
      await Promise.all(calls.map((call) => assert.rejects(call(), { code: "store_unavailable" })));
      const took = performance.now() - start;
      assert.ok(took >= 400 && took < patienceMilliseconds, `took ${took} ms`);
      // On their way behind the calls that were given up: whatever still comes of those must not answer these.
      const behind = Array.from({ length: 10 }, checkAnswers);
      await holder.query("ROLLBACK");
      for (const { reason } of (await Promise.allSettled(behind)).filter((each) => each.status === "rejected")) {
        assert.equal(reason.code, "store_unavailable", reason.message);
        assert.match(reason.cause?.message, /did not answer|timeout|canceling statement|came too late/);
      }
      await eventually(() => store.ping());
      for (let round = 0; round < 20; round += 1) await checkAnswers();
    });
  });

  describe(`a pool that is used up, with ${library}`, { skip: ownServerMissing(18) }, () => {
    for (const connections of [1, 2]) {
      it(`of ${connections}: 200 calls at once all finish, documents, feed and listener among them`, async (t) => {
        const store = await small[library][connections - 1]?.create();
        assert.ok(store);
        t.after(() => store.close());
        await store.open();
        let heard = 0;
        t.after(store.watchRevocations?.(() => (heard += 1)) ?? (() => {}));
        const samples = createSamples();
        const exp = 2_000_000_000;
        const call = async (number: number): Promise<unknown> => {
          const record = samples.record();
          await store.insert(record);
          if (number % 4 === 0)
            return await store.writeDocuments([{ key: `${number}`, expectedVersion: 0, value: "" }]);
          if (number % 4 === 1) return (await store.revocationsAfter(undefined, 0, 10)).restarted === false;
          if (number % 4 === 2) return await store.commit(samples.refreshed(record), 1);
          return await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: number, exp });
        };
        const answers = await Promise.all(Array.from({ length: 200 }, (_, number) => call(number)));
        assert.deepEqual(new Set(answers), new Set([true]));
        assert.equal((await store.revocationsAfter(undefined, 0, 100)).revocations.length, 50);
        await eventually(async () => assert.ok(heard > 0));
      });
    }
  });
}

const small = {
  pg: [1, 2].map((connections) => postgresDatabases(server, { library: "pg", connections })),
  postgres: [1, 2].map((connections) => postgresDatabases(server, { library: "postgres", connections })),
};

describe("a server that became a standby", { skip: ownServerMissing(18) }, () => {
  it("refuses writes until a new connection finds the new primary; the old one is not kept", async (t) => {
    const { create, ask } = postgresDatabases(server, { connections: 1 });
    const store = await create();
    t.after(() => store.close());
    await store.open();
    const samples = createSamples();
    const record = samples.record();
    const readOnly = (value: string): Promise<unknown> =>
      ask(`ALTER ROLE pawl SET default_transaction_read_only = ${value}`);
    await readOnly("on");
    t.after(() => readOnly("off"));
    await ask(cutAll);
    await eventually(() => store.read(record.sid));
    // Not ready either: who cannot write must not be sent requests.
    await assert.rejects(store.ping(), { code: "store_unavailable" });
    await eventually(() => store.read(record.sid));
    await assert.rejects(store.insert(record), { code: "store_unavailable" });
    await readOnly("off");
    await eventually(async () => assert.equal(await store.insert(record), true));
  });
});

describe("a pool of the application", { skip: ownServerMissing(18) }, () => {
  it("whose connections are all in use elsewhere makes a call unavailable, and is left open by close()", async (t) => {
    const pool = new pg.Pool({ connectionString: await server.url(), max: 1 });
    t.after(() => pool.end());
    const store = postgresStore(pool, { schema: small.pg[0]?.fresh() as string, timeoutMilliseconds: 300 });
    await store.open();
    const taken = await pool.connect();
    await assert.rejects(store.ping(), { code: "store_unavailable" });
    taken.release();
    await eventually(() => store.ping());
    await store.close();
    assert.deepEqual((await pool.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
    assert.equal(pool.totalCount, 1, "no connection was lost or leaked");
    assert.equal(pool.idleCount, 1);
  });
});
