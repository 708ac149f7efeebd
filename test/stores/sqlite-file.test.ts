// The SQLite file: how it is made, recognised, refused, migrated, and what is promised when the database fails.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Store } from "../../src/core/ports.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { applicationId, configure, loadSqlite, migrate, migrations } from "../../src/stores/sqlite-schema.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { createSqliteFiles } from "./sqlite-files.ts";

const files = createSqliteFiles();

/** Everything in the folder of a file, by name and content. */
function snapshot(file: string): Record<string, string> {
  const folder = dirname(file);
  const digest = (name: string): string =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, digest(name)]),
  );
}

async function used(file: string): Promise<Store> {
  const store = sqliteStore(file);
  await store.open();
  return store;
}

/** A Pawl database with one session, closed. */
async function closedDatabase(): Promise<string> {
  const file = files.fresh();
  const store = await used(file);
  await store.insert(createSamples().record());
  await store.close();
  return file;
}

it("makes folders with mode 0700 and files with mode 0600", {
  skip: process.platform === "win32" && "no modes",
}, async () => {
  const before = process.umask(0);
  try {
    const file = join(dirname(files.fresh()), "deep", "er", "pawl.db");
    const store = await used(file);
    await store.embeddedSecret?.(nodePlatform.entropy);
    await store.insert(createSamples().record());
    for (const path of files.onDisk(file, true)) assert.equal(statSync(path).mode & 0o777, 0o600, path);
    assert.equal(files.onDisk(file, true).length, 4);
    assert.equal(statSync(dirname(file)).mode & 0o777, 0o700);
    assert.equal(statSync(dirname(dirname(file))).mode & 0o777, 0o700);
    await store.close();
  } finally {
    process.umask(before);
  }
});

it("leaves one file, without a log, when it closes", async () => {
  const file = await closedDatabase();
  assert.deepEqual(readdirSync(dirname(file)), ["pawl.db"]);
});

