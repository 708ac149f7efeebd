// Shared transactions: what shares one, when callers are told, the bounds, and what happens when a transaction fails.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { it } from "node:test";
import { nodePlatform } from "../../src/platform/node.ts";
import type { GroupCommit } from "../../src/stores/group-commit.ts";
import { batchWritesMax, createGroupCommit, queuedWritesMax } from "../../src/stores/group-commit.ts";
import { rollBack } from "../../src/stores/sqlite-schema.ts";

interface Scene {
  readonly writes: GroupCommit;
  readonly database: DatabaseSync;
  /** Begin, commit and rollback as they happened. */
  readonly log: string[];
  insert(value: number): Promise<unknown>;
  values(): number[];
}

/** A real database in memory, whose transactions are written down. */
function createScene(): Scene {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE numbers (value INTEGER PRIMARY KEY, filler BLOB DEFAULT (zeroblob(100)))");
  const log: string[] = [];
  const run = (word: string): void => {
    log.push(word);
    database.exec(word);
  };
  const begin = (): boolean => {
    run("BEGIN");
    return true;
  };
  const rollback = (): void => {
    log.push("ROLLBACK");
    rollBack(database);
  };
  const transactions = { begin, commit: () => run("COMMIT"), rollback };
  const writes = createGroupCommit(transactions, nodePlatform.scheduler, 3);
  const insert = database.prepare("INSERT INTO numbers (value) VALUES (?)");
  return {
    writes,
    database,
    log,
    insert: (value) => writes.run(() => insert.run(value).changes),
    values: () =>
      database
        .prepare("SELECT value FROM numbers ORDER BY value")
        .all()
        .map((row) => Number(row.value)),
  };
}

it("runs the writes of one turn in one transaction and tells their callers after it", async () => {
  const { insert, log } = createScene();
  const told = [3, 1, 2].map((value) => insert(value).then(() => log.push(`told ${value}`)));
  assert.deepEqual(log, [], "nothing happens before the turn is over");
  await Promise.all(told);
  assert.deepEqual(log, ["BEGIN", "COMMIT", "told 3", "told 1", "told 2"]);
});

it("runs a later turn in a transaction of its own", async () => {
  const { insert, log } = createScene();
  await insert(1);
  await insert(2);
  assert.deepEqual(log, ["BEGIN", "COMMIT", "BEGIN", "COMMIT"]);
});

it("bounds a transaction", async () => {
  const { insert, log, values } = createScene();
  await Promise.all(Array.from({ length: 2 * batchWritesMax + 1 }, (_, value) => insert(value)));
  assert.equal(log.filter((word) => word === "COMMIT").length, 3);
  assert.equal(values().length, 2 * batchWritesMax + 1);
});

it("bounds the queue: further writes are refused at once, those before them happen", async () => {
  const { insert, values } = createScene();
  const accepted = Array.from({ length: queuedWritesMax }, (_, value) => insert(value));
  await assert.rejects(insert(-1), { code: "store_unavailable" });
  await Promise.all(accepted);
  assert.equal(values().length, queuedWritesMax);
  assert.equal(await insert(-2), 1);
});

it("undoes and refuses everything of a transaction that fails, and nothing else", async () => {
  const { insert, log, values } = createScene();
  await insert(1);
  const results = await Promise.allSettled([insert(2), insert(1), insert(3)]);
  assert.deepEqual(
    results.map((result) => result.status === "rejected" && result.reason.code),
    ["store_unavailable", "store_unavailable", "store_unavailable"],
  );
  assert.deepEqual(values(), [1]);
  assert.deepEqual(log.slice(-2), ["BEGIN", "ROLLBACK"]);
  await insert(4);
  assert.deepEqual(values(), [1, 4]);
});

it("refuses everything when the commit itself fails", async () => {
  const { database, insert, values, writes } = createScene();
  database.exec(`PRAGMA foreign_keys = ON;
    CREATE TABLE orphans (parent INTEGER REFERENCES numbers (value) DEFERRABLE INITIALLY DEFERRED)`);
  const orphan = writes.run(() => database.exec("INSERT INTO orphans VALUES (99)"));
  const results = await Promise.allSettled([insert(1), orphan, insert(2)]);
  assert.ok(results.every((result) => result.status === "rejected" && result.reason.code === "store_unavailable"));
  assert.deepEqual(values(), []);
  await insert(3);
  assert.deepEqual(values(), [3]);
});

it("refuses everything when the disk is full, and writes again when it is not", async () => {
  const { database, writes, values } = createScene();
  const grow = (from: number): Promise<unknown>[] =>
    Array.from({ length: 400 }, (_, index) =>
      writes.run(() => database.prepare("INSERT INTO numbers (value) VALUES (?)").run(from + index)),
    );
  database.exec("PRAGMA max_page_count = 2");
  const results = await Promise.allSettled(grow(0));
  assert.ok(results.every((result) => result.status === "rejected" && result.reason.code === "store_unavailable"));
  assert.deepEqual(values(), []);
  database.exec("PRAGMA max_page_count = 1000");
  await Promise.all(grow(1000));
  assert.equal(values().length, 400);
});

it("asks again for a lock that somebody else holds, a bounded number of times", async () => {
  for (const [lockedTimes, isWritten] of [
    [2, true],
    [3, false],
  ] as const) {
    let begun = 0;
    const begin = (): boolean => {
      begun += 1;
      return begun > lockedTimes;
    };
    const writes = createGroupCommit({ begin, commit() {}, rollback() {} }, nodePlatform.scheduler, 3);
    const [result] = await Promise.allSettled([writes.run(() => "done")]);
    assert.equal(result?.status === "fulfilled", isWritten, `locked ${lockedTimes} times`);
    assert.equal(begun, 3);
  }
});

it("is drained when nothing waits, also after failures", async () => {
  const { insert, writes, values } = createScene();
  await writes.drained();
  const first = insert(1);
  const clash = insert(1).catch(() => "refused");
  await writes.drained();
  assert.deepEqual(values(), []);
  assert.equal(await clash, "refused");
  await assert.rejects(first);
  const many = Array.from({ length: batchWritesMax + 1 }, (_, value) => insert(value));
  await writes.drained();
  assert.equal(values().length, batchWritesMax + 1);
  await Promise.all(many);
});
