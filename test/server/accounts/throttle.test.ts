// The limits on guessing: growing delays, lanes of known addresses, budgets of addresses, many attempts at once.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Admission,
  accountPlaces,
  accountRefillSeconds,
  addressBudget,
  addressRefillSeconds,
  createOpenThrottle,
  createThrottle,
  failureMemorySeconds,
  freeFailures,
  knownAddressSeconds,
  laneWaitersMax,
  type Throttle,
} from "../../../src/server/accounts/throttle.ts";
import { refusal, type StillPlatform, stillPlatform } from "./fixture.ts";

// Tens of thousands of refusals are made here, and nobody looks at their stacks.
Error.stackTraceLimit = 0;

const account = "ada@example.com";
const home = "192.0.2.1";

/** Different each time: budgets of addresses stay out of the way. */
function createElsewhere(): () => string {
  let at = 0;
  return () => `198.51.${Math.floor(++at / 250)}.${at % 250}`;
}

function create(): { readonly throttle: Throttle; readonly platform: StillPlatform } {
  const platform = stillPlatform();
  return { throttle: createThrottle(platform), platform };
}

async function fail(throttle: Throttle, times: number, from: () => string, name = account): Promise<void> {
  for (let time = 0; time < times; time++) (await throttle.admit("sign-in", name, from())).fail();
}

async function retryAfter(promise: Promise<unknown>): Promise<number | undefined> {
  return (await refusal(promise, "rate_limited")).facts.retryAfterSeconds;
}

test("after five failures the delay is 30 seconds and doubles to a quarter of an hour", async () => {
  const { throttle, platform } = create();
  await fail(throttle, freeFailures, () => home);
  const delays: (number | undefined)[] = [];
  for (let failure = 0; failure < 8; failure++) {
    const delay = await retryAfter(throttle.admit("sign-in", account, home));
    delays.push(delay);
    platform.pass((delay ?? 0) - 1);
    assert.equal(await retryAfter(throttle.admit("sign-in", account, home)), 1, "not a second early");
    platform.pass(1);
    await fail(throttle, 1, () => home);
  }
  assert.deepEqual(delays, [30, 60, 120, 240, 480, 900, 900, 900]);
});

test("a success starts the count anew", async () => {
  const { throttle } = create();
  await fail(throttle, freeFailures - 1, () => home);
  (await throttle.admit("sign-in", account, home)).succeed();
  await fail(throttle, freeFailures, () => home);
  await retryAfter(throttle.admit("sign-in", account, home));
});

test("an attempt that found nothing out is not counted", async () => {
  const { throttle } = create();
  for (let time = 0; time < 3 * addressBudget; time++) (await throttle.admit("sign-in", account, home)).abandon();
  await fail(throttle, freeFailures, () => home);
});

test("strangers, however many, cannot lock out an address that signed in within thirty days", async () => {
  const { throttle, platform } = create();
  const elsewhere = createElsewhere();
  (await throttle.admit("sign-in", account, home)).succeed();
  await fail(throttle, accountPlaces, elsewhere);
  await retryAfter(throttle.admit("sign-in", account, "203.0.113.9"));
  (await throttle.admit("sign-in", account, home)).succeed();
  await retryAfter(throttle.admit("sign-in", account, "203.0.113.9"));
  // The known address has failures of its own, and they do not count for others.
  await fail(throttle, freeFailures, () => home);
  assert.equal(await retryAfter(throttle.admit("sign-in", account, home)), 30);
  platform.pass(knownAddressSeconds + 1);
  await fail(throttle, accountPlaces, elsewhere);
  await retryAfter(throttle.admit("sign-in", account, home));
});

test("an address is known to one account only", async () => {
  const { throttle } = create();
  (await throttle.admit("sign-in", "mallory@example.com", home)).succeed();
  await fail(throttle, accountPlaces, createElsewhere());
  await retryAfter(throttle.admit("sign-in", account, home));
});

test("known addresses have a lane for each account, and need no budget", async () => {
  const { throttle } = create();
  const other = "grace@example.com";
  for (const name of [account, other]) throttle.know(name, home);
  await fail(throttle, freeFailures, () => home);
  await retryAfter(throttle.admit("sign-in", account, home));
  for (let at = 0; at < addressBudget; at++) await fail(throttle, 1, () => home, `user${at}@example.com`);
  await retryAfter(throttle.admit("sign-in", "new@example.com", home));
  (await throttle.admit("sign-in", other, home)).succeed();
});

