// The client and the life of access tokens: renewed ahead of time in the background, never handed out when used up,
// and independent of the wall clock. The monotonic clock is moved; nobody waits.

import assert from "node:assert/strict";
import { it } from "node:test";
import { createScene, leap, until } from "./scene.ts";

const scene = await createScene("--access-ttl", "1000s");
const { network } = scene;

it("keeps a token while it is young", async (test) => {
  const ahead = leap(test);
  const { client } = await scene.signedIn();
  const first = await client.getAccessToken();
  ahead(790);
  assert.equal(await client.getAccessToken(), first);
  assert.equal(network.to("/auth/refresh").length, 0);
});

it("renews it in its last tenth without making the caller wait", async (test) => {
  const ahead = leap(test);
  const { client } = await scene.signedIn();
  const first = await client.getAccessToken();
  ahead(905);
  assert.equal(await client.getAccessToken(), first);
  await until(() => network.to("/auth/confirm").length === 1);
  assert.notEqual(await client.getAccessToken(), first);
  assert.equal(network.to("/auth/refresh").length, 1);
});

it("spreads the renewals over the tenth before that", async (test) => {
  const ahead = leap(test);
  test.mock.method(Math, "random", () => 0.001);
  const { client } = await scene.signedIn();
  ahead(805);
  await client.getAccessToken();
  await until(() => network.to("/auth/refresh").length === 1);
});

it("hides a fault while the token is good", async (test) => {
  const ahead = leap(test);
  const { client } = await scene.signedIn();
  const first = await client.getAccessToken();
  network.fault = ({ path }) => (path === "/auth/refresh" ? "lose the answer" : undefined);
  ahead(905);
  assert.equal(await client.getAccessToken(), first);
  await until(() => network.to("/auth/refresh").length === 2);
  assert.equal(await client.getAccessToken(), first);
  assert.equal(client.session.getSnapshot().status, "signed-in");
});

it("does not hand out a token that would expire on the way", async (test) => {
  const ahead = leap(test);
  const { client } = await scene.signedIn();
  const first = await client.getAccessToken();
  ahead(996);
  assert.notEqual(await client.getAccessToken(), first);
  assert.equal(network.to("/auth/refresh").length, 1);
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
