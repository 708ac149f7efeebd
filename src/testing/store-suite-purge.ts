// Promises of a store about the purge: bounded steps, nothing but what lapsed, races with use.
// Part of store-suite.ts; opens nothing itself.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { PurgeStep, Store } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { createSamples } from "./session-samples.ts";
import type { Subjects } from "./store-suite-subjects.ts";

const stepsMax = 100;

/** Sweeps to the end; resolves what each step removed. */
async function sweep(
  store: Store,
  lapsed: (record: SessionRecord) => boolean,
  nowSeconds: number,
  limit: number,
): Promise<number[]> {
  const removed: number[] = [];
  for (let from: string | undefined; removed.length < stepsMax; ) {
    const step: PurgeStep = await store.purge(lapsed, nowSeconds, from, limit);
    removed.push(step.removed);
    if (step.next === undefined) return removed;
    from = step.next;
  }
  return assert.fail("the sweep does not come to an end");
}

/** Declares them. */
export function purgePromises({ open }: Subjects): void {
  it("purges what lapsed, in bounded steps, and nothing else", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const records = Array.from({ length: 25 }, (_, index) =>
      samples.record({ subject: "ana", label: index % 3 === 0 ? "lapsed" : "kept" }),
    );
    for (const record of records) await store.insert(record);
    let asked = 0;
    const isLapsed = (record: SessionRecord): boolean => {
      asked += 1;
      return record.label === "lapsed";
    };
    const first = await store.purge(isLapsed, 0, undefined, 4);
    assert.equal(asked, 4, "a step looks at no more rows than its limit");
    assert.deepEqual(first, { removed: 2, next: records[3]?.sid });
    const removed = await sweep(store, isLapsed, 0, 4);
    assert.ok(removed.every((count) => count <= 4));
    assert.equal(
      removed.reduce((sum, count) => sum + count, 0),
      7,
    );
    const kept = records.filter((record) => record.label === "kept");
    assert.deepEqual(await store.listAll(undefined, 100), kept);
    assert.deepEqual(await store.listBySubject("ana", 100), kept.toReversed());
    assert.equal(await store.read(records[0]?.sid as string), undefined);
    assert.equal(await store.insert(records[0] as SessionRecord), true, "a purged id is free again");
  });

  it("purges feed entries from the second they lapse, in bounded steps, and cursors stay good", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    for (let step = 0; step < 12; step += 1) {
      const record = samples.record();
      await store.insert(record);
      await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: step, exp: 1000 + step });
    }
    const { cursor } = await store.revocationsAfter(undefined, 0, 11);
    const never = (): boolean => false;
    assert.deepEqual(await sweep(store, never, 999, 5), [0, 0, 0]);
    const removed = await sweep(store, never, 1006, 5);
    assert.equal(
      removed.reduce((sum, count) => sum + count, 0),
      7,
    );
    const left = await store.revocationsAfter(undefined, 0, 100);
    assert.deepEqual(
      left.revocations.map((entry) => entry.notBefore),
      [7, 8, 9, 10, 11],
    );
    assert.deepEqual(
      (await store.revocationsAfter(cursor, 0, 100)).revocations.map((entry) => entry.notBefore),
      [11],
    );
    // The feed is longer than the sessions: the sweep goes on until it is clean, too.
    await sweep(store, () => true, 0, 100);
    assert.deepEqual(await store.listAll(undefined, 10), []);
    assert.deepEqual(await sweep(store, never, 5000, 2), [2, 2, 1]);
    const end = await store.revocationsAfter(cursor, 0, 100);
    const record = samples.record();
    await store.insert(record);
    await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore: 77, exp: 9999 });
    assert.deepEqual(
      (await store.revocationsAfter(end.cursor, 0, 9)).revocations.map((entry) => entry.notBefore),
      [77],
    );
  });

  it("never removes a session that was used meanwhile", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const untouched = (record: SessionRecord): boolean => record.version === 1;
    for (let round = 0; round < 20; round += 1) {
      const record = samples.record();
      await store.insert(record);
      const use = (): Promise<boolean> => store.commit(samples.refreshed(record), 1);
      const purge = (): Promise<PurgeStep> => store.purge(untouched, 0, undefined, 100);
      const [used] =
        round % 2 === 0 ? await Promise.all([use(), purge()]) : (await Promise.all([purge(), use()])).reverse();
      assert.equal((await store.read(record.sid)) !== undefined, used, `round ${round}`);
    }
  });

  it("refuses a position that is no id", async (t) => {
    const store = await open(t);
    await assert.rejects(
      store.purge(() => true, 0, "17", 10),
      { code: "invalid_request" },
    );
  });
}