test("refused polls cost the address, and the account nothing", async () => {
  const { throttle, platform } = create();
  await fail(throttle, freeFailures, () => home);
  for (let time = freeFailures; time < addressBudget; time++) {
    assert.equal(await retryAfter(throttle.admit("sign-in", account, home)), 30);
  }
  assert.equal(await retryAfter(throttle.admit("sign-in", "grace@example.com", home)), addressRefillSeconds);
  await fail(throttle, accountPlaces - freeFailures, createElsewhere());
  assert.equal(await retryAfter(throttle.admit("sign-in", account, "203.0.113.9")), accountRefillSeconds);
  platform.pass(accountRefillSeconds);
  (await throttle.admit("sign-in", account, "203.0.113.9")).succeed();
});

/** Every address guesses once a second for `seconds`; `each` looks after each second. Resolves how many guesses were made. */
async function poll(
  { throttle, platform }: ReturnType<typeof create>,
  addresses: readonly string[],
  seconds: number,
  each: (second: number) => Promise<void> = async () => undefined,
): Promise<number> {
  let guesses = 0;
  for (let second = 0; second < seconds; second++) {
    for (const address of addresses) {
      const admission = await throttle.admit("sign-in", account, address).catch(() => undefined);
      if (admission !== undefined) guesses += 1;
      admission?.fail();
    }
    await each(second);
    platform.pass(1);
  }
  return guesses;
}

for (const [count, guessesMax] of [
  [1, 14],
  [10, 24 + 60],
] as const) {
  test(`whoever polls for an hour from ${count} address(es) keeps no new address of the owner out`, async () => {
    const created = create();
    const addresses = Array.from({ length: count }, (_, at) => `198.51.100.${at + 1}`);
    const owner = createElsewhere();
    const guesses = await poll(created, addresses, 3600, async (second) => {
      // At every moment of the hour, mistyping now and then.
      if (second % 600 === 0) (await created.throttle.admit("sign-in", account, `203.0.113.${second / 600}`)).fail();
      if (second % 60 === 0) (await created.throttle.admit("sign-in", account, `10.${owner()}`)).succeed();
    });
    assert.ok(guesses <= guessesMax, `${guesses} guesses`);
    assert.ok(guesses >= freeFailures * Math.min(count, 2), `${guesses} guesses: nothing was tested`);
    (await created.throttle.admit("sign-in", account, "192.0.2.77")).succeed();
  });
}

test("one IPv6 network is one stranger, however many of its addresses are used", async () => {
  const created = create();
  let at = 0;
  for (let second = 0; second < 3570; second++) {
    const from = `2001:db8:7:${(++at).toString(16)}::1`;
    await created.throttle.admit("sign-in", account, from).then(
      (admission) => admission.fail(),
      () => undefined,
    );
    created.platform.pass(1);
  }
  (await created.throttle.admit("sign-in", account, "2001:db8:8::1")).succeed();
});

test("many addresses together get a bounded number of guesses", async () => {
  const created = create();
  const addresses = Array.from({ length: 60 }, (_, at) => `198.51.100.${at + 1}`);
  const guesses = await poll(created, addresses, 180);
  assert.ok(guesses <= accountPlaces + 180 / accountRefillSeconds, `${guesses} guesses`);
});

test("a registration makes the address known, a reset forgives", async () => {
  const { throttle } = create();
  throttle.know(account, home);
  await fail(throttle, freeFailures, () => "203.0.113.8");
  await fail(throttle, accountPlaces - freeFailures, createElsewhere());
  (await throttle.admit("sign-in", account, home)).abandon();
  for (const address of ["203.0.113.8", "203.0.113.9"]) await retryAfter(throttle.admit("sign-in", account, address));
  throttle.forgive(account);
  for (const address of ["203.0.113.8", "203.0.113.9"]) (await throttle.admit("sign-in", account, address)).abandon();
});

test("signing in and proving oneself within a session count apart", async () => {
  const { throttle } = create();
  await fail(throttle, freeFailures, createElsewhere());
  for (let time = 0; time < freeFailures; time++) (await throttle.admit("session", account, home)).fail();
  await retryAfter(throttle.admit("session", account, home));
});

