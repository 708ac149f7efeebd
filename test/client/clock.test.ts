// The client and clocks that are wrong: the wall clock by ten years, or jumping by a day; the monotonic clock standing still
// while the laptop sleeps, or leaping. Nobody is signed out, nothing loops, and no token gets into the storage.

import assert from "node:assert/strict";
import { it } from "node:test";
import { type Browser, createScene } from "./scene.ts";

const accessTtlMilliseconds = 3000;
const scene = await createScene("--access-ttl", "3s");
const { network } = scene;
const day = 86_400_000;
const tenYears = 3652 * day;

function assertNothingHappened(browser: Browser): void {
  assert.deepEqual(browser.farewells, []);
  for (const value of browser.storage.entries.values()) {
    assert.doesNotMatch(value, /pawl_rt_|eyJ/, "a token is in the storage");
  }
}

for (const [what, offset] of [
  ["ten years behind", -tenYears],
  ["ten years ahead", tenYears],
] as const) {
  it(`signs in, refreshes and stays signed in with a wall clock ${what}`, async (test) => {
    test.mock.timers.enable({ apis: ["Date"], now: Date.now() + offset });
    let ahead = 0;
    const now = performance.now.bind(performance);
    test.mock.method(performance, "now", () => now() + ahead);
    const { browser, client } = await scene.signedIn();
    const first = await client.getAccessToken();
    assert.equal(network.to("/auth/refresh").length, 0, "a fresh token is good");
    ahead = accessTtlMilliseconds;
    assert.notEqual(await client.getAccessToken(), first);
    assert.equal(network.to("/auth/refresh").length, 1);
    assert.equal(client.session.getSnapshot().status, "signed-in");
    assertNothingHappened(browser);
  });
}

it("does not notice a wall clock that jumps by a day and back", async (test) => {
  const now = performance.now();
  test.mock.method(performance, "now", () => now);
  const { browser, client } = await scene.signedIn();
  const first = await client.getAccessToken();
  test.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  for (const jump of [day, -2 * day, day]) {
    test.mock.timers.setTime(Date.now() + jump);
    assert.equal(await client.getAccessToken(), first);
  }
  assert.equal(network.to("/auth/refresh").length, 0);
  assertNothingHappened(browser);
});

it("wakes from a sleep that its clock did not count: one refusal, one refresh, one replay", async (test) => {
  const asleepAt = performance.now();
  test.mock.method(performance, "now", () => asleepAt);
  const { browser, client } = await scene.signedIn();
  // The server's clock goes on: its access token is expired, and the client cannot know.
  await new Promise((resolve) => setTimeout(resolve, accessTtlMilliseconds + 100));
  const answers = await Promise.all([1, 2, 3].map(() => client.fetch(`${network.origin}/auth/session`)));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(network.to("/auth/refresh").length, 1);
  assert.equal(network.to("/auth/session").length, 6, "each call was refused once and replayed once");
  assertNothingHappened(browser);
});

it("survives a monotonic clock that leaps by ten years: one refresh, no loop", async (test) => {
  const now = performance.now.bind(performance);
  let ahead = 0;
  test.mock.method(performance, "now", () => now() + ahead);
  const { browser, client } = await scene.signedIn();
  const first = await client.getAccessToken();
  ahead = tenYears;
  const next = await client.getAccessToken();
  assert.notEqual(next, first);
  assert.equal(await client.getAccessToken(), next);
  assert.equal(network.to("/auth/refresh").length, 1);
  assertNothingHappened(browser);
});
