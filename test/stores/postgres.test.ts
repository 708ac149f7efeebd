// The store suite, the session suite and the differential suite on Postgres 18 through `pg`.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { differentialSuite } from "../../src/testing/differential-suite.ts";
import { sessionSuite } from "../../src/testing/session-suite.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import { postgresDatabases } from "./postgres-databases.ts";

describe("Postgres 18 with pg", { skip: postgresMissing(18) }, () => {
  const server = postgresServer(18);
  const databases = postgresDatabases(server);
  storeSuite("postgres", databases);
  sessionSuite("postgres", databases);

  it("tells the time of the database, in milliseconds", async (t) => {
    const store = await databases.create();
    t.after(() => store.close());
    await store.open();
    const [row] = await databases.ask("SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now");
    const difference = Number(await store.now?.()) - Number(row?.now);
    assert.ok(difference >= -1 && difference < 60_000, `${difference} ms`);
    assert.ok(Number.isInteger(await store.now?.()));
  });

  it("does not hand the database texts that it cannot hold", async (t) => {
    const store = await databases.create();
    t.after(() => store.close());
    await store.open();
    await store.writeDocuments([{ key: "\ufffd", expectedVersion: 0, value: "v" }]);
    for (const text of ["\0", "\ud800", "a\0b"]) {
      assert.equal(await store.readDocument(text), undefined);
      assert.deepEqual(await store.listDocuments(text, undefined, 10), []);
      await assert.rejects(store.listDocuments("", text, 10), { code: "invalid_request" });
    }
  });

  // Memory keeps the order of calls made at once; a database promises it to one connection only.
  differentialSuite("postgres", postgresDatabases(server, { connections: 1 }));
});
