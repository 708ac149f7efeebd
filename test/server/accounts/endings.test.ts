// Sessions that a change of an account must end, end even when the first try fails: real engine, real store, and the
// password endpoint over the real handler.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PawlError } from "../../../src/core/errors.ts";
import type { Store } from "../../../src/core/ports.ts";
import { createSessions } from "../../../src/engine/create-sessions.ts";
import type { Sessions } from "../../../src/engine/types.ts";
import { createHandler } from "../../../src/http/handler.ts";
import { createAccounts } from "../../../src/server/accounts/accounts.ts";
import { disableUser, finishEndings, resetPassword } from "../../../src/server/accounts/ending.ts";
import type { ServerAccounts } from "../../../src/server/accounts/types.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { goodPassword, otherPassword, refusal, type StillPlatform, stillPlatform } from "./fixture.ts";

const email = "ada@example.com";
const issuer = "http://localhost:4000";

interface Scene {
  readonly store: Store;
  readonly platform: StillPlatform;
  readonly sessions: Sessions;
  /** Cannot end anything: the store went away after the account changed. */
  readonly failing: Sessions;
  readonly accounts: ServerAccounts;
  readonly id: string;
  markers(): Promise<number>;
  alive(): Promise<number>;
  post(path: string, body: object, accessToken?: string, sessions?: Sessions): Promise<Response>;
}

