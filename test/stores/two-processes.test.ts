// Two real processes on one SQLite file: nobody loses an update, the feed has no gap, a token has one successor, and
// both start on a file that does not exist yet and agree on its secret.

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { createSessions } from "../../src/index.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { createSqliteFiles } from "./sqlite-files.ts";

const files = createSqliteFiles();
const program = fileURLToPath(new URL("two-processes-child.ts", import.meta.url));

/** Starts the processes, lets them begin together, and resolves what each reports. */
async function race<Result>(t: TestContext, file: string, part: string, shared = "", count = 2): Promise<Result[]> {
  const children = Array.from({ length: count }, (_, index) => fork(program, [String(index + 1), file, part, shared]));
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

it("two processes on one session lose no update", async (t) => {
  const file = files.fresh();
  const store = sqliteStore(file);
  await store.open();
  const record = createSamples().record();
  await store.insert(record);
  const won = (await race<number[]>(t, file, "increment", record.sid)).flat();
  assert.deepEqual(
    won.toSorted((a, b) => a - b),
    Array.from({ length: 300 }, (_, index) => index + 2),
    "each version was won once",
  );
  assert.equal((await store.read(record.sid))?.generation, 300);
  await store.close();
});

it("two processes fill one feed, and a third reads it without a gap", async (t) => {
  const file = files.fresh();
  const store = sqliteStore(file);
  await store.open();
  let isRunning = true;
  const appended = race<number[]>(t, file, "revoke").finally(() => {
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
  assert.equal(all.length, 600);
  assert.deepEqual(seen.toSorted(), all.toSorted());
  await store.close();
});

it("two processes that refresh one token with one attempt hand out one successor", async (t) => {
  const file = files.fresh();
  const sessions = await createSessions({ store: sqliteStore(file) });
  const { refreshToken, record } = await sessions.issue({ subject: "ana" });
  const hashes = (await race<string[]>(t, file, "refresh", refreshToken)).flat();
  assert.equal(hashes.length, 50);
  assert.equal(new Set(hashes).size, 1);
  assert.equal((await sessions.story(record.sid))?.state, "live");
  await sessions.close();
});

it("processes that start at the same instant on no file agree on one database and one secret", async (t) => {
  for (let round = 0; round < 2; round += 1) {
    const secrets = await race<string>(t, files.fresh(), "secret", "", 4);
    assert.match(secrets[0] as string, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(new Set(secrets).size, 1);
  }
});
