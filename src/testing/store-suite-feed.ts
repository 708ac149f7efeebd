// Promises of a store about the revocation feed: order, resuming without a gap, lapse.
// Part of store-suite.ts; opens nothing itself.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { Revocation, Store } from "../core/ports.ts";
import { nodePlatform } from "../platform/node.ts";
import { createSamples } from "./session-samples.ts";
import type { Subjects } from "./store-suite-subjects.ts";

const farFuture = 2_000_000_000;

/** Ends a fresh session and puts this entry into the feed. */
async function append(store: Store, seed: number, entry: Omit<Revocation, "sid">): Promise<Revocation> {
  const samples = createSamples(seed);
  const record = samples.record();
  const revocation = entry.sub === undefined ? { sid: record.sid, ...entry } : entry;
  assert.equal(await store.insert(record), true);
  assert.equal(await store.commit(samples.ended(record), 1, revocation), true);
  return revocation;
}

/** Reads on from `cursor` until a page is not full. */
async function follow(store: Store, cursor: string | undefined, limit: number): Promise<[string, Revocation[]]> {
  const found: Revocation[] = [];
  for (let position = cursor; ; ) {
    const page = await store.revocationsAfter(position, 0, limit);
    assert.ok(page.revocations.length <= limit);
    found.push(...page.revocations);
    if (page.revocations.length < limit) return [page.cursor, found];
    position = page.cursor;
  }
}

/** Declares them. */
export function feedPromises({ open, reopen, withTwo }: Subjects): void {
  it("has an empty feed with a cursor to resume from", async (t) => {
    const store = await open(t);
    const { cursor, revocations } = await store.revocationsAfter(undefined, 0, 10);
    assert.deepEqual(revocations, []);
    const first = await append(store, 1, { notBefore: 1, exp: farFuture });
    assert.deepEqual((await store.revocationsAfter(cursor, 0, 10)).revocations, [first]);
  });

  it("gives revocations of sessions and subjects in the order of commit, page by page", async (t) => {
    const store = await open(t);
    const entries: Revocation[] = [];
    for (let step = 0; step < 10; step += 1) {
      const sub = step % 3 === 0 ? { sub: `user ${step} ☃` } : {};
      entries.push(await append(store, step, { notBefore: step, exp: farFuture, ...sub }));
    }
    for (const limit of [1, 3, 10, 100]) {
      assert.deepEqual((await follow(store, undefined, limit))[1], entries, `limit ${limit}`);
    }
    const { cursor, revocations } = await store.revocationsAfter(undefined, 0, 4);
    assert.deepEqual(revocations, entries.slice(0, 4));
    assert.deepEqual((await store.revocationsAfter(cursor, 0, 100)).revocations, entries.slice(4));
  });

  withTwo("leaves no gap and repeats nothing while others append", async (t) => {
    const store = await open(t);
    const other = await reopen(t, store);
    const appended = Array.from({ length: 60 }, (_, step) =>
      append(step % 2 === 0 ? store : other, step, { notBefore: step, exp: farFuture }),
    );
    let done = false;
    const all = Promise.all(appended).finally(() => {
      done = true;
    });
    const seen: Revocation[] = [];
    let cursor: string | undefined;
    do {
      const [next, found] = await follow(other, cursor, 7);
      seen.push(...found);
      cursor = next;
      await new Promise<void>(nodePlatform.scheduler.soon);
    } while (!done);
    seen.push(...(await follow(other, cursor, 7))[1]);
    const numbers = (entries: readonly Revocation[]): number[] => entries.map((entry) => entry.notBefore);
    assert.deepEqual(
      numbers(seen).sort((a, b) => a - b),
      numbers(await all),
    );
    assert.deepEqual(seen, (await follow(store, undefined, 100))[1], "the order is the same for everybody");
  });

  it("leaves out entries from the second they lapse", async (t) => {
    const store = await open(t);
    const short = await append(store, 1, { notBefore: 1, exp: 1000 });
    const long = await append(store, 2, { notBefore: 2, exp: 1001 });
    const at = async (now: number): Promise<readonly Revocation[]> =>
      (await store.revocationsAfter(undefined, now, 10)).revocations;
    assert.deepEqual(await at(999), [short, long]);
    assert.deepEqual(await at(1000), [long]);
    assert.deepEqual(await at(1001), []);
    const { cursor } = await store.revocationsAfter(undefined, 1001, 10);
    assert.deepEqual((await store.revocationsAfter(cursor, 0, 10)).revocations, [], "the cursor is past them");
  });

  it("refuses a malformed cursor, and starts over for one from beyond the end", async (t) => {
    const store = await open(t);
    const only = await append(store, 1, { notBefore: 1, exp: farFuture });
    for (const cursor of ["", " ", "x", "-1", "1.5", "1e3", "0x1", "'; DROP TABLE revocations", "9".repeat(40)]) {
      await assert.rejects(store.revocationsAfter(cursor, 0, 10), { code: "invalid_request" }, JSON.stringify(cursor));
    }
    const { cursor } = await store.revocationsAfter(undefined, 0, 10);
    // A database that was put back from a backup: cursors of later times must not make a reader miss what comes.
    const beyond = /^\d+$/.test(cursor) ? String(Number(cursor) + 1000) : cursor;
    const page = await store.revocationsAfter(beyond, 0, 10);
    if (beyond !== cursor) assert.deepEqual(page, { cursor, revocations: [only] });
  });

  it("keeps entries of its own, which nobody can change", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const record = samples.record();
    const entry = { sid: record.sid, notBefore: 1, exp: farFuture };
    await store.insert(record);
    const committed = store.commit(samples.ended(record), 1, entry);
    entry.exp = 2;
    await committed;
    entry.notBefore = 3;
    const { revocations } = await store.revocationsAfter(undefined, 0, 10);
    assert.deepEqual(revocations, [{ sid: record.sid, notBefore: 1, exp: farFuture }]);
    Reflect.set(revocations[0] as object, "exp", 4);
    assert.equal((await store.revocationsAfter(undefined, 0, 10)).revocations[0]?.exp, farFuture);
  });

  it("refuses entries that name nothing or both, or are out of bounds", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const record = samples.record();
    await store.insert(record);
    const bad: Revocation[] = [
      { notBefore: 1, exp: 2 },
      { sid: record.sid, sub: "ana", notBefore: 1, exp: 2 },
      { sid: "nonsense", notBefore: 1, exp: 2 },
      { sub: "", notBefore: 1, exp: 2 },
      { sid: record.sid, notBefore: 1.5, exp: 2 },
      { sid: record.sid, notBefore: 1, exp: -2 },
    ];
    for (const entry of bad) {
      await assert.rejects(store.commit(samples.ended(record), 1, entry), { code: "invalid_request" });
    }
    assert.deepEqual(await store.read(record.sid), record);
  });
}