test("an address has a budget over all accounts, which refills", async () => {
  const { throttle, platform } = create();
  for (let at = 0; at < addressBudget; at++) await fail(throttle, 1, () => home, `user${at}@example.com`);
  assert.equal(await retryAfter(throttle.admit("sign-in", account, home)), addressRefillSeconds);
  (await throttle.admit("sign-in", account, "192.0.2.2")).abandon();
  platform.pass(addressRefillSeconds);
  await fail(throttle, 1, () => home);
  await retryAfter(throttle.admit("sign-in", account, home));
});

test("successes do not refill the budget of an address", async () => {
  const { throttle } = create();
  for (let at = 0; at < addressBudget; at++) {
    await fail(throttle, 1, () => home, `user${at}@example.com`);
    if (at < addressBudget - 1) (await throttle.admit("sign-in", `own${at}@example.com`, home)).succeed();
  }
  await retryAfter(throttle.admit("sign-in", account, home));
});

test("registrations of an address have a budget of their own; unknown addresses have none", async () => {
  const { throttle, platform } = create();
  for (let at = 0; at < addressBudget; at++) throttle.admitRegistration(home);
  assert.throws(() => throttle.admitRegistration(home), { code: "rate_limited" });
  (await throttle.admit("sign-in", account, home)).abandon();
  throttle.admitRegistration(undefined);
  throttle.admitRegistration("192.0.2.2");
  platform.pass(addressRefillSeconds);
  throttle.admitRegistration(home);
});

test("of many attempts at once only as many go ahead as failures are left", async () => {
  for (const [from, many] of [
    [() => home, freeFailures],
    [createElsewhere(), accountPlaces],
  ] as const) {
    const { throttle } = create();
    const admissions: Admission[] = [];
    const refused: unknown[] = [];
    const attempts = Array.from({ length: 60 }, () =>
      throttle.admit("sign-in", account, from()).then(
        (admission) => admissions.push(admission),
        (error) => refused.push(error),
      ),
    );
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(admissions.length, many);
    for (const admission of admissions) admission.fail();
    await Promise.all(attempts);
    assert.deepEqual([admissions.length, refused.length], [many, 60 - many]);
  }
});

test("many honest attempts at once all go through, in turn", async () => {
  const { throttle } = create();
  const attempts = Array.from({ length: 50 }, async () => {
    const admission = await throttle.admit("sign-in", account, home);
    await new Promise((resolve) => setImmediate(resolve));
    admission.succeed();
  });
  await Promise.all(attempts);
});

test("only so many attempts wait", async () => {
  const { throttle } = create();
  const admitted: Admission[] = [];
  const waiting = Array.from({ length: freeFailures + laneWaitersMax }, () =>
    throttle.admit("sign-in", account, home).then((admission) => {
      admitted.push(admission);
      admission.abandon();
    }),
  );
  assert.equal(await retryAfter(throttle.admit("sign-in", account, home)), 1);
  await Promise.all(waiting);
  assert.equal(admitted.length, freeFailures + laneWaitersMax);
});

test("after a delay one attempt at a time", async () => {
  const { throttle, platform } = create();
  await fail(throttle, freeFailures, () => home);
  platform.pass(30);
  const first = await throttle.admit("sign-in", account, home);
  const second = throttle.admit("sign-in", account, home);
  first.fail();
  assert.equal(await retryAfter(second), 60);
});

test("failures are forgotten after a day; a clock set back blocks nobody for long", async () => {
  const { throttle, platform } = create();
  await fail(throttle, freeFailures - 1, () => home);
  platform.pass(failureMemorySeconds + 1);
  await fail(throttle, freeFailures, () => home);
  platform.pass(-7 * 86_400);
  assert.equal(await retryAfter(throttle.admit("sign-in", account, home)), 900);
  assert.equal(await retryAfter(throttle.admit("sign-in", account, home)), 900);
  platform.pass(900);
  (await throttle.admit("sign-in", account, home)).abandon();
});

test("the open throttle admits everything", async () => {
  const throttle = createOpenThrottle();
  await fail(throttle, 1000, () => home);
  for (let time = 0; time < 1000; time++) throttle.admitRegistration(home);
  throttle.know(account, home);
  throttle.forgive(account);
});
