// The server and the command line on Postgres, as an operator sees them: two nodes on one database, a database that goes
// away, what is said when it cannot be opened, and never a password.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import pg from "pg";
import { openPostgres } from "../../src/server/postgres-pool.ts";
import { ownServerMissing, postgresServer } from "../services/postgres.ts";
import { ann, pawl, register, send, serve, temporaryFolder } from "./program.ts";

const server = postgresServer(18);
const environment = { PAWL_SECRET: Buffer.alloc(32, 7).toString("base64url") };
const patienceMilliseconds = 30_000;

async function storeAt(change: (url: URL) => void): Promise<string> {
  const url = new URL(await server.url());
  change(url);
  return url.href;
}

const inSchema = (schema: string): Promise<string> => storeAt((url) => url.searchParams.set("schema", schema));

describe("the server on Postgres", { skip: ownServerMissing(18) }, () => {
  it("serves from two nodes on one database, and the command line works beside them", async () => {
    const store = await inSchema("nodes");
    const start = (): ReturnType<typeof serve> => serve(["--store", store], { environment });
    const [one, other] = await Promise.all([start(), start()]);
    assert.match(one.seen.out, / store=postgres\n$/);
    const { refresh_token: token, session } = await register(one);
    const body = { refresh_token: token };
    const refreshed = await send(other, "POST", "/auth/refresh", { body });
    assert.equal(refreshed.status, 200, refreshed.text);
    assert.equal(refreshed.json.session.id, session.id);
    const listed = await pawl(["users", "list", "--store", store], { folder: one.folder, environment });
    assert.equal(listed.code, 0, listed.errors);
    assert.match(listed.out, new RegExp(ann.email));
    const revoked = await pawl(["sessions", "revoke", session.id, "--store", store], {
      folder: one.folder,
      environment,
    });
    assert.equal(revoked.code, 0, revoked.errors);
    const after = await send(one, "POST", "/auth/refresh", { body: { refresh_token: refreshed.json.refresh_token } });
    assert.equal(after.json.code, "session_revoked");
    for (const node of [one, other]) {
      const finished = await node.stop();
      assert.equal(finished.code, 0, finished.errors);
      assert.doesNotMatch(finished.out + finished.errors, /correct|horse/);
    }
  });

  it("answers 503 while the database is away, and serves again without a restart", async () => {
    const node = await serve(["--store", await inSchema("away"), "--log", "debug"], { environment });
    const { refresh_token: token } = await register(node);
    await server.stop();
    assert.equal((await send(node, "GET", "/readyz")).status, 503);
    assert.equal((await send(node, "GET", "/healthz")).status, 200);
    const refused = await send(node, "POST", "/auth/refresh", { body: { refresh_token: token } });
    assert.deepEqual([refused.status, refused.json.code, refused.json.terminal], [503, "store_unavailable", false]);
    await server.start();
    const end = Date.now() + patienceMilliseconds;
    let answer = refused;
    while (answer.status !== 200 && Date.now() < end) {
      answer = await send(node, "POST", "/auth/refresh", { body: { refresh_token: token } });
    }
    assert.equal(answer.status, 200, answer.text);
    const finished = await node.stop();
    assert.equal(finished.code, 0, finished.errors);
    assert.doesNotMatch(finished.out + finished.errors, /correct|horse/);
  });

  it("says in one line why it cannot start, with the exit code, and never the password", async () => {
    const folder = temporaryFolder();
    const cases: readonly [string, number, RegExp][] = [
      [await storeAt((url) => (url.password = "hunter2")), 3, /refuses the user or the password/],
      [await storeAt((url) => (url.pathname = "nothere")), 3, /no database of this name/],
      [await storeAt((url) => (url.port = "1")), 3, /nothing answers at the address/],
      [await inSchema("UPPER"), 2, /schema must be/],
    ];
    for (const [store, code, why] of cases) {
      const finished = await pawl(["serve", "--port", "0", "--store", store], { folder, environment });
      assert.equal(finished.code, code, finished.errors);
      assert.match(finished.errors, why);
      assert.match(finished.errors, /^pawl: .*\n$/);
      assert.doesNotMatch(finished.out + finished.errors, /correct|horse|hunter2/);
    }
    const store = await inSchema("mistyped");
    const secretless = await pawl(["serve", "--port", "0", "--store", store], { folder });
    assert.equal(secretless.code, 2);
    assert.match(secretless.errors, /^pawl: PAWL_SECRET is required with a postgres: store/);
    const command = await pawl(["users", "list", "--store", store], { folder, environment });
    assert.equal(command.code, 3, command.errors);
    assert.match(command.errors, /no up-to-date schema mistyped/);
    const client = new pg.Client({ connectionString: await server.url() });
    await client.connect();
    const { rows } = await client.query("SELECT 1 FROM pg_namespace WHERE nspname IN ('mistyped', 'upper')");
    await client.end();
    assert.deepEqual(rows, [], "nothing was created");
  });

  it("takes postgres.js where pg is not installed, and names what to install where neither is", async (t) => {
    const only =
      (...names: string[]) =>
      async (name: string) =>
        names.includes(name) ? await import(name) : undefined;
    const store = await openPostgres(`${await inSchema("other_library")}&connections=2`, true, only("postgres"));
    t.after(() => store.close());
    await store.open();
    assert.equal(await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]), true);
    await store.close();
    await assert.rejects(openPostgres(await inSchema("none"), true, only()), {
      code: "invalid_option",
      message: /npm install pg/,
    });
  });
});
