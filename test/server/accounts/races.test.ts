// Two writers at one account, brought together between reading and writing; failures of the store; old hashes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PawlError } from "../../../src/core/errors.ts";
import type { Store } from "../../../src/core/ports.ts";
import { createAccounts } from "../../../src/server/accounts/accounts.ts";
import { changeAttemptsMax } from "../../../src/server/accounts/directory.ts";
import { createPasswordHashes, currentParameters, deriveBuiltin } from "../../../src/server/accounts/password-hash.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import {
  createFixture,
  createGate,
  goodPassword,
  otherPassword,
  overtakeWrites,
  refusal,
  stillPlatform,
} from "./fixture.ts";

const email = "ada@example.com";

/** A store whose writes wait at `gate` first. */
function gateWrites(inner: Store, gate: () => Promise<void>): Store {
  return {
    ...inner,
    writeDocuments: async (changes) => {
      await gate();
      return inner.writeDocuments(changes);
    },
  };
}

async function openMemory(): Promise<Store> {
  const store = memoryStore();
  await store.open();
  return store;
}

/** Two servers on one store whose next two writes meet. */
async function createPair() {
  const store = await openMemory();
  const platform = stillPlatform();
  const user = await createAccounts({ store, platform }).add(email, goodPassword);
  const gate = createGate(2);
  const [one, other] = [0, 1].map(() => createAccounts({ store: gateWrites(store, gate), platform }));
  assert.ok(one !== undefined && other !== undefined);
  return { store, platform, user, one, other };
}

test("of two password changes at once one wins and the other is refused", async () => {
  const { one, other, user } = await createPair();
  const passwords = [otherPassword, "nine crows over a field"];
  const change = (newPassword: string) => ({ subject: user.id, currentPassword: goodPassword, newPassword });
  const results = await Promise.allSettled([
    one.changePassword(change(passwords[0] ?? "")),
    other.changePassword(change(passwords[1] ?? "")),
  ]);
  const won = results.findIndex((result) => result.status === "fulfilled");
  const lost = results[1 - won];
  assert.ok(lost?.status === "rejected" && lost.reason.code === "invalid_credentials");
  await one.verify({ email, password: passwords[won] ?? "" });
  await refusal(one.verify({ email, password: passwords[1 - won] ?? "" }), "invalid_credentials");
});

test("a disabling that meets a password change is never lost", async () => {
  const { one, other, user, store, platform } = await createPair();
  const change = { subject: user.id, currentPassword: goodPassword, newPassword: otherPassword };
  await Promise.allSettled([one.changePassword(change), other.disable(email)]);
  const seen = await createAccounts({ store, platform }).findByEmail(email);
  assert.equal(seen?.disabled, true);
});

test("a disabling in the middle of a password change refuses the change", async () => {
  const { store, platform, accounts } = await createFixture();
  const { id } = await accounts.add(email, goodPassword);
  const overtaken = createAccounts({ platform, store: overtakeWrites(store, () => accounts.disable(email)) });
  const change = { subject: id, currentPassword: goodPassword, newPassword: otherPassword };
  await refusal(overtaken.changePassword(change), "invalid_credentials");
  await accounts.enable(email);
  await accounts.verify({ email, password: goodPassword });
});

test("two registrations of one address that meet at the write make one account", async () => {
  const store = await openMemory();
  const platform = stillPlatform();
  const gated = gateWrites(store, createGate(2));
  const results = await Promise.allSettled(
    [0, 1].map(() =>
      createAccounts({ store: gated, platform, registration: "open" }).register({ email, password: goodPassword }),
    ),
  );
  assert.deepEqual(results.map((result) => result.status).sort(), ["fulfilled", "rejected"]);
  for (const each of results) if (each.status === "rejected") assert.equal(each.reason.code, "account_exists");
  assert.equal((await store.listDocuments("", undefined, 10)).length, 2);
});

test("a sign-in that races a password change or a disabling is undone", async () => {
  const { accounts } = await createFixture();
  await accounts.add(email, goodPassword);
  const signedIn = await accounts.verify({ email, password: goodPassword });
  await accounts.changePassword({ subject: signedIn.id, currentPassword: goodPassword, newPassword: otherPassword });
  assert.equal(await accounts.stillValid(signedIn), false, "even in the same millisecond");
  const again = await accounts.verify({ email, password: otherPassword });
  assert.equal(await accounts.stillValid(again), true);
  await accounts.disable(email);
  assert.equal(await accounts.stillValid(again), false);
});

