// Putting a backup of SQLite back, where something is in the way: a bad secret, one without its database, a link, a reader, a
// backup that nobody may write to. What was there is never lost. The command itself is tried in test/cli/store.test.ts.

import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { nodePlatform } from "../../src/platform/node.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { backUpSqlite } from "../../src/stores/sqlite-backup.ts";
import { restoreSqlite } from "../../src/stores/sqlite-restore.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { temporaryFolder } from "../server/program.ts";

const samples = createSamples();

/** A database of one session with its secret, closed; its session id. */
async function make(file: string): Promise<string> {
  const store = sqliteStore(file);
  await store.open();
  await store.embeddedSecret?.(nodePlatform.entropy);
  const record = samples.record();
  await store.insert(record);
  await store.close();
  return record.sid;
}

async function holds(file: string, sid: string): Promise<boolean> {
  const store = sqliteStore(file);
  await store.open();
  const found = await store.read(sid);
  await store.close();
  return found !== undefined;
}

/** A folder with a database and a backup of another one, each with one session. */
async function scene(): Promise<{ folder: string; file: string; backup: string; old: string; wanted: string }> {
  const folder = temporaryFolder();
  const [file, other, backup] = ["pawl.db", "other.db", "backup.db"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const [old, wanted] = [await make(file), await make(other)];
  await backUpSqlite(other, backup, nodePlatform.entropy);
  return { folder, file, backup, old, wanted };
}

const text = (file: string): string => readFileSync(file, "utf8");

describe("a restore", () => {
  it("with a malformed secret changes nothing", async () => {
    const { folder, file, backup } = await scene();
    writeFileSync(`${backup}.secret`, "torn\n");
    const before = [readFileSync(file), readFileSync(`${file}.secret`), readdirSync(folder)];
    await assert.rejects(restoreSqlite(backup, file, "now"), { code: "store_incompatible", message: /secret file/ });
    assert.deepEqual([readFileSync(file), readFileSync(`${file}.secret`), readdirSync(folder)], before);
  });

  it("keeps a secret whose database is elsewhere", async () => {
    const { file, backup, old, wanted } = await scene();
    const theirs = text(`${file}.secret`);
    renameSync(file, `${file}.aside`);
    const { kept, hasSecret } = await restoreSqlite(backup, file, "now");
    assert.deepEqual([kept, hasSecret], [`${file}.before-now.secret`, true]);
    assert.equal(text(kept as string), theirs);
    assert.equal(text(`${file}.secret`), text(`${backup}.secret`));
    assert.deepEqual([await holds(file, wanted), await holds(`${file}.aside`, old)], [true, true]);
  });

  it("from a backup without a secret leaves the one that is there, and keeps it with the old database", async () => {
    const { file, backup, wanted, old } = await scene();
    const theirs = text(`${file}.secret`);
    rmSync(`${backup}.secret`);
    const { kept, hasSecret } = await restoreSqlite(backup, file, "now");
    assert.deepEqual([kept, hasSecret], [`${file}.before-now`, false]);
    assert.deepEqual([text(`${file}.secret`), text(`${kept}.secret`)], [theirs, theirs]);
    assert.deepEqual([await holds(file, wanted), await holds(kept as string, old)], [true, true]);
  });

  it("only reads the backup, and leaves nothing beside it", async () => {
    const { folder, file, backup, wanted } = await scene();
    const safe = join(folder, "safe");
    mkdirSync(safe);
    const moved = join(safe, "backup.db");
    renameSync(backup, moved);
    renameSync(`${backup}.secret`, `${moved}.secret`);
    const before = readFileSync(moved);
    for (const name of readdirSync(safe)) chmodSync(join(safe, name), 0o400);
    chmodSync(safe, 0o500);
    await restoreSqlite(moved, file, "now");
    assert.deepEqual(readdirSync(safe).sort(), ["backup.db", "backup.db.secret"]);
    assert.deepEqual(readFileSync(moved), before);
    for (const name of [file, `${file}.secret`]) assert.equal(statSync(name).mode & 0o777, 0o600, name);
    assert.equal(await holds(file, wanted), true);
    chmodSync(safe, 0o700);
  });

  it("reads the log and the secret of a backup that a link leads to", async () => {
    const { folder, file } = await scene();
    const real = join(folder, "real.db");
    const sid = await make(real);
    // As a process that was killed leaves it: the newest session is in the log alone.
    const writer = sqliteStore(real);
    await writer.open();
    const newest = samples.record();
    await writer.insert(newest);
    for (const suffix of ["", "-wal", ".secret"]) copyFileSync(`${real}${suffix}`, join(folder, `killed.db${suffix}`));
    await writer.close();
    const link = join(folder, "latest");
    symlinkSync(join(folder, "killed.db"), link);
    const { hasSecret } = await restoreSqlite(link, file, "now");
    assert.equal(hasSecret, true);
    assert.deepEqual([await holds(file, sid), await holds(file, newest.sid)], [true, true]);
  });

  it("goes where a link leads, and the link stays", async () => {
    const { folder, file, backup, wanted, old } = await scene();
    const volume = join(folder, "volume");
    mkdirSync(volume);
    renameSync(file, join(volume, "real.db"));
    symlinkSync(join(volume, "real.db"), file);
    const { kept } = await restoreSqlite(backup, file, "now");
    assert.ok(lstatSync(file).isSymbolicLink());
    assert.equal(kept, join(volume, "real.db.before-now"));
    assert.deepEqual([await holds(file, wanted), await holds(kept as string, old)], [true, true]);
    assert.equal(text(`${file}.secret`), text(`${backup}.secret`));
  });

  it("is refused while somebody reads the database, whatever the form of its log", async () => {
    const { file, backup } = await scene();
    const reader = new DatabaseSync(file);
    for (const mode of ["DELETE", "WAL"]) {
      reader.exec(`PRAGMA journal_mode = ${mode}`);
      reader.exec("BEGIN");
      reader.prepare("SELECT count(*) FROM sessions").get();
      await assert.rejects(restoreSqlite(backup, file, mode), { code: "store_unavailable", message: /stop it first/ });
      reader.exec("COMMIT");
    }
    reader.close();
    assert.equal(existsSync(`${file}.restoring`), false);
  });

  it("says which file cannot be read rather than that a database is away, and refuses what is no database", async () => {
    const { folder, file, backup } = await scene();
    rmSync(backup);
    mkdirSync(backup);
    await assert.rejects(restoreSqlite(backup, file, "now"), { code: "store_unavailable", message: /read: EISDIR/ });
    writeFileSync(join(folder, "empty"), "");
    const empty = restoreSqlite(join(folder, "empty"), file, "now");
    await assert.rejects(empty, { code: "store_incompatible", message: /not a Pawl database/ });
  });

  const isRoot = process.getuid?.() === 0;
  it("by root leaves files to whom they belonged", {
    skip: isRoot ? false : "only root gives files away",
  }, async () => {
    const { file, backup } = await scene();
    chownSync(file, 65534, 65534);
    await restoreSqlite(backup, file, "now");
    for (const name of [file, `${file}.secret`]) {
      assert.deepEqual([statSync(name).uid, statSync(name).mode & 0o777], [65534, 0o600], name);
    }
  });
});
