// The simulated platform: a clock that only the test moves, bytes and keys that a seed repeats, timers that follow.

import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { it } from "node:test";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

it("has a clock that stands still until it is moved, either way", () => {
  const { clock } = createSimulatedPlatform({ startAt: 5000 });
  assert.equal(clock.now(), 5000);
  clock.advance(10);
  assert.equal(clock.now(), 5010);
  clock.advance(-20);
  assert.equal(clock.now(), 4990);
  clock.set(7);
  assert.equal(clock.now(), 7);
});

it("draws the same bytes for the same seed, however they are cut, and others for another", () => {
  const draw = (seed: number, ...lengths: number[]): string => {
    const { entropy } = createSimulatedPlatform({ seed });
    return lengths.map((length) => Buffer.from(entropy.bytes(length)).toString("hex")).join("");
  };
  const whole = draw(1, 200);
  assert.equal(whole.length, 400);
  assert.equal(draw(1, 1, 31, 32, 33, 103), whole);
  assert.notEqual(draw(2, 200), whole);
  assert.equal(new Set(whole.match(/.{16}/g)).size, 25, "no block comes twice");
  for (const length of [0, -1, 1.5, 1025]) assert.throws(() => draw(1, length), RangeError);
});

it("makes real signing keys, the same for the same seed", async () => {
  for (const [algorithm, type] of [
    ["ES256", "ec"],
    ["EdDSA", "ed25519"],
  ] as const) {
    const key = async (seed: number): Promise<Uint8Array> =>
      createSimulatedPlatform({ seed }).entropy.signingKey(algorithm);
    const der = Buffer.from(await key(1));
    assert.equal(createPrivateKey({ key: der, format: "der", type: "pkcs8" }).asymmetricKeyType, type);
    assert.deepEqual(Buffer.from(await key(1)), der);
    assert.notDeepEqual(Buffer.from(await key(2)), der);
  }
});

it("runs simulated timers in order, at their instants, when the clock passes them", async () => {
  const { clock, scheduler } = createSimulatedPlatform({ startAt: 0, timers: "simulated" });
  const log: string[] = [];
  const stop = scheduler.every(10, () => log.push(`every 10 at ${clock.now()}`));
  void scheduler.wait(25).then(() => log.push("waited"));
  clock.advance(9);
  assert.deepEqual(log, []);
  clock.advance(21);
  assert.deepEqual(log, ["every 10 at 10", "every 10 at 20", "every 10 at 30"]);
  assert.equal(clock.now(), 30);
  await Promise.resolve();
  assert.equal(log.at(-1), "waited");
  stop();
  clock.advance(100);
  assert.equal(log.length, 4);
  assert.throws(() => scheduler.every(0, () => {}), RangeError);
});

it("leaves timers to the machine unless asked", async () => {
  const { clock, scheduler } = createSimulatedPlatform();
  const before = clock.now();
  await scheduler.wait(1);
  assert.equal(clock.now(), before);
});
