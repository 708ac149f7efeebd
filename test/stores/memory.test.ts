// The store suite, the session suite and the differential suite on the memory store, and what is its own.

import assert from "node:assert/strict";
import { it } from "node:test";
import { memoryStore } from "../../src/stores/memory.ts";
import { differentialSuite } from "../../src/testing/differential-suite.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { sessionSuite } from "../../src/testing/session-suite.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";

storeSuite("memory", { create: async () => memoryStore() });
sessionSuite("memory", { create: async () => memoryStore() });
// A store that tells the time: the suite moves its own clock all the same.
sessionSuite("memory with a clock", { create: async () => ({ ...memoryStore(), now: async () => Date.now() }) });
// The memory store beside itself: what differs here is the suite's own doing.
differentialSuite("memory", { create: async () => memoryStore() });

it("memory: a call takes effect after it has yielded, as with a database", async () => {
  const store = memoryStore();
  await store.open();
  await store.insert(createSamples().record());
  let isAsked = false;
  const purged = store.purge(() => (isAsked = true), 0, undefined, 1);
  assert.equal(isAsked, false);
  assert.equal((await purged).removed, 1);
});

it("memory: two stores share nothing, not even the secret", async () => {
  const { entropy } = createSimulatedPlatform();
  const [one, other] = [memoryStore(), memoryStore()];
  await one.insert(createSamples().record());
  assert.deepEqual(await other.listAll(undefined, 10), []);
  assert.notEqual(await one.embeddedSecret?.(entropy), await other.embeddedSecret?.(entropy));
});
