// One node's clock is minutes off: over a store that tells the time the engine goes by the store's clock, so that tokens
// of all nodes are accepted everywhere, nobody is signed out early or late, and a clock that is set is noticed.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { describe, it } from "node:test";
import { PawlError } from "../../src/core/errors.ts";
import type { Platform, Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { StoreClock } from "../../src/engine/store-clock.ts";
import { openStoreClock } from "../../src/engine/store-clock.ts";
import type { Sessions } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { SimulatedPlatform } from "../../src/testing/simulated.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import { settled } from "./feed-stage.ts";
import { grace, key, second, tokenOf, zone } from "./stage.ts";

const minute = 60 * second;
/** An hour without use ends a session here. */
const idle = 60 * minute;
const measureMilliseconds = 30 * second;

/** The world's clock, and machines that are off from it. */
interface World {
  readonly real: SimulatedPlatform;
  /** The platform of a machine; `skew` may change. */
  machine(skew: { milliseconds: number }, seed: number): Platform;
  pass(milliseconds: number): Promise<void>;
}

function createWorld(): World {
  const real = createSimulatedPlatform({ timers: "simulated" });
  return {
    real,
    machine: (skew, seed) => ({
      clock: { now: () => real.clock.now() + skew.milliseconds },
      entropy: createSimulatedPlatform({ seed }).entropy,
      scheduler: real.scheduler,
    }),
    pass: async (milliseconds) => {
      for (let left = milliseconds; left > 0; left -= second) {
        real.clock.advance(Math.min(left, second));
        await settled();
      }
    },
  };
}

/** A store that tells the world's time. */
function timed(store: Store, world: World): Store {
  return { ...store, now: async () => world.real.clock.now() };
}

function claimsOf(accessToken: string): { iat: number; exp: number } {
  return JSON.parse(Buffer.from(accessToken.split(".")[1] as string, "base64url").toString());
}

async function openClock(store: Store, platform: Platform): Promise<StoreClock> {
  const clock = await openStoreClock(store, platform);
  assert.ok(clock);
  return clock;
}

async function openNode(t: TestContext, store: Store, platform: Platform): Promise<Sessions> {
  const sessions = await createSessions({
    store,
    platform,
    algorithm: "EdDSA",
    secret: "A".repeat(43),
    idleTtlSeconds: idle / second,
  });
  t.after(() => sessions.close());
  return sessions;
}

for (const [word, milliseconds] of [
  ["ahead", 5 * minute],
  ["behind", -5 * minute],
] as const) {
  describe(`a node whose clock is 5 minutes ${word}`, () => {
    it("and a right one take each other's tokens, and date them alike", async (t) => {
      const world = createWorld();
      const store = timed(memoryStore(), world);
      const right = await openNode(t, store, world.machine({ milliseconds: 0 }, 1));
      const wrong = await openNode(t, store, world.machine({ milliseconds }, 2));
      for (const [maker, checker] of [
        [right, wrong],
        [wrong, right],
      ] as const) {
        const grant = await maker.issue({ subject: "ann", transport: "body" });
        const { iat, exp } = claimsOf(grant.accessToken);
        assert.equal(iat, Math.floor(world.real.clock.now() / second));
        assert.equal(exp - iat, 900);
        assert.equal((await checker.authenticate(grant.accessToken)).subject, "ann");
        await world.pass(second);
        const refreshed = await checker.refresh({ refreshToken: tokenOf(grant) });
        assert.equal(refreshed.outcome, "rotated");
        await maker.authenticate(refreshed.accessToken);
      }
    });

    it("ends a session by time when it is due, neither early nor late", async (t) => {
      const world = createWorld();
      const store = timed(memoryStore(), world);
      const right = await openNode(t, store, world.machine({ milliseconds: 0 }, 1));
      const wrong = await openNode(t, store, world.machine({ milliseconds }, 2));
      const token = tokenOf(await right.issue({ subject: "ann", transport: "body" }));
      world.real.clock.advance(idle - 10 * second);
      assert.equal((await wrong.list("ann")).length, 1);
      const next = tokenOf(await wrong.refresh({ refreshToken: token }));
      world.real.clock.advance(idle);
      for (const node of [wrong, right]) {
        await assert.rejects(node.refresh({ refreshToken: next }), { code: "refresh_token_expired" });
      }
    });

    it("keeps the windows of concurrent use as long as they are", async (t) => {
      const world = createWorld();
      const store = timed(memoryStore(), world);
      const right = await openNode(t, store, world.machine({ milliseconds: 0 }, 1));
      const wrong = await openNode(t, store, world.machine({ milliseconds }, 2));
      const first = tokenOf(await right.issue({ subject: "ann", transport: "body" }));
      // Two tabs, two nodes, one token: contended for one soft zone, on both nodes alike.
      const ours = tokenOf(await right.refresh({ refreshToken: first, attempt: key(1) }));
      await world.pass(grace / 2);
      const theirs = tokenOf(await wrong.refresh({ refreshToken: first, attempt: key(2) }));
      await world.pass(zone - second);
      assert.equal((await right.refresh({ refreshToken: ours, attempt: key(3) })).outcome, "settled");
      assert.equal((await wrong.refresh({ refreshToken: theirs, attempt: key(4) })).outcome, "settled");
      await world.pass(second);
      const moved = tokenOf(await wrong.refresh({ refreshToken: theirs, attempt: key(5) }));
      // Retired a moment ago: no verdict yet. Two zones later it is reuse.
      await assert.rejects(right.refresh({ refreshToken: first }), { code: "refresh_token_superseded" });
      await world.pass(2 * zone);
      await right.refresh({ refreshToken: moved, attempt: key(6) });
      await assert.rejects(wrong.refresh({ refreshToken: first }), { code: "refresh_token_reused" });
      const [entry] = (await right.revocations()).revocations;
      assert.equal(entry?.notBefore, Math.floor(world.real.clock.now() / second) + 1);
    });

    it("without a clock in the store is left as it is", async (t) => {
      const platform = createWorld().machine({ milliseconds }, 1);
      assert.equal((await openNode(t, memoryStore(), platform)).platform, platform);
    });
  });
}

describe("the correction", () => {
  it("follows a clock that is set, within a second or two", async () => {
    const world = createWorld();
    const skew = { milliseconds: 0 };
    const clock = await openClock(timed(memoryStore(), world), world.machine(skew, 1));
    for (const milliseconds of [5 * minute, -5 * minute, 3 * second, 0]) {
      skew.milliseconds = milliseconds;
      await world.pass(2 * second);
      assert.ok(Math.abs(clock.now() - world.real.clock.now()) <= second, `set to ${milliseconds}`);
    }
    clock.stop();
  });

  it("finds a clock that drifts with the next measurement, and leaves small differences alone", async () => {
    const world = createWorld();
    const skew = { milliseconds: 300 };
    const clock = await openClock(timed(memoryStore(), world), world.machine(skew, 1));
    await world.pass(measureMilliseconds);
    assert.equal(clock.now() - world.real.clock.now(), 300);
    for (let step = 0; step < 10; step += 1) {
      skew.milliseconds += 200;
      await world.pass(second);
    }
    await world.pass(measureMilliseconds);
    assert.equal(clock.now() - world.real.clock.now(), 0);
    clock.stop();
  });

  it("believes the quickest answer, and none that took too long", async () => {
    const world = createWorld();
    const delays: (readonly [there: number, back: number])[] = [];
    const store: Store = {
      ...memoryStore(),
      now: async () => {
        const [there, back] = delays.shift() ?? [0, 0];
        world.real.clock.advance(there);
        const at = world.real.clock.now();
        world.real.clock.advance(back);
        return at + minute;
      },
    };
    delays.push([0, 4000], [10, 30], [4000, 0]);
    const clock = await openClock(store, world.machine({ milliseconds: 0 }, 1));
    assert.equal(clock.now() - world.real.clock.now(), minute - 10);
    clock.stop();
    delays.push([3000, 3000], [0, 6000], [9000, 0]);
    const unmoved = await openClock(store, world.machine({ milliseconds: 0 }, 1));
    assert.equal(unmoved.now(), world.real.clock.now());
    unmoved.stop();
  });

  it("stays as it was while the store is away, and waits for nothing", async (t) => {
    const world = createWorld();
    let isAway = true;
    const store: Store = {
      ...memoryStore(),
      now: async () => {
        if (isAway) throw new PawlError("store_unavailable");
        return world.real.clock.now();
      },
    };
    const skew = { milliseconds: 5 * minute };
    const sessions = await openNode(t, store, world.machine(skew, 1));
    const { clock } = sessions.platform;
    assert.equal(clock.now() - world.real.clock.now(), 5 * minute);
    isAway = false;
    await world.pass(2 * second);
    assert.equal(clock.now(), world.real.clock.now());
    isAway = true;
    await world.pass(10 * minute);
    assert.equal(clock.now(), world.real.clock.now());
    // Set meanwhile: nobody can say so before the store is back.
    skew.milliseconds -= 3 * minute;
    await world.pass(minute);
    assert.equal(clock.now() - world.real.clock.now(), -3 * minute);
    isAway = false;
    await world.pass(2 * second);
    assert.equal(clock.now(), world.real.clock.now());
  });

  it("stops with the engine", async () => {
    const world = createWorld();
    let asked = 0;
    const store: Store = {
      ...memoryStore(),
      now: async () => {
        asked += 1;
        return world.real.clock.now();
      },
    };
    const sessions = await createSessions({ store, platform: world.machine({ milliseconds: 0 }, 1) });
    await sessions.close();
    const before = asked;
    await world.pass(2 * measureMilliseconds);
    assert.equal(asked, before);
  });
});