it("refuses a file that is not Pawl's and writes nothing, into it or beside it", async () => {
  const foreign: Record<string, (file: string) => void> = {
    text: (file) => writeFileSync(file, "dear diary"),
    "one byte": (file) => writeFileSync(file, "x"),
    "long text": (file) => writeFileSync(file, "SQLite format 4\0".repeat(1000)),
    "cut header": (file) => writeFileSync(file, "SQLite format 3\0"),
    "another application": (file) => {
      const database = new DatabaseSync(file);
      database.exec("CREATE TABLE sessions (sid TEXT); INSERT INTO sessions VALUES ('theirs')");
      database.close();
    },
    "another application with a log": (file) => {
      const database = new DatabaseSync(`${file}.original`);
      database.exec("PRAGMA journal_mode = WAL; PRAGMA user_version = 1; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
      copyFileSync(`${file}.original`, file);
      copyFileSync(`${file}.original-wal`, `${file}-wal`);
      database.close();
    },
    "an empty database of an application": (file) => {
      const database = new DatabaseSync(file);
      database.exec("PRAGMA application_id = 1");
      database.close();
    },
  };
  for (const [name, make] of Object.entries(foreign)) {
    const file = files.fresh();
    mkdirSync(dirname(file));
    make(file);
    const before = snapshot(file);
    await assert.rejects(
      sqliteStore(file).open(),
      { code: "store_incompatible", message: /not a Pawl database/ },
      name,
    );
    assert.deepEqual(snapshot(file), before, name);
  }
});

it("takes an empty file, and refuses a path that is no file", async () => {
  const file = files.fresh();
  mkdirSync(dirname(file));
  writeFileSync(file, "");
  const store = await used(file);
  assert.equal(await store.ping(), undefined);
  await store.close();
  await assert.rejects(sqliteStore(dirname(file)).open(), { code: "store_unavailable", message: /EISDIR/ });
  await assert.rejects(sqliteStore(join(file, "below.db")).open(), { code: "store_unavailable" });
  for (const path of ["", ":memory:", "file:x.db"]) assert.throws(() => sqliteStore(path), { code: "invalid_option" });
  assert.throws(() => sqliteStore(file, { busyTimeoutMilliseconds: -1 }), { code: "invalid_option" });
});

it("refuses a schema of a newer version and writes nothing", async () => {
  const file = await closedDatabase();
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA user_version = ${migrations.length + 1}`);
  database.close();
  const before = snapshot(file)["pawl.db"];
  await assert.rejects(sqliteStore(file).open(), {
    code: "store_incompatible",
    message: /newer version of Pawl \(schema 2,/,
  });
  assert.equal(snapshot(file)["pawl.db"], before);
});

it("migrates forward in one transaction, keeping what is there", async () => {
  const file = await closedDatabase();
  const database = new DatabaseSync(file);
  const number = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const broken = [...migrations, "CREATE TABLE later (a)", "CREATE TABLE sessions (again)"];
  assert.throws(() => migrate(database, file, broken), /already exists/);
  assert.equal(number("user_version"), 1);
  assert.equal(database.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'later'").get()?.n, 0);
  const good = [...migrations, "ALTER TABLE sessions ADD COLUMN extra TEXT DEFAULT 'yes'", "CREATE TABLE later (a)"];
  migrate(database, file, good);
  migrate(database, file, good);
  assert.equal(number("user_version"), 3);
  assert.equal(number("application_id"), applicationId);
  assert.equal(database.prepare("SELECT extra FROM sessions").get()?.extra, "yes");
  database.close();
});

it("sets what its promises rest on, whatever the defaults are", async () => {
  const file = await closedDatabase();
  const database = new DatabaseSync(file);
  const number = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  database.exec("PRAGMA synchronous = OFF");
  configure(database, file);
  assert.equal(number("synchronous"), 2, "FULL");
  assert.equal(number("journal_mode"), "wal");
  database.close();
});

it("reads by keys and indexes only, and a refresh opens no index for writing", async () => {
  const database = new DatabaseSync(await closedDatabase());
  const plan = (sql: string): string =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row.detail))
      .join("; ");
  const list = plan("SELECT sid, version, data FROM sessions WHERE sub = ? AND ended = 0 ORDER BY sid DESC LIMIT ?");
  assert.match(list, /^SEARCH sessions USING INDEX sessions_by_subject \(sub=\?\)$/);
  const writes = (sql: string): number =>
    database
      .prepare(`EXPLAIN ${sql}`)
      .all()
      .filter((row) => row.opcode === "OpenWrite").length;
  assert.equal(writes("UPDATE sessions SET version = ?, data = ? WHERE sid = ? AND version = ? AND ended = 0"), 1);
  assert.equal(writes("UPDATE sessions SET version = ?, data = ?, ended = 1 WHERE sid = ? AND version = ?"), 2);
  database.close();
});

it("says that a damaged database is damaged", async () => {
  const file = await closedDatabase();
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0x5a, 100, 4096));
  await assert.rejects(sqliteStore(file).open(), { code: "store_incompatible", message: /damaged/ });
});

it("keeps a damaged row away from callers, and the purge goes on without it", async () => {
  const file = files.fresh();
  const store = await used(file);
  const samples = createSamples();
  const [bad, good] = [samples.record(), samples.record()];
  await store.insert(bad);
  await store.insert(good);
  const raw = new DatabaseSync(file);
  raw.prepare("UPDATE sessions SET data = zeroblob(200) WHERE sid = ?").run(Buffer.from(bad.sid, "base64url"));
  raw.close();
  await assert.rejects(store.read(bad.sid), { code: "store_incompatible" });
  assert.deepEqual(await store.purge(() => true, 0, undefined, 10), { removed: 1, next: undefined });
  assert.equal(await store.read(good.sid), undefined);
  await store.close();
});

it("undoes and refuses a whole transaction when the database fails, tells nothing of it, and goes on", async () => {
  const file = files.fresh();
  const store = await used(file);
  const raw = new DatabaseSync(file);
  raw.exec(`CREATE TRIGGER poison BEFORE INSERT ON sessions WHEN new.sub = 'poison'
              BEGIN SELECT RAISE(ABORT, 'secret database text'); END`);
  raw.close();
  const samples = createSamples();
  const records = ["ana", "poison", "bob"].map((subject) => samples.record({ subject }));
  const results = await Promise.allSettled(records.map((record) => store.insert(record)));
  for (const result of results) {
    assert.equal(result.status, "rejected");
    assert.equal(result.reason.code, "store_unavailable");
    assert.doesNotMatch(
      result.reason.message + JSON.stringify(result.reason.facts.field ?? ""),
      /secret database text/,
    );
    assert.match(String(result.reason.cause), /secret database text/, "the cause is there for the operator");
  }
  assert.deepEqual(await store.listAll(undefined, 10), []);
  assert.equal(await store.insert(records[0] as (typeof records)[0]), true);
  await store.close();
});

it("waits for a lock of somebody else without holding up the process", async () => {
  const file = files.fresh();
  const store = await used(file);
  const other = new DatabaseSync(file);
  other.exec("BEGIN IMMEDIATE");
  const record = createSamples().record();
  let isDone = false;
  const inserted = store.insert(record).finally(() => {
    isDone = true;
  });
  for (let turns = 0; turns < 3; turns += 1) await nodePlatform.scheduler.wait(1);
  assert.equal(await store.read(record.sid), undefined, "reads go on");
  assert.equal(isDone, false);
  other.exec("COMMIT");
  assert.equal(await inserted, true);
  other.close();
  await store.close();
});

it("gives up on a lock after its time, and on a file that was replaced", async () => {
  const file = files.fresh();
  await (await used(file)).close();
  const store = sqliteStore(file, { busyTimeoutMilliseconds: 0 });
  await store.open();
  const other = new DatabaseSync(file);
  other.exec("BEGIN IMMEDIATE");
  await assert.rejects(store.insert(createSamples().record()), { code: "store_unavailable" });
  other.exec("ROLLBACK");
  assert.equal(await store.insert(createSamples().record()), true);
  other.close();
  assert.equal(await store.ping(), undefined);
  copyFileSync(file, `${file}.backup`);
  renameSync(`${file}.backup`, file);
  await assert.rejects(store.ping(), { code: "store_unavailable" });
  rmSync(file);
  await assert.rejects(store.ping(), { code: "store_unavailable" });
  await store.close();
});

it("refuses to be used before it is open", async () => {
  await assert.rejects(sqliteStore(files.fresh()).read("x"), { code: "store_unavailable" });
});

it("loads SQLite without a warning of its own, and lets other warnings pass", () => {
  const before = process.emitWarning;
  assert.equal(typeof loadSqlite().DatabaseSync, "function");
  assert.equal(process.emitWarning, before);
  const modulePath = fileURLToPath(new URL("../../src/stores/sqlite-schema.ts", import.meta.url));
  const script = `const { loadSqlite } = await import(${JSON.stringify(modulePath)});
    loadSqlite(); process.emitWarning("another one", "ExperimentalWarning");`;
  const { stderr } = spawnSync(process.execPath, [...process.execArgv, "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  assert.match(stderr, /another one/);
  assert.doesNotMatch(stderr, /SQLite/);
});

it("needs at most 300 bytes on disk for a session", async (t) => {
  const sessions = 20_000;
  const commits = 3;
  const file = files.fresh();
  const store = await used(file);
  const samples = createSamples();
  let records = Array.from({ length: sessions }, () => samples.record());
  await inBatches(records, (record) => store.insert(record));
  for (let round = 0; round < commits; round += 1) {
    const next = records.map((record) => samples.refreshed(record));
    await inBatches(next, (record) => store.commit(record, record.version - 1));
    records = next;
  }
  await store.close();
  const bytes = statSync(file).size / sessions;
  t.diagnostic(`${bytes.toFixed(1)} bytes a session on disk (${sessions} sessions, ${commits} refreshes each)`);
  assert.ok(bytes <= 300, `${bytes} bytes`);
});

async function inBatches<Item>(items: readonly Item[], write: (item: Item) => Promise<boolean>): Promise<void> {
  for (let from = 0; from < items.length; from += 1000) {
    const results = await Promise.all(items.slice(from, from + 1000).map(write));
    assert.ok(results.every(Boolean));
  }
}
