// The Postgres store behind PgBouncer in transaction mode, where every transaction may run on another connection: the store
// suite through both libraries, and the store of the server.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openPostgres } from "../../src/server/postgres-pool.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { pgBouncerMissing, throughPgBouncer } from "../services/pgbouncer.ts";
import { postgresServer } from "../services/postgres.ts";
import type { Library } from "./postgres-databases.ts";
import { postgresDatabases } from "./postgres-databases.ts";

describe("Postgres behind a pooler", { skip: pgBouncerMissing() }, () => {
  const server = postgresServer(18);
  const pooled = throughPgBouncer(server);
  for (const library of ["pg", "postgres"] satisfies Library[]) {
    storeSuite(`behind PgBouncer with ${library}`, postgresDatabases(pooled, { library, store: { prepare: false } }));
  }

  it("serves the server, which offers no listening then", async (t) => {
    const store = await openPostgres(`${await pooled.url()}?prepare=false&schema=served`, true);
    t.after(() => store.close());
    await store.open();
    assert.equal(await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]), true);
    assert.equal(store.watchRevocations, undefined);
  });
});
