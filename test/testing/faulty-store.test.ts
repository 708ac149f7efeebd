// The stores that fail on purpose: each fault does what it says and no more, and without a script they are stores like any
// other, as the store suite proves.

import assert from "node:assert/strict";
import { it } from "node:test";
import { memoryStore } from "../../src/stores/memory.ts";
import { createFailoverStore } from "../../src/testing/failover-store.ts";
import type { StoreFault } from "../../src/testing/faulty-store.ts";
import { createFaultyStore, storeMethods } from "../../src/testing/faulty-store.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";

storeSuite("faulty, without a script", { create: async () => createFaultyStore(memoryStore()) });
storeSuite("failover, before any", { create: () => createFailoverStore(async () => memoryStore()) });

const once =
  (method: string, fault: StoreFault) =>
  (call: { method: string; turn: number }): StoreFault | undefined =>
    call.method === method && call.turn === 0 ? fault : undefined;

it("throws before or after a call happened, with store_unavailable", async () => {
  const store = createFaultyStore(memoryStore());
  const samples = createSamples();
  const [one, other] = [samples.record(), samples.record()];
  store.play(once("insert", { kind: "throw before" }));
  await assert.rejects(store.insert(one), { code: "store_unavailable", terminal: false });
  assert.equal(await store.read(one.sid), undefined);
  store.play(once("insert", { kind: "throw after" }));
  await assert.rejects(store.insert(other), { code: "store_unavailable" });
  assert.deepEqual(await store.read(other.sid), other);
  assert.equal(await store.insert(one), true, "only the first");
});

it("forgets what it acknowledged, and only writes", async () => {
  const store = createFaultyStore(memoryStore());
  const samples = createSamples();
  const record = samples.record();
  store.play(() => ({ kind: "forget" }));
  assert.equal(await store.insert(record), true);
  assert.equal(await store.commit(samples.refreshed(record), 1), true);
  assert.equal(await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]), true);
  assert.deepEqual(await store.purge(() => true, 0, undefined, 1), { removed: 0, next: undefined });
  for (const call of [store.read(record.sid), store.listAll(undefined, 1), store.readDocument("k"), store.ping()]) {
    await assert.rejects(call, TypeError);
  }
  store.play(undefined);
  assert.equal(await store.read(record.sid), undefined);
  assert.equal(await store.readDocument("k"), undefined);
});

it("does a write twice and gives the second answer", async () => {
  const store = createFaultyStore(memoryStore());
  const samples = createSamples();
  const record = samples.record();
  await store.insert(record);
  store.play(once("commit", { kind: "twice" }));
  const next = samples.refreshed(record);
  assert.equal(await store.commit(next, 1), false);
  assert.deepEqual(await store.read(record.sid), next);
});

it("is late before or after a call takes effect", async () => {
  const store = createFaultyStore(memoryStore());
  const record = createSamples().record();
  const { clock } = createSimulatedPlatform();
  const startedAt = clock.now();
  let seen: unknown[] = [];
  const look = async (): Promise<void> => {
    clock.advance(30_000);
    store.play(undefined);
    seen.push(await store.read(record.sid));
  };
  store.play(once("insert", { kind: "late", before: look }));
  assert.equal(await store.insert(record), true);
  store.play(once("listAll", { kind: "late", after: look }));
  assert.deepEqual(await store.listAll(undefined, 1), [record]);
  assert.deepEqual(seen, [undefined, record]);
  assert.equal(clock.now() - startedAt, 60_000);
  seen = [];
});

it("counts the calls since the script was set, of each method by itself", async () => {
  const store = createFaultyStore(memoryStore());
  const { entropy } = createSimulatedPlatform();
  await store.ping();
  store.play(() => undefined);
  await store.ping();
  await store.listAll(undefined, 1);
  await store.ping();
  assert.deepEqual(
    store.calls.map(({ method, position, turn }) => [method, position, turn]),
    [
      ["ping", 0, 0],
      ["listAll", 1, 0],
      ["ping", 2, 1],
    ],
  );
  store.play(() => ({ kind: "throw before" }));
  const record = createSamples().record();
  const calls = [
    store.open(),
    store.read(record.sid),
    store.insert(record),
    store.commit({ ...record, version: 2 }, 1),
    store.listBySubject("u", 1),
    store.listAll(undefined, 1),
    store.revocationsAfter(undefined, 0, 1),
    store.purge(() => true, 0, undefined, 1),
    store.readDocument("k"),
    store.writeDocuments([]),
    store.listDocuments("", undefined, 1),
    store.embeddedSecret?.(entropy) ?? assert.fail(),
    store.ping(),
  ];
  for (const call of calls) await assert.rejects(call, { code: "store_unavailable" });
  assert.deepEqual(
    store.calls.map(({ method }) => method),
    storeMethods,
  );
  const { embeddedSecret: _none, ...networked } = memoryStore();
  assert.equal(createFaultyStore(networked).embeddedSecret, undefined);
});

it("a fail-over loses exactly the newest writes: rows, versions, feed, documents; not the secret", async () => {
  const store = await createFailoverStore(async () => memoryStore());
  await store.open();
  const { entropy } = createSimulatedPlatform();
  const secret = await store.embeddedSecret?.(entropy);
  const samples = createSamples();
  const record = samples.record();
  const next = samples.refreshed(record);
  await store.insert(record);
  await store.commit(next, 1);
  await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]);
  assert.equal(await store.commit(next, 1), false, "a lost compare-and-set is no write");
  await store.commit(samples.ended(next), 2, { sid: record.sid, notBefore: 1, exp: 9 });
  await store.purge(() => false, 0, undefined, 10);
  assert.equal(store.writes, 4);
  await store.failOver(1);
  assert.deepEqual(await store.read(record.sid), next);
  assert.deepEqual((await store.revocationsAfter(undefined, 0, 9)).revocations, []);
  assert.deepEqual(await store.readDocument("k"), { key: "k", version: 1, value: "v" });
  await store.failOver(2);
  assert.deepEqual(await store.read(record.sid), record);
  assert.equal(await store.readDocument("k"), undefined);
  assert.equal(await store.embeddedSecret?.(entropy), secret);
  await store.purge(() => true, 0, undefined, 10);
  assert.equal(await store.read(record.sid), undefined);
  await store.failOver(1);
  assert.deepEqual(await store.read(record.sid), record, "a purge is a write, too");
  for (const writes of [-1, 0.5, 2]) await assert.rejects(store.failOver(writes), RangeError);
  await store.failOver(0);
  assert.equal(store.writes, 1);
});