test("what find read before a change is not kept after it", async () => {
  const store = await openMemory();
  const platform = stillPlatform();
  let hold: Promise<void> | undefined;
  const accounts = createAccounts({
    platform,
    store: {
      ...store,
      readDocument: async (key) => {
        const document = await store.readDocument(key);
        const held = hold;
        hold = undefined;
        await held;
        return document;
      },
    },
  });
  const { id } = await accounts.add(email, goodPassword);
  let release: () => void = () => undefined;
  hold = new Promise((resolve) => {
    release = resolve;
  });
  const finding = accounts.find(id);
  await accounts.disable(email);
  release();
  assert.equal((await finding)?.id, id, "read before the change");
  assert.equal(await accounts.find(id), undefined);
});

test("a change that loses every race gives up with store_unavailable", async () => {
  let writes = 0;
  const store = await openMemory();
  await createAccounts({ store, platform: stillPlatform() }).add(email, goodPassword);
  const accounts = createAccounts({
    platform: stillPlatform(),
    store: {
      ...store,
      writeDocuments: async () => {
        writes += 1;
        return false;
      },
    },
  });
  assert.equal((await refusal(accounts.disable(email), "store_unavailable")).facts.retryAfterSeconds, 1);
  assert.equal(writes, changeAttemptsMax);
  await refusal(accounts.add("new@example.com", goodPassword), "store_unavailable");
});

test("a store that is away is no failure of the user", async () => {
  let away = true;
  const store = await openMemory();
  const platform = stillPlatform();
  await createAccounts({ store, platform }).add(email, goodPassword);
  const accounts = createAccounts({
    platform,
    store: {
      ...store,
      readDocument: (key) => (away ? Promise.reject(new PawlError("store_unavailable")) : store.readDocument(key)),
    },
  });
  for (let time = 0; time < 10; time++) {
    await refusal(accounts.verify({ email, password: goodPassword, ip: "192.0.2.1" }), "store_unavailable");
  }
  away = false;
  await accounts.verify({ email, password: goodPassword, ip: "192.0.2.1" });
});

test("a damaged document is an error of ours, not a sign-in", async () => {
  const { accounts, store } = await createFixture();
  const { id } = await accounts.add(email, goodPassword);
  const key = `users/${id}`;
  const good = JSON.parse((await store.readDocument(key))?.value ?? "");
  const strange = { ...good, id: "A".repeat(16) };
  const values = ["not json", "null", "{}", JSON.stringify(strange), JSON.stringify({ ...good, disabled: "no" })];
  for (const [at, value] of values.entries()) {
    assert.equal(await store.writeDocuments([{ key, expectedVersion: at + 1, value }]), true);
    await refusal(accounts.verify({ email, password: goodPassword }), "internal_error");
  }
  await store.writeDocuments([{ key: "emails/ada@example.com", expectedVersion: 1, value: '"short"' }]);
  await refusal(accounts.findByEmail(email), "internal_error");
});

/** Replaces the stored hash by one with other parameters, as an older version would have left it. */
async function makeOutdated(store: Store, id: string): Promise<string> {
  const platform = stillPlatform();
  const builtin = deriveBuiltin();
  assert.ok(builtin !== undefined);
  const weak = { ...currentParameters, memoryKibibytes: 64 };
  const hashes = createPasswordHashes(platform.entropy, (password, salt, _parameters, length) =>
    builtin(password, salt, weak, length),
  );
  const phc = (await hashes.hash(goodPassword)).replace("m=19456", "m=64");
  const document = await store.readDocument(`users/${id}`);
  assert.ok(document !== undefined);
  const value = JSON.stringify({ ...JSON.parse(document.value), password: phc });
  await store.writeDocuments([{ key: document.key, expectedVersion: document.version, value }]);
  return phc;
}

test("a hash with old parameters is renewed by a good sign-in, and only by that", async () => {
  const { accounts, store } = await createFixture();
  const { id } = await accounts.add(email, goodPassword);
  const old = await makeOutdated(store, id);
  const stored = async () => JSON.parse((await store.readDocument(`users/${id}`))?.value ?? "{}");
  await refusal(accounts.verify({ email, password: otherPassword }), "invalid_credentials");
  assert.equal((await stored()).password, old);
  const signedIn = await accounts.verify({ email, password: goodPassword });
  const renewed = await stored();
  assert.match(renewed.password, /\$m=19456,t=2,p=1\$/);
  assert.equal(await accounts.stillValid(signedIn), true, "a new hash of the same password is no change");
  assert.equal(renewed.passwordVersion, 1);
  await accounts.verify({ email, password: goodPassword });
  assert.deepEqual(await stored(), renewed, "once");
});

test("a renewal that cannot be written does not stop the sign-in", async () => {
  const store = await openMemory();
  const platform = stillPlatform();
  const { id } = await createAccounts({ store, platform }).add(email, goodPassword);
  await makeOutdated(store, id);
  const accounts = createAccounts({
    platform,
    store: { ...store, writeDocuments: () => Promise.reject(new PawlError("store_unavailable")) },
  });
  assert.equal((await accounts.verify({ email, password: goodPassword })).id, id);
});
