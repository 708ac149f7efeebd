// Promises of a store about the revocation feed: order, resuming without a gap, lapse.
// Part of store-suite.ts; opens nothing itself.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { Revocation, Store } from "../core/ports.ts";
import { nodePlatform } from "../platform/node.ts";
import { createSamples } from "./session-samples.ts";
import type { Subjects } from "./store-suite-subjects.ts";

const farFuture = 2_000_000_000;
/** A listener has its connection by then. */
const listenMilliseconds = 200;

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
export function feedPromises({ open, reopen, withTwo, canReopen }: Subjects): void {
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
    const first = await store.revocationsAfter(undefined, 0, 4);
    assert.deepEqual([first.revocations, first.more], [entries.slice(0, 4), true]);
    const rest = await store.revocationsAfter(first.cursor, 0, 100);
    assert.deepEqual([rest.revocations, rest.more], [entries.slice(4), false]);
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

  it("refuses a malformed cursor", async (t) => {
    const store = await open(t);
    await append(store, 1, { notBefore: 1, exp: farFuture });
    for (const cursor of [
      "",
      " ",
      "x",
      "-1",
      "1",
      "1.5",
      "1e3",
      "0x1",
      "1-",
      "01-AAAAAAAA",
      "'; DROP",
      "9".repeat(40),
    ]) {
      await assert.rejects(store.revocationsAfter(cursor, 0, 10), { code: "invalid_request" }, JSON.stringify(cursor));
    }
  });

  it("starts over for a cursor from another feed, and says so", async (t) => {
    const [store, longer] = [await open(t), await open(t)];
    const mine = [await append(store, 1, { notBefore: 1, exp: farFuture })];
    // A database that was put back from a copy, or lost its last writes: the same numbers stand for other entries.
    for (let step = 1; step <= 3; step += 1) {
      await append(longer, 10 + step, { notBefore: step, exp: farFuture });
      const { cursor } = await longer.revocationsAfter(undefined, 0, 10);
      const page = await store.revocationsAfter(cursor, 0, 10);
      assert.deepEqual([page.revocations, page.restarted], [mine, true], `${step} entries elsewhere`);
    }
    const { cursor, restarted } = await store.revocationsAfter(undefined, 0, 10);
    assert.equal(restarted, false);
    const resumed = await store.revocationsAfter(cursor, 0, 10);
    assert.deepEqual(resumed, { cursor, revocations: [], restarted: false, more: false });
  });

  it("starts over, and says so, for a cursor whose entry lapsed and was purged", async (t) => {
    const store = await open(t);
    await append(store, 1, { notBefore: 1, exp: 1000 });
    const { cursor } = await store.revocationsAfter(undefined, 0, 10);
    const alive = [
      await append(store, 2, { notBefore: 2, exp: farFuture }),
      await append(store, 3, { notBefore: 3, exp: farFuture }),
    ];
    const before = await store.revocationsAfter(cursor, 1000, 10);
    assert.deepEqual([before.revocations, before.restarted], [alive, false]);
    await store.purge(() => false, 1000, undefined, 10);
    const after = await store.revocationsAfter(cursor, 1000, 10);
    assert.deepEqual([after.revocations, after.restarted], [alive, true]);
    assert.equal(after.cursor, before.cursor);
  });

  it("tells a listener of every process that something was appended", async (t) => {
    const store = await open(t);
    if (store.watchRevocations === undefined) return t.diagnostic("no networked store: whoever wants to know polls");
    const other = canReopen ? await reopen(t, store) : store;
    const heard = new Promise<void>((resolve) => t.after(store.watchRevocations?.(resolve) ?? (() => {})));
    await nodePlatform.scheduler.wait(listenMilliseconds);
    await append(other, 1, { notBefore: 1, exp: farFuture });
    await heard;
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
