// What only the MySQL store has: tables that any number of processes make at once, settings that would lose what was
// acknowledged, pools of either kind with whatever settings the application gave them, locks that others hold, and a server
// that is killed in the middle.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import mysqlCallback from "mysql2";
import mysql from "mysql2/promise";
import type { Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { mysqlStore } from "../../src/stores/mysql.ts";
import { literal, refusesWrites } from "../../src/stores/mysql-statements.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { mysqlServer, ownMysqlMissing } from "../services/mysql.ts";
import { mysqlDatabases } from "./mysql-databases.ts";

const server = mysqlServer();
const databases = mysqlDatabases(server);
const samples = createSamples();

async function refused(store: Store, code: string, why: RegExp): Promise<void> {
  await assert.rejects(store.open(), (error: { code?: string; message: string }) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, why);
    return true;
  });
}

async function opened(coming: Promise<Store>): Promise<Store> {
  const store = await coming;
  await store.open();
  return store;
}

/** The session after a change, as the engine would commit it. */
function next(record: SessionRecord, changes: Partial<SessionRecord> = {}): SessionRecord {
  return { ...record, version: record.version + 1, ...changes };
}

describe("tables of the MySQL store", { skip: ownMysqlMissing }, () => {
  it("are made once, however many begin at the same instant, and stay when they are opened again", async () => {
    const prefix = databases.fresh();
    const stores = await Promise.all(Array.from({ length: 20 }, (_, index) => databases.on(prefix, index % 4)));
    await Promise.all(stores.map((store) => store.open()));
    const [first, last] = [stores[0] as Store, stores.at(-1) as Store];
    const record = samples.record();
    assert.equal(await first.insert(record), true);
    assert.deepEqual(await last.read(record.sid), record);
    const again = await databases.on(prefix, 1, { migrate: false });
    await again.open();
    assert.deepEqual(await again.read(record.sid), record);
    assert.deepEqual(await databases.ask(`SELECT version FROM ${prefix}schema`), [{ version: 1 }]);
  });

  it("are made whole where somebody was stopped on the way", async () => {
    const prefix = databases.fresh();
    await databases.ask(`CREATE TABLE ${prefix}schema (version INT NOT NULL PRIMARY KEY)`);
    await databases.ask(`CREATE TABLE ${prefix}feed_head (id TINYINT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL)`);
    const store = await databases.on(prefix);
    await store.open();
    assert.equal(await store.insert(samples.record()), true);
  });

  it("of somebody else, or of a newer Pawl, are refused, and nothing is made where nothing may be", async () => {
    const foreign = databases.fresh();
    await databases.ask(`CREATE TABLE ${foreign}sessions (id INT PRIMARY KEY)`);
    await refused(await databases.on(foreign), "store_incompatible", /not Pawl's; choose another prefix/);
    const newer = databases.fresh();
    await (await databases.on(newer)).open();
    await databases.ask(`INSERT INTO ${newer}schema (version) VALUES (2)`);
    await refused(await databases.on(newer), "store_incompatible", /newer version of Pawl \(2/);
    const missing = databases.fresh();
    await refused(await databases.on(missing, 0, { migrate: false }), "store_unavailable", /no up-to-date tables/);
    assert.deepEqual(await databases.ask(`SHOW TABLES LIKE '${missing}%'`), []);
    const pool = mysql.createPool({ uri: await server.url(), multipleStatements: true });
    for (const prefix of ["", "Upper", "9lives", "a b", "a`b", "x".repeat(33)]) {
      assert.throws(() => mysqlStore(pool, { prefix }), { code: "invalid_option" });
    }
    await pool.end();
  });
});

describe("pools of the MySQL store", { skip: ownMysqlMissing }, () => {
  const onPool = async (
    options: mysql.PoolOptions,
    work: (store: Store, prefix: string) => Promise<void>,
  ): Promise<void> => {
    const pool = mysql.createPool({
      uri: await server.url(),
      multipleStatements: true,
      connectionLimit: 2,
      ...options,
    });
    try {
      const prefix = databases.fresh();
      await work(mysqlStore(pool, { prefix }), prefix);
    } finally {
      await pool.end();
    }
  };

  it("may be of either kind, and give answers in whatever form the application likes", async () => {
    const forms: mysql.PoolOptions[] = [
      { rowsAsArray: true },
      { supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, decimalNumbers: true },
      { namedPlaceholders: true, nestTables: true, typeCast: false },
      { charset: "latin1_swedish_ci" },
      { charset: "BINARY" },
    ];
    const record = samples.record({ subject: "zoë 🦊 'x\\" });
    for (const form of forms) {
      await onPool(form, async (store, prefix) => {
        await store.open();
        await store.insert(record);
        assert.deepEqual(await store.listBySubject(record.subject, 5), [record]);
        await store.writeDocuments([{ key: "ä'\\", expectedVersion: 0, value: "🦊'; DROP TABLE x; --" }]);
        const revocation = { sub: record.subject, notBefore: 1, exp: 2_000_000_000 };
        assert.equal(await store.commit(next(record), 1, revocation), true);
        assert.equal(await store.commit(next(next(record)), 2), true, "a transaction of its own");
        const { revocations, cursor } = await store.revocationsAfter(undefined, 0, 10);
        assert.deepEqual(revocations, [revocation]);
        assert.deepEqual((await store.revocationsAfter(cursor, 0, 10)).restarted, false);
        await store.ping();
        assert.equal((await (await opened(databases.on(prefix))).read(record.sid))?.version, 3);
        assert.deepEqual(await store.listDocuments("ä", undefined, 5), [
          { key: "ä'\\", version: 1, value: "🦊'; DROP TABLE x; --" },
        ]);
      });
    }
    const callbacks = mysqlCallback.createPool({ uri: await server.url(), multipleStatements: true });
    const store = mysqlStore(callbacks, { prefix: databases.fresh() });
    await store.open();
    assert.equal(await store.insert(record), true);
    await callbacks.promise().end();
  });

  it("may chain transactions by themselves: what is acknowledged is there for everybody", async () => {
    await databases.ask("SET GLOBAL completion_type = 'CHAIN'");
    try {
      await onPool({ connectionLimit: 1 }, async (store, prefix) => {
        await store.open();
        const [ended, other] = [samples.record(), samples.record()];
        for (const record of [ended, other]) await store.insert(record);
        await store.commit(next(ended), 1, { sid: ended.sid, notBefore: 1, exp: 2_000_000_000 });
        await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]);
        assert.equal(await store.commit(next(other), 1), true);
        assert.equal((await (await opened(databases.on(prefix, 7))).read(other.sid))?.version, 2);
      });
    } finally {
      await databases.ask("SET GLOBAL completion_type = 'NO_CHAIN'");
    }
  });

  it("that would not keep what was acknowledged, or send one statement at a time, are refused by name", async () => {
    await onPool({ multipleStatements: false }, (store) =>
      refused(store, "invalid_option", /multipleStatements: true/),
    );
    const nameless = new URL("/", await server.url()).href;
    await onPool({ uri: nameless }, (store) => refused(store, "store_incompatible", /names no database/));
    for (const [setting, off, on, why] of [
      ["innodb_flush_log_at_trx_commit", "0", "1", /crash of the database would lose/],
      ["autocommit", "0", "1", /autocommit is off/],
    ] as const) {
      await databases.ask(`SET GLOBAL ${setting} = ${off}`);
      try {
        await onPool({}, (store) => refused(store, "store_incompatible", why));
      } finally {
        await databases.ask(`SET GLOBAL ${setting} = ${on}`);
      }
    }
    assert.throws(() => mysqlStore({} as never), { code: "invalid_option" });
  });
});

