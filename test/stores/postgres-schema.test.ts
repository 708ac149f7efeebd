// The tables of the Postgres store: made by many at once, migrated, refused where they are not Pawl's or newer, and by a
// database that would not keep Pawl's promises.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { describe, it } from "node:test";
import pg from "pg";
import type { Store } from "../../src/core/ports.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import type { PostgresOptions } from "../../src/stores/postgres.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import { createAccess } from "../../src/stores/postgres-access.ts";
import type { Driver } from "../../src/stores/postgres-driver.ts";
import { driverFor } from "../../src/stores/postgres-driver.ts";
import { migrate, migrations } from "../../src/stores/postgres-schema.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { ownServerMissing, postgresMissing, postgresServer } from "../services/postgres.ts";
import { postgresDatabases } from "./postgres-databases.ts";

const server = postgresServer(18);
const { fresh, on, create, schemaOf, ask } = postgresDatabases(server);

/** A pool on a URL of the server, changed as told; ended with the test. */
async function poolOn(t: TestContext, change: (url: URL) => void = () => {}, max = 1): Promise<pg.Pool> {
  const url = new URL(await server.url());
  change(url);
  const pool = new pg.Pool({ connectionString: url.href, max }).on("error", () => {});
  t.after(() => pool.end());
  return pool;
}

async function opened(t: TestContext, store: Store): Promise<Store> {
  t.after(() => store.close());
  await store.open();
  return store;
}

