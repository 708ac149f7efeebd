// The store suite on a table that is partitioned by session id, made by the statements of docs/sizing.md and no others.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Store } from "../../src/core/ports.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import { postgresDatabases } from "./postgres-databases.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/sizing.md"), "utf8");
const statements = /```sql\n([^`]+)```/.exec(page)?.[1] ?? "";

describe("Postgres with partitions", { skip: postgresMissing(18) }, () => {
  const databases = postgresDatabases(postgresServer(18));

  const partitioned = async (): Promise<Store> => {
    const schema = databases.fresh();
    const first = await databases.on(schema);
    await first.open();
    await first.close();
    await databases.ask(statements.replaceAll("pawl.", `${schema}.`));
    return await databases.on(schema);
  };
  storeSuite("postgres, partitioned", { ...databases, create: partitioned });

  it("sessions that were there before are in their partitions, and every partition is used", async (t) => {
    const schema = databases.fresh();
    const store = await databases.on(schema);
    t.after(() => store.close());
    await store.open();
    const samples = createSamples();
    const records = Array.from({ length: 100 }, () => samples.record());
    for (const record of records) await store.insert(record);
    await databases.ask(statements.replaceAll("pawl.", `${schema}.`));
    for (const record of records) {
      assert.deepEqual(await store.read(record.sid), record);
      assert.equal(await store.commit(samples.refreshed(record), record.version), true);
    }
    for (let partition = 0; partition < 4; partition += 1) {
      const [row] = await databases.ask(`SELECT count(*)::int AS count FROM ${schema}.sessions_${partition}`);
      assert.ok(Number(row?.count) > 5, `${row?.count} in ${partition}`);
    }
  });
});
