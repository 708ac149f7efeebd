// The server and the command line on MariaDB, as an operator sees them: two nodes on one database, a database that crashes,
// what is said when it cannot be opened or its URL is wrong, and never a password.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import mysql from "mysql2/promise";
import { openMysql } from "../../src/server/mysql-pool.ts";
import { readMysqlUrl } from "../../src/server/mysql-url.ts";
import { mysqlServer, ownMysqlMissing } from "../services/mysql.ts";
import { ann, pawl, register, send, serve, temporaryFolder } from "./program.ts";

const server = mysqlServer();
const environment = { PAWL_SECRET: Buffer.alloc(32, 7).toString("base64url") };
const patienceMilliseconds = 30_000;

async function storeAt(change: (url: URL) => void): Promise<string> {
  const url = new URL(await server.url());
  change(url);
  return url.href;
}

const withPrefix = (prefix: string): Promise<string> => storeAt((url) => url.searchParams.set("prefix", prefix));

async function ask(text: string): Promise<Record<string, unknown>[]> {
  const connection = await mysql.createConnection({ uri: await server.url() });
  const [rows] = await connection.query(text);
  await connection.end();
  return rows as Record<string, unknown>[];
}

describe("the server on MariaDB", { skip: ownMysqlMissing }, () => {
  it("serves from two nodes on one database, and the command line works beside them", async () => {
    const store = await withPrefix("nodes_");
    const start = (): ReturnType<typeof serve> => serve(["--store", store], { environment });
    const [one, other] = await Promise.all([start(), start()]);
    assert.match(one.seen.out, / store=mysql\n$/);
    const { refresh_token: token, session } = await register(one);
    const refreshed = await send(other, "POST", "/auth/refresh", { body: { refresh_token: token } });
    assert.equal(refreshed.status, 200, refreshed.text);
    assert.equal(refreshed.json.session.id, session.id);
    const listed = await pawl(["users", "list", "--store", store], { folder: one.folder, environment });
    assert.equal(listed.code, 0, listed.errors);
    assert.match(listed.out, new RegExp(ann.email));
    const words = ["sessions", "revoke", session.id, "--store", store];
    const revoked = await pawl(words, { folder: one.folder, environment });
    assert.equal(revoked.code, 0, revoked.errors);
    const body = { refresh_token: refreshed.json.refresh_token };
    assert.equal((await send(one, "POST", "/auth/refresh", { body })).json.code, "session_revoked");
    for (const node of [one, other]) {
      const finished = await node.stop();
      assert.equal(finished.code, 0, finished.errors);
    }
  });

  it("answers 503 while the database is away after a crash, and serves again without a restart", async () => {
    const node = await serve(["--store", await withPrefix("away_"), "--log", "debug"], { environment });
    const { refresh_token: token } = await register(node);
    const refresh = (): ReturnType<typeof send> =>
      send(node, "POST", "/auth/refresh", { body: { refresh_token: token } });
    const { crash, start } = await server.own();
    await crash();
    assert.equal((await send(node, "GET", "/readyz")).status, 503);
    assert.equal((await send(node, "GET", "/healthz")).status, 200);
    const refused = await refresh();
    assert.deepEqual([refused.status, refused.json.code, refused.json.terminal], [503, "store_unavailable", false]);
    await start();
    const end = Date.now() + patienceMilliseconds;
    let answer = refused;
    while (answer.status !== 200 && Date.now() < end) answer = await refresh();
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await send(node, "GET", "/readyz")).status, 200);
    const finished = await node.stop();
    assert.equal(finished.code, 0, finished.errors);
  });

  it("is not ready on a database that takes no writes", async () => {
    const node = await serve(["--store", await withPrefix("standby_")], { environment });
    await ask("SET GLOBAL read_only = ON");
    try {
      assert.equal((await send(node, "GET", "/readyz")).status, 503);
    } finally {
      await ask("SET GLOBAL read_only = OFF");
    }
    assert.equal((await send(node, "GET", "/readyz")).status, 200);
    assert.equal((await node.stop()).code, 0);
  });

  it("says in one line why it cannot start, with the exit code, and never the password", async () => {
    const folder = temporaryFolder();
    await ask("CREATE USER IF NOT EXISTS guest@'%' IDENTIFIED BY 'hunter2'; ".replace("; ", ""));
    const as = (name: string, password: string) => (url: URL) => {
      url.username = name;
      url.password = password;
    };
    const cases: readonly [string, number, RegExp][] = [
      [await storeAt(as("guest", "hunter3")), 3, /refuses the user or the password/],
      [await storeAt(as("guest", "hunter2")), 1, /may not make or use/],
      [await storeAt((url) => (url.pathname = "nothere")), 3, /no database of this name/],
      [await storeAt((url) => (url.port = "1")), 3, /nothing answers at the address/],
      [
        (await storeAt((url) => url.searchParams.set("tls", "true"))).replace("127.0.0.1", "localhost"),
        3,
        /cannot be opened \(HANDSHAKE_NO_SSL_SUPPORT\)/,
      ],
      [await withPrefix("UPPER"), 2, /prefix must be/],
    ];
    for (const [store, code, why] of cases) {
      const finished = await pawl(["serve", "--port", "0", "--store", store], { folder, environment });
      assert.equal(finished.code, code, finished.errors);
      assert.match(finished.errors, why);
      assert.match(finished.errors, /^pawl: .*\n$/);
      assert.doesNotMatch(finished.out + finished.errors, /hunter/);
    }
    const store = await withPrefix("mistyped_");
    const secretless = await pawl(["serve", "--port", "0", "--store", store], { folder });
    assert.equal(secretless.code, 2);
    assert.match(secretless.errors, /^pawl: PAWL_SECRET is required with a mysql: store/);
    const command = await pawl(["users", "list", "--store", store], { folder, environment });
    assert.equal(command.code, 3, command.errors);
    assert.match(command.errors, /no up-to-date tables mistyped_/);
    assert.deepEqual(await ask("SHOW TABLES LIKE 'mistyped%'"), [], "nothing was created");
  });

  it("gives its own connections a bound on locks, and names what to install where the library is missing", async (t) => {
    const store = await openMysql(`${await withPrefix("bound_")}&connections=1`, true);
    t.after(() => store.close());
    await store.open();
    const connection = await mysql.createConnection({ uri: await server.url() });
    t.after(() => connection.end());
    await connection.beginTransaction();
    await connection.query("SELECT id FROM bound_document_turn WHERE id = 1 FOR UPDATE");
    const change = { key: "k", expectedVersion: 0, value: "v" };
    await assert.rejects(store.writeDocuments([change]), (error: { cause?: { code?: string } }) => {
      assert.equal(error.cause?.code, "ER_LOCK_WAIT_TIMEOUT");
      return true;
    });
    await connection.rollback();
    assert.equal(await store.writeDocuments([change]), true);
    await assert.rejects(
      openMysql(await withPrefix("none_"), true, async () => undefined),
      {
        code: "invalid_option",
        message: /npm install mysql2/,
      },
    );
  });
});