describe("the tables of Postgres", { skip: postgresMissing(18) }, () => {
  it("are made once by twenty that open an empty database at once, each on a connection of its own", async (t) => {
    for (let round = 0; round < 3; round += 1) {
      const schema = fresh();
      const pools = await Promise.all(Array.from({ length: 20 }, () => poolOn(t)));
      const stores = pools.map((pool) => postgresStore(pool, { schema }));
      await Promise.all(stores.map((store) => opened(t, store)));
      const record = createSamples().record();
      await stores[0]?.insert(record);
      for (const store of stores) assert.deepEqual(await store.read(record.sid), record);
      const versions = await ask(`SELECT version FROM ${schema}.pawl_schema ORDER BY version`);
      assert.deepEqual(
        versions.map(({ version }) => version),
        migrations.map((_step, index) => index + 1),
      );
    }
  });

  it("are migrated step by step, once, by any number at once, and keep what they hold", async (t) => {
    const schema = fresh();
    const driver = driverFor(await poolOn(t, undefined, 8)) as Driver;
    const access = createAccess(driver, nodePlatform.scheduler, 5_000);
    const steps = [
      ...migrations,
      (name: string) =>
        `ALTER TABLE ${name}.documents ADD COLUMN note text; UPDATE ${name}.documents SET note = 'kept'`,
      // Fails when it is run twice.
      (name: string) => `CREATE TABLE ${name}.later (id integer)`,
    ];
    const store = await opened(t, await on(schema));
    await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]);
    await Promise.all(Array.from({ length: 8 }, () => migrate(access, schema, true, steps.slice(0, 2))));
    await Promise.all(Array.from({ length: 8 }, () => migrate(access, schema, true, steps)));
    assert.deepEqual(await ask(`SELECT key, value, note FROM ${schema}.documents`), [
      { key: "k", value: "v", note: "kept" },
    ]);
    assert.equal((await ask(`SELECT version FROM ${schema}.pawl_schema`)).length, steps.length);
    // This version of Pawl is now the older one.
    await assert.rejects((await on(schema)).open(), { code: "store_incompatible", message: /newer version of Pawl/ });
  });

  it("stay as they were when a step fails", async (t) => {
    const schema = fresh();
    const access = createAccess(driverFor(await poolOn(t)) as Driver, nodePlatform.scheduler, 5_000);
    const broken = [...migrations, (name: string) => `CREATE TABLE ${name}.half (id integer); SELECT 1 / 0`];
    await assert.rejects(migrate(access, schema, true, broken), { code: "store_unavailable" });
    assert.deepEqual(await ask("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]), []);
    await opened(t, await on(schema));
  });

  it("are not put among somebody else's", async () => {
    const schema = fresh();
    await ask(`CREATE SCHEMA ${schema}`);
    await ask(`CREATE TABLE ${schema}.sessions (id integer)`);
    await assert.rejects((await on(schema)).open(), { code: "store_incompatible", message: /not Pawl's/ });
    assert.equal((await ask("SELECT 1 FROM pg_tables WHERE schemaname = $1", [schema])).length, 1);
  });

  it("are made in a schema that is there and empty", async (t) => {
    const schema = fresh();
    await ask(`CREATE SCHEMA ${schema}`);
    await opened(t, await on(schema));
  });

  it("are not made where that is not wanted", async (t) => {
    const schema = fresh();
    const careful: PostgresOptions = { migrate: false };
    await assert.rejects((await on(schema, 0, careful)).open(), {
      code: "store_unavailable",
      message: /no up-to-date/,
    });
    assert.deepEqual(await ask("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]), []);
    await opened(t, await on(schema));
    await opened(t, await on(schema, 0, careful));
  });

  it("serve a role that may only use them, and tell one that may not even that", async (t) => {
    const schema = schemaOf(await opened(t, await create()));
    const role = `${schema}_role`;
    await ask(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    t.after(async () => {
      await ask(`DROP OWNED BY ${role}`);
      await ask(`DROP ROLE ${role}`);
    });
    const pool = await poolOn(t, (url) => {
      url.username = role;
      url.password = "x";
    });
    const refused = { code: "store_incompatible", message: /the role may not/ };
    await assert.rejects(postgresStore(pool, { schema }).open(), refused);
    await assert.rejects(postgresStore(pool, { schema: `${schema}_new` }).open(), refused);
    await ask(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
    await ask(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role}`);
    const store = await opened(t, postgresStore(pool, { schema }));
    const record = createSamples().record();
    assert.equal(await store.insert(record), true);
    assert.equal(await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]), true);
  });

  it("are not made where a crash would lose what was acknowledged, or texts would not come back", async (t) => {
    const lazy = await poolOn(t, (url) => url.searchParams.set("options", "-c synchronous_commit=off"));
    const incompatible = { code: "store_incompatible" };
    await assert.rejects(postgresStore(lazy, { schema: fresh() }).open(), { ...incompatible, message: /synchronous/ });
    const name = `${fresh()}_latin`;
    await ask(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    t.after(() => ask(`DROP DATABASE ${name} WITH (FORCE)`));
    const latin = await poolOn(t, (url) => {
      url.pathname = name;
    });
    await assert.rejects(postgresStore(latin).open(), { ...incompatible, message: /UTF8/ });
  });

  it("have a name that needs no quoting", async (t) => {
    const pool = await poolOn(t);
    for (const schema of ["", "A", "a b", 'a"b', "1a", "pg_pawl", "a".repeat(49), "é"]) {
      assert.throws(() => postgresStore(pool, { schema }), { code: "invalid_option" }, schema);
    }
    for (const timeoutMilliseconds of [0, 99, 60_001, 1.5]) {
      assert.throws(() => postgresStore(pool, { timeoutMilliseconds }), { code: "invalid_option" });
    }
    assert.throws(() => postgresStore({} as pg.Pool), { code: "invalid_option" });
  });
});

describe("a Postgres that cannot be opened", { skip: ownServerMissing(18) }, () => {
  const cases: readonly [string, (url: URL) => void, RegExp][] = [
    ["refuses the password", (url) => (url.password = "wrong"), /user or the password \(28P01\)/],
    ["has no such database", (url) => (url.pathname = "nothere"), /no database of this name.*\(3D000\)/],
    ["is not there", (url) => (url.port = "1"), /nothing answers.*\(ECONNREFUSED\)/],
  ];
  for (const [why, change, message] of cases) {
    it(`says that it ${why}, and no password`, async (t) => {
      const store = postgresStore(await poolOn(t, change), { schema: fresh() });
      const error = await store.open().then(
        () => assert.fail("it opened"),
        (reason: Error) => reason,
      );
      assert.equal((error as { code?: string }).code, "store_unavailable");
      assert.match(error.message, message);
      assert.doesNotMatch(String(error.stack) + JSON.stringify(error), /correct|horse|wrong/);
    });
  }
});
