// Copying one store into another: what arrives, what a second run does, what a target must not be, and what is left when a
// run breaks off. Stores are real: memory, and SQLite files.

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions } from "../../src/engine/types.ts";
import { isLive } from "../../src/engine/views.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { type CopyCounts, copyStore } from "../../src/stores/copy.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { createSqliteFiles } from "./sqlite-files.ts";

const secret = Buffer.alloc(32, 9).toString("base64url");
const files = createSqliteFiles();
const opened: { close(): Promise<void> }[] = [];
after(() => Promise.all(opened.map((each) => each.close())));

async function engineOn(store: Store): Promise<Sessions> {
  const sessions = await createSessions({ store, secret });
  opened.push(sessions);
  return sessions;
}

async function empty(): Promise<Store> {
  const store = sqliteStore(files.fresh());
  await store.open();
  opened.push(store);
  return store;
}

function copy(source: Store, target: Store): Promise<CopyCounts> {
  const now = nodePlatform.clock.now();
  return copyStore(source, target, {
    nowSeconds: Math.floor(now / 1000),
    isLive: (record) => isLive(record, now),
    mayReplace: () => true,
  });
}

const feedOf = async (store: Store): Promise<(string | undefined)[]> =>
  (await store.revocationsAfter(undefined, 0, 1000)).revocations.map(({ sid }) => sid).sort();
const all = (store: Store): Promise<SessionRecord[]> => store.listAll(undefined, 1000);

async function equal(source: Store, target: Store): Promise<void> {
  assert.deepEqual(await all(target), await all(source));
  const documents = async (store: Store): Promise<unknown> =>
    (await store.listDocuments("", undefined, 1000)).map(({ key, value }) => [key, value]);
  assert.deepEqual(await documents(target), await documents(source));
  assert.deepEqual(await feedOf(target), await feedOf(source));
  for (const subject of ["ann", "bob"]) {
    assert.deepEqual(await target.listBySubject(subject, 100), await source.listBySubject(subject, 100));
  }
}

const issue = (sessions: Sessions, subject: string): ReturnType<Sessions["issue"]> =>
  sessions.issue({ subject, transport: "body" });

/** More than one page and more than one batch of sessions, some refreshed, some ended. */
async function populated(): Promise<{ store: Store; sessions: Sessions; tokens: string[] }> {
  const store = memoryStore();
  const sessions = await engineOn(store);
  const grants = await Promise.all(
    Array.from({ length: 40 }, (_, index) => issue(sessions, index % 2 === 0 ? "ann" : "bob")),
  );
  const tokens: string[] = [];
  for (const [index, { refreshToken, record }] of grants.entries()) {
    const next = await sessions.refresh({ refreshToken: refreshToken as string });
    tokens.push(next.refreshToken as string);
    if (index % 5 === 0) await sessions.revoke(record.sid, "logout");
  }
  return { store, sessions, tokens };
}

describe("copyStore", () => {
  it("brings sessions with their versions, documents and the feed; tokens work in the copy", async () => {
    const { store, tokens } = await populated();
    const target = await empty();
    const counts = await copy(store, target);
    assert.deepEqual([counts.sessions, counts.added, counts.updated, counts.revocations], [40, 40, 0, 8]);
    await equal(store, target);
    const there = await engineOn(target);
    await assert.rejects(there.refresh({ refreshToken: tokens[0] as string }), { code: "session_revoked" });
    const grant = await there.refresh({ refreshToken: tokens[1] as string });
    assert.equal(grant.outcome, "rotated");
  });

  it("a second run takes only what has changed: refreshes, endings, new and purged sessions, documents", async () => {
    const { store, sessions, tokens } = await populated();
    const target = await empty();
    await copy(store, target);
    assert.deepEqual(await copy(store, target), {
      sessions: 40,
      added: 0,
      updated: 0,
      removed: 0,
      documents: 0,
      revocations: 0,
    });
    const grant = await sessions.refresh({ refreshToken: tokens[1] as string });
    await sessions.refresh({ refreshToken: grant.refreshToken as string });
    let position: string | undefined;
    do position = (await sessions.purge(position, -1)).next;
    while (position !== undefined);
    await sessions.logout({ refreshToken: tokens[2] as string });
    await issue(sessions, "bob");
    await sessions.rotateKeys();
    const counts = await copy(store, target);
    assert.deepEqual([counts.added, counts.updated, counts.removed, counts.documents], [1, 2, 8, 1]);
    assert.deepEqual(await all(target), await all(store));
  });

  it("carries an ending over that a run beside a server saw in the row but not in the feed", async () => {
    const { store, sessions, tokens } = await populated();
    const target = await empty();
    const before = await store.revocationsAfter(undefined, 0, 1000);
    await sessions.logout({ refreshToken: tokens[1] as string });
    await copy({ ...store, revocationsAfter: async () => before }, target);
    assert.notDeepEqual(await feedOf(target), await feedOf(store));
    assert.equal((await copy(store, target)).revocations, 1);
    await equal(store, target);
  });

  it("refuses a target in use before it writes anything", async () => {
    const { store, sessions, tokens } = await populated();
    const target = await empty();
    await copy(store, target);
    const there = await engineOn(target);
    const newer = await there.refresh({ refreshToken: tokens[1] as string });
    await there.refresh({ refreshToken: newer.refreshToken as string });
    await issue(sessions, "ann");
    const seen = await all(target);
    await assert.rejects(copy(store, target), { code: "store_incompatible" });
    assert.deepEqual(await all(target), seen);
  });

  it("refuses a target of another installation, also with as many sessions", async () => {
    const { store } = await populated();
    const other = await populated();
    const seen = await all(other.store);
    await assert.rejects(copy(store, other.store), { code: "store_incompatible" });
    assert.deepEqual(await all(other.store), seen);
  });

  it("a run that breaks off anywhere is repaired by the next one", async () => {
    const { store } = await populated();
    for (const failing of [1, 2, 9, 30, 44, 47]) {
      const target = await empty();
      let writes = 0;
      const breaking = async <Result>(write: () => Promise<Result>): Promise<Result> => {
        writes += 1;
        if (writes === failing) throw new Error("gone");
        return write();
      };
      const frail: Store = {
        ...target,
        insert: (record) => breaking(() => target.insert(record)),
        commit: (next, version, entry) => breaking(() => target.commit(next, version, entry)),
        writeDocuments: (changes) => breaking(() => target.writeDocuments(changes)),
      };
      await assert.rejects(copy(store, frail), /gone/);
      await copy(store, target);
      await equal(store, target);
    }
  });
});
