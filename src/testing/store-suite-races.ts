// Promises of a store about races: many writers that have all read before the first one writes, on one instance and on
// two.
// Part of store-suite.ts; opens nothing itself.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { Store } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { createArrivalGate, gateReads } from "./arrival-gate.ts";
import { createSamples } from "./session-samples.ts";
import type { Subjects } from "./store-suite-subjects.ts";

const writers = 50;

/** All writers read, wait for each other, then commit; resolves what each of them was told. */
async function race(stores: readonly Store[], first: SessionRecord): Promise<{ won: SessionRecord[]; lost: number }> {
  const gate = createArrivalGate(writers);
  const gated = stores.map((store) => gateReads(store, gate));
  const results = await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const store = gated[writer % gated.length] as Store;
      const read = (await store.read(first.sid)) as SessionRecord;
      const next = { ...read, version: read.version + 1, label: `writer ${writer}` };
      const revocation = { sid: read.sid, notBefore: writer, exp: 2_000_000_000 };
      return (await store.commit(next, read.version, revocation)) ? next : undefined;
    }),
  );
  const won = results.filter((result) => result !== undefined);
  return { won, lost: results.length - won.length };
}

async function checkOneWinner(stores: readonly Store[]): Promise<void> {
  const first = createSamples().record();
  const [store] = stores as readonly [Store];
  await store.insert(first);
  const { won, lost } = await race(stores, first);
  assert.equal(won.length, 1, "exactly one commit wins");
  assert.equal(lost, writers - 1);
  for (const each of stores) assert.deepEqual(await each.read(first.sid), won[0]);
  const { revocations } = await store.revocationsAfter(undefined, 0, 100);
  assert.deepEqual(
    revocations.map((entry) => `writer ${entry.notBefore}`),
    [won[0]?.label],
    "only the winner's revocation is in the feed",
  );
}

/** Declares them. */
export function racePromises({ open, reopen, withTwo }: Subjects): void {
  it(`lets exactly one of ${writers} commits win that all read the same version`, async (t) => {
    await checkOneWinner([await open(t)]);
  });

  withTwo(`lets exactly one of ${writers} commits win on two instances of one database`, async (t) => {
    const store = await open(t);
    await checkOneWinner([store, await reopen(t, store)]);
  });

  it(`lets exactly one of ${writers} inserts of one id win`, async (t) => {
    const store = await open(t);
    const record = createSamples().record();
    const results = await Promise.all(
      Array.from({ length: writers }, (_, writer) => store.insert({ ...record, label: `writer ${writer}` })),
    );
    assert.equal(results.filter(Boolean).length, 1);
    assert.equal((await store.read(record.sid))?.label, `writer ${results.indexOf(true)}`);
  });

  it("loses no update when everybody reads again and retries", async (t) => {
    const store = await open(t);
    const first = createSamples().record();
    await store.insert(first);
    const addOne = async (): Promise<void> => {
      for (;;) {
        const read = (await store.read(first.sid)) as SessionRecord;
        const next = { ...read, version: read.version + 1, generation: read.generation + 1 };
        if (await store.commit(next, read.version)) return;
      }
    };
    await Promise.all(Array.from({ length: writers }, addOne));
    const last = await store.read(first.sid);
    assert.equal(last?.generation, writers);
    assert.equal(last?.version, 1 + writers);
  });

  withTwo("shows a write on another instance as soon as it is acknowledged", async (t) => {
    const store = await open(t);
    const other = await reopen(t, store);
    const samples = createSamples();
    const first = samples.record();
    await store.insert(first);
    assert.deepEqual(await other.read(first.sid), first);
    const second = samples.refreshed(first);
    assert.equal(await other.commit(second, 1), true);
    assert.deepEqual(await store.read(first.sid), second);
    assert.equal(await store.commit(samples.refreshed(first), 1), false);
  });

  it("does many writes of many sessions at once", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const records = Array.from({ length: 1200 }, () => samples.record({ subject: "ana" }));
    assert.ok((await Promise.all(records.map((record) => store.insert(record)))).every(Boolean));
    const next = records.map((record) => samples.refreshed(record));
    assert.ok((await Promise.all(next.map((record) => store.commit(record, 1)))).every(Boolean));
    assert.deepEqual(await store.listAll(undefined, 10_000), next);
  });
}
