// The client and the life of access tokens: renewed ahead of time in the background, never sent when used up, and
// independent of the wall clock.

import assert from "node:assert/strict";
import { it } from "node:test";
import { createScene, until } from "./scene.ts";

const scene = await createScene("--grace", "2s", "--access-ttl", "2s");
const { network } = scene;

const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

it("renews a token that is used up before it hands one out", async () => {
  const { client } = await scene.signedIn();
  const first = await client.getAccessToken();
  assert.equal(await client.getAccessToken(), first);
  assert.equal(network.to("/auth/refresh").length, 0);
  await rest(1_900);
  assert.notEqual(await client.getAccessToken(), first);
  assert.equal(network.to("/auth/refresh").length, 1);
});

it("renews ahead of time without making the caller wait, and hides a fault while the token is good", async (test) => {
  // The draw that puts the renewal earliest: at 80 % of the token's life.
  test.mock.method(Math, "random", () => 1);
  const { client } = await scene.signedIn();
  network.fault = (passed) => (passed.path === "/auth/refresh" ? "lose the answer" : undefined);
  const first = await client.getAccessToken();
  await rest(1_650);
  assert.equal(await client.getAccessToken(), first);
  await until(() => network.to("/auth/refresh").length > 0);
  assert.equal(client.getSnapshot().status, "signed-in");
});

it("does not look at the wall clock", async (test) => {
  const { client } = await scene.signedIn();
  const first = await client.getAccessToken();
  test.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2038, 0, 19) });
  assert.equal(await client.getAccessToken(), first);
  test.mock.timers.setTime(0);
  assert.equal(await client.getAccessToken(), first);
  assert.equal(network.to("/auth/refresh").length, 0);
});
