// Real processes on one database: nobody loses an update, the feed has no gap, a token has one successor, and all start at
// the same instant on a database that does not exist yet. The same for every store that processes can share.

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Store } from "../../src/index.ts";
import { createSessions } from "../../src/index.ts";
import { readStore } from "../../src/server/option-values.ts";
import { createStore } from "../../src/server/stores.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { mysqlMissing, mysqlServer } from "../services/mysql.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import { skip as redisMissing, startRedis } from "../services/redis.ts";
import { mysqlDatabases } from "./mysql-databases.ts";
import { postgresDatabases } from "./postgres-databases.ts";
import { createSqliteFiles } from "./sqlite-files.ts";

const program = fileURLToPath(new URL("processes-child.ts", import.meta.url));
const secret = Buffer.alloc(32, 7).toString("base64url");

/** A kind of store, and how many processes share one. */
interface Shared {
  readonly name: string;
  readonly skip: string | false;
  readonly processes: number;
  /** A database that does not exist yet, as the server takes it. */
  readonly fresh: () => Promise<string>;
}

/** How often one session is updated, and how many are ended, by all processes together: a multiple of each count of them. */
const updates = 90;
const ends = 180;

const open = async (database: string): Promise<Store> => await createStore(readStore(database), "/");

/** Starts the processes, lets them begin together, and resolves what each reports. */
async function race<Result>(
  t: TestContext,
  processes: number,
  database: string,
  part: string,
  { times = 0, shared = "" } = {},
): Promise<Result[]> {
  const children = Array.from({ length: processes }, (_, index) =>
    fork(program, [String(index + 1), database, part, String(times), shared]),
  );
  t.after(() => {
    for (const child of children) child.kill("SIGKILL");
  });
  await Promise.all(children.map(message));
  const results = Promise.all(children.map(message));
  for (const child of children) child.send("go");
  return (await results) as Result[];
}

/** The next message of a child; its death before that is a failure. */
async function message(child: ChildProcess): Promise<unknown> {
  const died = once(child, "exit").then(([code]) => assert.fail(`a child ended early with code ${code}`));
  const [value] = await Promise.race([once(child, "message"), died]);
  died.catch(() => {});
  return value;
}

function declare({ name, skip, processes, fresh }: Shared): void {
  describe(`${processes} processes on ${name}`, { skip }, () => {
    it("lose no update of one session", async (t) => {
      const database = await fresh();
      const store = await open(database);
      t.after(() => store.close());
      await store.open();
      const record = createSamples().record();
      await store.insert(record);
      const part = { times: updates / processes, shared: record.sid };
      const won = (await race<number[]>(t, processes, database, "increment", part)).flat();
      assert.deepEqual(
        won.toSorted((a, b) => a - b),
        Array.from({ length: updates }, (_, index) => index + 2),
        "each version was won once",
      );
      assert.equal((await store.read(record.sid))?.generation, updates);
    });

    it("fill one feed, and another process reads it without a gap", async (t) => {
      const database = await fresh();
      const store = await open(database);
      t.after(() => store.close());
      await store.open();
      let isRunning = true;
      const appended = race<number[]>(t, processes, database, "revoke", { times: ends / processes }).finally(() => {
        isRunning = false;
      });
      const seen: number[] = [];
      let cursor: string | undefined;
      for (let isLast = false; !isLast; ) {
        isLast = !isRunning;
        const page = await store.revocationsAfter(cursor, 0, 10_000);
        seen.push(...page.revocations.map((entry) => entry.notBefore));
        cursor = page.cursor;
        await new Promise((resolve) => setImmediate(resolve));
      }
      const all = (await appended).flat();
      assert.equal(all.length, ends);
      assert.deepEqual(seen.toSorted(), all.toSorted());
    });

    it("that refresh one token with one attempt hand out one successor", async (t) => {
      const database = await fresh();
      const store = await open(database);
      const sessions = await createSessions({ store, ...(store.embeddedSecret ? {} : { secret }) });
      t.after(() => sessions.close());
      const { refreshToken: shared, record } = await sessions.issue({ subject: "ana" });
      const hashes = (await race<string[]>(t, processes, database, "refresh", { times: 20, shared })).flat();
      assert.equal(hashes.length, 20 * processes);
      assert.equal(new Set(hashes).size, 1);
      assert.equal((await sessions.story(record.sid))?.state, "live");
    });
  });
}

const files = createSqliteFiles();
const server = postgresServer(18);
const databases = postgresDatabases(server);
const freshUrl = async (): Promise<string> => `${await server.url()}?schema=${databases.fresh()}&connections=3`;
const skip = postgresMissing(18);

const mariadb = mysqlServer();
const mariadbTables = mysqlDatabases(mariadb);
const freshMysql = async (): Promise<string> => `${await mariadb.url()}?prefix=${mariadbTables.fresh()}&connections=3`;

let redis: Promise<string> | undefined;
let redisCount = 0;
/** Databases of one Redis server. */
const redisDatabases = 64;
const freshRedis = async (): Promise<string> => {
  redis ??= startRedis("--databases", String(redisDatabases)).then(({ url }) => url);
  redisCount += 1;
  return `${await redis}/${redisCount}`;
};

declare({ name: "SQLite", skip: false, processes: 2, fresh: async () => `sqlite:${files.fresh()}` });
declare({ name: "Postgres", skip, processes: 2, fresh: freshUrl });
declare({ name: "Postgres", skip, processes: 5, fresh: freshUrl });
declare({ name: "MariaDB", skip: mysqlMissing, processes: 2, fresh: freshMysql });
declare({ name: "MariaDB", skip: mysqlMissing, processes: 5, fresh: freshMysql });
declare({ name: "Redis", skip: redisMissing, processes: 2, fresh: freshRedis });
declare({ name: "Redis", skip: redisMissing, processes: 5, fresh: freshRedis });

it("processes that start at the same instant on no file agree on one database and one secret", async (t) => {
  for (let round = 0; round < 2; round += 1) {
    const secrets = await race<string>(t, 4, `sqlite:${files.fresh()}`, "secret");
    assert.match(secrets[0] as string, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(new Set(secrets).size, 1);
  }
});

it("processes that start at the same instant on an empty Postgres database agree on its tables", {
  skip,
}, async (t) => {
  assert.deepEqual(await race<number>(t, 5, await freshUrl(), "open"), [0, 0, 0, 0, 0]);
});

it("processes that start at the same instant on an empty MariaDB database agree on its tables", {
  skip: mysqlMissing,
}, async (t) => {
  assert.deepEqual(await race<number>(t, 5, await freshMysql(), "open"), [0, 0, 0, 0, 0]);
});

it("processes that start at the same instant on an empty Redis database agree on its format", {
  skip: redisMissing,
}, async (t) => {
  assert.deepEqual(await race<number>(t, 5, await freshRedis(), "open"), [0, 0, 0, 0, 0]);
});
