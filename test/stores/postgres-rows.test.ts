// What a session costs the database: a refresh is a heap-only update, and a session takes one row of the same size however
// often it was refreshed.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import type { Samples } from "../../src/testing/session-samples.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import type { PostgresVersion } from "../services/postgres.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import { postgresDatabases } from "./postgres-databases.ts";

const sessions = 20;
const refreshes = 1000;
const patienceMilliseconds = 30_000;

/** Refreshes each session `times` times; resolves their records. */
async function refresh(
  store: Store,
  samples: Samples,
  records: readonly SessionRecord[],
  times: number,
): Promise<SessionRecord[]> {
  return await Promise.all(
    records.map(async (first) => {
      let record = first;
      for (let time = 0; time < times; time += 1) {
        const next = samples.refreshed(record);
        assert.equal(await store.commit(next, record.version), true);
        record = next;
      }
      return record;
    }),
  );
}

for (const version of [18, 15] satisfies PostgresVersion[]) {
  describe(`rows of Postgres ${version}`, { skip: postgresMissing(version) }, () => {
    const { create, schemaOf, ask } = postgresDatabases(postgresServer(version), { connections: 1 });

    it("a session stays one row of one size, and its refreshes touch no index", async (t) => {
      const store = await create();
      t.after(() => store.close());
      await store.open();
      const schema = schemaOf(store);
      const samples = createSamples();
      const made = Array.from({ length: sessions }, () => samples.record());
      for (const record of made) await store.insert(record);
      const size = async (): Promise<Record<string, unknown> | undefined> => {
        await ask(`VACUUM ${schema}.sessions`);
        const [row] = await ask(
          `SELECT count(*)::int AS rows, pg_total_relation_size('${schema}.sessions')::int AS bytes FROM ${schema}.sessions`,
        );
        return row;
      };
      const once = await refresh(store, samples, made, 1);
      const before = await size();
      assert.equal(before?.rows, sessions);
      await refresh(store, samples, once, refreshes);
      assert.deepEqual(await size(), before);

      const updates = sessions * (1 + refreshes);
      const counted = async (): Promise<Record<string, unknown> | undefined> =>
        (
          await ask(
            `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
              WHERE schemaname = $1 AND relname = 'sessions'`,
            [schema],
          )
        )[0];
      // A connection reports what it did up to a second late.
      const end = Date.now() + patienceMilliseconds;
      while (Number((await counted())?.updates) < updates && Date.now() < end) await store.ping();
      const { updates: seen, hot } = (await counted()) ?? {};
      assert.equal(seen, updates);
      assert.ok(Number(hot) >= 0.99 * updates, `${hot} of ${updates} updates were heap-only`);
      t.diagnostic(`${hot} of ${updates} updates were heap-only; ${JSON.stringify(before)}`);
    });
  });
}