describe("the MySQL store and others", { skip: ownMysqlMissing }, () => {
  it("leaves no transaction open when its message stops half-way", async () => {
    const store = await databases.on(databases.fresh());
    await store.open();
    const prefix = databases.prefixOf(store);
    const record = samples.record();
    await store.insert(record);
    await databases.ask(`RENAME TABLE ${prefix}revocations TO ${prefix}away`);
    const revocation = { sid: record.sid, notBefore: 1, exp: 2_000_000_000 };
    await assert.rejects(store.commit(next(record), 1, revocation), { code: "store_unavailable" });
    await databases.ask(`RENAME TABLE ${prefix}away TO ${prefix}revocations`);
    assert.deepEqual(await store.read(record.sid), record, "all or nothing");
    assert.equal(await store.commit(next(record), 1, revocation), true, "and no lock is left");
    assert.deepEqual(await databases.ask("SELECT trx_state FROM information_schema.innodb_trx"), []);
    assert.equal((await store.revocationsAfter(undefined, 0, 10)).revocations.length, 1);
  });

  it("keeps no transaction open when a row of the feed is there already", async () => {
    const store = await databases.on(databases.fresh(), 5);
    await store.open();
    const prefix = databases.prefixOf(store);
    const [ended, other] = [samples.record(), samples.record()];
    for (const record of [ended, other]) await store.insert(record);
    // As a table has it that somebody put back by itself.
    await databases.ask(`INSERT INTO ${prefix}revocations (seq, sub, nbf, exp) VALUES (7, 'x', 1, 2000000000)`);
    await databases.ask(`UPDATE ${prefix}feed_head SET seq = 6`);
    const revocation = { sid: ended.sid, notBefore: 1, exp: 2_000_000_000 };
    await assert.rejects(store.commit(next(ended), 1, revocation), (error: { cause?: Error }) => {
      assert.doesNotMatch(inspect(error, { depth: 9 }), /UPDATE|INSERT|X'/, "no statement in it");
      return true;
    });
    assert.equal(await store.commit(next(other), 1), true);
    assert.equal((await (await opened(databases.on(prefix, 6))).read(other.sid))?.version, 2, "and everybody sees it");
    assert.equal(await store.commit(next(ended), 1, revocation), true, "the next node to start has mended it");
    assert.equal((await store.revocationsAfter(undefined, 0, 10)).revocations.length, 2);
  });

  it("is not ready without the rows that it locks, and mends them when it starts", async () => {
    for (const table of ["feed_head", "document_turn"]) {
      const store = await opened(databases.on(databases.fresh()));
      const prefix = databases.prefixOf(store);
      await databases.ask(`DELETE FROM ${prefix}${table}`);
      await assert.rejects(store.ping(), { code: "store_unavailable" });
      await refused(await databases.on(prefix, 0, { migrate: false }), "store_incompatible", /do not fit each other/);
      await opened(databases.on(prefix));
      await store.ping();
      assert.equal(await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]), true);
      assert.equal((await store.readDocument("k"))?.value, "v");
    }
  });

  it("knows a server that takes no writes by whatever word it has", async () => {
    for (const [word, refuses] of [
      ["0", 0],
      ["1", 1],
      ["'OFF'", 0],
      ["'ON'", 1],
      ["'NO_LOCK'", 1],
    ] as const) {
      const asked = refusesWrites.replaceAll(/@@\w+/g, word);
      assert.deepEqual(await databases.ask(`SELECT (${asked}) AS refuses`), [{ refuses }], word);
    }
  });

  it("waits for a lock no longer than it says, and another connection goes on", async (t) => {
    const store = await databases.on(databases.fresh(), 2, { timeoutMilliseconds: 300 });
    await store.open();
    const [held, free] = [samples.record(), samples.record()];
    await store.insert(held);
    await store.insert(free);
    const blocker = await mysql.createConnection({ uri: await server.url() });
    t.after(() => blocker.end());
    await blocker.beginTransaction();
    const sid = literal(Buffer.from(held.sid, "base64url"));
    await blocker.query(`SELECT sid FROM ${databases.prefixOf(store)}sessions WHERE sid = ${sid} FOR UPDATE`);
    const from = performance.now();
    await assert.rejects(store.commit(next(held), 1), { code: "store_unavailable" });
    assert.ok(performance.now() - from < 20_000, "not for as long as the database would");
    assert.equal(await store.commit(next(free), 1), true);
    await blocker.rollback();
    // The statement that nobody waits for may still happen, or not: a version decides.
    const { version } = (await store.read(held.sid)) as SessionRecord;
    assert.ok(version === 1 || version === 2);
  });

  it("comes again after a deadlock that was none of its making", async (t) => {
    const store = await databases.on(databases.fresh(), 3);
    await store.open();
    const prefix = databases.prefixOf(store);
    const record = samples.record();
    await store.insert(record);
    const other = await mysql.createConnection({ uri: await server.url() });
    t.after(() => other.end());
    // Heavier than the store's transaction, so that the database undoes the store's.
    await other.beginTransaction();
    await other.query(`UPDATE ${prefix}feed_head SET seq = seq + 1 WHERE id = 1`);
    for (let key = 0; key < 50; key += 1) {
      await other.query(`INSERT INTO ${prefix}documents (name, version, value) VALUES ('k${key}', 1, 'v')`);
    }
    const revocation = { sid: record.sid, notBefore: 1, exp: 2_000_000_000 };
    const committing = store.commit(next(record, { ended: { at: 1, reason: "logout" } }), 1, revocation);
    const waits = "SELECT COUNT(*) AS count FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
    for (let asked = 0; asked < 200; asked += 1) {
      if (Number((await databases.ask(waits))[0]?.count) > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const sid = literal(Buffer.from(record.sid, "base64url"));
    await other.query(`SELECT sid FROM ${prefix}sessions WHERE sid = ${sid} FOR UPDATE`);
    await other.rollback();
    assert.equal(await committing, true);
    assert.equal((await store.revocationsAfter(undefined, 0, 10)).revocations.length, 1);
  });

  it("keeps everything that was acknowledged when the server is killed in the middle, and goes on by itself", async () => {
    const store = await databases.on(databases.fresh(), 4, { timeoutMilliseconds: 1_000 });
    await store.open();
    let record = samples.record();
    await store.insert(record);
    const own = await server.own();
    const killing = new Promise((resolve) => setTimeout(resolve, 150)).then(own.crash);
    for (;;) {
      const wanted = next(record);
      const isIn = await store.commit(wanted, record.version).catch(() => undefined);
      if (isIn === undefined) break;
      assert.equal(isIn, true);
      record = wanted;
    }
    await killing;
    await own.start();
    let found: SessionRecord | undefined;
    for (let attempt = 0; attempt < 100 && found === undefined; attempt += 1) {
      found = await store.read(record.sid).catch(() => undefined);
      if (found === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(found !== undefined && found.version >= record.version, "nothing acknowledged is missing");
    assert.ok(found.version <= record.version + 1);
    assert.ok(record.version > 5, `${record.version} commits`);
  });
});
