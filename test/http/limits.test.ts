// The token buckets: burst, refill, separation, bounds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createRateLimits, demandLimit, rateLimitKeysMax } from "../../src/http/limits.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

test("a burst is allowed, then what the refill gives; keys and limits are apart", () => {
  const platform = createSimulatedPlatform();
  const limits = createRateLimits(platform, { login_address: { burst: 3, perMinute: 6 } });
  const allowed = (key: string): boolean => limits.take("login_address", key).allowed;
  assert.deepEqual(["a", "a", "a", "a"].map(allowed), [true, true, true, false]);
  assert.equal(allowed("b"), true);
  assert.equal(limits.take("register_address", "a").allowed, true);
  assert.deepEqual(limits.take("login_address", "a"), {
    allowed: false,
    retryAfterSeconds: 10,
    limit: 3,
    remaining: 0,
  });
  platform.clock.advance(9_999);
  assert.equal(limits.take("login_address", "a").retryAfterSeconds, 1);
  platform.clock.advance(1);
  assert.deepEqual(limits.take("login_address", "a"), { allowed: true, retryAfterSeconds: 0, limit: 3, remaining: 0 });
  platform.clock.advance(3_600_000);
  assert.equal(limits.take("login_address", "a").remaining, 2, "never more than the burst");
});

test("a clock that was set back gives nothing and takes nothing", () => {
  const platform = createSimulatedPlatform();
  const limits = createRateLimits(platform, { login_address: { burst: 2, perMinute: 60 } });
  limits.take("login_address", "a");
  platform.clock.advance(-3_600_000);
  assert.deepEqual(
    [1, 2].map(() => limits.take("login_address", "a").allowed),
    [true, false],
  );
  platform.clock.advance(1000);
  assert.equal(limits.take("login_address", "a").allowed, true);
});

test("memory is bounded: the key unused for longest is forgotten", () => {
  const limits = createRateLimits(createSimulatedPlatform(), { login_address: { burst: 1, perMinute: 1 } });
  const allowed = (key: string): boolean => limits.take("login_address", key).allowed;
  assert.equal(allowed("first"), true);
  for (let index = 1; index < rateLimitKeysMax; index += 1) allowed(`key ${index}`);
  assert.equal(allowed("first"), false, "remembered as long as there is room");
  allowed("one more");
  assert.equal(allowed("first"), false, "used a moment ago, so another one went");
  assert.equal(allowed("key 1"), true, "forgotten, which errs towards yes");
});

test("settings out of bounds are refused", () => {
  for (const setting of [
    { burst: 0, perMinute: 1 },
    { burst: 1, perMinute: 0.5 },
    { burst: 1_000_001, perMinute: 1 },
  ]) {
    assert.throws(() => createRateLimits(createSimulatedPlatform(), { login_address: setting }), {
      code: "invalid_option",
    });
  }
});

test("demandLimit says which limit and for how long; without limits it says nothing", () => {
  const limits = createRateLimits(createSimulatedPlatform(), { login_address: { burst: 1, perMinute: 60 } });
  demandLimit(limits, "login_address", "a");
  assert.throws(() => demandLimit(limits, "login_address", "a"), {
    code: "rate_limited",
    facts: { retryAfterSeconds: 1, field: "login_address" },
  });
  demandLimit(undefined, "login_address", "a");
});