describe("a mysql: URL", () => {
  it("is taken apart", () => {
    const bare = { prefix: undefined, tls: false, connections: 10 };
    assert.deepEqual(readMysqlUrl("mysql://app:p%40ss@db.example:3307/shop"), {
      ...{ host: "db.example", port: 3307, user: "app", password: "p@ss", database: "shop" },
      ...bare,
    });
    assert.deepEqual(readMysqlUrl("mariadb://app@[::1]/shop?prefix=auth_&tls=false&connections=200"), {
      ...{ host: "::1", port: 3306, user: "app", password: "", database: "shop" },
      ...{ prefix: "auth_", tls: false, connections: 200 },
    });
    assert.equal(readMysqlUrl("mysql://app@db.example/shop?tls=true").tls, true);
  });

  it("with anything else in it is refused, and never repeated", () => {
    const good = "mysql://app:hunter2@db/shop";
    const bad = [
      "mysql://db/shop",
      "mysql://app:hunter2@db",
      "mysql://app:hunter2@db/a/b",
      "mysql:app:hunter2@db/shop",
    ];
    const parameters = [
      "multipleStatements=false",
      "debug=true",
      "tls=yes",
      "connections=0",
      "connections=201",
      "prefix=a b",
      "#x",
    ];
    assert.throws(() => readMysqlUrl("mysql://app:hunter2@127.0.0.1/shop?tls=true"), /name of a host/);
    for (const text of [...bad, ...parameters.map((each) => `${good}?${each}`), "mysql://app:%E0%A4@db/shop"]) {
      assert.throws(
        () => readMysqlUrl(text),
        (error: Error) => !error.message.includes("hunter2"),
        text,
      );
    }
  });
});