async function open(): Promise<Scene> {
  const [store, platform] = [memoryStore(), stillPlatform()];
  const sessions = await createSessions({ store, platform, issuer });
  const revokeAll = () => Promise.reject(new PawlError("store_unavailable", undefined, { retryAfterSeconds: 1 }));
  const failing = { ...sessions, revokeAll };
  const accounts = createAccounts({ store, platform });
  const { id } = await accounts.add(email, goodPassword);
  return {
    store,
    platform,
    sessions,
    failing,
    accounts,
    id,
    markers: async () => (await store.listDocuments("endings/", undefined, 10)).length,
    alive: async () => (await sessions.list(id)).length,
    post: (path, body, accessToken, over = sessions) => {
      const headers = new Headers({ "content-type": "application/json", "x-pawl": "1" });
      if (accessToken !== undefined) headers.set("authorization", `Bearer ${accessToken}`);
      const request = new Request(`${issuer}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      return createHandler({ sessions: over, accounts }).fetch(request);
    },
  };
}

const changed = { current_password: goodPassword, new_password: otherPassword, transport: "body" };

test("changes that go well leave no marker", async () => {
  const { accounts, sessions, id, markers, alive, post } = await open();
  const { accessToken } = await sessions.issue({ subject: id });
  assert.equal((await post("/auth/password", changed, accessToken)).status, 200);
  assert.deepEqual([await alive(), await markers()], [1, 0], "only the new session");
  const { token } = await accounts.createReset(email);
  assert.equal((await resetPassword(accounts, sessions, token, goodPassword)).revoked, 1);
  assert.equal(await markers(), 0);
  await sessions.issue({ subject: id });
  assert.equal((await disableUser(accounts, sessions, email)).revoked, 1);
  assert.deepEqual([await alive(), await markers()], [0, 0]);
  await sessions.issue({ subject: id });
  assert.equal((await disableUser(accounts, sessions, email)).revoked, 1, "again, although nothing is marked");
});

const failures: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  "a change of the password": async ({ sessions, failing, id, post }) => {
    const { accessToken } = await sessions.issue({ subject: id });
    assert.equal((await post("/auth/password", changed, accessToken, failing)).status, 503);
  },
  "a reset": async ({ accounts, failing }) => {
    const { token } = await accounts.createReset(email);
    await refusal(resetPassword(accounts, failing, token, otherPassword), "store_unavailable");
  },
  "a disabling": async ({ accounts, failing }) => {
    await refusal(disableUser(accounts, failing, email), "store_unavailable");
    await accounts.enable(email);
  },
};

for (const [name, fail] of Object.entries(failures)) {
  test(`${name} that could not end the sessions is finished later, and spares new ones`, async () => {
    const scene = await open();
    const { accounts, sessions, failing, platform, id, markers, alive } = scene;
    const old = await sessions.issue({ subject: id });
    platform.pass(60);
    await fail(scene);
    assert.equal(await markers(), 1);
    assert.ok((await alive()) >= 1);
    platform.pass(60);
    const fresh = await sessions.issue({ subject: id });
    assert.deepEqual(await finishEndings(accounts, failing), { finished: 0, failed: 1 });
    assert.equal(await markers(), 1, "kept until it worked");
    assert.deepEqual(await finishEndings(accounts, sessions), { finished: 1, failed: 0 });
    assert.equal(await markers(), 0);
    const left = (await sessions.list(id)).map(({ sid }) => sid);
    assert.deepEqual(left, [fresh.record.sid]);
    await refusal(sessions.authenticate(old.accessToken), "invalid_token");
    assert.deepEqual(await finishEndings(accounts, sessions), { finished: 0, failed: 0 });
  });
}

test("a sign-in finishes first, and its own session lives on, even a moment after the change", async () => {
  const scene = await open();
  const { accounts, sessions, failing, id, markers, post } = scene;
  await sessions.issue({ subject: id });
  await failures["a reset"]?.(scene);
  const login = { email, password: otherPassword, transport: "body" };
  assert.equal((await post("/auth/login", login, undefined, failing)).status, 503);
  const answer = await post("/auth/login", login);
  assert.equal(answer.status, 200);
  const { session } = (await answer.json()) as { session: { id: string } };
  assert.equal(await markers(), 0);
  await finishEndings(accounts, sessions);
  assert.deepEqual(
    (await sessions.list(id)).map(({ sid }) => sid),
    [session.id],
  );
});

test("one account that fails keeps no other waiting; a damaged marker ends what is there", async () => {
  const { store, accounts, sessions, failing, id, markers, alive } = await open();
  const bob = await accounts.add("bob@example.com", goodPassword);
  for (const subject of [id, bob.id]) await sessions.issue({ subject });
  await refusal(disableUser(accounts, failing, "bob@example.com"), "store_unavailable");
  await store.writeDocuments([{ key: `endings/${id}`, expectedVersion: 0, value: "{" }]);
  const revokeAll: Sessions["revokeAll"] = (subject, ...rest) =>
    (subject === bob.id ? failing : sessions).revokeAll(subject, ...rest);
  assert.deepEqual(await finishEndings(accounts, { revokeAll }), { finished: 1, failed: 1 });
  assert.deepEqual([await alive(), await markers(), (await sessions.list(bob.id)).length], [0, 1, 1]);
});

test("a newer change keeps its marker when an older one is finished", async () => {
  const { accounts, sessions, failing, platform, id, markers } = await open();
  await refusal(disableUser(accounts, failing, email), "store_unavailable");
  platform.pass(60);
  const revokeAll: Sessions["revokeAll"] = async (...input) => {
    await accounts.enable(email);
    await sessions.issue({ subject: id });
    await accounts.disable(email);
    return sessions.revokeAll(...input);
  };
  await finishEndings(accounts, { revokeAll });
  assert.equal(await markers(), 1);
  await finishEndings(accounts, sessions);
  assert.deepEqual([await markers(), (await sessions.list(id)).length], [0, 0]);
});

test("more markers than one batch are all finished", async () => {
  const { store, accounts, sessions } = await open();
  for (let at = 0; at < 150; at++) {
    const key = `endings/${String(at).padStart(16, "0")}`;
    await store.writeDocuments([{ key, expectedVersion: 0, value: '{"reason":"password_change","at":1}' }]);
  }
  assert.deepEqual(await finishEndings(accounts, sessions), { finished: 150, failed: 0 });
  assert.deepEqual(await store.listDocuments("endings/", undefined, 1), []);
});

test("a session that began under the old password while the new one was being written ends, too", async () => {
  const { store, platform, accounts, sessions, failing, id, alive } = await open();
  const slow: Store = {
    ...store,
    writeDocuments: async (changes) => {
      platform.pass(1);
      if (changes.some(({ key }) => key.startsWith("endings/"))) await sessions.issue({ subject: id });
      platform.pass(1);
      return store.writeDocuments(changes);
    },
  };
  await refusal(disableUser(createAccounts({ store: slow, platform }), failing, email), "store_unavailable");
  assert.equal(await alive(), 1);
  await finishEndings(accounts, sessions);
  assert.equal(await alive(), 0);
});
